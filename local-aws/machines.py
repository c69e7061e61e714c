"""What the tests of state machines have in common."""
import json
import os
import subprocess
import time
import uuid

import boto3

ROLE = "arn:aws:iam::000000000000:role/any"


def until(ask, seconds=60):
    """Asks until the answer is truthy."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{ask} did not come true in {seconds} s")
        time.sleep(0.1)
    return answer


def task(action, arguments, **more):
    """A state that calls the SDK of a service."""
    return {"Resource": f"arn:aws:states:::aws-sdk:{action}", "Arguments": arguments, **more}


class Machines:
    """State machines, and what became of their executions."""

    @classmethod
    def setUpClass(cls):
        cls.name = "t" + uuid.uuid4().hex[:8]
        cls.states = boto3.client("stepfunctions")

    def machine(self, state, **more):
        """A state machine of one task state; its ARN."""
        definition = {"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": {"Type": "Task", "End": True, **state}, **more}}
        return self.create(definition)

    def create(self, definition):
        """A state machine with this definition; its ARN."""
        name = f"{self.name}-{uuid.uuid4().hex[:8]}-{self._testMethodName}"[:80]
        arn = self.states.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))["stateMachineArn"]
        self.addCleanup(self.states.delete_state_machine, stateMachineArn=arn)
        return arn

    def run_machine(self, arn, value=None):
        return self.end(self.start_machine(arn, value))

    def start_machine(self, arn, value=None, **more):
        """An execution's ARN."""
        return self.states.start_execution(stateMachineArn=arn, input=json.dumps(value or {}), **more)["executionArn"]

    def end(self, execution, seconds=60):
        """What became of an execution."""
        return until(lambda: (found := self.states.describe_execution(executionArn=execution))["status"] != "RUNNING" and found, seconds)

    def result(self, state, value=None, **more):
        """What an execution of one task state gave; it must have succeeded."""
        found = self.run_machine(self.machine(state, **more), value)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        return json.loads(found["output"])

    def fails(self, error, state, value=None, **more):
        """How an execution of one task state failed: with this error."""
        found = self.run_machine(self.machine(state, **more), value)
        self.assertEqual((found["status"], found.get("error")), ("FAILED", error), found)
        return found


class Tasks(Machines):
    """Machines that run tasks: a cluster, an image, a bucket, a log group."""

    @classmethod
    def setUpClass(cls):
        cls.name = "t" + uuid.uuid4().hex[:8]
        cls.ec2, cls.ecs, cls.ecr, cls.s3, cls.logs, cls.rds, cls.ssm, cls.states, cls.scheduler, cls.dynamodb = map(
            boto3.client, ("ec2", "ecs", "ecr", "s3", "logs", "rds", "ssm", "stepfunctions", "scheduler", "dynamodb"))
        cls.s3.create_bucket(Bucket=cls.name)
        cls.ecs.create_cluster(clusterName=cls.name)
        cls.logs.create_log_group(logGroupName=cls.name)
        uri = cls.ecr.create_repository(repositoryName=cls.name)["repository"]["repositoryUri"]
        cls.image = f"{uri}:base"
        cls.pushed = pushed = f"localhost:{os.environ['AWS_ENDPOINT_URL'].rpartition(':')[2]}/{cls.name}:base"
        for command in (["pull", os.environ["DBT_AWS_BASE_IMAGE"]], ["tag", os.environ["DBT_AWS_BASE_IMAGE"], pushed],
                        ["push", pushed], ["rmi", pushed]):
            subprocess.run(["docker", *command], check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        for page in cls.s3.list_objects_v2(Bucket=cls.name).get("Contents", []):
            cls.s3.delete_object(Bucket=cls.name, Key=page["Key"])
        cls.s3.delete_bucket(Bucket=cls.name)
        cls.ecr.delete_repository(repositoryName=cls.name, force=True)
        cls.ecs.delete_cluster(cluster=cls.name)
        cls.logs.delete_log_group(logGroupName=cls.name)
