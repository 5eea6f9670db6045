"""Softmax of each row: a generalized ufunc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels.parts import join, slices
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as Processes

    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run
    from bench.threads import LuaThreads

    Data = NDArray[np.float64]

TITLE = "Softmax"
LUA = """
return function(a, out)
  local exp, n, high, sum = math.exp, #a, a[1], 0.0
  for i = 2, n do
    local x = a[i]
    if x > high then high = x end
  end
  for i = 1, n do
    local e = exp(a[i] - high)
    out[i] = e
    sum = sum + e
  end
  for i = 1, n do
    out[i] = out[i] / sum
  end
end"""

LUPA = """
return function(rows, n)
  local pack, unpack, exp, out = string.pack, string.unpack, math.exp, {}
  for row = 1, #rows, 8 * n do
    local a, high, sum = {}, -math.huge, 0.0
    for i = 1, n do
      local x = unpack("d", rows, row + 8 * i - 8)
      a[i] = x
      if x > high then high = x end
    end
    for i = 1, n do
      local e = exp(a[i] - high)
      a[i] = e
      sum = sum + e
    end
    for i = 1, n do
      out[#out + 1] = pack("d", a[i] / sum)
    end
  end
  return table.concat(out)
end"""


C = """
void softmax(double *restrict out, const double *restrict in, int64_t rows, int64_t columns)
{
    #pragma omp parallel for
    for (int64_t row = 0; row < rows; row++) {
        const double *a = in + row * columns;
        double *to = out + row * columns, high = a[0], sum = 0;
        for (int64_t i = 1; i < columns; i++)
            high = a[i] > high ? a[i] : high;
        for (int64_t i = 0; i < columns; i++) {
            to[i] = exp(a[i] - high);
            sum += to[i];
        }
        for (int64_t i = 0; i < columns; i++)
            to[i] /= sum;
    }
}"""


def what(scale: float) -> str:
    return f"{elements(1500, scale):,} rows of 200 float64, signature (n)->(n)"


def data(scale: float) -> Data:
    return np.random.default_rng(7).normal(0, 3, (elements(1500, scale), 200))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def _softmax(a: Data) -> Data:
    e: Data = np.exp(a - a.max(axis=1, keepdims=True))
    e /= e.sum(axis=1, keepdims=True)
    return e


def with_numpy(data: Data) -> Run:
    return lambda: _softmax(data)


def with_numexpr(data: Data) -> Run:
    import numexpr

    def run() -> Any:
        high = numexpr.evaluate("max(a, axis=1)", {"a": data})[:, None]
        e = numexpr.evaluate("exp(a - high)", {"a": data, "high": high})
        total = numexpr.evaluate("sum(e, axis=1)", {"e": e})[:, None]
        return numexpr.evaluate("e / total", {"e": e, "total": total}, out=e)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import math

    import numba

    @numba.njit(parallel=parallel)
    def softmax(a: Any, out: Any) -> None:
        for row in numba.prange(a.shape[0]):
            high = a[row].max()
            total = 0.0
            for i in range(a.shape[1]):
                out[row, i] = math.exp(a[row, i] - high)
                total += out[row, i]
            for i in range(a.shape[1]):
                out[row, i] /= total

    out = np.empty_like(data)

    def run() -> Any:
        softmax(data, out)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data)
    call = c.bind(C, "softmax", out, data, *data.shape)

    def run() -> Any:
        call()
        return out

    return run


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def run() -> Any:
        parts = slices(data.shape[0], lua.count)
        packed = lua.map(LUPA, ((data[part].tobytes(), data.shape[1]) for part in parts))
        return join(packed, data.shape)

    return run


def with_processes(data: Data, processes: Processes) -> Run:
    def run() -> Any:
        parts = slices(data.shape[0], 4)
        return np.concatenate(processes.map(_softmax, [data[part] for part in parts]))

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA, signature="(n)->(n)")
    out = np.empty_like(data)
    return lambda: pool.map(kernel, data, out=out)
