"""A true dbt on DuckDB and an S3 of moto's: the runner is started as the container starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto.server import ThreadedMotoServer
from projects import PROJECT

RUNNER = Path(__file__).parent.parent / "runner.py"
sys.path.insert(0, str(RUNNER.parent))


@pytest.fixture(scope="session")
def endpoint():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(endpoint):
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    client.create_bucket(Bucket="artifacts")
    yield client
    for item in client.list_objects_v2(Bucket="artifacts").get("Contents", []):
        client.delete_object(Bucket="artifacts", Key=item["Key"])


def pytest_configure(config):
    config.addinivalue_line("markers", "every_dbt: runs with each version of dbt that is bundled")


def write(project, files):
    """Writes a project's files."""
    for name, text in {"dbt_project.yml": PROJECT, **files}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")


def profile(path):
    """The profile of a database of DuckDB's."""
    return {"name": "shop", "target": "prod", "type": "duckdb", "schema": "main", "threads": 2, "settings": {"path": str(path)}}


def facts(*variables, parse_afresh=None):
    """What is found out when a project is packed."""
    return {".dbt-aws.json": json.dumps({"version": 1, "variables": variables, "parseAfresh": parse_afresh})}


@pytest.fixture
def run(tmp_path, endpoint, s3):
    """Starts the runner on a project of the given files, and gives what is there after it.

    `when` is a text and what to do with the process at the first line that holds it.
    """
    project, temporary = tmp_path / "project", tmp_path / "tmp"
    temporary.mkdir()

    def start(files, commands=("dbt build",), when=None, **env):
        write(project, files)
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": str(temporary), "DBT_PROJECT_DIR": str(project),
            "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "DBT_AWS_ARTIFACTS": "s3://artifacts/shop/prod", "DBT_AWS_RUN_ID": "r1", "DBT_AWS_ATTEMPT": "1",
            "DBT_AWS_PROFILE": json.dumps(profile(tmp_path / "shop.duckdb")), "DBT_AWS_COMMANDS": json.dumps(commands), **env,
        }
        process = subprocess.Popen([sys.executable, str(RUNNER)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = []
        for line in process.stdout:
            lines.append(line)
            if when and when[0] in line:
                when[1](process)
                when = None
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="artifacts").get("Contents", [])]
        read = lambda key: s3.get_object(Bucket="artifacts", Key=key)["Body"].read()
        outcome = "shop/prod/runs/{DBT_AWS_RUN_ID}/{DBT_AWS_ATTEMPT}/outcome.json".format(**environment)
        return SimpleNamespace(code=process.wait(), log="".join(lines), keys=set(keys), read=read, tmp=temporary,
                               outcome=json.loads(read(outcome)) if outcome in keys else None)

    return start


@pytest.fixture
def with_dbt(tmp_path):
    """Runs a Python file beside this one with dbt, on a project of the given files and a database of its own."""
    def start(file, files, *arguments, **env):
        project = tmp_path / "plain"
        write(project, files)
        (tmp_path / "alone").mkdir()
        settings = profile(tmp_path / "alone" / "shop.duckdb")
        output = {"type": "duckdb", "schema": "main", "threads": 2, **settings["settings"]}
        (tmp_path / "profiles.yml").write_text(json.dumps({"shop": {"target": "prod", "outputs": {"prod": output}}}))
        environment = {**os.environ, "DBT_PROFILES_DIR": str(tmp_path), "DBT_PROJECT_DIR": str(project), "PYTHONPATH": str(RUNNER.parent),
                       "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_USE_COLORS": "false", **env}
        subprocess.run([sys.executable, str(Path(__file__).parent / file), *arguments], cwd=project, env=environment, check=True)

    return start
