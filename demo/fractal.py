"""The Mandelbrot set, by `Pool.map` over the complex plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import moonpool
from demo.step import FOLDER, Step, compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.step import Pools

# The valley of sea horses.
CENTRE = -0.7436, 0.1318
WIDTH = 0.012
LIMIT = 400


def plane(width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the coordinates of a picture's pixels, as a row and a column."""
    half = WIDTH / 2
    x = np.linspace(CENTRE[0] - half, CENTRE[0] + half, width)
    half *= height / width
    y = np.linspace(CENTRE[1] + half, CENTRE[1] - half, height)
    return x[None, :], y[:, None]


def _with_numpy(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    shape = np.broadcast_shapes(x.shape, y.shape)
    cx, cy = (np.broadcast_to(c, shape).ravel() for c in (x, y))
    count = np.zeros(cx.size)
    left = np.arange(cx.size)
    zx, zy = np.zeros(cx.size), np.zeros(cx.size)
    for n in range(1, LIMIT + 1):
        xx, yy = zx * zx, zy * zy
        out = xx + yy > 256
        size = (xx + yy)[out]
        count[left[out]] = n - np.log2(0.5 * np.log(size) / np.log(16))
        # Points that have left are dropped, so that the rest gets cheaper.
        stay = ~out
        left, xx, yy, zx, zy = left[stay], xx[stay], yy[stay], zx[stay], zy[stay]
        zx, zy = xx - yy + cx[left], 2 * zx * zy + cy[left]
    return count.reshape(shape)


def _check(result: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def step(pools: Pools, width: int = 480, height: int = 360, repeat: int = 3) -> Step:
    """Compute the picture. A row and a column broadcast to all its pixels."""
    kernel = moonpool.load(FOLDER / "fractal.lua").mandelbrot
    x, y = plane(width, height)

    def run(pool: moonpool.Pool) -> NDArray[np.float64]:
        count: NDArray[np.float64] = pool.map(kernel, x, y, LIMIT)
        return count

    count, seconds = compare(lambda: _with_numpy(x, y), run, pools, _check, repeat)
    return Step(
        "Mandelbrot set",
        f"pool.map, {width} x {height} points, at most {LIMIT} steps each",
        count,
        seconds,
    )
