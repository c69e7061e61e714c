"""Whole runs with dbt 2, for which a recording of it stands in: see stand_in.py."""

import json
import os
import signal
import sys
from pathlib import Path
from textwrap import indent

import pytest
from conftest import facts

from dbt_aws import engine

STAND_IN = Path(__file__).with_name("stand_in.py")
ORDERS = {"models/orders.sql": "select 1 as id"}
BROKEN = {**ORDERS, "models/broken.sql": "select 1 / nothing as x from {{ ref('orders') }}", "models/after.sql": "select * from {{ ref('broken') }}"}
SLOW = {**ORDERS, "models/slow.sql": "select sum(hash(a.range + b.range)) as n from range(2000000) a, range(2000000) b, {{ ref('orders') }}"}
RUN, LAST = "shop/prod/runs/r1/1/", "shop/prod/latest/"
STAND_IN_RUNS = f"import runpy\nrunpy.run_path({str(STAND_IN)!r}, run_name='__main__')\n"


@pytest.fixture
def dbt2(tmp_path):
    """The environment in which the only dbt is dbt 2, an executable."""
    program = tmp_path / "bin" / "dbt"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n{STAND_IN_RUNS}")
    program.chmod(0o755)
    (tmp_path / "sitecustomize.py").write_text("import sys\nif {'dbt_commands.py', 'described.py'} & {path.split('/')[-1] for path in sys.orig_argv}:\n"
                                               "    sys.modules['dbt'] = None\n")
    true = {name: os.environ[name] for name in ("DBT2", "XDG_CACHE_HOME") if name in os.environ}
    return {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(tmp_path), **true}


@pytest.fixture
def run_dbt2(run, dbt2):
    """Starts the runner in it."""
    return lambda files, commands, when=None: run({**files, **facts()}, commands, when, **dbt2)


def test_dbt2_keeps_its_artifacts(run_dbt2):
    result = run_dbt2(ORDERS, ["dbt build", "run --select nosuch"])
    assert result.code == 0, result.log
    assert result.outcome["dbtVersion"].startswith("2.0.")
    warning = "dbt run --select nosuch selected no nodes: the selection criterion 'fqn:nosuch' does not match any enabled nodes"
    assert result.outcome["warnings"] == [warning]
    assert result.outcome["message"] == f"dbt build and dbt run --select nosuch succeeded: 1 node; but {warning}"
    for name in ("manifest.json", "run_results.json", "run_results.1.json", "run_results.2.json", "logs/dbt.log"):
        assert {RUN + name, LAST + name} <= result.keys
    assert "Finished 'build' successfully" in result.log


def test_dbt2_may_be_an_extension_of_python(run, tmp_path):
    for name, text in {"__init__.py": "", "_core.py": "", "cli/__init__.py": "", "cli/main.py": "def cli():\n" + indent(STAND_IN_RUNS, "    ")}.items():
        path = tmp_path / "packages" / "dbt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    result = run({**ORDERS, "subprocess.py": "raise SystemExit('the project is no part of Python')"}, ["dbt build"], PYTHONPATH=str(tmp_path / "packages"))
    assert result.code == 0, result.log
    assert result.outcome["message"] == "dbt build succeeded: 1 node"


def test_dbt2_says_which_nodes_failed(run_dbt2):
    result = run_dbt2(BROKEN, ["dbt run", "dbt test"])
    assert result.code == 1
    assert result.outcome["class"] == "failed-nodes"
    assert result.outcome["failedNodes"] == ["model.shop.broken"]
    assert result.outcome["message"].startswith("dbt run failed: 1 of 3 nodes (model.shop.broken); the first says: Database Error in model broken (s3://")
    assert RUN + "run/shop/models/broken.sql" in result.keys
    assert not any(key.startswith(LAST) for key in result.keys)


def test_dbt2_is_cancelled(run_dbt2):
    result = run_dbt2(SLOW, ["dbt build --threads 1", "dbt test"], when=("Succeeded", lambda process: process.send_signal(signal.SIGTERM)))
    assert result.code == 143, result.log
    assert result.outcome["class"] == "terminated"
    assert result.outcome["message"].startswith("dbt build --threads 1 was cancelled")
    assert "is killed" not in result.log


REASONS = [
    ("build --selct orders", 2, "usage", "unexpected argument '--selct' found; tip: a similar argument exists: '--select'"),
    ("parse --vars '{missing: nowhere}'", 1, "dbt-error", "Ref 'nowhere' not found in project"),
    ("source freshness", 1, "dbt-error", "Table with name events does not exist"),
    ("run --select events", 0, "dbt-error", ""),
    ("source freshness --select source:raw", 1, "dbt-error", "stale: its newest row is of 2020-01-01 00:00 UTC, "),
    ("build --fail-fast --select orders", 1, "dbt-error", "got 1 failing row"),
    ("run-operation boom", 1, "dbt-error", "why it failed"),
    ("debug --target nowhere", 1, "dbt-error", "target 'nowhere' not found in profile 'shop'"),
    ("ls", 0, "dbt-error", ""),
    ("docs generate", 0, "dbt-error", "wrote no documentation: `dbt docs generate` is not supported"),
]


def test_dbt2_tells_why(with_dbt, tmp_path, dbt2):
    files = {
        **ORDERS,
        "models/other.sql": "select * from {{ ref(var('missing', 'orders')) }}",
        "models/events.sql": "select cast('2020-01-01' as timestamp) as loaded",
        "models/sources.yml": "sources: [{name: raw, schema: main, tables: [{name: events}], "
                              "config: {loaded_at_field: loaded, freshness: {error_after: {count: 2, period: hour}}}}]",
        "macros/boom.sql": "{% macro boom() %}{{ exceptions.raise_compiler_error('why it failed') }}{% endmacro %}",
        "tests/none.sql": "select * from {{ ref('orders') }}",
    }
    results = tmp_path / "results.jsonl"
    for name in ("target", "logs"):
        (tmp_path / name).mkdir()
    path = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    dbt2["PYTHONPATH"] += os.pathsep + str(STAND_IN.parent.parent)
    with_dbt("described.py", files, json.dumps([command for command, *_ in REASONS]), str(results), **dbt2, **path)
    for (command, code, kind, reason), line in zip(REASONS, map(json.loads, results.read_text().splitlines()), strict=True):
        said = " ".join([*(message for _, message in line["failed"]), line["error"] or "", line["warning"] or ""])
        assert (line["exitCode"], line["kind"]) == (code, kind), (command, line)
        assert reason in said and bool(reason) == bool(said.strip()), (command, said)


@pytest.mark.parametrize("stderr, kind, message", [
    ("error: unrecognized subcommand 'x'\n\nUsage: dbt [OPTIONS] <COMMAND>\n\nFor more", "DbtUsageException", "unrecognized subcommand 'x'"),
    ("[error] no such directory\n", "DbtUsageException", "no such directory"),
    ("warning: a\npanic: panicked at src/a.rs:1:2\n", "SystemError", "panic: panicked at src/a.rs:1:2"),
    ("", "SystemError", "it said nothing"),
])
def test_dbt2_may_fail_before_it_has_a_log(stderr, kind, message):
    found = engine.unlogged(stderr)
    assert (type(found).__name__, str(found)) == (kind, message)
