"""Heat on a plate: a cell an item, as compiled kernels like it best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import moonpool
from bench.kernels import stencil

if TYPE_CHECKING:
    from bench.harness import Run
    from bench.kernels.stencil import Data

TITLE = stencil.TITLE

LUA = """
return function(j, i, old, new, rate)
  local north, here, south = old[j], old[j + 1], old[j + 2]
  local middle = here[i + 1]
  local around = north[i + 1] + south[i + 1] + here[i] + here[i + 2]
  new[j + 1][i + 1] = middle + rate * (around - 4 * middle)
end"""

what, data = stencil.what, stencil.data
check, check_free = stencil.check, stencil.check_free
with_numpy, with_numexpr = stencil.with_numpy, stencil.with_numexpr
with_numba, with_c = stencil.with_numba, stencil.with_c


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    inner = data.shape[0] - 2, data.shape[1] - 2

    def step(old: Any, new: Any) -> None:
        pool.run(kernel, inner, old, new, stencil.RATE)

    return stencil.march(data, step)
