"""The Pulumi CLI and its helpers, built once from the module in tools/pulumi."""
import os
import re
import shutil
from pathlib import Path

from .cache import HOME, ROOT, Failure, fresh, key, run, step

MODULE = ROOT.parent / "tools" / "pulumi"
VERSION = "3.259.0"
# The language host that stands in for Pulumi's own, which no registry has.
HOST = "language-host"
CLI = ("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml", f"./{HOST}")
LANGUAGES = ("nodejs", "python", "go")


def folders(build=False):
    """The folders that go first on PATH. The user's own pulumi, if it serves, stays before ours."""
    helpers = sorted(path.name for path in MODULE.iterdir() if path.is_dir() and path.name != HOST)
    found = [] if own() else [folder("pulumi", HOST, CLI)]
    found += [folder(name, name, [f"./{name}"]) for name in helpers]
    if build:
        for path, packages in found:
            make(path, packages)
    return [path for path, _ in found]


def own():
    """Whether there is a pulumi of the user's with its language hosts, as new as ours at least."""
    if not all(map(shutil.which, ("pulumi", *(f"pulumi-language-{name}" for name in ("yaml", *LANGUAGES))))):
        return False
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", run("pulumi", "version"))
    return found is not None and [int(number) for number in found.groups()] >= [int(number) for number in VERSION.split(".")]


def folder(name, sources, packages):
    """A folder of programs, with what is built into it; its name follows from the sources."""
    files = [MODULE / "go.mod", MODULE / "go.sum", *sorted((MODULE / sources).glob("*.go"))]
    return HOME / f"{name}-{key(VERSION, *files)}", packages


def make(path, packages):
    """Builds programs into a folder, once."""
    if path.exists():
        return
    if not shutil.which("go"):
        raise Failure(f"neither pulumi {VERSION} or later with its language hosts nor go is on PATH: install one of them")
    with step(f"built {', '.join(package.rpartition('/')[2] for package in packages)}"), fresh(path) as partial:
        partial.mkdir()
        flags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={VERSION}"
        env = {**os.environ, "CGO_ENABLED": "0"}
        run("go", "build", "-trimpath", "-ldflags", flags, "-o", f"{partial}/", *packages, cwd=MODULE, env=env)
        if (partial / HOST).exists():
            for language in LANGUAGES:
                (partial / f"pulumi-language-{language}").symlink_to(HOST)
            # The runner of Python programs, which is not in Pulumi's package on PyPI.
            sdk = run("go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3", cwd=MODULE, env=env).strip()
            shutil.copy(Path(sdk) / "python" / "cmd" / "pulumi-language-python-exec", partial)
