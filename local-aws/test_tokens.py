"""States that wait until somebody answers their token."""
import json
import time
import unittest

import boto3

from machines import Machines, task, until


class Tokens(Machines, unittest.TestCase):
    """A state that leaves its token in a table."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dynamodb = boto3.client("dynamodb")
        cls.dynamodb.create_table(TableName=cls.name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                                  AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])

    @classmethod
    def tearDownClass(cls):
        cls.dynamodb.delete_table(TableName=cls.name)

    def waiting(self, **more):
        """A state that waits; its token is in the item that is named as the test."""
        return task("dynamodb:updateItem.waitForTaskToken", {
            "TableName": self.name, "Key": {"pk": {"S": self._testMethodName}}, "UpdateExpression": "SET #t = :t",
            "ConditionExpression": "attribute_not_exists(closed)", "ExpressionAttributeNames": {"#t": "token"},
            "ExpressionAttributeValues": {":t": {"S": "{% $states.context.Task.Token %}"}}}, **more)

    def token(self, other=None):
        """The token, as soon as it is another one."""
        def ask():
            found = self.dynamodb.get_item(TableName=self.name, Key={"pk": {"S": self._testMethodName}}).get("Item", {}).get("token", {}).get("S")
            return found != other and found
        return until(ask)

    def refused(self, error, token):
        """Each answer for the token is refused so."""
        for send, more in (("success", {"output": "1"}), ("failure", {"error": "E"}), ("heartbeat", {})):
            with self.assertRaises(self.states.exceptions.ClientError) as found:
                getattr(self.states, f"send_task_{send}")(taskToken=token, **more)
            self.assertEqual(found.exception.response["Error"]["Code"], error, send)

    def test_an_answer_is_the_result(self):
        execution = self.start_machine(self.machine(self.waiting(Output="{% $states.result.lock & '!' %}")))
        token = self.token()
        # It is long, which counts where many wait.
        self.assertGreater(len(token), 500)
        with self.assertRaises(self.states.exceptions.InvalidOutput):
            self.states.send_task_success(taskToken=token, output="{half")
        self.states.send_task_success(taskToken=token, output='{"lock": "yours"}')
        self.assertEqual(json.loads(self.end(execution)["output"]), "yours!")
        self.refused("TaskTimedOut", token)

    def test_a_second_answer_at_once_is_late(self):
        self.start_machine(self.machine(self.waiting()))
        token = self.token()
        self.states.send_task_success(taskToken=token, output="1")
        self.refused("TaskTimedOut", token)

    def test_a_failure_is_the_states_error(self):
        execution = self.start_machine(self.machine(self.waiting()))
        self.states.send_task_failure(taskToken=self.token(), error="Skipped", cause="another runs")
        end = self.end(execution)
        self.assertEqual((end["status"], end["error"], end["cause"]), ("FAILED", "Skipped", "another runs"))

    def test_nobody_answers(self):
        catch = [{"ErrorEquals": ["States.Timeout"], "Output": "{% $states.errorOutput %}", "Next": "Late"}]
        started = time.monotonic()
        execution = self.start_machine(self.machine(self.waiting(TimeoutSeconds="{% $states.input.seconds %}", Catch=catch), Late={"Type": "Succeed"}), {"seconds": 1})
        self.assertEqual(json.loads(self.end(execution)["output"]), {"Error": "States.Timeout"})
        self.assertGreater(time.monotonic() - started, 1)
        self.refused("TaskTimedOut", self.token())

    def test_an_error_of_the_call_is_the_states_own(self):
        self.dynamodb.put_item(TableName=self.name, Item={"pk": {"S": self._testMethodName}, "closed": {"S": "yes"}})
        self.fails("DynamoDb.ConditionalCheckFailedException", self.waiting())

    def test_a_put_waits_too(self):
        put = task("dynamodb:putItem.waitForTaskToken", {"TableName": self.name, "Item": {
            "pk": {"S": self._testMethodName}, "token": {"S": "{% $states.context.Task.Token %}"}}})
        execution = self.start_machine(self.machine(put))
        self.states.send_task_success(taskToken=self.token(), output="[]")
        self.assertEqual(self.end(execution)["output"], "[]")

    def test_each_attempt_has_its_own(self):
        execution = self.start_machine(self.machine(self.waiting(Retry=[{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}])))
        first = self.token()
        self.states.send_task_failure(taskToken=first, error="Again")
        second = self.token(other=first)
        self.refused("TaskTimedOut", first)
        self.states.send_task_success(taskToken=second, output="2")
        self.assertEqual(self.end(execution)["output"], "2")

    def test_who_waited_was_stopped(self):
        execution = self.start_machine(self.machine(self.waiting()))
        token = self.token()
        self.states.stop_execution(executionArn=execution)
        self.refused("TaskTimedOut", token)
        self.refused("InvalidToken", "nonsense")

    def test_a_machine_answers(self):
        execution = self.start_machine(self.machine(self.waiting()))
        send = task("sfn:sendTaskSuccess", {"TaskToken": "{% $states.input.token %}", "Output": "{% $string({'lock': 'yours'}) %}"})
        token = self.token()
        self.result(send, {"token": token})
        self.assertEqual(json.loads(self.end(execution)["output"]), {"lock": "yours"})
        self.fails("Sfn.TaskTimedOutException", send, {"token": token})
        self.fails("Sfn.InvalidTokenException", send, {"token": "nonsense"})


if __name__ == "__main__":
    unittest.main()
