"""The command lines of a run: dbt's, Python's, and one of ours."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from .outcome import End

# More than a state machine or a task definition can hold.
COMMANDS_BYTES = 64_000
# What a run takes and refuses, which the preview of a schedule reads too.
_FACTS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
COMMANDS_MOST = _FACTS["mostCommands"]
COMMANDS, OPERATORS = set(_FACTS["commands"]), _FACTS["shellOperators"]
# The options before a command's name that take a value.
VALUED = set(_FACTS["valuedOptions"])
# The options that say where dbt reads or writes what is the run's own, and why they cannot work.
OPTIONS = _FACTS["ownOptions"]
# How Python is started.
PYTHON = _FACTS["python"]
# The commands that are neither dbt's nor Python's.
OWN = _FACTS["own"]
RUN_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}")
# What else is to be said of a command that failed.
ADVICE = _FACTS["advice"]
STATELESS = ("no comparison manifest", "No comparison run_results", "No previous state comparison", "Could not find manifest in --state",
             "neither was provided")


@dataclass(frozen=True)
class Command:
    """One command: dbt's arguments, or Python's with `python` before them; a leading `-` lets it decide nothing."""

    words: list
    decides: bool = True

    @property
    def is_python(self):
        """Whether it is none of dbt's."""
        return self.words[0] == PYTHON["name"]

    @property
    def is_own(self):
        """Whether it is one of ours."""
        return self.words[0] == OWN["name"]

    @property
    def name(self):
        """Which of dbt's commands it is."""
        return "" if self.is_python or self.is_own else name_of(self.words)

    @property
    def text(self):
        """The command line, as messages say it."""
        return shlex.join(self.words if self.is_python or self.is_own else ["dbt", *self.words])

    def has(self, option):
        """Whether it has an option."""
        return any(word.split("=")[0] == option for word in self.words)


def parse_commands(text, has_profile):
    """The commands of a run; a leading "dbt" is optional."""
    try:
        lines = json.loads(text) if len(text) <= COMMANDS_BYTES else None
    except (ValueError, RecursionError):
        lines = None
    if not isinstance(lines, list) or not 0 < len(lines) <= COMMANDS_MOST or not all(isinstance(line, str) for line in lines):
        raise End("usage", f"DBT_AWS_COMMANDS is not a JSON list of 1 to {COMMANDS_MOST} dbt command lines, such as "
                           f"[\"dbt build\"]{f': {text}' if len(text) < 1000 else ''}")
    return [parse_command(line, has_profile) for line in lines]


def parse_command(line, has_profile=False):
    """One command."""
    bare, decides = deciding(line)
    try:
        words = shlex.split(bare)
        operator = shell_operator(bare)
    except ValueError as error:
        raise End("usage", f"cannot read the command `{line}`: {str(error).lower()}") from None
    if operator:
        raise End("usage", f"the command `{line}` contains `{operator}`, but no shell runs commands; give each command as an item of its own")
    if words[:1] == [PYTHON["name"]]:
        starts = words[2:] if words[1:2] == ["-m"] else words[1:]
        if not starts or not starts[0] or starts[0].startswith("-"):
            raise End("usage", f"the command `{line}` {PYTHON['refusal']}")
        return Command(words, decides)
    if words[:1] == [OWN["name"]]:
        if words[1:2] != ["drop-schemas"] or len(words) > 3 or not all(map(RUN_ID.fullmatch, words[2:])):
            raise End("usage", f"the command `{line}` {OWN['refusal']}")
        return Command(words, decides)
    words = words[words[:1] == ["dbt"]:]
    if not words:
        raise End("usage", f"the command `{line}` names no dbt command; did you mean `dbt build`?")
    if words[0] not in COMMANDS and not words[0].startswith("-"):
        raise End("usage", f"the command `{line}` is not a dbt command; a run takes only dbt commands, such as `dbt build`, and `python`")
    if name_of(words) == "docs" and next((word for word in words if word in ("generate", "serve")), "") == "serve":
        raise End("usage", f"the command `{line}` never ends, and nobody can reach a run; use `dbt docs generate`")
    command = Command(words, decides)
    for option, reason in OPTIONS.items():
        if (option != "--profiles-dir" or has_profile) and command.has(option):
            raise End("usage", f"the command `{line}` has {option}: {reason}; leave the option out")
    return command


def deciding(line):
    """A line without the `-` that lets it decide nothing, and whether it has none; dbt's own options may stand first too."""
    marked = re.match(r"\s*-(\s+|$|(?=([a-z-]+)))", line)
    if marked and (not marked[2] or marked[2] in COMMANDS | {"dbt", PYTHON["name"], OWN["name"]}):
        return line[marked.end():], False
    return line, True


def shell_operator(line):
    """The first operator of a shell outside all quotes, if there is one."""
    bare = re.sub(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", " ", line, flags=re.DOTALL)
    found = re.search(f"[{re.escape(OPERATORS)}]+", bare)
    return found and found[0]


def name_of(command):
    """Which of dbt's commands it is."""
    return next(iter(from_name(command)), "")


def from_name(command):
    """A command without the options before its name."""
    words = iter(command)
    for word in words:
        if word in VALUED:
            next(words, None)
        elif word in COMMANDS:
            return [word, *words]
    return []


def advice(command, error):
    """What to do about a command that failed, as far as its error does not say it."""
    if any(text in error for text in STATELESS):
        if Command(command).has("--state"):
            return "the folder that --state names is not in the image, or lacks it: leave --state out to compare with the last green run"
        return "it compares with the last green run, whose artifacts lack what it needs: let a run without it succeed first"
    if "Could not find adapter type" in error:
        return "the packages in the image hold no such adapter: add it to the requirements, or choose the adapter that is there"
    if "failed to load it from the CDN" in error:
        return "dbt 2 gets its driver for the warehouse from public.cdn.getdbt.com in each run: let the project's tasks reach it"
    if "certificate verify failed" in error:
        return "no CA certificate in the profile's sslrootcert has signed the server's certificate, so no password was sent"
    if "Could not find profile named" in error or "not found in profiles.yml" in error:
        return "the profile is written for the run, under the one name that DBT_AWS_PROFILE has: leave --profile out"
    if "does not have a target named" in error or "not found in profile '" in error:
        return "the run's profile has one target: leave --target out, or set profile.target of the project"
    if "No space left on device" in error:
        return "the task's disk is full: let the run write less to /tmp, or set ephemeralStorageGb of the project to more"
    if found := ADVICE.get(name_of(command)):
        return found
    return "a run can write to /tmp alone" if "Read-only file system" in error else None
