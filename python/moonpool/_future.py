"""Futures: calls of a pool that go on in the background."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, InvalidStateError
from concurrent.futures import Future as _Future
from typing import TYPE_CHECKING, Any, TypeVar

from moonpool._condition import Condition
from moonpool._native import find_caller

if TYPE_CHECKING:
    from collections.abc import Generator

    from moonpool._completion import Completions
    from moonpool._core import Job, Visit
    from moonpool._progress import Bar
    from moonpool._steps import Steps

T = TypeVar("T")

# How long cancel() waits for the end of the call, in seconds.
_PATIENCE = 0.1


class Future(_Future[T]):
    """The result of a call that a pool works on.

    A `concurrent.futures.Future`, so `concurrent.futures.wait`,
    `as_completed` and `asyncio.wrap_future` take it; it can also be awaited.
    Pools make futures; nobody else does.
    """

    def __init__(self, completions: Completions, bar: Bar | None = None) -> None:
        super().__init__()
        self._condition = Condition()
        self._completions = completions
        self._bar = bar
        self._steps: Steps | None = None
        self._job: Job | None = None
        self._visit: Visit | None = None
        self._stopped = False
        # Where a call that was put off was made: file, line and module.
        self.caller: tuple[str, int, str] | None = None
        self._noted = False
        # Held while the call takes a step, and by who wants to stop it.
        self._turn = threading.RLock()

    def cancel(self) -> bool:
        """Stop the call, also when it runs already.

        Returns when the call has ended and its buffers are given back, or after
        a tenth of a second where that takes longer.

        Returns
        -------
        bool
            False if the call had ended before.
        """
        if self.done():
            return self.cancelled()
        self._stopped = True
        recalled = False
        # In the midst of a step that takes long it is seen at the end of that.
        if not self._completions.is_started(self):
            with self._turn:
                if self._job is not None:
                    self._job.stop()
                else:
                    recalled = self._completions.recall(self)
        if recalled:
            self.advance()
        # The completion thread gives the buffers back and tells the callbacks.
        self._completions.pump(self, _PATIENCE)
        with self._condition:
            self._condition.wait_for(self.done, _PATIENCE)
        return self._become_cancelled()

    def running(self) -> bool:
        """Return whether a worker has begun with the call."""
        job = self._job
        return job is not None and not self.done() and job.running

    def result(self, timeout: float | None = None) -> T:
        """Return what the call returned, or raise what it raised.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait.

        Raises
        ------
        TimeoutError
            Where the call has not ended in time; it goes on.
        concurrent.futures.CancelledError
            Where it was cancelled.
        """
        self._completions.pump(self, timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the call raised, or None; waits as `result` does."""
        self._completions.pump(self, timeout)
        return super().exception(timeout)

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in a coroutine; cancelling the coroutine cancels the call."""
        return asyncio.wrap_future(self).__await__()

    # The rest is for the pool.

    def begin(self, steps: Steps) -> None:
        """Take the first step, on the thread that makes the call."""
        try:
            with self._turn:
                self._steps = steps
                try:
                    self._job = job = next(steps)
                finally:
                    if self._visit is not None:
                        self._visit.unbind()
            if job is None:
                self.caller = find_caller()
                self._completions.put_off(self)
        except BaseException:
            self._completions.recall(self)
            if self._job is None and not self._completions.is_started(self):
                steps.close()
                self.release()
            else:
                # Ctrl-C, and the job has started: it ends as a cancelled one.
                self.cancel()
            raise

    def enter(self, visit: Visit) -> None:
        """Take over that the call is counted in: its arguments are read."""
        self._visit = visit
        self._completions.add(self)

    def release(self) -> None:
        """Count the call out; may be called again."""
        self._completions.discard(self)
        if self._visit is not None:
            self._visit.release()

    def advance(self) -> None:
        """Take the next step: the job of the last one has ended, or it was put off."""
        steps = self._steps
        if steps is None:
            return
        try:
            if self._step(steps) is None:
                self._completions.put_off(self)
        except StopIteration as stop:
            self._settle(stop.value, None)
        except BaseException as error:
            self._settle(None, error)

    def report(self) -> None:
        """Show progress."""
        # It is not waited for: a step may take long.
        if self._bar is None or not self._turn.acquire(blocking=False):
            return
        try:
            if self._job is not None:
                self._bar.show(self._job)
        finally:
            self._turn.release()

    def fail(self, error: Exception) -> None:
        """End with `error`, which came up while the call was being finished."""
        self._steps = self._job = None
        self.release()
        if not self.done():
            self.set_exception(error)
        else:
            # Perhaps it got this far and no further.
            with self._condition:
                self._condition.notify_all()

    def lose(self) -> None:
        """Fail in the child of a fork, where no worker is left.

        Locks may be held by threads that do not exist here, so they are made
        anew; callbacks are the parent's business.
        """
        self._condition = Condition()
        self._turn = threading.RLock()
        self._waiters: list[Any] = []
        self._done_callbacks: list[Any] = []
        steps, self._steps, self._job = self._steps, None, None
        try:
            if steps is not None:
                steps.close()
        except ValueError:
            # Another thread was inside the generator when the process forked.
            pass
        if not self.done():
            self.set_exception(
                RuntimeError("the process was forked: the call goes on in the parent only")
            )

    def _step(self, steps: Steps) -> Job | None:
        with self._turn:
            self._job = None
            visit = self._visit
            try:
                if visit is not None:
                    visit.bind()
                if self._stopped:
                    steps.close()
                    raise CancelledError
                self._job = job = next(steps)
                self.stop_late()
            finally:
                if visit is not None:
                    visit.unbind()
        return job

    def stop_late(self) -> None:
        """Stop a job that was started while the call was cancelled."""
        with self._turn:
            if self._stopped and self._job is not None:
                self._job.stop()

    def _become_cancelled(self) -> bool:
        if not super().cancel():
            return False
        with self._condition:
            first, self._noted = not self._noted, True
        if first:
            # concurrent.futures.wait() counts it as done only after this.
            self.set_running_or_notify_cancel()
        return True

    def _settle(self, value: Any, error: BaseException | None) -> None:
        self._steps = None
        if self._bar is not None:
            self._bar.close()
        try:
            if isinstance(error, CancelledError):
                self._become_cancelled()
            elif error is not None:
                self.set_exception(error)
            else:
                self.set_result(value)
        except InvalidStateError:
            # Cancelled at the last moment.
            pass
