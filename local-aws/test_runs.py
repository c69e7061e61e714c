"""Runs from their start to what is told of their end, on the state machines that the provider makes."""
import json
import subprocess
import time
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from machines import until
from runs import Runs

TIME = {"schedule": "nightly", "scheduleArn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly", "scheduledTime": "2026-01-31T06:30:00Z"}


class Ends(Runs, unittest.TestCase):
    """Every run ends once, however it ends, and leaves the lock free."""

    def failed(self, kind):
        return f"{self.project} by hand failed: {kind}"

    def test_success(self):
        end = self.run_to_the_end(self.project_machine(config={"notify": {"emails": True, "on": ["success"], "topicArns": []}}))
        event = self.assert_ended(end["executionArn"], "success", [f"{self.project} by hand succeeded"])
        self.assertEqual((event["message"], event["attempts"], event["events"]), ("dbt build: success None", 1, ["success"]))

    def test_failed_nodes(self):
        end = self.run_to_the_end(self.project_machine(config={"retry": {"attempts": 0, "failedNodes": 1}}), commands=["dbt test"])
        self.assertEqual((end["status"], end["error"]), ("FAILED", "DbtFailedNodes"))
        event = self.assert_ended(end["executionArn"], "failed-nodes", [self.failed("failed-nodes")])
        self.assertEqual((event["failedNodes"], event["attempts"]), (["model.a", "model.b"], 2))
        self.assertIn(f"dbt test: failed-nodes None, continued from runs/{end['name']}/1 (exit code 1)", event["message"])
        text = self.mailbox()[-1]["text"]
        for line in ("- model.a: Database Error", "- and 1 more", f"Artifacts: s3://{self.name}/{self.prefix}/runs/{end['name']}/2/"):
            self.assertIn(line, text.splitlines())

    def test_not_started(self):
        self.register(self.image.replace(":base", ":later"))
        machine = self.project_machine(config={"retry": {"attempts": 2, "failedNodes": 0}})
        execution = self.start_machine(machine)
        until(lambda: self.tasks("STOPPED"))
        (base,) = self.ecr.batch_get_image(repositoryName=self.name, imageIds=[{"imageTag": "base"}])["images"]
        self.ecr.put_image(repositoryName=self.name, imageTag="later", imageManifest=base["imageManifest"])
        self.assertEqual(self.end(execution)["status"], "SUCCEEDED")
        event = self.assert_ended(execution, "success")
        self.assertEqual((event["message"], event["attempts"]), ("dbt build: success None", len(self.tasks())))
        self.assertIn(event["attempts"], (2, 3))

    def test_connection(self):
        machine = self.project_machine(config={"retry": {"attempts": 1, "failedNodes": 0}})
        end = self.run_to_the_end(machine, commands=["dbt list"])
        event = self.assert_ended(end["executionArn"], "success")
        self.assertEqual((event["message"], event["attempts"]), (f"dbt list: success None, continued from runs/{end['name']}/1", 2))

    def test_lost(self):
        machine = self.project_machine(config={"retry": {"attempts": 1, "failedNodes": 0}})
        execution = self.start_machine(machine, {"commands": ["dbt debug"]})
        task = self.running().rpartition("/")[2]
        containers = subprocess.run(["docker", "ps", "-q", "--filter", f"name={task[:8]}"], check=True, capture_output=True, text=True)
        subprocess.run(["docker", "kill", *containers.stdout.split()], check=True, capture_output=True)
        name = self.end(execution)["name"]
        event = self.assert_ended(execution, "success")
        self.assertEqual((event["message"], event["attempts"]), (f"dbt debug: success None, continued from runs/{name}/1", 2))

    def test_stopped(self):
        self.register(self.image, stopTimeout=60)
        machine = self.project_machine(config={"overlap": "queue"})
        first = self.start_machine(machine, {"commands": ["dbt snapshot"]})
        self.running()
        second = self.start_machine(machine)
        until(lambda: self.items("lock")[0]["waiting"]["S"] != "[]")
        self.states.stop_execution(executionArn=first, error="Enough", cause="too dear")
        stopped = time.time()
        third = self.start_machine(machine)
        ends = [self.end(execution) for execution in (first, second, third)]
        self.assertEqual([end["status"] for end in ends], ["ABORTED", "SUCCEEDED", "SUCCEEDED"])
        self.told(5)
        ended = self.read_object(ends[0]["name"], "end")
        self.assertGreater(ended, stopped + 1)
        for other in ends[1:]:
            self.assertGreater(self.read_object(other["name"], "begin"), ended)
        self.assertEqual(self.classes(), {"cancelled": 1, "success": 2})
        self.assertEqual([event["message"] for event in self.heard if event["class"] == "cancelled"], ["the execution was stopped: Enough: too dear"])
        self.assertEqual([self.items("lock")[0][name]["S"] for name in ("holder", "waiting")], ["", "[]"])
        self.assertEqual(self.mails()[0], self.failed("cancelled"))

    def test_an_error_of_the_definition(self):
        machine = self.project_machine("Begin the attempts", Assign={"until": "{% $nothing.of.it %}"})
        end = self.run_to_the_end(machine)
        self.assertEqual((end["status"], end["error"]), ("FAILED", "States.QueryEvaluationError"))
        event = self.assert_ended(end["executionArn"], "internal", [self.failed("internal")], tellers=1)
        self.assertRegex(event["message"], "^the execution failed: States.QueryEvaluationError: ")
        self.assertEqual(self.tasks(), [])

    def test_out_of_its_own_time(self):
        self.register(self.image, stopTimeout=2)
        end = self.run_to_the_end(self.project_machine(top={"TimeoutSeconds": 4}), commands=["dbt debug"])
        self.assertEqual(end["status"], "TIMED_OUT")
        self.assert_ended(end["executionArn"], "timed-out", [self.failed("timed-out")], tellers=1)
        self.assertEqual(self.tasks("RUNNING"), [])

    def test_a_time_that_is_delivered_twice(self):
        machine = self.project_machine()
        ends = [self.end(each) for each in [self.start_machine(machine, TIME) for _ in range(2)]]
        self.assertEqual([end["status"] for end in ends], ["SUCCEEDED"] * 2)
        (first,) = [end for end in ends if '"duplicate"' not in end["output"]]
        event = self.assert_ended(first["executionArn"], "success", tellers=3)
        self.assertEqual((event["schedule"], event["scheduledTime"], len(self.tasks())), ("nightly", TIME["scheduledTime"], 1))

    def test_failures_and_a_recovery(self):
        machine = self.project_machine()
        for number, command in enumerate(("dbt test", "dbt parse", "dbt build", "dbt build")):
            self.run_to_the_end(machine, commands=[command])
            # What a run tells of itself has ended, before the next one is compared with it.
            until(lambda: len(self.on_the_bus()) > number)
        self.told(8)
        self.assertEqual(self.mails(), [self.failed("failed-nodes"), self.failed("configuration"), f"{self.project} by hand succeeds again"])
        self.assertEqual([event["events"] for event in self.heard], [["failure"], ["failure"], ["recovery", "success"], ["success"]])
        self.assertEqual([run["class"] for run in self.shown()], ["success", "success", "configuration", "failed-nodes"])
        self.assertEqual({run["runId"] for run in self.shown()}, {event["runId"] for event in self.heard})
        counted = [self.counted("Runs", Class=kind) for kind in ("success", "configuration", "failed-nodes")]
        self.assertEqual([*counted, self.counted("FailedNodes"), self.counted("Nodes")], [2, 1, 1, 2, 12])


class AtOnce(Runs, unittest.TestCase):
    """Many runs of one project, started at once. However slow the machine is, the first has the lock until the others did what is awaited."""

    def start(self, count, awaited, **config):
        """How many had the lock at once, were waiting for it, and ended in each class."""
        machine = self.project_machine(config=config)
        with ThreadPoolExecutor(count) as threads:
            started = list(threads.map(lambda _: self.start_machine(machine, {"commands": ["dbt run"]}), range(count)))
        until(awaited, seconds=180)
        self.s3.put_object(Bucket=self.name, Key=f"{self.prefix}/told")
        self.assertEqual({self.end(each, seconds=180)["status"] for each in started}, {"SUCCEEDED"})
        self.told(2 * count)
        self.assertEqual([self.items("lock")[0][name]["S"] for name in ("holder", "waiting")], ["", "[]"])
        classes, ways = self.classes(), Counter(way for each in started for way in pairwise(self.entered(each)))
        self.assertEqual((len(self.spans()), len(self.tasks()), sum(classes.values())), (classes["success"], classes["success"], count))
        return *(ways[state, "Begin the attempts"] for state in ("Take the lock", "Wait for the lock")), classes

    def skipped(self, count):
        return lambda: sum(each["class"]["S"] == "skipped" for each in self.items("run#")) >= count

    def waiting(self, count):
        return lambda: any(len(json.loads(lock["waiting"]["S"])) >= count for lock in self.items("lock"))

    def entered(self, execution):
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event["stateEnteredEventDetails"]["name"] for page in pages for event in page["events"] if "stateEnteredEventDetails" in event]

    def test_others_are_skipped(self):
        self.assertEqual(self.start(50, self.skipped(49), overlap="skip"), (1, 0, {"success": 1, "skipped": 49}))

    def test_others_wait(self):
        # The rest come while the lock is handed on.
        at_once, waiting, classes = self.start(12, self.waiting(6), overlap="queue")
        self.assertEqual((at_once + waiting, classes), (12, {"success": 12}))
        self.assertGreaterEqual(waiting, 6)

    def test_others_wait_in_vain(self):
        # The rest are handed the lock while their time ends.
        at_once, waiting, classes = self.start(12, self.skipped(2), overlap="queue", queueMinutes=0.1)
        self.assertEqual((at_once + waiting, 12 - classes["skipped"]), (classes["success"],) * 2)
        self.assertGreaterEqual(classes["skipped"], 2)


if __name__ == "__main__":
    unittest.main()
