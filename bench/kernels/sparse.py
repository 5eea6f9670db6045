"""A sparse matrix (CSR) times a vector: indirect loads, rows of any length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

TITLE = "Sparse matrix-vector"

# Columns and starts are counted from 0, as everybody's CSR does.
LUA = """
return function(i, start, column, value, x, y)
  local sum = 0.0
  for k = start[i] + 1, start[i + 1] do
    sum = sum + value[k] * x[column[k] + 1]
  end
  y[i] = sum
end"""

C = """
void multiply(double *restrict y, const int32_t *restrict start, const int32_t *restrict column,
              const double *restrict value, const double *restrict x, int64_t rows)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < rows; i++) {
        double sum = 0;
        for (int32_t k = start[i]; k < start[i + 1]; k++)
            sum += value[k] * x[column[k]];
        y[i] = sum;
    }
}"""


class Data(NamedTuple):
    start: NDArray[np.int32]  # (rows + 1,), of each row in the next two
    column: NDArray[np.int32]
    value: NDArray[np.float64]
    x: NDArray[np.float64]  # (rows,)


def what(scale: float) -> str:
    return f"{elements(200_000, scale):,} rows of 1 to 31 float64, CSR with int32"


def data(scale: float) -> Data:
    random = np.random.default_rng(14)
    rows = elements(200_000, scale)
    start = np.zeros(rows + 1, np.int32)
    np.cumsum(random.integers(1, 32, rows), out=start[1:])
    column = random.integers(0, rows, start[-1], np.int32)
    return Data(start, column, random.random(start[-1]), random.random(rows))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def with_numpy(data: Data) -> Run:
    # No row is empty, which reduceat would not take for a sum.
    return lambda: np.add.reduceat(data.value * data.x[data.column], data.start[:-1])


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit(parallel=parallel)
    def multiply(y: Any, start: Any, column: Any, value: Any, x: Any) -> None:
        for i in numba.prange(y.size):
            sum_ = 0.0
            for k in range(start[i], start[i + 1]):
                sum_ += value[k] * x[column[k]]
            y[i] = sum_

    y = np.empty_like(data.x)

    def run() -> Any:
        multiply(y, *data)
        return y

    return run


def with_c(data: Data, c: CReference) -> Run:
    y = np.empty_like(data.x)
    call = c.bind(C, "multiply", y, *data, y.size)

    def run() -> Any:
        call()
        return y

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    y = np.empty_like(data.x)

    def run() -> Any:
        pool.run(kernel, y.size, *data, y)
        return y

    return run
