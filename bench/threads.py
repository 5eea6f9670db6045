"""Lua by lupa in threads: a runtime a thread, which runs without the GIL.

Arrays cannot cross into lupa without the GIL taken for each element, so its
kernels get and return strings of packed numbers.
"""

from __future__ import annotations

import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class LuaThreads:
    """Threads with a `LuaRuntime` each.

    Parameters
    ----------
    count : int
        How many.
    lua : str
        lupa's module of the Lua to run, as "lupa.lua53".
    """

    def __init__(self, count: int, lua: str) -> None:
        self.count = count
        self._module: Any = importlib.import_module(lua)
        self._threads = ThreadPoolExecutor(count)
        self._own = threading.local()

    def map(self, source: str, tasks: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Return what the function that `source` returns makes of each task."""
        return list(self._threads.map(lambda task: self._function(source)(*task), tasks))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _function(self, source: str) -> Any:
        own = self._own.__dict__
        if "runtime" not in own:
            own["runtime"] = self._module.LuaRuntime(encoding=None)
            own["functions"] = {}
        if source not in own["functions"]:
            own["functions"][source] = own["runtime"].execute(source)
        return own["functions"][source]
