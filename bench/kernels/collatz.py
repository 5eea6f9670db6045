"""How long the Collatz sequence of a number is: integers, and no end in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

    Data = NDArray[np.int64]

TITLE = "Collatz lengths"

LUA = """
return function(n)
  local steps = 0
  while n ~= 1 do
    if n % 2 == 0 then
      n = n // 2
    else
      n = 3 * n + 1
    end
    steps = steps + 1
  end
  return steps
end"""

C = """
void collatz(int64_t *restrict out, const int64_t *restrict numbers, int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        int64_t n = numbers[i], steps = 0;
        for (; n != 1; steps++)
            n = n % 2 == 0 ? n / 2 : 3 * n + 1;
        out[i] = steps;
    }
}"""


def what(scale: float) -> str:
    return f"of 1 to {elements(500_000, scale):,}, int64"


def data(scale: float) -> Data:
    return np.arange(1, elements(500_000, scale) + 1)


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def with_numpy(data: Data) -> Run:
    def run() -> Any:
        steps, left, n = np.zeros_like(data), np.arange(data.size), data
        while True:
            # Those that have got to 1 are dropped, so that the rest gets cheaper.
            stay = n != 1
            left, n = left[stay], n[stay]
            if left.size == 0:
                return steps
            steps[left] += 1
            n = np.where(n % 2 == 0, n // 2, 3 * n + 1)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit(parallel=parallel)
    def collatz(out: Any, numbers: Any) -> None:
        for i in numba.prange(numbers.size):
            n, steps = numbers[i], 0
            while n != 1:
                n = n // 2 if n % 2 == 0 else 3 * n + 1
                steps += 1
            out[i] = steps

    out = np.empty_like(data)

    def run() -> Any:
        collatz(out, data)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data)
    call = c.bind(C, "collatz", out, data, data.size)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data)
    return lambda: pool.map(kernel, data, out=out)
