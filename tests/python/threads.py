"""How many threads the process has."""

import os
import time


def count():
    return len(os.listdir("/proc/self/task"))


def settle(before):
    """Return whether no more threads are left than there were.

    A thread that has been joined is listed for a moment yet, and the one that
    completes futures may take its time.
    """
    until = time.monotonic() + 10
    while count() > before and time.monotonic() < until:
        time.sleep(0.01)
    return count() <= before
