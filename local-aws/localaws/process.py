"""Processes that outlive this command, known by id and start time."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from .cache import Failure


def started(pid):
    """When a process started, as the system says it; None when there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip() or None


class Process:
    """A background process whose id is kept in a file beside its log."""

    def __init__(self, folder, name):
        self.name = name
        self.file = folder / f"{name}.pid"
        self.log = folder / f"{name}.log"

    def pid(self):
        """The id, if that very process is alive; a stale file is removed."""
        try:
            pid, start = json.loads(self.file.read_text())
        except (OSError, ValueError):
            return None
        # Ids are used again: the start time tells ours from a stranger.
        if started(pid) == start:
            return pid
        self.file.unlink(missing_ok=True)
        return None

    def start(self, command, ready, seconds, **options):
        """Starts the command in the background and waits until `ready()` is true."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "w") as out:
            child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=out, start_new_session=True, **options)
        self.file.write_text(json.dumps([child.pid, started(child.pid)]))
        deadline = time.monotonic() + seconds
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                why = "ended" if child.poll() is not None else f"was not ready in {seconds} s"
                self.stop()
                raise Failure(f"{self.name} {why}; the end of {self.log}:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, seconds=15):
        """Ends the process, by its id; true if there was one."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.pid() is not None and time.monotonic() < deadline:
            reap(pid)
            time.sleep(0.05)
        if self.pid() is not None:
            os.kill(pid, signal.SIGKILL)
            reap(pid)
        self.file.unlink(missing_ok=True)
        return True


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
