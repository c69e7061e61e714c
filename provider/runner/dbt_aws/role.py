"""The first container of a task: it makes the project's role in the platform's Postgres, as which dbt logs in."""

import json
import os
import random
import signal
import sys
import time
import traceback
from contextlib import closing
from datetime import datetime, timezone

from .artifacts import Artifacts, place_of_attempt
from .grants import grant
from .outcome import End, outcome
from .ownership import Database, make_role, take_over
from .profile import DBT_PACKAGES, json_object, read_profile, rendered
from .redaction import Redact
from .text import one_line
from .warehouse import address, place_of, unreachable, wait_for

# The variable that has the role's password; where it is, the container is this one.
SECRET = "DBT_AWS_ROLE_SECRET"
# What of the profile's connection is the driver's too.
DRIVERS = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "keepalives_idle", "connect_timeout")
# Nothing that a project has made is found by its bare name, and nobody is waited for without end.
OPTIONS = "-c search_path=pg_catalog -c lock_timeout=5s -c statement_timeout=120s -c client_min_messages=warning"
# What another session did in between, by SQLSTATE: locks, deadlocks, objects that are gone or there.
COMPETING = {"40001", "40P01", "55P03", "42P01", "3F000", "42883", "42704", "42710", "23505"}
SECONDS = 60


def main():
    """Makes the role, and returns the exit code; how it failed is in the attempt's outcome.json."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))  # of PID 1, the kernel ignores it otherwise
    env, started, clock = os.environ, datetime.now(timezone.utc), time.monotonic()
    redact = Redact({**env, "DBT_AWS_SECRET_NAMES": SECRET})

    def log(line):
        print(f"dbt-aws: {redact(line)}", flush=True)

    try:
        set_up(env, log)
        return 0
    except End as caught:
        end = caught
    except Exception as error:
        for line in traceback.format_exc().splitlines():
            log(line)
        end = End("internal", f"the project's role could not be made: {type(error).__name__}: {error}; this is a bug of dbt-aws")
    log(end.message)
    seconds = {"total": round(time.monotonic() - clock, 1)}
    name = f"{place_of_attempt(env, started)}/outcome.json"
    Artifacts(env.get("DBT_AWS_ARTIFACTS", ""), log).put(name, lambda: outcome(end, [], started, redact, [], seconds))
    return end.exit_code


def set_up(env, log):
    """Makes the role, its schemas and what it may read as the environment has them."""
    profile = json_object(env, "DBT_AWS_PROFILE")
    _, _, connection, variables = read_profile(env)
    connection = rendered(connection, {**env, **variables}, [])
    name, schema = profile["settings"]["user"], connection["schema"]
    if where := address(connection):
        wait_for(*where, None, log)
    sys.path.append(str(DBT_PACKAGES))
    import psycopg2

    try:
        with closing(connect(psycopg2, connection)) as session:
            password = psycopg2.extensions.encrypt_password(json_object(env, SECRET)["password"], name, session, "scram-sha-256")
            database = Database(session, name, log)
            wanted = json.loads(env.get("DBT_AWS_GRANTS") or "[]")
            unless_competing(psycopg2, database, lambda: make_role(database, schema, password))
            while unless_competing(psycopg2, database, lambda: take_over(database, schema)):
                pass
            unless_competing(psycopg2, database, lambda: grant(database, wanted))
    except psycopg2.Error as error:
        said, where = one_line(error), place_of(connection)
        if unreachable(said):
            raise End("connection", f"the warehouse at {where} could not be reached, and nothing was run: {said}; "
                                    "look at its state and at its security group") from None
        if is_competing(error):
            raise End("connection", f"{name}, the role of the project, could not be set up in the warehouse at {where}, and nothing was run: "
                                    f"other sessions hold what is to be the project's: {said}") from None
        do = "; see that the warehouse's secret has the password of the database's master user" if "password authentication failed" in said else ""
        raise End("dbt-error", f"{name}, the role of the project, could not be set up in the warehouse at {where}, and nothing was run: {said}{do}") from None
    log(f"dbt logs in as {name}")


def connect(psycopg2, connection):
    """A session of the administrator's, secured as the profile's connection is."""
    own = {key: connection[key] for key in DRIVERS if connection.get(key) not in (None, "")}
    return psycopg2.connect(dbname=connection.get("dbname") or connection.get("database"), user=connection["user"], password=connection["password"],
                            application_name="dbt-aws", options=OPTIONS, **{"connect_timeout": 10, **own})


def is_competing(error):
    """Whether another session came in between."""
    return error.pgcode in COMPETING or "concurrently" in str(error)


def unless_competing(psycopg2, database, act):
    """Does it in a transaction of its own, one container at a time, and again where another session came in between."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            with database.session:
                database.run("select pg_advisory_xact_lock(hashtext('dbt-aws'))")
                return act()
        except psycopg2.Error as error:
            if not is_competing(error) or time.monotonic() > until:
                raise
        time.sleep(random.uniform(0.1, 1))
