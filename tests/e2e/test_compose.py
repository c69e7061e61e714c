"""A platform in a network that the building blocks made, a project of another stack on it, and a pull request's."""
import json
import time

import boto3
import psycopg2
from inventory import inventory
from programs import Program, changes, copy, run

CHANGED = "models/marts/mart_daily_sales.sql"


def test_compose(tmp_path):
    before = inventory()
    examples = copy(tmp_path)
    platform = Program("python", examples, "compose/platform")
    previewed = platform("preview")
    up = platform("up")
    assert up == previewed
    assert [name for kind, name in up if kind == "dbt-aws:ec2:Vpc"] == ["network"]
    project = Program("yaml", examples, "compose/project")
    previewed = project("preview")
    assert project("up") == previewed
    assert ("dbt-aws:ecs:TaskDefinition", "jaffle-task") in previewed
    for program in (platform, project):
        assert set(changes(program("up"))) == {"same"}
    of_a_pull_request(Program("python", examples, "pull-request"), platform, project)
    project("destroy")
    platform("destroy")
    assert inventory() == before, "something is left"


def of_a_pull_request(program, platform, project):
    """What changed is run, and run again when it changes again; its schemas go with it."""
    run_in_production(project)
    run("pulumi", "config", "set", "production", "test", folder=program.folder)
    model = program.folder.parent / "jaffle-shop" / CHANGED
    text = model.read_text()
    model.write_text("select nothing from nowhere")
    failed = run("pulumi", "up", "--yes", "--skip-preview", "--stack", "test", folder=program.folder, fails=True)
    for said in ("DbtFailedNodes", "mart_daily_sales", "Database Error", "nowhere"):
        assert said in failed, failed[-6000:]
    model.write_text(text + "\n-- changed\n")
    up = program("up")
    assert up["dbt-aws:sfn:Execution", "changed-models-execution"] == "update"
    summary = program.pulumi("stack", "output", "summary")
    assert summary.startswith("**jaffle-test**: success in ") and "mart_daily_sales" in summary
    assert relations(platform, "jaffle_shop_test") == {"mart_daily_sales"}
    assert set(changes(program("up"))) == {"same"}
    executions = [each["status"] for each in boto3.client("stepfunctions").list_executions(stateMachineArn=machine(program))["executions"]]
    assert sorted(executions) == ["FAILED", "SUCCEEDED"]
    program("destroy")
    assert relations(platform, "jaffle_shop_test") == set()
    assert "mart_daily_sales" in relations(platform, "jaffle_shop")


def run_in_production(project):
    """One run, to its end."""
    states = boto3.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine(project))["executionArn"]
    while (now := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.5)
    assert now["status"] == "SUCCEEDED", now


def machine(program):
    """The ARN of the program's state machine."""
    return next(r["id"] for r in program.state() if r["type"] == "dbt-aws:sfn:StateMachine")


def relations(platform, schema):
    """What there is in a schema of the warehouse."""
    place = json.loads(platform.pulumi("stack", "output", "warehouse", "--json"))
    secret = json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=place["secretArn"])["SecretString"])
    with psycopg2.connect(host=place["host"], port=place["port"], dbname=place["database"],
                          user=secret["username"], password=secret["password"]) as connection:
        cursor = connection.cursor()
        cursor.execute("select table_name from information_schema.tables where table_schema = %s", [schema])
        return {name for name, in cursor.fetchall()}
