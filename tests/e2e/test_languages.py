"""The same infrastructure from each language, from the first preview to an empty account."""
import boto3
import pytest
from inventory import inventory
from programs import Program, changes, copy

SCHEDULE = ("dbt-aws:scheduler:Schedule", "nightly-schedule")


@pytest.fixture(scope="module")
def made():
    """What each language made, by language."""
    return {}


@pytest.mark.parametrize("language", ["yaml", "typescript", "python", "go"])
def test_language(language, made, tmp_path):
    before = inventory()
    program = Program(language, copy(tmp_path))

    previewed = program("preview")
    assert changes(previewed) == {"create": len(previewed)}
    assert inventory() == before, "a preview made something"

    up = program("up")
    assert up == previewed
    assert len(inventory() - before) > 30
    made[language] = set(up)
    assert all(each == made[language] for each in made.values())

    again = program("up")
    assert changes(again) == {"same": len(up)}

    if language == "yaml":
        change(program)

    program("destroy")
    assert inventory() == before, "something is left"


def change(program):
    """What is changed in the program or behind its back, and nothing else, is what changes."""
    program.replace("Europe/Paris", "Europe/Rome")
    expected = {("dbt-aws:index:DbtSchedule", "nightly"): "update", SCHEDULE: "update"}
    assert changed(program("preview")) == expected
    assert changed(program("up")) == expected

    program("refresh", "--expect-no-changes")

    program.replace("Europe/Rome", "Europe/Madrid")
    program.replace("retainData: false", "retainData: false\n      tags: {team: data}")
    assert changed(program("up", "--target", program.urn(SCHEDULE[1]))) == {SCHEDULE: "update"}
    schedule = boto3.client("scheduler").list_schedules()["Schedules"][0]["Name"]
    assert boto3.client("scheduler").get_schedule(Name=schedule)["ScheduleExpressionTimezone"] == "Europe/Madrid"
    assert ("dbt-aws:ec2:Vpc", "analytics-vpc") in changed(program("up"))

    logs = boto3.client("logs")
    group = next(g["logGroupName"] for g in logs.describe_log_groups()["logGroups"] if "analytics" in g["logGroupName"])
    logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    program("refresh")
    assert changed(program("up")) == {("dbt-aws:logs:LogGroup", "analytics-logs"): "update"}
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 30


def changed(found):
    """The operations that are more than a look."""
    return {resource: operation for resource, operation in found.items() if operation != "same"}
