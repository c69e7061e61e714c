"""The order of a list in a program, and the way in which it is written, means nothing; what cannot be is refused before anything is made."""
import boto3
import pytest
from inventory import inventory
from programs import STACK, run, steps

PROGRAM = """name: lists
runtime: yaml
resources:
  plat:
    type: dbt-aws:DbtPlatform
    properties:
      retainData: false
      network: { %s }
      warehouse: { postgres: { %s } }
"""


@pytest.fixture
def up(tmp_path, monkeypatch):
    """Runs `up` of the program with a network and a database; what happens to each resource, by name."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setenv("PULUMI_DEBUG_COMMANDS", "true")
    before, events = inventory(), tmp_path / "events"

    def up(network, postgres, **options):
        (tmp_path / "Pulumi.yaml").write_text(PROGRAM % (network, postgres))
        printed = run("pulumi", "up", "--yes", "--skip-preview", "--color", "never", "--event-log", events, folder=tmp_path, **options)
        return printed, {name: operation for (_, name), operation in steps(events).items() if operation != "same"}

    (tmp_path / "Pulumi.yaml").write_text(PROGRAM % ("", ""))
    run("pulumi", "stack", "init", STACK, folder=tmp_path)
    yield up
    run("pulumi", "destroy", "--yes", "--skip-preview", folder=tmp_path)
    assert inventory() == before, "something is left"


def test_lists(up):
    before = inventory()
    printed, done = up("", "database: my-db", fails=True)
    assert "property warehouse.postgres.database" in printed and done == {} and inventory() == before
    up("zoneCount: 2", "allowFrom: [192.168.1.0/24, 192.168.2.0/24, 192.168.3.0/24]")
    _, done = up("zones: [us-east-1b, us-east-1a]", "allowFrom: [192.168.3.0/24, 192.168.4.0/24, 192.168.2.0/24]")
    assert done == {
        "plat": "update",
        "plat-warehouse-from-192-168-4-0-24": "create",
        "plat-warehouse-from-192-168-1-0-24": "delete",
    }
    rules = boto3.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    blocks = sorted(rule["CidrIpv4"] for rule in rules if rule.get("CidrIpv4", "").startswith("192.168."))
    assert blocks == ["192.168.2.0/24", "192.168.3.0/24", "192.168.4.0/24"]
