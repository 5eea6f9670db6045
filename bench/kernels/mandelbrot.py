"""Steps until a point escapes: a loop of another length for every element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.sizes import edge

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as Processes

    from numpy.typing import NDArray

    from bench.harness import Run
    from bench.threads import LuaThreads

TITLE = "Mandelbrot"
# Fits a byte, which is how lupa returns a row.
LIMIT = 200

# Shared by moonpool and lupa.
ESCAPE = """
local function escape(x, y, limit)
  local zx, zy = 0.0, 0.0
  for n = 0, limit - 1 do
    local xx, yy = zx * zx, zy * zy
    if xx + yy > 4 then return n end
    zy = 2 * zx * zy + y
    zx = xx - yy + x
  end
  return limit
end
"""

LUA = (
    ESCAPE
    + """
return function(j, out, x, y, limit)
  local row, cy = out[j], y[j]
  for i = 1, #row do
    row[i] = escape(x[i], cy, limit)
  end
end"""
)

LUPA = (
    ESCAPE
    + """
return function(x, step, width, y, limit)
  local row = {}
  for i = 1, width do
    row[i] = string.char(escape(step * (i - 1) + x, y, limit))
  end
  return table.concat(row)
end"""
)


class Data(NamedTuple):
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    step: float


def what(scale: float) -> str:
    return f"{edge(320, scale)} x {edge(240, scale)} points, at most {LIMIT} steps, by rows"


def data(scale: float) -> Data:
    width, height = edge(320, scale), edge(240, scale)
    step = 3.0 / width
    x, y = (step * np.arange(float(size)) for size in (width, height))
    return Data(x - 2.2, y - 1.13, step)


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def _rows(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint8]:
    cx, cy = (c.ravel() for c in np.broadcast_arrays(x[None, :], y[:, None]))
    count = np.full(cx.size, LIMIT, np.uint8)
    left = np.arange(cx.size)
    zx, zy = np.zeros(cx.size), np.zeros(cx.size)
    for n in range(LIMIT):
        xx, yy = zx * zx, zy * zy
        out = xx + yy > 4
        count[left[out]] = n
        # Points that have escaped are dropped, so that the rest gets cheaper.
        stay = ~out
        left, xx, yy, zx, zy = left[stay], xx[stay], yy[stay], zx[stay], zy[stay]
        zx, zy = xx - yy + cx[left], 2 * zx * zy + cy[left]
    return count.reshape(y.size, x.size)


def with_numpy(data: Data) -> Run:
    return lambda: _rows(data.x, data.y)


def with_numexpr(data: Data) -> Run:
    import numexpr

    x, y = data.x[None, :], data.y[:, None]

    def run() -> Any:
        zx, zy, count = (np.zeros((y.size, x.size)) for _ in range(3))
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(LIMIT):
                names = {"zx": zx, "zy": zy, "x": x, "y": y, "count": count}
                # Points that have escaped stand still from then on.
                inside = numexpr.evaluate("zx * zx + zy * zy <= 4", names)
                names["inside"] = inside
                count = numexpr.evaluate("where(inside, count + 1, count)", names)
                zx = numexpr.evaluate("where(inside, zx * zx - zy * zy + x, zx)", names)
                zy = numexpr.evaluate("where(inside, 2 * zx * zy + y, zy)", names)
        return count.astype(np.uint8)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit
    def escape(x: float, y: float, limit: int) -> int:
        zx = zy = 0.0
        for n in range(limit):
            xx, yy = zx * zx, zy * zy
            if xx + yy > 4:
                return n
            zy = 2 * zx * zy + y
            zx = xx - yy + x
        return limit

    @numba.njit(parallel=parallel)
    def rows(out: Any, x: Any, y: Any, limit: int) -> None:
        for j in numba.prange(y.size):
            for i in range(x.size):
                out[j, i] = escape(x[i], y[j], limit)

    out = np.empty((data.y.size, data.x.size), np.uint8)

    def run() -> Any:
        rows(out, data.x, data.y, LIMIT)
        return out

    return run


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def run() -> Any:
        tasks = ((-2.2, data.step, data.x.size, y, LIMIT) for y in data.y)
        rows = lua.map(LUPA, tasks)
        return np.frombuffer(b"".join(rows), np.uint8).reshape(data.y.size, data.x.size)

    return run


with_luajit = with_lupa


def with_processes(data: Data, processes: Processes) -> Run:
    def run() -> Any:
        tasks = [(data.x, y) for y in np.array_split(data.y, 24)]
        return np.concatenate(processes.starmap(_rows, tasks, chunksize=1))

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty((data.y.size, data.x.size), np.uint8)

    def run() -> Any:
        pool.run(kernel, data.y.size, out, data.x, data.y, LIMIT)
        return out

    return run
