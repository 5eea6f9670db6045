"""Two uint8 images in one, by a third that says how much of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.sizes import edge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

TITLE = "Blend, uint8"

# 127 rounds to the nearest.
LUA = """
return function(front, back, alpha)
  return (alpha * front + (255 - alpha) * back + 127) // 255
end"""

C = """
void blend(uint8_t *restrict out, const uint8_t *restrict front, const uint8_t *restrict back,
           const uint8_t *restrict alpha, int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++)
        out[i] = (uint8_t)((alpha[i] * front[i] + (255 - alpha[i]) * back[i] + 127) / 255);
}"""


class Data(NamedTuple):
    front: NDArray[np.uint8]
    back: NDArray[np.uint8]
    alpha: NDArray[np.uint8]  # 255: only what is in front


def what(scale: float) -> str:
    side = edge(2048, scale)
    return f"by alpha, {side} x {side} uint8"


def data(scale: float) -> Data:
    side = edge(2048, scale)
    images = np.random.default_rng(17).integers(0, 256, (3, side, side), np.uint8)
    return Data(*images)


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def with_numpy(data: Data) -> Run:
    def run() -> Any:
        # The sum is at most 255 * 255 + 127, which fits.
        alpha = data.alpha.astype(np.uint16)
        total = alpha * data.front + (255 - alpha) * data.back + 127
        return (total // 255).astype(np.uint8)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit(parallel=parallel)
    def blend(out: Any, front: Any, back: Any, alpha: Any) -> None:
        for j in numba.prange(out.shape[0]):
            for i in range(out.shape[1]):
                a = np.int32(alpha[j, i])
                total = a * front[j, i] + (255 - a) * back[j, i] + 127
                out[j, i] = total // 255

    out = np.empty_like(data.front)

    def run() -> Any:
        blend(out, *data)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data.front)
    call = c.bind(C, "blend", out, *data, out.size)

    def run() -> Any:
        call()
        return out

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data.front)
    return lambda: pool.map(kernel, *data, out=out)
