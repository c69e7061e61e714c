"""The whole product on this machine: a schedule runs dbt on AWS, and in the end nothing is left.

Run it with `make demo`; `make demo KEEP=1` leaves it standing. Exit code 1 and the reason, where anything is not as expected.
"""
import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
import urllib.request
from collections import Counter
from pathlib import Path

import boto3
import psycopg2
from botocore.exceptions import BotoCoreError, ClientError

from inventory import KINDS, inventory
from webhook import Webhook

ROOT = Path(__file__).resolve().parent.parent
LOCAL_AWS = ROOT / "local-aws" / "local-aws"
CACHE = Path(os.environ.get("DBT_AWS_CACHE") or Path.home() / ".cache" / "dbt-aws")
EXAMPLES = CACHE / "demo" / "examples"
PROGRAM = EXAMPLES / "typescript"
MODEL = EXAMPLES / "jaffle-shop" / "models" / "marts" / "mart_customer_revenue.sql"
# What fails as long as a table of the database says so.
CHECKED = "select 1 / works as works from {{ target.schema }}.demo_switch\n"
STACK = "demo"
ADDRESS = "data@example.com"
KEEP = bool(os.environ.get("KEEP"))

# What the program does not make, and must not leave either.
UNMADE = {"database snapshots"}


class Failure(Exception):
    """What is not as it should be."""


def check(condition, reason):
    if not condition:
        raise Failure(reason)


@contextlib.contextmanager
def step(title):
    """A step that says what it does, and then how long it took."""
    print(f"\n== {title}")
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:7.1f} s  {title}")


def run(*command, cwd=ROOT):
    """Runs a command to its end. Interrupted, it lets the command clean up first."""
    child = subprocess.Popen([str(word) for word in command], cwd=cwd, start_new_session=True)
    try:
        code = child.wait()
    except BaseException:
        os.killpg(child.pid, signal.SIGINT)
        child.wait()
        raise
    check(code == 0, f"{' '.join(map(str, command[:3]))} failed with exit code {code}")


def output(*command, cwd=ROOT):
    return subprocess.run([str(word) for word in command], cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def counted(number, kind):
    """A number of things; one of them in the singular."""
    if number == 1:
        kind = f"{kind.removesuffix('ies')}y" if kind.endswith("ies") else kind.removesuffix("s")
    return f"{number} {kind}"


def start_aws(authority):
    """Starts an AWS of our own, whose functions trust an authority, and takes its environment."""
    run(LOCAL_AWS, "down")
    run(LOCAL_AWS, "up", "--authority", authority)
    words = iter(shlex.split(output(LOCAL_AWS, "env")))
    for verb, word in zip(words, words):
        name, _, value = word.partition("=")
        if verb == "unset":
            del os.environ[name]
        else:
            os.environ[name] = value
    # Without it there is no --event-log.
    os.environ["PULUMI_DEBUG_COMMANDS"] = "true"


def prepare_program(webhook):
    """Copies the examples, so that the checkout stays as it is, and installs what the program needs. The program tells
    an address and the webhook, whose URL is in a secret, how runs end."""
    shutil.copytree(ROOT / "examples", EXAMPLES, ignore=shutil.ignore_patterns("node_modules", "venv"))
    plugin = json.dumps({"name": "dbt-aws", "path": str(Path(os.environ["CARGO_TARGET_DIR"]).resolve() / "debug")})
    with (PROGRAM / "Pulumi.yaml").open("a") as project:
        project.write(f"plugins:\n  providers:\n    - {plugin}\n")
    source = (PROGRAM / "index.ts").read_text()
    secret = boto3.client("secretsmanager").create_secret(Name="demo-webhook", SecretString=webhook.url)["ARN"]
    notify = f'{{ emails: ["{ADDRESS}"], webhooks: [{{ secretArn: "{secret}", format: "slack" }}] }}'
    told = source.replace('    path: "../jaffle-shop",', f'    path: "../jaffle-shop",\n    notify: {notify},')
    check(told != source, "the program has no place for who hears of runs")
    (PROGRAM / "index.ts").write_text(told)
    sdk = CACHE / "demo" / "sdk"
    sdk.unlink(missing_ok=True)
    sdk.symlink_to(ROOT / "sdk")
    key = hashlib.sha256((PROGRAM / "package.json").read_bytes() + (ROOT / "sdk" / "key").read_bytes()).hexdigest()[:12]
    modules = CACHE / f"npm-{key}" / "node_modules"
    if not modules.exists():
        run("npm", "install", "--silent", "--no-audit", "--no-fund", cwd=PROGRAM)
        modules.parent.mkdir(exist_ok=True)
        (PROGRAM / "node_modules").rename(modules)
    (PROGRAM / "node_modules").symlink_to(modules)


def pulumi(command):
    """Runs `pulumi up`, `preview` or `destroy`; returns what it does to each resource, as (operation, type) pairs."""
    events = EXAMPLES / f"{command}.json"
    events.unlink(missing_ok=True)
    config = {"baseImage": os.environ["DBT_AWS_BASE_IMAGE"], "cron": "* * * * ? *"}
    run("pulumi", "stack", "select", "--create", STACK, cwd=PROGRAM)
    words = [word for pair in config.items() for word in ("--plaintext", "=".join(pair))]
    run("pulumi", "config", "set-all", "--stack", STACK, *words, cwd=PROGRAM)
    agreed = [] if command == "preview" else ["--yes", "--skip-preview"]
    run("pulumi", command, "--stack", STACK, *agreed, "--non-interactive", "--color=never", "--event-log", events, cwd=PROGRAM)
    planned = [json.loads(line).get("resourcePreEvent") for line in events.read_text().splitlines()]
    steps = [event["metadata"] for event in planned if event]
    check(steps, f"pulumi {command} told of no resource at all")
    return sorted((step["op"], step["type"]) for step in steps if step["op"] not in ("same", "read"))


def only_the_image(changes):
    wanted = [("update", "dbt-aws:ecr:Image"), ("update", "dbt-aws:ecs:TaskDefinition")]
    check(changes == wanted, f"a changed model should lead to {wanted} alone, but it leads to {changes}")


def resource(kind, name=""):
    """The id of the stack's one resource of a type, of a name that ends so."""
    state = json.loads(output("pulumi", "stack", "export", "--stack", STACK, cwd=PROGRAM))
    found = [each["id"] for each in state["deployment"]["resources"] if each["type"] == kind and each["urn"].endswith(name)]
    check(len(found) == 1, f"the stack has {len(found)} resources of type {kind}, not one")
    return found[0]


def machine():
    return resource("dbt-aws:sfn:StateMachine", "-state-machine")


def wait_for_execution(machine):
    """The schedule's first execution."""
    client = boto3.client("stepfunctions")
    deadline = time.monotonic() + 180
    while not (found := client.list_executions(stateMachineArn=machine)["executions"]):
        check(time.monotonic() < deadline, "the schedule started no execution within 3 minutes")
        time.sleep(1)
    arn = found[-1]["executionArn"]
    given = json.loads(client.describe_execution(executionArn=arn)["input"])
    check(given.get("scheduledTime"), f"{arn} was not started by the schedule: its input has no scheduledTime")
    print(f"{arn}\nscheduled for {given['scheduledTime']}, by {given.get('scheduleArn')}\ncommands: {given.get('commands')}")
    return arn


def follow(execution, group):
    """Prints the run's log lines as they come, until the execution ends."""
    logs, states = boto3.client("logs"), boto3.client("stepfunctions")
    stream, seen = None, 0
    deadline = time.monotonic() + 600
    while True:
        now = states.describe_execution(executionArn=execution)
        if stream is None:
            streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
            # The first task's: runs of later minutes have streams of their own.
            stream = min(streams, key=lambda each: each["creationTime"])["logStreamName"] if streams else None
        if stream:
            events = logs.get_paginator("filter_log_events").paginate(logGroupName=group, logStreamNames=[stream])
            lines = [event["message"] for page in events for event in page["events"]]
            for line in lines[seen:]:
                print(f"  | {line.rstrip()}")
            seen = len(lines)
        if now["status"] != "RUNNING":
            break
        check(time.monotonic() < deadline, f"{execution} did not end within 10 minutes")
        time.sleep(1)
    why = f": {now.get('error')}: {now.get('cause')}" if now.get("error") else ""
    check(now["status"] == "SUCCEEDED", f"{execution} ended as {now['status']}{why}")
    check(seen, f"no line of the run is in the log group {group}")
    print(f"{now['status']}: {now['output']}")


def database():
    """A connection with the secret's password."""
    place = json.loads(output("pulumi", "stack", "output", "warehouse", "--json", "--stack", STACK, cwd=PROGRAM))
    secret = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=place["secretArn"])["SecretString"])
    return contextlib.closing(psycopg2.connect(host=place["host"], port=place["port"], dbname=place["database"],
                                               user=secret["username"], password=secret["password"]))


def mart():
    """Prints the mart's rows."""
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("select table_schema from information_schema.tables where table_name = 'mart_customer_revenue'")
        schema = cursor.fetchone()
        check(schema, "there is no table mart_customer_revenue")
        cursor.execute(f'select * from "{schema[0]}".mart_customer_revenue order by revenue desc')
        rows = [[column.name for column in cursor.description], *([str(value) for value in row] for row in cursor)]
    check(len(rows) > 1, "mart_customer_revenue has no rows")
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  " + "  ".join(value.ljust(width) for value, width in zip(row, widths)).rstrip())
    print(f"{len(rows) - 1} rows of {schema[0]}.mart_customer_revenue")


def add_a_model():
    model = MODEL.with_name("mart_checked.sql")
    model.write_text(CHECKED)
    print(f"added {model.name}: {CHECKED.strip()}")


def set_switch(works):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists jaffle_shop.demo_switch as select 0 as works")
        cursor.execute("update jaffle_shop.demo_switch set works = %s", (works,))
        connection.commit()


def mail():
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_local-aws/mail", timeout=10) as answer:
        return [each for each in json.load(answer) if each["to"] == ADDRESS]


def confirm():
    """Follows the link of the mail that asks the address whether it wants to hear of runs."""
    first = mail()[0]
    urllib.request.urlopen(re.search(r"https?://\S+", first["text"])[0], timeout=10).close()
    print(f"{ADDRESS} confirmed: {first['subject']}")


def run_by_hand(*commands):
    """A run that is started by hand; how it ended."""
    states = boto3.client("stepfunctions")
    started = states.start_execution(stateMachineArn=machine(), input=json.dumps({"commands": commands}))
    deadline = time.monotonic() + 300
    while (now := states.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
        check(time.monotonic() < deadline, f"{started['executionArn']} did not end within 5 minutes")
        time.sleep(1)
    print(f"{' and '.join(commands)}: {now['status']}: {now.get('error') or ''} {now.get('cause') or now.get('output')}")
    return now["status"]


def hears(webhook, *ends):
    """Waits until mail and the webhook have said each of these, one after the other, and no other."""
    wanted = [f"jaffle by hand {end}" for end in ends]

    def heard():
        told = [each for each in mail() if each["subject"].startswith("jaffle ")]
        return told, webhook.heard[:], [each["subject"] for each in told], [each["blocks"][0]["text"]["text"] for each in webhook.heard]

    deadline = time.monotonic() + 60
    while min(len(each) for each in heard()) < len(wanted) and time.monotonic() < deadline:
        time.sleep(1)
    mails, posts, subjects, headers = heard()
    check(subjects == wanted, f"the mailbox should have {wanted}, and has {subjects}")
    check(headers == wanted, f"the webhook should have {wanted}, and has {headers}")
    print("\n".join(f"  | {line}" for line in [f"Subject: {subjects[-1]}", "", *mails[-1]["text"].splitlines()]))
    print(f"the webhook, in Slack's form: {posts[-1]['text']}")


def end_runs():
    """Disables the schedule and waits for the runs under way, which would need what `destroy` removes."""
    scheduler, states = boto3.client("scheduler"), boto3.client("stepfunctions")
    group, _, name = resource("dbt-aws:scheduler:Schedule").partition("/")
    given = scheduler.get_schedule(GroupName=group, Name=name)
    kept = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    scheduler.update_schedule(GroupName=group, Name=name, State="DISABLED", **{key: given[key] for key in kept})
    deadline = time.monotonic() + 600
    while running := states.list_executions(stateMachineArn=machine(), statusFilter="RUNNING")["executions"]:
        check(time.monotonic() < deadline, f"{running[0]['executionArn']} did not end within 10 minutes")
        time.sleep(1)


def demo():
    with step("set-up: the AWS emulator (ministack), and the program with its packages"):
        shutil.rmtree(EXAMPLES, ignore_errors=True)
        EXAMPLES.parent.mkdir(parents=True, exist_ok=True)
        webhook = Webhook(EXAMPLES.parent / "webhook.pem")
        start_aws(webhook.authority)
        prepare_program(webhook)
        before = inventory()
    with step("1. pulumi up"):
        pulumi("up")
        made = Counter(kind for kind, _ in inventory() - before)
        print("made: " + ", ".join(counted(made[kind], kind) for kind in KINDS if made[kind]))
        # An inventory that sees nothing now would prove nothing in the end.
        unseen = [kind for kind in KINDS if not made[kind] and kind not in UNMADE]
        check(not unseen, f"the inventory finds no {', no '.join(unseen)}")
    with step("2. pulumi preview, with nothing changed"):
        changes = pulumi("preview")
        check(not changes, f"a second preview should change nothing, but it changes {changes}")
    with step("3. the schedule starts an execution"):
        execution = wait_for_execution(machine())
    with step("4. the run, as CloudWatch Logs has it"):
        follow(execution, resource("dbt-aws:logs:LogGroup"))
    with step("5. the rows, read from the database"):
        mart()
    with step("6. a model is added: pulumi preview, pulumi up"):
        add_a_model()
        only_the_image(pulumi("preview"))
        only_the_image(pulumi("up"))
    with step("7. the schedule is stopped, and its runs end"):
        end_runs()
    with step("8. a run that fails, and the mail and the webhook that say so"):
        confirm()
        set_switch(0)
        check(run_by_hand("dbt build") == "FAILED", "the run did not fail")
        hears(webhook, "failed: failed-nodes")
    with step("9. dbt retry, and the mail and the webhook that say it succeeds again"):
        set_switch(1)
        check(run_by_hand("dbt retry") == "SUCCEEDED", "the retry did not succeed")
        hears(webhook, "failed: failed-nodes", "succeeds again")
    if KEEP:
        return
    with step("10. pulumi destroy"):
        pulumi("destroy")
    with step("11. a search for what is left"):
        left = sorted(inventory() - before)
        check(not left, f"after destroy there is still {left}")
        print(f"no AWS resource is left ({len(KINDS)} types checked)")


def explain():
    """How to look around, and how to end it."""
    port = f"--port {os.environ.get('LOCAL_AWS_PORT') or 4566}"
    look = "aws stepfunctions list-state-machines"
    if not shutil.which("aws"):
        look = """"$DBT_AWS_PYTHON" -c 'import boto3; print(boto3.client("stepfunctions").list_state_machines()["stateMachines"])'"""
    print(f"""
The stack is still deployed. To look around, with Pulumi's and AWS's own tools:
  eval "$({LOCAL_AWS} env {port})"
  cd {PROGRAM}
  pulumi stack --stack {STACK}
  pulumi stack output --stack {STACK} runNow      prints the command that starts a run
  pulumi destroy --stack {STACK}
  {look}
To stop the emulator and remove everything:
  {LOCAL_AWS} down {port}""")


def reason(failure):
    """A failure in one line; what was not foreseen with its kind and place."""
    text = " ".join(str(failure).split())
    if isinstance(failure, (Failure, OSError, BotoCoreError, ClientError, psycopg2.Error, subprocess.CalledProcessError)):
        return text
    lines = [frame.lineno for frame in traceback.extract_tb(failure.__traceback__) if frame.filename == __file__]
    return f"{type(failure).__name__}: {text}, in line {lines[-1]} of {Path(__file__).name}"


def stop(number, _):
    raise Failure(f"stopped by {signal.Signals(number).name}")


def main():
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    start = time.monotonic()
    code = 1
    try:
        demo()
        print(f"\n{time.monotonic() - start:7.1f} s  the demo passed: everything was as expected")
        code = 0
    except Exception as failure:
        print(f"\nthe demo failed after {time.monotonic() - start:.1f} s: {reason(failure)}", file=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        explain() if KEEP else run(LOCAL_AWS, "down")
    except Exception as failure:
        print(f"the AWS emulator could not be stopped: {reason(failure)}", file=sys.stderr)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
