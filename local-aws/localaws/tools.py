"""The Pulumi CLI and its helpers, built once from the module in tools/pulumi."""
import os
import re
import shutil

from .cache import HOME, ROOT, Failure, fresh, key, run, step

MODULE = ROOT.parent / "tools" / "pulumi"
VERSION = "3.259.0"
CLI = ("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml")


def folders(build=False):
    """The folders that go first on PATH. The user's own pulumi, if it serves, stays before ours."""
    found = [] if own() else [folder("pulumi", [MODULE / "go.mod", MODULE / "go.sum"], CLI)]
    for name in sorted(path.name for path in MODULE.iterdir() if path.is_dir()):
        sources = sorted((MODULE / name).glob("*.go"))
        found.append(folder(name, [MODULE / "go.mod", MODULE / "go.sum", *sources], [f"./{name}"]))
    if build:
        for path, packages in found:
            make(path, packages)
    return [path for path, _ in found]


def own():
    """Whether there is a pulumi of the user's with its language hosts, as new as ours at least."""
    if not all(map(shutil.which, ("pulumi", "pulumi-language-yaml", "pulumi-language-nodejs"))):
        return False
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", run("pulumi", "version"))
    return found is not None and [int(number) for number in found.groups()] >= [int(number) for number in VERSION.split(".")]


def folder(name, sources, packages):
    return HOME / f"{name}-{key(VERSION, *sources)}", packages


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
