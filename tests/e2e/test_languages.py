"""The same infrastructure from each language, from the first preview to an empty account."""
import json

import boto3
import pytest
from inventory import inventory
from programs import Program, changes, copy

SCHEDULE = ("dbt-aws:scheduler:Schedule", "nightly-schedule")
LOGS = ("dbt-aws:logs:LogGroup", "analytics-logs")
FOUND = ("dbt-aws:ec2:InternetGateway", "found")

# How each language says the changes.
WORDS = {
    "yaml": {
        "tags": ("retainData: false", "retainData: false\n      tags: { team: data }"),
        "import": [("resources:\n", """resources:
  found:
    type: dbt-aws:ec2:InternetGateway
    options: { import: THERE }
""")],
    },
    "typescript": {
        "group": [
            ("const platform", 'const group = { parent: new pulumi.ComponentResource("shop:index:Analytics", "analytics") };\nconst platform'),
            ("retainData: false }", "retainData: false }, group"),
            ('config.get("baseImage"),\n}', 'config.get("baseImage"),\n}, group'),
            ('"dbt docs generate"],\n}', '"dbt docs generate"],\n}, group'),
        ],
        "tags": ("retainData: false", 'retainData: false, tags: { team: "data" }'),
        "import": [("export const warehouse", """new dbt.ec2.InternetGateway("found", {}, { import: "THERE" });
export const warehouse""")],
    },
    "python": {
        "tags": ("retain_data=False", 'retain_data=False, tags={"team": "data"}'),
        "import": [('pulumi.export("warehouse"', """dbt.ec2.InternetGateway("found", opts=pulumi.ResourceOptions(import_="THERE"))
pulumi.export("warehouse\"""")],
    },
    "go": {
        "group": [
            ("func program", "type analytics struct{ pulumi.ResourceState }\n\nfunc program"),
            ('config.New(ctx, "")', """config.New(ctx, "")
\tgroup := &analytics{}
\tif err := ctx.RegisterComponentResource("shop:index:Analytics", "analytics", group); err != nil {
\t\treturn err
\t}"""),
            ("pulumi.Bool(false)}", "pulumi.Bool(false)}, pulumi.Parent(group)"),
            ('cfg.Get("baseImage")),\n\t}', 'cfg.Get("baseImage")),\n\t}, pulumi.Parent(group)'),
            ('"dbt docs generate"}),\n\t}', '"dbt docs generate"}),\n\t}, pulumi.Parent(group)'),
        ],
        "tags": ("RetainData: ", 'Tags: pulumi.ToStringMap(map[string]string{"team": "data"}), RetainData: '),
        "import": [
            ('sdk/go/dbtaws"', 'sdk/go/dbtaws"\n\t"github.com/dbt-aws/pulumi-dbt-aws/sdk/go/dbtaws/ec2"'),
            ("\tctx.Export(", """\t_, found := ec2.NewInternetGateway(ctx, "found", nil, pulumi.Import(pulumi.ID("THERE")))
\tif found != nil {
\t\treturn found
\t}
\tctx.Export("""),
        ],
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder for what each language made, the same for all processes of the tests."""
    folder = tmp_path_factory.getbasetemp().parent / "made"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("language", ["yaml", "typescript", "python", "go"])
def test_language(language, made, tmp_path):
    before = inventory()
    program = Program(language, copy(tmp_path))

    previewed = program("preview")
    assert changes(previewed) == {"create": len(previewed)}
    assert inventory() == before, "a preview made something"
    grouped(program, previewed)

    up = program("up")
    assert up == previewed
    assert len(inventory() - before) > 30
    # The engine writes the whole state at each step.
    project = [each for each in program.state() if "DbtProject" in each["urn"]]
    size = len(json.dumps(project, separators=(",", ":")))
    assert size < 54_000, "a project puts too much into the state"
    mine = program.inputs()
    (made / f"{language}.partial").write_text(json.dumps(mine))
    (made / f"{language}.partial").rename(made / f"{language}.json")
    for other in map(json.loads, (each.read_text() for each in made.glob("*.json"))):
        assert other.keys() == mine.keys()
        assert [f"{other[key]} / {mine[key]}" for key in mine if other[key] != mine[key]] == []

    again = program("up")
    assert changes(again) == {"same": len(up)}

    written(program)
    # What the engine makes of changes is the same from every language.
    if language == "typescript":
        change(program)

    program("destroy")
    assert inventory() == before, "something is left"


def grouped(program, previewed):
    """Components have the same children below a component of the program's own."""
    alone = program.file.read_text()
    for old, new in WORDS[program.language].get("group", []):
        program.replace(old, new)
    if program.file.read_text() != alone:
        assert program("preview") == previewed
    program.file.write_text(alone)


def written(program):
    """Tags and an import, as the language says them."""
    found = boto3.client("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    program.replace(*WORDS[program.language]["tags"])
    for old, new in WORDS[program.language]["import"]:
        program.replace(old, new.replace("THERE", found))
    assert changed(program("preview"))[FOUND] == "import"
    up = changed(program("up"))
    assert up[FOUND] == "import"
    assert up["dbt-aws:ec2:Vpc", "analytics-vpc"] == "update"
    assert changed(program("up")) == {}


def change(program):
    """What is changed in the program or behind its back, and nothing else, is what changes."""
    program.replace("Europe/Paris", "Europe/Rome")
    expected = {("dbt-aws:index:DbtSchedule", "nightly"): "update", SCHEDULE: "update"}
    assert changed(program("preview")) == expected
    assert changed(program("up")) == expected

    assert changed(program("refresh")) == {}

    program.replace("Europe/Rome", "Europe/Madrid")
    program.replace('team: "data"', 'team: "finance"')
    assert changed(program("up", "--target", program.urn(SCHEDULE[1]))) == {SCHEDULE: "update"}
    schedule = boto3.client("scheduler").list_schedules()["Schedules"][0]["Name"]
    assert boto3.client("scheduler").get_schedule(Name=schedule)["ScheduleExpressionTimezone"] == "Europe/Madrid"
    assert ("dbt-aws:ec2:Vpc", "analytics-vpc") in changed(program("up"))

    logs = boto3.client("logs")
    group = next(g["logGroupName"] for g in logs.describe_log_groups()["logGroups"] if "analytics" in g["logGroupName"])
    logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    assert changed(program("refresh")) == {LOGS: "update"}
    assert changed(program("up")) == {LOGS: "update"}
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 30


def changed(found):
    """The operations that are more than a look."""
    return {resource: operation for resource, operation in found.items() if operation not in ("same", "refresh")}
