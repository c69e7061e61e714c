"""Run dbt commands one after the other, each in a process of its own, and stop at the first that fails.

The runner starts this file with dbt's own packages on the path, and its signals blocked:

    python3 dbt_commands.py COMMANDS RESULTS PARSE

COMMANDS is a JSON list of argument lists; RESULTS is a file that gets one JSON line for each
command that ended; PARSE is "afresh" if each command is to parse the project as in a container of
its own. The exit code is dbt's: 0, 1 (a node failed) or 2 (anything else).
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from dbt_aws import engine
from dbt_aws.commands import name_of
from dbt_aws.dbt_results import Said, describe, without_dbt
from dbt_aws.process import WATCHED, in_a_child

# Options that change the parse, or what becomes of its warnings, and that dbt does not look for in one that it finds.
PARSE_ALONE = ("--warn-error", "--static-parser", "--no-static-parser", "--use-experimental-parser", "--no-use-experimental-parser", "--project-dir")


def main():
    """Runs the commands, and returns the exit code of the last."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    started = time.monotonic()
    commands, results, afresh = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3] == "afresh"
    try:
        program = engine.find()
        if not program:
            import dbt.cli.main  # once for all: each command begins with what this leaves
    except Exception as error:
        return write(results, without_dbt(error), started)
    for number, command in enumerate(commands, 1):
        alone = afresh or any(word.startswith(PARSE_ALONE) for word in command)
        if alone:
            parse().unlink(missing_ok=True)
        code = run_engine(program, number, command, results) if program else in_a_child(lambda: run(number, command, results))
        if alone:
            parse().unlink(missing_ok=True)
        if code:
            return code
    return 0


def run(number, command, results):
    """Runs one command, and returns its exit code."""
    from dbt.cli.main import dbtRunner
    from dbt.version import __version__

    started, before, said = time.monotonic(), stamp(run_results()), Said()
    outcome = dbtRunner(callbacks=[said]).invoke(without_git(command))
    keep_results(number, before)
    return write(results, {"dbtVersion": __version__, **describe(outcome, said, name_of(command), __version__, strict())}, started)


def run_engine(program, number, command, results):
    """The same with dbt 2; the exit code is negative where it was killed."""
    started, before = time.monotonic(), stamp(run_results())
    code, line = engine.run(program, number, without_git(command), name_of(command), strict())
    keep_results(number, before)
    return write(results, line, started) if line else code


def strict():
    """Whether a command fails that selects nothing."""
    return os.environ.get("DBT_AWS_FAIL_IF_NOTHING_SELECTED") == "true"


def without_git(command):
    """A command that needs no git where there is none."""
    if name_of(command) != "debug" or "--connection" in command or shutil.which("git"):
        return command
    print("dbt-aws: there is no git in the image, and a run needs none: dbt debug runs with --connection", flush=True)
    return [*command, "--connection"]


def keep_results(number, before):
    """Keeps what dbt says of this command under its number, if it says anything."""
    if stamp(run_results()) not in (None, before):
        shutil.copy(run_results(), run_results().with_suffix(f".{number}.json"))


def write(results, line, started):
    """Adds a line to the results, and returns its exit code."""
    with open(results, "a", encoding="utf-8") as file:
        file.write(json.dumps({**line, "seconds": round(time.monotonic() - started, 3)}) + "\n")
    return line["exitCode"]


def parse():
    """The parse that dbt leaves, and finds."""
    return Path(os.environ["DBT_TARGET_PATH"], "partial_parse.msgpack")


def run_results():
    """What dbt says of its last command."""
    return Path(os.environ["DBT_TARGET_PATH"], "run_results.json")


def stamp(path):
    """When a file was written, or None."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    code = main()
    if code < 0:  # the runner is told by the same signal
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.kill(os.getpid(), -code)
    sys.exit(code)
