"""The schemas that a run built in are dropped, and no others."""

import json

import duckdb
import pytest

from conftest import profile
from dbt_aws import schemas


FILES = {"models/a.sql": "select 1 as id", "models/b.sql": "{{ config(schema='more') }} select 1 as id",
         "models/c.sql": "{{ config(materialized='ephemeral', schema='none') }} select 1 as id"}


@pytest.fixture
def built(run, tmp_path):
    """A run that built in two schemas, beside one of somebody else's; gives what runs more, and the schemas that there are."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as database:
        database.execute("create schema theirs; create table theirs.orders as select 1 as id")
    settings = json.dumps({**profile(path), "schema": "pr_7"})

    def there():
        with duckdb.connect(path) as database:
            names = database.execute("select schema_name from information_schema.schemata where catalog_name = 'shop'").fetchall()
        return {name for name, in names} - schemas.NEVER - {"main"}

    more = lambda *arguments, files=FILES, **env: run(files, *arguments, DBT_AWS_PROFILE=settings, **env)
    assert more().code == 0
    assert there() == {"pr_7", "pr_7_more", "theirs"}
    return more, there


@pytest.mark.every_dbt
def test_all_of_a_run_is_dropped(built, s3):
    run, there = built
    # A run that failed leaves no latest.
    s3.delete_object(Bucket="artifacts", Key="shop/prod/latest/manifest.json")
    dropped = run(["dbt-aws drop-schemas r1"], DBT_AWS_RUN_ID="r2")
    assert (dropped.code, there()) == (0, {"theirs"}), dropped.log
    assert "drops pr_7, pr_7_more\n" in dropped.log
    again = run(["dbt-aws drop-schemas r1", "dbt-aws drop-schemas"], DBT_AWS_RUN_ID="r3")
    assert (again.code, there()) == (0, {"theirs"}), again.log


@pytest.mark.parametrize("reason", ["also of the project that stateFrom names (s3://artifacts/shop/main)", "of a source"])
def test_what_others_have_is_not_dropped(built, s3, reason):
    run, there = built
    manifest = json.loads(s3.get_object(Bucket="artifacts", Key="shop/prod/latest/manifest.json")["Body"].read())
    place = "main" if "stateFrom" in reason else "prod"
    if place == "main":
        # As a warehouse that does not tell upper from lower case has them.
        manifest["nodes"] = {name: {**node, "schema": node["schema"].upper()} for name, node in manifest["nodes"].items()}
    if place == "prod":
        manifest["sources"] = {"source.shop.raw.orders": {"database": "shop", "schema": "pr_7"}}
    s3.put_object(Bucket="artifacts", Key=f"shop/{place}/latest/manifest.json", Body=json.dumps(manifest))
    refused = run(["dbt-aws drop-schemas"], DBT_AWS_RUN_ID="r2", **({"DBT_AWS_STATE_FROM": "s3://artifacts/shop/main"} if place == "main" else {}))
    assert (refused.outcome["class"], there()) == ("usage", {"pr_7", "pr_7_more", "theirs"}), refused.log
    assert f"drops no schema: pr_7 is {reason}" in refused.outcome["message"]


def test_nothing_is_dropped_where_it_is_not_known_what_others_have(built):
    run, there = built
    refused = run(["dbt-aws drop-schemas r1"], DBT_AWS_RUN_ID="r2", DBT_AWS_STATE_FROM="s3://artifacts/shop/main")
    assert (refused.outcome["class"], there()) == ("usage", {"pr_7", "pr_7_more", "theirs"}), refused.log
    assert "there is no manifest.json in s3://artifacts/shop/main/latest" in refused.outcome["message"]


def test_where_nothing_was_built_nothing_is_dropped(run):
    ended = run(FILES, ["dbt-aws drop-schemas r0"])
    assert (ended.code, "drops no schema: no run has built in any" in ended.log) == (0, True), ended.log


def test_odd_manifests():
    node = {"resource_type": "model", "database": None, "schema": "a'\"{{ b }}%}"}
    odd = [1, [], {}, {"nodes": 1}, {"nodes": {"a": 1, "b": {"resource_type": "model", "config": 1, "schema": 7}}, "functions": [1]}]
    assert [schemas.built(manifest) if isinstance(manifest, dict) else set() for manifest in odd] == [set()] * 5
    assert schemas.built({"nodes": {"a": node, "b": {**node, "schema": "x\n"}, "c": {**node, "schema": "y" * 256}}}) == {(None, node["schema"])}
    assert json.dumps(["", node["schema"]]) in schemas.jinja([(None, node["schema"])])
    assert json.dumps([["", "analytics_null"], ["null", "b"]]) in schemas.jinja([(None, "analytics_null"), ("null", "b")])
    test = {"resource_type": "test", "database": "d", "schema": "audit", "config": {"store_failures": True}}
    assert schemas.built({"nodes": {"a": test, "b": {**test, "config": {}}}}) == {("d", "audit")}
