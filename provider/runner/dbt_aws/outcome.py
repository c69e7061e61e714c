"""How a run ended: the sentence, the exit code, and outcome.json."""

import json
from datetime import datetime, timezone

from . import summary
from .text import timestamp

EXIT_CODES = {"success": 0, "failed-nodes": 1, "command-failed": 1, "dbt-error": 2, "usage": 2, "nothing-to-continue": 2, "connection": 69,
              "internal": 70, "timeout": 124, "out-of-memory": 137, "terminated": 143}
OUTCOME_BYTES = 16_000
FAILED_MOST, ERROR_MOST, ERROR_LEAST, MESSAGE_LEAST = 3, 600, 60, 300


class End(Exception):
    """The end of a run: its class, a sentence for people, and what else outcome.json says.

    `failed` are nodes with their errors, `others` the commands that failed and decide nothing, with their messages.
    """

    def __init__(self, kind, message, exit_code=None, failed=(), warnings=(), others=()):
        super().__init__(message)
        self.kind, self.message, self.failed, self.warnings, self.others = kind, message, list(failed), list(warnings), list(others)
        self.exit_code = EXIT_CODES[kind] if exit_code is None else exit_code


def outcome(end, done, started, redact, told, seconds):
    """The text of outcome.json; what was told of nodes includes a command that did not end."""
    found = {
        "version": 1,
        "class": end.kind,
        "exitCode": end.exit_code,
        "message": redact(end.message)[:2000],
        "warnings": [redact(warning)[:500] for warning in end.warnings[:20]],
        "notDeciding": [{"command": redact(command)[:300], "message": redact(message)[:300]} for command, message in end.others[:20]],
        "failedNodeCount": len(end.failed),
        "failedNodes": [node[:300] for node, _ in end.failed[:50]],
        "failed": [{"node": node[:300], "error": redact(error).strip()[:ERROR_MOST]} for node, error in end.failed[:FAILED_MOST]],
        "counts": summary.total(told),
        "slowest": [{"node": node[:300], "seconds": taken} for node, taken in summary.slowest_of(told)],
        "seconds": seconds,
        "commands": [{"command": redact(command["command"])[:300], "exitCode": command["exitCode"], "seconds": command["seconds"]}
                     for command in done[:50]],
        "startedAt": timestamp(started),
        "finishedAt": timestamp(datetime.now(timezone.utc)),
        "dbtVersion": next((command["dbtVersion"] for command in done if command["dbtVersion"]), None),
    }
    while len(text := json.dumps(found, indent=2).encode()) > OUTCOME_BYTES:
        shorten(found)
    return text


def shorten(found):
    """Halves what takes most room; the last item of a list goes when nothing else is left to go."""
    lists = [key for key in ("warnings", "notDeciding", "failedNodes", "failed", "slowest", "commands") if found[key]]
    halves = [key for key in lists if len(found[key]) > 1 or len(found[key][0].get("error", "") if key == "failed" else "") > ERROR_LEAST]
    halves += ["message"] if len(found["message"]) > MESSAGE_LEAST else []
    longest = max(halves or lists, key=lambda key: len(json.dumps(found[key])))
    if longest == "message":
        found[longest] = found[longest][: max(MESSAGE_LEAST, len(found[longest]) // 2)]
    elif longest == "failed" and any(len(node["error"]) > ERROR_LEAST for node in found[longest]):
        found[longest] = [{**node, "error": node["error"][: max(ERROR_LEAST, len(node["error"]) // 2)]} for node in found[longest]]
    else:
        found[longest] = found[longest][: len(found[longest]) // 2]
