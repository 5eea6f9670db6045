"""The pull of all bodies on each: n * n pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.parts import slices
from bench.kernels.sizes import edge

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as Processes

    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run
    from bench.threads import LuaThreads

TITLE = "n-body force"

# Keeps the pull of a body on itself, and of near ones, finite.
SOFT = 1e-3

LUA = """
return function(i, place, mass, soft, force)
  local x, y, z = place[1], place[2], place[3]
  local xi, yi, zi = x[i], y[i], z[i]
  local fx, fy, fz = 0.0, 0.0, 0.0
  for j = 1, #mass do
    local dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
    local r2 = dx * dx + dy * dy + dz * dz + soft
    local pull = mass[j] / (r2 * math.sqrt(r2))
    fx, fy, fz = fx + pull * dx, fy + pull * dy, fz + pull * dz
  end
  force[1][i], force[2][i], force[3][i] = fx, fy, fz
end"""

LUPA = """
return function(lo, hi, count, place, mass, soft)
  local function numbers(packed, first)
    local t = {}
    for j = 1, count do
      t[j] = string.unpack("d", packed, 8 * (first + j) - 7)
    end
    return t
  end
  local x, y, z = numbers(place, 0), numbers(place, count), numbers(place, 2 * count)
  local m, out = numbers(mass, 0), {}
  for i = lo, hi do
    local xi, yi, zi = x[i], y[i], z[i]
    local fx, fy, fz = 0.0, 0.0, 0.0
    for j = 1, count do
      local dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
      local r2 = dx * dx + dy * dy + dz * dz + soft
      local pull = m[j] / (r2 * math.sqrt(r2))
      fx, fy, fz = fx + pull * dx, fy + pull * dy, fz + pull * dz
    end
    out[#out + 1] = string.pack("ddd", fx, fy, fz)
  end
  return table.concat(out)
end"""


C = """
void pull(double *restrict force, const double *restrict place, const double *restrict mass,
          double soft, int64_t count)
{
    const double *x = place, *y = place + count, *z = place + 2 * count;
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        double fx = 0, fy = 0, fz = 0;
        for (int64_t j = 0; j < count; j++) {
            double dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i];
            double r2 = dx * dx + dy * dy + dz * dz + soft;
            double weight = mass[j] / (r2 * sqrt(r2));
            fx += weight * dx;
            fy += weight * dy;
            fz += weight * dz;
        }
        force[i] = fx;
        force[count + i] = fy;
        force[2 * count + i] = fz;
    }
}"""


class Data(NamedTuple):
    place: NDArray[np.float64]  # (3, n)
    mass: NDArray[np.float64]  # (n,)


def what(scale: float) -> str:
    return f"all pairs of {edge(500, scale):,} bodies, float64"


def data(scale: float) -> Data:
    random = np.random.default_rng(6)
    bodies = edge(500, scale)
    return Data(random.random((3, bodies)), random.random(bodies))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def _force(
    place: NDArray[np.float64], mass: NDArray[np.float64], part: slice
) -> NDArray[np.float64]:
    """Return the pull on a part of the bodies, (3, part)."""
    away = place[:, None, :] - place[:, part, None]
    r2 = (away * away).sum(axis=0) + SOFT
    force: NDArray[np.float64] = (away * (mass / (r2 * np.sqrt(r2)))).sum(axis=2)
    return force


def with_numpy(data: Data) -> Run:
    # All pairs at once would need gigabytes for some thousand bodies.
    parts = slices(data.mass.size, -(-data.mass.size // 256))
    return lambda: np.concatenate([_force(*data, part) for part in parts], axis=1)


def with_numexpr(data: Data) -> Run:
    import numexpr

    def run() -> Any:
        axes: dict[str, Any] = {}
        for name, c in zip("xyz", data.place, strict=True):
            axes |= {name: c[None, :], name + "i": c[:, None]}
        names = {**axes, "m": data.mass[None, :], "soft": SOFT}
        names["r2"] = numexpr.evaluate("(x - xi)**2 + (y - yi)**2 + (z - zi)**2 + soft", names)
        names["pull"] = numexpr.evaluate("m / (r2 * sqrt(r2))", names)
        return np.array(
            [numexpr.evaluate(f"sum(pull * ({c} - {c}i), axis=1)", names) for c in "xyz"]
        )

    return run


def with_numba(data: Data, parallel: bool, fastmath: bool = False) -> Run:
    import math

    import numba

    @numba.njit(parallel=parallel, fastmath=fastmath)
    def pull(force: Any, place: Any, mass: Any) -> None:
        for i in numba.prange(mass.size):
            fx = fy = fz = 0.0
            for j in range(mass.size):
                dx = place[0, j] - place[0, i]
                dy = place[1, j] - place[1, i]
                dz = place[2, j] - place[2, i]
                r2 = dx * dx + dy * dy + dz * dz + SOFT
                weight = mass[j] / (r2 * math.sqrt(r2))
                fx += weight * dx
                fy += weight * dy
                fz += weight * dz
            force[0, i], force[1, i], force[2, i] = fx, fy, fz

    force = np.empty_like(data.place)

    def run() -> Any:
        pull(force, *data)
        return force

    return run


def with_numba_fastmath(data: Data) -> Run:
    return with_numba(data, parallel=True, fastmath=True)


def with_c(data: Data, c: CReference) -> Run:
    force = np.empty_like(data.place)
    call = c.bind(C, "pull", force, *data, SOFT, data.mass.size)

    def run() -> Any:
        call()
        return force

    return run


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def run() -> Any:
        count = data.mass.size
        inputs = count, data.place.tobytes(), data.mass.tobytes(), SOFT
        parts = slices(count, lua.count)
        packed = lua.map(LUPA, ((part.start + 1, part.stop, *inputs) for part in parts))
        return np.frombuffer(b"".join(packed)).reshape(count, 3).T

    return run


def with_processes(data: Data, processes: Processes) -> Run:
    def run() -> Any:
        tasks = [(*data, part) for part in slices(data.mass.size, 4)]
        return np.concatenate(processes.starmap(_force, tasks), axis=1)

    return run


def with_moonpool(data: Data, pool: moonpool.Pool, fastmath: bool = False) -> Run:
    kernel = moonpool.kernel(LUA, fastmath=fastmath)
    force = np.empty_like(data.place)

    def run() -> Any:
        pool.run(kernel, data.mass.size, data.place, data.mass, SOFT, force)
        return force

    return run


def with_moonpool_fastmath(data: Data, pool: moonpool.Pool) -> Run:
    return with_moonpool(data, pool, fastmath=True)
