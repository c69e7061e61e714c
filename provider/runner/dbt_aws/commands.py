"""dbt's command lines, as a run takes them."""

import json
import shlex

from .outcome import End

COMMANDS = {"build", "clean", "clone", "compile", "debug", "deps", "docs", "init", "list", "ls", "parse", "retry", "run",
            "run-operation", "seed", "show", "snapshot", "source", "test"}


def parse_commands(text):
    """The argument lists of dbt commands; a leading "dbt" is optional."""
    try:
        lines = json.loads(text)
    except ValueError:
        lines = None
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise End("usage", f"DBT_AWS_COMMANDS is not a JSON list of dbt command lines, such as [\"dbt build\"]: {text}")
    return [parse_command(line) for line in lines]


def parse_command(line):
    """The arguments of one dbt command."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise End("usage", f"cannot read the command `{line}`: {str(error).lower()}") from None
    operator = next((word for word in words if word in ("&&", "||", "|", ";", "&", ">", ">>")), None)
    if operator:
        raise End("usage", f"the command `{line}` holds `{operator}`, and no shell runs it; give each dbt command as one of its own")
    if words[:1] == ["dbt"]:
        words = words[1:]
    elif words and words[0] not in COMMANDS and not words[0].startswith("-"):
        raise End("usage", f"the command `{line}` is not one of dbt's; a run takes dbt commands only, such as `dbt build`")
    if not words:
        raise End("usage", f"the command `{line}` names no dbt command; did you mean `dbt build`?")
    return words
