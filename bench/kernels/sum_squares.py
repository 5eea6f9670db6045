"""The sum of squares: a reduction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels.parts import slices
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as Processes

    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run
    from bench.threads import LuaThreads

    Data = NDArray[np.float64]

TITLE = "Sum of squares"
LUA = "function(sum, x) return sum + x * x end"

LUPA = """
return function(packed)
  local unpack, sum = string.unpack, 0.0
  for i = 1, #packed, 8 do
    local x = unpack("d", packed, i)
    sum = sum + x * x
  end
  return sum
end"""


C = """
void total(double *restrict sum, const double *restrict x, int64_t count)
{
    double all = 0;
    #pragma omp parallel for reduction(+ : all)
    for (int64_t i = 0; i < count; i++)
        all += x[i] * x[i];
    *sum = all;
}"""


def what(scale: float) -> str:
    return f"{elements(1_000_000, scale):,} float64 to one number"


def data(scale: float) -> Data:
    return np.random.default_rng(4).random(elements(1_000_000, scale))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-10)


def _sum(x: Data) -> float:
    return float(np.dot(x, x))


def with_numpy(data: Data) -> Run:
    return lambda: _sum(data)


def with_numexpr(data: Data) -> Run:
    import numexpr

    return lambda: numexpr.evaluate("sum(x * x)", {"x": data})


def with_numba(data: Data, parallel: bool, fastmath: bool = False) -> Run:
    import numba

    @numba.njit(parallel=parallel, fastmath=fastmath)
    def total(x: Any) -> float:
        sum_ = 0.0
        for i in numba.prange(x.size):
            sum_ += x[i] * x[i]
        return sum_

    return lambda: total(data)


def with_numba_fastmath(data: Data) -> Run:
    return with_numba(data, parallel=True, fastmath=True)


def with_c(data: Data, c: CReference) -> Run:
    total = np.empty(1)
    call = c.bind(C, "total", total, data, data.size)

    def run() -> Any:
        call()
        return total[0]

    return run


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def run() -> Any:
        return sum(lua.map(LUPA, ((data[p].tobytes(),) for p in slices(data.size, lua.count))))

    return run


def with_processes(data: Data, processes: Processes) -> Run:
    return lambda: sum(processes.map(_sum, [data[p] for p in slices(data.size, 4)]))


def with_moonpool(data: Data, pool: moonpool.Pool, fastmath: bool = False) -> Run:
    kernel = moonpool.kernel(LUA, fastmath=fastmath)
    return lambda: pool.reduce(kernel, data, init=0.0, combine="+")


def with_moonpool_fastmath(data: Data, pool: moonpool.Pool) -> Run:
    return with_moonpool(data, pool, fastmath=True)
