"""Signals at instants that a test chooses."""

import contextlib
import signal
import sys


@contextlib.contextmanager
def handled(handler):
    """Have SIGALRM, which `signal.setitimer` sends, call `handler` inside."""
    previous = signal.signal(signal.SIGALRM, handler)
    try:
        yield
    finally:
        # pytest-timeout has the same signal.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextlib.contextmanager
def interrupting():
    """Have SIGALRM interrupt like Ctrl-C inside, wherever Python is.

    In a destructor, or in a callback of the garbage collector (Hypothesis has
    one), Python reports the interrupt and drops it: pytest would make an error
    of the report, and another signal has to follow.
    """
    report = sys.unraisablehook

    def dropped(unraisable):
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            report(unraisable)

    with handled(signal.default_int_handler):
        sys.unraisablehook = dropped
        try:
            yield
        finally:
            sys.unraisablehook = report


def repeat(call, seconds, again):
    """Call until SIGALRM interrupts, after some seconds, and once more where it is dropped."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, again)
        while True:
            call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
