"""How a run ended: the sentence, the exit code, and outcome.json."""

import json
from datetime import datetime, timezone

from .text import timestamp

EXIT_CODES = {"success": 0, "failed-nodes": 1, "dbt-error": 2, "usage": 2, "internal": 70, "timeout": 124, "out-of-memory": 137, "terminated": 143}
OUTCOME_BYTES = 16_000


class End(Exception):
    """The end of a run: its class, a sentence for people, and what else outcome.json says."""

    def __init__(self, kind, message, exit_code=None, failed=(), warnings=()):
        super().__init__(message)
        self.kind, self.message, self.failed, self.warnings = kind, message, list(failed), list(warnings)
        self.exit_code = EXIT_CODES[kind] if exit_code is None else exit_code


def outcome(end, done, started, redact):
    """The text of outcome.json."""
    found = {
        "version": 1,
        "class": end.kind,
        "exitCode": end.exit_code,
        "message": redact(end.message)[:2000],
        "warnings": [redact(warning)[:500] for warning in end.warnings[:20]],
        "failedNodeCount": len(end.failed),
        "failedNodes": [node[:300] for node in end.failed[:50]],
        "commands": [{"command": redact(command["command"])[:300], "exitCode": command["exitCode"], "seconds": command["seconds"]}
                     for command in done[:50]],
        "startedAt": timestamp(started),
        "finishedAt": timestamp(datetime.now(timezone.utc)),
        "dbtVersion": done[0]["dbtVersion"] if done else None,
    }
    while len(text := json.dumps(found, indent=2).encode()) > OUTCOME_BYTES:
        longest = max(("failedNodes", "commands", "warnings"), key=lambda key: len(json.dumps(found[key])))
        if not found[longest]:
            found["message"] = found["message"][:500]
        found[longest] = found[longest][: len(found[longest]) // 2]
    return text
