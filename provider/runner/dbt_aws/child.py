"""The process that runs the commands of an attempt, from its start to its end or its cancel."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from .artifacts import UPLOAD_RESERVE
from .process import next_signal, reap

DBT_COMMANDS = Path(__file__).resolve().parent.parent / "dbt_commands.py"


def run_commands(steps, results, afresh, env, pass_on, deadline, stop_seconds, log):
    """Runs the steps, cancelled at the deadline or on SIGTERM, killed when that does not help. Returns the exit code, and what stopped them."""
    child = subprocess.Popen(
        [sys.executable, str(DBT_COMMANDS), json.dumps(steps), str(results), "afresh" if afresh else "shared"],
        cwd=env["DBT_PROJECT_DIR"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[int(results.name)])
    pump = threading.Thread(target=pass_on, args=(child.stdout,), daemon=True)
    pump.start()
    code, stopped, until = None, None, deadline
    while code is None:
        got = next_signal(until)
        if got == signal.SIGCHLD:
            code = reap(child.pid)
        elif got is None and stopped:
            log("the command does not end: it is killed")
            os.killpg(child.pid, signal.SIGKILL)
            until = None
        elif not stopped:
            stopped = "terminated" if got else "timeout"
            log("SIGTERM: cancelling what runs" if got else "out of time: cancelling what runs")
            os.kill(child.pid, signal.SIGINT)
            until = time.monotonic() + max(1.0, stop_seconds - UPLOAD_RESERVE)
    child.returncode = code
    pump.join(timeout=5)
    return code, stopped
