"""The runner's parts, without dbt."""

import json
import signal
import threading

import pytest

from dbt_aws import artifacts, commands, outcome, process, profile, redaction, warehouse
from dbt_aws.run import Run


@pytest.mark.parametrize("line, words", [
    ("dbt build", ["build"]),
    ("build --select 'tag:a tag:b'", ["build", "--select", "tag:a tag:b"]),
    ("dbt --no-partial-parse build", ["--no-partial-parse", "build"]),
    ("dbt run --vars '{a: 1}'", ["run", "--vars", "{a: 1}"]),
])
def test_command(line, words):
    assert commands.parse_command(line) == words


@pytest.mark.parametrize("line, message", [
    ("", "names no dbt command"),
    ("dbt", "names no dbt command"),
    ("rm -rf /", "is not one of dbt's"),
    ("dbt build && dbt docs generate", "holds `&&`"),
    ("dbt build --select 'a", "no closing quotation"),
])
def test_refused_command(line, message):
    with pytest.raises(outcome.End, match=message) as refused:
        commands.parse_command(line)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("text", ["dbt build", "[]", "{}", "[1]"])
def test_refused_commands(text):
    with pytest.raises(outcome.End, match="is not a JSON list"):
        commands.parse_commands(text, True)


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
    run.commands = [["build", "é" * 5000]] * 200
    line = json.dumps({"exitCode": 0, "seconds": 1, "dbtVersion": "1.11.16", "nodes": 1, "failed": [], "error": None, "warning": None})
    run.results.write_text(f"{line}\n" * 200)
    end = outcome.End("failed-nodes", "€" * 50_000, 1, [f"model.shop.{'ü' * 900}{n}" for n in range(5000)])
    text = outcome.outcome(end, run.done, run.started, run.redact)
    assert len(text) <= 16_384
    kept = json.loads(text)
    assert kept["failedNodeCount"] == 5000
    assert kept["failedNodes"] and kept["message"] and kept["commands"]


def test_a_message_is_not_cut_in_the_middle_of_a_secret(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run({"DBT_ENV_SECRET_KEY": "first line\nsecond-half-of-it"})
    run.make_work()
    run.commands, run.returncode = [["build"]], 1
    message = "x" * 285 + " first line\nsecond-half-of-it"
    result = {"exitCode": 1, "seconds": 1, "dbtVersion": "1.11.16", "nodes": 1, "failed": [["model.shop.a", message]], "error": None, "warning": None}
    run.results.write_text(json.dumps(result))
    end = run.end()
    assert end.kind == "failed-nodes"
    assert "first line" not in end.message and "second" not in end.message


def test_the_end_is_known_though_the_last_result_is_torn(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run = Run({})
    run.make_work()
    run.commands, run.returncode = [["seed"], ["build"]], -9
    line = json.dumps({"exitCode": 0, "seconds": 1, "dbtVersion": "1.11.16", "nodes": 1, "failed": [], "error": None, "warning": None})
    run.results.write_text(f"{line}\n{line[:40]}")
    end = run.end()
    assert end.kind == "out-of-memory"
    assert end.message.startswith("dbt build ran out of memory")
    assert [command["command"] for command in json.loads(outcome.outcome(end, run.done, run.started, run.redact))["commands"]] == ["dbt seed"]


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
