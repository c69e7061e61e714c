"""What is kept between runs and shared between commands changes nothing but the time."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from conftest import facts
from dbt_aws.artifacts import Artifacts
from dbt_aws.project import Project
from projects import PROJECT, TRAITS, VOLATILE

EXAMPLE = Path(__file__).parents[3] / "examples" / "jaffle-shop"
RUN = "shop/prod/runs/r1/1/"
PARSE = "shop/prod/partial_parse/partial_parse.msgpack"
# Times, what only names the invocation, and what is in the order of threads.
PASSING = {"created_at", "execution_time", "elapsed_time", "generated_at", "invocation_id", "invocation_started_at", "run_started_at", "thread_id",
           "timing", "completed_at", "started_at", "adapter_response", "user_id", "send_anonymous_usage_stats", "log_path", "target_path",
           "profiles_dir", "project_dir", "invocation_command", "build_path", "compiled_path", "root_path", "comment", "stats"}


def example():
    files = {str(path.relative_to(EXAMPLE)): path.read_text() for path in EXAMPLE.rglob("*") if path.is_file()}
    return {**files, "dbt_project.yml": files["dbt_project.yml"].replace("profile: jaffle_shop", "profile: shop")}


def lasting(value):
    """A document of dbt's without what differs from run to run."""
    if isinstance(value, dict):
        return {lasting(key): lasting(item) for key, item in sorted(value.items()) if key not in PASSING}
    if isinstance(value, list):
        items = [lasting(item) for item in value]
        return sorted(items, key=str) if items and isinstance(items[0], dict) else items
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|(?<![0-9a-f])([0-9a-f]{32}|\d{12})(?![0-9a-f])", "N", value)
    return value


def differences(ours, theirs, place):
    """Where two documents differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [found for key in sorted({*ours, *theirs}) for found in differences(ours.get(key), theirs.get(key), f"{place}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [found for number, pair in enumerate(zip(ours, theirs)) for found in differences(*pair, f"{place}[{number}]")]
    return [] if ours == theirs else [f"{place}: {str(ours)[:200]} != {str(theirs)[:200]}"]


def rows(path):
    """All that is in a database."""
    with duckdb.connect(path, read_only=True) as database:
        tables = database.sql("select table_schema, table_name from information_schema.tables").fetchall()
        read = {f"{schema}.{name}": database.sql(f'select * from "{schema}"."{name}"').fetchall() for schema, name in tables}
    return {lasting(name): sorted(lasting(re.sub(r"datetime\(.*?\)", "N", str(row))) for row in found) for name, found in read.items()}


def compare(run, with_dbt, tmp_path, files, *nights):
    """Runs the commands of each night both ways, and gives the last run."""
    everything = [command for commands in nights for command in commands]
    with_dbt("plain_dbt.py", files, json.dumps(everything), str(tmp_path / "targets"))
    for commands in nights:
        result = run(files, commands)
        assert result.code == 0, result.log
    plain = tmp_path / "targets" / str(len(everything))
    names = ["manifest.json", "run_results.json", *(name for name in ("catalog.json", "sources.json") if (plain / name).exists())]
    for name in names:
        assert differences(lasting(json.loads(result.read(RUN + name))), lasting(json.loads((plain / name).read_text(encoding="utf-8"))), name) == []
    for number in range(1, len(commands) + 1):
        theirs = tmp_path / "targets" / str(len(everything) - len(commands) + number) / "run_results.json"
        if theirs.exists():
            ours = json.loads(result.read(RUN + f"run_results.{number}.json"))
            assert differences(lasting(ours["results"]), lasting(json.loads(theirs.read_text(encoding="utf-8"))["results"]), theirs.name) == []
    assert rows(tmp_path / "shop.duckdb") == rows(tmp_path / "alone" / "shop.duckdb")
    return result


def test_a_project_with_many_traits(run, with_dbt, tmp_path):
    files = {**TRAITS, **facts("TEAM", "SUFFIX")}
    result = compare(run, with_dbt, tmp_path, files, ["build --selector most"], ["run --select grows", "docs generate"])
    assert "restored partial_parse" in result.log
    assert "Unable to do partial parsing" not in result.log


@pytest.mark.every_dbt
def test_the_example(run, with_dbt, tmp_path):
    result = compare(run, with_dbt, tmp_path, {**example(), **facts()}, ["build"])
    assert "WARN=0" in result.log and "eprecat" not in result.log


def test_a_project_whose_parse_changes_from_run_to_run(run, with_dbt, tmp_path, s3):
    s3.put_object(Bucket="artifacts", Key=PARSE, Body=b"of an older version")
    files = {**VOLATILE, **facts(parse_afresh="models/daily.sql mentions run_started_at")}
    result = compare(run, with_dbt, tmp_path, files, ["run --full-refresh", "run"])
    assert len(rows(tmp_path / "shop.duckdb")["main.hist"]) == 2
    assert len([name for name in rows(tmp_path / "shop.duckdb") if name.startswith("main.daily")]) == 1  # two, of times that differ
    assert "models/daily.sql mentions run_started_at" in result.log
    assert result.read(PARSE) == b""


@pytest.fixture
def fingerprint(tmp_path):
    def find(files=None, variables=("SCHEMA",), secrets=frozenset(), parse_afresh=None, packages="none", **env):
        for name, text in {"dbt_project.yml": PROJECT, **facts(*variables, parse_afresh=parse_afresh), **(files or {})}.items():
            (tmp_path / name).write_text(text)
        return Project(tmp_path).fingerprint(env, secrets, tmp_path / packages)

    return find


def test_the_same_project_has_the_same_fingerprint(fingerprint):
    first = fingerprint(SCHEMA="a", DBT_AWS_RUN_ID="1", DBT_TARGET_PATH="/tmp/1", ECS_AGENT_URI="1", DBT_ENV_SECRET_AWS_PASSWORD="1")
    assert first == fingerprint(SCHEMA="a", DBT_AWS_RUN_ID="2", DBT_TARGET_PATH="/tmp/2", ECS_AGENT_URI="2", DBT_ENV_SECRET_AWS_PASSWORD="2")


@pytest.mark.parametrize("other", [
    {"files": {"selectors.yml": "selectors: []"}},
    {"files": {"a.sql": ""}},
    {"SCHEMA": "b"},
    {"SCHEMA": ""},
    {"OF_A_NAME_IN_PARTS": "b"},
    {"DBT_ENV_CUSTOM_ENV_TEAM": "b"},
    {"DBT_AWS_PROFILE": "{}"},
])
def test_another_project_has_another_fingerprint(fingerprint, other):
    assert fingerprint(SCHEMA="a") != fingerprint(**{"SCHEMA": "a", **other})


def test_other_packages_make_another_fingerprint(fingerprint, tmp_path):
    (tmp_path.parent / "opt").mkdir()
    first = fingerprint(packages="../opt")
    (tmp_path.parent / "opt" / "dbt_duckdb-1.11.1.dist-info").mkdir()
    assert first != fingerprint(packages="../opt")


def test_a_link_within_the_project_is_part_of_its_fingerprint(fingerprint, tmp_path):
    first = fingerprint()
    (tmp_path / "util").symlink_to(".")
    second = fingerprint()
    assert second not in (None, first)
    (tmp_path / "util").unlink()
    (tmp_path / "util").symlink_to("./.")
    assert fingerprint() not in (None, first, second)


def test_what_is_not_known_has_no_fingerprint(fingerprint, tmp_path):
    assert fingerprint(parse_afresh="models/a.sql mentions flags") is None
    assert fingerprint(secrets=frozenset({"SCHEMA"}), SCHEMA="a") is None
    assert fingerprint({".dbt-aws.json": '{"version": 2, "variables": [], "parseAfresh": null}'}) is None
    assert fingerprint({".dbt-aws.json": "[" * 100_000}) is None
    assert fingerprint() is not None
    (tmp_path / "beyond").symlink_to("/etc")
    assert fingerprint() is None


def test_a_parse_is_found_whatever_the_case_of_the_headers(tmp_path):
    lines, path = [], tmp_path / "partial_parse.msgpack"
    artifacts = Artifacts("s3://artifacts/shop", lines.append)
    artifacts.client = SimpleNamespace(get_object=lambda **_: {"Metadata": {"Dbt-Aws-Fingerprint": "f"}, "ContentLength": 5, "Body": io.BytesIO(b"parse")})
    assert artifacts.restore_parse("other", path) and not path.exists()
    assert artifacts.restore_parse("f", path) and path.read_bytes() == b"parse"
