"""dbt 2, an engine with a command line: how it is started, and what it writes, as dbt Core's Python API would tell it.

Its telemetry is read for that (https://docs.getdbt.com/reference/telemetry-observability), because run_results.json of a command
that was cancelled, by `--fail-fast` too, has an error of each selected node that is none.
"""

import json
import os
import re
import shutil
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

from .dbt_results import TEXT_MOST, Said, describe, unique_id
from .process import with_stderr
from .text import count

# Where it is an extension of Python, which gets nothing from the project's directory.
EXTENSION = "import sys; sys.path[:] = filter(None, sys.path); from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"
READ = (b".Process\"", b".NodeProcessed\"", b".LogMessage\"")
WARNING, ERROR = 13, 17
PANIC = re.compile(r"^(panic:|thread '.*' panicked)", re.MULTILINE)
STATUSES = {"NODE_OUTCOME_ERROR": "error", "NODE_OUTCOME_SKIPPED": "skipped", "NODE_OUTCOME_CANCELED": "skipped"}


class DbtUsageException(Exception):
    """A wrong command line, by the name that dbt Core has for it."""


def find():
    """What starts dbt 2; None where the dbt in the image is dbt Core 1, or there is none."""
    try:
        return [sys.executable, "-c", EXTENSION] if find_spec("dbt._core") else None
    except ModuleNotFoundError:
        path = shutil.which("dbt")
        return path and [path]


def run(engine, number, command, name, strict):
    """Runs one command. Returns its exit code, and what dbt_commands.py says of it; nothing where it was killed."""
    target, events = Path(os.environ["DBT_TARGET_PATH"]), Path(os.environ["DBT_LOG_PATH"], f"events.{number}.jsonl")
    os.environ["DBT_OTEL_FILE_NAME"] = events.name
    sources, results = target / "sources.json", target / "run_results.json"
    before = stamp(sources), stamp(results)
    code, stderr = with_stderr(lambda: os.execv(engine[0], [*engine, *command]))
    if code < 0:
        return code, None
    told = Told(events)
    events.unlink(missing_ok=True)
    nodes = freshness(sources) if stamp(sources) not in (None, before[0]) else told.nodes
    seconds = times(results) if stamp(results) not in (None, before[1]) else {}
    for node in nodes or []:
        node.execution_time = seconds.get(unique_id(node))
        node.message = node.message or told.said.errors.get(unique_id(node)) or told.said.errors.get(None)
    if name == "debug":
        told.said.checks = list(told.said.errors.values())
    silent = code and (told.version is None or code > 1 and PANIC.search(stderr))
    outcome = SimpleNamespace(result=nodes, success=code == 0, exception=unlogged(stderr) if silent else None)
    found = describe(outcome, told.said, name, told.version or "2", strict)
    if told.no_docs and not code:
        found["warning"] = f"wrote no documentation: {told.no_docs}"[:TEXT_MOST]
    return found["exitCode"], {"dbtVersion": told.version, **found}


class Told:
    """What dbt's telemetry tells: its version, the nodes with how they ended, errors, and criteria that matched nothing."""

    def __init__(self, path):
        self.version, self.nodes, self.said, self.no_docs = None, None, Said(), None
        if not path.exists():
            return
        self.nodes = []
        with open(path, "rb") as file:
            for line in file:
                if any(kind in line for kind in READ):
                    try:
                        self.add(json.loads(line))
                    except ValueError:
                        break  # it was killed, or the disk was full

    def add(self, event):
        """Adds what an event tells."""
        about, kind = event.get("attributes") or {}, event["event_type"].rpartition(".")[2]
        if kind == "Process":
            self.version = about.get("version")
        elif kind == "NodeProcessed" and event["record_type"] == "SpanEnd" and about.get("in_selection", True):
            self.nodes.append(ended(about))
        elif kind == "LogMessage" and event["severity_number"] >= WARNING:
            text, code = event.get("body") or "", about.get("code_name")
            if code == "DocsGenerateWarning":
                self.no_docs = text
            elif code == "NoNodesForSelectionCriteria":
                self.said.criteria.append(text)
            if event["severity_number"] >= ERROR:
                self.said.errors.setdefault(about.get("unique_id"), text.strip())


def ended(about):
    """A node and how it ended, as dbt Core's API has it."""
    test = about.get("node_test_detail") or {}
    failed = test.get("test_outcome") == "TEST_OUTCOME_FAILED"
    status = "fail" if failed else STATUSES.get(about.get("node_outcome"), "success")
    message = f"got {count(test.get('failing_rows', 0), 'failing row')}" if failed else None
    return SimpleNamespace(unique_id=about["unique_id"], status=status, message=message)


def stamp(path):
    """When a file was written, or None."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def times(path):
    """The seconds that nodes took by id, as run_results.json has them."""
    try:
        return {node["unique_id"]: float(node["execution_time"]) for node in json.loads(path.read_bytes())["results"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def freshness(path):
    """The sources of sources.json, likewise."""
    nodes = []
    for source in json.loads(path.read_bytes())["results"]:
        limit = SimpleNamespace(**{"count": None, "period": None, **((source.get("criteria") or {}).get("error_after") or {})})
        loaded = datetime.strptime(source["max_loaded_at"][:19], "%Y-%m-%dT%H:%M:%S")
        nodes.append(SimpleNamespace(
            node=SimpleNamespace(unique_id=source["unique_id"], freshness=SimpleNamespace(error_after=limit)),
            status=source["status"].lower(), message=None, age=source["max_loaded_at_time_ago_in_s"], max_loaded_at=loaded))
    return nodes


def unlogged(stderr):
    """Why it failed without a word in its log: a wrong command line, or a fault of its own."""
    found = re.match(r"\s*(?:error:|\[error\]) (.*?)\s*(?:\n\s*(?:Usage:|For more information)|\Z)", stderr, re.DOTALL)
    if found:
        return DbtUsageException(re.sub(r"\s*\n\s*", "; ", found[1]))
    return SystemError(stderr.strip().rsplit("\n", 1)[-1] or "it said nothing")
