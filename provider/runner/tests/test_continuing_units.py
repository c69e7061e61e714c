"""What a run finds of an earlier one, and what it leaves, without dbt."""

import json

import dbt_commands
import pytest
from dbt_aws import commands, continuing, dbt_results, ending, outcome, plan, profile, progress, state, summary, warehouse
from dbt_aws.artifacts import Artifacts


class Bucket(Artifacts):
    """A place whose objects are here."""

    def __init__(self, objects, log=print):
        super().__init__("s3://artifacts/shop", log)
        self.objects = objects

    def s3(self):
        return None

    def get(self, name, path):
        if name not in self.objects:
            return None
        path.write_text(json.dumps(self.objects[name]))
        return path


def results(invocation, **nodes):
    return {"metadata": {"invocation_id": invocation}, "args": {"which": "build"},
            "results": [{"unique_id": name, "status": status} for name, status in nodes.items()]}


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "work" / "target"
    path.mkdir(parents=True)
    return path


def notes(target, number, selected, *ended, tail=""):
    """The progress of a command."""
    lines = [{"artifact": results("i1"), "selected": selected}, *({"unique_id": name, "status": status} for name, status in ended)]
    progress.path_of(target, number).write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)


def test_what_dbt_left_out_is_added_to_its_results(target):
    notes(target, 2, ["a", "b", "c", "d"], ("a", "success"), ("b", "success"), ("c", "error"), tail='{"unique_id": "d", "sta')
    (target / "run_results.json").write_text(json.dumps(results("i1", a="success")))
    (target / "run_results.2.json").write_text(json.dumps(results("i0", a="error", b="error")))
    found = progress.complete(target, 2)
    assert {node["unique_id"]: node["status"] for node in found["results"]} == {"a": "success", "b": "success", "c": "error", "d": "skipped"}
    assert json.loads((target / "run_results.2.json").read_text()) == json.loads((target / "run_results.json").read_text()) == found


def test_the_results_of_another_command_are_not_taken_for_those_of_a_killed_one(target):
    notes(target, 2, ["a", "b"], ("a", "success"))
    (target / "run_results.json").write_text(json.dumps(results("i0", x="success")))
    found = progress.complete(target, 2)
    assert {node["unique_id"]: node["status"] for node in found["results"]} == {"a": "success", "b": "skipped"}


def test_what_tells_nothing_is_nothing(target):
    assert progress.complete(target, 1) is None
    for text in ("", "{", '{"artifact"'):
        progress.path_of(target, 1).write_text(text)
        assert progress.complete(target, 1) is None


def line(number, code=0, decides=True):
    return {"number": number, "exitCode": code, "decides": decides}


ALL = [commands.parse_command(text) for text in ("seed", "-build", "python a.py", "run-operation f", "test")]


def closed(target, done, stopped=None, *begun):
    attempt = continuing.Attempt(ALL)
    for number in begun:
        notes(target, number, ["a"])
    attempt.close(done, stopped, target)
    return attempt.ended, attempt.how


def test_an_attempt_leaves_how_the_next_one_goes_on(target):
    assert closed(target, [line(1), line(2, 1, False), line(3), line(4), line(5)]) == ([1, 2, 3, 4, 5], "afresh")
    # cut off before dbt selected anything, in the middle of a program, and of a macro
    assert closed(target, []) == ([], "afresh")
    assert closed(target, [line(1), line(2)], "terminated") == ([1, 2], "afresh")
    assert closed(target, [line(1), line(2), line(3)]) == ([1, 2, 3], "afresh")
    # what failed before anything ran
    assert closed(target, [line(1, 2)]) == ([], "afresh")
    # a command that decides nothing and was cancelled did not end
    assert closed(target, [line(1), line(2, 2, False)], "terminated", 2) == ([1], "retry")
    # dbt 2 has no notes: killed, nothing tells what it did
    progress.path_of(target, 5).touch()
    assert closed(target, [line(1), line(2), line(3), line(4)]) == ([1, 2, 3, 4], "unknown")
    assert closed(target, [line(1), line(2), line(3), line(4), line(5, 2)]) == ([1, 2, 3, 4], "afresh")
    (target / "run_results.5.json").write_text(json.dumps(results("i9", a="error")))
    assert closed(target, [line(1), line(2), line(3), line(4), line(5, 1)]) == ([1, 2, 3, 4], "retry")


def resumed(target, how, *objects):
    attempt = continuing.Attempt(ALL)
    attempt.ended, attempt.how = [1], how
    found = {"runs/r/1/continue.json": json.loads(attempt.document([name for name, _ in objects]))}
    found |= {f"runs/r/1/{name}": text for name, text in objects}
    return continuing.resume(ALL, "runs/r/1", Bucket(found), target.parent, target)


def test_an_attempt_goes_on_where_the_last_one_ended(target):
    attempt = resumed(target, "retry", ("run_results.1.json", {}), ("run_results.2.json", results("i1", a="error")), ("catalog.json", {}))
    assert [number for number, _ in attempt.left()] == [2, 3, 4, 5]
    assert {path.name for path in target.iterdir()} == {"run_results.1.json", "run_results.2.json", "catalog.json"}
    # cut off again before it got that far, it stands as before
    attempt.close([], "terminated", target)
    assert (attempt.ended, attempt.how) == ([1], "retry")


@pytest.mark.parametrize("how, said", [("retry", "its results of dbt build are not there"), ("unknown", "nothing tells what dbt build had done")])
def test_no_attempt_goes_on_blindly(target, how, said):
    with pytest.raises(outcome.End, match=said) as refused:
        resumed(target, how)
    assert refused.value.kind == "nothing-to-continue"


def test_artifacts_of_an_earlier_attempt_stay_in_the_target(target):
    attempt = resumed(target, "afresh", ("../../escaped.json", {}), ("run_results.1.json", {}))
    assert attempt.names == ["run_results.1.json"]
    assert not list(target.parent.parent.glob("escaped*"))


@pytest.mark.parametrize("answer, kept", [((-9, None), False), ((2, dbt_results.failure(2, "no such project", "dbt-error")), True)])
def test_dbt2_that_is_killed_leaves_no_results_of_the_attempt_before(target, monkeypatch, answer, kept):
    monkeypatch.setenv("DBT_TARGET_PATH", str(target))
    monkeypatch.setattr(dbt_commands.engine, "run", lambda *_: answer)
    (target / "run_results.1.json").write_text(json.dumps(results("i1", a="error")))
    assert dbt_commands.run_engine(["dbt"], 1, ["retry"], str(target.parent / "results")) == answer[0]
    assert (target / "run_results.1.json").exists() == kept
    attempt = continuing.Attempt(ALL)
    attempt.close([line(1, 2)] if kept else [], None, target)
    assert attempt.how == ("retry" if kept else "unknown")


@pytest.mark.parametrize("text, words", [
    ("build --vars '{a: 1}' --select b", ["retry", "--vars", "{a: 1}"]),
    ("--warn-error run --threads=2 --defer-state=x", ["retry", "--warn-error", "--threads=2", "--defer-state=x"]),
    ("seed", ["retry"]),
])
def test_what_dbt_retry_is_told_besides(text, words):
    assert continuing.retried_words(commands.parse_command(text)) == words


def steps(target, texts, objects=(), env=(), how="afresh"):
    attempt = continuing.Attempt([commands.parse_command(text) for text in texts])
    attempt.how = how
    place = Bucket(dict(objects), lambda text: None)
    found = state.State(dict(env), place, target.parent / "project", target.parent / "state")
    return plan.plan(attempt, found, place, target.parent, target)


def test_results_are_read_with_the_state_of_this_container(target):
    old = {**results("i1", a="error", b="success"), "args": {"which": "build", "state": "/tmp/gone/state"}}
    (target / "run_results.1.json").write_text(json.dumps(old))
    [step] = steps(target, ["build --defer"], {"latest/manifest.json": {}}, how="retry")
    assert (step["run"], step["retry"]) == (["retry"], "continue")
    assert json.loads((target.parent / "retry.1" / "run_results.json").read_text())["args"]["state"] == str(target.parent / "state")
    assert step["env"] == {"DBT_STATE": str(target.parent / "state")}


def test_hooks_that_failed_alone_are_retried_with_one_node(target):
    names = {"model.a": "success", "test.b": "pass", "operation.shop-on-run-end-0": "error"}
    (target / "run_results.1.json").write_text(json.dumps(results("i1", **names)))
    steps(target, ["build"], how="retry")
    found = json.loads((target.parent / "retry.1" / "run_results.json").read_text())["results"]
    assert {node["unique_id"]: node["status"] for node in found} == {**names, "test.b": "skipped"}


def test_results_with_a_secret_are_not_retried(target):
    old = {**results("i1", a="error"), "args": {"which": "build", "vars": {"token": "*****"}}}
    with pytest.raises(outcome.End, match="was given a secret"):
        steps(target, ["dbt retry"], {"retry/run_results.json": old})
    (target.parent / "last" / "run_results.json").unlink()
    (target.parent / "last").rmdir()
    assert steps(target, ["dbt retry --vars '{token: x}'"], {"retry/run_results.json": old})[0]["retry"] == "own"


def test_a_retry_is_first_of_this_run_then_of_the_last_one(target):
    [_, step] = steps(target, ["-build", "retry"])
    assert (step["retry"], step["from"]) == ("own", "")
    [step] = steps(target, ["retry --state kept"])
    assert step["retry"] == ""


@pytest.mark.parametrize("text, env, needs", [
    ("build", {}, None),
    ("build --select state:modified+", {}, {"manifest.json"}),
    ("build -s 1+result:error+,tag:a --exclude source_status:fresher", {}, {"run_results.json", "sources.json"}),
    ("build --select state:new --state own", {}, None),
    ("run --vars '{a: state:modified}'", {}, None),
    ("run --select tag:state", {}, None),
    ("run --defer", {}, {"manifest.json"}),
    ("run --defer --defer-state own", {}, None),
    ("run", {"DBT_DEFER": "true"}, {"manifest.json"}),
    ("run --no-defer", {"DBT_DEFER": "1"}, None),
    ("parse", {"DBT_DEFER": "1"}, None),
    ("clone", {}, {"manifest.json"}),
    ("ls", {"DBT_STATE": "nowhere"}, set()),
    ("ls --select state:new", {"DBT_STATE": "own"}, None),
    ("run --selector changed", {}, set()),
    ("run --select a,selector:changed", {}, set()),
    ("run --select a", {}, None),
    ("retry", {"DBT_STATE": "nowhere"}, None),
    ("python state:new", {}, None),
])
def test_which_commands_ask_for_a_state(tmp_path, text, env, needs):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "manifest.json").write_text("{}")
    (tmp_path / "selectors.yml").write_text("selectors: [{name: changed, definition: {method: state, value: modified}}]")
    found = state.State(env, Bucket({}), tmp_path, tmp_path / "state")
    assert found.needs(commands.parse_command(text)) == needs


def test_a_default_selector_may_ask_for_a_state(tmp_path):
    found = state.State({}, Bucket({}), tmp_path, tmp_path / "state")
    (tmp_path / "selectors.yml").write_text("selectors: [{name: changed, default: true, definition: 'state:modified+'}]")
    assert found.needs(commands.parse_command("build")) == set()
    assert found.needs(commands.parse_command("build --select a")) is None
    # where there is none, dbt says what it makes of it, and that is no fault of the project
    assert found.for_commands([(1, commands.parse_command("build"))]) == {}
    failed = {"command": "dbt build", "words": ["build"], "failed": [], "counts": {}, "nodes": 0, "exitCode": 2, "kind": "dbt-error",
              "error": "Got a state selector method, but no comparison manifest"}
    kind, message, code = ending.failure(failed, None)
    assert (kind, code) == ("usage", 2) and "let a run without it succeed first" in message


def test_a_state_may_lack_what_one_method_needs(tmp_path):
    found = state.State({}, Bucket({"latest/manifest.json": {}}, lambda text: None), tmp_path, tmp_path / "state")
    with pytest.raises(outcome.End, match="left no sources.json in s3://artifacts/shop/latest: let a run with dbt source freshness succeed first"):
        found.for_commands([(1, commands.parse_command("build --select source_status:fresher+"))])


def test_without_a_place_there_is_no_state(tmp_path):
    found = state.State({}, Artifacts("", print), tmp_path, tmp_path / "state")
    with pytest.raises(outcome.End, match="left no manifest.json in DBT_AWS_ARTIFACTS, which is not set"):
        found.for_commands([(1, commands.parse_command("build --select state:new"))])


UNREACHABLE = [
    'connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?',
    'connection to server at "db" (10.0.0.1), port 5432 failed: timeout expired',
    'could not translate host name "db" to address: Name or service not known',
    'connection to server at "db", port 5432 failed: FATAL:  the database system is starting up',
    "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
    "('communication error', TimeoutError(110, 'Connection timed out'))",
    "250001: Could not connect to Snowflake backend after 2 attempt(s).Aborting",
    "HTTPSConnectionPool(host='x.snowflakecomputing.com', port=443): Max retries exceeded with url: /session",
    "Runtime Error\n  ('HTTP Response code: 503, TEMPORARILY_UNAVAILABLE: the cluster is starting')",
    "Max retries exceeded with url: /sql/1.0/warehouses/1 (Caused by ResponseError('too many 503 error responses'))",
    "context deadline exceeded",
    "Runtime Error\n  Retry request would exceed Retry policy max retry duration of 900.0 seconds",
    "503 Service Unavailable: POST https://bigquery.googleapis.com/bigquery/v2/projects/p/jobs",
    'Could not connect to the endpoint URL: "https://athena.eu-west-1.amazonaws.com/"',
    'Connect timeout on endpoint URL: "https://athena.eu-west-1.amazonaws.com/"',
]
REACHED = [
    'connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  password authentication failed for user "dbt"',
    'connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  database "shop" does not exist',
    'connection to server at "db" (10.0.0.1), port 5432 failed: SSL error: certificate verify failed',
    "250001 (08001): None: Failed to connect to DB: x.snowflakecomputing.com:443. Incorrect username or password was specified.",
    "Runtime Error in model p (models/p.py)\n  Python model failed: ConnectionError: Max retries exceeded with url: /api",
    "canceling statement due to statement timeout",
    'relation "orders" does not exist',
    "Database Error: 403 Access Denied: Project p: User does not have bigquery.jobs.create permission",
]


def test_what_says_that_a_warehouse_cannot_be_reached():
    assert [text for text in UNREACHABLE if not warehouse.unreachable(text)] == []
    assert [text for text in REACHED if warehouse.unreachable(text)] == []


@pytest.mark.parametrize("failed, counts, kind", [
    ([["model.a", UNREACHABLE[0]], ["model.b", UNREACHABLE[0]], ["model.c", ""]], {"error": 3, "skipped": 2}, "connection"),
    ([["model.a", UNREACHABLE[0]]], {"error": 1, "success": 1}, "failed-nodes"),
    ([["model.a", UNREACHABLE[0]], ["model.b", "syntax"]], {"error": 2}, "failed-nodes"),
    ([["test.a", "got 1 result"]], {"fail": 1}, "failed-nodes"),
])
def test_a_connection_that_breaks_in_the_middle_is_no_reason_to_begin_again(failed, counts, kind):
    command = {"command": "dbt run", "words": ["run"], "failed": failed, "counts": counts, "nodes": 5, "exitCode": 1, "kind": "dbt-error", "error": None}
    assert ending.failure(command, "db:5432")[0] == kind


@pytest.mark.parametrize("connection, place", [
    ({"type": "postgres", "host": "db"}, "db:5432"), ({"type": "redshift", "host": "db", "port": 5555}, "db:5555"),
    ({"type": "snowflake", "account": "a.eu"}, "a.eu.snowflakecomputing.com:443"), ({"type": "databricks", "host": "h"}, "h:443"),
    ({"type": "athena", "region_name": "eu-west-1"}, "athena.eu-west-1.amazonaws.com:443"), ({"type": "bigquery"}, "bigquery.googleapis.com:443"),
    ({"type": "duckdb", "path": "a"}, None), ({}, None), ({"type": "snowflake"}, None), ({"type": "postgres", "host": "{{ x }}"}, None),
])
def test_host_and_port_of_a_warehouse(connection, place):
    assert warehouse.place_of(connection) == place


def test_a_connection_is_given_with_its_secrets(tmp_path):
    said = []
    connection = {"password": "{{ env_var('P') }}", "port": "{{ env_var('PORT', '5432') | as_number }}", "on": '{{ env_var("ON") | as_bool }}',
                  "list": ["a {{ env_var('P') }} b"], "threads": 4, "odd": "{{ target.name }}", "gone": "{{ env_var('GONE') }}"}
    path = profile.write_connection(connection, {"P": "s'{{ x }}", "ON": "True"}, tmp_path, said.append)
    assert json.loads(open(path).read()) == {"password": "s'{{ x }}", "port": 5432, "on": True, "list": ["a s'{{ x }} b"], "threads": 4,
                                             "odd": "{{ target.name }}", "gone": "{{ env_var('GONE') }}"}
    assert [text.rsplit(": ", 1)[1] for text in said] == ["{{ target.name }}", "{{ env_var('GONE') }}"]


def test_a_table_ends_the_log():
    done = [{"counts": {"success": 2, "error": 1}, "failed": [["model.b", "why"]], "slowest": [["model.a", 12.3], ["model.b", 0.5]]},
            {"counts": {"success": 1}, "failed": [], "slowest": [["model.c", 99.0]]}]
    assert summary.table(done, {"total": 61.2, "upload": 2.0}) == [
        "nodes    3 success, 1 error",
        "failed   model.b",
        "slowest      99.0 s  model.c", "             12.3 s  model.a", "              0.5 s  model.b",
        "seconds      61.2 s  total", "              2.0 s  upload"]
    assert summary.line("dbt run", {"exitCode": 0, "seconds": 1.25, "counts": {"success": 2}}) == "dbt run succeeded after 1.2 s: 2 success"
