"""The system's Lua 5.3 with nothing around it, by ctypes.

It is the interpreter that runs moonpool's kernels. Beside lupa's, which comes
compiled with lupa, it tells what two interpreters differ in and what is
moonpool's.

python -m bench.stocklua
"""

from __future__ import annotations

import ctypes
import ctypes.util
import time
from typing import Any

from bench.kernels.mandelbrot import ESCAPE, LIMIT

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


def beside_lupa(rounds: int = 300) -> float:
    """Return how fast the system's interpreter is, 1 being lupa's, in turns."""
    from lupa import lua53  # type: ignore[import-untyped, unused-ignore]

    stock = StockLua(LOOP)
    functions: list[Any] = [stock, lua53.LuaRuntime().execute(LOOP)]
    if functions[0](POINTS) != functions[1](POINTS):
        raise ValueError("the interpreters do not agree")
    best = [float("inf")] * 2
    for _ in range(rounds):
        for k, function in enumerate(functions):
            began = time.perf_counter()
            function(POINTS)
            best[k] = min(best[k], time.perf_counter() - began)
    stock.close()
    return best[1] / best[0]


if __name__ == "__main__":
    print(f"{beside_lupa():.2f} x the speed of lupa's interpreter")
