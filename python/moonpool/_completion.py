"""Completion: the thread of a pool that finishes its futures.

Another one, which is there only as long as it is needed, starts what has to be
compiled: neither who calls nor who waits for an ended job is to wait for LLVM.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from moonpool._condition import Thread

if TYPE_CHECKING:
    from moonpool import _core
    from moonpool._future import Future

# How often futures with a progress bar are looked at, and how long the thread
# sleeps otherwise; in seconds.
_SHOWING = 0.1
_SLEEPING = 5.0
# How long the starter waits where it has nothing to do, but may not end.
_IDLING = 0.01
# How long the interpreter's exit waits for a pool, in seconds.
_AT_EXIT = 5.0

_log = logging.getLogger("moonpool")
_live: weakref.WeakSet[Completions] = weakref.WeakSet()


class Completions:
    """The futures of one pool that are in flight, and the thread for them.

    It knows the extension's pool only, so that a `Pool` that nobody refers to
    can go while its futures are finished.
    """

    def __init__(self, core: _core.Pool) -> None:
        self.core = core
        self._lock = threading.RLock()
        self._inflight: set[Future[Any]] = set()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._orphan = False
        self._showing = 0
        # Futures that the starter has to go on with, and is at.
        self._waiting: deque[Future[Any]] = deque()
        self._started: set[Future[Any]] = set()
        self._starter: threading.Thread | None = None
        _live.add(self)

    def add(self, future: Future[Any]) -> None:
        """Take a future in; starts the thread when there is none."""
        with self._lock:
            # In this order: else the thread could end before it sees it.
            self._inflight.add(future)
            self._start_thread()
        if future._bar is not None:
            self._showing += 1
            self.core.wake()

    def discard(self, future: Future[Any]) -> None:
        """Let go of a future that has ended."""
        with self._lock:
            if future not in self._inflight:
                return
            self._inflight.remove(future)
        if future._bar is not None:
            self._showing -= 1
        if self._closing:
            self.core.wake()

    def put_off(self, future: Future[Any]) -> None:
        """Have the starter take the next step of a future."""
        try:
            with self._lock:
                self._waiting.append(future)
                if self._starter is None:
                    thread = Thread(target=self._start, name="moonpool starter", daemon=True)
                    thread.start()
                    self._starter = thread
        except RuntimeError:
            # No thread can be had: the interpreter exits, or there are too many.
            if self.recall(future):
                future.advance()

    def recall(self, future: Future[Any]) -> bool:
        """Take a future back from the starter; False where it does not wait."""
        with self._lock:
            if future not in self._waiting:
                return False
            self._waiting.remove(future)
            return True

    def is_started(self, future: Future[Any]) -> bool:
        """Return whether the starter is at a future."""
        return future in self._started

    def pump(self, future: Future[Any], timeout: float | None) -> None:
        """Do the thread's work until `future` is done, when called on it.

        A callback may so wait for another future without a deadlock.
        """
        thread = threading.current_thread()
        if thread is self._starter:
            serve = self._start_next
        elif thread is self._thread:
            serve = self._serve
        else:
            return
        until = None if timeout is None else time.monotonic() + timeout
        while not future.done():
            left = _SLEEPING if until is None else until - time.monotonic()
            if left <= 0:
                return
            serve(min(left, _SLEEPING))

    def close(self, *, cancel: bool) -> None:
        """End what is in flight, then the thread, then the workers."""
        self.core.close(cancel)
        if self.core.inside:
            # The call that this thread is in cannot end before this returns.
            self.retire()
            return
        self._closing = True
        thread = self._thread
        if thread is threading.current_thread():
            while self._inflight:
                self._serve(_SLEEPING)
        elif thread is not None:
            if self._starter is threading.current_thread():
                while self._inflight:
                    self._start_next(_SLEEPING)
            self._join(thread, None)
        self.core.free(-1.0)

    def retire(self) -> None:
        """Close without waiting, as when the pool was dropped."""
        self.core.close(False)
        with self._lock:
            self._closing = self._orphan = True
            thread = self._thread
        if thread is None:
            self.core.free(-1.0)
        else:
            self.core.wake()

    def exit(self) -> None:
        """Cancel everything, and wait only so long."""
        until = time.monotonic() + _AT_EXIT
        self.core.close(True)
        self._closing = True
        thread = self._thread
        if thread is not None:
            self._join(thread, until)
        if thread is None or not thread.is_alive():
            self.core.free(max(until - time.monotonic(), 0.0))

    def abandon(self) -> None:
        """Forget everything, in the child of a fork."""
        self._lock = threading.RLock()
        self._thread = self._starter = None
        self._waiting.clear()
        self._started.clear()
        lost, self._inflight = self._inflight, set()
        self.core.abandon()
        for future in lost:
            future.lose()

    def _start_thread(self) -> None:
        # Ctrl-C may end start() when the thread runs already. It waits for the
        # lock, finds that it is not the one, and ends.
        if self._thread is None:
            thread = Thread(target=self._loop, name="moonpool", daemon=True)
            thread.start()
            self._thread = thread

    def _join(self, thread: threading.Thread, until: float | None) -> None:
        # A wake-up is lost on a thread that is not waiting yet: repeat it.
        while thread.is_alive() and (until is None or time.monotonic() < until):
            self.core.wake()
            thread.join(0.02)

    def _loop(self) -> None:
        with self._lock:
            if self._thread is not threading.current_thread():
                return
        while not self._ends():
            try:
                self._serve(_SHOWING if self._showing else _SLEEPING)
            except Exception:
                # The other futures go on.
                _log.exception("a future could not be finished")
        if self._orphan:
            self.core.free(-1.0)

    def _ends(self) -> bool:
        # A call that began before the close may add its future after this: then
        # it needs another thread.
        with self._lock:
            if self._inflight or not self._closing:
                return False
            self._thread = None
            return True

    def _start(self) -> None:
        while True:
            with self._lock:
                if self._starter is not threading.current_thread():
                    return
                if not self._waiting:
                    self._starter = None
                    return
            self._start_next(0)

    def _start_next(self, seconds: float) -> None:
        """Go on with the next future that was put off, or wait for one a little."""
        with self._lock:
            future = self._waiting.popleft() if self._waiting else None
            if future is not None:
                self._started.add(future)
        if future is None:
            time.sleep(min(seconds, _IDLING))
            return
        try:
            future.advance()
        except Exception as error:
            future.fail(error)
        finally:
            self._started.discard(future)
            # A cancel() too late for the step relied on it until now.
            future.stop_late()

    def _serve(self, seconds: float) -> None:
        """Finish the next job that ends within `seconds`."""
        job = self.core.next_ended(seconds)
        owner = None if job is None else job.owner
        if owner is not None:
            # Else the call was given up.
            try:
                owner.advance()
            except Exception as error:
                # Out of memory, or of a progress bar: nobody waits for ever.
                owner.fail(error)
        if self._showing:
            for future in tuple(self._inflight):
                future.report()


@atexit.register
def _exit() -> None:
    for completions in list(_live):
        completions.exit()


def _after_fork() -> None:
    for completions in list(_live):
        completions.abandon()


os.register_at_fork(after_in_child=_after_fork)
