"""A Docker engine: the one that is there, or Debian's, started by hand."""
import json
import os
import shutil
import socket
import subprocess

from .cache import HOME, Failure, apt_install, run, step
from .process import Process

FOLDER = HOME / "docker"
SOCKET = FOLDER / "docker.sock"
ENGINE = Process(FOLDER, "dockerd")


def answers(host=None):
    """Whether an engine answers, at `host` or where docker looks by itself."""
    if not shutil.which("docker"):
        return False
    env = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    done = subprocess.run(["docker", "version"], capture_output=True, env=env)
    return done.returncode == 0


def ours():
    """The address of the engine that was started here, or None."""
    return f"unix://{SOCKET}" if ENGINE.pid() else None


def connect():
    """Finds an engine, or starts one, and points this process at it."""
    if ours() and "DOCKER_HOST" not in os.environ:
        os.environ["DOCKER_HOST"] = ours()
    if answers():
        return
    if os.environ.get("DOCKER_HOST") not in (None, f"unix://{SOCKET}"):
        raise Failure(f"no Docker engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}: start it, or unset DOCKER_HOST")
    if os.geteuid():
        raise Failure("no Docker engine answers: start one, or run this as root on Debian")
    if not shutil.which("dockerd"):
        apt_install("docker.io")
        if answers():
            return
    start()


def start():
    """Starts an engine of our own. It publishes ports on loopback only."""
    os.environ["DOCKER_HOST"] = f"unix://{SOCKET}"
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "docker.pid").unlink(missing_ok=True)
    # The machine's own settings, in /etc, are not meant for this engine.
    (FOLDER / "daemon.json").write_text("{}")
    with step("started a Docker engine"):
        ENGINE.start(
            ["dockerd", "--ip=127.0.0.1", "--data-root", FOLDER / "data", "--exec-root", FOLDER / "exec",
             "--pidfile", FOLDER / "docker.pid", "--config-file", FOLDER / "daemon.json", "--host", os.environ["DOCKER_HOST"]],
            answers, 60,
        )


def gateway():
    """The host's address on docker's bridge, or None where the engine runs in a machine of its own."""
    network = json.loads(run("docker", "network", "inspect", "bridge"))[0]
    address = next((config.get("Gateway") for config in network["IPAM"]["Config"] or []), None)
    if not address:
        # Engines before 23 do not say; the bridge itself does.
        links = subprocess.run(["ip", "-4", "-j", "addr", "show", "docker0"], capture_output=True, text=True)
        address = json.loads(links.stdout)[0]["addr_info"][0]["local"] if links.returncode == 0 else None
    if not address:
        return None
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return None
    return address


def remove_containers(label):
    """Removes the containers that carry a label, with their volumes."""
    found = run("docker", "ps", "-aq", "--filter", f"label={label}").split()
    if found:
        run("docker", "rm", "-fv", *found)
    return len(found)
