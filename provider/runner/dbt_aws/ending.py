"""How a run ended, from what dbt_commands.py says of its commands."""

import json
import signal

from .commands import STATELESS, advice
from .outcome import EXIT_CODES, End
from .text import count, one_line
from .warehouse import unreachable

RESULTS_BYTES = 64 << 20


def read_results(path, commands, clean):
    """The commands that ended, with what dbt_commands.py says of each."""
    if not path.exists():
        return []
    with open(path, "rb") as file:
        lines = file.read(RESULTS_BYTES).decode(errors="replace").splitlines()
    done = []
    for line in lines:
        try:
            result = json.loads(line)
        except ValueError:
            break  # it was killed, or the disk was full, while it was written
        # Here, before anything is cut in the middle of a secret.
        for key in ("error", "warning"):
            result[key] = result[key] and clean(result[key])
        result["failed"] = [[node, clean(message)] for node, message in result["failed"]]
        command = commands[result["number"] - 1]
        done.append({"words": command.words, "decides": command.decides, "command": short(command, clean), **result})
    return done


def short(command, clean):
    """A command as messages say it."""
    return one_line(clean(command.text))


def end_of(left, done, returncode, stopped, minutes, clean, warehouse):
    """How the run ended, from how its commands did, of those that were left with their numbers."""
    others = [(command["command"], failure(command, warehouse)[1]) for command in done if command["exitCode"] and not command["decides"]]
    warnings = [f"{command['command']} {one_line(command['warning'])}" for command in done if command["warning"] and not command["exitCode"]]
    warnings += [f"{message}; it decides nothing" for _, message in others]
    more = {"warnings": warnings, "others": others}
    if not left:
        return End("success", "every command had succeeded in an earlier attempt")
    through = {command["number"] for command in done if not (command["exitCode"] and command["decides"])}
    current = next(((number, command) for number, command in left if number not in through), None)
    if current is None and not (stopped and done[-1]["exitCode"]):
        nodes = sum(command["nodes"] for command in done)
        succeeded = " and ".join(command["command"] for command in done if not command["exitCode"])
        said = [f"{succeeded} succeeded: {count(nodes, 'node')}" if succeeded else "nothing failed that decides", *warnings]
        return End("success", "; but ".join(said), **more)
    name = short((current or left[-1])[1], clean)
    if stopped and done and done[-1]["exitCode"]:
        name = done[-1]["command"]
        more = {"warnings": [text for text in warnings if not text.startswith(name)], "others": [other for other in others if other[0] != name]}
    if stopped == "timeout":
        return End("timeout", f"{name} was still running after {minutes:g} min and was cancelled; "
                              "raise timeoutMinutes, or look for the slow model in run_results.json", **more)
    if stopped:
        return End("terminated", f"{name} was cancelled because its task was told to stop (SIGTERM): "
                                 "by a person or by AWS; start the run again", **more)
    if returncode == -signal.SIGKILL:
        return End("out-of-memory", f"{name} ran out of memory and was killed; give it more memory, or fewer threads", **more)
    failed = next((command for command in done if command["number"] == current[0]), None)
    if failed is None:
        how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
        return End("internal", f"the process ended with {how} during {name}, before it could say why; see the log above", **more)
    kind, message, code = failure(failed, warehouse)
    return End(kind, message, code, failed["failed"] if kind in ("failed-nodes", "connection") else (), **more)


def failure(failed, warehouse):
    """The class, the sentence and the exit code of a command that failed."""
    command, nodes, code, kind = failed["command"], failed["failed"], failed["exitCode"], failed["kind"]
    if kind == "command-failed":
        return kind, f"{command} failed: {one_line(failed['error'])}", EXIT_CODES[kind]
    said = [message for _, message in nodes if message] or [failed["error"] or ""]
    if set(failed["counts"]) <= {"error", "runtime error", "skipped"} and all(map(unreachable, said)):
        where = f" at {warehouse}" if warehouse else ""
        return "connection", (f"{command} failed: the warehouse{where} could not be reached: {one_line(said[0])}; "
                              "look at its state and at what it lets in"), EXIT_CODES["connection"]
    if nodes and code == 1:
        names = [name for name, _ in nodes]
        more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
        return "failed-nodes", (f"{command} failed: {len(nodes)} of {count(failed['nodes'], 'node')} "
                                f"({', '.join(names[:3])}{more}); the first says: {one_line(nodes[0][1])}"), code
    error = failed["error"] or "see the log above"
    to_do = advice(failed["words"], error)
    if any(text in error for text in STATELESS):
        kind = "usage"
    # What is known not to work in a run is no bug.
    kind = "dbt-error" if to_do and kind == "internal" else kind
    what = "; ".join(filter(None, [one_line(error), to_do]))
    return kind, f"{command} failed: {what}", EXIT_CODES[kind] if kind == "internal" else code
