"""The state machines of a run and of its end, as the provider defines them, with a stand-in for the runner."""
import json
import os
import re
import shlex
import urllib.request
import uuid
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import boto3
import jmespath

from machines import ROLE, Tasks, until

RUN = Path(__file__).parent.parent / "provider/src/run"
# Where the line stands that shows the runs of shop/prod.
LINE = RUN.parent / "components/project/tests.rs"
ENDS = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
# How long waits and pauses of machines are: what takes a minute takes three seconds.
SCALE = 0.05

# What the runner's contract asks for: outcome.json in its place, and dbt's exit code. Each command stands for a behaviour.
RUNNER = """
import json, os, signal, sys, time, urllib.error, urllib.request
environment = os.environ
commands = json.loads(environment.get("DBT_AWS_COMMANDS", '["dbt build"]'))
run, attempt = environment["DBT_AWS_RUN_ID"], environment["DBT_AWS_ATTEMPT"]
def put(key, value):
    url = "%s/%s/%s" % (environment["AWS_ENDPOINT_URL"], environment["BUCKET"], key)
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(value).encode(), method="PUT"))
if commands[0] == "dbt snapshot":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
place = "%s/runs/%s/%s/" % (environment["PREFIX"], run, attempt)
put(place + "begin", time.time())
kind, code = {"dbt test": ("failed-nodes", 1), "dbt parse": ("dbt-error", 2)}.get(commands[0], ("success", 0))
while commands[0] == "dbt run":
    try:
        urllib.request.urlopen("%s/%s/%s/told" % (environment["AWS_ENDPOINT_URL"], environment["BUCKET"], environment["PREFIX"]))
        time.sleep(0.5)
        break
    except urllib.error.HTTPError:
        time.sleep(0.1)
if commands[0] == "dbt debug" and attempt == "1":
    time.sleep(600)
if commands[0] == "dbt clean":
    sys.exit(3)
if commands[0] == "dbt list" and attempt == "1":
    kind, code = "connection", 2
if commands[0] == "dbt snapshot":
    signal.sigwait([signal.SIGTERM])
    time.sleep(1.5)
    kind, code = "terminated", 143
label = json.loads(environment.get("DBT_AWS_ENVIRONMENT", "{}")).get("LABEL")
outcome = {"version": 1, "class": kind, "exitCode": code, "message": "%s: %s %s" % (" and ".join(commands), kind, label)}
if "DBT_AWS_CONTINUE" in environment:
    outcome["message"] += ", continued from " + environment["DBT_AWS_CONTINUE"]
if kind == "failed-nodes":
    outcome.update(failedNodes=["model.a", "model.b"], failedNodeCount=2, counts={"error": 2, "success": 10},
                   failed=[{"node": "model.a", "error": "Database Error"}])
if "LABEL" in environment:
    outcome["warnings"] = ["LABEL is a variable of the container"]
put(place + "end", time.time())
put(place + "outcome.json", outcome)
sys.exit(code)
"""


def read(name):
    """A machine's definition with its expressions."""
    expression = lambda name: "{% " + (RUN / f"expressions/{name[1]}.jsonata").read_text() + " %}"
    text = (RUN / f"{name}.asl.json").read_text().replace("${partition}", "aws")
    return json.loads(re.sub(r'"{% include (\w+) %}"', lambda name: json.dumps(expression(name)), text))


def scale(waits):
    """Lets all waits take so much of their time."""
    body = json.dumps({"stepfunctions._SFN_WAIT_SCALE": waits}).encode()
    urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_ministack/config", body, timeout=10).close()


class Runs(Tasks):
    """Runs of a project for each test: its machine, the machine that ends its runs, and who hears of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events, cls.sns, cls.sqs = map(boto3.client, ("events", "sns", "sqs"))
        cls.dynamodb.create_table(
            TableName=cls.name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")])
        scale(SCALE)

    @classmethod
    def tearDownClass(cls):
        scale(1)
        cls.dynamodb.delete_table(TableName=cls.name)
        super().tearDownClass()

    def setUp(self):
        self.project = self._testMethodName.removeprefix("test_")
        self.prefix = f"{self.project}/prod"
        self.family = f"{self.name}-{self.project}"
        self.address = f"{uuid.uuid4().hex[:8]}@example.com"
        self.topic = self.sns.create_topic(Name=f"{self.name}-{uuid.uuid4().hex[:8]}")["TopicArn"]
        self.addCleanup(self.sns.delete_topic, TopicArn=self.topic)
        self.sns.subscribe(TopicArn=self.topic, Protocol="email", Endpoint=self.address, Attributes={"FilterPolicy": '{"audience": ["project"]}'})
        link = re.search(r"https?://\S+", self.mailbox()[0]["text"])[0]
        urllib.request.urlopen(link, timeout=10).close()
        self.queue = self.sqs.create_queue(QueueName=f"{self.name}-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        self.addCleanup(self.sqs.delete_queue, QueueUrl=self.queue)
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.rule({"source": ["dbt-aws"], "detail": {"project": [self.project]}}, Arn=arn)
        self.heard = []
        finish = read("finish")
        finish["States"]["Begin"]["Assign"]["tableName"] = self.name
        self.finish = self.create(finish)
        self.register(self.image)

    def rule(self, pattern, **target):
        name = f"{self.name}-{uuid.uuid4().hex[:8]}"
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        self.addCleanup(self.events.delete_rule, Name=name)
        self.events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
        self.addCleanup(self.events.remove_targets, Rule=name, Ids=["1"])

    def register(self, image, first=None, **more):
        """A revision of the task definition, perhaps with a first container that does what a command does."""
        variables = [{"name": name, "value": value} for name, value in (("BUCKET", self.name), ("PREFIX", self.prefix))]
        container = {"image": image, "entryPoint": ["python3", "-c"], "command": [RUNNER], "environment": variables}
        before = []
        if first:
            commands = {"name": "DBT_AWS_COMMANDS", "value": json.dumps([first])}
            before = [{**container, "name": "role", "essential": False, "environment": [*variables, commands]}]
            more["dependsOn"] = [{"containerName": "role", "condition": "SUCCESS"}]
        answer = self.ecs.register_task_definition(
            family=self.family, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            containerDefinitions=[*before, {**container, "name": "dbt", **more}])
        self.addCleanup(self.ecs.deregister_task_definition, taskDefinition=answer["taskDefinition"]["taskDefinitionArn"])

    def project_machine(self, state="Run dbt", config=None, top=None, **changes):
        """The machine of a run, with other values for what its config, a state of it and the whole have; each end is told."""
        arn = "arn:aws:ecs:us-east-1:000000000000:"
        config = {**json.loads((RUN / "config.example.json").read_text()), "artifactsBucket": self.name, "artifactsPrefix": self.prefix,
                  "clusterArn": f"{arn}cluster/{self.name}", "taskDefinitionArn": f"{arn}task-definition/{self.family}",
                  "tableName": self.name, "finishArn": self.finish, "topicArn": self.topic, "retry": {"attempts": 0, "failedNodes": 0}, **(config or {})}
        made = {**read("machine"), **(top or {})}
        made["States"]["Begin"]["Assign"]["config"] = config
        made["States"][state].update(changes)
        machine = self.create(made)
        self.rule({"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"],
                   "detail": {"stateMachineArn": [machine], "status": ENDS}},
                  Arn=self.finish, RoleArn=ROLE, InputTransformer={
                      "InputPathsMap": {"execution": "$.detail.executionArn"},
                      "InputTemplate": json.dumps({"execution": "<execution>", "config": config})})
        return machine

    def run_to_the_end(self, machine, **given):
        """What became of an execution with this input."""
        return self.run_machine(machine, given)

    def tasks(self, *statuses):
        """The tasks of the family, ended ones included."""
        return [arn for status in statuses or ("RUNNING", "STOPPED")
                for arn in self.ecs.list_tasks(cluster=self.name, family=self.family, desiredStatus=status)["taskArns"]]

    def running(self):
        """The task that runs, as soon as its program does."""
        def ask():
            begun = [each["Key"] for each in self.s3.list_objects_v2(Bucket=self.name, Prefix=self.prefix).get("Contents", [])]
            return any(key.endswith("/begin") for key in begun) and self.tasks("RUNNING")
        (task,) = until(ask)
        return task

    def read_object(self, run, name, attempt=1):
        """What the stand-in wrote."""
        return json.loads(self.s3.get_object(Bucket=self.name, Key=f"{self.prefix}/runs/{run}/{attempt}/{name}")["Body"].read())

    def shown(self):
        """What the line that shows runs says of this project's."""
        words = shlex.split(json.loads(re.search(r'"runsCommand": (".*")', LINE.read_text())[1]))
        options = dict(zip(words, words[1:]))
        found = self.dynamodb.query(
            TableName=self.name, ScanIndexForward="--no-scan-index-forward" not in words,
            KeyConditionExpression=options["--key-condition-expression"], ProjectionExpression=options["--projection-expression"],
            ExpressionAttributeNames=json.loads(options["--expression-attribute-names"]),
            ExpressionAttributeValues=json.loads(options["--expression-attribute-values"].replace("shop/prod", self.prefix)))
        return jmespath.search(options["--query"], found)

    def counted(self, metric, **more):
        """The sum of a metric of this project's runs."""
        dimensions = {"Table": self.name, "Project": self.project, "Target": "prod", "Schedule": "by hand", **more}
        now = datetime.now()
        found = boto3.client("cloudwatch").get_metric_statistics(
            Namespace="dbt-aws", MetricName=metric, Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(days=1), EndTime=now + timedelta(days=1), Period=86400, Statistics=["Sum"])
        return sum(each["Sum"] for each in found["Datapoints"])

    def mailbox(self):
        with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_local-aws/mail", timeout=10) as answer:
            return [mail for mail in json.load(answer) if mail["to"] == self.address]

    def mails(self):
        """The subjects of the messages about runs, oldest first."""
        return [mail["subject"] for mail in self.mailbox()[1:]]

    def items(self, kind):
        """The items of the project whose key begins so."""
        return self.dynamodb.query(TableName=self.name, KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)", ConsistentRead=True,
                                   ExpressionAttributeValues={":pk": {"S": self.prefix}, ":sk": {"S": kind}})["Items"]

    def on_the_bus(self):
        """The details of the events so far, oldest first."""
        while found := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self.heard.append(json.loads(message["Body"])["detail"])
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return self.heard

    def told(self, count, seconds=60):
        """Waits until so many executions of the machine that ends runs have ended, all as they should."""
        def ask():
            pages = self.states.get_paginator("list_executions").paginate(stateMachineArn=self.finish)
            found = [each for page in pages for each in page["executions"]]
            return len(found) >= count and all(each["status"] != "RUNNING" for each in found) and found
        found = until(ask, seconds)
        wrong = [self.states.describe_execution(executionArn=each["executionArn"]) for each in found if each["status"] != "SUCCEEDED"]
        self.assertEqual((len(found), wrong), (count, []))

    def assert_ended(self, execution, kind, mails=(), tellers=2):
        """One end of the only run, whoever told of it: a free lock, a record, an event, and these mails."""
        self.told(tellers)
        (lock,) = self.items("lock")
        self.assertEqual((lock["holder"]["S"], lock["waiting"]["S"]), ("", "[]"))
        (record,), (event,) = self.items("run#"), self.on_the_bus()
        self.assertEqual((record["class"]["S"], event["class"], event["runId"]), (kind, kind, execution.rpartition(":")[2]))
        self.assertEqual(json.loads(record["detail"]["S"]), event)
        self.assertEqual(self.mails(), list(mails))
        return event

    def classes(self):
        """How many runs were recorded of each class, each once and told once."""
        records, events = self.items("run#"), self.on_the_bus()
        self.assertEqual(sorted(json.loads(each["detail"]["S"])["runId"] for each in records), sorted(each["runId"] for each in events))
        self.assertEqual(len({each["runId"] for each in events}), len(events))
        return Counter(each["class"]["S"] for each in records)

    def spans(self):
        """When each run's program began and ended, in order; none may begin before the one before has ended."""
        runs = [json.loads(each["detail"]["S"])["runId"] for each in self.items("run#") if each["class"]["S"] == "success"]
        spans = sorted(tuple(self.read_object(run, name) for name in ("begin", "end")) for run in runs)
        for (_, end), (begin, _) in zip(spans, spans[1:]):
            self.assertLess(end, begin)
        return spans
