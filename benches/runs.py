"""Runs of generated projects: our container, beside dbt's own commands in a container that is there already."""
import contextlib
import functools
import json
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import boto3

from common import HERE, PROVIDER, REGION, TOOLS, middle, output, ratio, row, run, table, write

from localaws import docker, images
from localaws.emulator import Instance

SIZES = 50, 1000
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
PLACE, SCHEMA = "artifacts/shop/prod", "shop"
# What runs commands as dbt's console script does, and tells the seconds and those of the processor until the end of each.
BARE = """
import json, os, subprocess, sys, time
began = time.monotonic()
for command in json.loads(sys.argv[1]):
    subprocess.run([sys.executable, "-c", "from dbt.cli.main import cli; cli()", *command], cwd="/tmp/project", check=True, stdout=sys.stderr)
    print(time.monotonic() - began, os.times().children_user + os.times().children_system)
"""
# A control group of their own adds up what our containers take of the processor.
GROUP = "dbt-aws-bench"
USED = Path("/sys/fs/cgroup", GROUP, "cpu.stat"), Path("/sys/fs/cgroup/cpuacct", GROUP, "cpuacct.usage")
FIVE = ["deps", "seed", "run", "test", "docs generate"]


def runs(options, aws):
    """One run from the start of its container to its end, and the same commands by themselves."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.callback(ungroup)
        host = stack.enter_context(registry())
        base = stack.enter_context(engine())
        warehouse = stack.enter_context(Warehouse())
        projects = [stack.enter_context(Project(folder, models, host, base, warehouse, aws)) for models in SIZES]
        empty = middle([projects[0].nothing() for _ in range(options.rounds)])
        imports = [middle(each) for each in zip(*(projects[0].imports() for _ in range(options.rounds)), strict=True)]
        for project in projects:
            found = defaultdict(list)
            for number in range(options.rounds):
                for what, seconds in project.measure():
                    found[what].append(seconds)
                print(f"{project.models} models: round {number + 1} of {options.rounds}", file=sys.stderr)
            report(project.models, {what: middle(seconds) for what, seconds in found.items()})
    print(f"\nOf each of our times, the start and the end of a container that does nothing take {empty:.2f} s. dbt's import takes {imports[0]:.1f} s "
          f"of the processor with byte code, and {imports[1]:.1f} s without.", flush=True)


def report(models, took):
    """The table of one project; what was measured is a way, a parse and a quantity."""
    table(f"{models:,} models", "ours", "bare", "five commands", "ours - bare", "five / ours", "CPU: ours", "bare", "five commands", "aim")

    def line(what, parse, way, aim, five=()):
        ours, bare, *others = seconds = [took[name, parse, "seconds"] for name in (f"our {way}", way, *five)]
        used, none = (took.get((name, parse, "cpu")) for name in (f"our {way}", way, *five)), [""] * (1 - len(five))
        row(f"{what}, parse {parse}", *(f"{each:.1f} s" for each in seconds), *none, f"{ours - bare:+.1f} s", *(ratio(each, ours) for each in others), *none,
            *(f"{each:.1f} s" if each else "" for each in used), *none, aim)

    for parse in "cold", "kept":
        line("dbt build", parse, "build", "< 1 s more")
        line("dbt build and docs generate", parse, "build and docs", "1.7", ["five"])
        line("start to the first query", parse, "first query", "")
    ours, bare = (took[way, "cold", "seconds"] / took[way, "kept", "seconds"] for way in ("our first query", "first query"))
    row("start to the first query, cold / kept", f"{ours:.1f}", f"{bare:.1f}", *[""] * 6, "2" if models >= 1000 else "")


@contextlib.contextmanager
def process(*command):
    """A program that prints where it listens."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started.stdout.readline().strip()
        finally:
            started.kill()


def registry():
    """A registry in memory."""
    return process(TOOLS / "registry")


@contextlib.contextmanager
def engine():
    """A Docker engine that stays, and the base image."""
    instance = Instance(int(os.environ.get("LOCAL_AWS_PORT") or 4566))
    program, already = HERE.parent / "local-aws/local-aws", instance.running()
    try:
        output(program, "up", "--port", instance.port)
        docker.connect()
        yield instance.read_facts()["baseImage"]
    finally:
        if not already:
            output(program, "down", "--port", instance.port)


class Container:
    """A container on the host's network, which goes when it ends."""

    def __init__(self, *words):
        self.id = output("docker", "run", "--detach", "--rm", "--network", "host", *words).strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        output("docker", "kill", self.id)

    def does(self, *words, options=(), **more):
        """What a command in it prints."""
        return output("docker", "exec", *options, self.id, *words, **more)


class Warehouse(Container):
    """A Postgres that tells when sessions begin."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.password = secrets.token_hex(16)
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "log_connections": "on", "log_line_prefix": "%n ",
                    "fsync": "off", "synchronous_commit": "off"}
        super().__init__(
            "--tmpfs", "/var/lib/postgresql/data", "-e", f"POSTGRES_PASSWORD={self.password}", "-e", "POSTGRES_USER=dbt",
            f"postgres:{images.POSTGRES_MAJORS[-1]}-alpine", "postgres", *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")))
        until = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                break
            if time.monotonic() > until:
                sys.exit("Postgres does not start")
            time.sleep(0.1)
        time.sleep(1)

    def empty(self):
        """Forgets what dbt made; returns when that was."""
        self.does("psql", "-q", "-h", "127.0.0.1", "-p", self.port, "-U", "dbt", "-c", f"set client_min_messages = error; drop schema if exists {SCHEMA} cascade",
                  options=("-e", f"PGPASSWORD={self.password}"))
        return time.time()

    def first_session(self, since):
        """Seconds from a time to the first session after it."""
        said = subprocess.run(["docker", "logs", "--since", f"{since:.3f}", self.id], capture_output=True, text=True, check=True)
        begun = re.search(r"^(\d+\.\d+) LOG:  connection authorized", said.stderr + said.stdout, re.MULTILINE)
        return float(begun[1]) - since


class Project(Container):
    """A generated project: its image as `ecr:Image` makes it, and a container of that with byte code, as pip leaves it."""

    def __init__(self, folder, models, host, base, warehouse, aws):
        self.models, self.warehouse, self.aws = models, warehouse, aws
        path = folder / str(models)
        generate(path, models)
        self.image = pushed(folder, path, models, host, base, aws)
        output("docker", "pull", "--quiet", self.image)
        compiled = output("docker", "run", "--detach", "--user", "0", "--entrypoint", "python3", self.image, "-m", "compileall", "-q", "/opt/dbt").strip()
        output("docker", "wait", compiled)
        self.bare_image = output("docker", "commit", compiled).strip()
        output("docker", "rm", compiled)
        super().__init__("--entrypoint", "sleep", "--env", "PYTHONPATH=/opt/dbt", "--env", "DBT_PROFILES_DIR=/tmp/project", "--env", "DBT_USE_COLORS=false",
                         self.bare_image, "infinity")
        self.does("cp", "-r", "/project", "/tmp/project")
        connection = {"type": "postgres", "schema": SCHEMA, "threads": 4, "user": "dbt", "pass": warehouse.password, **self.settings()}
        profile = json.dumps({"shop": {"target": "prod", "outputs": {"prod": connection}}})
        self.does("sh", "-c", f"echo {shlex.quote(profile)} > /tmp/project/profiles.yml")

    def __exit__(self, *_):
        super().__exit__()
        subprocess.run(["docker", "rmi", "--force", self.bare_image, self.image], capture_output=True)

    def settings(self):
        """Where the warehouse is."""
        return {"host": "127.0.0.1", "port": self.warehouse.port, "dbname": "dbt"}

    def measure(self):
        """Each way once, in turn: what was measured, and the seconds."""
        for parse in "cold", "kept":
            for way, commands in ("our build", ["dbt build"]), ("our build and docs", ["dbt build", "dbt docs generate"]):
                yield from self.ours(way, commands, parse)
            ended, first = self.bare(["build", "docs generate"], parse)
            yield ("first query", parse, "seconds"), first
            for way, (seconds, cpu) in zip(("build", "build and docs"), ended, strict=True):
                yield from (((way, parse, "seconds"), seconds), ((way, parse, "cpu"), cpu))
            ended, _ = self.bare(FIVE, parse)
            yield from zip((("five", parse, "seconds"), ("five", parse, "cpu")), ended[-1], strict=True)

    def ours(self, way, commands, parse):
        """Our container, from its start to its end, and to its first query."""
        if parse == "cold":
            self.aws.reset()
            boto3.client("s3", endpoint_url=self.aws.moto, region_name=REGION, **KEYS).create_bucket(Bucket=PLACE.split("/")[0])
        environment = {
            "DBT_AWS_COMMANDS": json.dumps(commands), "DBT_AWS_ARTIFACTS": f"s3://{PLACE}", "DBT_AWS_RUN_ID": f"{time.time():.0f}",
            "DBT_AWS_PROFILE": json.dumps({"name": "shop", "target": "prod", "type": "postgres", "schema": SCHEMA, "threads": 4, "settings": self.settings()}),
            "DBT_AWS_WAREHOUSE_SECRET": json.dumps({"username": "dbt", "password": self.warehouse.password}),
            "AWS_ENDPOINT_URL": self.aws.proxy, "AWS_REGION": REGION, **{name.upper(): key for name, key in KEYS.items()}}
        group, before, since, began = grouped(), used(), self.warehouse.empty(), time.monotonic()
        said = output("docker", "run", "--rm", "--read-only", "--network", "host", *group, *(f"--env={name}={value}" for name, value in environment.items()), self.image)
        seconds = time.monotonic() - began
        if ("restored partial_parse" in said) != (parse == "kept"):
            sys.exit(f"the parse is not {parse}:\n{said[-2000:]}")
        yield (way, parse, "seconds"), seconds
        if before is not None:
            yield (way, parse, "cpu"), used() - before
        if way == "our build":
            yield ("our first query", parse, "seconds"), self.warehouse.first_session(since)

    def bare(self, commands, parse):
        """From the start of dbt's own commands: the seconds, and those of the processor, to the end of each; the seconds to the first query."""
        if parse == "cold":
            self.does("rm", "-rf", "/tmp/target")
        since = self.warehouse.empty()
        said = self.does("python3", "-c", BARE, json.dumps([command.split() for command in commands]), stderr=subprocess.DEVNULL)
        return [tuple(map(float, line.split())) for line in said.splitlines()], self.warehouse.first_session(since)

    def imports(self):
        """Seconds of the processor to import dbt, with byte code and without."""
        said = "import time, dbt.cli.main, dbt.adapters.postgres; print(time.process_time())"
        without = "--env", "PYTHONPYCACHEPREFIX=/nowhere"
        return [float(self.does("python3", "-c", said, options=options)) for options in ((), without)]

    def nothing(self):
        """Seconds of a container that does nothing."""
        began = time.monotonic()
        output("docker", "run", "--rm", "--read-only", "--network", "host", "--entrypoint", "true", self.image)
        return time.monotonic() - began


@functools.cache
def grouped():
    """The options that put a container into the control group."""
    return ["--cgroup-parent", f"/{GROUP}"] if output("docker", "info", "--format", "{{.CgroupDriver}}").strip() == "cgroupfs" else []


def used():
    """What the containers in it took of the processor so far, in seconds; 0 before the first, None where the system does not tell."""
    if not grouped():
        return None
    for path in USED:
        if path.exists():
            text = path.read_text()
            return int(re.search(r"usage_usec (\d+)", text)[1]) / 1e6 if "usage_usec" in text else int(text) / 1e9
    return 0


def ungroup():
    """Removes the control group, which Docker leaves."""
    for path in (*Path("/sys/fs/cgroup").glob(GROUP), *Path("/sys/fs/cgroup").glob(f"*/{GROUP}")):
        with contextlib.suppress(OSError):
            path.rmdir()


def pushed(folder, path, models, host, base, aws):
    """The image that the provider makes of a project and pushes."""
    program = folder / f"{models}.program"
    inputs = {"repositoryUrl": f"{host}/shop-{models}", "path": str(path), "baseImage": base, "dbt": {"adapter": "postgres"}}
    write(program, [{"Type": "dbt-aws:ecr:Image", "Name": "shop", "Inputs": inputs}],
          skipCredentialsValidation=True, endpoints={"ecr": f"http://{host}", "registry": f"http://{host}"})
    state = folder / f"{models}.state"
    run(TOOLS / "engine", "create", PROVIDER, program, state, env=aws.environment(f"http://{host}"))
    return re.search(rf"{re.escape(host)}/shop-{models}[:@][\w:.-]+", state.read_text())[0]


def generate(path, models):
    """Writes a project: a seed, models that each read one with a tenth of their number, and two tests of every tenth."""
    files = {
        "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {shop: {+materialized: view}}\n",
        "seeds/orders.csv": "id,amount\n" + "".join(f"{number},{number * 7 % 100}\n" for number in range(100)),
    }
    for number in range(models):
        source = f"m{number // 10}" if number >= 10 else "orders"
        files[f"models/m{number}.sql"] = f"select id, amount + {number} as amount\nfrom {{{{ ref('{source}') }}}}\nwhere id is not null\n"
    described = [{"name": f"m{number}", "description": f"Model {number}.", "columns": [{"name": "id", "description": "The order.", "data_tests": ["unique", "not_null"]}]}
                 for number in range(0, models, 10)]
    files["models/schema.yml"] = json.dumps({"version": 2, "models": described})
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
