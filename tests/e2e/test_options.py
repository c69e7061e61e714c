"""What a program says of a component reaches it and its children, as the state tells."""
import shutil
from pathlib import Path

import boto3
import pytest
from inventory import inventory
from programs import Program, changes, copy

# The stack is made once, so one process has all of these.
pytestmark = pytest.mark.xdist_group("options")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A stack in which each component has one option, its own name."""
    before = inventory()
    folder = copy(tmp_path_factory.mktemp("options"))
    shutil.copytree(Path(__file__).parent / "options", folder / "examples" / "options")
    program = Program("python", folder, "options")
    program("up")
    yield program
    program.pulumi("state", "unprotect", "--all", "--yes")
    program("destroy")
    scheduler = boto3.client("scheduler")
    left = scheduler.list_schedules()["Schedules"]
    # One was to stay, the other to go along with what it is deleted with, which takes nothing along here.
    assert sorted(schedule["Name"].partition("-schedule")[0] for schedule in left) == ["deleted-with", "retain-on-delete"]
    for schedule in left:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
    assert inventory() == before, "something is left"


class Family:
    """A component and its children in the state."""

    def __init__(self, program, name):
        self.state = {resource["urn"].rpartition("::")[2]: resource for resource in program.state()}
        self.own = self.state[name]
        self.children = [r for r in self.state.values() if r.get("parent") == self.own["urn"]]
        assert sorted(child["type"] for child in self.children) == ["dbt-aws:index:Seed", "dbt-aws:scheduler:Schedule"]

    def urn(self, name):
        return self.state[name]["urn"]

    def all(self, key):
        """The property of the component and of each child."""
        return [each.get(key) for each in (self.own, *self.children)]


@pytest.fixture
def family(program, request):
    return Family(program, request.node.name.removeprefix("test_").replace("_", "-"))


def test_plain(family):
    provider = next(r for r in family.state.values() if r["type"] == "pulumi:providers:dbt-aws" and "default" in r["urn"])
    assert family.all("provider")[1:] == [f"{provider['urn']}::{provider['id']}"] * 2
    for key in ("protect", "retainOnDelete", "customTimeouts", "deletedWith", "ignoreChanges", "replaceOnChanges", "aliases"):
        assert not any(family.all(key)), key


def test_parent(family):
    assert family.own["parent"] == family.urn("group")
    assert all("::test:index:Group$dbt-aws:index:DbtSchedule$dbt-aws:" in child["urn"] for child in family.children)


def test_provider(family):
    assert_elsewhere(family)


def test_providers(family):
    assert_elsewhere(family)


def assert_elsewhere(family):
    provider = family.state["elsewhere"]
    assert family.all("provider")[1:] == [f"{provider['urn']}::{provider['id']}"] * 2
    schedule = next(child for child in family.children if child["type"].endswith("Schedule"))
    assert schedule["outputs"]["arn"].startswith("arn:aws:scheduler:eu-west-1:")


def test_depends_on(family):
    assert all(family.urn("queue") in dependencies for dependencies in family.all("dependencies"))


def test_protect(family):
    assert family.all("protect") == [True] * 3


def test_retain_on_delete(family):
    assert family.all("retainOnDelete") == [True] * 3


def test_custom_timeouts(family):
    assert family.all("customTimeouts") == [{"create": 300, "update": 360, "delete": 420}] * 3


def test_deleted_with(family):
    assert family.all("deletedWith") == [family.urn("queue")] * 3


def test_ignore_changes(family):
    assert family.own["ignoreChanges"] == ["timezone"]


def test_replace_on_changes(family):
    assert family.own["replaceOnChanges"] == ["timezone"]


def test_replace_with(family):
    assert family.own["replaceWith"] == [family.urn("queue")]


def test_replacement_trigger(family):
    assert family.own["replacementTrigger"] == "first"


def test_additional_secret_outputs(family):
    assert family.own["additionalSecretOutputs"] == ["scheduleArn"]
    assert "ciphertext" in family.own["outputs"]["scheduleArn"]


def test_transforms(family):
    schedule = next(child for child in family.children if child["type"].endswith("Schedule"))
    assert schedule["inputs"]["state"] == "DISABLED"


def test_hooks(program, family):
    assert family.own["resourceHooks"] == {"AfterCreate": ["write"]}
    assert (program.folder / "hooked").read_text() == "hooks"


def test_aliases(program):
    program.replace('schedule("aliases")', 'schedule("renamed", aliases=[pulumi.Alias(name="aliases")])')
    renamed = program("up")
    # Nothing but the name by which messages call the schedule.
    assert changes(renamed) == {"same": len(renamed) - 1, "update": 1}
    assert ("dbt-aws:scheduler:Schedule", "renamed-schedule") in renamed
