"""One attempt of one run, from its environment to outcome.json."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

from .artifacts import FINGERPRINT, MOST_BYTES, PARSE, UPLOAD_RESERVE, Artifacts
from .commands import parse_commands
from .ending import end_of, read_results
from .outcome import End, outcome
from .process import WATCHED, next_signal, reap
from .profile import json_object, write_profile
from .project import Project
from .redaction import Redact
from .text import one_line
from .variables import given, names
from .warehouse import address, wait_for

DBT_COMMANDS = Path(__file__).resolve().parent.parent / "dbt_commands.py"
DBT_PACKAGES = Path("/opt/dbt")
# What dbt has no use for, and what it would prefer to the run's own directories.
NOT_FOR_DBT = {"DBT_AWS_ENVIRONMENT", "DBT_AWS_WAREHOUSE_SECRET", "DBT_ENGINE_LOG_PATH", "DBT_ENGINE_PROJECT_DIR", "DBT_ENGINE_TARGET_PATH"}
# The files that dbt's messages name, of which as many are kept.
NAMED_MOST = 100


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
        self.work = None
        self.artifacts = Artifacts(env.get("DBT_AWS_ARTIFACTS", ""), self.log)
        run_id = env.get("DBT_AWS_RUN_ID") or self.started.strftime("%Y%m%dT%H%M%SZ")
        self.place = f"runs/{run_id}/{env.get('DBT_AWS_ATTEMPT') or 1}"
        self.deadline, self.stop_seconds = None, 30.0
        self.commands, self.dbt_env, self.named = [], {}, set()
        self.parse_afresh, self.fingerprint, self.parse_is_kept = True, None, False
        self.returncode, self.stopped = None, None

    def log(self, line):
        """Prints a line of the runner's own."""
        print(f"dbt-aws: {self.redact(line)}", flush=True)

    def make_work(self):
        """The directory of all that is written."""
        self.work = Path(tempfile.mkdtemp(prefix="dbt-aws-"))
        self.target, self.logs = self.work / "target", self.work / "logs"
        self.results = Path(f"/proc/self/fd/{os.memfd_create('results')}")
        self.parse = self.target / "partial_parse.msgpack"

    def prepare(self):
        """Read the environment, write the profile, and wait for the warehouse."""
        self.make_work()
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
        self.find_parse(project)
        if where := address(connection):
            self.stopped = wait_for(*where, self.deadline, self.log)
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
        """The child: dbt with all commands, cancelled at the deadline or on SIGTERM, killed when that does not help."""
        child = subprocess.Popen(
            [sys.executable, str(DBT_COMMANDS), json.dumps(self.commands), str(self.results), "afresh" if self.parse_afresh else "shared"],
            cwd=self.dbt_env["DBT_PROJECT_DIR"], env=self.dbt_env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[int(self.results.name)])
        pump = threading.Thread(target=self.redact.stream, args=(child.stdout, self.print), daemon=True)
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

    def print(self, line):
        """Prints dbt's lines."""
        sys.stdout.buffer.write(self.placed(line.decode(errors="surrogateescape")).encode(errors="surrogateescape"))
        sys.stdout.buffer.flush()

    def clean(self, text):
        """A text of dbt's without secrets and without the run's own directories."""
        return self.placed(self.redact(text))

    def placed(self, text):
        """A text with the run's own directories as the places where they are kept; the files that it names are kept too."""
        def place(found):
            if not found[2]:
                return found[1]
            name = found[2] if found[1] == "target" else f"logs/{found[2]}"
            if len(self.named) < NAMED_MOST:
                self.named.add(found[2])
            return f"{self.artifacts.uri}/{self.place}/{name}" if self.artifacts.uri else f"{found[1]}/{found[2]}"

        if not self.work or self.work.name not in text:
            return text
        here = (str(self.work), os.path.relpath(self.work, self.dbt_env.get("DBT_PROJECT_DIR", "/")))
        return re.sub(rf"(?:{'|'.join(map(re.escape, here))})/(target|logs)(?:/([^\s'\"`)\],]*))?", place, text)

    @cached_property
    def done(self):
        """The commands that ended, with what dbt_commands.py says of each."""
        return read_results(self.results, self.commands, self.clean) if self.work else []

    def end(self):
        """How the run ended, from how dbt did."""
        minutes = self.deadline and (self.deadline - self.clock) / 60
        return end_of(self.commands, self.done, self.returncode, self.stopped, minutes, self.clean)

    def keep(self, end):
        """Upload the artifacts and, last of all and whatever became of them, outcome.json."""
        try:
            places = [self.place] + (["latest"] if end.kind == "success" else [])
            uploads = [(f"{place}/{name}", read) for place in places for name, read in self.files()]
            self.artifacts.put_all([*self.parse_upload(), *uploads], self.stopped == "terminated")
        except Exception as error:
            self.log(f"could not keep the artifacts: {one_line(error)}")
        finally:
            self.artifacts.put(f"{self.place}/outcome.json", lambda: outcome(end, self.done, self.started, self.redact))

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

    def files(self):
        """The artifacts' names, and what reads each, without secrets."""
        if not self.work:
            return
        masked = {".json": self.redact.json, ".log": lambda data: self.clean(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")}
        patterns = ("manifest.json", "run_results*.json", "sources.json", "catalog.json", "index.html", "static_index.html")
        target = self.target.resolve()
        named = (path for path in map(target.joinpath, self.named.copy()) if path.resolve().is_relative_to(target) and path.is_file())
        found = {path.relative_to(target): path for path in [*(path for pattern in patterns for path in target.glob(pattern)), *named]}
        found |= {Path("logs", path.name): path for path in self.logs.glob("dbt.log*")}
        for name, path in sorted(found.items()):
            mask = masked[".log"] if name.parts[0] == "logs" else masked.get(path.suffix, self.redact.bytes)
            yield str(name), lambda path=path, mask=mask: mask(read(path))


def read(path):
    """A file's content."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB")
    return path.read_bytes()


def number(env, name):
    """The number of seconds in a variable, or 0."""
    try:
        return float(env.get(name) or 0)
    except ValueError:
        raise End("usage", f"{name} is not a number of seconds: {env[name]}") from None
