"""What an attempt leaves for the next one, and how that goes on."""

import hashlib
import json
import re

from .outcome import End
from .progress import RETRIED, complete, load, path_of
from .redaction import MASK

FILE = "continue.json"
# What `dbt retry` of a later run continues: the results of the last command that it can repeat.
LAST = "retry/run_results.json"
# What dbt runs again.
RETRYABLE = {"error", "fail", "partial success", "runtime error", "skipped"}
# What dbt does not take from the results of the command that it retries.
KEPT_OPTIONS = {"--vars": 1, "--threads": 1, "--defer-state": 1, "--project-dir": 1, "--profiles-dir": 1, "--warn-error": 0}
NAMES_MOST, FILE_BYTES = 200, 1 << 20
NAME = re.compile(r"\w[\w.-]*\.(json|html)")


def digest(commands):
    """A hash of commands."""
    return hashlib.sha256(json.dumps([[command.decides, *command.words] for command in commands]).encode()).hexdigest()


class Attempt:
    """Where a run stands: the numbers of its commands that are through, and how the next one goes on."""

    def __init__(self, commands):
        self.commands, self.ended, self.how, self.names = commands, [], "afresh", []

    def left(self):
        """The commands that are not through, with their numbers."""
        return [(number, command) for number, command in enumerate(self.commands, 1) if number not in self.ended]

    def close(self, done, stopped, target):
        """How it stands after the commands that were done. Returns what is known of the one that did not get through."""
        first, results = next(iter(self.left()), (0, None))[0], None
        lines = {command["number"]: command for command in done}
        cut = done[-1]["number"] if stopped and done and done[-1]["exitCode"] else None
        through = {number for number, line in lines.items() if number != cut and not (line["exitCode"] and line["decides"])}
        self.ended = sorted({*self.ended, *through})
        for number, command in self.left()[:1]:
            notes = path_of(target, number)
            if notes.exists() or number in lines:
                results = complete(target, number)
                self.how = how_to_go_on(command, load(target / f"run_results.{number}.json"), notes, number in lines and number != cut)
            elif number != first:
                self.how = "afresh"
        return results

    def document(self, names):
        """What the next attempt reads."""
        found = {"version": 1, "commands": digest(self.commands), "ended": self.ended, "how": self.how, "artifacts": sorted(names)[:NAMES_MOST]}
        return json.dumps(found).encode()


def how_to_go_on(command, results, notes, by_itself):
    """How an attempt goes on with a command that did not get through: what changes nothing is run again, what may have changed something never blindly."""
    if command.name not in RETRIED:
        return "afresh"
    if results:
        return "retry"
    begun = notes.exists() and (notes.stat().st_size > 0 or not by_itself)
    return "unknown" if begun and command.name != "run-operation" else "afresh"


def resume(commands, place, artifacts, work, target):
    """The attempt that goes on with an earlier one, whose artifacts are put into the target."""
    def nothing(why):
        return End("nothing-to-continue", f"the attempt {place} cannot be continued, and nothing was run: {why}; start the run again")

    if not artifacts.uri:
        raise nothing("DBT_AWS_ARTIFACTS names no place")
    if not artifacts.get_all([(f"{place}/{FILE}", work / FILE)]):
        raise nothing(f"it left no {FILE} in {artifacts.uri}/{place}")
    attempt = Attempt(commands)
    try:
        with open(work / FILE, "rb") as file:
            found = json.loads(file.read(FILE_BYTES))
        same = found["version"] == 1 and found["commands"] == digest(commands)
        attempt.ended, attempt.how = [int(number) for number in found["ended"]], str(found["how"])
        attempt.names = [name for name in map(str, found["artifacts"]) if NAME.fullmatch(name)][:NAMES_MOST]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise nothing(f"its {FILE} cannot be read") from None
    if not same:
        raise nothing("it was one of other commands")
    artifacts.get_all([(f"{place}/{name}", target / name) for name in attempt.names])
    left = attempt.left()
    if left and attempt.how == "unknown":
        raise nothing(f"nothing tells what {left[0][1].text} had done when it was killed")
    if left and attempt.how == "retry" and not load(target / f"run_results.{left[0][0]}.json"):
        raise nothing(f"its results of {left[0][1].text} are not there")
    return attempt


def last_results(artifacts, work):
    """The results that `dbt retry` continues where no command of this run left any: those of the project's last run."""
    path = work / "last" / "run_results.json"
    path.parent.mkdir()
    if not artifacts.uri or not artifacts.get_all([(LAST, path)]):
        raise End("nothing-to-continue", "`dbt retry` continues the project's last run, and there is none that left results"
                                         f"{f' in {artifacts.uri}/{LAST}' if artifacts.uri else ''}: run dbt build, or the command that is meant")
    return path


def retried_words(command):
    """The command line that continues a command."""
    words, values = ["retry"], iter(command.words)
    for word in values:
        option, given, _ = word.partition("=")
        if option in KEPT_OPTIONS:
            words.append(word)
            if KEPT_OPTIONS[option] and not given:
                words.append(next(values, ""))
    return words


def ready(path, directory, state, command):
    """Puts results where `dbt retry` reads them, with the state of this container, and returns how many nodes are left."""
    found = load(path)
    if not found:
        raise End("nothing-to-continue", f"{path.name} of the run before cannot be read; run dbt build, or the command that is meant")
    arguments = found.get("args") or {}
    if MASK in json.dumps({key: value for key, value in arguments.items() if key != "invocation_command" and not command.has(f"--{key}")}):
        raise End("nothing-to-continue", "the command to retry was given a secret, which is not kept; run the command again")
    if arguments.get("state") and not state.has_files(arguments["state"]):
        # The directory that it names was of another container.
        arguments["state"] = str(state.directory) if state.there else None
    again_for_hooks(found["results"])
    directory.mkdir(exist_ok=True)
    (directory / "run_results.json").write_text(json.dumps(found), encoding="utf-8")
    return sum(1 for node in found["results"] if node["status"] in RETRYABLE and not is_hook(node))


def again_for_hooks(results):
    """Where hooks alone failed, which dbt would not retry: lets the cheapest node, a test if there is one, run again with them."""
    failed = [node for node in results if node["status"] in RETRYABLE]
    nodes = [node for node in results if not is_hook(node)]
    if failed and nodes and all(map(is_hook, failed)):
        cheapest = min(nodes, key=lambda node: (not node["unique_id"].startswith(("test.", "unit_test.")), node.get("execution_time") or 0))
        cheapest["status"] = "skipped"


def is_hook(node):
    """Whether it is one of on-run-start or on-run-end."""
    return node["unique_id"].startswith("operation.")
