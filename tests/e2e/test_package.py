"""A user's own machine: the plugin as it was built, and what Pulumi makes of it."""
import json
import os
import shutil

from programs import ROOT, run

VERSION = json.loads((ROOT / "schema.json").read_text())["version"]

PROGRAM = """name: package
runtime: yaml
resources:
  queue:
    type: dbt-aws:sqs:Queue
"""


def test_package_add(tmp_path):
    binary = shutil.which("pulumi-resource-dbt-aws")
    own = {"PULUMI_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"].replace(os.path.dirname(binary), "")}
    (tmp_path / "Pulumi.yaml").write_text(PROGRAM)
    run("pulumi", "stack", "init", "test", folder=tmp_path, **own)
    run("pulumi", "package", "add", binary, folder=tmp_path, **own)
    assert f"dbt-aws@{VERSION}" in (tmp_path / "Pulumi.yaml").read_text()
    run("pulumi", "plugin", "install", "resource", "dbt-aws", f"v{VERSION}", "--file", binary, folder=tmp_path, **own)
    assert "+ dbt-aws:sqs:Queue" in run("pulumi", "preview", "--stack", "test", "--color", "never", folder=tmp_path, **own).replace("  ", " ")
