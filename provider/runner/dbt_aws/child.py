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


class Child:
    """It imports dbt, which takes long, while the runner finds out what is to be run."""

    def __init__(self, commands, results, env, pass_on):
        kind = "python" if all(command.is_python for command in commands) else "dbt"
        self.process = subprocess.Popen(
            [sys.executable, str(DBT_COMMANDS), str(results), kind], cwd=env["DBT_PROJECT_DIR"], env=env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[int(results.name)])
        self.pump = threading.Thread(target=pass_on, args=(self.process.stdout,), daemon=True)
        self.pump.start()

    def run(self, steps, afresh, deadline, stop_seconds, log):
        """Runs the steps, cancelled at the deadline or on SIGTERM, killed when that does not help. Returns the exit code, and what stopped them."""
        threading.Thread(target=self.give, args=({"steps": steps, "afresh": afresh},), daemon=True).start()
        pid = self.process.pid
        # It may have ended, and its signal been taken, before there was anything to run.
        code, stopped, until = reap(pid), None, deadline
        while code is None:
            got = next_signal(until)
            if got == signal.SIGCHLD:
                code = reap(pid)
            elif got is None and stopped:
                log("the command does not end: it is killed")
                os.killpg(pid, signal.SIGKILL)
                until = None
            elif not stopped:
                stopped = "terminated" if got else "timeout"
                log("SIGTERM: cancelling what runs" if got else "out of time: cancelling what runs")
                os.kill(pid, signal.SIGINT)
                until = time.monotonic() + max(1.0, stop_seconds - UPLOAD_RESERVE)
        self.process.returncode = code
        self.pump.join(timeout=5)
        return code, stopped

    def give(self, plan):
        """Tells it what to run; it reads that once it has imported dbt."""
        try:
            with self.process.stdin as pipe:
                pipe.write(json.dumps(plan).encode())
        except OSError:
            pass  # it has ended: how, its exit code says

    def dismiss(self):
        """Ends it before it runs anything."""
        if reap(self.process.pid) is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
