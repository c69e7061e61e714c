"""One attempt of one run, from its environment to outcome.json."""

import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from . import summary
from .artifacts import FINGERPRINT, PARSE, Artifacts, place_of_attempt
from .child import Child
from .commands import parse_commands
from .continuing import FILE, LAST, Attempt, resume
from .ending import end_of, read_results
from .files import Files, read
from .outcome import End, outcome
from .plan import plan
from .process import WATCHED
from .profile import DBT_PACKAGES, json_object, rendered, write_connection, write_profile
from .progress import RETRIED
from .project import Project
from .redaction import Redact
from .state import VARIABLES, State
from .text import one_line
from .variables import given, names
from .warehouse import address, needs_no_warehouse, place_of, wait_for

# What dbt has no use for, and what it would prefer to the run's own directories.
NOT_FOR_DBT = {"DBT_AWS_ENVIRONMENT", "DBT_AWS_WAREHOUSE_SECRET", "DBT_ENGINE_LOG_PATH", "DBT_ENGINE_PROJECT_DIR", "DBT_ENGINE_TARGET_PATH"}


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
    """Making it, and keeping how it ended and why, touches no disk: all of it works when that is full."""

    def __init__(self, env):
        self.env = env
        self.started, self.clock = datetime.now(timezone.utc), time.monotonic()
        self.redact = Redact(env)
        self.work, self.files, self.attempt, self.steps, self.partial = None, None, None, [], None
        self.artifacts = Artifacts(env.get("DBT_AWS_ARTIFACTS", ""), self.log)
        self.place = place_of_attempt(env, self.started)
        self.deadline, self.stop_seconds, self.seconds = None, 30.0, {}
        self.commands, self.dbt_env, self.warehouse = [], {}, None
        self.parse_afresh, self.fingerprint, self.parse_is_kept = True, None, False
        self.child, self.returncode, self.stopped = None, None, None

    def log(self, line):
        """Prints a line of the runner's own."""
        print(f"dbt-aws: {self.redact(line)}", flush=True)

    def make_work(self, project="/"):
        """The directory of all that is written."""
        self.work = Path(tempfile.mkdtemp(prefix="dbt-aws-"))
        kept = f"{self.artifacts.uri}/{self.place}" if self.artifacts.uri else ""
        self.files = Files(self.work, self.env.get("DBT_PROJECT_DIR") or project, kept, self.redact)
        self.target, self.logs = self.files.target, self.files.logs
        self.results = Path(f"/proc/self/fd/{os.memfd_create('results')}")
        self.parse = self.target / "partial_parse.msgpack"

    def prepare(self):
        """Read the environment, write the profile, find what an earlier run left, and wait for the warehouse."""
        self.make_work("/project")
        has_profile = bool(json_object(self.env, "DBT_AWS_PROFILE"))
        self.commands = parse_commands(self.env.get("DBT_AWS_COMMANDS") or '["dbt build"]', has_profile)
        if seconds := number(self.env, "DBT_AWS_TIMEOUT_SECONDS"):
            self.deadline = self.clock + seconds
        self.stop_seconds = number(self.env, "DBT_AWS_STOP_SECONDS") or self.stop_seconds
        self.target.mkdir()
        self.logs.mkdir()
        project = Project(self.env.get("DBT_PROJECT_DIR") or "/project")
        self.dbt_env = self.environment(project)
        connection, variables = write_profile(self.env, self.work)
        if variables:
            self.dbt_env.pop("DBT_ENGINE_PROFILES_DIR", None)
        self.dbt_env.update(variables)
        self.warehouse = place_of(rendered(connection, self.dbt_env, []))
        if connection and any(command.is_python for command in self.commands):
            self.dbt_env["DBT_AWS_CONNECTION_FILE"] = write_connection(connection, self.dbt_env, self.work, self.log)
        state = State(self.dbt_env, self.artifacts, project.directory, self.work / "state")
        env = {name: value for name, value in self.dbt_env.items() if name not in VARIABLES or state.has_files(value)}
        self.child = Child(self.commands, self.results, env, lambda source: self.redact.stream(source, self.print))
        self.find_parse(project)
        earlier = self.env.get("DBT_AWS_CONTINUE")
        self.attempt = resume(self.commands, earlier, self.artifacts, self.work, self.target) if earlier else Attempt(self.commands)
        self.steps = plan(self.attempt, state, self.artifacts, self.work, self.target)
        if (where := address(connection)) and self.steps:
            self.stopped = wait_for(*where, self.deadline, self.log, needs_no_warehouse(self.commands))
            if self.stopped:
                raise self.end()

    def environment(self, project):
        """What dbt gets: the runner's environment, what the execution's input gives, and where to write."""
        env = {key: value for key, value in self.env.items() if key not in NOT_FOR_DBT}
        env["DBT_PROJECT_DIR"] = str(project.directory)
        env.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        env.setdefault("DBT_USE_COLORS", "false")
        if not os.access(env.get("HOME", "/"), os.W_OK):
            env["HOME"] = str(self.work)
        env.update(given(json_object(self.env, "DBT_AWS_ENVIRONMENT"), project.variables, names(self.env.get("DBT_AWS_DECLARED")),
                         self.redact.names, self.env.get("DBT_AWS_PROFILE", "")))
        path = [str(DBT_PACKAGES), env.get("PYTHONPATH")]
        env["PATH"] = f"{DBT_PACKAGES / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
        return {**env, "DBT_TARGET_PATH": str(self.target), "DBT_LOG_PATH": str(self.logs), "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(filter(None, path))}

    def find_parse(self, project):
        """Restores dbt's parse of the project, where nothing that it depends on differs."""
        self.parse_afresh = project.parse_afresh is not None
        if self.parse_afresh:
            self.log(f"dbt parses the project afresh for each command: {project.parse_afresh}")
        elif self.artifacts.uri:
            try:
                self.fingerprint = project.fingerprint(self.dbt_env, self.redact.names, DBT_PACKAGES)
            except OSError as error:
                self.log(f"dbt's last parse is not looked for: {error}")
        self.parse_is_kept = self.artifacts.restore_parse(self.fingerprint, self.parse)

    def dbt(self):
        """Runs the commands that are left."""
        self.seconds["start"] = time.monotonic() - self.clock
        if self.steps:
            self.returncode, self.stopped = self.child.run(self.steps, self.parse_afresh, self.deadline, self.stop_seconds, self.log)
        self.seconds["dbt"] = time.monotonic() - self.clock - self.seconds["start"]

    def print(self, line):
        """Prints dbt's lines."""
        sys.stdout.buffer.write(self.files.placed(line.decode(errors="surrogateescape")).encode(errors="surrogateescape"))
        sys.stdout.buffer.flush()

    @cached_property
    def done(self):
        """The commands that ended, with what dbt_commands.py says of each."""
        return read_results(self.results, self.commands, self.files.clean) if self.work else []

    def end(self):
        """How the run ended, from how dbt did."""
        minutes = self.deadline and (self.deadline - self.clock) / 60
        left = self.attempt.left() if self.attempt else list(enumerate(self.commands, 1))
        return end_of(left, self.done, self.returncode, self.stopped, minutes, self.files.clean, self.warehouse)

    def keep(self, end):
        """Upload the artifacts and, last of all and whatever became of them, outcome.json."""
        began = time.monotonic()
        if self.child and self.returncode is None:
            self.child.dismiss()
        try:
            self.artifacts.put_all([*self.uploads(end), *self.parse_upload()], self.stopped == "terminated")
        except Exception as error:
            self.log(f"could not keep the artifacts: {one_line(error)}")
        finally:
            now = time.monotonic()
            phases = {"total": now - self.clock, "start": began - self.clock, "dbt": 0, **self.seconds, "upload": now - began}
            self.seconds = {phase: round(taken, 1) for phase, taken in phases.items()}
            told = [*self.done, *([self.partial] if self.partial else [])]
            for line in summary.table(told, self.seconds) if self.returncode is not None else []:
                self.log(line)
            self.artifacts.put(f"{self.place}/outcome.json", lambda: outcome(end, self.done, self.started, self.redact, told, self.seconds))

    def uploads(self, end):
        """What is kept, and where: the artifacts, and what goes on from them."""
        if not self.work:
            return
        if self.attempt:
            self.close()
            document = self.attempt.document(self.files.artifacts())
            yield f"{self.place}/{FILE}", lambda: document
        for place in [self.place, *(["latest"] if end.kind == "success" else [])]:
            yield from ((f"{place}/{name}", reads) for name, reads in self.files.kept())
        if end.kind == "success" and {"index.html", "manifest.json", "catalog.json"} <= set(self.files.artifacts()):
            yield "docs/latest/index.html", self.files.documentation
        done = [number for number, command in enumerate(self.commands, 1) if command.name in RETRIED]
        done = [path for path in (self.target / f"run_results.{number}.json" for number in done) if path.exists()]
        if done and self.returncode is not None:
            yield LAST, lambda: self.redact.json(read(done[-1]))

    def close(self):
        """Finds out where the run stands, which needs the disk."""
        try:
            results = self.attempt.close(self.done, self.stopped, self.target) if self.returncode is not None else None
        except Exception as error:
            return self.log(f"what the next attempt reads is not complete: {one_line(error)}")
        if results and not any(line["number"] == self.attempt.left()[0][0] and line["counts"] for line in self.done):
            nodes = results["results"]
            self.partial = {"counts": dict(Counter(node["status"] for node in nodes)), "failed": [],
                            "slowest": [[node["unique_id"], node.get("execution_time") or 0] for node in nodes]}

    def parse_upload(self):
        """dbt's parse for the next run; where none may be kept, nothing is left of an older one."""
        try:
            parse = read(self.parse) if self.fingerprint and self.parse.exists() else b""
        except (OSError, ValueError) as error:
            self.log(f"dbt's parse is not kept: {one_line(error)}")
            return
        if parse and not self.redact.finds(parse):
            yield PARSE, lambda: parse, {FINGERPRINT: self.fingerprint}
        elif self.parse_is_kept and (parse or not self.fingerprint):
            yield PARSE, lambda: b""


def number(env, name):
    """The number of seconds in a variable, or 0."""
    try:
        return float(env.get(name) or 0)
    except ValueError:
        raise End("usage", f"{name} is not a number of seconds: {env[name]}") from None
