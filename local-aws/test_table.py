"""A table of DynamoDB, called by state machines."""
import json
import unittest

import boto3

from machines import Machines, task

LOCK = {"pk": {"S": "shop/prod"}, "sk": {"S": "lock"}}


class Table(Machines, unittest.TestCase):
    """One table, emptied before each test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.dynamodb = boto3.client("dynamodb")
        cls.dynamodb.create_table(
            TableName=cls.name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")])

    @classmethod
    def tearDownClass(cls):
        cls.dynamodb.delete_table(TableName=cls.name)

    def setUp(self):
        self.dynamodb.delete_item(TableName=self.name, Key=LOCK)

    def item(self):
        return self.dynamodb.get_item(TableName=self.name, Key=LOCK, ConsistentRead=True).get("Item")

    def put(self, **attributes):
        self.dynamodb.put_item(TableName=self.name, Item={**LOCK, **attributes})

    def call(self, action, arguments, **more):
        return task(f"dynamodb:{action}", {"TableName": self.name, **arguments}, **more)

    def update(self, expression, condition=None, values=None, **more):
        """A state that updates the lock."""
        arguments = {"Key": LOCK, "UpdateExpression": expression, **({"ConditionExpression": condition} if condition else {}),
                     **({"ExpressionAttributeValues": values} if values else {}), **more}
        return self.call("updateItem", arguments)

    def test_an_item_is_put_once(self):
        put = self.call("putItem", {"Item": {**LOCK, "holder": {"S": "{% $states.input.who %}"}, "version": {"N": "{% $string(1) %}"}},
                                    "ConditionExpression": "attribute_not_exists(pk)"})
        self.result(put, {"who": "a"})
        self.assertEqual(self.fails("DynamoDb.ConditionalCheckFailedException", put, {"who": "b"})["cause"].partition(" (")[0],
                         "The conditional request failed")
        self.assertEqual(self.item(), {**LOCK, "holder": {"S": "a"}, "version": {"N": "1"}})
        old = self.result(self.call("putItem", {"Item": LOCK, "ReturnValues": "ALL_OLD"}))
        self.assertEqual(old["Attributes"]["holder"], {"S": "a"})

    def test_an_item_is_read(self):
        get = self.call("getItem", {"Key": LOCK, "ConsistentRead": True})
        self.assertNotIn("Item", self.result(get))
        self.put(waiting={"L": [{"M": {"execution": {"S": "e"}}}]}, done={"BOOL": True}, nothing={"NULL": True})
        self.assertEqual(self.result(get)["Item"], {**LOCK, "waiting": {"L": [{"M": {"execution": {"S": "e"}}}]},
                                                    "done": {"Bool": True}, "nothing": {"Nul": True}})

    def test_an_update_makes_changes_and_takes_away(self):
        made = self.result(self.update("SET version = :one, waiting = list_append(if_not_exists(waiting, :none), :who), #holder = :who0",
                                       values={":one": {"N": "1"}, ":none": {"L": []}, ":who": {"L": [{"S": "a"}]}, ":who0": {"S": "h"}},
                                       ExpressionAttributeNames={"#holder": "holder"}, ReturnValues="ALL_NEW"))
        self.assertEqual(made["Attributes"], {**LOCK, "version": {"N": "1"}, "waiting": {"L": [{"S": "a"}]}, "holder": {"S": "h"}})
        again = {"values": {":one": {"N": "1"}, ":two": {"N": "2"}}, "ReturnValues": "ALL_OLD"}
        old = self.result(self.update("SET version = version + :one REMOVE holder, waiting[0]",
                                      "version = :one AND size(waiting) < :two AND (attribute_exists(holder) OR holder = :one)", **again))
        self.assertEqual(old["Attributes"]["holder"], {"S": "h"})
        self.assertEqual(self.item(), {**LOCK, "version": {"N": "2"}, "waiting": {"L": []}})
        self.fails("DynamoDb.ConditionalCheckFailedException", self.update("REMOVE waiting", "version = :one AND size(waiting) < :two", **again))

    def test_what_dynamodb_refuses(self):
        self.fails("DynamoDb.DynamoDbException", self.update("SET :a = b", values={":a": {"S": "a"}}))
        self.fails("DynamoDb.DynamoDbException", self.update("SET version = :one"))
        self.fails("DynamoDb.DynamoDbException", self.call("getItem", {"Key": {"pk": {"S": "a"}}}))
        self.fails("DynamoDb.ResourceNotFoundException", task("dynamodb:getItem", {"TableName": self.name + "-none", "Key": LOCK}))

    def test_an_argument_that_cannot_be_is_refused_whatever_is_caught(self):
        catch = {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
        found = self.fails("States.Runtime", {**self.call("putItem", {"Item": {**LOCK, "version": {"N": 1}}}), **catch}, Caught={"Type": "Succeed"})
        self.assertIn("The value for the field 'N' must be a STRING", found["cause"])
        found = self.fails("States.Runtime", self.call("getItem", {"Key": LOCK, "consistentRead": True}))
        self.assertIn("The field 'consistentRead' is not supported by Step Functions", found["cause"])

    def test_fifty_at_once(self):
        self.put(version={"N": "0"}, waiting={"L": []})
        claim = self.update("SET holder = :me", "attribute_not_exists(holder)", {":me": {"S": "{% $states.context.Execution.Id %}"}})
        claim["Catch"] = [{"ErrorEquals": ["DynamoDb.ConditionalCheckFailedException"], "Next": "Wait"}]
        wait = self.update("SET waiting = list_append(waiting, :me)", "size(waiting) < :most", {
            ":me": {"L": [{"S": "{% $states.context.Execution.Id %}"}]}, ":most": {"N": "20"}})
        wait |= {"Type": "Task", "End": True, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Skipped"}]}
        machine = self.machine(claim, Wait=wait, Skipped={"Type": "Pass", "Output": "skipped", "End": True})
        ends = [self.end(each) for each in [self.start_machine(machine) for _ in range(50)]]
        self.assertEqual({end["status"] for end in ends}, {"SUCCEEDED"})
        self.assertEqual([json.loads(end["output"]) for end in ends].count("skipped"), 29)
        found = self.item()
        names = [each["S"] for each in found["waiting"]["L"]] + [found["holder"]["S"]]
        self.assertEqual((len(names), len(set(names))), (21, 21))


if __name__ == "__main__":
    unittest.main()
