"""Projects of different make on one platform, at the same time; and a run that is stopped in the middle of a query."""
import json
import shutil
import time
from pathlib import Path

import boto3
import dbt_projects
import psycopg2
import pytest
from inventory import inventory
from programs import Program, copy


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

    def start(self, project, *commands):
        """An execution's ARN."""
        given = json.dumps({"commands": commands})
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
    program = Program("yaml", folder, "projects")
    program("up")
    yield Shared(program)
    program("destroy")
    assert inventory() == before, "something is left"


def test_projects(shared):
    at_the_same_time(shared)
    stopped = shared.start("tutorial", "dbt run --select slow --vars 'slow: true'")
    cancelled(shared, stopped)


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
