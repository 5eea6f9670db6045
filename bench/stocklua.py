"""Interpreters alone: one loop in Lua 5.3, with no array in sight.

The system's shared library, by ctypes; the same version as it is linked into
moonpool (cmake/Lua53Static.cmake); and the one that is compiled into lupa.

python -m bench.stocklua
"""

from __future__ import annotations

import ctypes
import ctypes.util
import time
from typing import TYPE_CHECKING, Any

import moonpool
from bench.kernels.mandelbrot import ESCAPE, LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

# The row-wise kernel without rows: points, and no array in sight.
LOOP = (
    ESCAPE
    + f"""
return function(count)
  local total = 0
  for i = 1, count do
    total = total + escape(i * 0.001 - 1.5, 0.1, {LIMIT})
  end
  return total
end"""
)

POINTS = 1500


class StockLua:
    """A function in a Lua state of its own.

    Parameters
    ----------
    source : str
        A chunk that returns a function of an integer that returns an integer.

    Raises
    ------
    OSError
        Where there is no shared liblua5.3.
    ValueError
        Where the source is not such a chunk.
    """

    def __init__(self, source: str) -> None:
        name = ctypes.util.find_library("lua5.3")
        if name is None:
            raise OSError("liblua5.3 is not installed")
        lua = ctypes.CDLL(name)
        lua.luaL_newstate.restype = ctypes.c_void_p
        lua.lua_tointegerx.restype = ctypes.c_longlong
        self._lua = lua
        self._state = ctypes.c_void_p(lua.luaL_newstate())
        if lua.luaL_loadstring(self._state, source.encode()) != 0 or self._call(0) != 0:
            raise ValueError("not a chunk that returns a function")

    def __call__(self, value: int) -> int:
        self._lua.lua_pushvalue(self._state, 1)
        self._lua.lua_pushinteger(self._state, ctypes.c_longlong(value))
        if self._call(1) != 0:
            raise ValueError("the function raised an error")
        result: int = self._lua.lua_tointegerx(self._state, -1, None)
        self._lua.lua_settop(self._state, 1)
        return result

    def close(self) -> None:
        """Close the state."""
        self._lua.lua_close(self._state)

    def _call(self, arguments: int) -> int:
        code: int = self._lua.lua_pcallk(
            self._state, arguments, 1, 0, ctypes.c_ssize_t(0), ctypes.c_void_p(None)
        )
        return code


def beside_lupa(rounds: int = 300) -> dict[str, float]:
    """Return how fast each interpreter is, 1 being lupa's, measured in turns."""
    from lupa import lua53  # type: ignore[import-untyped, unused-ignore]

    stock = StockLua(LOOP)
    kernel = moonpool.kernel(LOOP)
    with moonpool.Pool(1, native="off") as pool:
        functions: dict[str, Callable[[int], Any]] = {
            "lupa": lua53.LuaRuntime().execute(LOOP),
            "the shared library": stock,
            "moonpool": lambda count: pool.map(kernel, count),
        }
        if len({function(POINTS) for function in functions.values()}) != 1:
            raise ValueError("the interpreters do not agree")
        best = _in_turns(functions, rounds)
    stock.close()
    return {name: best["lupa"] / seconds for name, seconds in best.items()}


def _in_turns(functions: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, float]:
    """Return the least seconds of a call of each."""
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            began = time.perf_counter()
            function(POINTS)
            best[name] = min(best[name], time.perf_counter() - began)
    return best


if __name__ == "__main__":
    for name, speed in beside_lupa().items():
        print(f"{name}: {speed:.2f}")
