"""Steps until a point escapes: map over coordinates, an element a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels import escape
from bench.kernels.escape import LIMIT, Data
from bench.kernels.sizes import edge

if TYPE_CHECKING:
    from bench.harness import Run

TITLE = "Mandelbrot"

LUA = """
return function(x, y, limit)
  local zx, zy = 0.0, 0.0
  for n = 0, limit - 1 do
    local xx, yy = zx * zx, zy * zy
    if xx + yy > 4 then return n end
    zy = 2 * zx * zy + y
    zx = xx - yy + x
  end
  return limit
end"""

check, check_free = escape.check, escape.check_free
with_numpy, with_numba = escape.with_numpy, escape.with_numba
with_c, with_simd = escape.with_c, escape.with_simd


def what(scale: float) -> str:
    side = edge(1024, scale)
    return f"{side} x {side} points, at most {LIMIT} steps"


def data(scale: float) -> Data:
    side = edge(1024, scale)
    return Data(np.linspace(-2.0, 0.5, side), np.linspace(-1.25, 1.25, side), None)


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty(data.shape, np.int32)

    def run() -> Any:
        return pool.map(kernel, data.x, data.y[:, None], LIMIT, out=out)

    return run
