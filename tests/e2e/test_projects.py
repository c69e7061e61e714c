"""Projects of different make on one platform, at the same time; a run that is stopped in the middle of a query; and no secret where it can be read."""
import gzip
import json
import os
import re
import shutil
import time
import urllib.request
import uuid
from pathlib import Path

import boto3
import dbt_projects
import psycopg2
import pytest
from inventory import inventory
from programs import Program, copy

# A secret of a project, and the path of a webhook.
PLANTED, HOOK = (f"{name}{uuid.uuid4().hex}" for name in ("planted", "hook"))


def until(ask, seconds=600):
    """Asks until the answer is truthy."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{ask} did not come true in {seconds} s"
        time.sleep(0.2)
    return answer


class Shared:
    """The platform with its projects, as AWS and the database have it."""

    def __init__(self, program):
        self.program = program
        self.out = json.loads(program.pulumi("stack", "output", "--json"))
        self.s3, self.states, self.table = boto3.client("s3"), boto3.client("stepfunctions"), boto3.resource("dynamodb").Table(self.out["table"])
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=self.out["warehouse"]["secretArn"])["SecretString"]
        self.user, self.password = map(json.loads(secret).get, ("username", "password"))

    def start(self, project, *commands, **more):
        """An execution's ARN."""
        given = json.dumps({"commands": commands, **more})
        return self.states.start_execution(stateMachineArn=self.out["machines"][project], input=given)["executionArn"]

    def end(self, execution, seconds=900):
        """What became of an execution."""
        return until(lambda: (found := self.states.describe_execution(executionArn=execution))["status"] != "RUNNING" and found, seconds)

    def record(self, execution):
        """What the table has of a run, as soon as it is there."""
        name = execution.rpartition(":")[2]
        return until(lambda: next((each for each in self.table.scan()["Items"] if json.loads(each.get("detail", "{}")).get("runId") == name), None))

    def objects(self, prefix=""):
        """The artifacts' objects, by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.out["bucket"], Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.out["bucket"], Key=key)["Body"].read() for key in keys}

    def rows(self, query, *values):
        place = self.out["warehouse"]
        connection = psycopg2.connect(host=place["host"], port=place["port"], dbname=place["database"], user=self.user, password=self.password)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def relations(self, schema):
        """How many relations of each kind are in a schema."""
        return dict(self.rows("select table_type, count(*) from information_schema.tables where table_schema = %s group by 1", schema))

    def sessions(self, query="%"):
        """The sessions in the database that are not ours, whose last one may not have ended yet."""
        return self.rows("select query from pg_stat_activity where datname = current_database() and query not like '%%pg_stat_activity%%' and query like %s", query)


@pytest.fixture
def shared(tmp_path):
    before = inventory()
    folder = copy(tmp_path)
    shutil.copytree(Path(__file__).parent / "projects", folder / "examples/projects")
    dbt_projects.write(folder / "examples/projects")
    for name in (".env", "profiles.yml"):
        (folder / "examples/projects/packaged" / name).write_text(f"API_KEY={PLANTED}\n")
    program = Program("yaml", folder, "projects")
    program.pulumi("config", "set-all", "--secret", f"planted={PLANTED}", "--secret", f"hookUrl=https://localhost:1/{HOOK}")
    program("up")
    yield Shared(program)
    program("destroy")
    assert inventory() == before, "something is left"


def mails():
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_local-aws/mail", timeout=10) as answer:
        return json.load(answer)


def test_projects(shared):
    urllib.request.urlopen(re.search(r"https?://\S+", mails()[0]["text"])[0], timeout=10).close()
    at_the_same_time(shared)
    followed(shared)
    stopped = shared.start("tutorial", "dbt run --select slow --vars 'slow: true'")
    failed = shared.start("packaged", "-python leak.py", "dbt run --select leak --vars 'leak: true'")
    cancelled(shared, stopped)
    leaks(shared, failed)


def at_the_same_time(shared):
    """Each project's run is its own."""
    runs = {
        "tutorial": shared.start("tutorial", "dbt build"),
        "packaged": shared.start("packaged", "dbt build", "dbt docs generate"),
        "generated": shared.start("generated", "dbt build", "dbt run --select facts"),
    }
    ends = {project: shared.end(execution) for project, execution in runs.items()}
    assert {project: end["status"] for project, end in ends.items()} == dict.fromkeys(runs, "SUCCEEDED"), ends
    assert max(end["startDate"] for end in ends.values()) < min(end["stopDate"] for end in ends.values())
    counts = {"tutorial": {"success": 8, "pass": 2}, "packaged": {"success": 4, "pass": 1}, "generated": {"success": 210, "pass": 5, "no-op": 5}}
    for project, execution in runs.items():
        detail = json.loads(shared.record(execution)["detail"])
        assert (detail["project"], detail["target"], detail["class"], detail["attempts"]) == (project, "prod", "success", 1)
        assert detail["counts"] == counts[project]
        run, latest = f"{project}/prod/runs/{ends[project]['name']}/1/", f"{project}/prod/latest/"
        kept = shared.objects(f"{project}/")
        assert all(json.loads(kept[place + "manifest.json"])["metadata"]["project_name"] == project for place in (run, latest))
        assert {key.split("/runs/")[1].split("/")[0] for key in kept if "/runs/" in key} == {ends[project]["name"]}
    assert len(shared.table.scan(FilterExpression="begins_with(sk, :run)", ExpressionAttributeValues={":run": "run#"})["Items"]) == 3
    assert shared.relations("tutorial") == {"BASE TABLE": 5, "VIEW": 3}
    assert shared.relations("packaged") == {"BASE TABLE": 2, "VIEW": 1}
    assert shared.relations("packaged_units") == {"VIEW": 1}
    assert shared.relations("generated") == {"BASE TABLE": 60, "VIEW": 120}
    assert shared.rows("select later, count(*) from generated.fact_3 group by 1 order by 1") == [(False, 2), (True, 2)]


def followed(shared):
    """A schedule's run is followed by one of the schedule after it, of another project."""
    first, second = (shared.out["schedules"][name] for name in ("extract", "marts"))
    shared.end(shared.start("tutorial", "dbt list", scheduleArn=first))

    def runs():
        executions = shared.states.list_executions(stateMachineArn=shared.out["machines"]["packaged"])["executions"]
        described = [shared.states.describe_execution(executionArn=each["executionArn"]) for each in executions]
        return [(each["executionArn"], given) for each in described if (given := json.loads(each["input"])).get("scheduleArn") == second]

    [(execution, given)] = until(runs)
    end = shared.end(execution)
    assert end["status"] == "SUCCEEDED" and "dbt run --vars '{label: <time>}'" in end["output"], end
    detail = json.loads(shared.record(execution)["detail"])
    assert (detail["schedule"], detail["scheduleArn"], detail["scheduledTime"]) == ("marts", second, given["scheduledTime"])


def cancelled(shared, execution):
    """The query ends with the run, and its artifacts are kept in time."""
    until(lambda: shared.sessions("%from pg_sleep(600)%"))
    name = execution.rpartition(":")[2]
    stopped = time.monotonic()
    shared.states.stop_execution(executionArn=execution, cause="enough")
    place = f"tutorial/prod/runs/{name}/1/"
    kept = until(lambda: (found := shared.objects(place)).get(place + "outcome.json") and found, 110)
    assert shared.sessions("%pg_sleep(600)%") == []
    print(f"the artifacts were there {time.monotonic() - stopped:.1f} s after the stop")
    outcome = json.loads(kept[place + "outcome.json"])
    assert (outcome["class"], outcome["exitCode"]) == ("terminated", 143)
    assert {place + each for each in ("manifest.json", "run_results.json", "logs/dbt.log", "continue.json")} <= kept.keys()
    assert json.loads(shared.record(execution)["detail"])["class"] == "cancelled"


def leaks(shared, execution):
    """The secrets are nowhere, though the run printed, compiled and failed with them."""
    assert shared.end(execution)["error"] == "DbtFailedNodes"
    detail = json.loads(shared.record(execution)["detail"])
    assert 'invalid input syntax for type integer: "*****"' in detail["failed"][0]["error"] and detail["warnings"]
    until(lambda: any("failed" in mail["subject"] for mail in mails()))
    places = dict(everywhere(shared))
    # It looks where the secrets would be: what stands beside them is there.
    beside = {**dict.fromkeys(("log", "object", "execution", "table", "mail"), b"invalid input syntax"), "layer": b"DBT_AWS_CONNECTION_FILE",
              "state": b"packaged-state-machine", "machine": b"packaged/prod", "definition": b"API_KEY", "function": b"packaged"}
    assert {kind for kind, text in beside.items() if not any(place.startswith(kind) and text in found for place, found in places.items())} == set()
    secrets = {"the project's secret": PLANTED, "the password": shared.password, "the webhook's path": HOOK}
    assert [(what, place) for what, value in secrets.items() for place, text in places.items() if value.encode() in text] == []


def everywhere(shared):
    """What a run, the engine and AWS keep, but for Secrets Manager."""
    dump = lambda found: json.dumps(found, default=str).encode()
    logs, ecs, functions = boto3.client("logs"), boto3.client("ecs"), boto3.client("lambda")
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        yield f"log {group['logGroupName']}", "\n".join(event["message"] for page in pages for event in page["events"]).encode()
    yield from ((f"object {key}", content) for key, content in shared.objects().items())
    backend = Path(os.environ["PULUMI_BACKEND_URL"].removeprefix("file://"), ".pulumi")
    yield from ((f"state {path}", path.read_bytes()) for path in backend.rglob("*") if path.is_file() and "projects" in str(path))
    yield "state events", shared.program.events.read_bytes()
    yield "state export", shared.program.pulumi("stack", "export").encode()
    for machine in shared.states.list_state_machines()["stateMachines"]:
        yield f"machine {machine['name']}", dump(shared.states.describe_state_machine(stateMachineArn=machine["stateMachineArn"]))
        for execution in shared.states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
            arn = execution["executionArn"]
            history = shared.states.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=True)
            yield f"execution {arn}", dump([shared.states.describe_execution(executionArn=arn), *history])
    yield "table", dump(shared.table.scan()["Items"])
    yield "mail", dump(mails())
    yield from ((f"definition {arn}", dump(ecs.describe_task_definition(taskDefinition=arn))) for arn in ecs.list_task_definitions()["taskDefinitionArns"])
    yield "function", dump(functions.list_functions()["Functions"])
    for name in ("tutorial", "packaged", "generated"):
        yield from layers(next(r["id"] for r in shared.program.state() if r["type"] == "dbt-aws:ecr:Repository" and r["urn"].endswith(f"::{name}-repository")))


def layers(repository):
    """The manifests, configurations and layers of a repository's images, as the registry has them."""
    ecr, registry = boto3.client("ecr"), f"{os.environ['AWS_ENDPOINT_URL']}/v2/{repository}"
    for image in ecr.list_images(repositoryName=repository)["imageIds"]:
        manifest = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": image["imageDigest"]}])["images"][0]["imageManifest"]
        yield f"layer {repository} manifest", manifest.encode()
        found = json.loads(manifest)
        for blob in (found["config"], *found["layers"]):
            with urllib.request.urlopen(f"{registry}/blobs/{blob['digest']}", timeout=60) as answer:
                content = answer.read()
            yield f"layer {repository} {blob['digest']}", gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
