"""How a run ended: the sentence, the exit code, and outcome.json."""

import json
import shlex
import signal
from datetime import datetime, timezone

from .text import count, one_line, timestamp

EXIT_CODES = {"success": 0, "failed-nodes": 1, "dbt-error": 2, "usage": 2, "internal": 70, "timeout": 124, "out-of-memory": 137, "terminated": 143}
OUTCOME_BYTES = 16_000


class End(Exception):
    """The end of a run: its class, a sentence for people, and what else outcome.json says."""

    def __init__(self, kind, message, exit_code=None, failed=()):
        super().__init__(message)
        self.kind, self.message, self.failed = kind, message, list(failed)
        self.exit_code = EXIT_CODES[kind] if exit_code is None else exit_code


def read_results(path, commands, redact):
    """The commands that ended, with what dbt_commands.py says of each."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    done = []
    for command, line in zip(commands, lines):
        try:
            result = json.loads(line)
        except ValueError:
            break  # dbt was killed, or the disk was full, while it was written
        # Here, before anything is cut in the middle of a secret.
        result["error"] = result["error"] and redact(result["error"])
        result["failed"] = [[node, redact(message)] for node, message in result["failed"]]
        done.append({"command": shlex.join(["dbt", *command]), **result})
    return done


def end_of(commands, done, returncode, stopped, minutes):
    """How the run ended, from how dbt did."""
    if len(done) == len(commands) and not any(command["exitCode"] for command in done):
        nodes = sum(command["nodes"] for command in done)
        return End("success", f"{' and '.join(command['command'] for command in done)} succeeded: {count(nodes, 'node')}")
    current = shlex.join(["dbt", *commands[min(len(done), len(commands) - 1)]])
    if stopped == "timeout":
        return End("timeout", f"{current} was still running after {minutes:g} min and was cancelled; "
                              "raise timeoutMinutes, or look for the slow model in run_results.json")
    if stopped:
        return End("terminated", f"{current} was cancelled because its task was told to stop (SIGTERM): "
                                 "by a person or by AWS; start the run again")
    if returncode == -signal.SIGKILL:
        return End("out-of-memory", f"{current} ran out of memory and was killed; give it more memory, or fewer threads")
    failed = next((command for command in done if command["exitCode"]), None)
    if failed is None:
        how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
        return End("internal", f"the dbt process ended with {how} during {current}, before it could say why; see the log above")
    nodes = [name for name, _ in failed["failed"]]
    if nodes and failed["exitCode"] == 1:
        more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
        return End("failed-nodes", f"{failed['command']} failed: {len(nodes)} of {count(failed['nodes'], 'node')} "
                   f"({', '.join(nodes[:3])}{more}); the first says: {one_line(failed['failed'][0][1])}", failed["exitCode"], nodes)
    kind = "usage" if failed["usage"] else "dbt-error"
    return End(kind, f"{failed['command']} failed: {one_line(failed['error'] or 'see the log above')}", failed["exitCode"])


def outcome(end, done, started, redact):
    """The text of outcome.json."""
    found = {
        "version": 1,
        "class": end.kind,
        "exitCode": end.exit_code,
        "message": redact(end.message)[:2000],
        "failedNodeCount": len(end.failed),
        "failedNodes": [node[:300] for node in end.failed[:50]],
        "commands": [{"command": redact(command["command"])[:300], "exitCode": command["exitCode"], "seconds": command["seconds"]}
                     for command in done[:50]],
        "startedAt": timestamp(started),
        "finishedAt": timestamp(datetime.now(timezone.utc)),
        "dbtVersion": done[0]["dbtVersion"] if done else None,
    }
    while len(text := json.dumps(found, indent=2).encode()) > OUTCOME_BYTES:
        longest = max(("failedNodes", "commands"), key=lambda key: len(json.dumps(found[key])))
        if not found[longest]:
            found["message"] = found["message"][:500]
        found[longest] = found[longest][: len(found[longest]) // 2]
    return text
