"""Run dbt commands one after the other in this one process, and stop at the first that fails.

The runner starts this file with dbt's own packages on the path:

    python3 dbt_commands.py COMMANDS RESULTS

COMMANDS is a JSON list of argument lists; RESULTS is a file that gets one JSON line for each
command that ended. The exit code is dbt's: 0, 1 (a node failed) or 2 (anything else).
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

# dbt's name for these is in dbt.artifacts.schemas.results.NodeStatus.
FAILED = {"error", "fail", "runtime error", "partial success"}
# What reads the manifest as it was parsed, and nothing that makes a new parse necessary.
SHARE_A_PARSE = {"build", "compile", "docs", "list", "ls", "run", "run-operation", "seed", "show", "snapshot", "source", "test"}
CHANGE_THE_PARSE = {"--vars", "--target", "--profile", "--profiles-dir", "--project-dir", "--no-partial-parse", "--partial-parse-file-path",
                    "--no-static-parser", "--use-experimental-parser", "--warn-error", "--warn-error-options"}


def main():
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the runner waits with its signals blocked
    signal.signal(signal.SIGINT, signal.default_int_handler)
    commands, results = json.loads(sys.argv[1]), sys.argv[2]
    try:
        return run_all(commands, results)
    except KeyboardInterrupt:
        return 130


def run_all(commands, results):
    from dbt.cli.main import dbtRunner
    from dbt.version import __version__

    manifest = None
    for number, command in enumerate(commands):
        started = time.monotonic()
        before = stamp(run_results())
        outcome = None
        if manifest is None and len(commands) - number > 1 and all(map(shares_a_parse, commands[number:])):
            outcome = dbtRunner().invoke(["parse"])
            manifest = outcome.result
        if outcome is None or outcome.success:
            # A command writes into its manifest what it compiled, so each gets its own copy.
            outcome = dbtRunner(manifest=manifest and manifest.deepcopy()).invoke(command)
        if stamp(run_results()) != before:
            shutil.copy(run_results(), run_results().with_suffix(f".{number + 1}.json"))
        code = exit_code(outcome)
        with open(results, "a", encoding="utf-8") as file:
            json.dump({"exitCode": code, "seconds": round(time.monotonic() - started, 3), "dbtVersion": __version__, **describe(outcome)}, file)
            file.write("\n")
        if code:
            return code
    return 0


def shares_a_parse(command):
    """Whether a command can use the manifest that another one parsed."""
    changes = (word for word in command if word.split("=")[0] in CHANGE_THE_PARSE or word.startswith("-t"))
    return command[0] in SHARE_A_PARSE and not any(changes)  # what stands before it may be any option


def exit_code(outcome):
    if outcome.success:
        return 0
    return 1 if outcome.exception is None else 2


def describe(outcome):
    """The nodes that ran, those that failed with their messages, and the error that ended dbt."""
    nodes = getattr(outcome.result, "results", None) or []
    nodes = [node for node in nodes if getattr(node, "status", None) is not None]
    failed = [node for node in nodes if status(node) in FAILED]
    return {
        "nodes": len(nodes),
        # What run-operation ran is no node, and has the id itself.
        "failed": [[getattr(node, "node", node).unique_id, str(getattr(node, "message", None) or f"{status(node)}; see the log above")]
                   for node in failed],
        "error": str(outcome.exception) if outcome.exception is not None else None,
        "usage": type(outcome.exception).__name__ == "DbtUsageException",
    }


def status(node):
    return getattr(node.status, "value", node.status)


def run_results():
    return Path(os.environ["DBT_TARGET_PATH"]) / "run_results.json"


def stamp(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
