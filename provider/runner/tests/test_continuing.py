"""What a run does with what an earlier one left, and commands that are none of dbt's."""

import json
import socket

import pytest
from conftest import facts
from test_runs import BEGUN, CLOCK, FAILING, OK, SECRETS, SLOW, WAITS, late, postgres, sitecustomize, stop

RUN, SECOND = "shop/prod/runs/r1/1/", "shop/prod/runs/r1/2/"


def ran(result, key):
    """The nodes in a run_results.json, with their status."""
    return {node["unique_id"].rsplit(".", 1)[-1]: node["status"] for node in json.loads(result.read(key))["results"]}


@pytest.mark.every_dbt
def test_a_command_gets_the_state_of_the_last_green_run(run):
    files = {**OK, "models/other.sql": "select 2 as id", **facts()}
    commands = ["dbt build --select state:modified+ --defer"]
    first = run(files, commands)
    assert (first.code, first.outcome["class"]) == (2, "usage")
    assert first.outcome["message"] == (
        "`dbt build --select state:modified+ --defer` compares with the last green run, which left no manifest.json in s3://artifacts/shop/prod/latest: "
        "let a run without it succeed first, such as one of dbt build, or name a state of your own with --state")
    assert "Running with dbt" not in first.log
    assert run(files).code == 0
    changed = {**files, "models/orders.sql": "select 3 as id from {{ ref('other') }}"}
    second = run(changed, commands)
    assert second.code == 0, second.log
    assert ran(second, RUN + "run_results.1.json") == {"orders": "success"}
    other = run(changed, commands, DBT_AWS_STATE_FROM="s3://artifacts/shop/nowhere")
    assert "left no manifest.json in s3://artifacts/shop/nowhere/latest" in other.outcome["message"]


@pytest.mark.every_dbt
def test_an_attempt_continues_a_cancelled_one(run):
    files = {**SLOW, "models/after.sql": "select * from {{ ref('slow') }}", "seeds/s.csv": "a\n1\n", **facts()}
    commands = ["seed", "-run --select nowhere", "build --threads 1 --exclude resource_type:seed", "test"]
    first = run(files, commands, when=(BEGUN, stop), DBT_AWS_STOP_SECONDS="600")
    assert (first.code, first.outcome["class"]) == (143, "terminated")
    assert "is killed" not in first.log
    assert not any(key.startswith("shop/prod/latest/") for key in first.keys)
    assert first.outcome["message"].startswith("dbt build --threads 1 --exclude resource_type:seed was cancelled")
    left = ran(first, RUN + "run_results.3.json")
    assert left.pop("slow") in ("error", "skipped")  # dbt may tell of it before it ends
    assert left == {"orders": "success", "after": "skipped"}
    assert first.outcome["counts"]["success"] == 2 and sum(first.outcome["counts"].values()) == 4
    files["models/slow.sql"] = "select 1 as n"
    second = run(files, commands, DBT_AWS_ATTEMPT="2", DBT_AWS_CONTINUE="runs/r1/1")
    assert second.code == 0, second.log
    assert [command["command"] for command in second.outcome["commands"]] == ["dbt build --threads 1 --exclude resource_type:seed", "dbt test"]
    assert ran(second, SECOND + "run_results.3.json") == {"slow": "success", "after": "success"}
    assert {SECOND + "run_results.1.json", "shop/prod/latest/run_results.1.json"} <= second.keys
    refused = run(files, commands[1:], DBT_AWS_ATTEMPT="3", DBT_AWS_CONTINUE="runs/r1/2")
    assert (refused.code, refused.outcome["class"]) == (2, "nothing-to-continue")
    assert "it was one of other commands" in refused.outcome["message"]


EXTRACT = """
import json, os, stat, sys
import dbt, lib.here
path = os.environ["DBT_AWS_CONNECTION_FILE"]
print("given", sys.argv[1:], json.load(open(path)), oct(stat.S_IMODE(os.stat(path).st_mode)), os.path.basename(os.getcwd()))
print("the password is", json.load(open(path))["password"])
"""


def test_what_decides_nothing_a_program_and_a_retry(run, tmp_path):
    files = {**FAILING, "extract.py": EXTRACT, "lib/here.py": "", **facts()}
    first = run(files, ["-dbt run --select broken", "python -m extract a 'b c'", "dbt run"], **SECRETS)
    assert (first.code, first.outcome["class"]) == (1, "failed-nodes"), first.log
    assert [command["exitCode"] for command in first.outcome["commands"]] == [1, 0, 1]
    assert "given ['a', 'b c'] {" in first.log and "'type': 'duckdb'" in first.log and "0o600 project" in first.log
    assert "the password is *****" in first.log
    assert not any("connection.json" in key for key in first.keys)
    [other] = first.outcome["notDeciding"]
    assert other["command"] == "dbt run --select broken" and other["message"].startswith("dbt run --select broken failed: 1 of 1 node (model.shop.broken)")
    [warning] = first.outcome["warnings"]
    assert warning.startswith(other["message"]) and warning.endswith("; it decides nothing")
    [failed] = first.outcome["failed"]
    assert failed["node"] == "model.shop.broken" and "nothing" in failed["error"]
    assert first.outcome["counts"] == {"success": 1, "error": 2}
    assert {"total", "start", "dbt", "upload"} == set(first.outcome["seconds"])
    assert "dbt-aws: dbt run --select broken failed with exit code 1, which decides nothing after" in first.log
    assert "dbt-aws: nodes    2 error, 1 success" in first.log and "s  upload" in first.log
    files["models/broken.sql"] = "select 5 as id"
    second = run(files, ["dbt retry"], DBT_AWS_RUN_ID="r2")
    assert second.code == 0, second.log
    assert ran(second, "shop/prod/runs/r2/1/run_results.1.json") == {"broken": "success"}


def test_there_is_nothing_to_continue(run):
    for commands, env, said in [
        (["dbt build"], {"DBT_AWS_CONTINUE": "runs/r1/7"}, "the attempt runs/r1/7 cannot be continued, and nothing was run: it left no continue.json"),
        (["dbt retry"], {}, "`dbt retry` continues the project's last run, and there is none that left results"),
    ]:
        result = run({**OK, **facts()}, commands, **env)
        assert (result.code, result.outcome["class"]) == (2, "nothing-to-continue"), result.log
        assert said in result.outcome["message"]
        assert "Running with dbt" not in result.log


def test_a_program_that_fails_ends_the_run(run):
    files = {**OK, "fails.py": "import sys\nprint('some lines')\nsys.exit('why it failed')", "goes.py": "print('went')", **facts()}
    result = run(files, ["python goes.py", "-python fails.py", "python fails.py", "python goes.py"])
    assert (result.code, result.outcome["class"]) == (1, "command-failed"), result.log
    assert result.outcome["message"] == "python fails.py failed: it ended with exit code 1: why it failed"
    assert [command["exitCode"] for command in result.outcome["commands"]] == [0, 1, 1]
    assert json.loads(result.read(RUN + "continue.json"))["ended"] == [1, 2]


def test_a_program_is_cancelled(run):
    files = {**OK, "waits.py": WAITS, "goes.py": "print('went')"}
    result = run(files, ["-python waits.py", "python goes.py"], when=("waits", stop))
    assert (result.code, result.outcome["class"]) == (143, "terminated"), result.log
    assert result.outcome["message"].startswith("python waits.py was cancelled")
    assert "tidies up" in result.log and "went" not in result.log
    assert json.loads(result.read(RUN + "continue.json"))["ended"] == []


def test_a_warehouse_that_does_not_start_is_no_fault_of_dbts(run, tmp_path):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        clock = sitecustomize(tmp_path, runner=CLOCK)
        result = run(OK, when=("waiting for the warehouse", late(tmp_path)), **clock, **postgres(port))
        assert (result.code, result.outcome["class"]) == (69, "connection"), result.log
        assert f"the warehouse at 127.0.0.1:{port} could not be reached within 60 s" in result.outcome["message"]
        settings = {"host": "{{ env_var('WHERE') }}", "port": port, "user": "a", "password": "b", "dbname": "c", "retries": 0}
        profile = {"name": "shop", "type": "postgres", "schema": "d", "settings": settings}
        result = run(OK, ["run"], WHERE="127.0.0.1", DBT_AWS_PROFILE=json.dumps(profile))
    assert (result.code, result.outcome["class"]) == (69, "connection"), result.log
    assert result.outcome["message"].startswith(f"dbt run failed: the warehouse at 127.0.0.1:{port} could not be reached: ")
    assert "Connection refused" in result.outcome["message"]
