"""What EventBridge tells of executions, and starts by it."""
import json
import unittest

import boto3

from machines import Machines, until

PASS = {"QueryLanguage": "JSONata", "StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
ENDS = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
PATHS = {name: f"$.detail.{name}" for name in
         ("executionArn", "status", "startDate", "stopDate", "input", "output", "error", "cause", "inputDetails")}


class Events(Machines, unittest.TestCase):
    """A machine that is started by the ends of another one."""

    def setUp(self):
        self.events = boto3.client("events")
        self.finish = self.create(PASS)

    def rule(self, machine, statuses=ENDS, **target):
        """A rule for the machine's executions; its ARN."""
        name = f"{self.name}-{self._testMethodName}"
        arn = self.events.put_rule(Name=name, EventPattern=json.dumps({
            "source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"],
            "detail": {"stateMachineArn": [machine], "status": statuses}}))["RuleArn"]
        self.addCleanup(self.events.delete_rule, Name=name)
        self.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": self.finish, "RoleArn": "arn:aws:iam::000000000000:role/any", **target}])
        self.addCleanup(self.events.remove_targets, Rule=name, Ids=["1"])
        return arn

    def told(self, count=1):
        """The inputs of the executions that were started, oldest first."""
        found = until(lambda: (found := self.states.list_executions(stateMachineArn=self.finish)["executions"]) and len(found) >= count and found)
        self.assertEqual(len(found), count)
        return [json.loads(self.states.describe_execution(executionArn=each["executionArn"])["input"]) for each in reversed(found)]

    def test_a_start_and_a_good_end(self):
        machine = self.create(PASS)
        self.rule(machine, ["RUNNING", *ENDS])
        execution = self.start_machine(machine, {"a": "é"}, name="one")
        end = self.end(execution)
        start, last = sorted(self.told(2), key=lambda told: told["detail"]["status"])
        self.assertEqual((last["source"], last["detail-type"], last["resources"]), ("aws.states", "Step Functions Execution Status Change", [execution]))
        detail = last["detail"]
        self.assertEqual({name: detail[name] for name in ("executionArn", "stateMachineArn", "name", "status", "error", "cause")}, {
            "executionArn": execution, "stateMachineArn": machine, "name": "one", "status": "SUCCEEDED", "error": None, "cause": None})
        self.assertEqual((detail["inputDetails"], detail["outputDetails"], json.loads(detail["output"])), ({"included": True}, {"included": True}, {"a": "é"}))
        self.assertEqual((detail["startDate"], detail["stopDate"]), tuple(round(end[name].timestamp() * 1000) for name in ("startDate", "stopDate")))
        self.assertEqual([start["detail"][name] for name in ("status", "stopDate", "output", "outputDetails")], ["RUNNING", None, None, None])

    def test_other_ends(self):
        wait = {"Type": "Wait", "Seconds": 60, "End": True}
        fail = {"Type": "Fail", "Error": "Broken", "Cause": 'a "cause"'}
        for state, more, expected in ((fail, {}, ("FAILED", "Broken", 'a "cause"')), (wait, {"TimeoutSeconds": 1}, ("TIMED_OUT", "States.Timeout", None)),
                                      (wait, {}, ("ABORTED", "Enough", "of it"))):
            with self.subTest(expected[0]):
                self.finish = self.create(PASS)
                machine = self.create({"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": state}, **more})
                self.rule(machine)
                execution = self.start_machine(machine)
                if expected[0] == "ABORTED":
                    self.states.stop_execution(executionArn=execution, error="Enough", cause="of it")
                detail = self.told()[0]["detail"]
                self.assertEqual(tuple(detail[name] for name in ("status", "error", "cause")), expected)
                self.assertEqual((detail["output"], detail["outputDetails"], self.end(execution)["status"]), (None, None, expected[0]))

    def test_an_input_is_made_of_the_event(self):
        machine = self.create({"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": {"Type": "Pass", "Output": {"b": "{% 'x' %}"}, "End": True}}})
        template = ('{"execution": "<executionArn>", "status": <status>, "startedAt": <startDate>, "stopped": "at <stopDate>", "details": <inputDetails>, '
                    '"output": <output>, "rule": "<aws.events.rule-arn>", "name": <aws.events.rule-name>, "at": "<aws.events.event.ingestion-time>"}')
        arn = self.rule(machine, InputTransformer={"InputPathsMap": PATHS, "InputTemplate": template})
        execution = self.start_machine(machine, {"a": 1})
        end = self.end(execution)
        (told,) = self.told()
        self.assertRegex(told.pop("at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        stopped = round(end["stopDate"].timestamp() * 1000)
        self.assertEqual(told, {
            "execution": execution, "status": "SUCCEEDED", "startedAt": round(end["startDate"].timestamp() * 1000), "stopped": f"at {stopped}",
            "details": {"included": True}, "output": end["output"], "rule": arn, "name": f"{self.name}-{self._testMethodName}"})

    def test_no_other_machine_is_told_of(self):
        self.rule(self.create(PASS))
        self.end(self.start_machine(self.create(PASS)))
        self.assertEqual(self.states.list_executions(stateMachineArn=self.finish)["executions"], [])

    def test_what_is_too_long_is_left_out(self):
        machine = self.create({"QueryLanguage": "JSONata", "StartAt": "Only", "States": {
            "Only": {"Type": "Pass", "Output": "{% $join([1..13000].('0123456789')) %}", "End": True}}})
        self.rule(machine)
        self.start_machine(machine, {"a": "b" * 130000})
        detail = self.told()[0]["detail"]
        self.assertEqual((detail["input"], detail["inputDetails"], detail["outputDetails"]), (None, {"included": False}, {"included": True}))


if __name__ == "__main__":
    unittest.main()
