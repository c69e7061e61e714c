"""Sends the end of a run to a webhook: a function of Lambda, which a topic calls with one message for each webhook.

DBT_AWS_WEBHOOKS has the webhooks by their ids: {"secretArn": .., "format": ..}. A webhook's address is as good as a
password: it is in a secret, and never in a log or an error. What could not be sent is raised, so that Lambda tries it again
and then hands it to the dead-letter queue.
"""

import http.client
import json
import os
import re
import ssl
import time
from urllib.parse import urlsplit

import boto3

KEPT_SECONDS = 300
TIMEOUT_SECONDS = 10
LONGEST_ANSWER = 65536
# A longer wait is Lambda's, which tries again after a minute, and then after two.
LONGEST_WAIT = 10
# What Slack takes in a header, in a section and in all, less some room, and what Teams takes in a message.
SLACK_HEADER, SLACK_SECTION, SLACK_BLOCKS = 150, 3000, 50
TEAMS_TEXT = 4000

kept = {}


class NotSent(Exception):
    """A message that did not arrive, and why."""


def handler(event, context):
    """Sends each of the messages that a topic delivers: one failure keeps no other from being sent."""
    webhooks = json.loads(os.environ["DBT_AWS_WEBHOOKS"])
    failures = []
    for record in event["Records"]:
        name = record["Sns"]["MessageAttributes"]["webhook"]["Value"]
        if name not in webhooks:
            print(f"nothing is sent to the webhook {name}, which is no longer there")
            continue
        try:
            send(webhooks[name], json.loads(record["Sns"]["Message"]))
            print(f"sent to the webhook {name}")
        except NotSent as failure:
            failures.append(f"webhook {name} (the secret {webhooks[name]['secretArn']}): {failure}")
    if failures:
        raise NotSent("; ".join(failures))


def send(webhook, message):
    """Sends a message in a webhook's form."""
    body = json.dumps(FORMATS[webhook["format"]](message["subject"], message["detail"])).encode()
    for last in (False, True):
        status, wait, word = post(address(webhook["secretArn"]), body)
        if 200 <= status < 300:
            return
        if last or wait is None:
            break
        time.sleep(wait)
    if status in (401, 403, 404, 410):
        # There may be another address by now.
        kept.pop(webhook["secretArn"], None)
    redirect = ", a redirect, which is not followed" if 300 <= status < 400 else ""
    raise NotSent(f"it answered {status}{redirect}{f' ({word})' if word else ''}")


def address(secret):
    """The address in a secret: its text, or the key url of the object that the text is."""
    url, since = kept.get(secret, ("", 0))
    if not url or time.monotonic() - since > KEPT_SECONDS:
        try:
            text = client(secret).get_secret_value(SecretId=secret).get("SecretString", "").strip()
        except Exception as error:
            raise NotSent(f"the secret cannot be read: {error}") from None
        url = text
        if text.startswith("{"):
            try:
                url = str(json.loads(text).get("url", "")).strip()
            except ValueError:
                url = ""
        kept[secret] = url, time.monotonic()
    return url


def client(secret):
    """Secrets Manager's client, where the secret is."""
    return boto3.client("secretsmanager", region_name=secret.split(":")[3])


def post(url, body):
    """What a webhook answers: the status, after how many seconds it may be asked again, and its word for what is wrong."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        usable = parts.scheme == "https" and host and "@" not in parts.netloc and re.fullmatch(r"[!-~]{1,2048}", url)
    except ValueError:
        usable = False
    if not usable:
        kept.clear()
        raise NotSent("the secret has no address that begins with https://")
    connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"Content-Type": "application/json", "User-Agent": "dbt-aws"})
        answer = connection.getresponse()
        text = answer.read(LONGEST_ANSWER)
    except (OSError, ValueError, http.client.HTTPException) as error:
        # The error may have the address in it.
        raise NotSent(f"it cannot be reached ({type(error).__name__})") from None
    finally:
        connection.close()
    wait = answer.headers.get("Retry-After", "")
    wait = int(wait) if answer.status == 429 and re.fullmatch(r"\d{1,3}", wait) and int(wait) <= LONGEST_WAIT else None
    # Slack's word for it; anything else could have the address in it.
    word = text.decode(errors="replace").strip()
    return answer.status, wait, word if re.fullmatch(r"[a-z_]{1,40}", word) else ""


def cut(text, length):
    """A text, cut to a length."""
    return text if len(text) <= length else text[: length - 1] + "…"


def when(moment):
    """A time for people."""
    return f"{moment[:10]} {moment[11:16]} UTC"


def lines(detail):
    """When it was, what is wrong, and since when."""
    seconds, attempts = detail.get("seconds", 0), detail.get("attempts", 0)
    took = f", {seconds} s" if seconds < 90 else f", {round(seconds / 60)} min"
    facts = ("since " if detail["status"] == "late" else "") + when(detail["startedAt"]) + (took if seconds else "") + (f", {attempts} attempts" if attempts > 1 else "")
    since, events = detail.get("failingSince", ""), detail.get("events", [])
    if "recovery" in events:
        history = f"It had failed since {when(since)}."
    elif detail["status"] in ("failed", "late") and since and since != detail["startedAt"]:
        history = f"It fails since {when(since)}."
    else:
        history = ""
    return f"{detail['project']} ({detail['target']}), {facts}", detail.get("message", ""), history


def failed(detail):
    """The first nodes that failed, each with the first lines of its error, and how many more there are."""
    nodes = [(each["node"], each["error"]) for each in detail.get("failed", [])]
    more = detail.get("failedNodeCount", 0) - len(nodes)
    return nodes, f"and {more} more" if nodes and more > 0 else ""


def links(detail):
    """What can be opened."""
    found = detail.get("links", {})
    started = "Schedule" if detail["status"] == "late" else "Dead-letter queue" if detail["runId"].startswith("not-started-") else "Execution"
    names = (("Log", "log"), (started, "execution"))
    return [(name, found[key]) for name, key in names if found.get(key, "").startswith("https://")]


def slack(subject, detail):
    """Slack's form: blocks, and a text for where there are none."""
    def escape(text):
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def section(text, length=SLACK_SECTION):
        return {"type": "section", "text": {"type": "plain_text", "text": cut(text, length), "emoji": False}}

    def code(node, error):
        # Escaping makes it longer: what would not fit is cut before.
        error = error.replace("```", "'''")
        text = f"`{escape(cut(node, 300))}`\n```{escape(cut(error, 500))}```"
        return {"type": "section", "text": {"type": "mrkdwn", "text": text}}

    def link(name, url):
        return f"<{escape(url.replace('|', '%7C').replace('>', '%3E').replace('<', '%3C'))}|{name}>"

    nodes, more = failed(detail)
    blocks = [{"type": "header", "text": {"type": "plain_text", "text": cut(subject, SLACK_HEADER), "emoji": False}}]
    facts, message, history = lines(detail)
    blocks += [section(text) for text in (facts, message) if text]
    blocks += [code(*node) for node in nodes]
    blocks += [section(text) for text in (more, history) if text]
    opened = [link(*each) for each in links(detail) if len(each[1]) < 1000]
    artifacts = detail.get("links", {}).get("artifacts", "")
    opened += [f"`{escape(cut(artifacts, 500))}`"] if artifacts else []
    if opened:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(opened)}})
    return {"text": escape(cut(f"{subject}: {message}" if message else subject, 500)), "blocks": blocks[:SLACK_BLOCKS]}


def teams(subject, detail):
    """Teams' form, for the trigger of a workflow that receives a webhook's request: a card, whose text is never markdown."""
    def text(words, **more):
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": cut(words, TEAMS_TEXT), **more}]}

    nodes, more = failed(detail)
    facts, message, history = lines(detail)
    body = [text(subject, weight="Bolder", size="Medium"), text(facts, isSubtle=True)]
    body += [text(message)] if message else []
    for node, error in nodes:
        body += [text(cut(node, 300), weight="Bolder"), text(cut(error, 600), fontType="Monospace", size="Small")]
    body += [text(words) for words in (more, history) if words]
    artifacts = detail.get("links", {}).get("artifacts", "")
    body += [text(cut(artifacts, 500), isSubtle=True, size="Small")] if artifacts else []
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in links(detail)],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


FORMATS = {"slack": slack, "teams": teams, "json": lambda subject, detail: detail}
