"""A project's state machine, as the provider defines it, run with a stand-in for the runner."""
import json
import time
import unittest

from machines import ROLE
from runs import Runs, read


class StateMachine(Runs, unittest.TestCase):
    """Each way that a run can end."""

    def test_success(self):
        end = self.run_to_the_end(self.project_machine(), commands=["dbt seed", "dbt build"], cpu="512", memory="1024",
                                  environment={"LABEL": "nightly", "NUMBER": 7})
        self.assertEqual(end["status"], "SUCCEEDED", end)
        run = end["name"]
        self.assertEqual(json.loads(end["output"]), {
            "class": "success", "message": "dbt seed and dbt build: success nightly", "warnings": [], "attempts": 1,
            "counts": {}, "slowest": [], "seconds": {}, "artifacts": f"s3://{self.name}/{self.prefix}/runs/{run}/1/"})

    def test_nothing_given(self):
        end = self.run_to_the_end(self.project_machine())
        self.assertEqual(json.loads(end["output"])["message"], "dbt build: success None")

    def test_failed_nodes(self):
        end = self.run_to_the_end(self.project_machine(), commands=["dbt test"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "DbtFailedNodes"))
        self.assertRegex(end["cause"], r"^dbt test: failed-nodes None \(exit code 1\); the log is at https://us-east-1\.console\.aws"
                         r"\.amazon\.com/cloudwatch/\S+log-events/shop\$252Fdbt\$252F[\w-]+ and the artifacts are in "
                         rf"s3://{self.name}/{self.prefix}/runs/{end['name']}/1/$")

    def test_dbt_error(self):
        end = self.run_to_the_end(self.project_machine(), commands=["dbt parse"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "DbtError"))

    def test_lost(self):
        end = self.run_to_the_end(self.project_machine(), commands=["dbt clean"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskLost"))
        self.assertIn("the task ended without saying how the run went (exit code 3)", end["cause"])

    def test_an_outcome_that_cannot_be_read(self):
        machine = self.project_machine("Read the outcome", Arguments={"Bucket": self.name + "-none", "Key": "outcome.json"})
        end = self.run_to_the_end(machine)
        self.assertEqual((end["status"], end["error"]), ("FAILED", "OutcomeUnreadable"), end)
        self.assertIn("the task has ended (exit code 0), but its outcome.json could not be read: S3.NoSuchBucketException: ", end["cause"])

    def test_not_started(self):
        self.register(self.image.replace(":base", ":none"))
        end = self.run_to_the_end(self.project_machine())
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)
        self.assertIn("see that the image is there", end["cause"])
        self.assertNotIn("the log is at", end["cause"])
        self.assertLess(len(end["cause"]), 1000)

    def test_without_its_secret(self):
        secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"
        self.register(self.image, secrets=[{"name": "DBT_AWS_WAREHOUSE_SECRET", "valueFrom": secret}])
        end = self.run_to_the_end(self.project_machine())
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)
        self.assertRegex(end["cause"], rf"unable to retrieve secret {secret} for .*; see that the secret is there")

    def test_without_its_first_container_dbt_does_not_begin(self):
        self.register(self.image, first="dbt parse")
        end = self.run_to_the_end(self.project_machine(), commands=["dbt seed"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "DbtError"), end)
        self.assertIn("log-events/shop$252Frole$252F", end["cause"])
        self.register(self.image, first="dbt list")  # which finds no connection at first
        end = self.run_to_the_end(self.project_machine(config={"retry": {"attempts": 1, "failedNodes": 0}}), commands=["dbt seed"])
        found = json.loads(end["output"])
        self.assertEqual((found["message"], found["attempts"]), ("dbt seed: success None", 2))

    def test_an_input_that_cannot_be_meant(self):
        end = self.run_to_the_end(self.project_machine(), command=["dbt ls"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "InputRefused"), end)
        self.assertEqual(end["cause"], "the input of the execution cannot be used, and nothing was run: "
                         '"command" is not a key of it; did you mean commands?')
        self.assertEqual(self.tasks(), [])

    def test_where_an_execution_may_change_nothing_a_schedule_still_counts(self):
        machine = self.project_machine(config={"overrides": "none"})
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
        end = self.run_to_the_end(self.project_machine(config={"taskDefinitionArn": f"{self.family}/none"}))
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)

    def test_an_answer_with_failures_is_tried_again(self):
        retry = {"attempts": 1, "failedNodes": 0}
        end = self.run_to_the_end(self.project_machine(config={"subnetIds": ["subnet-full"], "retry": retry}))
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskNotStarted"), end)
        self.assertIn("the task did not start: RESOURCE:ENI; the subnets of the tasks have no free address", end["cause"])
        self.assertIn("(attempt 2 of the run)", end["cause"])

    def test_a_task_that_somebody_stops(self):
        self.register(self.image, stopTimeout=2)
        machine = self.project_machine()
        execution = self.start_machine(machine, {"commands": ["dbt debug"]})
        self.ecs.stop_task(cluster=self.name, task=self.running(), reason="by a person")
        end = self.end(execution)
        self.assertEqual((end["status"], end["error"]), ("FAILED", "TaskStopped"), end)
        self.assertIn("without saying how the run went (exit code 137): by a person; start the run again", end["cause"])

    def test_out_of_time(self):
        end = self.run_to_the_end(self.project_machine(TimeoutSeconds="{% 3 %}"), commands=["dbt debug"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "Timeout"), end)
        self.assertEqual(self.tasks("RUNNING"), [])

    def test_a_time_is_run_once(self):
        machine = self.project_machine()
        given = {"commands": ["dbt seed", "dbt build"],
                 "scheduleArn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly",
                 "scheduledTime": "2026-01-31T06:30:00Z"}
        first, second = (self.run_to_the_end(machine, **given) for _ in range(2))
        self.assertEqual((first["status"], second["status"]), ("SUCCEEDED", "SUCCEEDED"), second)
        self.assertEqual(json.loads(first["output"])["message"], "dbt seed and dbt build: success None")
        self.assertEqual(json.loads(second["output"]), {
            "class": "duplicate", "message": "another execution has this scheduled time", "execution": first["executionArn"]})
        self.assertEqual(len(self.tasks()), 1)
        later = self.run_to_the_end(machine, **{**given, "scheduledTime": "2026-02-01T06:30:00Z"})
        self.assertEqual(json.loads(later["output"])["class"], "success")

    def claim(self, schedule, execution):
        """Who has the time of a schedule, written as a run's machine does."""
        key = f"claim#default/{schedule}#2026-01-31T06:30:00Z"
        self.dynamodb.put_item(TableName=self.name, Item={name: {"S": value} for name, value in (("pk", self.prefix), ("sk", key), ("execution", execution))})
        return {"schedule": schedule, "scheduleArn": f"arn:aws:scheduler:us-east-1:000000000000:schedule/default/{schedule}", "scheduledTime": "2026-01-31T06:30:00Z"}

    def test_a_repeated_claim_passes(self):
        """A claim whose answer was lost is asked for again and found to be one's own."""
        machine, execution = self.project_machine(), "again" + str(time.time_ns())
        arn = machine.replace(":stateMachine:", ":execution:") + ":" + execution
        end = self.end(self.start_machine(machine, self.claim("again", arn), name=execution))
        self.assertEqual(json.loads(end["output"])["class"], "success", end)
        # Another's name may begin with it.
        other = self.run_to_the_end(machine, **self.claim("again", arn + "0"))
        self.assertEqual(json.loads(other["output"])["execution"], arn + "0")

    def test_a_claim_that_is_refused(self):
        for state, says in (("Claim the time", "so that it is not run twice: DynamoDb.ResourceNotFoundException: "), ("Read the claim", None)):
            with self.subTest(state):
                arguments = {**read("machine")["States"][state]["Arguments"], "TableName": self.name + "-none"}
                end = self.run_to_the_end(self.project_machine(state, Arguments=arguments), **self.claim("taken", "another"))
                if says:
                    self.assertEqual((end["status"], end["error"]), ("FAILED", "ClaimFailed"), end)
                    self.assertIn(says, end["cause"])
                else:
                    self.assertEqual(json.loads(end["output"]), {"class": "duplicate", "message": "another execution has this scheduled time"})

    def test_a_lock_that_cannot_be_read(self):
        arguments = {**read("machine")["States"]["Read the lock"]["Arguments"], "TableName": self.name + "-none"}
        end = self.run_to_the_end(self.project_machine("Read the lock", Arguments=arguments))
        self.assertEqual((end["status"], end["error"]), ("FAILED", "LockFailed"), end)
        self.assertEqual(self.tasks(), [])


if __name__ == "__main__":
    unittest.main()
