"""PID 1 of a dbt run's container.

It writes dbt's profile, waits for the warehouse, runs the commands in one dbt process, ends that
process at the deadline or on SIGTERM, keeps the artifacts in S3, and says in outcome.json how the
run went. What it reads from the environment, and what it leaves, is in docs/runs.md.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).resolve().parent
DBT_PACKAGES = "/opt/dbt"
WATCHED = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM}
EXIT_CODES = {"success": 0, "failed-nodes": 1, "dbt-error": 2, "usage": 2, "internal": 70, "timeout": 124, "out-of-memory": 137, "terminated": 143}
OUTCOME_BYTES = 16_000
WAREHOUSE_SECONDS = 60
UPLOAD_SECONDS = 120
# Of the seconds between SIGTERM and SIGKILL, those that uploads need, and those of them that outcome.json needs.
UPLOAD_RESERVE, OUTCOME_RESERVE = 10, 3
COMMANDS = {"build", "clean", "clone", "compile", "debug", "deps", "docs", "init", "list", "ls", "parse", "retry", "run",
            "run-operation", "seed", "show", "snapshot", "source", "test"}
# Warehouses that may still be starting, and where they listen.
PORTS = {"postgres": 5432, "redshift": 5439}
# The keys of RDS's and Redshift's secrets that are no key of a profile.
NOT_IN_PROFILE = {"engine", "dbInstanceIdentifier", "dbClusterIdentifier", "masterarn"}
# The keys of a warehouse's secret that need no hiding.
NOT_SECRET = {"account", "database", "dbname", "host", "method", "port", "project", "role", "schema", "sslmode", "type", "user", "warehouse"}


class End(Exception):
    """The end of a run: its class, a sentence for people, and what else outcome.json says."""

    def __init__(self, kind, message, exit_code=None, failed=()):
        super().__init__(message)
        self.kind, self.message, self.failed = kind, message, list(failed)
        self.exit_code = EXIT_CODES[kind] if exit_code is None else exit_code


def main():
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
    """One attempt of one run. Making it, and keeping how it ended, touches no disk: both work when that is full."""

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
        connection = self.write_profile()
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

    def write_profile(self):
        """profiles.yml from DBT_AWS_PROFILE and DBT_AWS_WAREHOUSE_SECRET; secret values stay in the environment."""
        profile = json_object(self.env, "DBT_AWS_PROFILE")
        if not profile:
            return {}
        secret = json_object(self.env, "DBT_AWS_WAREHOUSE_SECRET")
        try:
            name, target = profile["name"], profile.get("target") or "prod"
            connection = {"type": profile.get("type") or profile["adapter"]}
        except KeyError as missing:
            raise End("usage", f"DBT_AWS_PROFILE has no {missing}") from None
        connection.update({key: profile[key] for key in ("schema", "threads") if key in profile}, **profile.get("settings", {}))
        hidden = {}
        connection.update(hide(secret_settings(secret), hidden))
        if str(connection.get("port", "")).isdecimal():
            connection["port"] = int(connection["port"])
        self.dbt_env.update(hidden, DBT_PROFILES_DIR=str(self.work))
        path = self.work / "profiles.yml"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({name: {"target": target, "outputs": {target: connection}}}, file)  # JSON is YAML
        return connection

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
            if next_signal(time.monotonic() + 2) in (signal.SIGINT, signal.SIGTERM):
                self.stopped = "terminated"
                raise self.end()
            if self.deadline and time.monotonic() > self.deadline:
                self.stopped = "timeout"
                raise self.end()

    def dbt(self):
        """The child: dbt with all commands, cancelled at the deadline or on SIGTERM, killed when that does not help."""
        child = subprocess.Popen(
            [sys.executable, str(HERE / "dbt_commands.py"), json.dumps(self.commands), str(self.results)],
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
        for line in stream:
            sys.stdout.buffer.write(self.redact.bytes(line))
            sys.stdout.buffer.flush()

    @cached_property
    def done(self):
        """The commands that ended, with what dbt_commands.py says of each."""
        lines = self.results.read_text(encoding="utf-8").splitlines() if self.work and self.results.exists() else []
        done = []
        for command, line in zip(self.commands, lines):
            try:
                result = json.loads(line)
            except ValueError:
                break  # dbt was killed, or the disk was full, while it was written
            # Here, before anything is cut in the middle of a secret.
            result["error"] = result["error"] and self.redact(result["error"])
            result["failed"] = [[node, self.redact(message)] for node, message in result["failed"]]
            done.append({"command": shlex.join(["dbt", *command]), **result})
        return done

    def end(self):
        """How the run ended, from how dbt did."""
        done = self.done
        if len(done) == len(self.commands) and not any(command["exitCode"] for command in done):
            nodes = sum(command["nodes"] for command in done)
            return End("success", f"{' and '.join(command['command'] for command in done)} succeeded: {count(nodes, 'node')}")
        current = shlex.join(["dbt", *self.commands[min(len(done), len(self.commands) - 1)]])
        if self.stopped == "timeout":
            minutes = (self.deadline - self.clock) / 60
            return End("timeout", f"{current} was still running after {minutes:g} min and was cancelled; "
                                  "raise timeoutMinutes, or look for the slow model in run_results.json")
        if self.stopped:
            return End("terminated", f"{current} was cancelled because its task was told to stop (SIGTERM): "
                                     "by a person or by AWS; start the run again")
        if self.returncode == -signal.SIGKILL:
            return End("out-of-memory", f"{current} ran out of memory and was killed; give it more memory, or fewer threads")
        failed = next((command for command in done if command["exitCode"]), None)
        if failed is None:
            how = f"signal {-self.returncode}" if self.returncode < 0 else f"exit code {self.returncode}"
            return End("internal", f"the dbt process ended with {how} during {current}, before it could say why; see the log above")
        nodes = [name for name, _ in failed["failed"]]
        if nodes and failed["exitCode"] == 1:
            more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
            return End("failed-nodes", f"{failed['command']} failed: {len(nodes)} of {count(failed['nodes'], 'node')} "
                       f"({', '.join(nodes[:3])}{more}); the first says: {one_line(failed['failed'][0][1])}", failed["exitCode"], nodes)
        kind = "usage" if failed["usage"] else "dbt-error"
        return End(kind, f"{failed['command']} failed: {one_line(failed['error'] or 'see the log above')}", failed["exitCode"])

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
            self.artifacts.put(f"{self.place}/outcome.json", lambda: self.outcome(end))

    def files(self):
        """The artifacts' names, and what reads each."""
        if not self.work:
            return
        names = ("manifest.json", "run_results*.json", "sources.json", "catalog.json", "index.html", "static_index.html")
        for path in sorted(path for name in names for path in self.target.glob(name)):
            yield path.name, path.read_bytes
        for path in sorted(self.logs.glob("dbt.log*")):
            yield f"logs/{path.name}", lambda path=path: self.redact.bytes(path.read_bytes())

    def outcome(self, end):
        done = self.done
        outcome = {
            "version": 1,
            "class": end.kind,
            "exitCode": end.exit_code,
            "message": self.redact(end.message)[:2000],
            "failedNodeCount": len(end.failed),
            "failedNodes": [node[:300] for node in end.failed[:50]],
            "commands": [{"command": self.redact(command["command"])[:300], "exitCode": command["exitCode"], "seconds": command["seconds"]}
                         for command in done[:50]],
            "startedAt": timestamp(self.started),
            "finishedAt": timestamp(datetime.now(timezone.utc)),
            "dbtVersion": done[0]["dbtVersion"] if done else None,
        }
        while len(text := json.dumps(outcome, indent=2).encode()) > OUTCOME_BYTES:
            longest = max(("failedNodes", "commands"), key=lambda key: len(json.dumps(outcome[key])))
            if not outcome[longest]:
                outcome["message"] = outcome["message"][:500]
            outcome[longest] = outcome[longest][: len(outcome[longest]) // 2]
        return text


class Artifacts:
    """The place in S3 where a project's runs leave what they made; without a URI, nothing is kept."""

    def __init__(self, uri, log):
        self.uri, self.log, self.client = uri.rstrip("/"), log, None
        self.bucket, _, self.prefix = self.uri.removeprefix("s3://").partition("/")

    def s3(self):
        if self.client is None:
            sys.path.insert(0, str(HERE / "lib"))
            import boto3
            from botocore.config import Config

            region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
            config = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
            self.client = boto3.client("s3", region_name=region, config=config)
        return self.client

    def key(self, name):
        return f"{self.prefix}/{name}" if self.prefix else name

    def get(self, name, path):
        """Best effort: an object that is not there yet, or cannot be had, only costs time."""
        if not self.uri:
            return
        try:
            path.write_bytes(self.s3().get_object(Bucket=self.bucket, Key=self.key(name))["Body"].read())
            self.log(f"restored {name}")
        except Exception as error:
            path.unlink(missing_ok=True)
            if "NoSuchKey" not in str(error):
                self.log(f"did not restore {name}: {one_line(error)}")

    def put(self, name, read):
        if not self.uri:
            return
        kind = {".json": "application/json", ".html": "text/html; charset=utf-8", ".log": "text/plain; charset=utf-8"}
        try:
            # What a run leaves expires, by this tag; what is kept for the next run or for readers does not.
            tags = {"Tagging": "dbt-aws-kind=run"} if name.startswith("runs/") else {}
            self.s3().put_object(Bucket=self.bucket, Key=self.key(name), Body=read(),
                                 ContentType=kind.get(Path(name).suffix, "application/octet-stream"), **tags)
        except Exception as error:
            self.log(f"could not keep {self.uri}/{name}: {one_line(error)}")

    def put_all(self, uploads, stopped):
        """All at the same time, but not for ever: outcome.json comes after, and before SIGKILL when the task is stopped."""
        if not self.uri or not uploads:
            return
        try:
            self.s3()
        except Exception as error:
            return self.log(f"could not keep the artifacts: {one_line(error)}")
        pool = ThreadPoolExecutor(max_workers=4)
        late = [pool.submit(self.put, *upload) for upload in uploads]
        began = time.monotonic()
        until = began + UPLOAD_SECONDS
        while late and time.monotonic() < until:
            if stopped or next_signal(0) in (signal.SIGINT, signal.SIGTERM):
                stopped, until = False, min(until, time.monotonic() + UPLOAD_RESERVE - OUTCOME_RESERVE)
            late = wait(late, timeout=min(0.2, max(0.0, until - time.monotonic()))).not_done
        pool.shutdown(wait=False, cancel_futures=True)
        if late:
            self.log(f"gave up on {count(len(late), 'artifact')} after {time.monotonic() - began:.0f} s")


class Redact:
    """Replaces secret values in text: those of DBT_ENV_SECRET_*, of DBT_AWS_SECRET_NAMES, and of the warehouse's secret."""

    def __init__(self, env):
        names = {name for name in re.split(r"[,\s]+", env.get("DBT_AWS_SECRET_NAMES", "")) if name}
        values = [value for key, value in env.items() if key in names or key.startswith("DBT_ENV_SECRET")]
        hidden = {}
        warehouse = env.get("DBT_AWS_WAREHOUSE_SECRET", "")
        try:
            settings = secret_settings(json.loads(warehouse))
            hide(settings, hidden)
            values += numbers(settings)
        except (ValueError, AttributeError):
            values.append(warehouse)
        found = set()
        for value in [*values, *hidden.values()]:
            for text in (value, *leaves(value)):
                found.update({text, json.dumps(text)[1:-1]})
                found.update(line.strip() for line in text.splitlines() if len(line.strip()) >= 8)
        # Longest first: one secret can be a part of another. Under 4 characters, hiding would hide everything.
        self.values = sorted((value for value in found if len(value) >= 4), key=len, reverse=True)

    def __call__(self, text):
        for value in self.values:
            text = text.replace(value, "*****")
        return text

    def bytes(self, data):
        for value in self.values:
            data = data.replace(value.encode(errors="surrogateescape"), b"*****")
        return data


def parse_commands(text):
    """The argument lists of dbt commands; a leading "dbt" is optional."""
    try:
        lines = json.loads(text)
    except ValueError:
        lines = None
    if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
        raise End("usage", f"DBT_AWS_COMMANDS is not a JSON list of dbt command lines, such as [\"dbt build\"]: {text}")
    return [parse_command(line) for line in lines]


def parse_command(line):
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise End("usage", f"cannot read the command `{line}`: {str(error).lower()}") from None
    operator = next((word for word in words if word in ("&&", "||", "|", ";", "&", ">", ">>")), None)
    if operator:
        raise End("usage", f"the command `{line}` holds `{operator}`, and no shell runs it; give each dbt command as one of its own")
    if words[:1] == ["dbt"]:
        words = words[1:]
    elif words and words[0] not in COMMANDS and not words[0].startswith("-"):
        raise End("usage", f"the command `{line}` is not one of dbt's; a run takes dbt commands only, such as `dbt build`")
    if not words:
        raise End("usage", f"the command `{line}` names no dbt command; did you mean `dbt build`?")
    return words


def secret_settings(secret):
    """A profile's settings from a secret: RDS's `username` is dbt's `user`, and what only RDS reads is left out."""
    settings = {key: value for key, value in secret.items() if key not in NOT_IN_PROFILE}
    if "username" in settings:
        settings.setdefault("user", settings.pop("username"))
    return settings


def hide(value, hidden, path=()):
    """The value with each secret string in it kept in `hidden`, under the variable's name, and a reference in its place."""
    if isinstance(value, dict):
        return {key: item if not path and key in NOT_SECRET else hide(item, hidden, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [hide(item, hidden, (*path, str(index))) for index, item in enumerate(value)]
    if isinstance(value, str) and value:
        name = "DBT_ENV_SECRET_AWS_" + "_".join(re.sub(r"\W", "_", key).upper() for key in path)
        while hidden.get(name, value) != value:
            name += "_"
        hidden[name] = value
        return f"{{{{ env_var('{name}') }}}}"
    return value


def numbers(value):
    """The larger numbers in a warehouse's secret, as text; in the profile they stand as they are."""
    if isinstance(value, dict):
        value = [item for key, item in value.items() if key not in NOT_SECRET]
    if isinstance(value, list):
        return [text for item in value for text in numbers(item)]
    return [str(value)] if isinstance(value, (int, float)) and abs(value) >= 100_000 else []


def leaves(text):
    """The strings in a secret that is a JSON document."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    hidden = {}
    hide(value, hidden, ("leaf",))
    return [leaf for leaf in hidden.values() if len(leaf) >= 8]


def json_object(env, name):
    try:
        value = json.loads(env.get(name) or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise End("usage", f"{name} is not a JSON object")  # its text may be a secret
    return value


def address(connection):
    """Where a warehouse listens that may still be starting; None where only dbt can tell."""
    host = str(connection.get("host") or "")
    port = str(connection.get("port") or PORTS.get(connection.get("type")))
    known = connection.get("type") in PORTS and host and "{{" not in host and port.isdecimal() and int(port) < 65536
    return (host, int(port)) if known else None


def number(env, name):
    try:
        return float(env.get(name) or 0)
    except ValueError:
        raise End("usage", f"{name} is not a number of seconds: {env[name]}") from None


def check_project(path):
    if not (Path(path) / "dbt_project.yml").is_file():
        raise End("usage", f"there is no dbt_project.yml in {path}, where the image's dbt project belongs")


def next_signal(until):
    """The next of the watched signals, or None when the time (of time.monotonic) is over."""
    if until is None:
        return signal.sigwaitinfo(WATCHED).si_signo
    got = signal.sigtimedwait(WATCHED, max(0.0, until - time.monotonic()))
    return got and got.si_signo


def reap(pid):
    """Collects all ended processes, as PID 1 must, and returns the exit code of this one if it is among them."""
    code = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if ended == 0:
            return code
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)


def one_line(text, length=300):
    text = " ".join(str(text).split())
    return text if len(text) <= length else text[: length - 1] + "…"


def count(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"


def timestamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # an upload that hangs must not keep the container
