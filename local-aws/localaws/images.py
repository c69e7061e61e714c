"""The two images that runs need: PostgreSQL for RDS, and a Python base for dbt.

Where the machine's own Docker engine is used, they are the official ones. Our own engine is started only where
there was none, and then both are made from Debian's packages: the same bits on every machine.
"""
import gzip
import hashlib
import json
import os
import shutil
import subprocess

from .cache import HOME, ROOT, Failure, apt_install, fresh, key, run, step

POSTGRES_MAJORS = ("14", "15", "16", "17")
OFFICIAL_BASE = "python:3.11-slim"
BASE_REPOSITORY, BASE_TAG = "library/python", "3.11-slim"
ENTRYPOINT = ROOT / "images" / "docker-entrypoint.sh"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POSTGRES_BIN = "/usr/lib/postgresql/15/bin"
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/i18n/*",
            "/usr/lib/postgresql/*/lib/bitcode/*")


def rootfs(name, packages, hooks=()):
    """A Debian root file system as a tar file, made once; equal packages give equal bits."""
    if not shutil.which("mmdebstrap"):
        apt_install("mmdebstrap")
    options = ["--variant=essential", "--aptopt=APT::Install-Recommends=false", f"--include={packages}",
               *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
               *(f"--customize-hook={hook}" for hook in hooks)]
    path = HOME / "images" / f"{name}-{key(*options, ENTRYPOINT)}.tar"
    if not path.exists():
        with step(f"made the {name} image from Debian's packages"), fresh(path) as partial:
            env = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
            run("mmdebstrap", "-q", "--format=tar", *options, "bookworm", partial, env=env)
    return path


def postgres_is_there():
    """Whether the engine has every tag that RDS may ask for."""
    tags = [f"postgres:{major}-alpine" for major in POSTGRES_MAJORS]
    return subprocess.run(["docker", "image", "inspect", *tags], capture_output=True).returncode == 0


def make_postgres():
    """Puts one PostgreSQL under the tags that the emulator asks for."""
    if postgres_is_there():
        return
    gone = "var/lib/postgresql/15 usr/lib/postgresql/15/lib/llvmjit* usr/lib/*/libLLVM* usr/lib/*/libz3* var/cache/apt var/lib/apt/lists"
    path = rootfs("postgres", "postgresql-15", (
        f'cd "$1" && rm -rf {gone}',
        f'install -m755 {ENTRYPOINT} "$1"/usr/local/bin/docker-entrypoint.sh',
    ))
    with step("loaded the postgres image"), open(path, "rb") as tar:
        tags = [f"postgres:{major}-alpine" for major in POSTGRES_MAJORS]
        run("docker", "import", "-c", f"ENV PATH={POSTGRES_BIN}:{PATH}", "-c", "ENV PGDATA=/var/lib/postgresql/data",
            "-c", 'ENTRYPOINT ["docker-entrypoint.sh"]', "-", tags[0], stdin=tar)
        for tag in tags[1:]:
            run("docker", "tag", tags[0], tag)


def pull_postgres():
    """Pulls the official PostgreSQL images that the engine lacks."""
    if postgres_is_there():
        return
    with step("pulled the postgres images"):
        for major in POSTGRES_MAJORS:
            run("docker", "pull", "-q", f"postgres:{major}-alpine")


def make_base():
    """The Python base as a folder that the registry serves."""
    tar = rootfs("python", "python3,ca-certificates")
    folder = tar.with_suffix("")
    if not folder.exists():
        with step("packed the Python base image"), fresh(folder) as partial:
            pack(partial, tar.read_bytes(), architecture(), [f"PATH={PATH}"])
    return folder


def pack(folder, tar, machine, environment):
    """Packs an image of one layer into a folder: blobs by digest, and which of them is the manifest."""
    (folder / "blobs").mkdir(parents=True)
    layer = blob(folder, gzip.compress(tar, 6, mtime=0), "layer.v1.tar+gzip")
    config = blob(folder, document({
        "architecture": machine, "os": "linux",
        "config": {"Env": environment, "Cmd": ["python3"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
    }), "config.v1+json")
    manifest = document({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config, "layers": [layer]})
    blob(folder, manifest, "manifest.v1+json")
    (folder / "manifest").write_text(digest(manifest))


OCI = "application/vnd.oci.image."


def blob(folder, data, kind):
    (folder / "blobs" / digest(data)).write_bytes(data)
    return {"mediaType": OCI + kind, "digest": digest(data), "size": len(data)}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def document(value):
    return json.dumps(value, separators=(",", ":")).encode()


def architecture():
    machine = os.uname().machine
    known = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    if machine not in known:
        raise Failure(f"no image can be made for a machine of type {machine}: amd64 and arm64 are known")
    return known[machine]
