"""What a run's log says of its commands and nodes."""

from collections import Counter

from .dbt_results import SLOWEST_MOST, slowest
from .text import one_line

FAILED_MOST = 20


def line(text, result, decides=True):
    """A command that ended, in one line."""
    code = result["exitCode"]
    how = "succeeded" if not code else f"failed with exit code {code}" + ("" if decides else ", which decides nothing")
    nodes = f": {by_status(result['counts'])}" if result["counts"] else ""
    return f"{one_line(text, 200)} {how} after {result['seconds']:.1f} s{nodes}"


def by_status(counts):
    """Numbers of nodes, such as `12 success, 1 error`."""
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def total(done):
    """The nodes of all commands by status."""
    counts = Counter()
    for command in done:
        counts.update(command["counts"])
    return dict(counts)


def slowest_of(done):
    """The slowest nodes of all commands."""
    return slowest([node for command in done for node in command["slowest"]])


def table(done, seconds):
    """The lines after a run: nodes by status, failed nodes, the slowest, and where the time went."""
    rows = []
    if counts := total(done):
        rows.append(("nodes", by_status(counts)))
    failed = [node for command in done for node, _ in command["failed"]]
    rows += [("failed", node) for node in failed[:FAILED_MOST]]
    if len(failed) > FAILED_MOST:
        rows.append(("failed", f"and {len(failed) - FAILED_MOST} more"))
    rows += [("slowest", f"{taken:8.1f} s  {node}") for node, taken in slowest_of(done)[:SLOWEST_MOST]]
    rows += [("seconds", f"{taken:8.1f} s  {phase}") for phase, taken in seconds.items()]
    return [f"{head if number == 0 or rows[number - 1][0] != head else '':8} {text}" for number, (head, text) in enumerate(rows)]
