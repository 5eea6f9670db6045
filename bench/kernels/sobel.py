"""Sobel's operator: how steep a float32 image is at each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels.sizes import edge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

    Data = NDArray[np.float32]

TITLE = "Sobel, float32"

# The border is left out.
LUA = """
return function(j, i, image, out)
  local north, here, south = image[j], image[j + 1], image[j + 2]
  local west = north[i] + 2 * here[i] + south[i]
  local east = north[i + 2] + 2 * here[i + 2] + south[i + 2]
  local up = north[i] + 2 * north[i + 1] + north[i + 2]
  local down = south[i] + 2 * south[i + 1] + south[i + 2]
  local dx, dy = east - west, down - up
  out[j][i] = math.sqrt(dx * dx + dy * dy)
end"""

C = """
void sobel(float *restrict out, const float *restrict image, int64_t height, int64_t width)
{
    #pragma omp parallel for
    for (int64_t j = 0; j < height - 2; j++) {
        const float *n = image + j * width, *h = n + width, *s = h + width;
        for (int64_t i = 0; i < width - 2; i++) {
            float dx = n[i + 2] + 2 * h[i + 2] + s[i + 2] - (n[i] + 2 * h[i] + s[i]);
            float dy = s[i] + 2 * s[i + 1] + s[i + 2] - (n[i] + 2 * n[i + 1] + n[i + 2]);
            out[j * (width - 2) + i] = sqrtf(dx * dx + dy * dy);
        }
    }
}"""


def what(scale: float) -> str:
    side = edge(2048, scale)
    return f"3 x 3 pixels around each of {side} x {side} float32"


def data(scale: float) -> Data:
    side = edge(2048, scale)
    return np.random.default_rng(16).random((side, side), np.float32)


def check(result: Any, expected: Any) -> None:
    # float32 in float32 for some, in float64 for others.
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)


def _inner(data: Data) -> Data:
    return np.empty((data.shape[0] - 2, data.shape[1] - 2), np.float32)


def with_numpy(data: Data) -> Run:
    def run() -> Any:
        columns = data[:-2] + 2 * data[1:-1] + data[2:]
        rows = data[:, :-2] + 2 * data[:, 1:-1] + data[:, 2:]
        return np.hypot(columns[:, 2:] - columns[:, :-2], rows[2:] - rows[:-2])

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import math

    import numba

    @numba.njit(parallel=parallel)
    def sobel(out: Any, image: Any) -> None:
        two = np.float32(2)
        for j in numba.prange(out.shape[0]):
            for i in range(out.shape[1]):
                west = image[j, i] + two * image[j + 1, i] + image[j + 2, i]
                east = image[j, i + 2] + two * image[j + 1, i + 2] + image[j + 2, i + 2]
                up = image[j, i] + two * image[j, i + 1] + image[j, i + 2]
                down = image[j + 2, i] + two * image[j + 2, i + 1] + image[j + 2, i + 2]
                dx, dy = east - west, down - up
                out[j, i] = math.sqrt(dx * dx + dy * dy)

    out = _inner(data)

    def run() -> Any:
        sobel(out, data)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = _inner(data)
    call = c.bind(C, "sobel", out, data, *data.shape)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool, fastmath: bool = False) -> Run:
    kernel = moonpool.kernel(LUA, fastmath=fastmath)
    out = _inner(data)

    def run() -> Any:
        pool.run(kernel, out.shape, data, out)
        return out

    return run


def with_moonpool_fastmath(data: Data, pool: moonpool.Pool) -> Run:
    return with_moonpool(data, pool, fastmath=True)
