"""How a run ended, from what dbt_commands.py says of its commands."""

import json
import shlex
import signal

from .commands import advice
from .outcome import EXIT_CODES, End
from .text import count, one_line

RESULTS_BYTES = 64 << 20


def read_results(path, commands, clean):
    """The commands that ended, with what dbt_commands.py says of each."""
    if not path.exists():
        return []
    with open(path, "rb") as file:
        lines = file.read(RESULTS_BYTES).decode(errors="replace").splitlines()
    done = []
    for command, line in zip(commands, lines):
        try:
            result = json.loads(line)
        except ValueError:
            break  # dbt was killed, or the disk was full, while it was written
        # Here, before anything is cut in the middle of a secret.
        for key in ("error", "warning"):
            result[key] = result[key] and clean(result[key])
        result["failed"] = [[node, clean(message)] for node, message in result["failed"]]
        done.append({"words": command, "command": short(command, clean), **result})
    return done


def short(command, clean):
    """A command as messages say it."""
    return one_line(clean(shlex.join(["dbt", *command])))


def end_of(commands, done, returncode, stopped, minutes, clean):
    """How the run ended, from how dbt did."""
    warnings = [f"{command['command']} {one_line(command['warning'])}" for command in done if command["warning"] and not command["exitCode"]]
    if len(done) == len(commands) and not any(command["exitCode"] for command in done):
        nodes = sum(command["nodes"] for command in done)
        succeeded = f"{' and '.join(command['command'] for command in done)} succeeded: {count(nodes, 'node')}"
        return End("success", "; but ".join([succeeded, *warnings]), warnings=warnings)
    failed = next((command for command in done if command["exitCode"]), None)
    current = failed["command"] if failed else short(commands[min(len(done), len(commands) - 1)], clean)
    kind, *rest = failure(current, failed, returncode, stopped, minutes)
    return End(kind, *rest, warnings=warnings)


def failure(current, failed, returncode, stopped, minutes):
    """What End takes for a run that did not succeed."""
    if stopped == "timeout":
        return "timeout", (f"{current} was still running after {minutes:g} min and was cancelled; "
                           "raise timeoutMinutes, or look for the slow model in run_results.json")
    if stopped:
        return "terminated", (f"{current} was cancelled because its task was told to stop (SIGTERM): "
                              "by a person or by AWS; start the run again")
    if returncode == -signal.SIGKILL:
        return "out-of-memory", f"{current} ran out of memory and was killed; give it more memory, or fewer threads"
    if failed is None:
        how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
        return "internal", f"the dbt process ended with {how} during {current}, before it could say why; see the log above"
    nodes, code = [name for name, _ in failed["failed"]], failed["exitCode"]
    if nodes and code == 1:
        more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
        return "failed-nodes", (f"{failed['command']} failed: {len(nodes)} of {count(failed['nodes'], 'node')} "
                                f"({', '.join(nodes[:3])}{more}); the first says: {one_line(failed['failed'][0][1])}"), code, nodes
    error = failed["error"] or "see the log above"
    to_do = advice(failed["words"], error)
    # What is known not to work in a run is no bug.
    kind = "dbt-error" if to_do and failed["kind"] == "internal" else failed["kind"]
    what = "; ".join(filter(None, [one_line(error), to_do]))
    return kind, f"{failed['command']} failed: {what}", EXIT_CODES[kind] if kind == "internal" else code
