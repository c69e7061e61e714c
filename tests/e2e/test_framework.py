"""The framework's example, a provider of one resource: it stands alone."""
import boto3
from programs import STACK, run

PROGRAM = """name: alone
runtime: yaml
resources:
  runs:
    type: acme:sns:Topic
    properties: { sender: dbt }
outputs:
  arn: ${runs.arn}
"""


def test_example(tmp_path):
    sns = boto3.client("sns")

    def topics():
        arns = [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
        return {arn: sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("DisplayName") for arn in arns if ":runs-" in arn}

    def pulumi(*words):
        return run("pulumi", *words, "--stack", STACK, "--color", "never", folder=tmp_path)

    program = tmp_path / "Pulumi.yaml"
    program.write_text(PROGRAM)
    run("pulumi", "stack", "init", STACK, folder=tmp_path)
    pulumi("up", "--yes", "--skip-preview")
    arn = pulumi("stack", "output", "arn").strip()
    assert topics() == {arn: "dbt"}
    program.write_text(PROGRAM.replace("sender: dbt", "sender: night"))
    assert '~ sender: "dbt" => "night"' in pulumi("preview", "--diff")
    pulumi("up", "--yes", "--skip-preview")
    assert topics() == {arn: "night"}
    # What is changed by hand is seen, and put back.
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="other")
    pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert topics() == {arn: "night"}
    # What is deleted by hand is made again.
    sns.delete_topic(TopicArn=arn)
    pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert list(topics().values()) == ["night"]
    program.write_text(PROGRAM.replace("sender", "sendr"))
    wrong = run("pulumi", "preview", "--stack", STACK, "--color", "never", folder=tmp_path, fails=True)
    assert "sendr" in wrong
    pulumi("destroy", "--yes", "--skip-preview")
    assert topics() == {}
