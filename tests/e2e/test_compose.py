"""A platform in a network that the building blocks made, and a project of another stack on it."""
from inventory import inventory
from programs import Program, changes, copy


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
    project("destroy")
    platform("destroy")
    assert inventory() == before, "something is left"
