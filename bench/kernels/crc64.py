"""CRC-64 of integers, bit by bit: shifts and exclusive or.

With the reflected polynomial of ECMA-182, as xz computes it.
"""

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

TITLE = "CRC-64"

POLYNOMIAL = 0xC96C5795D7870F42

LUA = """
local POLYNOMIAL = 0xC96C5795D7870F42

return function(x)
  local crc = ~x
  for _ = 1, 64 do
    crc = (crc >> 1) ~ (POLYNOMIAL & -(crc & 1))
  end
  return ~crc
end"""

C = """
void crc64(uint64_t *restrict out, const uint64_t *restrict numbers, int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        uint64_t crc = ~numbers[i];
        for (int bit = 0; bit < 64; bit++)
            crc = (crc >> 1) ^ (0xC96C5795D7870F42 & -(crc & 1));
        out[i] = ~crc;
    }
}"""


def what(scale: float) -> str:
    return f"{elements(1_000_000, scale):,} int64, 64 steps each"


def data(scale: float) -> Data:
    bounds = np.iinfo(np.int64)
    random = np.random.default_rng(11)
    return random.integers(bounds.min, bounds.max, elements(1_000_000, scale), endpoint=True)


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def with_numpy(data: Data) -> Run:
    numbers = data.view(np.uint64)
    one, polynomial = np.uint64(1), np.uint64(POLYNOMIAL)

    def run() -> Any:
        crc = ~numbers
        for _ in range(64):
            crc = (crc >> one) ^ (polynomial & -(crc & one))
        return (~crc).view(np.int64)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    polynomial = np.uint64(POLYNOMIAL)
    one = np.uint64(1)

    @numba.njit(parallel=parallel)
    def crc64(out: Any, numbers: Any) -> None:
        for i in numba.prange(numbers.size):
            crc = ~numbers[i]
            for _ in range(64):
                crc = (crc >> one) ^ (polynomial & -(crc & one))
            out[i] = ~crc

    out = np.empty_like(data)

    def run() -> Any:
        crc64(out.view(np.uint64), data.view(np.uint64))
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data)
    call = c.bind(C, "crc64", out, data, data.size)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data)
    return lambda: pool.map(kernel, data, out=out)
