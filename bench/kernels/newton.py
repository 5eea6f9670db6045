"""Kepler's equation M = E - e sin E by Newton's method, until it converges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

TITLE = "Newton iteration"

TOLERANCE = 1e-12
LIMIT = 50

LUA = """
local sin, cos, abs = math.sin, math.cos, math.abs

return function(mean, e, tolerance, limit)
  local E = e < 0.8 and mean or math.pi
  for _ = 1, limit do
    local step = (E - e * sin(E) - mean) / (1 - e * cos(E))
    E = E - step
    if abs(step) < tolerance then break end
  end
  return E
end"""

C = """
void kepler(double *restrict out, const double *restrict mean, const double *restrict e,
            double tolerance, int64_t limit, int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        double E = e[i] < 0.8 ? mean[i] : M_PI;
        for (int64_t n = 0; n < limit; n++) {
            double step = (E - e[i] * sin(E) - mean[i]) / (1 - e[i] * cos(E));
            E -= step;
            if (fabs(step) < tolerance)
                break;
        }
        out[i] = E;
    }
}"""


class Data(NamedTuple):
    mean: NDArray[np.float64]  # mean anomaly, in radians
    e: NDArray[np.float64]  # eccentricity


def what(scale: float) -> str:
    return f"Kepler's equation for {elements(1_000_000, scale):,} orbits, float64"


def data(scale: float) -> Data:
    random = np.random.default_rng(9)
    orbits = elements(1_000_000, scale)
    return Data(random.uniform(0, 2 * np.pi, orbits), random.uniform(0, 0.95, orbits))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-11)


def with_numpy(data: Data) -> Run:
    def run() -> Any:
        anomaly = np.where(data.e < 0.8, data.mean, np.pi)
        left = np.arange(anomaly.size)
        for _ in range(LIMIT):
            at, e = anomaly[left], data.e[left]
            step = (at - e * np.sin(at) - data.mean[left]) / (1 - e * np.cos(at))
            anomaly[left] = at - step
            # Those that have converged are dropped, so that the rest gets cheaper.
            left = left[np.abs(step) >= TOLERANCE]
        return anomaly

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import math

    import numba

    @numba.njit(parallel=parallel)
    def kepler(out: Any, mean: Any, e: Any, tolerance: float, limit: int) -> None:
        for i in numba.prange(mean.size):
            at = mean[i] if e[i] < 0.8 else math.pi
            for _ in range(limit):
                step = (at - e[i] * math.sin(at) - mean[i]) / (1 - e[i] * math.cos(at))
                at -= step
                if abs(step) < tolerance:
                    break
            out[i] = at

    out = np.empty_like(data.mean)

    def run() -> Any:
        kepler(out, *data, TOLERANCE, LIMIT)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data.mean)
    call = c.bind(C, "kepler", out, *data, TOLERANCE, LIMIT, out.size)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data.mean)
    return lambda: pool.map(kernel, *data, TOLERANCE, LIMIT, out=out)
