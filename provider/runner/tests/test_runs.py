"""Whole runs: what is printed, what is kept, and how they end."""

import json
import signal
import socket
import stat
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import facts
from projects import PROJECT

OK = {"models/orders.sql": "select 1 as id"}
FAILING = {"models/orders.sql": "select 1 as id", "models/broken.sql": "select 1 / nothing from {{ ref('orders') }}"}
# Some minutes of counting, which DuckDB stops when it is told to; it tells when it has begun.
SLOW = {"models/orders.sql": "select 1 as id",
        "models/slow.sql": """{{ config(pre_hook="call enable_logging('QueryLog', storage := 'stdout')") }}
            select sum(hash(a.range + b.range)) as n from range(2000000) a, range(2000000) b, {{ ref('orders') }}"""}
BEGUN = "select sum(hash("
PARSE = "shop/prod/partial_parse/partial_parse.msgpack"
LAST = "shop/prod/latest/"
DOCS = "shop/prod/docs/latest/index.html"
RUN = "shop/prod/runs/r1/1/"


def stop(process):
    process.send_signal(signal.SIGTERM)


def sitecustomize(tmp_path, **texts):
    """What Python runs first in the process of a program."""
    lines = [f"if '{name}.py' in ' '.join(sys.orig_argv): {text}\n" for name, text in texts.items()]
    (tmp_path / "sitecustomize.py").write_text(f"import os, signal, sys, time\n{''.join(lines)}")
    return {"PYTHONPATH": str(tmp_path)}


# A program that ends when it is told to.
WAITS = "import time\ntry:\n    print('waits', flush=True)\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    print('tidies up')"

RESULT = {"number": 1, "exitCode": 0, "seconds": 1, "dbtVersion": "1.11.16", "nodes": 1, "counts": {"success": 1}, "slowest": [], "failed": [],
          "error": None, "warning": None, "kind": "dbt-error"}


def ends(**result):
    """What stands for a dbt that ends so, where only the runner is looked at."""
    return f"""[open(path, 'w').write(text) for path, text in (
        (os.environ['DBT_TARGET_PATH'] + '/run_results.json', '{{}}'), (os.environ['DBT_LOG_PATH'] + '/dbt.log', 'done'),
        (sys.orig_argv[-2], {json.dumps(RESULT | result)!r}))]; os._exit({(RESULT | result)["exitCode"]})"""


SUCCESS = ends()

# A clock of the runner's that is an hour fast once there is a file.
CLOCK = "clock = time.monotonic; time.monotonic = lambda: clock() + 3600 * os.path.exists(__file__ + '.late')"


def late(tmp_path):
    """Lets the hour pass: the runner looks at its clock when it gets a signal."""
    def act(process):
        (tmp_path / "sitecustomize.py.late").touch()
        process.send_signal(signal.SIGCHLD)
    return act


@pytest.mark.every_dbt
def test_success_keeps_its_artifacts_in_both_places_and_says_what_selected_nothing(run):
    files = {**OK, **facts()}
    result = run(files, ["dbt run --select nosuch", "dbt build", "docs generate"])
    assert result.code == 0, result.log
    assert result.outcome["class"] == "success"
    assert [command["exitCode"] for command in result.outcome["commands"]] == [0, 0, 0]
    assert result.outcome["dbtVersion"] == version("dbt-core")
    for name in ("manifest.json", "run_results.json", "run_results.2.json", "catalog.json", "index.html", "logs/dbt.log"):
        assert {RUN + name, LAST + name} <= result.keys
    assert "PASS=1" in result.log
    assert LAST + "outcome.json" not in result.keys
    [warning] = result.outcome["warnings"]
    assert warning == "dbt run --select nosuch selected no nodes: the selection criterion 'nosuch' does not match any enabled nodes"
    assert result.outcome["message"] == f"dbt run --select nosuch and dbt build and dbt docs generate succeeded: 1 node; but {warning}"
    failed = run(files, ["dbt run --select nosuch", "dbt run"], DBT_AWS_FAIL_IF_NOTHING_SELECTED="true")
    assert failed.code == 2
    assert failed.outcome["class"] == "dbt-error"
    assert "failed: it selected no nodes: the selection criterion 'nosuch'" in failed.outcome["message"]
    assert len(failed.outcome["commands"]) == 1


@pytest.mark.every_dbt
def test_documentation_is_kept_as_one_page_without_secrets(run, s3):
    tricky = "</script><script>alert(1)</script> <!-- wrap-secret \"CATALOG.JSON INLINE DATA\" -->"
    files = {**OK, "models/orders.yml": json.dumps({"models": [{"name": "orders", "description": tricky}]})}
    env = {"DBT_AWS_SECRET_NAMES": "TOKEN", "TOKEN": "wrap-secret"}
    result = run(files, ["build", "docs generate"], **env)
    page = result.read(DOCS).decode()
    data = [json.JSONDecoder().raw_decode(page, page.index(start))[0] for start in ('{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/' + name
            for name in ("manifest/", "catalog/"))]
    described = data[0]["nodes"]["model.shop.orders"]["description"]
    assert described == tricky.replace("wrap-secret", "*****") and described not in page and "wrap-secret" not in page
    assert "id" in data[1]["nodes"]["model.shop.orders"]["columns"]
    assert "INLINE DATA\"" not in page.replace("\\\"CATALOG.JSON INLINE DATA\\\"", "")
    head = s3.head_object(Bucket="artifacts", Key=DOCS)
    assert head["ContentType"].startswith("text/html") and s3.get_object_tagging(Bucket="artifacts", Key=DOCS)["TagSet"] == []


def test_documentation_that_failed_is_not_kept(run):
    broken = "{% if execute %}{{ exceptions.raise_compiler_error('none') }}{% endif %} select 1 as id"
    result = run({**OK, "models/broken.sql": broken}, ["build --select orders", "-dbt docs generate"])
    assert result.code == 0 and result.outcome["notDeciding"] and DOCS not in result.keys


def test_commands_that_change_the_parse_do_not_share_it(run):
    """And options of all of dbt reach it."""
    files = {"models/orders.sql": "select '{{ var('label', 'none') }}' as label", "models/nowhere.yml": "models: [{name: nowhere}]", **facts()}
    result = run(files, ["parse", "parse --vars '{label: two}'", "parse", "--warn-error test"])
    assert [command["exitCode"] for command in result.outcome["commands"]] == [0, 0, 0, 2], result.log
    assert result.log.count("config vars, config profile, or config target have changed") == 2
    assert "'nowhere'" in result.outcome["message"]


def test_many_failing_nodes_fit(run, tmp_path):
    failed = [[f"model.shop.{'m' * 100}_{n}", "Database Error"] for n in range(60)]
    result = run(OK, **sitecustomize(tmp_path, dbt_commands=ends(exitCode=1, nodes=60, failed=failed)))
    assert result.outcome["failedNodeCount"] == 60
    assert 0 < len(result.outcome["failedNodes"]) <= 50
    assert len(result.read(RUN + "outcome.json")) <= 16_000


def test_second_command_fails_and_the_third_does_not_run(run):
    result = run({**FAILING, "tests/no_orders.sql": "select 'orders' as found", **facts()}, ["run --select orders", "build", "test"])
    assert result.code == 1
    assert [command["exitCode"] for command in result.outcome["commands"]] == [0, 1]
    assert result.outcome["class"] == "failed-nodes"
    assert sorted(result.outcome["failedNodes"]) == ["model.shop.broken", "test.shop.no_orders"]
    assert result.outcome["failedNodeCount"] == 2
    assert "2 of 3 nodes (" in result.outcome["message"]
    [broken] = [each for each in result.outcome["failed"] if each["node"] == "model.shop.broken"]
    assert "nothing" in broken["error"]
    assert not any(key.startswith(LAST) for key in result.keys)
    results = [json.loads(result.read(RUN + name)) for name in ("run_results.1.json", "run_results.2.json", "run_results.json")]
    assert [len(r["results"]) for r in results] == [1, 3, 3]
    # What a message names is kept.
    compiled = RUN + "compiled/shop/tests/no_orders.sql"
    assert f"s3://artifacts/{compiled}" in result.log
    assert b"orders" in result.read(compiled)
    assert "/target/" not in result.log


def test_other_programs_are_refused(run):
    result = run(OK, ["python -c 1"])
    assert result.code == 2
    assert result.outcome["class"] == "usage"
    assert "`python -c 1` starts no program" in result.outcome["message"]
    assert "Running with dbt" not in result.log


def test_deadline(run, tmp_path):
    result = run({**OK, "waits.py": WAITS}, ["python waits.py"], when=("waits", late(tmp_path)), DBT_AWS_TIMEOUT_SECONDS="1800",
                 **sitecustomize(tmp_path, runner=CLOCK))
    assert result.code == 124
    assert result.outcome["class"] == "timeout"
    assert "slow model" in result.outcome["message"]
    assert not any(key.startswith(LAST) for key in result.keys)


def test_a_dbt_that_ignores_the_cancel_is_killed(run, tmp_path):
    ignores = sitecustomize(tmp_path, runner=CLOCK, dbt_commands="signal.default_int_handler = signal.SIG_IGN")
    result = run(SLOW, when=(BEGUN, late(tmp_path)), DBT_AWS_TIMEOUT_SECONDS="1800", DBT_AWS_STOP_SECONDS="11", **ignores)
    assert result.code == 124
    assert "it is killed" in result.log
    assert result.outcome["class"] == "timeout"
    statuses = {r["unique_id"]: r["status"] for r in json.loads(result.read(RUN + "run_results.json"))["results"]}
    assert statuses == {"model.shop.orders": "success", "model.shop.slow": "skipped"}
    assert result.outcome["counts"] == {"success": 1, "skipped": 1}
    assert json.loads(result.read(RUN + "continue.json"))["how"] == "retry"


def test_a_killed_dbt_is_out_of_memory(run, tmp_path):
    result = run(OK, **sitecustomize(tmp_path, dbt_commands="os.kill(os.getpid(), signal.SIGKILL)"))
    assert result.code == 137
    assert result.outcome["class"] == "out-of-memory"
    assert "memory" in result.outcome["message"]


def test_a_dbt_that_cannot_start_is_said_so(run, tmp_path):
    result = run(OK, **sitecustomize(tmp_path, dbt_commands="os._exit(9)"))
    assert result.code == 70
    assert result.outcome["class"] == "internal"
    assert "exit code 9" in result.outcome["message"]


def postgres(port):
    return {"DBT_AWS_PROFILE": json.dumps({"name": "shop", "type": "postgres", "settings": {"host": "127.0.0.1", "port": port}})}


def test_a_warehouse_that_starts_is_waited_for(run, tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        result = run(OK, when=("waiting for the warehouse", lambda _: server.listen()), **postgres(port), **sitecustomize(tmp_path, dbt_commands=SUCCESS))
    assert "the warehouse answers after" in result.log
    assert result.outcome["class"] == "success"


def test_dbt_is_imported_while_the_runner_waits(run, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answers = f"import socket; listening = socket.create_server(('127.0.0.1', {port})); sys.stdin.read(); {SUCCESS}"
    result = run(OK, **sitecustomize(tmp_path, runner="import dbt_aws.warehouse as it; it.SECONDS = 10", dbt_commands=answers), **postgres(port))
    assert result.code == 0, result.log


def test_nothing_is_left_where_nothing_is_run(run, tmp_path):
    mark = tmp_path / "child"
    result = run(OK, ["dbt build --select state:modified"], **sitecustomize(tmp_path, dbt_commands=f"open({str(mark)!r}, 'w').write(str(os.getpid()))"))
    assert result.code == 2 and not (mark.exists() and Path("/proc", mark.read_text()).exists())


def test_sigterm_ends_the_wait_for_the_warehouse(run):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        result = run(OK, when=("waiting for the warehouse", stop), **postgres(server.getsockname()[1]))
    assert result.code == 143
    assert result.outcome["class"] == "terminated"
    assert "Running with dbt" not in result.log


def test_no_project(run):
    result = run(OK, DBT_PROJECT_DIR="/nonexistent")
    assert result.code == 2
    assert "no dbt_project.yml in /nonexistent" in result.outcome["message"]


def test_a_parse_is_shared_kept_and_restored(run, s3, tmp_path):
    files = {**OK, **facts()}
    first = run(files, ["parse", "test"])
    assert first.log.count("Unable to do partial parsing") == 1
    second = run(files, ["parse"])
    assert second.code == 0
    assert "Unable to do partial parsing" not in second.log
    kept = s3.get_object(Bucket="artifacts", Key=PARSE)
    s3.put_object(Bucket="artifacts", Key=PARSE, Body=b"not msgpack", Metadata=kept["Metadata"])
    broken = run(files, ["parse"])
    assert broken.code == 0
    assert "restored" in broken.log
    changed = run({**files, "models/orders.sql": "select 2 as id"}, **sitecustomize(tmp_path, dbt_commands=SUCCESS))
    assert changed.code == 0
    assert "restored" not in changed.log


def test_artifacts_that_cannot_be_read_do_not_take_the_outcome_along(run, tmp_path):
    result = run(OK, **sitecustomize(tmp_path, dbt_commands="os.mkdir(os.path.join(os.environ['DBT_LOG_PATH'], 'dbt.log.1')); " + SUCCESS))
    assert result.code == 0, result.log
    assert "could not keep s3://artifacts/shop/prod/runs/r1/1/logs/dbt.log.1: " in result.log
    assert {RUN + "logs/dbt.log", RUN + "run_results.json"} <= result.keys
    assert result.outcome["class"] == "success"


def test_a_full_disk_has_an_outcome(run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import tempfile\ndef mkdtemp(**_): raise OSError(28, 'No space left on device')\n"
                                               "tempfile.mkdtemp = mkdtemp\n")
    result = run(OK, PYTHONPATH=str(tmp_path))
    assert result.code == 70
    assert result.outcome["class"] == "internal"
    assert "No space left on device" in result.outcome["message"]


def test_a_disk_that_fills_up_is_said_so(run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("""
import builtins, sys
def full(path, mode="r", *more, **named):
    if "dbt-aws-" in str(path) and mode[0] != "r":
        raise OSError(28, "No space left on device")
    return before(path, mode, *more, **named)
before = builtins.open
if "dbt_commands.py" in " ".join(sys.orig_argv):
    builtins.open = full
""")
    result = run(OK, PYTHONPATH=str(tmp_path))
    assert result.code == 2, result.log
    assert "No space left on device" in result.outcome["message"]
    assert "the task's disk is full" in result.outcome["message"]


def test_without_a_place_nothing_is_uploaded(run, tmp_path):
    result = run(OK, DBT_AWS_ARTIFACTS="", **sitecustomize(tmp_path, dbt_commands=SUCCESS))
    assert result.code == 0
    assert not result.keys


def test_a_missing_bucket_does_not_fail_the_run(run, tmp_path):
    result = run(OK, DBT_AWS_ARTIFACTS="s3://nowhere/shop/prod", **sitecustomize(tmp_path, dbt_commands=SUCCESS))
    assert result.code == 0
    assert "could not keep s3://nowhere/shop/prod/runs/r1/1/outcome.json" in result.log


SECRETS = {"DBT_ENV_SECRET_TOKEN": "tok-31415926", "API_KEY": "key-27182818\nsecond-line-of-key", "DBT_AWS_SECRET_NAMES": "API_KEY,QUOTED,PIN",
           "DBT_AWS_WAREHOUSE_SECRET": json.dumps({"username": "dbt", "password": "pass-16180339", "port": "5432", "engine": "postgres"})}


def test_secrets_stay_hidden(run, s3):
    """Planted wherever a project can put one, and looked for in all that is kept, also where it is escaped."""
    s3.put_object(Bucket="artifacts", Key=PARSE, Body=b"an old one, with key-27182818")
    files = {
        "dbt_project.yml": PROJECT + "on-run-start: \"select '{{ env_var('QUOTED') }}' as a\"\n",
        "models/leak.sql": "{{ log(env_var('API_KEY'), info=true) }} select $${{ env_var('API_KEY') }}$$ as id",
        "models/leak.yml": "models: [{name: leak, description: \"{{ env_var('API_KEY') }}\", meta: {key: \"{{ env_var('QUOTED') }}\", n: 31415926}}]",
        **facts(),
    }
    commands = ["build --vars '{t: tok-31415926}'", "docs generate --static", "test --select tok-31415926"]
    result = run(files, commands, **SECRETS, QUOTED="quo\"ted-14142135-é", PIN="31415926")
    assert result.code == 0, result.log
    assert "*****" in result.log
    assert len(result.keys) > 15
    for key in result.keys:
        content = result.read(key)
        for value in (b"tok-31415926", b"key-27182818", b"second-line-of-key", b"pass-16180339", b"ted-14142135", b"31415926"):
            assert value not in content, key
        if key.endswith(".json"):
            json.loads(content)
    assert not any(value in result.log for value in ("tok-31415926", "key-27182818", "second-line-of-key", "pass-16180339"))
    assert result.read(PARSE) == b""
    assert json.loads(result.read(RUN + "manifest.json"))["nodes"]["model.shop.leak"]["meta"]["n"] == "*****"


def test_the_profile_is_private_and_refers_to_its_secrets(run, tmp_path):
    result = run(OK, **SECRETS, **sitecustomize(tmp_path, dbt_commands=SUCCESS))
    [profile] = result.tmp.glob("dbt-aws-*/profiles.yml")
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600
    assert stat.S_IMODE(profile.parent.stat().st_mode) == 0o700
    assert "pass-16180339" not in profile.read_text()
    connection = json.loads(profile.read_text())["shop"]["outputs"]["prod"]
    assert connection["user"] == "dbt"
    assert connection["port"] == 5432
    assert connection["password"] == "{{ env_var('DBT_ENV_SECRET_AWS_PASSWORD') }}"
    assert "engine" not in connection


def test_an_input_cannot_take_the_password_along(run):
    """The variables of an execution's input, and what becomes of them in what dbt renders."""
    files = {"models/a.sql": "select '{{ env_var('LABEL') }}' as label", **facts("LABEL", "PGHOSTADDR")}
    given = {"LABEL": "{{ env_var(1) }} $$$DBT_SECRET_START$$$DBT_ENV_SECRET_AWS_PASSWORD$$$DBT_SECRET_END$$$", "DBT_FULL_REFRESH": "true"}
    result = run(files, DBT_AWS_ENVIRONMENT=json.dumps(given), **SECRETS)
    assert result.code == 0, result.log
    compiled = json.loads(result.read(RUN + "manifest.json"))["nodes"]["model.shop.a"]["compiled_code"]
    assert given["LABEL"] in compiled
    assert json.loads(result.read(RUN + "run_results.json"))["args"]["full_refresh"] is True
    refused = run(files, DBT_AWS_ENVIRONMENT='{"LABEL": "x", "PGHOSTADDR": "10.0.0.1"}')
    assert refused.code == 2
    assert refused.outcome["class"] == "usage"
    assert "may not set the environment variable PGHOSTADDR" in refused.outcome["message"]
    assert "Running with dbt" not in refused.log


def test_a_dbt_that_breaks_is_said_so(run):
    """YAML reads `off` as false, and dbt takes it for a text."""
    result = run({**OK, "dbt_project.yml": PROJECT.replace("{shop: {", "{shop: {off: {+enabled: false}, ")})
    assert result.code == 70
    assert result.outcome["class"] == "internal"
    assert f"dbt {version('dbt-core')} failed with an unexpected exception: AttributeError: 'bool'" in result.outcome["message"]


def test_an_image_without_dbt_is_said_so(run, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nif 'dbt_commands.py' in ' '.join(sys.orig_argv): sys.modules['dbt'] = None\n")
    result = run(OK, PYTHONPATH=str(tmp_path))
    assert result.code == 2
    assert result.outcome["class"] == "usage"
    assert "there is no dbt in the image" in result.outcome["message"]
    assert 0 <= result.outcome["commands"][0]["seconds"] < 600


REASONS = [
    ("build --selct orders", "--selct"),
    ("parse --vars '{missing: nowhere}'", "nowhere"),
    ("run --select events", ""),
    ("source freshness", "stale: its newest row is of 2020-01-01 00:00 UTC, "),
    ("source freshness", " days, "),
    ("source freshness", "; error_after is 2 hours"),
    ("run-operation boom", "why it failed"),
    ("run-operation no_sql", 'column "nothing"'),
    ("run --select batches", 'PARTIAL SUCCESS (1/2): Runtime Error\n  Binder Error: Referenced column "nothing"'),
    ("run --select batches --event-time-start 2021-01-01 --event-time-end 2022-01-01", 'ERROR: Runtime Error\n  Binder Error: Referenced column "nothing"'),
    ("run --fail-fast --select broken", 'column "nothing"'),
    ("debug --target nowhere", "nowhere"),
    ("--quiet debug", ""),
    ("seed", "selected no nodes: the project has none"),
    ("ls --select nosuch", "selected no nodes: the selection criterion 'nosuch'"),
    ("run --select events --vars '{hook: true}'", "why it failed"),
]


@pytest.mark.every_dbt
def test_a_failure_is_told_with_its_reason(with_dbt, tmp_path):
    """Without git, too, as in the image."""
    files = {
        "dbt_project.yml": PROJECT + "on-run-start: \"{% if var('hook', false) %}{{ boom() }}{% endif %}\"\n",
        "models/missing.sql": "select * from {{ ref(var('missing', 'events')) }}",
        "models/events.sql": "{{ config(event_time='loaded') }} select cast('2020-01-01' as timestamp) as loaded",
        "models/broken.sql": "select nothing",
        "models/batches.sql": """
            {{ config(materialized='incremental', incremental_strategy='microbatch', event_time='loaded', begin='2020-01-01', batch_size='year') }}
            select loaded, {% if model.batch and model.batch.event_time_start.year > 2020 %} nothing {% else %} 1 {% endif %} as x
            from {{ ref('events') }}""",
        "models/sources.yml": "sources: [{name: raw, schema: main, tables: [{name: events}], "
                              "config: {loaded_at_field: loaded, freshness: {error_after: {count: 2, period: hour}}}}]",
        "macros/boom.sql": "{% macro boom() %}{{ exceptions.raise_compiler_error('why it failed') }}{% endmacro %}\n"
                           "{% macro no_sql() %}{% do run_query('select nothing') %}{% endmacro %}",
    }
    commands = list(dict.fromkeys(command for command, _ in REASONS))
    commands[commands.index("run --select batches")] += " --event-time-start 2020-01-01 --event-time-end 2022-01-01"
    results = tmp_path / "results.jsonl"
    with_dbt("described.py", files, json.dumps(commands), str(results), PATH="/nonexistent", DBT_TARGET_PATH=str(tmp_path / "target"), DBT_LOG_PATH=str(tmp_path))
    lines = dict(zip(dict.fromkeys(command for command, _ in REASONS), map(json.loads, results.read_text().splitlines())))
    for command, reason in REASONS:
        line = lines[command]
        said = " ".join([*(message for _, message in line["failed"]), line["error"] or "", line["warning"] or ""])
        assert reason in said and bool(reason) == bool(said.strip()), (command, said)
    assert [(lines[command]["exitCode"], lines[command]["kind"]) for command, _ in REASONS[:2]] == [(2, "usage"), (2, "dbt-error")]
