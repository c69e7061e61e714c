"""Signals and ended processes, as PID 1 must treat them."""

import os
import signal
import sys
import time

WATCHED = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM}
STOP = (signal.SIGINT, signal.SIGTERM)


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
            os.kill(pid, signal.SIGINT)
    return code
