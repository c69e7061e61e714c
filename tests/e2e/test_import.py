"""What was made elsewhere comes under Pulumi's care."""
import json
import shutil

import boto3
from inventory import inventory
from programs import STACK, run


def test_import(tmp_path):
    before = inventory()
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    account = boto3.client("sts").get_caller_identity()["Account"]
    pasted = f" arn:aws:ec2:{ec2.meta.region_name}:{account}:vpc/{vpc} "
    project = tmp_path / "Pulumi.yaml"
    project.write_text("name: imports\nruntime: yaml\n")
    run("pulumi", "stack", "init", STACK, folder=tmp_path)
    provider = shutil.which("pulumi-resource-dbt-aws")
    listed = json.loads(run("pulumi", "do", "--package", provider, "dbt-aws:ec2:Vpc", "list", "--all", folder=tmp_path))
    assert vpc in [each["id"] for each in listed]
    run("pulumi", "import", "dbt-aws:ec2:Vpc", "found", pasted, "--yes", "--protect=false", "--out", "found.yaml", folder=tmp_path)
    project.write_text(project.read_text() + (tmp_path / "found.yaml").read_text())
    run("pulumi", "up", "--yes", "--skip-preview", "--expect-no-changes", folder=tmp_path)
    state = json.loads(run("pulumi", "stack", "export", folder=tmp_path))["deployment"]["resources"]
    assert [resource["id"] for resource in state if resource["type"] == "dbt-aws:ec2:Vpc"] == [vpc]
    run("pulumi", "destroy", "--yes", "--skip-preview", folder=tmp_path)
    assert inventory() == before
