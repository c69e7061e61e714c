"""What a project's function sends to webhooks, of which the tests have one on HTTPS."""

import importlib.util
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_tls import certificate

SOURCE = Path(__file__).parents[2] / "src/webhook/webhook.py"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hook-a1B2c3"
OTHER = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:other-a1B2c3"
PATH = "/services/T000/B000/s3cr3tPath?code=s3cr3tCode"

DETAIL = {
    "version": "1", "project": "shop", "target": "prod", "schedule": "nightly", "runId": "run-1", "status": "failed", "class": "failed-nodes",
    "events": ["failure"], "message": "dbt build failed: 4 of 12 nodes (exit code 1)", "failedNodeCount": 4,
    "failed": [{"node": f"model.shop.{name}_1", "error": f"Database Error\n  a < b && c > ```{name}```"} for name in ("a", "b", "c")],
    "seconds": 780, "attempts": 2, "startedAt": "2026-01-31T06:30:00Z", "failingSince": "2026-01-29T06:30:00Z",
    "links": {"log": "https://console/log?a=1&b=|2", "artifacts": "s3://lake/shop", "execution": "https://console/e#/v2"},
}


@pytest.fixture
def webhook(tmp_path, monkeypatch):
    """The module, a server that answers as it is told, and what it was sent."""
    own = certificate(tmp_path / "server.pem", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    seen = SimpleNamespace(sent=[], answers=[], reads=[], waits=[], secrets={})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.sent.append((self.path, self.headers, json.loads(body)))
            status, headers, text = seen.answers.pop(0) if seen.answers else (200, {}, b"ok")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(text)
            except OSError:
                pass

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    seen.url = f"https://127.0.0.1:{server.server_address[1]}{PATH}"
    seen.secrets[SECRET] = seen.url

    spec = importlib.util.spec_from_file_location("webhook", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def get_secret_value(SecretId):
        seen.reads.append(SecretId)
        if SecretId not in seen.secrets:
            raise RuntimeError("AccessDeniedException")
        return {"SecretString": seen.secrets[SecretId]}

    monkeypatch.setattr(module, "client", lambda secret: SimpleNamespace(get_secret_value=get_secret_value))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: seen.now, sleep=seen.waits.append))
    seen.now = 1000

    def call(form="json", names=("one",), **over):
        hooks = {"one": {"secretArn": SECRET, "format": form}, "other": {"secretArn": OTHER, "format": form}}
        monkeypatch.setenv("DBT_AWS_WEBHOOKS", json.dumps(hooks))
        message = json.dumps({"subject": "shop nightly failed: failed-nodes", "detail": {**DETAIL, **over}})
        sns = [{"Message": message, "MessageAttributes": {"webhook": {"Type": "String", "Value": name}}} for name in names]
        module.handler({"Records": [{"EventSource": "aws:sns", "Sns": each} for each in sns]}, None)
        return seen.sent[-1][2] if seen.sent else None

    seen.call, seen.module = call, module
    yield seen
    server.shutdown()
    server.server_close()


def refused(webhook, **call):
    """Why a message did not arrive, in which nothing of the address is."""
    with pytest.raises(webhook.module.NotSent) as caught:
        webhook.call(**call)
    told = str(caught.value)
    assert "s3cr3t" not in told and "127.0.0.1" not in told
    # What Lambda logs has the causes too.
    assert caught.value.__suppress_context__ or not caught.value.__context__
    return told


def test_json_is_the_detail_of_the_event(webhook, capsys):
    assert webhook.call() == DETAIL
    path, headers, _ = webhook.sent[0]
    assert path == PATH and headers["Content-Type"] == "application/json"
    assert "s3cr3t" not in "".join(capsys.readouterr())


def test_slack_has_blocks_within_its_limits(webhook):
    body = webhook.call("slack")
    assert body["text"].startswith("shop nightly failed: failed-nodes: dbt build failed: 4 of 12")
    header, *blocks = [block["text"] for block in body["blocks"]]
    assert header == {"type": "plain_text", "text": "shop nightly failed: failed-nodes", "emoji": False}
    texts = [block["text"] for block in blocks]
    assert texts[:2] == ["shop (prod), 2026-01-31 06:30 UTC, 13 min, 2 attempts", DETAIL["message"]]
    assert texts[2] == "`model.shop.a_1`\n```Database Error\n  a &lt; b &amp;&amp; c &gt; '''a'''```"
    assert texts[5:7] == ["and 1 more", "It fails since 2026-01-29 06:30 UTC."]
    assert texts[7] == "<https://console/log?a=1&amp;b=%7C2|Log>\n<https://console/e#/v2|Execution>\n`s3://lake/shop`"


def test_what_is_long_is_cut(webhook):
    long = {"message": "m" * 20_000, "failed": [{"node": "n" * 5_000, "error": "&" * 5_000}] * 3}
    body = webhook.call("slack", **long)
    assert len(body["blocks"]) <= 50
    assert all(len(block["text"]["text"]) <= 3000 for block in body["blocks"])
    assert len(body["blocks"][0]["text"]["text"]) <= 150
    assert len(json.dumps(webhook.call("teams", **long))) < 28_000


def test_teams_has_a_card(webhook):
    body = webhook.call("teams")
    (attachment,) = body["attachments"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    texts = [block["inlines"][0]["text"] for block in card["body"]]
    assert texts[:4] == ["shop nightly failed: failed-nodes", "shop (prod), 2026-01-31 06:30 UTC, 13 min, 2 attempts",
                         DETAIL["message"], "model.shop.a_1"]
    assert texts[-3:] == ["and 1 more", "It fails since 2026-01-29 06:30 UTC.", "s3://lake/shop"]
    assert [action["title"] for action in card["actions"]] == ["Log", "Execution"]


@pytest.mark.parametrize(("name", "more"), [("Execution", {}), ("Schedule", {"status": "late"}), ("Dead-letter queue", {"runId": "not-started-1"})])
def test_what_is_linked_has_its_name(webhook, name, more):
    (attachment,) = webhook.call("teams", **more)["attachments"]
    assert [action["title"] for action in attachment["content"]["actions"]] == ["Log", name]


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_an_alert_and_a_recovery_have_their_words(webhook, form):
    recovery = {"events": ["recovery", "success"], "status": "succeeded", "failed": [], "failedNodeCount": 0, "message": ""}
    assert "It had failed since 2026-01-29 06:30 UTC." in json.dumps(webhook.call(form, **recovery))
    alert = {"events": ["late"], "failed": [], "failedNodeCount": 0, "seconds": 0, "attempts": 0, "failingSince": "",
             "links": {"log": "", "artifacts": "", "execution": ""}}
    text = json.dumps(webhook.call(form, **alert))
    assert "shop (prod), 2026-01-31 06:30 UTC\"" in text and "fails since" not in text and "Log" not in text


def test_the_address_is_read_once_in_five_minutes(webhook):
    for now in (1000, 1200, 1301):
        webhook.now = now
        webhook.call()
    assert len(webhook.reads) == 2


def test_the_address_may_be_the_key_url_of_an_object(webhook):
    webhook.secrets[SECRET] = json.dumps({"url": webhook.url + "\n"})
    assert webhook.call() == DETAIL


@pytest.mark.parametrize("secret", [
    "http://127.0.0.1:9/s3cr3t", "", "{\"s3cr3t\": 1}", "{s3cr3t", "https://user:s3cr3t@127.0.0.1/", "https://127.0.0.1/s3cr3t\r\nX: y",
    "https://[s3cr3t/", "https://127.0.0.1:s3cr3t/", "https:///s3cr3t", "file:///s3cr3t", "https://127.0.0.1/s3cr3té"])
def test_only_https_is_spoken(webhook, secret):
    webhook.secrets[SECRET] = secret
    assert refused(webhook).endswith("the secret has no address that begins with https://")
    # One that was mended is found at once.
    webhook.secrets[SECRET] = webhook.url
    assert webhook.call() == DETAIL


@pytest.mark.parametrize(("answer", "told"), [
    ((500, {}, b"https://127.0.0.1/services/s3cr3tPath"), "it answered 500"),
    ((503, {"Retry-After": "1"}, b""), "it answered 503"),
    ((429, {"Retry-After": "30"}, b""), "it answered 429"),
    ((400, {}, b"invalid_payload"), "it answered 400 (invalid_payload)"),
    ((302, {"Location": "https://127.0.0.1/s3cr3t"}, b""), "it answered 302, a redirect, which is not followed")])
def test_what_is_not_taken_is_raised(webhook, answer, told):
    webhook.answers = [answer]
    assert refused(webhook) == f"webhook one (the secret {SECRET}): {told}"
    assert len(webhook.sent) == 1


def test_a_short_wait_is_waited_for_once(webhook):
    busy = (429, {"Retry-After": "2"}, b"")
    webhook.answers = [busy]
    assert webhook.call() == DETAIL
    webhook.answers = [busy, busy]
    assert refused(webhook).endswith("it answered 429")
    assert (webhook.waits, len(webhook.sent)) == ([2, 2], 4)


def test_another_address_is_looked_for_where_one_is_gone(webhook):
    webhook.answers = [(404, {}, b"no_service")]
    assert refused(webhook).endswith("it answered 404 (no_service)")
    webhook.call()
    assert len(webhook.reads) == 2


def test_a_server_that_is_not_trusted_or_not_there_is_sent_nothing(webhook, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    assert refused(webhook).endswith("it cannot be reached (SSLCertVerificationError)")
    webhook.secrets[SECRET] = "https://127.0.0.1:1/s3cr3t"
    webhook.now += 1000
    assert refused(webhook).endswith("it cannot be reached (ConnectionRefusedError)")
    assert not webhook.sent


def test_a_long_answer_is_not_read_to_its_end(webhook):
    webhook.answers = [(200, {}, b"x" * 10_000_000)]
    assert webhook.call() == DETAIL


def test_one_failure_keeps_no_other_from_being_sent(webhook):
    assert refused(webhook, names=("other", "gone", "one")) == (
        f"webhook other (the secret {OTHER}): the secret cannot be read: AccessDeniedException")
    assert len(webhook.sent) == 1
