"""Signals and ended processes, as PID 1 must treat them."""

import os
import signal
import sys
import time
from threading import Event, Thread

WATCHED = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM}
STOP = (signal.SIGINT, signal.SIGTERM)
# Set once SIGINT was passed on to a child: nothing else is to be started.
CANCELLED = Event()
STDERR_BYTES = 20_000


def next_signal(until):
    """The next of the watched signals, or None when the time (of time.monotonic) is over."""
    if until is None:
        return signal.sigwaitinfo(WATCHED).si_signo
    got = signal.sigtimedwait(WATCHED, max(0.0, until - time.monotonic()))
    return got and got.si_signo


def reap(pid):
    """Collects all ended processes, and returns the exit code of this one if it is among them."""
    code = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if ended == 0:
            return code
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)


def in_a_child(act):
    """Runs a function that returns an exit code in a process of its own, and passes SIGINT on to it."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        try:
            sys.exit(act())
        except KeyboardInterrupt:
            sys.exit(130)
    code = None
    while code is None:
        if next_signal(None) == signal.SIGCHLD:
            code = reap(pid)
        else:
            CANCELLED.set()
            os.kill(pid, signal.SIGINT)
    return code


def with_stderr(act):
    """Runs in a child, as in_a_child does. Returns the exit code too, and the end of what it wrote to stderr, which is passed on."""
    source, sink = os.pipe()
    said = bytearray()

    def child():
        os.dup2(sink, sys.stderr.fileno())
        act()

    def pass_on():
        with open(source, "rb", buffering=0) as pipe:
            while part := pipe.read(1 << 16):
                sys.stderr.buffer.write(part)
                sys.stderr.buffer.flush()
                said.extend(part)
                del said[:-STDERR_BYTES]

    thread = Thread(target=pass_on, daemon=True)
    thread.start()
    code = in_a_child(child)
    os.close(sink)
    thread.join(timeout=5)
    return code, said.decode(errors="replace")
