"""The framework's example, a provider of one resource: it stands alone."""
import boto3
from programs import STACK, run

PROGRAM = """name: alone
runtime: yaml
resources:
  runs:
    type: acme:logs:LogGroup
    properties: { retentionDays: 7 }
outputs:
  arn: ${runs.arn}
"""


def test_example(tmp_path):
    logs = boto3.client("logs")

    def groups():
        found = logs.describe_log_groups(logGroupNamePrefix="runs-")["logGroups"]
        return [(group["logGroupName"], group["retentionInDays"]) for group in found]

    def pulumi(*words):
        return run("pulumi", *words, "--stack", STACK, "--color", "never", folder=tmp_path)

    program = tmp_path / "Pulumi.yaml"
    program.write_text(PROGRAM)
    run("pulumi", "stack", "init", STACK, folder=tmp_path)
    pulumi("up", "--yes", "--skip-preview")
    [(name, days)] = groups()
    assert days == 7 and pulumi("stack", "output", "arn").strip().endswith(f":log-group:{name}:*")
    program.write_text(PROGRAM.replace("7", "14"))
    assert "~ retentionDays: 7 => 14" in pulumi("preview", "--diff")
    pulumi("up", "--yes", "--skip-preview")
    assert groups() == [(name, 14)]
    # What is changed by hand is seen, and put back.
    logs.put_retention_policy(logGroupName=name, retentionInDays=1)
    pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert groups() == [(name, 14)]
    program.write_text(PROGRAM.replace("retentionDays: 7", "retentionDay: 7"))
    wrong = run("pulumi", "preview", "--stack", STACK, "--color", "never", folder=tmp_path, fails=True)
    assert "retentionDay" in wrong
    pulumi("destroy", "--yes", "--skip-preview")
    assert groups() == []
