"""The emulator: ministack, which runs containers and schedules, with the shim."""
import json
import os
import socket
import time
import urllib.error
import urllib.request

from . import docker, images
from .cache import HOME, ROOT, Failure, log, remove, step, venv
from .process import Process

REGION = "us-east-1"


class Instance:
    """An emulator on a port; several run side by side."""

    def __init__(self, port):
        self.port = port
        self.folder = HOME / "run" / str(port)
        self.emulator = Process(self.folder, "emulator")
        self.registry = Process(self.folder, "registry")
        self.facts = self.folder / "facts.json"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def label(self):
        """The label of its containers."""
        return f"ministack.instance=local-aws:{self.port}"

    def read_facts(self):
        """What `up` found out: the base image; empty before the first `up`."""
        try:
            return json.loads(self.facts.read_text())
        except (OSError, ValueError):
            return {}

    def running(self):
        """Whether the emulator's process is alive and answers."""
        return self.emulator.pid() is not None and self.answers()

    def answers(self):
        try:
            with urllib.request.urlopen(self.url + "/_ministack/health", timeout=5):
                return True
        except OSError:
            return False

    def up(self, authority=None):
        """Starts the emulator and what it needs; nothing that runs already is started again."""
        running = self.running()
        if authority and running:
            raise Failure("only an emulator that is started now can be given an authority")
        if not running:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.emulator.stop()
            for port in (self.port, self.port + 1):
                check_free(port)
        docker.connect()
        base = self.prepare_images()
        self.facts.write_text(json.dumps({"baseImage": base}))
        if not self.running():
            self.start(authority)

    def prepare_images(self):
        """Makes or pulls the images; returns the Python base's reference."""
        if not docker.ours():
            images.pull_postgres()
            return images.OFFICIAL_BASE
        images.make_postgres()
        folder = images.make_base()
        port, python = self.port + 1, venv()
        reference = f"localhost:{port}/{images.BASE_REPOSITORY}:{images.BASE_TAG}"
        if not self.registry.pid():
            with step(f"serving the Python base image as {reference}"):
                command = [python, ROOT / "localaws" / "registry.py", port, folder, images.BASE_REPOSITORY, images.BASE_TAG]
                self.registry.start(command, lambda: is_open(port), 10)
        return reference

    def start(self, authority):
        """Starts the emulator, with its shim, on loopback and on docker's bridge, nowhere else."""
        python, bridge = venv(), docker.gateway()
        env = {
            **clean_environment(),
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "localhost",
            # The owner's name on every container: it keeps instances on one engine apart.
            "MINISTACK_HOSTNAME": "local-aws",
            "RDS_BASE_PORT": str(15432 + 100 * (self.port % 300)),
            "RDS_TMPFS_SIZE": "1g",
            # Where the bridge can be reached from the host, a database's endpoint is its container's address.
            **({"DOCKER_NETWORK": "bridge"} if bridge else {}),
            "HOSTNAME": "none",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "INFO",
            "PYTHONPATH": str(ROOT / "shim"),
            # The emulator runs functions with its own environment.
            **({"SSL_CERT_FILE": str(authority)} if authority else {}),
        }
        binds = [f"127.0.0.1:{self.port}"] + ([f"{bridge}:{self.port}"] if bridge else [])
        command = [python, "-m", "hypercorn", "true_to_aws:app", "--keep-alive", "75"]
        for bind in binds:
            command += ["--bind", bind]
        with step(f"started the AWS emulator on {' and '.join(binds)}"):
            self.emulator.start(command, self.answers, 60, env=env, cwd=self.folder)

    def reset(self):
        """Forgets every object and removes the containers."""
        with step(f"reset the emulator on port {self.port}"):
            request = urllib.request.Request(self.url + "/_ministack/reset", method="POST", data=b"")
            try:
                urllib.request.urlopen(request, timeout=60).close()
            except urllib.error.URLError as error:
                raise Failure(f"no emulator answers on port {self.port}: {error.reason}; start it with `local-aws up`") from error

    def down(self):
        """Ends what `up` started here, also after a crash, and removes the containers."""
        ended = self.emulator.stop()
        self.registry.stop()
        removed = 0
        if docker.ours() or docker.answers():
            os.environ.setdefault("DOCKER_HOST", docker.ours() or "")
            if not os.environ["DOCKER_HOST"]:
                del os.environ["DOCKER_HOST"]
            removed = docker.remove_containers(self.label)
        remove(self.folder)
        count = f"; {removed} container{'s' if removed > 1 else ''} removed" if removed else ""
        log(f"the AWS emulator on port {self.port} {'stopped' if ended else 'was not running'}{count}")


def instances():
    """Every instance that left something on this machine."""
    folder = HOME / "run"
    names = sorted(folder.iterdir()) if folder.exists() else []
    return [Instance(int(path.name)) for path in names if path.name.isdigit()]


def clean_environment():
    """Our environment without what would send the emulator's own clients elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def check_free(port):
    """Fails where another program listens."""
    deadline = time.monotonic() + 3
    while is_open(port):
        if time.monotonic() > deadline:
            raise Failure(f"port {port} is in use by another program: end it, or choose another with --port")
        time.sleep(0.1)
