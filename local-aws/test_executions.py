"""How executions start, change hands, and end."""
import json
import time
import unittest

from machines import Machines, task, until


class Executions(Machines, unittest.TestCase):
    """Executions of small machines."""

    def wait(self, seconds, **more):
        return {"QueryLanguage": "JSONata", "StartAt": "Wait", **more,
                "States": {"Wait": {"Type": "Wait", "Seconds": seconds, "Next": "End"}, "End": {"Type": "Pass", "Output": "first", "End": True}}}

    def test_a_change_leaves_what_runs(self):
        machine = self.create(self.wait(1))
        execution = self.start_machine(machine)
        self.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(
            {"QueryLanguage": "JSONata", "StartAt": "End", "States": {"End": {"Type": "Pass", "Output": "second", "End": True}}}))
        self.assertEqual([json.loads(self.end(each)["output"]) for each in (self.start_machine(machine), execution)], ["second", "first"])

    def test_a_name_is_started_once(self):
        machine = self.create(self.wait(600))
        first, again = (self.start_machine(machine, {"a": 1}, name="one") for _ in range(2))
        self.assertEqual(first, again)
        with self.assertRaises(self.states.exceptions.ExecutionAlreadyExists):
            self.start_machine(machine, {"a": 2}, name="one")
        self.states.stop_execution(executionArn=first)
        with self.assertRaises(self.states.exceptions.ExecutionAlreadyExists):
            self.start_machine(machine, {"a": 1}, name="one")

    def test_what_succeeds_has_an_output(self):
        machine = self.create({"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": {"Type": "Succeed", "Output": {"b": "{% $states.input.a %}"}}}})
        self.assertEqual(json.loads(self.run_machine(machine, {"a": 1})["output"]), {"b": 1})

    def test_it_takes_too_long(self):
        end = self.end(self.start_machine(self.create(self.wait(60, TimeoutSeconds=1))))
        self.assertEqual((end["status"], "output" in end), ("TIMED_OUT", False))

    def test_it_is_stopped(self):
        execution = self.start_machine(self.create(self.wait(60)))
        self.states.stop_execution(executionArn=execution, error="Enough", cause="of it")
        end = self.states.describe_execution(executionArn=execution)
        self.assertEqual((end["status"], end["error"], end["cause"], "output" in end), ("ABORTED", "Enough", "of it", False))

    def test_a_stopped_one_tries_nothing_again(self):
        retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 5}]
        machine = self.machine(task("ecs:describeTaskDefinition", {"TaskDefinition": "none"}, Retry=retry))
        execution = self.start_machine(machine)
        history = lambda: [event["type"] for event in self.states.get_execution_history(executionArn=execution)["events"]]
        until(lambda: "TaskFailed" in history())
        self.states.stop_execution(executionArn=execution)
        before = len(history())
        time.sleep(1.5)
        self.assertLessEqual(len(history()) - before, 1)
        self.assertEqual(self.states.describe_execution(executionArn=execution)["status"], "ABORTED")

    def test_what_is_assigned_is_evaluated_before(self):
        machine = self.create({"QueryLanguage": "JSONata", "StartAt": "First", "States": {
            "First": {"Type": "Pass", "Assign": {"a": 1, "b": 1}, "Next": "Then"},
            "Then": {"Type": "Pass", "Assign": {"a": "{% $a + 1 %}", "b": "{% $a %}"}, "Next": "Last"},
            "Last": {"Type": "Pass", "Output": "{% [$a, $b] %}", "End": True}}})
        self.assertEqual(json.loads(self.run_machine(machine)["output"]), [2, 1])

    def test_limits(self):
        long = "{% $join([1..$states.input.count].('0123456789')) %}"
        for name, state, given in (
            ("States.DataLimitExceeded", {"Type": "Pass", "Output": long}, {"count": 26300}),
            ("States.DataLimitExceeded", {"Type": "Pass", "Assign": {"long": long}}, {"count": 26300}),
            ("States.Runtime", {"Type": "Fail", "Error": "E", "Cause": long}, {"count": 3300}),
            ("E", {"Type": "Fail", "Error": "E", "Cause": long}, {"count": 3200}),
        ):
            self.fails(name, state, given)
        self.result({"Type": "Pass", "Output": long}, {"count": 26200})


if __name__ == "__main__":
    unittest.main()
