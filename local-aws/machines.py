"""What the tests of state machines have in common."""
import json
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

    def end(self, execution):
        """What became of an execution."""
        return until(lambda: (found := self.states.describe_execution(executionArn=execution))["status"] != "RUNNING" and found)

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
