"""Kills the provider at a call of `pulumi up`, runs `up` again, and compares what AWS has with what the state has.

    run                      twenty points spread over the whole `up`
    run --all                every call, killed before it and after it
    run --at 17b --at 17a    before or after the 17th call that changes something
"""
import argparse
import difflib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

from inventory import Inventory, described
from proxy import Proxy

HERE = Path(__file__).resolve().parent
REGION = "us-east-1"
PROVIDER = "pulumi-resource-dbt-aws"


class Wrong(Exception):
    """What a case found."""


def descendants(process):
    """The ids of a process's children and theirs."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
        except OSError:
            continue
    found, left = [], [process]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


class Stack:
    """A stack in a folder of its own, and the AWS it is made in."""

    def __init__(self, folder, proxy, moto, inventory):
        self.folder, self.proxy, self.moto, self.inventory = folder, proxy, moto, inventory
        self.running = None
        self.environment = {
            **os.environ, "AWS_ENDPOINT_URL": proxy.url, "AWS_REGION": REGION, "PULUMI_HOME": f"{folder}/home",
            "PULUMI_BACKEND_URL": f"file://{folder}/state", "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true"}
        (folder / "state").mkdir()
        plugins = f"plugins:\n  providers:\n    - {{ name: dbt-aws, path: {Path(shutil.which(PROVIDER)).parent} }}\n"
        (folder / "Pulumi.yaml").write_text(HERE.joinpath("Pulumi.yaml").read_text() + plugins)
        self.pulumi("stack", "init", "dev")
        shutil.copytree(folder / "state", folder / "empty")

    def reset(self):
        """An empty AWS and an empty stack."""
        self.proxy.wait()
        urllib.request.urlopen(urllib.request.Request(f"{self.moto}/moto-api/reset", method="POST")).read()
        shutil.rmtree(self.folder / "state")
        shutil.copytree(self.folder / "empty", self.folder / "state")
        self.proxy.arm()

    def pulumi(self, *arguments, fails=False):
        """Runs Pulumi; its output."""
        options = [] if arguments[0] == "stack" else ["--yes", "--skip-preview", "--suppress-progress"]
        self.running = subprocess.Popen(
            ["pulumi", *arguments, *options, "--non-interactive", "--color=never"],
            cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = self.running.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            for process in descendants(self.running.pid):
                os.kill(process, signal.SIGKILL)
            self.running.kill()
            raise Wrong(f"`pulumi {arguments[0]}` did not end: {self.running.communicate()[0]}") from None
        self.proxy.wait()
        if bool(self.running.returncode) != fails:
            raise Wrong(f"`pulumi {arguments[0]}` ended with {self.running.returncode}:\n{output}")
        return output

    def up(self, fails=False):
        """`pulumi up`."""
        return self.pulumi("up", "--stack=dev", fails=fails)

    def killed(self, at, answered):
        """`pulumi up`, with the provider killed at the call; the call's name, nothing if the `up` has no such call."""
        self.proxy.arm(at, answered, self.kill)
        try:
            self.up(fails=True)
        except Wrong:
            if self.proxy.hit:
                raise
        hit = self.proxy.hit
        self.proxy.arm()
        return hit

    def kill(self):
        """Ends the provider's processes as a crash would."""
        for process in descendants(self.running.pid):
            try:
                if os.path.basename(os.readlink(f"/proc/{process}/exe")) == PROVIDER:
                    os.kill(process, signal.SIGKILL)
            except OSError:
                continue

    def resources(self):
        """The state's entries that stand for an AWS object: ((type, id), name)."""
        deployment = json.loads(self.pulumi("stack", "export", "--stack=dev"))["deployment"]
        if pending := deployment.get("pending_operations"):
            raise Wrong(f"the state has pending operations: {pending}")
        for resource in deployment.get("resources") or []:
            kind = resource["type"].removeprefix("dbt-aws:")
            if not resource.get("custom") or kind == "index:Seed" or resource["type"].startswith("pulumi:"):
                continue
            if resource.get("delete"):
                raise Wrong(f"the state still has {resource['id']}, to be deleted")
            key = resource["id"].rpartition("/")[2] if kind == "sqs:Queue" else resource["id"]
            yield (kind, key), resource["urn"].rpartition("::")[2]

    def compare(self):
        """Finds each entry's object and each object's entry; what the objects are, by (type, name)."""
        entries = list(self.resources())
        objects = list(self.inventory.objects())
        state, there = Counter(key for key, _ in entries), Counter(key for key, _ in objects)
        if state != there:
            raise Wrong(f"in AWS only: {sorted((there - state).elements())}; in the state only: "
                        f"{sorted((state - there).elements())}")
        names, ids = dict(entries), {key: name for (_, key), name in entries}
        return {(key[0], names[key]): described(description, ids) for key, description in objects}

    def destroy(self):
        """`pulumi destroy`, after which nothing is left."""
        self.pulumi("destroy", "--stack=dev")
        if left := [key for key, _ in self.inventory.objects()]:
            raise Wrong(f"left after `pulumi destroy`: {left}")


def same(wanted, found):
    """Refuses a difference between two answers of `compare`."""
    if missing := sorted(wanted.keys() ^ found.keys()):
        raise Wrong(f"in one of the two only: {missing}")
    differences = []
    for key in sorted(wanted):
        pretty = [json.dumps(json.loads(each[key]), indent=1).splitlines() for each in (wanted, found)]
        name = " ".join(key)
        differences += difflib.unified_diff(*pretty, f"{name}, never killed", f"{name}, killed", n=1, lineterm="")
    if differences:
        raise Wrong("\n" + "\n".join(differences))


def points(calls, options):
    """Which calls, each with whether the emulator has answered."""
    if options.at:
        return [(int(at[:-1]), at[-1] == "a") for at in options.at]
    if options.all:
        return [(n, answered) for n in range(1, calls + 1) for answered in (False, True)]
    return [(1 + round(i * (calls - 1) / (options.points - 1)), i % 2 == 1) for i in range(options.points)]


def check(name, case, *arguments):
    """Runs one case and prints how it went."""
    start = time.monotonic()
    try:
        case(*arguments)
        found = None
    except Wrong as wrong:
        found = wrong
    print(f"{time.monotonic() - start:6.1f} s  {name}{f': WRONG: {found}' if found else ''}", flush=True)
    return found is None


def killed_once(stack, reference, at, answered):
    """Kills at one point, comes up again, goes down."""
    stack.reset()
    if not stack.killed(at, answered):
        raise Wrong("there was no such call")
    stack.up()
    same(reference, stack.compare())
    stack.destroy()


def main():
    """Runs what was asked for; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--at", action="append")
    parser.add_argument("--points", type=int, default=20)
    options = parser.parse_args()

    moto = subprocess.Popen([sys.executable, "-W", "ignore", HERE.parent / "src/aws.py"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return run(options, Path(folder), moto.stdout.readline().strip())
    finally:
        moto.stdin.close()
        moto.wait()


def run(options, folder, url):
    """All cases on one emulator."""
    stack = Stack(folder, Proxy(url), url, Inventory(url, REGION))
    stack.reset()
    stack.up()
    calls = len(stack.proxy.calls)
    reference = stack.compare()
    stack.destroy()
    good = []
    for at, answered in points(calls, options):
        name = f"killed {'after' if answered else 'before'} call {at} of {calls}"
        good.append(check(name, killed_once, stack, reference, at, answered))
    print(f"{sum(good)} of {len(good)} passed", flush=True)
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
