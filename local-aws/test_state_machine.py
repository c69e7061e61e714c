"""A project's state machine, as the provider defines it, run with a stand-in for the runner."""
import json
import re
import time
import unittest
from pathlib import Path

import test_true_to_aws as local
from test_true_to_aws import ROLE, until

RUN = Path(__file__).parent.parent / "provider/src/run"

# What the runner's contract asks for: outcome.json in its place, and dbt's exit code.
RUNNER = """
import json, os, sys, time, urllib.request
environment = os.environ
commands = json.loads(environment.get("DBT_AWS_COMMANDS", '["dbt build"]'))
kind, code = {"dbt test": ("failed-nodes", 1), "dbt parse": ("dbt-error", 2)}.get(commands[0], ("success", 0))
if commands[0] == "dbt debug":
    time.sleep(600)
if commands[0] == "dbt clean":
    sys.exit(3)
label = json.loads(environment.get("DBT_AWS_ENVIRONMENT", "{}")).get("LABEL")
outcome = {"version": 1, "class": kind, "exitCode": code, "message": "%s: %s %s" % (" and ".join(commands), kind, label)}
if "LABEL" in environment:
    outcome["warnings"] = ["LABEL is a variable of the container"]
place = "shop/prod/runs/%s/%s/outcome.json" % (environment["DBT_AWS_RUN_ID"], environment["DBT_AWS_ATTEMPT"])
url = "%s/%s/%s" % (environment["AWS_ENDPOINT_URL"], environment["BUCKET"], place)
urllib.request.urlopen(urllib.request.Request(url, json.dumps(outcome).encode(), method="PUT"))
sys.exit(code)
"""


def definition(**config):
    """The state machine as the provider makes it, with these in its config."""
    expression = lambda name: "{% " + (RUN / f"expressions/{name[1]}.jsonata").read_text() + " %}"
    text = (RUN / "machine.asl.json").read_text().replace("${partition}", "aws")
    text = re.sub(r'"{% include (\w+) %}"', lambda name: json.dumps(expression(name)), text)
    machine = json.loads(text)
    machine["States"]["Begin"]["Assign"]["config"] = {**json.loads((RUN / "config.example.json").read_text()), **config}
    return machine


class StateMachine(unittest.TestCase):
    """Each way that a run can end."""

    setUpClass = classmethod(local.LocalAws.setUpClass.__func__)
    tearDownClass = classmethod(local.LocalAws.tearDownClass.__func__)

    def setUp(self):
        self.family = f"{self.name}-{self._testMethodName}"
        self.register(self.image)

    def register(self, image, **more):
        """A revision of the task definition."""
        answer = self.ecs.register_task_definition(
            family=self.family, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
            containerDefinitions=[{"name": "dbt", "image": image, "entryPoint": ["python3", "-c"], "command": [RUNNER],
                                   "environment": [{"name": "BUCKET", "value": self.name}], **more}])
        self.addCleanup(self.ecs.deregister_task_definition, taskDefinition=answer["taskDefinition"]["taskDefinitionArn"])

    def machine(self, state="Run dbt", config=None, **changes):
        """The state machine, with other values for what its config and a state of it have."""
        arn = "arn:aws:ecs:us-east-1:000000000000:"
        made = definition(**{"artifactsBucket": self.name, "clusterArn": f"{arn}cluster/{self.name}",
                             "taskDefinitionArn": f"{arn}task-definition/{self.family}", **(config or {})})
        made["States"][state].update(changes)
        arn = self.states.create_state_machine(name=self.family, definition=json.dumps(made), roleArn=ROLE)["stateMachineArn"]
        self.addCleanup(self.states.delete_state_machine, stateMachineArn=arn)
        return arn

    def run_to_the_end(self, machine, **given):
        """What became of an execution with this input."""
        execution = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        return until(lambda: (end := self.states.describe_execution(executionArn=execution))["status"] != "RUNNING" and end)

    def tasks(self):
        """How many tasks of the family there are, ended ones included."""
        return sum(len(self.ecs.list_tasks(cluster=self.name, family=self.family, desiredStatus=status)["taskArns"])
                   for status in ("RUNNING", "STOPPED"))

    def test_success(self):
        end = self.run_to_the_end(self.machine(), commands=["dbt seed", "dbt build"], cpu="512", memory="1024",
                                  environment={"LABEL": "nightly", "NUMBER": 7})
        self.assertEqual(end["status"], "SUCCEEDED", end)
        run = end["name"]
        self.assertEqual(json.loads(end["output"]), {
            "class": "success", "message": "dbt seed and dbt build: success nightly", "warnings": [],
            "artifacts": f"s3://{self.name}/shop/prod/runs/{run}/1/"})

    def test_nothing_given(self):
        end = self.run_to_the_end(self.machine())
        self.assertEqual(json.loads(end["output"])["message"], "dbt build: success None")

    def test_failed_nodes(self):
        end = self.run_to_the_end(self.machine(), commands=["dbt test"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "DbtFailedNodes"))
        self.assertRegex(end["cause"], r"^dbt test: failed-nodes None \(exit code 1\); the log is at https://us-east-1\.console\.aws"
                         r"\.amazon\.com/cloudwatch/\S+log-events/shop\$252Fdbt\$252F[\w-]+ and the artifacts are in "
                         rf"s3://{self.name}/shop/prod/runs/{end['name']}/1/$")

    def test_dbt_error(self):
        end = self.run_to_the_end(self.machine(), commands=["dbt parse"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "DbtError"))

    def test_lost(self):
        end = self.run_to_the_end(self.machine(), commands=["dbt clean"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskLost"))
        self.assertIn("the task ended without saying how the run went (exit code 3)", end["cause"])

    def test_an_outcome_that_cannot_be_read(self):
        machine = self.machine("Read the outcome", Arguments={"Bucket": self.name + "-none", "Key": "outcome.json"})
        end = self.run_to_the_end(machine)
        self.assertEqual((end["status"], end["error"]), ("FAILED", "OutcomeUnreadable"), end)
        self.assertIn("the task has ended (exit code 0), but its outcome.json could not be read: S3.NoSuchBucketException: ", end["cause"])

    def test_not_started(self):
        self.register(self.image.replace(":base", ":none"))
        end = self.run_to_the_end(self.machine())
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)
        self.assertIn("see that the image is there", end["cause"])
        self.assertNotIn("the log is at", end["cause"])
        self.assertLess(len(end["cause"]), 1000)

    def test_without_its_secret(self):
        secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"
        self.register(self.image, secrets=[{"name": "DBT_AWS_WAREHOUSE_SECRET", "valueFrom": secret}])
        end = self.run_to_the_end(self.machine())
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)
        self.assertRegex(end["cause"], rf"unable to retrieve secret {secret} for .*; see that the secret is there")

    def test_an_input_that_cannot_be_meant(self):
        end = self.run_to_the_end(self.machine(), command=["dbt ls"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "InputRefused"), end)
        self.assertEqual(end["cause"], "the input of the execution cannot be used, and nothing was run: "
                         '"command" is not a key of it; did you mean commands?')
        self.assertEqual(self.tasks(), 0)

    def test_where_an_execution_may_change_nothing_a_schedule_still_counts(self):
        machine = self.machine(config={"overrides": "none"})
        end = self.run_to_the_end(machine, commands=["dbt test"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "InputRefused"), end)
        self.assertIn("commands is not for an execution to change: overrides of the project is none", end["cause"])
        given = {"commands": ["dbt seed"], "environment": {"LABEL": "nightly"},
                 "scheduleArn": "<aws.scheduler.schedule-arn>", "scheduledTime": "<aws.scheduler.scheduled-time>"}
        ours, theirs = self.schedule("ours", machine, given), self.schedule("theirs", machine + "-other", given)
        forged = {"commands": ["dbt test"], "scheduledTime": "2026-01-31T06:30:00Z"}
        end = self.run_to_the_end(machine, **forged, scheduleArn=ours)
        self.assertEqual(json.loads(end["output"])["message"], "dbt seed: success nightly", end)
        for _ in range(2):  # no time of the schedule, so none that was run already
            end = self.run_to_the_end(machine, scheduleArn=ours)
            self.assertEqual(json.loads(end["output"])["message"], "dbt seed: success nightly", end)
        end = self.run_to_the_end(machine, **forged, scheduleArn=theirs)
        self.assertIn("scheduleArn is that of a schedule of something else", end["cause"])
        end = self.run_to_the_end(machine, **forged, scheduleArn=ours + "-none")
        self.assertIn("the schedule in scheduleArn could not be read: Scheduler.ResourceNotFoundException: ", end["cause"])

    def schedule(self, name, machine, given):
        """A schedule that does not run by itself; its ARN."""
        name = f"{self.family[:40]}-{name}"
        arn = self.scheduler.create_schedule(
            Name=name, ScheduleExpression="rate(1 hour)", State="DISABLED", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": ROLE, "Input": json.dumps(given)})["ScheduleArn"]
        self.addCleanup(self.scheduler.delete_schedule, Name=name)
        return arn

    def test_no_such_task_definition(self):
        end = self.run_to_the_end(self.machine(config={"taskDefinitionArn": f"{self.family}/none"}))
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)

    def test_an_answer_with_failures_is_tried_again(self):
        retry = definition()["States"]["Run dbt"]["Retry"]
        retry = [{**each, "IntervalSeconds": 1, "MaxAttempts": 1, "JitterStrategy": "NONE"} for each in retry]
        machine = self.machine(config={"subnetIds": ["subnet-full"]}, Retry=retry)
        started = time.monotonic()
        end = self.run_to_the_end(machine)
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)
        self.assertIn("the task did not start: RESOURCE:ENI; the subnets of the tasks have no free address", end["cause"])
        self.assertGreater(time.monotonic() - started, 0.5)

    def test_a_task_that_somebody_stops(self):
        self.register(self.image, stopTimeout=2)
        machine = self.machine()
        execution = self.states.start_execution(stateMachineArn=machine, input=json.dumps({"commands": ["dbt debug"]}))["executionArn"]
        running = lambda: self.ecs.list_tasks(cluster=self.name, family=self.family, desiredStatus="RUNNING")["taskArns"]
        (task,) = until(running)
        until(lambda: self.ecs.describe_tasks(cluster=self.name, tasks=[task])["tasks"][0]["lastStatus"] == "RUNNING")
        self.ecs.stop_task(cluster=self.name, task=task, reason="by a person")
        end = until(lambda: (end := self.states.describe_execution(executionArn=execution))["status"] != "RUNNING" and end)
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskStopped"), end)
        self.assertIn("without saying how the run went (exit code 137): by a person; start the run again", end["cause"])

    def test_out_of_time(self):
        end = self.run_to_the_end(self.machine(TimeoutSeconds="{% 3 %}"), commands=["dbt debug"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "Timeout"), end)
        until(lambda: not self.ecs.list_tasks(cluster=self.name, family=self.family, desiredStatus="RUNNING")["taskArns"])

    def test_a_time_is_run_once(self):
        machine = self.machine()
        given = {"commands": ["dbt seed", "dbt build"],
                 "scheduleArn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly",
                 "scheduledTime": "2026-01-31T06:30:00Z"}
        first, second = (self.run_to_the_end(machine, **given) for _ in range(2))
        self.assertEqual((first["status"], second["status"]), ("SUCCEEDED", "SUCCEEDED"), second)
        self.assertEqual(json.loads(first["output"])["message"], "dbt seed and dbt build: success None")
        self.assertEqual(json.loads(second["output"]), {
            "class": "duplicate", "message": "another execution has this scheduled time", "execution": first["executionArn"]})
        self.assertEqual(self.tasks(), 1)
        later = self.run_to_the_end(machine, **{**given, "scheduledTime": "2026-02-01T06:30:00Z"})
        self.assertEqual(json.loads(later["output"])["class"], "success")

    def test_a_repeated_claim_passes(self):
        """A claim whose answer was lost is asked for again and found to be one's own."""
        machine, execution = self.machine(), "again" + str(time.time_ns())
        arn = machine.replace(":stateMachine:", ":execution:") + ":" + execution
        given = {"scheduleArn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/again",
                 "scheduledTime": "2026-01-31T06:30:00Z"}
        self.s3.put_object(Bucket=self.name, Key="shop/prod/claims/default/again/2026-01-31T06:30:00Z", Body=arn)
        self.states.start_execution(stateMachineArn=machine, name=execution, input=json.dumps(given))
        end = until(lambda: (end := self.states.describe_execution(executionArn=arn))["status"] != "RUNNING" and end)
        self.assertEqual(json.loads(end["output"])["class"], "success", end)
        # Another's name may begin with it.
        self.s3.put_object(Bucket=self.name, Key="shop/prod/claims/default/again/2026-01-31T06:30:00Z", Body=f'"{arn}0"')
        other = self.run_to_the_end(machine, **given)
        self.assertEqual(json.loads(other["output"])["execution"], arn + "0")

    def test_a_claim_is_tried_again_and_says_why_it_failed(self):
        machine = self.machine("Claim the time", Arguments={"Bucket": self.name + "-none", "Key": "claim", "Body": ""})
        given = {"scheduleArn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/none",
                 "scheduledTime": "2026-01-31T06:30:00Z"}
        execution = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        end = until(lambda: (end := self.states.describe_execution(executionArn=execution))["status"] != "RUNNING" and end)
        self.assertEqual((end["status"], end["error"]), ("FAILED", "ClaimFailed"), end)
        self.assertIn("so that it is not run twice: S3.NoSuchBucketException: ", end["cause"])
        history = self.states.get_execution_history(executionArn=execution)["events"]
        entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
        self.assertEqual(entered.count("Claim the time"), 4)

    def test_a_claim_that_cannot_be_read(self):
        self.s3.put_object(Bucket=self.name, Key="shop/prod/claims/default/taken/2026-01-31T06:30:00Z", Body="another")
        machine = self.machine("Read the claim", Arguments={"Bucket": self.name + "-none", "Key": "claim"})
        end = self.run_to_the_end(machine, scheduleArn="arn:aws:scheduler:us-east-1:000000000000:schedule/default/taken",
                                  scheduledTime="2026-01-31T06:30:00Z")
        self.assertEqual((end["status"], end["error"]), ("FAILED", "ClaimFailed"), end)
        self.assertRegex(end["cause"], r"(?s)run twice: S3\.S3Exception: .*; nor could the claim be read: S3\.NoSuchBucketException: ")


if __name__ == "__main__":
    unittest.main()
