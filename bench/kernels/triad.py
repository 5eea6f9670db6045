"""a = b + s * c: nothing but memory and the cost of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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

TITLE = "Triad"
LUA = "function(b, c, s) return b + s * c end"

LUPA = """
return function(b, c, s)
  local pack, unpack, out = string.pack, string.unpack, {}
  for i = 1, #b, 8 do
    out[#out + 1] = pack("d", unpack("d", b, i) + s * unpack("d", c, i))
  end
  return table.concat(out)
end"""


C = """
void triad(double *restrict out, const double *restrict b, const double *restrict c, double s,
           int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++)
        out[i] = b[i] + s * c[i];
}"""


class Data(NamedTuple):
    b: NDArray[np.float64]
    c: NDArray[np.float64]
    s: float


def what(scale: float) -> str:
    return f"a = b + s c over {elements(1_000_000, scale):,} float64"


def data(scale: float) -> Data:
    b, c = np.random.default_rng(1).random((2, elements(1_000_000, scale)))
    return Data(b, c, 3.0)


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def check_free(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-15)


def with_numpy(data: Data) -> Run:
    out = np.empty_like(data.b)

    def run() -> Any:
        np.multiply(data.c, data.s, out=out)
        return np.add(data.b, out, out=out)

    return run


def with_numexpr(data: Data) -> Run:
    import numexpr

    out = np.empty_like(data.b)
    return lambda: numexpr.evaluate("b + s * c", data._asdict(), out=out)


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit(parallel=parallel)
    def triad(out: Any, b: Any, c: Any, s: float) -> None:
        for i in numba.prange(b.size):
            out[i] = b[i] + s * c[i]

    out = np.empty_like(data.b)

    def run() -> Any:
        triad(out, *data)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data.b)
    call = c.bind(C, "triad", out, *data, data.b.size)

    def run() -> Any:
        call()
        return out

    return run


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def run() -> Any:
        parts = slices(data.b.size, lua.count)
        packed = lua.map(LUPA, ((data.b[p].tobytes(), data.c[p].tobytes(), data.s) for p in parts))
        return join(packed, data.b.shape)

    return run


def _part(b: NDArray[np.float64], c: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    return b + s * c


def with_processes(data: Data, processes: Processes) -> Run:
    def run() -> Any:
        parts = slices(data.b.size, 4)
        tasks = [(data.b[p], data.c[p], data.s) for p in parts]
        return np.concatenate(processes.starmap(_part, tasks))

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data.b)
    return lambda: pool.map(kernel, *data, out=out)
