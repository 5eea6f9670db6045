"""The nearest of some centres: the step of k-means that takes the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

TITLE = "k-means assignment"

CENTRES = 16
DIMENSIONS = 4

# Centres are counted from 0, as Python does.
LUA = """
return function(point, centres)
  local nearest, least = 0, math.huge
  for k = 1, #centres do
    local centre, square = centres[k], 0.0
    for d = 1, #point do
      local away = point[d] - centre[d]
      square = square + away * away
    end
    if square < least then
      nearest, least = k - 1, square
    end
  end
  return nearest
end"""

C = """
void assign(int64_t *restrict out, const double *restrict points, int64_t count,
            int64_t dimensions, const double *restrict centres, int64_t ncentres)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        int64_t nearest = 0;
        double least = INFINITY;
        for (int64_t k = 0; k < ncentres; k++) {
            double square = 0;
            for (int64_t d = 0; d < dimensions; d++) {
                double away = points[i * dimensions + d] - centres[k * dimensions + d];
                square += away * away;
            }
            if (square < least) {
                nearest = k;
                least = square;
            }
        }
        out[i] = nearest;
    }
}"""


class Data(NamedTuple):
    points: NDArray[np.float64]  # (n, DIMENSIONS)
    centres: NDArray[np.float64]  # (CENTRES, DIMENSIONS)


def what(scale: float) -> str:
    points = elements(500_000, scale)
    return f"{points:,} points, {CENTRES} centres, {DIMENSIONS} float64, signature (d),(k,d)->()"


def data(scale: float) -> Data:
    random = np.random.default_rng(13)
    points = random.normal(0, 1, (elements(500_000, scale), DIMENSIONS))
    return Data(points, random.normal(0, 1, (CENTRES, DIMENSIONS)))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def with_numpy(data: Data) -> Run:
    def run() -> Any:
        squares = [((data.points - centre) ** 2).sum(axis=1) for centre in data.centres]
        return np.argmin(squares, axis=0)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import math

    import numba

    @numba.njit(parallel=parallel)
    def assign(out: Any, points: Any, centres: Any) -> None:
        for i in numba.prange(points.shape[0]):
            nearest, least = 0, math.inf
            for k in range(centres.shape[0]):
                square = 0.0
                for d in range(points.shape[1]):
                    away = points[i, d] - centres[k, d]
                    square += away * away
                if square < least:
                    nearest, least = k, square
            out[i] = nearest

    out = np.empty(data.points.shape[0], np.int64)

    def run() -> Any:
        assign(out, *data)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty(data.points.shape[0], np.int64)
    call = c.bind(C, "assign", out, data.points, *data.points.shape, data.centres, CENTRES)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA, signature="(d),(k,d)->()")
    out = np.empty(data.points.shape[0], np.int64)
    return lambda: pool.map(kernel, *data, out=out)
