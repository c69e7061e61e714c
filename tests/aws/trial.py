"""The smallest platform with a warehouse in an AWS account: how runs end, what AWS alone can tell, and that nothing is
left. A trial that was cut off is removed by the next."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from inventory import inventory

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("DBT_AWS_CACHE") or Path.home() / ".cache" / "dbt-aws")
ACCOUNT = os.environ["DBT_AWS_TEST_ACCOUNT"]
MODE = 'import os, stat; s = os.stat("/tmp"); print("/tmp is %o of %d, we are %d" % (stat.S_IMODE(s.st_mode), s.st_uid, os.getuid()))'
FAMILY = "dbt-aws-trial-probe"
TIME = "2026-01-31T06:30:00Z"
REPORT = []


class Failure(Exception):
    """What is not as it should be."""


def note(what, found):
    """A line of the report."""
    REPORT.append((what, found))
    print(f"  {what}: {found}", flush=True)


@contextlib.contextmanager
def step(title):
    """A step that says how long it took."""
    print(f"== {title}", flush=True)
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:7.1f} s  {title}", flush=True)


def until(ask, what, minutes=20):
    """Asks until the answer is truthy."""
    deadline = time.monotonic() + 60 * minutes
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {minutes} minutes")
        time.sleep(2)
    return answer


class Trial:
    """The stack, in a folder that outlives a run that is cut off."""

    def __init__(self):
        self.folder = CACHE / "test-aws" / f"{ACCOUNT}-{os.environ['AWS_REGION']}"
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        shutil.copytree(HERE, self.folder / "program", dirs_exist_ok=True)
        plugin = {"name": "dbt-aws", "path": str(Path(shutil.which("pulumi-resource-dbt-aws")).parent)}
        with (self.folder / "program/Pulumi.yaml").open("a") as program:
            program.write(f"plugins:\n  providers:\n    - {json.dumps(plugin)}\n")
        self.environment = {**os.environ, "PULUMI_BACKEND_URL": f"file://{self.folder}/state", "PULUMI_CONFIG_PASSPHRASE": "trial"}
        self.pulumi("stack", "select", "--create", "trial")
        self.clients, self.out = {}, {}

    def pulumi(self, *arguments):
        """Runs Pulumi; its output."""
        shown = arguments[0] in ("up", "destroy")
        child = subprocess.Popen(["pulumi", *arguments, "--non-interactive", "--color=never"], cwd=self.folder / "program", text=True,
                                 env=self.environment, stdout=None if shown else subprocess.PIPE, start_new_session=True)
        try:
            output, _ = child.communicate()
        except BaseException:
            # The engine ends what is under way, and keeps what is made in its state.
            os.killpg(child.pid, signal.SIGINT)
            child.wait()
            raise
        if child.returncode:
            raise Failure(f"pulumi {arguments[0]} ended with exit code {child.returncode}; its state is in {self.folder}")
        return output

    def aws(self, service):
        """A client, independent of the provider. An emulator has one host name."""
        if service not in self.clients:
            config = Config(inject_host_prefix="AWS_ENDPOINT_URL" not in os.environ)
            self.clients[service] = boto3.client(service, config=config)
        return self.clients[service]

    def up(self):
        """Makes the platform and the project."""
        self.pulumi("config", "set", "--stack=trial", "baseImage", os.environ.get("DBT_AWS_BASE_IMAGE", ""))
        self.pulumi("up", "--stack=trial", "--yes", "--skip-preview", "--suppress-progress")
        self.out = json.loads(self.pulumi("stack", "output", "--stack=trial", "--json"))

    def ids(self):
        """The ids of the stack's objects."""
        state = json.loads(self.pulumi("stack", "export", "--stack=trial"))["deployment"].get("resources") or []
        ids = {each["id"].rpartition("/")[2] for each in state if each.get("custom") and each["type"].startswith("dbt-aws:")}
        return {each for each in ids if len(each) > 8}

    def destroy(self):
        """Ends what runs, removes all, and says what is left."""
        with contextlib.suppress(ClientError):
            machine = self.out.get("machine")
            for each in machine and self.aws("stepfunctions").list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"] or ():
                self.aws("stepfunctions").stop_execution(executionArn=each["executionArn"])
        for arn in self.aws("ecs").list_task_definitions(familyPrefix=FAMILY)["taskDefinitionArns"]:
            self.aws("ecs").deregister_task_definition(taskDefinition=arn)
        made = self.ids()
        self.pulumi("destroy", "--stack=trial", "--yes", "--skip-preview", "--suppress-progress")
        if left := sorted(each for each in inventory() if any(name in each[1] for name in made)):
            raise Failure(f"left after pulumi destroy: {left}")
        shutil.rmtree(self.folder)

    def start(self, commands, **more):
        """Starts a run; the execution's ARN."""
        given = json.dumps({"commands": commands, **more})
        return self.aws("stepfunctions").start_execution(stateMachineArn=self.out["machine"], input=given)["executionArn"]

    def end(self, execution):
        """How a run ended."""
        ask = self.aws("stepfunctions").describe_execution
        return until(lambda: (now := ask(executionArn=execution))["status"] != "RUNNING" and now, execution)

    def ends(self, what, commands, wanted, **more):
        """A run that ends like that."""
        self.ended(what, self.start(commands, **more), wanted)

    def ended(self, what, execution, wanted):
        """Refuses another end of a run."""
        now = self.end(execution)
        found = json.loads(now["output"])["class"] if now["status"] == "SUCCEEDED" else now.get("error", now["status"])
        note(what, f"{found}: {now.get('cause') or now.get('output')}")
        if found != wanted:
            raise Failure(f"{what} should end with {wanted}, not {found}")

    def stopped(self):
        """A run whose task a person stops."""
        execution = self.start(["dbt run --select slow"])
        name, task = execution.rpartition(":")[2], {}

        def sleeps():
            tasks = self.aws("ecs").list_tasks(cluster=self.out["cluster"])["taskArns"]
            described = self.aws("ecs").describe_tasks(cluster=self.out["cluster"], tasks=tasks)["tasks"] if tasks else []
            task.update(next((each for each in described if each.get("group") == name), {}))
            return task and any("slow" in line and "START" in line for line in self.lines(task["taskArn"]))

        until(sleeps, "the task of a slow run")
        self.aws("ecs").stop_task(cluster=self.out["cluster"], task=task["taskArn"], reason="a trial")
        self.ended("a run that a person stops", execution, "TaskStopped")

    def followed(self):
        """A run of a schedule, which one of the schedule that follows it comes after."""
        states, first, second = self.aws("stepfunctions"), *(self.out["schedules"][name] for name in ("first", "second"))
        self.ends("a run of a schedule", ["dbt run --select orders"], "success", scheduleArn=first)

        def follows():
            executions = states.list_executions(stateMachineArn=self.out["machine"])["executions"]
            described = (states.describe_execution(executionArn=each["executionArn"]) for each in executions)
            return next((each["executionArn"] for each in described if json.loads(each["input"]).get("scheduleArn") == second), None)

        self.ended("the run that follows it", until(follows, "a run that follows", 5), "success")

    def not_started(self):
        """What finish makes of a message such as EventBridge leaves where it could not start a run."""
        sqs, alarms, runs = self.aws("sqs"), self.aws("cloudwatch"), self.aws("dynamodb")
        text = lambda value: {"DataType": "String", "StringValue": value}
        message = sqs.send_message(QueueUrl=self.out["letters"], MessageBody=json.dumps({"scheduleArn": self.out["schedules"]["first"]}),
                                   MessageAttributes={"ERROR_CODE": text("Trial"), "ERROR_MESSAGE": text("a trial")})
        name = self.out["letters"].rpartition("/")[2]
        found = [alarm for page in alarms.get_paginator("describe_alarms").paginate() for alarm in page["MetricAlarms"]
                 if {"Name": "QueueName", "Value": name} in alarm["Dimensions"]]
        # Of itself it goes off some minutes later.
        alarms.set_alarm_state(AlarmName=found[0]["AlarmName"], StateValue="ALARM", StateReason="a trial")
        wanted = f"not-started-{message['MessageId']}"

        def recorded():
            items = runs.scan(TableName=self.out["table"])["Items"]
            return next((item for item in items if item.get("runId", {}).get("S") == wanted), None)

        record = until(recorded, "the record of a run that was not started", 5)
        note("a run that was not started", record["message"]["S"])
        if (record["class"]["S"], record["schedule"]["S"]) != ("not-started", "first"):
            raise Failure(f"a run that was not started is recorded as {record}")

    def lines(self, task):
        """The lines that a task has logged."""
        logs, suffix = self.aws("logs"), task.rpartition("/")[2]
        streams = logs.get_paginator("describe_log_streams").paginate(logGroupName=self.out["logs"])
        names = [each["logStreamName"] for page in streams for each in page["logStreams"] if each["logStreamName"].endswith(suffix)]
        return [event["message"] for name in names
                for event in logs.get_log_events(logGroupName=self.out["logs"], logStreamName=name, startFromHead=True)["events"]]

    def probe(self):
        """What a task finds where dbt runs, and whether its definition may be named by an ARN without revision."""
        ecs = self.aws("ecs")
        definition = ecs.describe_task_definition(taskDefinition=self.out["task"])["taskDefinition"]
        kept = ("taskRoleArn", "executionRoleArn", "networkMode", "volumes", "requiresCompatibilities", "cpu", "memory", "runtimePlatform")
        containers = [{**each, "entryPoint": ["python3", "-c"], "command": [MODE]} for each in definition["containerDefinitions"]]
        arn = ecs.register_task_definition(family=FAMILY, containerDefinitions=containers, **{
            key: definition[key] for key in kept if definition.get(key)})["taskDefinition"]["taskDefinitionArn"]
        network = {"subnets": self.out["subnets"], "securityGroups": [self.out["group"]], "assignPublicIp": "ENABLED"}
        run = {"cluster": self.out["cluster"], "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": network}}
        try:
            answer, word = ecs.run_task(taskDefinition=arn.rpartition(":")[0], **run), "taken"
        except ClientError as error:
            answer, word = ecs.run_task(taskDefinition=arn, **run), f"refused: {error}"
        note("the ARN of a task definition without revision", word)
        task = answer["tasks"][0]["taskArn"]
        ask = ecs.describe_tasks
        until(lambda: ask(cluster=self.out["cluster"], tasks=[task])["tasks"][0]["lastStatus"] == "STOPPED", "the probe's task")
        with contextlib.suppress(Failure):
            until(lambda: self.lines(task), "the probe's log", 2)
        note("the mode of /tmp in a task", "; ".join(line.strip() for line in self.lines(task)) or "the task logged nothing")
        self.first_fails(containers, run, {key: definition[key] for key in kept if definition.get(key)})

    def first_fails(self, containers, run, definition):
        """What becomes of a task whose first container fails, so that dbt's cannot start."""
        ecs, failing = self.aws("ecs"), [{**each, "command": ["exit(3)"]} if each["name"] == "role" else each for each in containers]
        arn = ecs.register_task_definition(family=FAMILY, containerDefinitions=failing, **definition)["taskDefinition"]["taskDefinitionArn"]
        task = ecs.run_task(taskDefinition=arn, **run)["tasks"][0]["taskArn"]
        describe = lambda: ecs.describe_tasks(cluster=self.out["cluster"], tasks=[task])["tasks"][0]
        until(lambda: describe()["lastStatus"] == "STOPPED", "a task whose first container fails")
        found = describe()
        each = [f"{container['name']}: {container.get('exitCode')} {container.get('reason', '')}" for container in found["containers"]]
        note("a task whose first container fails", f"{found.get('stopCode')}: {found.get('stoppedReason')}; {'; '.join(each)}")

    def queries(self):
        """What an expression that fails comes to in each place of a state."""
        states = self.aws("stepfunctions")
        role = states.describe_state_machine(stateMachineArn=self.out["machine"])["roleArn"]
        bucket, _, prefix = self.out["artifacts"].removeprefix("s3://").partition("/")
        broken, caught = {"broken": "{% $parse('{') %}"}, {"ErrorEquals": ["States.ALL"], "Next": "Caught"}
        for place, key, more in (
                ("Assign of a state", "latest/run_results.json", {"Assign": broken, "Catch": [caught]}),
                ("Assign of a catcher", "runs/none", {"Catch": [{**caught, "Assign": broken}]}),
                ("Assign that comes to nothing", "latest/run_results.json", {"Assign": {"broken": "{% $nothing %}"}, "Catch": [caught]})):
            state = {"Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
                     "Arguments": {"Bucket": bucket, "Key": f"{prefix}/{key}"}, "End": True, **more}
            try:
                answer = states.test_state(definition=json.dumps(state), roleArn=role, input="{}")
                found = " ".join(str(answer[name]) for name in ("status", "nextState", "error", "cause") if answer.get(name))
            except (ClientError, BotoCoreError) as error:
                found = f"could not be asked: {error}"
            note(f"a query that fails in the {place}", found[:300])


def trial(stack):
    """All of it."""
    with step("pulumi up"):
        stack.up()
    with step("runs"):
        stack.ends("a good run", ["dbt run --select orders"], "success")
        stack.ends("a run that fails", ["dbt test --select broken"], "DbtFailedNodes")
        stack.stopped()
        stack.followed()
        stack.not_started()
        region, account = stack.out["machine"].split(":")[3:5]
        at = {"scheduleArn": f"arn:aws:scheduler:{region}:{account}:schedule/default/trial", "scheduledTime": TIME}
        stack.ends("a time of a schedule", ["dbt run --select orders"], "success", **at)
        stack.ends("the same time again", ["dbt run --select orders"], "duplicate", **at)
    with step("what AWS alone can tell"):
        stack.probe()
        stack.queries()


def agreed():
    """Refuses another account than the one that was named."""
    if not os.environ.get("AWS_REGION"):
        raise Failure("there is no region: set AWS_REGION")
    found = boto3.client("sts").get_caller_identity()["Account"]
    if found != ACCOUNT:
        raise Failure(f"the credentials are of the account {found}, and DBT_AWS_TEST_ACCOUNT is {ACCOUNT}: nothing was made")


def ignore_signals():
    """Lets nothing end the removal."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def stop(number, _):
    """Ends what is under way, once; what was made is then removed."""
    ignore_signals()
    raise Failure(f"stopped by {signal.Signals(number).name}")


def main():
    """Runs the trial, and removes it however it went; the exit code."""
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    failures = []

    def attempt(run):
        try:
            run()
        except (Failure, ClientError, BotoCoreError) as failure:
            failures.append(str(failure))
        except Exception:  # what is made must be removed whatever went wrong
            failures.append(traceback.format_exc())

    attempt(agreed)
    if not failures:
        stack = Trial()
        if stack.ids():
            with step("what an earlier trial left"):
                attempt(stack.destroy)
            stack = Trial()
        if not failures:
            attempt(lambda: trial(stack))
        ignore_signals()
        with step("pulumi destroy"):
            attempt(stack.destroy)
    print("\nreport")
    for what, found in REPORT:
        print(f"  {what}: {found}")
    print("\n".join(f"failed: {each}" for each in failures) or "everything was as expected, and nothing is left")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
