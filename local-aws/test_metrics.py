"""What tells that a run was not started: an alarm on a queue, and a machine that reads the queue."""
import json
import unittest
from datetime import datetime

import boto3

from machines import Machines, task, until

PASS = {"QueryLanguage": "JSONata", "StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}


class Metrics(Machines, unittest.TestCase):
    """Alarms, dashboards, and the messages of a queue."""

    def test_an_alarm_that_goes_off_is_an_event(self):
        alarms, events, finish = boto3.client("cloudwatch"), boto3.client("events"), self.create(PASS)
        alarms.put_metric_alarm(AlarmName=self.name, Namespace="AWS/SQS", MetricName="NumberOfMessagesSent", Statistic="Sum", Period=3600,
                                EvaluationPeriods=1, Threshold=0.0, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching")
        self.addCleanup(alarms.delete_alarms, AlarmNames=[self.name])
        [alarm] = alarms.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        events.put_rule(Name=self.name, EventPattern=json.dumps({
            "source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"], "resources": [alarm["AlarmArn"]],
            "detail": {"state": {"value": ["ALARM"]}}}))
        self.addCleanup(events.delete_rule, Name=self.name)
        events.put_targets(Rule=self.name, Targets=[{"Id": "1", "Arn": finish, "RoleArn": "arn:aws:iam::000000000000:role/any", "Input": '{"a": 1}'}])
        self.addCleanup(events.remove_targets, Rule=self.name, Ids=["1"])
        for state in "OK", "ALARM", "ALARM", "OK":
            alarms.set_alarm_state(AlarmName=self.name, StateValue=state, StateReason="a test")
        [execution] = until(lambda: self.states.list_executions(stateMachineArn=finish)["executions"])
        self.assertEqual(json.loads(self.states.describe_execution(executionArn=execution["executionArn"])["input"]), {"a": 1})

    def test_a_machine_reads_the_messages_of_a_queue(self):
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=url)
        arguments = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"],
                     "MessageSystemAttributeNames": ["SentTimestamp"], "VisibilityTimeout": 0}
        receive = task("sqs:receiveMessage", arguments)
        self.assertEqual(self.result(receive), {})
        sqs.send_message(QueueUrl=url, MessageBody="one", MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": "Denied"}})
        sqs.send_message(QueueUrl=url, MessageBody="two")
        messages = {message["Body"]: message for message in self.result(receive)["Messages"]}
        self.assertEqual(messages["one"]["MessageAttributes"]["ERROR_CODE"]["StringValue"], "Denied")
        self.assertGreater(int(messages["two"]["Attributes"]["SentTimestamp"]), 0)
        self.assertNotIn("MessageAttributes", messages["two"])

    def test_a_dashboard_has_tags(self):
        metrics = boto3.client("cloudwatch")
        put = lambda value: metrics.put_dashboard(DashboardName=self.name, DashboardBody="{}", Tags=[{"Key": "team", "Value": value}])
        put("data")
        put("other")
        self.addCleanup(metrics.delete_dashboards, DashboardNames=[self.name])
        [found] = [entry for entry in metrics.list_dashboards()["DashboardEntries"] if entry["DashboardName"] == self.name]
        self.assertEqual(metrics.list_tags_for_resource(ResourceARN=found["DashboardArn"])["Tags"], [{"Key": "team", "Value": "data"}])
        self.assertRegex(found["DashboardArn"], r"^arn:aws:cloudwatch::\d{12}:dashboard/")
        self.assertIsInstance(found["LastModified"], datetime)


if __name__ == "__main__":
    unittest.main()
