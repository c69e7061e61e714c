"""The dbt project in the image, and what was found out about it when it was packed."""

import hashlib
import json
import os
import re
from pathlib import Path

from .outcome import End

FACTS, FACTS_BYTES = ".dbt-aws.json", 1 << 20
ROOT = Path("/project")
# Variables that differ from run to run, which the runner or ECS sets.
PASSING = re.compile(r"DBT_AWS_(?!PROFILE$).*|DBT_(LOG_PATH|PROFILES_DIR|TARGET_PATH)|AWS_.*|ECS_.*|HOME|HOSTNAME")


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
        # All of them, because a name can be made of parts; what it reads of a secret is looked for in the parse itself.
        read = {name: value for name, value in env.items()
                if name in self.variables or not PASSING.fullmatch(name) and name not in secrets and not name.startswith("DBT_ENV_SECRET")}
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


def digest(path):
    """A hash of a file's content."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            found.update(part)
    return found.hexdigest()
