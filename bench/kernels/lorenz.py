"""Lorenz's system by Runge and Kutta's method: a state of three a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

    Data = NDArray[np.float64]  # (n, 3)

TITLE = "Lorenz RK4"

# Short enough that chaos does not show: it makes much of a last bit.
STEPS = 100
STEP = 0.01

LUA = """
local function slope(x, y, z)
  return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z
end

return function(state, h, steps, out)
  local x, y, z = state[1], state[2], state[3]
  for _ = 1, steps do
    local ax, ay, az = slope(x, y, z)
    local bx, by, bz = slope(x + h / 2 * ax, y + h / 2 * ay, z + h / 2 * az)
    local cx, cy, cz = slope(x + h / 2 * bx, y + h / 2 * by, z + h / 2 * bz)
    local dx, dy, dz = slope(x + h * cx, y + h * cy, z + h * cz)
    x = x + h / 6 * (ax + 2 * bx + 2 * cx + dx)
    y = y + h / 6 * (ay + 2 * by + 2 * cy + dy)
    z = z + h / 6 * (az + 2 * bz + 2 * cz + dz)
  end
  out[1], out[2], out[3] = x, y, z
end"""

C = """
typedef struct state {
    double x, y, z;
} state;

static state slope(state s)
{
    return (state){10 * (s.y - s.x), s.x * (28 - s.z) - s.y, s.x * s.y - 8.0 / 3 * s.z};
}

static state along(state s, double h, state d)
{
    return (state){s.x + h * d.x, s.y + h * d.y, s.z + h * d.z};
}

void lorenz(state *restrict out, const state *restrict in, double h, int64_t steps, int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        state s = in[i];
        for (int64_t n = 0; n < steps; n++) {
            state a = slope(s), b = slope(along(s, h / 2, a));
            state c = slope(along(s, h / 2, b)), d = slope(along(s, h, c));
            s.x += h / 6 * (a.x + 2 * b.x + 2 * c.x + d.x);
            s.y += h / 6 * (a.y + 2 * b.y + 2 * c.y + d.y);
            s.z += h / 6 * (a.z + 2 * b.z + 2 * c.z + d.z);
        }
        out[i] = s;
    }
}"""


def what(scale: float) -> str:
    return f"{elements(50_000, scale):,} rows of 3 float64, {STEPS} steps, signature (n),(),()->(n)"


def data(scale: float) -> Data:
    return np.random.default_rng(12).uniform(-10, 20, (elements(50_000, scale), 3))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def check_free(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-8, atol=1e-8)


def with_numpy(data: Data) -> Run:
    def slope(x: Any, y: Any, z: Any) -> Any:
        return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    def run() -> Any:
        s = np.ascontiguousarray(data.T)
        for _ in range(STEPS):
            a = slope(*s)
            b = slope(*(s + STEP / 2 * a))
            c = slope(*(s + STEP / 2 * b))
            d = slope(*(s + STEP * c))
            s = s + STEP / 6 * (a + 2 * b + 2 * c + d)
        return s.T

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit
    def slope(x: float, y: float, z: float) -> tuple[float, float, float]:
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

    @numba.njit(parallel=parallel)
    def lorenz(out: Any, states: Any, h: float, steps: int) -> None:
        for i in numba.prange(states.shape[0]):
            x, y, z = states[i, 0], states[i, 1], states[i, 2]
            for _ in range(steps):
                ax, ay, az = slope(x, y, z)
                bx, by, bz = slope(x + h / 2 * ax, y + h / 2 * ay, z + h / 2 * az)
                cx, cy, cz = slope(x + h / 2 * bx, y + h / 2 * by, z + h / 2 * bz)
                dx, dy, dz = slope(x + h * cx, y + h * cy, z + h * cz)
                x += h / 6 * (ax + 2 * bx + 2 * cx + dx)
                y += h / 6 * (ay + 2 * by + 2 * cy + dy)
                z += h / 6 * (az + 2 * bz + 2 * cz + dz)
            out[i, 0], out[i, 1], out[i, 2] = x, y, z

    out = np.empty_like(data)

    def run() -> Any:
        lorenz(out, data, STEP, STEPS)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data)
    call = c.bind(C, "lorenz", out, data, STEP, STEPS, data.shape[0])

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA, signature="(n),(),()->(n)")
    out = np.empty_like(data)
    return lambda: pool.map(kernel, data, STEP, STEPS, out=out)
