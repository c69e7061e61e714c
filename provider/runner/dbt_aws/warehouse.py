"""A warehouse that may still be starting."""

import socket
import time

from .process import STOP, next_signal

SECONDS = 60
PORTS = {"postgres": 5432, "redshift": 5439}


def address(connection):
    """Where a warehouse listens that may still be starting; None where only dbt can tell."""
    host = str(connection.get("host") or "")
    port = str(connection.get("port") or PORTS.get(connection.get("type")))
    known = connection.get("type") in PORTS and host and "{{" not in host and port.isdecimal() and int(port) < 65536
    return (host, int(port)) if known else None


def wait_for(host, port, deadline, log):
    """Waits until it accepts a connection, for a minute at most: after that, dbt's own error says more. Returns what ended it."""
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
            log(f"the warehouse at {host}:{port} does not answer: {last}; "
                "look at its state and at its security group; trying dbt nevertheless")
            return None
        if next_signal(time.monotonic() + 2) in STOP:
            return "terminated"
        if deadline and time.monotonic() > deadline:
            return "timeout"
