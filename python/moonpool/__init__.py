"""Run numeric kernels written in Lua over Python's memory, on every core.

The names that matter are `Pool`, which owns the worker threads, and `kernel`,
which makes a `Kernel` of Lua source::

    import moonpool

    with moonpool.Pool() as pool:
        y = pool.map("function(x) return math.sin(x) / x end", x)
"""

from moonpool._core import __version__
from moonpool._default import default_pool
from moonpool._errors import (
    KernelTimeout,
    LuaError,
    LuaMemoryError,
    LuaSyntaxError,
    PerformanceWarning,
)
from moonpool._future import Future
from moonpool._kernel import Kernel, kernel
from moonpool._load import Module, load
from moonpool._pool import Pool

__all__ = [
    "Future",
    "Kernel",
    "KernelTimeout",
    "LuaError",
    "LuaMemoryError",
    "LuaSyntaxError",
    "Module",
    "PerformanceWarning",
    "Pool",
    "__version__",
    "default_pool",
    "kernel",
    "load",
]
