"""What peers run on: pools, processes, threads; and what machine this is."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import multiprocessing
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import moonpool
from bench.creference import CReference
from bench.threads import LuaThreads
from moonpool import _core

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as Processes

Native = Literal["auto", "require", "off"]
PACKAGES = ("numpy", "numexpr", "numba", "lupa", "llvmlite")


class Host:
    """Everything that peers need, each started when first asked for.

    Parameters
    ----------
    workers : int, optional
        How many workers, threads and processes a parallel peer has. By
        default as many as a `moonpool.Pool`.
    native : str
        Whether its pools run native code.
    """

    def __init__(
        self,
        workers: int | None = None,
        native: Native = "auto",
    ) -> None:
        self._native = native
        self._open = contextlib.ExitStack()
        self.many = self._open.enter_context(moonpool.Pool(workers, native=native))
        self.workers = self.many.workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @functools.cached_property
    def one(self) -> moonpool.Pool:
        """A pool with one worker."""
        return self._open.enter_context(moonpool.Pool(1, native=self._native))

    @functools.cached_property
    def c(self) -> CReference:
        """C as the language defines it."""
        return self._c()

    @functools.cached_property
    def c_fast(self) -> CReference:
        """C that may reassociate, and call the approximate functions of libmvec."""
        return self._c("-ffast-math")

    @functools.cached_property
    def processes(self) -> Processes:
        """Processes that share nothing: as many as workers."""
        return self._open.enter_context(multiprocessing.get_context("spawn").Pool(self.workers))

    @functools.cached_property
    def lua(self) -> LuaThreads:
        """Threads with Lua 5.3, the same as moonpool's."""
        return self._lua("lupa.lua53")

    @functools.cached_property
    def luajit(self) -> LuaThreads:
        """Threads with LuaJIT."""
        return self._lua("lupa.luajit21")

    def _c(self, *flags: str) -> CReference:
        return self._open.enter_context(contextlib.closing(CReference(self.workers, *flags)))

    def _lua(self, name: str) -> LuaThreads:
        return self._open.enter_context(contextlib.closing(LuaThreads(self.workers, name)))


def machine(workers: int) -> str:
    """Return one line about machine, what else it is doing, and versions."""
    versions = [f"moonpool {moonpool.__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{package} {importlib.metadata.version(package)}")
    return (
        f"{_processor()} ({_core.isa}), {os.cpu_count()} CPUs, {workers} workers, "
        f"{platform.system()} {platform.machine()}, load {os.getloadavg()[0]:.1f}; "
        f"{', '.join(versions)}"
    )


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
