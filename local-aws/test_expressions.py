"""The expressions of a project's state machine, evaluated alone."""
import json
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

from jsonata import Jsonata

STATES = json.loads((Path(__file__).parent.parent / "provider/src/components/project/machine.json").read_text())["States"]
ARN = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly"
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:kms-timeout-AbCdEf"
PULL = "ResourceInitializationError: unable to pull secrets or registry auth: "


def evaluated(text, **variables):
    """What an expression comes to with these variables."""
    expression = Jsonata(text.removeprefix("{%").removesuffix("%}"))
    # What Step Functions adds.
    expression.register_lambda("parse", json.loads)
    for name, value in variables.items():
        expression.assign(name, value)
    return expression.evaluate(None)


class Input(unittest.TestCase):
    """What is wrong with an execution's input."""

    def check(self, given, *expected, overrides="all"):
        """Refuses the input for these reasons."""
        text = STATES["Check the input"]["Assign"]["refused"]
        self.assertEqual(evaluated(text, states={"input": given}, overrides=overrides), "; ".join(expected), given)

    def test_what_can_be_meant_passes(self):
        for given in ({}, {"commands": ["dbt build"]}, {"commands": ["dbt seed", "dbt build"]}, {"environment": {}},
                      {"environment": {"A": "1", "B": 2, "C": True}}, {"cpu": 2048, "memory": "4096"},
                      {"Comment": "by hand", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:aws:states:::execution:a"},
                      {"scheduleArn": ARN, "scheduledTime": "2026-01-31T06:30:00Z"}):
            self.check(given)

    def test_an_unknown_key_is_named_with_the_nearest(self):
        for key, nearest in {"command": "commands", "Commands": "commands", "comands": "commands", "env": "environment",
                             "Environment": "environment", "enviroment_": "environment", "cpus": "cpu", "MEM": "memory"}.items():
            self.check({key: ["dbt ls"]}, f'"{key}" is not a key of it; did you mean {nearest}?')
        for key in ("", "x", "xy", "target", "args"):
            self.check({key: 1}, f'"{key}" is not a key of it; there are commands, environment, cpu, memory')
        self.check({"x" * 300: 1}, f'"{"x" * 64}" is not a key of it; there are commands, environment, cpu, memory')
        self.check({"command": [], "cpu": 1.5}, '"command" is not a key of it; did you mean commands?',
                   "cpu is not a whole number, such as 2048")

    def test_values_of_other_types(self):
        for given in ([], ["dbt build"], "dbt build", 3, True):
            self.check(given, 'it is not an object, such as {"commands": ["dbt build"]}')
        for commands in ("dbt build", [], [" "], ["dbt build", 1], [["dbt build"]], {"a": 1}, 3, None):
            self.check({"commands": commands}, 'commands is not a list of dbt command lines, such as ["dbt build"]')
        for environment in ("A=1", [], ["A=1"], 3, None):
            self.check({"environment": environment}, 'environment is not an object of strings, such as {"NAME": "value"}')
        self.check({"environment": {"A": {}, "B": "1", "C": None}}, "environment.A is not a string", "environment.C is not a string")
        for size in ("two", "4 GB", "", "0", 0, -1, 1.5, True, [2048], {}, None):
            self.check({"memory": size}, "memory is not a whole number, such as 2048")
        for arn in (3, None, "nightly", ARN + "/../other", ARN.replace("default", "")):
            self.check({"scheduleArn": arn}, "scheduleArn is not the ARN of a schedule")
        for time in (3, "tomorrow", "2026-13-31T06:30:00Z", "2026-01-31T06:30:00Z/../x", "2026-02-31T00:00:00Z", "2026-02-29T00:00:00Z",
                     "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z"):
            self.check({"scheduledTime": time}, "scheduledTime is not a time, such as 2026-01-31T06:30:00Z")
        for time in ("2000-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-31T23:59:59Z"):
            self.check({"scheduledTime": time})
        soon = datetime.now(timezone.utc) + timedelta(minutes=1)
        for time in ("2999-01-31T06:30:00Z", f"{soon:%Y-%m-%dT%H:%M:%SZ}"):
            self.check({"scheduledTime": time}, "scheduledTime has not come yet")

    def test_what_a_project_lets_executions_change(self):
        reason = "is not for an execution to change: overrides of the project is"
        self.check({"commands": ["dbt ls"]}, overrides="commands")
        self.check({"commands": ["dbt ls"], "cpu": 1}, f"cpu {reason} commands", overrides="commands")
        self.check({"environment": {}}, f"environment {reason} none", overrides="none")
        self.check({"commands": ["dbt ls"], "scheduleArn": ARN}, overrides="none")
        self.check({}, overrides="none")


class NotStarted(unittest.TestCase):
    """What to do about a task that did not start."""

    def check(self, reason, advice):
        """Gives that advice for that reason of ECS's."""
        cause = evaluated(STATES["TaskNotStarted"]["Cause"], task={"reason": reason}, problem="States.TaskFailed")
        self.assertTrue(cause.startswith(f"the task did not start: {reason}; "), cause)
        self.assertIn(advice, cause.removeprefix(f"the task did not start: {reason}; "))
        self.assertNotIn("the log is at", cause)

    def test_each_kind_has_its_advice(self):
        asm = PULL + "execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): "
        for reason, advice in {
            asm + f"failed to fetch secret {SECRET} from secrets manager: ResourceNotFoundException: Secrets Manager can't find the "
                  "specified secret.": "see that the secret is there",
            PULL + f"unable to retrieve secret {SECRET} for environment variable DBT_AWS_WAREHOUSE_SECRET": "see that the secret is there",
            asm + "AccessDeniedException: User: arn:aws:sts::0:assumed-role/a is not authorized to perform: "
                  "secretsmanager:GetSecretValue": "execution role may read it",
            PULL + "execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
                   "invalid parameters: /api/token": "see that the secret is there",
            asm + "AccessDeniedException: Access to KMS is not allowed": "secretKmsKeyArns",
            asm + f"retrieved secret from Secrets Manager did not contain json key token for {SECRET}": "has the key that its ARN",
            PULL + "The task cannot pull secrets from AWS Secrets Manager. There is a connection issue between the task and AWS Secrets "
                   "Manager. Check your task network configuration.": "do not lead there",
            PULL + "unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed "
                   'caused by: Post "https://api.ecr.us-east-1.amazonaws.com/": dial tcp 10.0.0.1:443: i/o timeout': "do not lead there",
            PULL + "unable to retrieve ecr registry auth: AccessDeniedException": "see that the image is there",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
            "0.dkr.ecr.us-east-1.amazonaws.com/secret-kms:v1: not found": "see that the image is there",
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'":
                "is for the architecture",
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create "
            "Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.": "see that the log group is there",
            "Capacity is unavailable at this time. Please try again later or in a different availability zone": "no capacity",
            "You've reached the limit on the number of vCPUs you can run concurrently": "quota",
            "RESOURCE:ENI": "no free address",
            "ECS was unable to assume the role 'arn:aws:iam::0:role/a' that was provided for this task.": "see that the roles",
            "Container Overrides length must be at most 8192": "less in commands and environment",
            "something new": "put right what it says",
        }.items():
            self.check(reason, advice)

    def test_without_a_reason_the_error_is_one(self):
        for task in ({}, {"reason": ""}):
            cause = evaluated(STATES["TaskNotStarted"]["Cause"], task=task, problem="AmazonECS.Unknown")
            self.assertTrue(cause.startswith("the task did not start: AmazonECS.Unknown; "), cause)


class Failed(unittest.TestCase):
    """What is kept of a failed task's description."""

    ARN = "arn:aws:ecs:us-east-1:000000000000:task/c/0123"

    def task(self, cause):
        (catch,) = (each for each in STATES["Run dbt"]["Catch"] if each["ErrorEquals"] == ["States.ALL"])
        return evaluated(catch["Assign"]["task"], states={"errorOutput": {"Error": "States.TaskFailed", **cause}})

    def test_the_description_is_in_the_cause(self):
        described = {
            "Containers": [{"ExitCode": 137, "Name": "dbt", "Reason": "OutOfMemoryError: killed"}, {"ExitCode": 0, "Name": "aws-guardduty-agent"}],
            "Overrides": {"ContainerOverrides": [{"Environment": [{"Name": "DBT_AWS_COMMANDS", "Value": '["a } \\"{"]'}]}]},
            "StopCode": "EssentialContainerExited", "StoppedReason": "Essential container in task exited", "TaskArn": self.ARN}
        text = json.dumps(described, separators=(",", ":"))
        kept = {"arn": self.ARN, "code": "EssentialContainerExited", "reason": "OutOfMemoryError: killed", "exit": 137}
        self.assertEqual(self.task({"Cause": text}), kept)
        # One that is too long is cut, anywhere: that must not fail, since nothing would catch it.
        for end in range(len(text)):
            found = self.task({"Cause": text[:end]})
            self.assertEqual({key: found[key] for key in found if key not in ("reason", "arn", "code")}, {}, text[:end])
        found = self.task({"Cause": text[:-1]})
        self.assertEqual((found["arn"], found["code"], found["reason"]),
                         (self.ARN, "EssentialContainerExited", "Essential container in task exited"))

    def test_a_cause_that_is_no_description(self):
        failures = {"Failures": [{"Arn": "c", "Reason": "RESOURCE:ENI"}, {"Reason": "MISSING", "Detail": "no such"}], "Tasks": []}
        self.assertEqual(self.task({"Cause": json.dumps(failures)}), {"reason": "RESOURCE:ENI, MISSING: no such"})
        self.assertEqual(self.task({"Cause": "Unable to find it"}), {"reason": "Unable to find it"})
        self.assertEqual(self.task({}), {"reason": ""})


class WithoutOutcome(unittest.TestCase):
    """Where a run ends whose task left no outcome."""

    def ends(self, problem="States.TaskFailed", **task):
        state = STATES["Without an outcome"]
        for choice in state["Choices"]:
            if evaluated(choice["Condition"], task=task, problem=problem):
                return choice["Next"]
        return state["Default"]

    def test_who_killed_it_is_told_apart(self):
        arn = {"arn": Failed.ARN}
        self.assertEqual(self.ends(**arn, exit=137, code="EssentialContainerExited"), "OutOfMemory")
        self.assertEqual(self.ends(**arn, exit=1, code="EssentialContainerExited", reason="OutOfMemoryError: killed"), "OutOfMemory")
        self.assertEqual(self.ends(**arn, exit=137, code="UserInitiated", reason="by a person"), "TaskStopped")
        self.assertEqual(self.ends(**arn, exit=137, code="SpotInterruption"), "TaskLost")
        self.assertEqual(self.ends(**arn, exit=3, code="EssentialContainerExited"), "TaskLost")
        self.assertEqual(self.ends(**arn, code="TaskFailedToStart"), "TaskNotStarted")
        self.assertEqual(self.ends(problem="AmazonECS.Unknown", reason="RESOURCE:ENI"), "TaskNotStarted")
        self.assertEqual(self.ends(problem="States.Timeout", **arn, exit=137), "Timeout")

    def test_a_claim_is_read_with_and_without_quotes(self):
        execution = "arn:aws:states:us-east-1:000000000000:execution:m:e"
        for body in (execution, f'"{execution}"'):
            owner = evaluated(STATES["Read the claim"]["Assign"]["owner"], states={"result": {"Body": body}})
            self.assertEqual(owner, execution)


if __name__ == "__main__":
    unittest.main()
