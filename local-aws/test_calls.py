"""What state machines call besides tables."""
import json
import unittest
from datetime import datetime, timedelta, timezone

import boto3

from machines import Machines, task, until

INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$"
PASS = {"QueryLanguage": "JSONata", "StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


class Calls(Machines, unittest.TestCase):
    """Each call, its result and its errors."""

    def test_another_machine_is_started(self):
        child = self.create(PASS)
        start = {"Resource": "arn:aws:states:::states:startExecution", "Arguments": {
            "StateMachineArn": child, "Name": "{% $states.input.name %}", "Input": {"by": "{% $states.context.Execution.Name %}"}}}
        started = self.result(start, {"name": "one"})
        self.assertEqual(started["ExecutionArn"], child.replace(":stateMachine:", ":execution:") + ":one")
        self.assertIsInstance(started["StartDate"], int)
        self.assertIn("by", json.loads(self.end(started["ExecutionArn"])["output"]))
        self.fails("StepFunctions.ExecutionAlreadyExistsException", start, {"name": "one"})
        start["Arguments"]["StateMachineArn"] = child + "-none"
        self.fails("StepFunctions.StateMachineDoesNotExistException", start, {"name": "two"})

    def test_an_execution_is_described(self):
        describe = task("sfn:describeExecution", {"ExecutionArn": "{% $states.input.arn %}"})
        execution = self.start_machine(self.create(PASS), {"a": 1})
        self.end(execution)
        found = self.result(describe, {"arn": execution})
        self.assertEqual((found["Status"], json.loads(found["Input"]), found["InputDetails"]), ("SUCCEEDED", {"a": 1}, {"Included": True}))
        for name in ("StartDate", "StopDate"):
            self.assertRegex(found[name], INSTANT)
        self.fails("Sfn.ExecutionDoesNotExistException", describe, {"arn": execution + "0"})

    def test_a_task_definition_is_described(self):
        ecs = boto3.client("ecs")
        arn = ecs.register_task_definition(family=self.name, cpu="256", memory="512", requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
                                           containerDefinitions=[{"name": "dbt", "image": "a", "environment": [{"name": "A", "value": "b"}]}],
                                           )["taskDefinition"]["taskDefinitionArn"]
        describe = task("ecs:describeTaskDefinition", {"TaskDefinition": "{% $states.input.arn %}"})
        found = self.result(describe, {"arn": arn})["TaskDefinition"]
        self.assertEqual((found["TaskDefinitionArn"], found["Cpu"], found["Memory"], found["Revision"]), (arn, "256", "512", 1))
        self.assertEqual(found["ContainerDefinitions"][0]["Environment"], [{"Name": "A", "Value": "b"}])
        self.assertRegex(found["RegisteredAt"], INSTANT)
        self.assertIn("Unable to describe task definition", self.fails("Ecs.ClientException", describe, {"arn": arn + "0"})["cause"])

    def test_a_schedule_is_read(self):
        scheduler = boto3.client("scheduler")
        target = {"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:a", "RoleArn": "arn:aws:iam::000000000000:role/any", "Input": '{"a": 1}'}
        scheduler.create_schedule(Name=self.name, ScheduleExpression="rate(1 hour)", State="DISABLED", FlexibleTimeWindow={"Mode": "OFF"}, Target=target)
        self.addCleanup(scheduler.delete_schedule, Name=self.name)
        read = task("scheduler:getSchedule", {"GroupName": "default", "Name": "{% $states.input.name %}"})
        found = self.result(read, {"name": self.name})
        self.assertEqual(json.loads(found["Target"]["Input"]), {"a": 1})
        self.assertRegex(found["CreationDate"], INSTANT)
        self.fails("Scheduler.ResourceNotFoundException", read, {"name": self.name + "-none"})

    def test_a_message_is_published(self):
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        topic = sns.create_topic(Name=self.name)["TopicArn"]
        self.addCleanup(sns.delete_topic, TopicArn=topic)
        queues = {}
        for schedule in ("nightly", "hourly"):
            url = queues[schedule] = sqs.create_queue(QueueName=f"{self.name}-{schedule}")["QueueUrl"]
            self.addCleanup(sqs.delete_queue, QueueUrl=url)
            queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={
                "FilterPolicy": json.dumps({"schedule-name": [schedule], "kind": ["failure", "recovery"]})})
        text = lambda value: {"DataType": "String", "StringValue": value}
        publish = task("sns:publish", {"TopicArn": topic, "Subject": "shop failed", "Message": "{% 'é & ' & $states.input.message %}",
                                       "MessageAttributes": {"schedule-name": text("nightly"), "kind": text("{% $states.input.kind %}")}})
        self.assertRegex(self.result(publish, {"message": "<b>", "kind": "failure"})["MessageId"], r"^[0-9a-f-]{36}$")
        self.result(publish, {"message": "no", "kind": "success"})
        received = {name: [json.loads(message["Body"]) for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]
                    for name, url in queues.items()}
        self.assertEqual([(each["Subject"], each["Message"]) for each in received["nightly"]], [("shop failed", "é & <b>")])
        self.assertEqual(received["nightly"][0]["MessageAttributes"]["schedule-name"], {"Type": "String", "Value": "nightly"})
        self.assertEqual(received["hourly"], [])
        self.fails("Sns.InvalidParameterException", task("sns:publish", {"TopicArn": topic, "Message": "a", "Subject": "two\nlines"}))
        self.fails("Sns.InvalidParameterException", task("sns:publish", {"TopicArn": topic, "Message": "a", "Subject": "a" * 100}))
        self.fails("Sns.InvalidParameterException", task("sns:publish", {"TopicArn": topic, "Message": "a" * (256 * 1024 + 1)}))
        self.fails("Sns.NotFoundException", task("sns:publish", {"TopicArn": topic + "-none", "Message": "a"}))
        self.fails("States.Runtime", task("sns:publish", {"TopicArn": topic, "Message": {"a": 1}}))

    def test_metrics_are_put(self):
        cloudwatch = boto3.client("cloudwatch")
        dimensions = [{"Name": "DbtProject", "Value": "shop/prod"}, {"Name": "End", "Value": "success"}]
        self.result(task("cloudwatch:putMetricData", {"Namespace": self.name, "MetricData": [
            {"MetricName": "Runs", "Value": 1, "Unit": "Count", "Dimensions": dimensions},
            {"MetricName": "Seconds", "Value": 61.5, "Unit": "Seconds", "Dimensions": dimensions}]}))
        now = datetime.now(timezone.utc)
        found = cloudwatch.get_metric_statistics(Namespace=self.name, MetricName="Seconds", Dimensions=dimensions, Period=60, Statistics=["Sum"],
                                                 StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=5))
        self.assertEqual([point["Sum"] for point in found["Datapoints"]], [61.5])

    def test_events_are_put(self):
        events = boto3.client("events")
        machine = self.create(PASS)
        events.put_rule(Name=self.name, EventPattern=json.dumps({"source": ["dbt-aws"], "detail": {"project": [self.name]}}))
        self.addCleanup(events.delete_rule, Name=self.name)
        events.put_targets(Rule=self.name, Targets=[{"Id": "1", "Arn": machine, "RoleArn": "arn:aws:iam::000000000000:role/any"}])
        self.addCleanup(events.remove_targets, Rule=self.name, Ids=["1"])
        entry = {"Source": "dbt-aws", "DetailType": "dbt run ended", "Detail": "{% $string({'project': $states.input.project, 'counts': {'error': 1}}) %}"}
        put = task("eventbridge:putEvents", {"Entries": [entry]})
        self.assertEqual(self.result(put, {"project": self.name})["FailedEntryCount"], 0)
        self.result(put, {"project": "another"})
        started = until(lambda: self.states.list_executions(stateMachineArn=machine)["executions"])
        self.assertEqual(len(started), 1)
        told = json.loads(self.end(started[0]["executionArn"])["input"])
        self.assertEqual((told["source"], told["detail-type"], told["detail"]["counts"]), ("dbt-aws", "dbt run ended", {"error": 1}))
        self.fails("States.Runtime", task("eventbridge:putEvents", {"Entries": [{**entry, "Detail": {"a": 1}}]}))
        large = {**entry, "Detail": "{% $string($join([1..20000].('0123456789abcdef'))) %}"}
        self.fails("EventBridge.EventBridgeException", task("eventbridge:putEvents", {"Entries": [large]}))


if __name__ == "__main__":
    unittest.main()
