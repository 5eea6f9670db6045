"""Heat on a plate: each cell and its four neighbours, step after step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels.parts import join, slices
from bench.kernels.sizes import edge

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as Processes

    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run
    from bench.threads import LuaThreads

    Data = NDArray[np.float64]

TITLE = "Heat stencil"

STEPS = 4
RATE = 0.2

LUA = """
return function(j, old, new, rate)
  local north, here, south, out = old[j], old[j + 1], old[j + 2], new[j + 1]
  local west, middle = here[1], here[2]
  for i = 2, #here - 1 do
    local east = here[i + 1]
    out[i] = middle + rate * (north[i] + south[i] + west + east - 4 * middle)
    west, middle = middle, east
  end
end"""

LUPA = """
return function(old, width, rate)
  local pack, unpack, out = string.pack, string.unpack, {}
  local row = 8 * width
  for top = 1 + row, #old - row, row do
    local west, middle = unpack("dd", old, top)
    for at = top + 8, top + row - 16, 8 do
      local east = unpack("d", old, at + 8)
      out[#out + 1] = pack("d", middle + rate *
        (unpack("d", old, at - row) + unpack("d", old, at + row) + west + east - 4 * middle))
      west, middle = middle, east
    end
  end
  return table.concat(out)
end"""


C = """
void step(double *restrict new, const double *restrict old, int64_t height, int64_t width,
          double rate)
{
    #pragma omp parallel for
    for (int64_t j = 1; j < height - 1; j++) {
        const double *here = old + j * width;
        for (int64_t i = 1; i < width - 1; i++) {
            double around = here[i - width] + here[i + width] + here[i - 1] + here[i + 1];
            new[j * width + i] = here[i] + rate * (around - 4 * here[i]);
        }
    }
}"""


def what(scale: float) -> str:
    side = edge(400, scale)
    return f"5 points, {side} x {side} float64, {STEPS} steps"


def data(scale: float) -> Data:
    side = edge(400, scale)
    return np.random.default_rng(5).random((side, side))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def check_free(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def _inner(old: Data) -> Data:
    """Return the next state of all cells but the border."""
    middle = old[1:-1, 1:-1]
    around = old[:-2, 1:-1] + old[2:, 1:-1] + old[1:-1, :-2] + old[1:-1, 2:]
    inner: Data = middle + RATE * (around - 4 * middle)
    return inner


def march(data: Data, step: Any) -> Run:
    """Return a run of all steps; `step(old, new)` fills all of `new` but the border."""
    plates = data.copy(), data.copy()

    def run() -> Any:
        old = data
        for n in range(STEPS):
            new = plates[n % 2]
            step(old, new)
            old = new
        return old

    return run


def with_numpy(data: Data) -> Run:
    def step(old: Data, new: Data) -> None:
        new[1:-1, 1:-1] = _inner(old)

    return march(data, step)


def with_numexpr(data: Data) -> Run:
    import numexpr

    def step(old: Data, new: Data) -> None:
        names = {
            "middle": old[1:-1, 1:-1],
            "north": old[:-2, 1:-1],
            "south": old[2:, 1:-1],
            "west": old[1:-1, :-2],
            "east": old[1:-1, 2:],
            "rate": RATE,
        }
        formula = "middle + rate * (north + south + west + east - 4 * middle)"
        numexpr.evaluate(formula, names, out=new[1:-1, 1:-1])

    return march(data, step)


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit(parallel=parallel)
    def step(old: Any, new: Any) -> None:
        for j in numba.prange(1, old.shape[0] - 1):
            for i in range(1, old.shape[1] - 1):
                around = old[j - 1, i] + old[j + 1, i] + old[j, i - 1] + old[j, i + 1]
                new[j, i] = old[j, i] + RATE * (around - 4 * old[j, i])

    return march(data, step)


def with_c(data: Data, c: CReference) -> Run:
    plates = data.copy(), data.copy()
    olds = [data if n == 0 else plates[(n - 1) % 2] for n in range(STEPS)]
    calls = [c.bind(C, "step", plates[n % 2], old, *data.shape, RATE) for n, old in enumerate(olds)]

    def run() -> Any:
        for call in calls:
            call()
        return plates[(STEPS - 1) % 2]

    return run


def _with_halo(old: Data, parts: int) -> list[Data]:
    """Return blocks of rows, each with its neighbours above and below."""
    return [old[part.start : part.stop + 2] for part in slices(old.shape[0] - 2, parts)]


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def step(old: Data, new: Data) -> None:
        blocks = _with_halo(old, lua.count)
        packed = lua.map(LUPA, ((block.tobytes(), old.shape[1], RATE) for block in blocks))
        new[1:-1, 1:-1] = join(packed, (old.shape[0] - 2, old.shape[1] - 2))

    return march(data, step)


def with_processes(data: Data, processes: Processes) -> Run:
    def step(old: Data, new: Data) -> None:
        new[1:-1, 1:-1] = np.concatenate(processes.map(_inner, _with_halo(old, 4)))

    return march(data, step)


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)

    def step(old: Data, new: Data) -> None:
        pool.run(kernel, old.shape[0] - 2, old, new, RATE)

    return march(data, step)
