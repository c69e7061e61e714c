"""One attempt of one run, from its environment to outcome.json."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from .artifacts import UPLOAD_RESERVE, Artifacts
from .commands import parse_commands
from .outcome import End, end_of, outcome, read_results
from .process import STOP, WATCHED, next_signal, reap
from .profile import address, write_profile
from .redaction import Redact
from .text import one_line

DBT_COMMANDS = Path(__file__).resolve().parent.parent / "dbt_commands.py"
DBT_PACKAGES = "/opt/dbt"
WAREHOUSE_SECONDS = 60


def main():
    """Makes the run, and returns its exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    sys.stdout.reconfigure(errors="backslashreplace")
    run = Run(os.environ)
    try:
        run.prepare()
        run.dbt()
        end = run.end()
    except End as caught:
        end = caught
    except Exception as error:
        for line in traceback.format_exc().splitlines():
            run.log(line)
        end = End("internal", f"the runner failed: {type(error).__name__}: {error}; this is a bug of dbt-aws")
    run.log(end.message)
    run.keep(end)
    return end.exit_code


class Run:
    """Making it, and keeping how it ended, touches no disk: both work when that is full."""

    def __init__(self, env):
        self.env = env
        self.started, self.clock = datetime.now(timezone.utc), time.monotonic()
        self.redact = Redact(env)
        self.work = None
        self.artifacts = Artifacts(env.get("DBT_AWS_ARTIFACTS", ""), self.log)
        run_id = env.get("DBT_AWS_RUN_ID") or self.started.strftime("%Y%m%dT%H%M%SZ")
        self.place = f"runs/{run_id}/{env.get('DBT_AWS_ATTEMPT') or 1}"
        self.deadline, self.stop_seconds = None, 30.0
        self.commands, self.dbt_env = [], {}
        self.returncode, self.stopped = None, None

    def log(self, line):
        """Prints a line of the runner's own."""
        print(f"dbt-aws: {self.redact(line)}", flush=True)

    def make_work(self):
        """The directory of all that is written."""
        self.work = Path(tempfile.mkdtemp(prefix="dbt-aws-"))
        self.target, self.logs, self.results = self.work / "target", self.work / "logs", self.work / "results.jsonl"

    def prepare(self):
        """Read the environment, write the profile, and wait for the warehouse."""
        self.make_work()
        self.commands = parse_commands(self.env.get("DBT_AWS_COMMANDS") or '["dbt build"]')
        if seconds := number(self.env, "DBT_AWS_TIMEOUT_SECONDS"):
            self.deadline = self.clock + seconds
        self.stop_seconds = number(self.env, "DBT_AWS_STOP_SECONDS") or self.stop_seconds
        self.target.mkdir()
        self.logs.mkdir()
        self.dbt_env = self.environment()
        check_project(self.dbt_env["DBT_PROJECT_DIR"])
        connection, variables = write_profile(self.env, self.work)
        self.dbt_env.update(variables)
        self.artifacts.get("partial_parse/partial_parse.msgpack", self.target / "partial_parse.msgpack")
        if where := address(connection):
            self.wait_for_warehouse(*where)

    def environment(self):
        """What dbt gets: all of the runner's environment but the warehouse's secret, and where to write."""
        env = {key: value for key, value in self.env.items() if key != "DBT_AWS_WAREHOUSE_SECRET"}
        env.setdefault("DBT_PROJECT_DIR", "/project")
        env.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        env.setdefault("DBT_USE_COLORS", "false")
        if not os.access(env.get("HOME", "/"), os.W_OK):
            env["HOME"] = str(self.work)
        path = [DBT_PACKAGES, env.get("PYTHONPATH")]
        return {**env, "DBT_TARGET_PATH": str(self.target), "DBT_LOG_PATH": str(self.logs), "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(filter(None, path))}

    def wait_for_warehouse(self, host, port):
        """Until it accepts a connection, for a minute at most: after that, dbt's own error says more."""
        began, last = time.monotonic(), None
        while True:
            try:
                socket.create_connection((host, port), timeout=5).close()
            except (OSError, UnicodeError) as error:
                if last is None:
                    self.log(f"waiting for the warehouse at {host}:{port} for at most {WAREHOUSE_SECONDS} s: {error}")
                last = error
            else:
                if last:
                    self.log(f"the warehouse answers after {time.monotonic() - began:.0f} s")
                return
            if time.monotonic() > began + WAREHOUSE_SECONDS:
                return self.log(f"the warehouse at {host}:{port} does not answer: {last}; "
                                "look at its state and at its security group; trying dbt nevertheless")
            if next_signal(time.monotonic() + 2) in STOP:
                self.stopped = "terminated"
                raise self.end()
            if self.deadline and time.monotonic() > self.deadline:
                self.stopped = "timeout"
                raise self.end()

    def dbt(self):
        """The child: dbt with all commands, cancelled at the deadline or on SIGTERM, killed when that does not help."""
        child = subprocess.Popen(
            [sys.executable, str(DBT_COMMANDS), json.dumps(self.commands), str(self.results)],
            cwd=self.dbt_env["DBT_PROJECT_DIR"], env=self.dbt_env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        pump = threading.Thread(target=self.pass_on, args=(child.stdout,), daemon=True)
        pump.start()
        until = self.deadline
        while self.returncode is None:
            got = next_signal(until)
            if got == signal.SIGCHLD:
                self.returncode = reap(child.pid)
            elif got is None and self.stopped:
                self.log("dbt does not end: it is killed")
                os.killpg(child.pid, signal.SIGKILL)
                until = None
            elif not self.stopped:
                self.stopped = "terminated" if got else "timeout"
                self.log("SIGTERM: cancelling dbt's queries" if got else "out of time: cancelling dbt's queries")
                os.kill(child.pid, signal.SIGINT)
                until = time.monotonic() + max(1.0, self.stop_seconds - UPLOAD_RESERVE)
        child.returncode = self.returncode
        pump.join(timeout=5)

    def pass_on(self, stream):
        """Prints dbt's lines."""
        for line in stream:
            sys.stdout.buffer.write(self.redact.bytes(line))
            sys.stdout.buffer.flush()

    @cached_property
    def done(self):
        """The commands that ended, with what dbt_commands.py says of each."""
        return read_results(self.results, self.commands, self.redact) if self.work else []

    def end(self):
        """How the run ended, from how dbt did."""
        minutes = self.deadline and (self.deadline - self.clock) / 60
        return end_of(self.commands, self.done, self.returncode, self.stopped, minutes)

    def keep(self, end):
        """Upload the artifacts and, last of all and whatever became of them, outcome.json."""
        try:
            places = [self.place] + (["latest"] if end.kind == "success" else [])
            uploads = [(f"{place}/{name}", read) for place in places for name, read in self.files()]
            if self.work and (parsed := self.target / "partial_parse.msgpack").exists():
                uploads.append(("partial_parse/partial_parse.msgpack", parsed.read_bytes))
            self.artifacts.put_all(uploads, self.stopped == "terminated")
        except Exception as error:
            self.log(f"could not keep the artifacts: {one_line(error)}")
        finally:
            self.artifacts.put(f"{self.place}/outcome.json", lambda: outcome(end, self.done, self.started, self.redact))

    def files(self):
        """The artifacts' names, and what reads each."""
        if not self.work:
            return
        names = ("manifest.json", "run_results*.json", "sources.json", "catalog.json", "index.html", "static_index.html")
        for path in sorted(path for name in names for path in self.target.glob(name)):
            yield path.name, path.read_bytes
        for path in sorted(self.logs.glob("dbt.log*")):
            yield f"logs/{path.name}", lambda path=path: self.redact.bytes(path.read_bytes())


def number(env, name):
    """The number of seconds in a variable, or 0."""
    try:
        return float(env.get(name) or 0)
    except ValueError:
        raise End("usage", f"{name} is not a number of seconds: {env[name]}") from None


def check_project(path):
    """Refuses an image without a dbt project."""
    if not (Path(path) / "dbt_project.yml").is_file():
        raise End("usage", f"there is no dbt_project.yml in {path}, where the image's dbt project belongs")
