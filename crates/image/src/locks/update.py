#!/usr/bin/env python3
"""Write the locks beside this file, or those whose names begin so: update.py [NAME ...]

Each lock is a requirements file with hashes, for every Python from 3.10 on, resolved by `uv`
against the index of its own settings. Hashes of files that no Fargate task can load (other
systems, other interpreters, source archives) are left out.

dbt 2.0 is one wheel for all adapters, which is in no index: the source archive there, which is read and
never run, says where it is and its SHA-256.
"""
import hashlib, io, json, os, pathlib, re, subprocess, sys, tarfile, tempfile, tomllib, urllib.request

HERE = pathlib.Path(__file__).parent
VERSIONS = ["1.11", "1.12"]
ADAPTERS = ["postgres", "redshift", "snowflake", "bigquery", "athena", "databricks", "trino"]
PYTHON = r"(py3|py2\.py3|cp3(1[0-4])?|cp3[0-9])"
WHEEL = re.compile(rf"-{PYTHON}-(none|abi3|cp31[0-4])-(any|.*manylinux.*(x86_64|aarch64))\.whl$")


def lock(version: str, adapter: str) -> str:
    major, minor = map(int, version.split("."))
    return resolved(f"dbt-core>={version},<{major}.{minor + 1}\ndbt-{adapter}\n")


def resolved(requirements: str) -> str:
    with tempfile.TemporaryDirectory() as work:
        wanted = pathlib.Path(work, "requirements.in")
        wanted.write_text(requirements)
        out = pathlib.Path(work, "pylock.toml")
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "-q", "--universal", "--python-version", "3.10",
             "--only-binary", ":all:", "--excludes", HERE / "excluded.txt", "--format", "pylock.toml", wanted, "-o", out],
            check=True)
        packages = tomllib.loads(out.read_text())["packages"]
    lines = []
    for package in packages:
        hashes = sorted(
            wheel["hashes"]["sha256"] for wheel in package.get("wheels", [])
            if WHEEL.search(wheel.get("name") or wheel["url"].rsplit("/", 1)[1]))
        if not hashes:
            continue  # for Windows only
        marker = package.get("marker", "").removeprefix("python_full_version >= '3.10'").removeprefix(" and ")
        marker = f" ; {marker}" if marker else ""
        lines.append(f"{package['name']}=={package['version']}{marker} \\\n" +
                     " \\\n".join(f"    --hash=sha256:{h}" for h in hashes) + "\n")
    return "".join(lines)


def engine(version: str) -> str:
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    files = json.loads(fetch(f"{index.rstrip('/')}/dbt/", "application/vnd.pypi.simple.v1+json"))["files"]
    archive = re.compile(rf"dbt-({re.escape(version)}\.(\d+))\.tar\.gz")
    found = [(int(name[2]), name[1], file) for file in files if (name := archive.fullmatch(file["filename"])) and not file["yanked"]]
    _, newest, file = max(found, key=lambda each: each[0])
    content = fetch(file["url"])
    if hashlib.sha256(content).hexdigest() != file["hashes"]["sha256"]:
        raise SystemExit(f"{file['filename']} is not the file that the index tells")
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        read = lambda name: archive.extractfile(f"dbt-{newest}/{name}").read()
        assets, project = json.loads(read("_dbt_sa_build/assets.json")), tomllib.loads(read("pyproject.toml").decode())["project"]
    lines = []
    for platform, wheel in sorted(assets["wheels"].items()):
        if WHEEL.search(wheel["filename"]):
            machine = platform.removeprefix("manylinux_2_28_")
            lines.append(f"dbt @ {assets['base_url']}/{wheel['filename']} ; platform_machine == '{machine}' \\\n"
                         f"    --hash=sha256:{wheel['sha256']}\n")
    return "".join(lines) + resolved("\n".join(project["dependencies"]))


def fetch(url: str, accept: str = "*/*") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=60) as response:
        return response.read()


if __name__ == "__main__":
    locks = {f"dbt-{version}-{adapter}.txt": (lock, version, adapter) for version in VERSIONS for adapter in ADAPTERS}
    for name, (make, *what) in {**locks, "dbt-2.0.txt": (engine, "2.0")}.items():
        if not sys.argv[1:] or name.startswith(tuple(sys.argv[1:])):
            (HERE / name).write_text(make(*what))
            print(name, flush=True)
