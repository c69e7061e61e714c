"""What a command of dbt's selected and did so far, kept in a file as it goes.

dbt writes run_results.json when a command ends; one that is cancelled has only the nodes that had ended by then, one that is
killed leaves none, and one whose on-run-start failed has no node at all. `dbt retry` leaves out what is not there.
"""

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from .text import SIZE_MOST, size

# The commands that dbt retries of those that change something; of the others, nothing is noted.
RETRIED = {"build", "clone", "retry", "run", "run-operation", "seed", "snapshot", "test"}


def path_of(target, number):
    """Where the progress of a command is, beside the target."""
    return Path(target).parent / f"progress.{number}.jsonl"


class Progress:
    """Notes of one command, as a callback of dbt Core's, while it runs."""

    def __init__(self, number, name):
        self.path, self.task = path_of(os.environ["DBT_TARGET_PATH"], number), None
        if name not in RETRIED:
            return
        try:
            from dbt.task.runnable import GraphRunnableTask

            self.task, self.before = GraphRunnableTask, GraphRunnableTask._runtime_initialize
        except (ImportError, AttributeError):
            self.path.touch()  # a dbt of another make: nothing will tell what it selected

    def __enter__(self):
        if self.task:
            note, before = self.note, self.before

            def initialize(task):
                before(task)
                note(task)

            self.task._runtime_initialize = initialize
        return self

    def __exit__(self, *_):
        if self.task:
            self.task._runtime_initialize = self.before

    def note(self, task):
        """Writes down what a task selected, and what dbt says of a command that did nothing yet."""
        try:
            result = task.get_result(results=[], elapsed_time=0.0, generated_at=datetime.now(timezone.utc).replace(tzinfo=None))
            if hasattr(result, "args") and task._flattened_nodes:
                blank = self.path.with_suffix(".json")
                result.write(str(blank))
                selected = [node.unique_id for node in task._flattened_nodes if not node.is_ephemeral_model]
                self.add({"artifact": json.loads(blank.read_bytes()), "selected": selected}, "w")
        except Exception:
            self.path.touch()  # such as a full disk, which dbt itself will find

    def add(self, line, mode="a"):
        """Adds a line."""
        with open(self.path, mode, encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def __call__(self, event):
        if self.task and event.info.name == "NodeFinished" and self.path.exists():
            found = event.data.run_result
            try:
                self.add({"unique_id": event.data.node_info.unique_id, "status": found.status, "message": found.message or None,
                          "execution_time": found.execution_time, "thread_id": found.thread})
            except OSError:
                pass


def complete(target, number):
    """Adds what dbt left out to the results of a command that did not succeed, and returns them; None where nothing tells what it selected."""
    last, own = Path(target, "run_results.json"), Path(target, f"run_results.{number}.json")
    header, ended = read_progress(path_of(target, number))
    if header is None:
        return None
    begun = header["artifact"]["metadata"]["invocation_id"]
    found = next((kept for kept in (load(own), load(last)) if kept and kept["metadata"].get("invocation_id") == begun), header["artifact"])
    there = {result["unique_id"] for result in found["results"]}
    found["results"] += [ended.get(unique_id) or blank(unique_id) for unique_id in header["selected"] if unique_id not in there]
    for path in (own, last):
        path.write_text(json.dumps(found), encoding="utf-8")
    return found


def read_progress(path):
    """The first line of a command's progress, and the nodes that ended by id."""
    try:
        if size(path) > SIZE_MOST:
            return None, {}
        first, *lines = path.read_text(encoding="utf-8").splitlines()
        header, ended = json.loads(first), {}
    except (OSError, ValueError):
        return None, {}
    for line in lines:
        try:
            node = json.loads(line)
        except ValueError:
            break  # it was killed while it wrote
        ended[node["unique_id"]] = {**blank(node["unique_id"]), **node}
    return header, ended


def blank(unique_id):
    """What dbt's results say of a node that was not run."""
    return {"unique_id": unique_id, "status": "skipped", "message": "not run: the command ended before", "timing": [], "thread_id": "",
            "execution_time": 0.0, "adapter_response": {}, "failures": None, "compiled": None, "compiled_code": None, "relation_name": None,
            "batch_results": None}


def load(path):
    """A document of dbt's, or None."""
    try:
        found = json.loads(path.read_bytes()) if size(path) <= SIZE_MOST else None
        return found if isinstance(found["results"], list) and isinstance(found["metadata"], dict) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
