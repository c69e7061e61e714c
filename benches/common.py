"""What the benchmarks share: where things are, how programs are run, and tables in Markdown."""
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "local-aws"))
PROVIDER = Path(os.environ["DBT_AWS_PROVIDER"])
TOOLS = Path(os.environ["DBT_AWS_BENCH_TOOLS"])
REGION = "us-east-1"


def write(file, resources, **configuration):
    """A program for the engine's part."""
    file.write_text(json.dumps({"Config": {"region": REGION, **configuration}, "Resources": resources}))


def run(*command, **options):
    """The command's answer, as JSON."""
    return json.loads(output(*command, **options))


def output(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:3]))} failed with exit code {done.returncode}")
    return done.stdout


def table(*columns):
    print("\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def middle(numbers):
    return statistics.median(numbers)


def ratio(theirs, ours):
    return f"{theirs / ours:.1f}"


def megabytes(number):
    return f"{number / 1e6:.1f} MB"
