"""Runs the Pulumi program in this folder through the Automation API, for machines without Pulumi's language hosts.

    python driver.py up|preview|refresh|destroy STACK [--config KEY=VALUE] [--target URN] [--events FILE]

The program is the very same __main__.py that `pulumi up` runs. Engine events go to FILE, one JSON object a line.
"""

import argparse
import json
import re
import runpy
import sys
from pathlib import Path

from pulumi import automation as auto


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["up", "preview", "refresh", "destroy"])
    parser.add_argument("stack")
    parser.add_argument("--config", action="append", default=[])
    parser.add_argument("--target", action="append")
    parser.add_argument("--events")
    return parser.parse_args()


def to_json(value: object) -> object:
    """An engine event as the engine wrote it: in camelCase, without what is absent."""
    present = {key: item for key, item in vars(value).items() if item is not None}
    return {re.sub("_(.)", lambda found: found[1].upper(), key): item for key, item in present.items()}


def main() -> None:
    options = parse()
    name = re.search(r"^name: *(.*)$", Path("Pulumi.yaml").read_text(), re.M).group(1)
    stack = auto.create_or_select_stack(
        stack_name=options.stack,
        project_name=name,
        program=lambda: runpy.run_path("__main__.py") and None,
        opts=auto.LocalWorkspaceOptions(work_dir="."),
    )
    for pair in options.config:
        key, value = pair.split("=", 1)
        stack.set_config(key, auto.ConfigValue(value))
    events = open(options.events, "w") if options.events else None
    keywords = {"on_output": lambda text: print(text, flush=True), "color": "never"}
    if events:
        keywords["on_event"] = lambda event: events.write(json.dumps(event, default=to_json) + "\n")
    if options.target:
        keywords["target"] = options.target
    getattr(stack, options.command)(**keywords)
    if events:
        events.close()


try:
    main()
except auto.CommandError as error:
    sys.exit(str(error))
