"""What dbt says of a command, made into what the runner needs to know."""

import re
import traceback
from collections import Counter
from datetime import timedelta
from heapq import nlargest

# dbt's name for these is in dbt.artifacts.schemas.results.NodeStatus.
FAILED = {"error", "fail", "runtime error", "partial success"}
# The commands that do nothing where no node is selected.
SELECT = {"build", "clone", "run", "seed", "snapshot", "source", "test"}
# Those that tell of nodes: nothing is to be said where there are none, unless a criterion matched none.
TELL = {"compile", "list", "ls", "show"}
TEXT_MOST, TOLD_MOST = 20_000, 100
# The nodes that are told as the slowest.
SLOWEST_MOST = 5
# What dbt puts before a text of its own.
PREFIXES = ("[WARNING]: ", "[ERROR]: ", "Encountered an error while running operation: ", "Unhandled error while executing", "Exception on worker thread.")


class Said:
    """Reasons that are in dbt's events alone: of nodes by unique id (None where it is no node's), of criteria, of checks."""

    def __init__(self):
        self.errors, self.criteria, self.checks = {}, [], []

    def __call__(self, event):
        name, text = event.info.name, event.info.msg
        if name == "NoNodesForSelectionCriteria" and plain(text) not in self.criteria[:TOLD_MOST]:
            self.criteria.append(plain(text))
        elif name == "DebugCmdResult":
            self.checks.append(text.strip())
        elif event.info.level == "error" and not name.startswith(("Log", "RunResult")) and len(self.errors) < TOLD_MOST:
            node = getattr(getattr(event.data, "node_info", None), "unique_id", None) or None
            self.errors.setdefault(node, plain(text))


def plain(text):
    """A text of dbt's without what only leads to it."""
    text = text.strip()
    for prefix in PREFIXES:
        text = text.removeprefix(prefix).strip()
    return text


def without_dbt(error):
    """What is to be said where dbt cannot be imported."""
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "dbt":
        kind, reason = "usage", "there is no dbt in the image: its requirements hold no dbt-core; add dbt-core and the adapter's package"
    else:
        kind, reason = "internal", f"dbt cannot be imported: {last_line(error)}; the packages in the image do not fit together"
    return failure(2, reason, kind)


def failure(code, error, kind):
    """What is said of a command that no node was run of."""
    return {"exitCode": code, "dbtVersion": None, "nodes": 0, "failed": [], "counts": {}, "slowest": [], "error": error, "kind": kind, "warning": None}


def describe(outcome, said, name, version, strict):
    """The nodes that ran, those that failed with their messages, and the error that ended dbt."""
    results = outcome.result if isinstance(outcome.result, list) else getattr(outcome.result, "results", None)
    nodes = results or []
    nodes = [node for node in nodes if getattr(node, "status", None) is not None]
    failed = [node for node in nodes if status(node) in FAILED]
    error, kind = None, "dbt-error"
    if outcome.exception is not None:
        error, kind = trouble(outcome.exception, version)
    elif name == "debug" and not outcome.success:
        error = re.sub(r".*failed:", "", " ".join(said.checks))
    elif not outcome.success and not failed:
        error = "; ".join(said.errors.values()) or None
    warning = None
    nothing = results is not None and not any(not unique_id(node).startswith("operation.") for node in nodes)
    if outcome.success and (nothing and name in SELECT or results == [] and name in TELL and said.criteria):
        criteria = "; ".join(text[:1].lower() + text[1:] for text in said.criteria)
        warning = f"selected no nodes: {criteria or 'the project has none that are enabled, of its kind and selected'}"[:TEXT_MOST]
    exit_code = 0 if outcome.success else 1 if outcome.exception is None else 2
    if warning and strict:
        error, exit_code = f"it {warning}", 2
    return {
        "exitCode": exit_code,
        "nodes": len(nodes),
        "counts": dict(Counter(map(status, nodes))),
        "slowest": slowest([unique_id(node), getattr(node, "execution_time", None) or 0] for node in nodes),
        "failed": [[unique_id(node), reason(node, said)[:TEXT_MOST] if number < TOLD_MOST else ""] for number, node in enumerate(failed)],
        "error": error and error[:TEXT_MOST],
        "kind": kind,
        "warning": warning,
    }


def slowest(nodes):
    """The nodes that took longest, of pairs of an id and seconds."""
    return [[name, round(seconds, 1)] for name, seconds in nlargest(SLOWEST_MOST, nodes, key=lambda node: node[1]) if seconds > 0]


def trouble(error, version):
    """An exception's text, and what class of outcome it makes."""
    if type(error).__name__ == "DbtUsageException":
        return str(error), "usage"
    # dbt's own class for a cycle of nodes, and what adapters raise on purpose
    if type(error) is RuntimeError:
        return str(error), "dbt-error"
    if any(kind.__module__.split(".")[0].startswith("dbt") for kind in type(error).__mro__):
        return str(error), "dbt-error"
    return f"dbt {version} failed with an unexpected exception: {last_line(error)}", "internal"


def last_line(error):
    """The last line of an exception's traceback."""
    return traceback.format_exception_only(type(error), error)[-1].strip()


def unique_id(node):
    """A node's id; what run-operation ran is no node, and has the id itself."""
    return getattr(node, "node", node).unique_id


def status(node):
    """How it ended."""
    return getattr(node.status, "value", node.status)


def reason(node, said):
    """Why it failed."""
    own = str(getattr(node, "message", None) or "")
    told = said.errors.get(unique_id(node))
    if told is None and unique_id(node).startswith("macro."):
        told = said.errors.get(None)
    if getattr(node, "max_loaded_at", None) is not None:
        return stale(node)
    if told and len(own.split("\n")) == 1 and own.startswith(("ERROR", "PARTIAL SUCCESS")):
        return f"{own}: {told}"
    return without_trace(own or told or f"{status(node)}; see the log above")


def without_trace(text):
    """A text without its Python traceback, but for what follows the frames of the last: the exception, and all after it."""
    before, *traces = re.split(r"Traceback \(most recent call last\):\n", text)
    if not traces:
        return text
    indent = re.match(r"[ \t]*", "\n".join([before, *traces[:-1]]).rsplit("\n", 1)[-1])[0]
    rest = re.sub(rf"\A(?:{indent}[ \t]+.*(?:\n|\Z)|[ \t]*\n)*", "", traces[-1]).strip()
    return f"{before.rstrip()} {rest}".strip() if rest else text


def stale(node):
    """How old a source is, and how old it may be."""
    age = timedelta(seconds=round(node.age))
    limit = getattr(getattr(node.node, "freshness", None), "error_after", None)
    allowed = f"; error_after is {limit.count} {getattr(limit.period, 'value', limit.period)}{'' if limit.count == 1 else 's'}" \
        if limit and limit.count else ""
    if node.max_loaded_at.year == 1:  # dbt's for a table without rows
        return f"stale: it has no row with a time{allowed}"
    return f"stale: its newest row is of {node.max_loaded_at:%Y-%m-%d %H:%M} UTC, {age} ago{allowed}"
