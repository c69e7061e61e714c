"""The cache folder: what is made once, keyed by what it is made from."""
import ast
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HOME = Path(os.environ.get("DBT_AWS_CACHE") or Path.home() / ".cache" / "dbt-aws")
ROOT = Path(__file__).resolve().parent.parent


class Failure(Exception):
    """A failure that a person can act on."""


def log(text):
    """Says what happens, on stderr: stdout carries only what was asked for."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what):
    """A step that prints what it did and how long it took."""
    start = time.monotonic()
    yield
    log(f"{time.monotonic() - start:7.1f} s  {what}")


@contextlib.contextmanager
def lock(name):
    """A lock that two commands on this machine cannot hold at once."""
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def key(*parts):
    """A short hash of texts and of the contents of files."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def fresh(path):
    """A place to make `path` in; it takes its name only when all went well."""
    partial = path.with_name(path.name + ".partial")
    remove(partial)
    partial.parent.mkdir(parents=True, exist_ok=True)
    yield partial
    partial.rename(path)


def remove(path):
    """Removes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def run(*command, **options):
    """Runs a command and returns its output; a failure shows what it printed."""
    command = [str(word) for word in command]
    options = {"text": True, **options}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode:
        text = done.stderr or done.stdout
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        raise Failure(f"{' '.join(command[:6])} failed with exit code {done.returncode}: {text.strip()[-2000:]}")
    return done.stdout


def apt_install(*packages):
    """Installs Debian packages, where this is a Debian and we are root."""
    if os.geteuid() or not shutil.which("apt-get"):
        raise Failure(f"{', '.join(packages)} is missing: install it, or run this as root on Debian")
    with step(f"installed {', '.join(packages)} from Debian"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-qq", env=env)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, env=env)


def pip_settings(python):
    """Where pip is told to look for packages, in the variables of uv, which does not read pip's configuration."""
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS",
             "trusted-host": "UV_INSECURE_HOST", "cert": "SSL_CERT_FILE"}
    lines = [line.partition("=") for line in run(python, "-m", "pip", "config", "list").splitlines()]
    given = {key.rpartition(".")[2]: ast.literal_eval(value) for key, _, value in lines}
    return {names[key]: value for key, value in given.items() if key in names}


def venv():
    """The Python with the emulators and the independent client."""
    requirements = ROOT / "requirements.txt"
    # Without byte code each process that imports the emulators would compile them, where Python may not write.
    options = "-q", "--compile-bytecode"
    path = HOME / f"python-{key(requirements, *options, sys.version)}"
    if not path.exists():
        with step("made a Python environment with the emulators"), fresh(path) as partial:
            run(sys.executable, "-m", "venv", partial)
            python = partial / "bin" / "python"
            uv = next(line for line in requirements.read_text().splitlines() if line.startswith("uv=="))
            run(python, "-m", "pip", "-q", "install", uv)
            # It takes seconds where pip takes minutes.
            run(partial / "bin" / "uv", "pip", "install", *options, "--python", python, "-r", requirements,
                env={**pip_settings(python), **os.environ})
    return path / "bin" / "python"
