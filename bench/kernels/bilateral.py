"""Bilateral filter: smooths an image, but not across its edges."""

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

TITLE = "Bilateral filter"

RADIUS = 3
SPACE, TONE = 2.0, 0.1  # standard deviations, in pixels and in brightness

# Windows end at the borders of the image.
LUA = """
return function(j, i, image, out, radius, space, tone)
  local height, width = #image, #image[1]
  local middle, sum, weights = image[j][i], 0.0, 0.0
  for y = math.max(1, j - radius), math.min(height, j + radius) do
    for x = math.max(1, i - radius), math.min(width, i + radius) do
      local dy, dx, dt = y - j, x - i, image[y][x] - middle
      local weight = math.exp((dy * dy + dx * dx) * space + dt * dt * tone)
      sum = sum + weight * image[y][x]
      weights = weights + weight
    end
  end
  out[j][i] = sum / weights
end"""

C = """
static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void bilateral(float *restrict out, const float *restrict image, int64_t height, int64_t width,
               int64_t radius, double space, double tone)
{
    #pragma omp parallel for
    for (int64_t j = 0; j < height; j++) {
        for (int64_t i = 0; i < width; i++) {
            float middle = image[j * width + i], sum = 0, weights = 0;
            for (int64_t y = max(0, j - radius); y <= min(height - 1, j + radius); y++) {
                for (int64_t x = max(0, i - radius); x <= min(width - 1, i + radius); x++) {
                    float dy = y - j, dx = x - i, dt = image[y * width + x] - middle;
                    float near = (dy * dy + dx * dx) * (float)space;
                    float weight = expf(near + dt * dt * (float)tone);
                    sum += weight * image[y * width + x];
                    weights += weight;
                }
            }
            out[j * width + i] = sum / weights;
        }
    }
}"""

FACTORS = -1 / (2 * SPACE**2), -1 / (2 * TONE**2)


def what(scale: float) -> str:
    side = edge(512, scale)
    window = 2 * RADIUS + 1
    return f"{window} x {window} pixels around each of {side} x {side} float32"


def data(scale: float) -> Data:
    """Return discs with noise."""
    random = np.random.default_rng(15)
    side = edge(512, scale)
    y, x = np.mgrid[:side, :side] * (64.0 / side)
    discs = 0.5 + 0.3 * np.sign(np.sin(x) + np.sin(y))
    image: Data = (discs + random.normal(0, 0.05, (side, side))).astype(np.float32)
    return image


def check(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def with_numpy(data: Data) -> Run:
    space, tone = FACTORS

    def run() -> Any:
        sums, weights = np.zeros_like(data), np.zeros_like(data)
        for dy in range(-RADIUS, RADIUS + 1):
            for dx in range(-RADIUS, RADIUS + 1):
                here = _cut(data.shape[0], dy), _cut(data.shape[1], dx)
                there = _cut(data.shape[0], -dy), _cut(data.shape[1], -dx)
                away = data[there] - data[here]
                near = np.float32((dy * dy + dx * dx) * space)
                weight = np.exp(near + away * away * np.float32(tone))
                sums[here] += weight * data[there]
                weights[here] += weight
        return sums / weights

    return run


def _cut(size: int, away: int) -> slice:
    """Return the pixels that have a neighbour so far `away`."""
    return slice(max(0, -away), min(size, size - away))


def with_numba(data: Data, parallel: bool) -> Run:
    import math

    import numba

    @numba.njit(parallel=parallel)
    def bilateral(out: Any, image: Any, radius: int, space: float, tone: float) -> None:
        height, width = image.shape
        for j in numba.prange(height):
            for i in range(width):
                middle = image[j, i]
                sum_ = weights = np.float32(0)
                for y in range(max(0, j - radius), min(height, j + radius + 1)):
                    for x in range(max(0, i - radius), min(width, i + radius + 1)):
                        dy, dx = np.float32(y - j), np.float32(x - i)
                        away = image[y, x] - middle
                        near = (dy * dy + dx * dx) * space
                        weight = math.exp(near + away * away * tone)
                        sum_ += weight * image[y, x]
                        weights += weight
                out[j, i] = sum_ / weights

    out = np.empty_like(data)
    factors = [np.float32(factor) for factor in FACTORS]

    def run() -> Any:
        bilateral(out, data, RADIUS, *factors)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data)
    call = c.bind(C, "bilateral", out, data, *data.shape, RADIUS, *FACTORS)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data)

    def run() -> Any:
        pool.run(kernel, data.shape, data, out, RADIUS, *FACTORS)
        return out

    return run
