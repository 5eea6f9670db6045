"""Julia set: the points start, and what is added is the same for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels import escape
from bench.kernels.escape import LIMIT, Data
from bench.kernels.sizes import edge

if TYPE_CHECKING:
    from bench.harness import Run

TITLE = "Julia set"

# Its set is connected, and takes most points some time to leave.
C = complex(-0.8, 0.156)

LUA = """
return function(x, y, cx, cy, limit)
  for n = 0, limit - 1 do
    local xx, yy = x * x, y * y
    if xx + yy > 4 then return n end
    x, y = xx - yy + cx, 2 * x * y + cy
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
    return Data(np.linspace(-1.6, 1.6, side), np.linspace(-1.2, 1.2, side), C)


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty(data.shape, np.int32)

    def run() -> Any:
        return pool.map(kernel, data.x, data.y[:, None], C.real, C.imag, LIMIT, out=out)

    return run
