"""The variables that an execution's input may give to dbt, and those that it may not."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

from .outcome import End

# Which names may be given and which may not, `*` being anything; the preview of a schedule reads it too.
_FACTS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
# dbt's own: they choose what dbt does, but neither where it reads or writes nor whom it talks to.
FLAGS = _FACTS["dbtsOwn"]
# What a program reads before or beside dbt: the interpreter, the loader, libraries, the warehouse's client, AWS, the network.
NEVER = _FACTS["never"]


def names(text):
    """The names in a list with commas between."""
    return frozenset(filter(None, re.split(r"[,\s]+", text or "")))


def given(variables, read, declared, secrets, profile):
    """The variables of an execution's input, each checked against the names that the project reads or declares."""
    connection = " ".join(re.findall(r"{{.*?}}|{%.*?%}", profile))
    for name, value in variables.items():
        if reason := refusal(name, read, declared, secrets, connection):
            raise End("usage", f"the execution's input may not set the environment variable {name}: {reason}")
        if not isinstance(value, str) or "\0" in value:
            raise End("usage", f"environment.{name} in the execution's input is not a string; write it in quotation marks")
    return variables


def refusal(name, read, declared, secrets, connection):
    """Why a variable may not be set, and what to do; None where it may."""
    # dbt's own have two names each, of which the older is listed.
    older = re.sub("^DBT_ENGINE_", "DBT_", name, flags=re.IGNORECASE)
    if any(fnmatchcase(older.upper(), pattern) for pattern in NEVER):
        return "it reaches more than the dbt project, such as the connection, Python or AWS; set it in the project's environment"
    if name in secrets:
        return "it is a secret of the project; change the secret itself"
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", connection):
        return "the profile reads it; set it in the project's environment"
    if name in read or name in declared or any(fnmatchcase(older, pattern) for pattern in FLAGS):
        return None
    return "the dbt project does not read it; read it there with env_var, or declare it in the project's environment"
