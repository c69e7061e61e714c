"""Run the commands of a run one after the other, each in a process of its own, and stop at the first that fails and decides.

The runner starts this file with dbt's own packages on the path, and its signals blocked:

    python3 dbt_commands.py RESULTS KIND < PLAN

RESULTS is a file that gets one JSON line for each command that ended; KIND is "dbt" if any may be dbt's; PLAN is a JSON object:
`steps` are commands as plan.py makes them, and `afresh` says that each is to parse the project as in a container of its own.
dbt is imported while the runner still makes the plan. The exit code is that of the last command.
"""

import gc
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from dbt_aws import engine, summary
from dbt_aws.commands import Command, name_of
from dbt_aws.dbt_results import Said, describe, failure, without_dbt
from dbt_aws.process import CANCELLED, WATCHED, in_a_child, with_stderr
from dbt_aws.progress import Progress, path_of

# Options that change the parse, or what becomes of its warnings, and that dbt does not look for in one that it finds.
PARSE_ALONE = ("--warn-error", "--static-parser", "--no-static-parser", "--use-experimental-parser", "--no-use-experimental-parser", "--project-dir")


def main():
    """Runs the commands, and returns the exit code of the last."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    started = time.monotonic()
    results, program, broken = sys.argv[1], None, None
    if Path(results).name.isdecimal():
        os.set_inheritable(int(Path(results).name), False)  # no program of the run's is to write there
    try:
        if sys.argv[2] == "dbt":
            program = engine.find()
            if not program:
                gc.disable()  # nothing that is imported is garbage
                import dbt.cli.main  # once for all: each command begins with what this leaves
                gc.freeze()
                gc.enable()
    except Exception as error:
        broken = error
    plan = sys.stdin.buffer.read()
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())  # no command is to read there
    if not plan:
        return 0  # nothing is to be run after all
    steps, afresh = (json.loads(plan)[key] for key in ("steps", "afresh"))
    first = min((step for step in steps if not step["python"]), key=lambda step: not step["decides"], default=None)
    if broken and first:
        return write(results, first["number"], without_dbt(broken), started, Command(first["words"]))
    code = 0
    for step in steps:
        before = os.stat(results).st_size
        code = one(step, program, results, afresh)
        if CANCELLED.is_set() or code == -signal.SIGKILL or code and step["decides"]:
            return code
        if code and os.stat(results).st_size == before:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            write(results, step["number"], failure(abs(code), f"it ended with {how}", "internal"), started, command_of(step))
        code = 0
    return code


def one(step, program, results, afresh):
    """Runs one command as the plan has it, and returns its exit code, which is negative where it was killed."""
    os.environ.update(step["env"])
    try:
        if step["python"]:
            return run_python(step, results)
        alone = afresh or any(word.startswith(PARSE_ALONE) for word in step["words"])
        if alone:
            parse().unlink(missing_ok=True)
        words = [*step["run"], *(["--state", retried(step)] if step["retry"] else [])]
        command = command_of(step)
        if program:
            code = run_engine(program, step["number"], words, results, command)
        else:
            code = in_a_child(lambda: run(step["number"], words, results, command))
        if alone:
            parse().unlink(missing_ok=True)
        return code
    finally:
        for name in step["env"]:
            os.environ.pop(name, None)


def command_of(step):
    """The command that a step is of, as messages say it."""
    return Command(step["words"], step["decides"])


def retried(step):
    """Where the results are that `dbt retry` continues: of an earlier command of this run, before those of an earlier run."""
    return str(run_results().parent) if step["retry"] != "continue" and run_results().exists() else step["from"] or str(run_results().parent)


def run(number, words, results, command=None):
    """Runs one command of dbt's, and returns its exit code."""
    from dbt.cli.main import dbtRunner
    from dbt.version import __version__

    started, before, said = time.monotonic(), engine.stamp(run_results()), Said()
    with Progress(number, name_of(words)) as progress:
        outcome = dbtRunner(callbacks=[said, progress]).invoke(without_git(words))
    keep_results(number, before)
    found = {"dbtVersion": __version__, **describe(outcome, said, name_of(words), __version__, strict())}
    return write(results, number, found, started, command or Command(words))


def run_engine(program, number, words, results, command=None):
    """The same with dbt 2; the exit code is negative where it was killed."""
    started, before = time.monotonic(), engine.stamp(run_results())
    path_of(run_results().parent, number).touch()
    # Those of the attempt that this one continues hold only until something was run.
    own = run_results().with_suffix(f".{number}.json")
    earlier = own.read_bytes() if own.exists() else None
    own.unlink(missing_ok=True)
    code, found = engine.run(program, number, without_git(words), name_of(words), strict())
    keep_results(number, before)
    if earlier and found and not own.exists() and not CANCELLED.is_set():
        own.write_bytes(earlier)
    return write(results, number, found, started, command or Command(words)) if found else code


def run_python(step, results):
    """Runs a program of the project's."""
    started = time.monotonic()
    code, stderr = with_stderr(lambda: os.execv(sys.executable, [sys.executable, *step["words"][1:]]))
    if code == -signal.SIGKILL or CANCELLED.is_set():
        return code or 130
    how = f"it ended with signal {-code}" if code < 0 else f"it ended with exit code {code}"
    last = (stderr.strip().splitlines() or ["it wrote nothing to stderr"])[-1]
    found = {**failure(abs(code), code and f"{how}: {last}" or None, "command-failed")}
    return write(results, step["number"], found, started, command_of(step))


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
    if engine.stamp(run_results()) not in (None, before):
        shutil.copy(run_results(), run_results().with_suffix(f".{number}.json"))


def write(results, number, found, started, command):
    """Adds a line to the results and one to the log, and returns the exit code."""
    found = {"number": number, **found, "seconds": round(time.monotonic() - started, 3)}
    with open(results, "a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")
    print(f"dbt-aws: {summary.line(command.text, found, command.decides)}", flush=True)
    return found["exitCode"]


def parse():
    """The parse that dbt leaves, and finds."""
    return Path(os.environ["DBT_TARGET_PATH"], "partial_parse.msgpack")


def run_results():
    """What dbt says of its last command."""
    return Path(os.environ["DBT_TARGET_PATH"], "run_results.json")


if __name__ == "__main__":
    code = main()
    if code < 0:  # the runner is told by the same signal
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.kill(os.getpid(), -code)
    sys.exit(code)
