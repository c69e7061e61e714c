"""The runner's parts, without dbt."""

import io
import json
import re
import runpy
import signal
import threading
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from dbt_aws import artifacts, commands, dbt_results, ending, outcome, process, profile, redaction, text, variables, warehouse
from dbt_aws.run import Run


# What the preview of a schedule is tested with too.
LINES = json.loads((Path(__file__).parent / "command_lines.json").read_text())


@pytest.mark.parametrize("line, words", LINES["words"])
def test_command(line, words):
    assert commands.parse_command(line) == commands.Command(words)


@pytest.mark.parametrize("line, words", LINES["decidingNothing"])
def test_command_that_decides_nothing(line, words):
    assert commands.parse_command(line) == commands.Command(words, decides=False)


@pytest.mark.parametrize("line, message", LINES["refused"])
def test_refused_command(line, message):
    with pytest.raises(outcome.End, match=re.escape(message)) as refused:
        commands.parse_command(line, has_profile=True)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("command, name", [
    (["build"], "build"), (["--quiet", "debug"], "debug"), (["--log-level", "debug", "build"], "build"), (["-t", "test", "run"], "run"),
    (["--log-level=debug", "run-operation", "test"], "run-operation"), (["--version"], ""), (["--log-level"], ""),
])
def test_name_of_a_command(command, name):
    assert commands.name_of(command) == name


@pytest.mark.every_dbt
def test_dbts_options_with_values_are_known():
    from dbt.cli.main import cli

    # Those of every dbt that is bundled, so more than this one's.
    assert {name for option in cli.params if not option.is_flag for name in option.opts} <= commands.VALUED
    assert not commands.VALUED & {name for option in cli.params if option.is_flag for name in option.opts}


def test_what_previews_know_of_dbts_command_line_is_current():
    update = runpy.run_path(str(Path(__file__).parents[2] / "src/components/overrides/command_line/update.py"))
    assert update["PATH"].read_text() == update["described"](), "run update.py with the Python of these tests"


@pytest.mark.parametrize("text", ["dbt build", "[]", "{}", "[1]", "[" * 50_000, json.dumps(["build"] * 101), json.dumps(["x" * 70_000])])
def test_refused_commands(text):
    with pytest.raises(outcome.End, match="is not a JSON list"):
        commands.parse_commands(text, True)


def test_one_line_holds_no_control_characters():
    assert text.one_line("\x1b[31mred\x1b[0m\n  \x07bell\x9b2J") == "red bell2J"


# What dbt_commands.py says of a command.
RESULT = {"number": 1, "exitCode": 0, "seconds": 1, "dbtVersion": "1.11.16", "nodes": 1, "counts": {}, "slowest": [], "failed": [], "error": None,
          "warning": None, "kind": "dbt-error"}


def ended(command, error, kind):
    command = commands.Command(command)
    line = {**RESULT, "exitCode": 2, "nodes": 0, "error": error, "kind": kind}
    done = [{"words": command.words, "decides": True, "command": ending.short(command, str), **line}]
    return ending.end_of([(1, command)], done, 2, None, None, str, None)


def test_a_long_command_does_not_hide_why_it_failed():
    assert ended(["build", "--select", "m" * 5000], "why", "dbt-error").message.endswith("m… failed: why")


@pytest.mark.parametrize("command, kind, exit_code", [("build", "internal", 70), ("deps", "dbt-error", 2)])
def test_an_error_that_is_none_of_dbts_own(command, kind, exit_code):
    error, found = dbt_results.trouble(OSError(30, "Read-only", "m.sql"), "1.11.16")
    assert error == "dbt 1.11.16 failed with an unexpected exception: OSError: [Errno 30] Read-only: 'm.sql'"
    end = ended([command], error, found)
    assert (end.kind, end.exit_code) == (kind, exit_code)


def test_a_mistake_in_the_project_is_no_bug():
    assert dbt_results.trouble(RuntimeError("Found a cycle: a --> b"), "1.11.16") == ("Found a cycle: a --> b", "dbt-error")
    assert dbt_results.trouble(RecursionError("too deep"), "1.11.16")[1] == "internal"


def described(name, result, *criteria, strict=False):
    said = dbt_results.Said()
    said.criteria.extend(criteria)
    found = dbt_results.describe(SimpleNamespace(result=result, exception=None, success=True), said, name, "1.11.16", strict)
    return found["warning"] or found["error"]


NONE, SOME = SimpleNamespace(results=[]), SimpleNamespace(results=[SimpleNamespace(status="success", node=SimpleNamespace(unique_id="model.a"))])


def test_a_command_that_fails_without_an_error_is_told_by_what_dbt_wrote():
    said = dbt_results.Said()
    said.errors.update({None: "no manifest", "model.a": "why a failed"})
    found = dbt_results.describe(SimpleNamespace(result=None, exception=None, success=False), said, "docs", "1.11.16", False)
    assert (found["exitCode"], found["error"]) == (1, "no manifest; why a failed")


@pytest.mark.parametrize("name, result, criteria, said", [
    ("run", NONE, ["The criterion 'x' does not match"], "selected no nodes: the criterion 'x' does not match"),
    ("build", NONE, [], "selected no nodes: the project has none that are enabled, of its kind and selected"),
    ("compile", NONE, ["The criterion 'x'"], "selected no nodes: the criterion 'x'"),
    ("show", NONE, ["The criterion 'x'"], "selected no nodes: the criterion 'x'"),
    ("ls", [], ["The criterion 'x'"], "selected no nodes: the criterion 'x'"),
    ("ls", ["shop.a"], ["The criterion 'x'"], None),
    ("compile", SOME, ["The criterion 'x'"], None),
    ("compile", NONE, [], None),
    ("parse", None, [], None),
    ("run", SOME, ["The criterion 'x'"], None),
    ("build", None, [], None),  # --help
])
def test_what_selects_nothing(name, result, criteria, said):
    assert described(name, result, *criteria) == said


def test_a_python_model_is_told_with_the_last_line_of_its_trace():
    trace = "Runtime Error in model p (models/p.py)\n  Python model failed:\n  Traceback (most recent call last):\n    File \"x.py\", line 1\n      f()\n" \
            "  ValueError: why\n  it failed\n\n  During handling of the above exception, another exception occurred:\n\n" \
            "  Traceback (most recent call last):\n    File \"y.py\", line 2\n      g()\n      ^^^\n  KeyError: 'last'\n"
    node = SimpleNamespace(node=SimpleNamespace(unique_id="model.p"), status="error", message=trace)
    said = "Runtime Error in model p (models/p.py)\n  Python model failed: KeyError: 'last'"
    assert dbt_results.reason(node, dbt_results.Said()) == said
    node.message = "Database Error in model p (models/p.py)\n  100357 (P0000): Python Interpreter Error:\n  Traceback (most recent call last):\n" \
                   "    File \"_udf_code.py\", line 5, in main\n  KeyError: 'a'\n   in function P with handler main\n  compiled code at target/run/p.py"
    said = "Database Error in model p (models/p.py)\n  100357 (P0000): Python Interpreter Error: KeyError: 'a'\n" \
           "   in function P with handler main\n  compiled code at target/run/p.py"
    assert dbt_results.reason(node, dbt_results.Said()) == said
    assert dbt_results.without_trace("no Traceback here") == "no Traceback here"
    assert dbt_results.without_trace("Traceback (most recent call last):") == "Traceback (most recent call last):"


def test_a_source_without_rows_is_not_of_the_year_1():
    limit = SimpleNamespace(error_after=SimpleNamespace(count=2, period="hour"))
    node = SimpleNamespace(node=SimpleNamespace(unique_id="source.a", freshness=limit), status="error", message=None, age=6e10,
                           max_loaded_at=datetime(1, 1, 1, tzinfo=timezone.utc))
    assert dbt_results.reason(node, dbt_results.Said()) == "stale: it has no row with a time; error_after is 2 hours"


def test_redact_knows_every_form_of_a_secret():
    key = json.dumps({"private_key": "-----BEGIN\nabcdefghijkl\n-----END", "id": "1"})
    redact = redaction.Redact({"KEY": key, "SHORT": "abc", "OTHER": "plain-value", "DBT_AWS_SECRET_NAMES": "KEY, SHORT",
                            "DBT_AWS_WAREHOUSE_SECRET": '{"password": "pa\\"ss", "host": "db.example.com"}'})
    assert redact(key) == "*****"
    assert "abcdefghijkl" not in redact("a line: abcdefghijkl")
    assert "abcdefghijkl" not in redact("escaped: abcdefghijkl\\n")
    assert redact('login pa"ss at db.example.com') == "login ***** at db.example.com"
    assert redact("abc plain-value") == "abc plain-value"
    assert redact.bytes(b'pa"ss \xff') == b"***** \xff"


@pytest.mark.parametrize("command, error, said", [
    (["deps"], "[Errno 30] Read-only file system: 'm.sql'", "run dbt deps in the project's folder before pulumi up"),
    (["--debug", "clean"], "dbt will not clean", "leave dbt clean out"),
    (["run"], "Could not find manifest in --state path", "let a run without it succeed first"),
    (["init"], "click.exceptions.Abort", "leave dbt init out"),
    (["build"], "Could not find adapter type postgres!", "add it to the requirements"),
    (["build"], "[Errno 30] Read-only file system: 'shop.duckdb'", "/tmp alone"),
    (["build"], "OSError: [Errno 28] No space left on device: 'manifest.json'", "the task's disk is full"),
    (["build", "--profile", "dev"], "Could not find profile named 'dev'", "leave --profile out"),
    (["build", "--target", "dev"], "The profile 'shop' does not have a target named 'dev'.", "set profile.target of the project"),
])
def test_advice(command, error, said):
    assert said in commands.advice(command, error)


@pytest.mark.parametrize("name, said", [
    ("LABEL", None), ("OWN", None), ("DBT_FULL_REFRESH", None), ("DBT_ENGINE_FULL_REFRESH", None), ("DBT_ENV_CUSTOM_ENV_TEAM", None),
    ("OTHER", "read it there with env_var, or declare it"), ("DBT_ENGINE_OTHER", "does not read it"),
    ("DBT_DEFER_STATE", "reaches more"), ("DBT_STATE_OF_MIND", "does not read it"),
    ("API_KEY", "is a secret"), ("HOST", "the profile reads it"),
    *((name, "reaches more") for name in (
        "PGHOSTADDR", "PGPASSFILE", "pghost", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE", "LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "HTTPS_PROXY",
        "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PATH", "HOME", "TMPDIR",
        "DBT_PROFILES_DIR", "DBT_PROJECT_DIR", "DBT_TARGET_PATH", "DBT_LOG_PATH", "DBT_ENGINE_PROFILES_DIR", "dbt_engine_target_path", "DBT_ENGINE_HOST", "DBT_AWS_PROFILE",
        "DBT_ENV_SECRET_AWS_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS", "DATABRICKS_HOST", "DATABRICKS_TOKEN", "AZURE_CLIENT_SECRET",
        "GOOGLE_CLOUD_UNIVERSE_DOMAIN", "NODE_OPTIONS", "TEMP", "IDENTITY_ENDPOINT", "SNOWFLAKE_HOME", "SF_OCSP_FAIL_OPEN", "ODBCSYSINI", "GIT_SSH_COMMAND",
        "DBT_STATE", "DBT_ENGINE_STATE", "dbt_engine_defer_state", "DBT_AWS_STATE_FROM", "DBT_AWS_CONTINUE", "DBT_AWS_CONNECTION_FILE",
        "OTEL_EXPORTER_OTLP_ENDPOINT", "DBT_ENGINE_OTEL_FILE_NAME", "_JAVA_OPTIONS")),
])
def test_variables_of_an_execution(name, said):
    """Wherever a name is listed besides, it is refused if it reaches more than the project."""
    listed = frozenset({"LABEL", "HOST", "API_KEY", "PGHOSTADDR", "PATH", "AWS_ENDPOINT_URL_S3"})
    reason = variables.refusal(name, listed, frozenset({"OWN", "HTTPS_PROXY"}), frozenset({"API_KEY"}), "{{ env_var('HOST') }}")
    assert said in reason if said else reason is None


@pytest.mark.parametrize("name", [
    "DATABRICKS_SCHEMA", "DATABRICKS_CATALOG", "GOOGLE_CLOUD_PROJECT", "GOOGLE_SHEET", "GCE_ZONE", "AZURE_CONTAINER", "NODE_ENV", "TLS_MODE",
    "GIT_SHA", "GIT_BRANCH", "REQUESTS_TABLE", "SNOWFLAKE_SCHEMA", "SNOWFLAKE_DEFAULT_ROLE", "ODBC_SCHEMA", "TNS_SCHEMA", "RUBY_TABLE", "DBT_TARGET"])
def test_an_ordinary_variable_may_be_given_where_it_is_read_or_declared(name):
    assert variables.refusal(name, {name}, (), (), "") is None
    assert variables.refusal(name, (), {name}, (), "") is None
    assert "does not read it" in variables.refusal(name, (), (), (), "")


def test_the_profile_is_looked_through_where_it_is_a_template():
    profile_text = json.dumps({"schema": "x", "settings": {"host": "{{ env_var('HOST') }}", "threads": "LABEL"}})
    assert variables.given({"schema": "1", "LABEL": "2"}, {"schema", "LABEL"}, set(), set(), profile_text)
    with pytest.raises(outcome.End, match="may not set the environment variable HOST: the profile reads it"):
        variables.given({"HOST": "evil"}, {"HOST"}, set(), set(), profile_text)
    with pytest.raises(outcome.End, match="environment.LABEL in the execution's input is not a string"):
        variables.given({"LABEL": 1}, {"LABEL"}, set(), set(), profile_text)


def test_only_the_containers_own_endpoint_is_used(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://evil.example.com\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://evil.example.com")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert artifacts.Artifacts("s3://a", print).s3().meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert artifacts.Artifacts("s3://a", print).s3().meta.endpoint_url == "http://127.0.0.1:1"


def test_the_type_of_the_project_wins(tmp_path):
    env = {"DBT_AWS_PROFILE": json.dumps({"name": "shop", "type": "duckdb", "settings": {"type": "postgres", "host": "db"}}),
           "DBT_AWS_WAREHOUSE_SECRET": json.dumps({"type": "postgres", "username": "{{ env_var('X') }}"})}
    connection, hidden = profile.write_profile(env, tmp_path)
    assert connection["type"] == "duckdb"
    assert connection["user"] == "{{ env_var('DBT_ENV_SECRET_AWS_USER') }}" and hidden["DBT_ENV_SECRET_AWS_USER"] == "{{ env_var('X') }}"


@pytest.mark.parametrize("form", [
    'pa"s\'sé/1', 'pa\\"s\'s\\u00e9/1', r"pa\\\"s's\\u00e9/1", "pa\"s''sé/1", "pa%22s%27s%C3%A9%2F1",
    "pa%22s%27s%C3%A9/1", 'pa"s\\\'sé/1', "pa&quot;s&#x27;sé/1", "pa&#34;s&#39;sé/1",
])
def test_a_secret_is_found_in_other_texts(form):
    redact = redaction.Redact({"DBT_ENV_SECRET_A": 'pa"s\'sé/1'})
    assert redact(f"<{form}>") == "<*****>"
    assert redact.bytes(f"<{form}>".encode()) == b"<*****>"


def test_json_without_secrets_is_json_still():
    redact = redaction.Redact({"DBT_ENV_SECRET_A": "12345678", "DBT_ENV_SECRET_B": 'a"bcd'})
    document = {"12345678": 12345678, "a": ['x a"bcd', 1.5, None, True], "b": '{"c": "a\\"bcd"}'}
    assert json.loads(redact.json(json.dumps(document).encode())) == {"*****": "*****", "a": ["x *****", 1.5, None, True], "b": '{"c": "*****"}'}
    assert redact.json(b'{"a":  1}') == b'{"a":  1}'


def test_a_long_line_is_passed_on_in_parts_without_secrets():
    redact, written = redaction.Redact({"DBT_ENV_SECRET_A": "secret-of-some-length"}), []
    for lead in ((1 << 20) - 10, (1 << 20) - 21, 1 << 20):
        redact.stream(io.BytesIO(b"x" * lead + b"secret-of-some-length" + b"y" * 100 + b"\nend"), written.append)
        assert b"".join(written) == b"x" * lead + b"*****" + b"y" * 100 + b"\nend"
        assert max(map(len, written)) <= 1 << 20
        written.clear()


def test_a_file_that_cannot_be_read_costs_only_time(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "a.sql")

    run = Run({"DBT_AWS_ARTIFACTS": "s3://artifacts/shop"})
    run.parse = None
    monkeypatch.setattr(run.artifacts, "restore_parse", lambda *_: False)
    run.find_parse(SimpleNamespace(parse_afresh=None, fingerprint=refuse))
    assert run.fingerprint is None and not run.parse_afresh


@pytest.fixture
def parsed(tmp_path, monkeypatch):
    """A run whose project is known, after one that left its parse, and what it keeps under which key."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run, kept = Run({"DBT_AWS_ARTIFACTS": "s3://artifacts/shop", "DBT_ENV_SECRET_KEY": "key-27182818"}), {}
    monkeypatch.setattr(run.artifacts, "put_all", lambda uploads, _: kept.update({name: read() for name, read, *_ in uploads}))
    monkeypatch.setattr(run.artifacts, "put", lambda *_: None)
    run.make_work()
    run.target.mkdir()
    (run.target / "manifest.json").write_text("{}")
    run.fingerprint, run.parse_is_kept = "1", True

    def keep(parse):
        if parse is not None:
            run.parse.write_bytes(parse)
        run.keep(outcome.End("failed-nodes", "a failed", 1, []))
        assert f"{run.place}/manifest.json" in kept
        return kept.get(artifacts.PARSE)

    return SimpleNamespace(run=run, keep=keep)


def test_a_parse_is_kept_for_the_next_run(parsed):
    assert parsed.keep(b"parse") == b"parse"


def test_a_parse_with_a_secret_leaves_none(parsed):
    assert parsed.keep(b"with key-27182818") == b""


def test_a_project_that_is_parsed_afresh_leaves_none(parsed):
    parsed.run.fingerprint = None
    assert parsed.keep(b"parse") == b""


def test_a_command_that_does_not_share_its_parse_leaves_that_of_others(parsed):
    assert parsed.keep(None) is None


def test_a_parse_that_is_too_large_does_not_take_the_artifacts_along(parsed, monkeypatch, capsys):
    monkeypatch.setattr("dbt_aws.files.SIZE_MOST", 4)
    assert parsed.keep(b"parse") is None
    assert "dbt's parse is not kept: it is larger than" in capsys.readouterr().out


@pytest.mark.parametrize("path, to_do", [
    ("/opt/dbt-aws/rds-ca.pem", "copy rds-ca.pem of the runner's folder there"),
    ("/etc/ssl/own.pem", "put the file there, or name one that is in the image"),
])
def test_authorities_that_are_not_in_the_image(path, to_do):
    with pytest.raises(outcome.End, match=f"there is no {path}, the profile's sslrootcert, in the image: {to_do}"):
        profile.check_authorities(path)


def test_files_outside_the_target_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run({"DBT_AWS_ARTIFACTS": "s3://artifacts/shop"})
    run.make_work(str(tmp_path / "project"))
    (run.target / "run").mkdir(parents=True)
    (run.target / "run" / "a.sql").write_text("select 1")
    (tmp_path / "secret").write_text("secret")
    (run.target / "link").symlink_to(tmp_path / "secret")
    said = run.files.placed(f"at {run.target}/run/a.sql, ../{run.work.name}/target/link {run.target}/../../secret in '{run.target}' and {run.logs}/dbt.log")
    place = f"s3://artifacts/shop/{run.place}"
    assert said == f"at {place}/run/a.sql, {place}/link {place}/../../secret in 'target' and {place}/logs/dbt.log"
    assert [name for name, _ in run.files.kept()] == ["run/a.sql"]


def test_redact_hides_a_warehouse_secret_that_is_no_object():
    assert redaction.Redact({"DBT_AWS_WAREHOUSE_SECRET": "just-a-password"})("just-a-password") == "*****"


def test_redact_hides_a_password_that_is_a_number():
    redact = redaction.Redact({"DBT_AWS_WAREHOUSE_SECRET": '{"password": 12345678, "port": 543210, "extra": [{"pin": 246810}]}'})
    assert redact("12345678 246810 543210") == "***** ***** 543210"


def test_two_settings_do_not_share_a_variable():
    hidden = {}
    profile.hide({"api-key": "one", "api_key": "two"}, hidden)
    assert sorted(hidden.values()) == ["one", "two"]


def test_hidden_settings():
    hidden = {}
    secret = {"username": "u", "password": "p", "keyfile_json": {"private_key": "k", "scopes": ["s"]}, "threads": 3, "engine": "postgres"}
    assert profile.hide(profile.secret_settings(secret), hidden) == {
        "user": "u", "password": "{{ env_var('DBT_ENV_SECRET_AWS_PASSWORD') }}", "threads": 3,
        "keyfile_json": {"private_key": "{{ env_var('DBT_ENV_SECRET_AWS_KEYFILE_JSON_PRIVATE_KEY') }}",
                         "scopes": ["{{ env_var('DBT_ENV_SECRET_AWS_KEYFILE_JSON_SCOPES_0') }}"]},
    }
    assert hidden == {"DBT_ENV_SECRET_AWS_PASSWORD": "p", "DBT_ENV_SECRET_AWS_KEYFILE_JSON_PRIVATE_KEY": "k",
                      "DBT_ENV_SECRET_AWS_KEYFILE_JSON_SCOPES_0": "s"}


def test_an_outcome_fits_in_16_kilobytes(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run({})
    run.make_work()
    run.commands = [commands.Command(["build", "é" * 5000])] * 200
    line = json.dumps({**RESULT, "counts": {"error": 2, "success": 1}, "slowest": [["m" * 5000, 3.25]]})
    run.results.write_text(f"{line}\n" * 200)
    failed = [[f"model.shop.{'ü' * 900}{n}", "😀\n" * 5000] for n in range(5000)]
    others = [("dbt " + "é" * 900, "€" * 900)] * 100
    end = outcome.End("failed-nodes", "€" * 50_000, 1, failed, ["ß" * 900] * 100, others)
    seconds = {"total": 61.2, "start": 0.8, "dbt": 58.1, "upload": 2.0}
    text = outcome.outcome(end, run.done, run.started, run.redact, run.done, seconds)
    assert len(text) <= 16_000
    kept = json.loads(text)
    assert kept["counts"] == {"error": 400, "success": 200} and kept["seconds"] == seconds
    assert kept["failed"] and all(node["error"].startswith("😀\n😀") for node in kept["failed"])
    assert all(kept[name] for name in ("slowest", "notDeciding", "warnings"))
    assert kept["failedNodeCount"] == 5000
    assert kept["failedNodes"] and kept["message"] and kept["commands"]


def test_a_message_is_not_cut_in_the_middle_of_a_secret(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run({"DBT_ENV_SECRET_KEY": "first line\nsecond-half-of-it"})
    run.make_work()
    run.commands, run.returncode = [commands.Command(["build"])], 1
    message = "x" * 285 + " first line\nsecond-half-of-it"
    run.results.write_text(json.dumps({**RESULT, "exitCode": 1, "failed": [["model.shop.a", message]]}))
    end = run.end()
    assert end.kind == "failed-nodes"
    assert "first line" not in end.message and "second" not in end.message


def test_the_end_is_known_though_the_last_result_is_torn(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run({})
    run.make_work()
    run.commands, run.returncode = [commands.Command(["seed"]), commands.Command(["build"])], -9
    line = json.dumps(RESULT)
    run.results.write_text(f"{line}\n{line[:40]}")
    end = run.end()
    assert end.kind == "out-of-memory"
    assert end.message.startswith("dbt build ran out of memory")
    assert [command["command"] for command in json.loads(outcome.outcome(end, run.done, run.started, run.redact, run.done, {}))["commands"]] == ["dbt seed"]


def test_a_stop_during_the_uploads_leaves_time_for_the_outcome(monkeypatch):
    monkeypatch.setattr(artifacts, "UPLOAD_RESERVE", artifacts.OUTCOME_RESERVE)
    said, ended = [], threading.Event()
    place = artifacts.Artifacts("s3://artifacts/shop", said.append)
    place.client, place.put = object(), lambda *_: ended.wait(5)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, process.WATCHED)
    try:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        place.put_all([("manifest.json", None)], stopped=False)
    finally:
        ended.set()
        signal.sigtimedwait(process.WATCHED, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert said == ["gave up on 1 artifact after 0 s"]


@pytest.mark.parametrize("code, said", [
    ("NoSuchKey", []), ("AccessDenied", []),
    ("SlowDown", ["did not restore partial_parse/partial_parse.msgpack: An error occurred (SlowDown) when calling the GetObject operation: no"]),
])
def test_what_is_missing_may_be_forbidden(tmp_path, code, said):
    class Client:
        def get_object(self, **_):
            raise RuntimeError(f"An error occurred ({code}) when calling the GetObject operation: no")

    lines = []
    place = artifacts.Artifacts("s3://artifacts/shop", lines.append)
    place.client = Client()
    place.restore_parse("1", tmp_path / "a")
    assert lines == said


def test_a_name_has_one_star_at_an_end():
    assert all(re.fullmatch(r"\*?[A-Z0-9_]+|[A-Z0-9_]+\*", pattern) for pattern in [*variables.FLAGS, *variables.NEVER])


def test_dbts_own_variables_do_not_choose_where_it_reads_writes_or_whom_it_talks_to():
    assert not [name for name in variables.FLAGS if re.search("_(DIR|PATH|HOST|URL|PROFILE|TARGET)$", name)]
    assert not [name for name in variables.FLAGS if "reaches more" in (variables.refusal(name, (), (), (), "") or "")]


@pytest.mark.parametrize("connection, address", [
    ({"type": "postgres", "host": "db"}, ("db", 5432)),
    ({"type": "redshift", "host": "db"}, ("db", 5439)),
    ({"type": "redshift", "host": "db", "port": "5555"}, ("db", 5555)),
    ({"type": "postgres", "host": "{{ env_var('HOST') }}"}, None),
    ({"type": "postgres", "host": "db", "port": "{{ env_var('PORT') | int }}"}, None),
    ({"type": "postgres", "host": "db", "port": 100_000}, None),
    ({"type": "postgres"}, None),
    ({"type": "snowflake", "host": "db", "port": 443}, None),
])
def test_address_of_a_warehouse(connection, address):
    assert warehouse.address(connection) == address
