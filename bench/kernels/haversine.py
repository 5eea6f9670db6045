"""Distance on the globe: sines, cosines and an arc sine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

TITLE = "Haversine"

RADIUS = 6371.0  # km

LUA = """
local rad, sin, cos = math.rad, math.sin, math.cos

return function(lat1, lon1, lat2, lon2, radius)
  local p, q = rad(lat1), rad(lat2)
  local u, v = sin((q - p) / 2), sin(rad(lon2 - lon1) / 2)
  return 2 * radius * math.asin(math.sqrt(u * u + cos(p) * cos(q) * v * v))
end"""

C = """
static double rad(double degrees)
{
    return degrees * (M_PI / 180);
}

void haversine(double *restrict out, const double *restrict lat1, const double *restrict lon1,
               const double *restrict lat2, const double *restrict lon2, double radius,
               int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        double p = rad(lat1[i]), q = rad(lat2[i]);
        double u = sin((q - p) / 2), v = sin(rad(lon2[i] - lon1[i]) / 2);
        out[i] = 2 * radius * asin(sqrt(u * u + cos(p) * cos(q) * v * v));
    }
}"""


class Data(NamedTuple):
    lat1: NDArray[np.float64]  # degrees
    lon1: NDArray[np.float64]
    lat2: NDArray[np.float64]
    lon2: NDArray[np.float64]


def what(scale: float) -> str:
    return f"{elements(1_000_000, scale):,} pairs of places, float64"


def data(scale: float) -> Data:
    random = np.random.default_rng(10)
    lat1, lat2 = random.uniform(-89, 89, (2, elements(1_000_000, scale)))
    lon1, lon2 = random.uniform(-179, 179, (2, lat1.size))
    return Data(lat1, lon1, lat2, lon2)


def check(result: Any, expected: Any) -> None:
    # Near the antipodes asin makes much of a bit: metres are fine.
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-3)


def with_numpy(data: Data) -> Run:
    def run() -> Any:
        p, q = np.radians(data.lat1), np.radians(data.lat2)
        u, v = np.sin((q - p) / 2), np.sin(np.radians(data.lon2 - data.lon1) / 2)
        return 2 * RADIUS * np.arcsin(np.sqrt(u * u + np.cos(p) * np.cos(q) * v * v))

    return run


def with_numexpr(data: Data) -> Run:
    import numexpr

    formula = (
        "2 * radius * arcsin(sqrt(sin((lat2 - lat1) * rad / 2)**2 + "
        "cos(lat1 * rad) * cos(lat2 * rad) * sin((lon2 - lon1) * rad / 2)**2))"
    )
    names = {**data._asdict(), "rad": np.pi / 180, "radius": RADIUS}
    return lambda: numexpr.evaluate(formula, names)


def with_numba(data: Data, parallel: bool) -> Run:
    import math

    import numba

    @numba.njit(parallel=parallel)
    def haversine(out: Any, lat1: Any, lon1: Any, lat2: Any, lon2: Any, radius: float) -> None:
        for i in numba.prange(out.size):
            p, q = math.radians(lat1[i]), math.radians(lat2[i])
            u, v = math.sin((q - p) / 2), math.sin(math.radians(lon2[i] - lon1[i]) / 2)
            a = u * u + math.cos(p) * math.cos(q) * v * v
            out[i] = 2 * radius * math.asin(math.sqrt(a))

    out = np.empty_like(data.lat1)

    def run() -> Any:
        haversine(out, *data, RADIUS)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data.lat1)
    call = c.bind(C, "haversine", out, *data, RADIUS, out.size)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data.lat1)
    return lambda: pool.map(kernel, *data, RADIUS, out=out)
