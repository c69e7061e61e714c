"""The example project, built as a user would see it."""

from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "jaffle-shop"


def test_the_example_builds_twice(run):
    files = {str(path.relative_to(EXAMPLE)): path.read_text() for path in EXAMPLE.rglob("*") if path.is_file()}
    files["dbt_project.yml"] = files["dbt_project.yml"].replace("profile: jaffle_shop", "profile: shop")
    for _ in range(2):
        result = run(files, ["build", "docs generate"])
        assert result.code == 0, result.log
        assert "WARN=0" in result.log and "eprecat" not in result.log
