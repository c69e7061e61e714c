"""The examples' programs, each run as its language is run; a verb answers with the engine's events."""
import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACK = "test"


def run(*command, folder, fails=False, **environment):
    """Runs a command, which succeeds or `fails`, and gives what it printed. A variable that is None is not there."""
    merged = {**os.environ, **environment}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env={name: value for name, value in merged.items() if value is not None},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert (done.returncode != 0) == fails, f"{command} ended with exit code {done.returncode}:\n{done.stdout[-6000:]}"
    return done.stdout


class Program:
    """A program in a folder of its own, with one stack."""

    def __init__(self, language, folder, example=None):
        self.language = language
        self.folder = folder / "examples" / (example or language)
        self.file = next(
            path for path in (self.folder / name for name in ("index.ts", "__main__.py", "main.go", "Pulumi.yaml")) if path.exists()
        )
        self.events = folder / f"{self.folder.name}.events"
        # What the program's commands have more in their environment.
        self.environment = {"PULUMI_DEBUG_COMMANDS": "true"}
        getattr(self, language)()
        run("pulumi", "stack", "init", STACK, folder=self.folder)
        # No schedule starts a run in the middle of a test.
        config = {"baseImage": os.environ["DBT_AWS_BASE_IMAGE"], "cron": "0 0 1 1 ? 2099"}
        words = [word for pair in config.items() for word in ("--plaintext", "=".join(pair))]
        run("pulumi", "config", "set-all", *words, folder=self.folder)

    def yaml(self):
        """There is nothing to install."""

    def typescript(self):
        run("npm", "install", "--silent", "--no-audit", "--no-fund", folder=self.folder)

    def python(self):
        (self.folder / "venv").symlink_to(ROOT / "sdk" / "python" / ".venv")

    def go(self):
        run("go", "mod", "tidy", folder=self.folder)
        run("go", "vet", ".", folder=self.folder)

    def __call__(self, verb, *options, **environment):
        """Runs `preview`, `up`, `refresh` or `destroy`; what happens to each resource, by type and name."""
        yes = [] if verb == "preview" else ["--yes", "--skip-preview"]
        run("pulumi", verb, "--color", "never", "--non-interactive", "--stack", STACK, *yes, *options,
            "--event-log", self.events, folder=self.folder, **self.environment, **environment)
        # The types are checked the first time, which takes longer than all else of a program.
        self.environment["PULUMI_NODEJS_TRANSPILE_ONLY"] = "true"
        return steps(self.events)

    def replace(self, old, new):
        """Changes the program."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new, 1))

    def pulumi(self, *words):
        """Runs a command of Pulumi's on the stack."""
        return run("pulumi", *words, "--stack", STACK, folder=self.folder)

    def state(self):
        """The stack's resources."""
        return json.loads(self.pulumi("stack", "export"))["deployment"]["resources"]

    def inputs(self):
        """The inputs of the AWS objects by type and name, as text, with an object's name for what its creation made up."""
        ours = [r for r in self.state() if r["type"].startswith("dbt-aws:") and r.get("custom")]
        names = {}
        for resource in ours:
            of, inputs, outputs = f"<{resource['urn'].rpartition('::')[2]}>", resource["inputs"], resource.get("outputs", {})
            # The digest of a definition depends on the ids in it, that of an image on the base's name.
            digest = inputs.get("dbtRun", {}).get("definitionDigest")
            for made in (resource["id"], inputs.get("__generation"), digest, *map(outputs.get, ("arn", "address", "digest"))):
                names.setdefault(made, of)
        names.pop(None, None)
        # Each local AWS has its own place for it.
        names[os.environ["DBT_AWS_BASE_IMAGE"]] = "<base image>"
        found = {}
        for resource in ours:
            text = json.dumps({key: value for key, value in resource["inputs"].items() if not key.startswith("__")}, sort_keys=True)
            for made in sorted(names, key=len, reverse=True):
                text = text.replace(made, names[made])
            # Sets are in the order of ids, which differs each time.
            text = json.dumps(in_order(json.loads(text)), sort_keys=True)
            found[" ".join((resource["type"], resource["urn"].rpartition("::")[2]))] = text
        return found

    def urn(self, name):
        """The URN of a resource of the stack."""
        return next(r["urn"] for r in self.state() if r["urn"].endswith(f"::{name}"))


def in_order(value):
    """The value with all its lists in one order."""
    if isinstance(value, dict):
        return {key: in_order(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted(map(in_order, value), key=json.dumps)
    return value


def steps(events):
    """The operations on our resources that ended: `{(type, name): operation}`."""
    found = {}
    for line in events.read_text().splitlines():
        step = json.loads(line).get("resOutputsEvent", {}).get("metadata", {})
        if step.get("type", "").startswith("dbt-aws:"):
            found[step["type"], step["urn"].rpartition("::")[2]] = step["op"]
    return found


def changes(found):
    """How often each operation happens."""
    return Counter(found.values())


def copy(folder):
    """The examples, beside the SDKs as in the repository."""
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("node_modules", "venv", "target", "Pulumi.*.yaml"))
    (folder / "sdk").symlink_to(ROOT / "sdk")
    return folder
