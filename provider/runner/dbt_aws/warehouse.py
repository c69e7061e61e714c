"""A warehouse that may still be starting, or cannot be reached."""

import re
import socket
import time

from .outcome import End
from .process import STOP, next_signal

SECONDS = 60
PORTS = {"postgres": 5432, "redshift": 5439}
# The commands that do without a warehouse.
WITHOUT = {"clean", "deps", "init", "list", "ls", "parse"}
# What the network, the drivers and the warehouses say where nobody answers, or not yet.
WORDS = re.compile("|".join((
    # sockets, and what libraries make of them
    r"connection refused", r"connection timed out", r"connection time out", r"timeout expired", r"timed? ?out.{0,40}connect", r"connect.{0,40}timed? ?out",
    r"no route to host", r"network is (unreachable|down)", r"host is down", r"connection reset by peer", r"failed to establish a new connection",
    r"max retries exceeded with url", r"remote end closed connection", r"broken pipe", r"connection aborted",
    r"could not translate host name", r"name or service not known", r"nodename nor servname", r"temporary failure in name resolution",
    r"no address associated with hostname", r"name resolution", r"getaddrinfo failed", r"no such host",
    # Postgres and Redshift
    r"the database system is (starting up|shutting down|not yet accepting connections|not accepting connections|in recovery mode)",
    r"server closed the connection unexpectedly", r"terminating connection due to administrator command", r"connection to server was lost",
    r"communication error", r"ssl syscall error", r"cluster is (paused|resuming|being resized|not available)",
    # Snowflake: 250001 is a wrong password too
    r"could not connect to snowflake backend", r"failed to connect to db.{0,200}(timeout|unavailable|50[234])",
    # Databricks
    r"temporarily_unavailable", r"temporarily unavailable", r"too many 50[234] error responses", r"(cluster|warehouse|endpoint) is (starting|stopped|stopping|paused|pending|suspended|terminated)",
    r"(cluster|warehouse) .{0,80}(is|in state) (pending|starting|restarting|stopping|terminat)", r"context deadline exceeded",
    r"exceed retry policy max retry duration",
    # BigQuery and Athena
    r"50[34] (service unavailable|deadline exceeded|gateway timeout)", r"\bserviceunavailable\b", r"could not connect to the endpoint url",
    r"connect timeout on endpoint url", r"connection was closed before we received a valid response",
)), re.IGNORECASE | re.DOTALL)
# What says that somebody answered, or that it was no connection of dbt's own.
ANSWERED = re.compile(r"password authentication failed|authentication failed|access denied|permission denied|incorrect username or password|no pg_hba\.conf entry|"
                      r"(database|role|user) \S+ does not exist|certificate verify failed|invalid (credentials|access token)|unauthorized|forbidden|"
                      r"python model failed|compilation error|syntax error", re.IGNORECASE)


def address(connection):
    """Where a warehouse listens that may still be starting; None where only dbt can tell."""
    host = str(connection.get("host") or "")
    port = str(connection.get("port") or PORTS.get(connection.get("type")))
    known = connection.get("type") in PORTS and host and "{{" not in host and port.isdecimal() and int(port) < 65536
    return (host, int(port)) if known else None


def place_of(connection):
    """The host and port that messages name; None where the profile does not say them."""
    kind, region = connection.get("type"), connection.get("region_name")
    host = connection.get("host") or connection.get("server") or {
        "snowflake": connection.get("account") and f"{connection['account']}.snowflakecomputing.com",
        "bigquery": "bigquery.googleapis.com", "athena": region and f"athena.{region}.amazonaws.com"}.get(kind)
    if not host or kind == "duckdb" or "{{" in str(host):
        return None
    return f"{host}:{connection.get('port') or PORTS.get(kind, 443)}"


def unreachable(text):
    """Whether an error says that the warehouse cannot be reached, or does not take connections yet."""
    return bool(WORDS.search(text)) and not ANSWERED.search(text)


def needs_no_warehouse(commands):
    """Whether no command asks it anything."""
    return all(command.name in WITHOUT for command in commands)


def wait_for(host, port, deadline, log, needless=False):
    """Waits until it accepts a connection, for a minute at most; after that, only commands that need none go on. Returns what ended it."""
    began, last = time.monotonic(), None
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
        except (OSError, UnicodeError) as error:
            if last is None:
                log(f"waiting for the warehouse at {host}:{port} for at most {SECONDS} s: {error}")
            last = error
        else:
            if last:
                log(f"the warehouse answers after {time.monotonic() - began:.0f} s")
            return None
        if time.monotonic() > began + SECONDS:
            if needless:
                log(f"the warehouse at {host}:{port} does not answer: {last}; no command needs it")
                return None
            raise End("connection", f"the warehouse at {host}:{port} could not be reached within {SECONDS} s, and nothing was run: {last}; "
                                    "look at its state and at its security group")
        if next_signal(time.monotonic() + 2) in STOP:
            return "terminated"
        if deadline and time.monotonic() > deadline:
            return "timeout"
