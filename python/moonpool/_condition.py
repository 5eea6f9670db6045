"""Conditions, events and threads that Ctrl-C does not leave locked."""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import Any


class Condition(threading.Condition):
    """A condition that Ctrl-C does not leave locked.

    `threading.Condition` enters by a method in Python, which a signal's handler
    may leave by an exception when it has just taken the lock, and another
    thread would then wait for it for ever. Here ``with`` calls the
    lock's own methods, which no handler gets in between.
    """

    def __init__(self) -> None:
        self._own: Any = threading.RLock()
        super().__init__(self._own)

    __enter__: Any = property(attrgetter("_own.__enter__"))
    __exit__: Any = property(attrgetter("_own.__exit__"))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait to be notified."""
        try:
            return super().wait(timeout)
        finally:
            # An exception may also have come when it had just let go.
            if not self._own._is_owned():
                self._own.acquire()


class _Event(threading.Event):
    """An event that Ctrl-C does not leave locked."""

    def __init__(self) -> None:
        super().__init__()
        self._cond = Condition()


class Thread(threading.Thread):
    """A thread that Ctrl-C does not keep from starting.

    `start()` waits until the thread runs. An exception there may leave the lock
    of what it waits for taken; the thread would hang before its first line.
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._started = _Event()
