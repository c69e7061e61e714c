"""The command line."""
import argparse
import os
import shlex
import sys
from pathlib import Path

from . import docker, tools
from .cache import HOME, Failure, lock, log, step, venv
from .emulator import REGION, Instance, instances


def main():
    """Runs one command; 0 when it did what was asked."""
    parser = argparse.ArgumentParser(prog="local-aws", description="An AWS on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, about in (
        ("up", "start the emulator and what it needs"),
        ("down", "end what `up` started, and remove its containers"),
        ("reset", "forget every object, remove the containers"),
        ("status", "what runs; exit code 1 if the emulator does not"),
        ("env", "print the environment as export and unset lines"),
        ("tools", "build or find what is cached: pulumi, the Python environment"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("--port", type=int, default=int(os.environ.get("LOCAL_AWS_PORT") or 4566),
                             help="the emulator's port; the base image's registry is on the next one (default: 4566)")
        if name == "up":
            command.add_argument("--authority", metavar="FILE", type=lambda path: Path(path).resolve(strict=True),
                                 help="the certificate of the one authority that the emulator, started now, and its functions trust")
        if name == "down":
            command.add_argument("--all", action="store_true", help="every instance on this machine")
    arguments = parser.parse_args()
    try:
        return COMMANDS[arguments.command](arguments, Instance(arguments.port)) or 0
    except Failure as failure:
        log(f"local-aws: {failure}")
        return 1


def up(arguments, instance):
    with step(f"the AWS emulator is ready at {instance.url}"), lock("local-aws"):
        instance.up(arguments.authority)


def down(arguments, instance):
    with lock("local-aws"):
        for each in instances() if arguments.all else [instance]:
            each.down()
        # `env` alone leaves a folder too.
        if not any(each.facts.exists() for each in instances()) and docker.ENGINE.pid():
            with step("stopped the Docker engine"):
                docker.ENGINE.stop(60)


def reset(_, instance):
    instance.reset()


def status(_, instance):
    for each in instances():
        print(f"{each.url} {'running' if each.running() else 'not running'}")
    print(f"docker engine: {docker.ours() or os.environ.get('DOCKER_HOST') or 'the default one'}")
    return 0 if instance.running() else 1


def env(_, instance):
    """Prints what a program needs to use this AWS and the cached tools, and nothing of the user's own AWS."""
    pulumi_home = HOME / "pulumi-home"
    values = {
        "AWS_ENDPOINT_URL": instance.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PULUMI_HOME": pulumi_home,
        "PULUMI_BACKEND_URL": f"file://{instance.folder}/stacks",
        "PULUMI_CONFIG_PASSPHRASE": "local",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "DBT_AWS_PYTHON": venv(),
        "PATH": os.pathsep.join([*map(str, tools.folders()), os.environ["PATH"]]),
    }
    facts = instance.read_facts()
    if "baseImage" in facts:
        values["DBT_AWS_BASE_IMAGE"] = facts["baseImage"]
        values["DBT_AWS_CONTAINER_LABEL"] = instance.label
    if docker.ours():
        values["DOCKER_HOST"] = docker.ours()
    pulumi_home.mkdir(parents=True, exist_ok=True)
    # Pulumi's log of each command, a fifth of its time, would be here; it goes without where the log's folder cannot be.
    (pulumi_home / "logs").touch()
    (instance.folder / "stacks").mkdir(parents=True, exist_ok=True)
    for name in sorted(os.environ):
        if name.startswith("AWS_") and name not in values:
            print(f"unset {name}")
    for name, value in values.items():
        print(f"export {name}={shlex.quote(str(value))}")


def make_tools(_, __):
    with lock("tools"):
        venv()
        for folder in tools.folders(build=True):
            print(folder)


COMMANDS = {"up": up, "down": down, "reset": reset, "status": status, "env": env, "tools": make_tools}
