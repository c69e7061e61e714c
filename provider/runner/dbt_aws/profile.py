"""dbt's profile, from DBT_AWS_PROFILE and DBT_AWS_WAREHOUSE_SECRET; secret values stay in the environment."""

import json
import os
import re
from pathlib import Path

from .outcome import End

# Where the image of a project has dbt, and the authorities of RDS's certificates.
DBT_PACKAGES = Path("/opt/dbt")
AUTHORITIES = "/opt/dbt-aws/rds-ca.pem"
# How a profile reads a variable.
VARIABLE = re.compile(r"""{{-?\s*env_var\(\s*(['"])(?P<name>\w+)\1\s*(?:,\s*(['"])(?P<default>[^'"]*)\3\s*)?\)\s*(?:\|\s*(?P<filter>\w+)\s*)?-?}}""")
# The keys of RDS's and Redshift's secrets that are no key of a profile.
NOT_IN_PROFILE = {"engine", "dbInstanceIdentifier", "dbClusterIdentifier", "masterarn"}
# The keys of a warehouse's secret that need no hiding.
NOT_SECRET = {"account", "database", "dbname", "host", "method", "port", "project", "role", "schema", "sslmode", "type", "user", "warehouse"}


def write_profile(env, directory):
    """Writes profiles.yml where the environment has a profile: its connection, and the variables that it refers to."""
    if not json_object(env, "DBT_AWS_PROFILE"):
        return {}, {}
    name, target, connection, hidden = read_profile(env)
    write_private(directory / "profiles.yml", {name: {"target": target, "outputs": {target: connection}}})  # JSON is YAML
    return connection, {**hidden, "DBT_PROFILES_DIR": str(directory)}


def read_profile(env):
    """The profile's name, its target, its connection, and the variables that this refers to."""
    profile = json_object(env, "DBT_AWS_PROFILE")
    secret = json_object(env, "DBT_AWS_WAREHOUSE_SECRET")
    try:
        name, target = profile["name"], profile.get("target") or "prod"
        own = {"type": profile.get("type") or profile["adapter"]}
    except KeyError as missing:
        raise End("usage", f"DBT_AWS_PROFILE has no {missing}") from None
    own.update({key: profile[key] for key in ("schema", "threads") if key in profile})
    hidden = {}
    # The settings and the secret may be those of the platform's warehouse, and the type the project's.
    connection = {**own, **profile.get("settings", {}), **hide(secret_settings(secret), hidden), "type": own["type"]}
    if str(connection.get("port", "")).isdecimal():
        connection["port"] = int(connection["port"])
    check_authorities(str(connection.get("sslrootcert") or ""))
    return name, target, connection, hidden


def write_private(path, document):
    """Writes a JSON document that nobody else may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file)


def write_connection(connection, env, directory, log):
    """Writes the connection, secrets included, for the programs of a run, and returns the file's path."""
    path = directory / "connection.json"
    left = []
    write_private(path, rendered(connection, env, left))
    for text in left:
        log(f"{path.name} has this as it stands, for dbt alone can read it: {text}")
    return str(path)


def rendered(value, env, left):
    """A value of the profile with the variables that it reads; templates of another kind are left, and added to `left`."""
    if isinstance(value, dict):
        return {key: rendered(item, env, left) for key, item in value.items()}
    if isinstance(value, list):
        return [rendered(item, env, left) for item in value]
    if not isinstance(value, str) or not re.search("{{|{%|{#", value):
        return value

    def read(found):
        text = env.get(found["name"], found["default"])
        return found[0] if text is None else text

    if re.search("{[{%#]", VARIABLE.sub("", value)) or any(read(found) == found[0] for found in VARIABLE.finditer(value)):
        left.append(value)
        return value
    text, filters = VARIABLE.sub(read, value), {found["filter"] for found in VARIABLE.finditer(value)}
    if filters & {"int", "as_number", "as_native"} and re.fullmatch(r"-?\d+", text):
        return int(text)
    return text.lower() == "true" if filters & {"as_bool", "as_native"} and text.lower() in ("true", "false") else text


def check_authorities(path):
    """Refuses an image without the authorities that the warehouse's certificate is verified with."""
    if path.startswith("/") and not os.path.exists(path):
        what = "copy rds-ca.pem of the runner's folder there" if path == AUTHORITIES else "put the file there, or name one that is in the image"
        raise End("usage", f"there is no {path}, the profile's sslrootcert, in the image: {what}")


def secret_settings(secret):
    """A profile's settings from a secret: RDS's `username` is dbt's `user`, and what only RDS reads is left out."""
    settings = {key: value for key, value in secret.items() if key not in NOT_IN_PROFILE}
    if "username" in settings:
        settings.setdefault("user", settings.pop("username"))
    return settings


def hide(value, hidden, path=()):
    """The value with each secret string in it kept in `hidden`, under the variable's name, and a reference in its place."""
    if isinstance(value, dict):
        return {key: item if not path and key in NOT_SECRET and "{" not in str(item) else hide(item, hidden, (*path, key))
                for key, item in value.items()}
    if isinstance(value, list):
        return [hide(item, hidden, (*path, str(index))) for index, item in enumerate(value)]
    if isinstance(value, str) and value:
        name = "DBT_ENV_SECRET_AWS_" + "_".join(re.sub(r"\W", "_", key).upper() for key in path)
        while hidden.get(name, value) != value:
            name += "_"
        hidden[name] = value
        return f"{{{{ env_var('{name}') }}}}"
    return value


def json_object(env, name):
    """The JSON object in a variable."""
    try:
        value = json.loads(env.get(name) or "{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise End("usage", f"{name} is not a JSON object")  # its text may be a secret
    return value
