"""dbt's profile, from DBT_AWS_PROFILE and DBT_AWS_WAREHOUSE_SECRET; secret values stay in the environment."""

import json
import os
import re

from .outcome import End

# Where the image of a project has the authorities of RDS's certificates.
AUTHORITIES = "/opt/dbt-aws/rds-ca.pem"
# The keys of RDS's and Redshift's secrets that are no key of a profile.
NOT_IN_PROFILE = {"engine", "dbInstanceIdentifier", "dbClusterIdentifier", "masterarn"}
# The keys of a warehouse's secret that need no hiding.
NOT_SECRET = {"account", "database", "dbname", "host", "method", "port", "project", "role", "schema", "sslmode", "type", "user", "warehouse"}


def write_profile(env, directory):
    """Writes profiles.yml where the environment has a profile: its connection, and the variables that it refers to."""
    profile = json_object(env, "DBT_AWS_PROFILE")
    if not profile:
        return {}, {}
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
    with open(os.open(directory / "profiles.yml", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({name: {"target": target, "outputs": {target: connection}}}, file)  # JSON is YAML
    return connection, {**hidden, "DBT_PROFILES_DIR": str(directory)}


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
