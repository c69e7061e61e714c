"""What was made elsewhere comes under Pulumi's care."""
import boto3
from inventory import inventory
from programs import STACK, run


def test_import(tmp_path):
    before = inventory()
    vpc = boto3.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    project = tmp_path / "Pulumi.yaml"
    project.write_text("name: imports\nruntime: yaml\n")
    run("pulumi", "stack", "init", STACK, folder=tmp_path)
    run("pulumi", "import", "dbt-aws:ec2:Vpc", "found", vpc, "--yes", "--protect=false", "--out", "found.yaml", folder=tmp_path)
    project.write_text(project.read_text() + (tmp_path / "found.yaml").read_text())
    run("pulumi", "up", "--yes", "--skip-preview", "--expect-no-changes", folder=tmp_path)
    run("pulumi", "destroy", "--yes", "--skip-preview", folder=tmp_path)
    assert inventory() == before
