"""The dbt project in the image, and what was found out about it when it was packed."""

import hashlib
import json
import os
from pathlib import Path

from .outcome import End

FACTS, FACTS_BYTES = ".dbt-aws.json", 1 << 20
ROOT = Path("/project")
# Those of dbt's variables that the runner sets, for each run anew.
OUR_PATHS = {"DBT_LOG_PATH", "DBT_PROFILES_DIR", "DBT_TARGET_PATH"}


class Project:
    """The project's directory, with what .dbt-aws.json says; an image of the user's own has no such file."""

    def __init__(self, directory):
        self.directory = Path(directory)
        if not (self.directory / "dbt_project.yml").is_file():
            raise End("usage", f"there is no dbt_project.yml in {directory}, where the image's dbt project belongs")
        self.variables, self.parse_afresh = frozenset(), "the image does not say what its project reads"
        try:
            with open(self.directory / FACTS, "rb") as file:
                facts = json.loads(file.read(FACTS_BYTES))
            if facts["version"] == 1:
                self.variables, self.parse_afresh = frozenset(map(str, facts["variables"])), facts["parseAfresh"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass

    def fingerprint(self, env, secrets, packages):
        """A hash of all that dbt's parse depends on, but for the command's options; None where something is not known.

        dbt itself looks at its files one by one, but not at selectors.yml, nor at a variable that is read while a schema is
        named; and what it makes of a change is not always what it makes of the whole.
        """
        if self.parse_afresh is not None or self.variables & secrets:
            return None
        read = {name: value for name, value in env.items() if name in self.variables or is_dbts(name)}
        total = hashlib.sha256(json.dumps([sorted(read.items()), sorted(path.name for path in packages.glob("*-info"))]).encode())
        root = ROOT if self.directory.is_relative_to(ROOT) else self.directory
        for folder, folders, names in os.walk(root):
            folders.sort()
            for path in (Path(folder, name) for name in [*folders, *sorted(names)]):
                if path.is_symlink():
                    if not path.resolve().is_relative_to(root.resolve()):
                        return None
                    total.update(f"{path.relative_to(root)}\0{os.readlink(path)}\0".encode(errors="surrogateescape"))
                if path.is_file():
                    total.update(f"{path.relative_to(root)}\0{digest(path)}\0".encode(errors="surrogateescape"))
        return total.hexdigest()


def is_dbts(name):
    """Whether dbt may read a variable by itself while it parses."""
    return name == "DBT_AWS_PROFILE" or name.startswith("DBT_") and not name.startswith("DBT_AWS_") and name not in OUR_PATHS


def digest(path):
    """A hash of a file's content."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()
