"""The pool: worker threads that run Lua kernels."""

from __future__ import annotations

import math
import operator
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, cast

from moonpool import _core, _steps, _tier
from moonpool._completion import Completions
from moonpool._future import Future
from moonpool._kernel import Kernel, as_kernel
from moonpool._progress import open_bar
from moonpool._trace import write_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from moonpool._progress import Bar

_DEFAULT_MEMORY = 256 * 1024 * 1024
_COUNTERS = ("chunks", "items", "native", "busy", "memory", "memory_peak", "states")

_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


class Pool(_core.Front):
    """Worker threads that run Lua kernels over Python's memory.

    Parameters
    ----------
    workers : int, optional
        How many threads. By default ``MOONPOOL_WORKERS``, else
        ``OMP_NUM_THREADS``, else the CPUs that this process may use.
    memory_limit : int, optional
        Bytes of Lua memory a worker may use, `math.inf` for no limit. By
        default 256 MiB, and no limit without a sandbox.
    timeout : float, optional
        Seconds that a call may take, where the call does not say.
    native : {"auto", "on", "require", "off"}, optional
        Whether the kernels of `map`, `run` and `reduce` run as native code:
        where that is possible and pays, where it is possible, always (a call
        raises where it is not possible), or never. By default what
        ``MOONPOOL_NATIVE`` says, else "auto".
    sandbox : bool
        False gives kernels all of Lua's libraries, files and processes
        included. Only for kernels that you trust as you trust Python code.
    setup : str, optional
        Lua that runs once in each worker; all kernels see its globals.

    Raises
    ------
    LuaSyntaxError, LuaError
        What `setup` failed with.

    Notes
    -----
    A pool may be used from any number of threads. It is a context manager: at
    the end of the block it waits for what is in flight, and closes.
    """

    def __init__(
        self,
        workers: SupportsIndex | None = None,
        *,
        memory_limit: float | None = None,
        timeout: float | None = None,
        native: _tier.Native | None = None,
        sandbox: bool = True,
        setup: str | None = None,
    ) -> None:
        if setup is not None and not isinstance(setup, str):
            raise TypeError(f"setup must be a str of Lua, not {type(setup).__name__}")
        self._workers = _check_workers(workers)
        self._memory_limit = _check_memory(memory_limit, sandbox=sandbox)
        self._timeout = _steps.limit(timeout, 0.0)
        self._native = _tier.native_number(native)
        self._isa = _tier.isa()
        self._sandbox = bool(sandbox)
        self._setup = setup
        self._closed = False
        self._lock = threading.RLock()
        # None in the child of a fork, until the pool is used again.
        self._core = None
        self._open()
        _pools.add(self)

    # ---- life ----------------------------------------------------------------

    def _open(self) -> _core.Pool:
        """Start the workers, at first or after a fork."""
        with self._lock:
            if self._core is not None:
                return self._core
            self._check_open()
            core = _core.Pool(
                self._workers,
                self._memory_limit,
                0.0,
                self._sandbox,
                self._setup,
                self._native,
                self._isa,
            )
            completions = Completions(core)
            if self._setup is not None:
                try:
                    _drive(_steps.setup_steps(_steps.Call(core, self._timeout)), None)
                except BaseException:
                    completions.close(cancel=True)
                    raise
            self._completions = completions
            self._finalizer = weakref.finalize(self, completions.retire)
            self._finalizer.atexit = False
            self._core = core
            return core

    def close(self, cancel: bool = False) -> None:
        """Refuse new calls, wait for what is in flight, and end the workers.

        May be called again, by any thread, and by a callback of a future.
        Inside a call of its own thread, as by a signal's handler, a progress
        bar or an argument's method, it cannot wait: then the workers end with
        the last call.

        Parameters
        ----------
        cancel : bool
            Stop what is in flight instead of letting it end.
        """
        with self._lock:
            self._closed = True
            if self._core is None:
                # Forked, and not used since.
                return
        self._completions.close(cancel=cancel)
        self._finalizer.detach()

    @property
    def closed(self) -> bool:
        """Whether the pool has been closed."""
        return self._closed

    @property
    def workers(self) -> int:
        """The number of worker threads."""
        return self._workers

    def __enter__(self) -> Self:
        """Return the pool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for what is in flight, and close."""
        self.close()

    def __repr__(self) -> str:
        """Return the number of workers."""
        state = ", closed" if self._closed else ""
        return f"<moonpool.Pool of {self._workers} workers{state}>"

    def __reduce__(self) -> Any:
        """Refuse to pickle."""
        raise TypeError("a Pool cannot be pickled: make one in the other process")

    # ---- calls ---------------------------------------------------------------

    # map(), run() and reduce() themselves are the base's: it does at once what is
    # simple, and comes here with the rest.
    def _map(
        self,
        kernel: Kernel | str,
        *args: Any,
        out: Any = None,
        dtype: Any = None,
        where: Any = None,
        timeout: float | None = None,
        progress: Any = False,
    ) -> Any:
        """Do what `map` does by a job."""
        if type(kernel) is not Kernel:
            kernel = as_kernel(kernel)
        core = self._core or self._open()
        seconds = self._timeout if timeout is None else _steps.limit(timeout, 0.0)
        if out is not None and dtype is None and progress is False:
            # All in one call of the extension.
            mask = None if where is True else where
            return core.map(kernel, args, out, mask, seconds)
        call = _steps.Call(core, seconds)
        steps = _steps.map_steps(call, kernel, args, out=out, dtype=dtype, where=where)
        return _drive(steps, open_bar(progress, kernel.name))

    _map.__qualname__ = "Pool.map"  # as errors about arguments have it

    def _run(
        self,
        kernel: Kernel | str,
        extent: int | tuple[int, ...],
        *args: Any,
        timeout: float | None = None,
        progress: Any = False,
    ) -> None:
        """Do what `run` does where there is more to it."""
        if type(kernel) is not Kernel:
            kernel = as_kernel(kernel)
        core = self._core or self._open()
        seconds = self._timeout if timeout is None else _steps.limit(timeout, 0.0)
        if progress is False:
            # All in one call of the extension.
            core.run(kernel, _steps.read_extent(kernel, extent), args, seconds)
            return
        steps = _steps.run_steps(_steps.Call(core, seconds), kernel, extent, args)
        _drive(steps, open_bar(progress, kernel.name))

    _run.__qualname__ = "Pool.run"

    def _reduce(
        self,
        kernel: Kernel | str,
        *args: Any,
        init: Any,
        combine: Kernel | str | None = None,
        axis: int | tuple[int, ...] | None = None,
        timeout: float | None = None,
        progress: Any = False,
    ) -> Any:
        """Do what `reduce` does where there is more to it."""
        kernel = as_kernel(kernel)
        core = self._core or self._open()
        if (
            progress is False
            and axis is None
            and kernel.signature is None
            and _steps.is_operator(combine)
        ):
            # All in one call of the extension.
            several = isinstance(init, tuple)
            seconds = _steps.limit(timeout, self._timeout)
            values = core.reduce(kernel, args, init if several else (init,), combine, seconds)
            return values if several else values[0]
        call = self._call(core, timeout)
        steps = _steps.reduce_steps(call, kernel, args, init=init, combine=combine, axis=axis)
        return _drive(steps, open_bar(progress, kernel.name, "block"))

    _reduce.__qualname__ = "Pool.reduce"

    def broadcast(self, fn: Kernel | str, *args: Any) -> list[Any]:
        """Call any Lua function once on every worker.

        Parameters
        ----------
        fn : Kernel or str
            The function.
        *args
            As in `submit`.

        Returns
        -------
        list
            What each worker returned.
        """
        fn = as_kernel(fn)
        core = self._core or self._open()
        return _drive(  # type: ignore[no-any-return]
            _steps.broadcast_steps(self._call(core, None), fn, args), None
        )

    def submit(self, fn: Kernel | str, *args: Any) -> Future[Any]:
        """Call any Lua function once, in the background.

        Parameters
        ----------
        fn : Kernel or str
            The function.
        *args : None, bool, int, float, str, bytes, list, tuple, dict or array
            Copied into Lua, but for arrays, which the function reads and
            writes in place. Lists and tuples become tables with indices from
            1, dicts tables; a table cannot hold None, so entries that are None
            are not there.

        Returns
        -------
        Future
            Of what the function returns: a list for a table with indices 1 to
            n, a dict for another table, str for a string that is UTF-8, else
            bytes, a tuple for several values.
        """
        return self._background(fn, lambda call, taken: _steps.submit_steps(call, taken, args))

    def map_async(
        self,
        kernel: Kernel | str,
        *args: Any,
        out: Any = None,
        dtype: Any = None,
        where: Any = None,
        timeout: float | None = None,
        progress: Any = False,
    ) -> Future[Any]:
        """Do as `map` does, in the background. `timeout` counts from the start."""

        def steps(call: _steps.Call, taken: Kernel) -> _steps.Steps:
            return _steps.map_steps(call, taken, args, out=out, dtype=dtype, where=where)

        return self._background(kernel, steps, timeout, progress)

    def run_async(
        self,
        kernel: Kernel | str,
        extent: int | tuple[int, ...],
        *args: Any,
        timeout: float | None = None,
        progress: Any = False,
    ) -> Future[None]:
        """Do as `run` does, in the background. `timeout` counts from the start."""

        def steps(call: _steps.Call, taken: Kernel) -> _steps.Steps:
            return _steps.run_steps(call, taken, extent, args)

        return self._background(kernel, steps, timeout, progress)

    def reduce_async(
        self,
        kernel: Kernel | str,
        *args: Any,
        init: Any,
        combine: Kernel | str | None = None,
        axis: int | tuple[int, ...] | None = None,
        timeout: float | None = None,
        progress: Any = False,
    ) -> Future[Any]:
        """Do as `reduce` does, in the background. `timeout` counts from the start."""

        def steps(call: _steps.Call, taken: Kernel) -> _steps.Steps:
            return _steps.reduce_steps(call, taken, args, init=init, combine=combine, axis=axis)

        return self._background(kernel, steps, timeout, progress, "block")

    # ---- looking inside ------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Return what the workers have done so far.

        Returns
        -------
        dict
            "workers", and sums over them: "chunks" of jobs taken, "items"
            (kernel calls made), "native" (those of them in compiled jobs),
            "busy" (seconds inside chunks), "memory" and
            "memory_peak" (bytes of Lua memory), "states" (Lua states made).
            "per_worker" is a list of dicts with the same for each, and
            "callers" is one with what threads that called have done themselves:
            maps that are little, and a worker's part of compiled jobs that
            they wait for. The sums have it too.
        """
        self._check_open()
        core = self._core or self._open()
        rows = [
            dict(zip(_COUNTERS, core.stats(row), strict=True)) for row in range(core.workers + 1)
        ]
        sums = {name: sum(row[name] for row in rows) for name in _COUNTERS}
        callers = rows.pop()
        return {"workers": len(rows), **sums, "per_worker": rows, "callers": callers}

    def trace(self, path: str | os.PathLike[str]) -> None:
        """Write the last chunks that each worker ran as a Chrome trace.

        What calling threads did themselves has a row of its own.

        Parameters
        ----------
        path : path
            A JSON file for https://ui.perfetto.dev or chrome://tracing.
        """
        self._check_open()
        write_trace(self._core or self._open(), path)

    # ---- helpers -------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the pool is closed: make a new moonpool.Pool()")

    def _call(self, core: _core.Pool, timeout: float | None) -> _steps.Call:
        return _steps.Call(core, _steps.limit(timeout, self._timeout))

    def _background(
        self,
        kernel: Kernel | str,
        steps: Callable[[_steps.Call, Kernel], _steps.Steps],
        timeout: float | None = None,
        progress: Any = False,
        unit: str = "item",
    ) -> Future[Any]:
        kernel = as_kernel(kernel)
        seconds = _steps.limit(timeout, self._timeout)
        core = self._core or self._open()
        future: Future[Any] = Future(self._completions, open_bar(progress, kernel.name, unit))
        future.begin(steps(_steps.Call(core, seconds, future), kernel))
        return future

    def _forget(self) -> None:
        """In the child of a fork: the workers are not there."""
        self._lock = threading.RLock()
        if not self._closed:
            self._finalizer.detach()
            self._core = None


def _drive(steps: _steps.Steps, bar: Bar | None) -> Any:
    """Take all steps of a call on this thread."""
    try:
        while True:
            job = cast("_core.Job", next(steps))
            if bar is None:
                job.wait(-1.0)
            else:
                while not job.wait(0.1):
                    bar.show(job)
                bar.show(job)
    except StopIteration as stop:
        return stop.value
    finally:
        steps.close()
        if bar is not None:
            bar.close()


def _check_workers(workers: SupportsIndex | None) -> int:
    if workers is None:
        return _core.worker_count()[0]
    if isinstance(workers, bool) or not hasattr(workers, "__index__"):
        raise TypeError(f"workers must be an int, not {type(workers).__name__}")
    count = operator.index(workers)
    if not 1 <= count < 2**31:
        raise ValueError(f"workers must be 1 or more, not {count}")
    return count


def _check_memory(limit: float | None, *, sandbox: bool) -> int:
    """Return the limit in bytes, 0 for none."""
    if limit is None:
        return _DEFAULT_MEMORY if sandbox else 0
    if isinstance(limit, bool) or not isinstance(limit, (float, SupportsIndex)):
        raise TypeError(f"memory_limit must be a number of bytes, not {type(limit).__name__}")
    if limit == math.inf:
        return 0
    if not 1 <= limit < 2**63:
        raise ValueError(
            f"memory_limit must be 1 byte or more, or math.inf for no limit, not {limit}"
        )
    return int(limit)


def _after_fork() -> None:
    for pool in list(_pools):
        pool._forget()


os.register_at_fork(after_in_child=_after_fork)
