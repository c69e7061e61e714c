#!/usr/bin/env python3
"""Write the locks beside this file: update.py [dbt version] [adapter ...]

Each lock is a requirements file with hashes, for every Python from 3.10 on, resolved by `uv`
against the index of its own settings. Hashes of files that no Fargate task can load (other
systems, other interpreters, source archives) are left out.
"""
import pathlib, re, subprocess, sys, tempfile, tomllib

ADAPTERS = ["postgres", "redshift", "snowflake", "bigquery", "athena", "databricks", "trino"]
PYTHON = r"(py3|py2\.py3|cp3(1[0-4])?|cp3[0-9])"
WHEEL = re.compile(rf"-{PYTHON}-(none|abi3|cp31[0-4])-(any|.*manylinux.*(x86_64|aarch64))\.whl$")


def lock(version: str, adapter: str) -> str:
    major, minor = map(int, version.split("."))
    with tempfile.TemporaryDirectory() as work:
        wanted = pathlib.Path(work, "requirements.in")
        wanted.write_text(f"dbt-core>={version},<{major}.{minor + 1}\ndbt-{adapter}\n")
        out = pathlib.Path(work, "pylock.toml")
        subprocess.run(
            ["uv", "pip", "compile", "-q", "--universal", "--python-version", "3.10",
             "--only-binary", ":all:", "--format", "pylock.toml", wanted, "-o", out], check=True)
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


if __name__ == "__main__":
    version, *adapters = sys.argv[1:] or ["1.11"]
    for adapter in adapters or ADAPTERS:
        path = pathlib.Path(__file__).with_name(f"dbt-{version}-{adapter}.txt")
        path.write_text(lock(version, adapter))
        print(path.name)
