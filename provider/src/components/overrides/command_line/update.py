#!/usr/bin/env python3
"""Write what dbt takes on its command line beside this file: update.py, by a Python that has the dbt to describe.

dbt-VERSION.json has the commands, each with the names of its arguments, where `?` says that one may be left out; and
a line for each option: its spellings, what it takes, and the commands that have it, all where none is named.
"""
import json
import pathlib

import click
from dbt.cli.main import cli
from dbt.cli.option_types import YAML
from dbt.cli.options import MultiOption
from dbt.version import __version__

PATH = pathlib.Path(__file__).with_name(f"dbt-{'.'.join(__version__.split('.')[:2])}.json")


def described():
    """The text of the file."""
    commands, options = {}, {}
    everything = dict(walk("", click.Context(cli, **cli.context_settings)))
    for name, context in everything.items():
        command, params = context.command, context.command.get_params(context)
        if not isinstance(command, click.Group):
            arguments = [param for param in params if isinstance(param, click.Argument)]
            commands[name] = [argument.name + "?" * (not argument.required) for argument in arguments]
        for option in params:
            if isinstance(option, click.Option):
                options.setdefault((" ".join(option.opts), takes(option)), []).append(name)
                if option.secondary_opts:
                    options.setdefault((" ".join(option.secondary_opts), "nothing"), []).append(name)
    lines = [[*option, [] if len(names) == len(everything) else names] for option, names in sorted(options.items())]
    text = ",\n".join("    " + json.dumps(line) for line in lines)
    return f'{{\n  "commands": {json.dumps(commands)},\n  "options": [\n{text}\n  ]\n}}\n'


def walk(name, context):
    """The contexts of a command and of those in it, by their words after `dbt`."""
    yield name, context
    for word, command in sorted(getattr(context.command, "commands", {}).items()):
        yield from walk(f"{name} {word}".strip(), click.Context(command, context, **command.context_settings))


def takes(option):
    """What follows an option: `nothing`, a kind of text, or one of the words between `|`; `...` says one or more."""
    if option.is_flag:
        return "end" if {"--help", "--version"} & set(option.opts) else "nothing"
    kinds = {click.types.IntParamType: "integer", click.DateTime: "time", YAML: "mapping"}
    kind = next((word for kind, word in kinds.items() if isinstance(option.type, kind)), "text")
    if isinstance(option.type, click.Choice):
        kind = "|".join(map(str, option.type.choices))
    return kind + "..." * isinstance(option, MultiOption)


if __name__ == "__main__":
    PATH.write_text(described(), encoding="utf-8")
    print(PATH.name)
