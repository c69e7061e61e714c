"""What dbt compares with: the artifacts of the last green run, where a command asks for them."""

import re
from functools import cached_property

from .artifacts import Artifacts
from .outcome import End

# What dbt reads of a state.
FILES = ("manifest.json", "run_results.json", "sources.json")
SELECTS = {"state": "manifest.json", "result": "run_results.json", "source_status": "sources.json"}
METHOD = re.compile(r"(?<![\w.:])(state|result|source_status):(?=\S)")
IN_SELECTORS = re.compile(r"\bmethod[\"']?\s*:\s*[\"']?(?:state|result|source_status)\b|(?<![\w.])(?:state|result|source_status)[\"']?\s*:")
# The options whose value is no selection, and those that choose one.
TEXTS = {"--vars", "--args", "--inline", "--sql"}
# The commands that defer where the environment says so, and those that never look at a state.
DEFER = {"build", "clone", "compile", "docs", "run", "seed", "show", "snapshot", "test"}
NEVER = {"", "clean", "debug", "deps", "init", "parse", "retry", "run-operation"}
VARIABLES = ("DBT_STATE", "DBT_ENGINE_STATE")
SELECTORS_BYTES = 4 << 20


class State:
    """The artifacts of the last green run of this project, or of the one that DBT_AWS_STATE_FROM names."""

    def __init__(self, env, artifacts, project, directory):
        self.env, self.project, self.directory = env, project, directory
        self.source = Artifacts(env["DBT_AWS_STATE_FROM"], artifacts.log) if env.get("DBT_AWS_STATE_FROM") else artifacts

    def needs(self, command):
        """The files without which a command fails; none where it asks for a state without these; None where it does not ask."""
        if command.name in NEVER or command.has("--state") or any(self.has_files(self.env.get(name)) for name in VARIABLES):
            return None
        found = {SELECTS[method] for word in selections(command.words) for method in METHOD.findall(word)}
        deferred = command.name == "clone" or command.has("--defer") or (
            command.name in DEFER and not command.has("--no-defer") and any(is_on(self.env.get(name)) for name in ("DBT_DEFER", "DBT_ENGINE_DEFER")))
        if deferred and not (command.has("--defer-state") or any(self.env.get(name) for name in ("DBT_DEFER_STATE", "DBT_ENGINE_DEFER_STATE"))):
            found.add("manifest.json")
        asks = found or any(self.env.get(name) for name in VARIABLES) or self.selectors_ask(command)
        return found if asks else None

    def has_files(self, path):
        """Whether there is a state already, such as one in the image."""
        return bool(path) and any((self.project / path / name).is_file() for name in FILES)

    def selectors_ask(self, command):
        """Whether a selector of the project's may ask for a state: the one that is named, or the default."""
        try:
            with open(self.project / "selectors.yml", encoding="utf-8") as file:
                text = file.read(SELECTORS_BYTES)
        except (OSError, ValueError):
            return False
        used = command.has("--selector") or any("selector:" in word for word in selections(command.words)) or (
            re.search(r"\bdefault[\"']?:", text) and not any(map(command.has, ("--select", "-s", "--exclude", "--models", "-m"))))
        return bool(used and IN_SELECTORS.search(text))

    @cached_property
    def there(self):
        """The names of the files that there are; they are got when that is first asked."""
        if not self.source.uri:
            return set()
        self.directory.mkdir()
        found = {path.name for path in self.source.get_all([(f"latest/{name}", self.directory / name) for name in FILES])}
        if found:
            self.source.log(f"the state to compare with is that of {self.place}")
        return found

    @property
    def place(self):
        """Where it comes from."""
        return f"{self.source.uri}/latest" if self.source.uri else "DBT_AWS_ARTIFACTS, which is not set"

    def for_commands(self, commands):
        """The environment of each command that asks for a state, by its number; refuses what cannot work without."""
        needs = {number: found for number, command in commands if (found := self.needs(command)) is not None}
        for number, command in commands:
            if missing := needs.get(number, set()) and needs[number] - self.there:
                raise End("usage", f"`{command.text}` compares with the last green run, which left no {' and no '.join(sorted(missing))} in "
                                   f"{self.place}: {to_do(missing, self.there)}")
        name = VARIABLES[1] if self.env.get(VARIABLES[1]) else VARIABLES[0]
        return {number: {name: str(self.directory)} for number in needs} if needs and self.there else {}


def to_do(missing, there):
    """What gives a run the state that it lacks."""
    if missing == {"sources.json"}:
        return "let a run with dbt source freshness succeed first"
    if there:
        return "let a run with dbt build succeed first"
    return "let a run without it succeed first, such as one of dbt build, or name a state of your own with --state"


def selections(words):
    """The words of a command that may select nodes."""
    return [word for before, word in zip(["", *words], words) if before not in TEXTS and word.split("=")[0] not in TEXTS]


def is_on(value):
    """Whether a variable of dbt's is true."""
    return (value or "").strip().lower() in {"1", "true", "t", "yes", "y", "on"}
