"""Kills the provider at a call of `pulumi up`, runs `up` again, and compares what AWS has with what the state has. Then
everything else that can come between a program and its infrastructure (cases.py).

    run                      ten points spread over the whole `up`, and every case
    run --all                every call, killed before it and after it
    run --at 17b --at 17a    before or after the 17th call that changes something
    run --case NAME          the cases whose names begin so; `--case list` names them
"""
import argparse
import gc
import os
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from cases import CASES, WHOLE, spread
from documents import true_to_aws
from stack import Aws, Wrong, same


def points(calls, options):
    """Which calls, each with whether the emulator has answered."""
    if options.at:
        return [(int(at[:-1]), at[-1] == "a") for at in options.at]
    if options.all:
        return [(n, answered) for n in range(1, calls + 1) for answered in (False, True)]
    return [(at, i % 2 == 1) for i, at in enumerate(spread(calls, options.points))]


def killed_once(aws, at, answered):
    """Kills at one point, comes up again, goes down."""
    wanted = aws.reference(WHOLE)
    stack = aws.stack()
    stack.killed(at, answered, WHOLE)
    stack.up()
    same(wanted, stack.compare())
    stack.destroyed()


def check(aws, name, case, *arguments):
    """Runs one case on an AWS without objects."""

    def alone():
        aws.reset()
        case(aws, *arguments)

    return checked(name, alone)


def checked(name, case, *arguments):
    """Runs one case and prints how it went."""
    start = time.monotonic()
    found = None
    try:
        case(*arguments)
    except Wrong as wrong:
        found = wrong
    except Exception:  # one case's failure must not end the others
        found = traceback.format_exc()
    print(f"{time.monotonic() - start:6.1f} s  {name}{f': WRONG: {found}' if found else ''}", flush=True)
    return found is None


def chosen(aws, options):
    """What to run: a name, a case, its arguments."""
    if not options.case:
        calls = aws.calls(WHOLE)
        for at, answered in points(calls, options):
            yield f"killed {'after' if answered else 'before'} call {at} of {calls}", killed_once, at, answered
    if options.case or not (options.all or options.at):
        for name, case, *arguments in CASES:
            if not options.case or any(name.startswith(prefix) for prefix in options.case):
                yield name, case, *arguments


def main():
    """Runs what was asked for; the exit code."""
    gc.disable()  # AWS's models are millions of objects, none of which is garbage
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--at", action="append")
    parser.add_argument("--case", action="append")
    parser.add_argument("--points", type=int, default=10)
    options = parser.parse_args()
    if options.case == ["list"]:
        print("\n".join(name for name, *_ in CASES))
        return 0
    with ExitStack() as stack:
        # More than there are processors: a `destroy` waits for what AWS refuses.
        clouds = [stack.enter_context(Aws()) for _ in range(2 * (os.cpu_count() or 1))]
        left = iter(list(chosen(clouds[0], options)))
        with ThreadPoolExecutor(len(clouds)) as pool:
            good = [each for part in pool.map(lambda aws: [check(aws, *each) for each in left], clouds) for each in part]
        whole = not (options.case or options.at)
        good.append(checked("true to AWS's models", true_to_aws, clouds, whole))
    print(f"{sum(good)} of {len(good)} passed", flush=True)
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
