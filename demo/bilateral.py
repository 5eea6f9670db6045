"""An edge-preserving blur of a real photograph, by `Pool.run` over its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import moonpool
from demo.step import FOLDER, Step, compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.step import Pools

RADIUS = 3
SIGMA_SPACE = 2.5
SIGMA_COLOUR = 28.0


def load() -> NDArray[np.uint8]:
    """Return scikit-image's photograph of the cat Chelsea, 300 x 451 x 3."""
    from skimage import data

    photo: NDArray[np.uint8] = data.chelsea()
    return photo


def _with_numpy(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width, _ = photo.shape
    centre = photo.astype(float)
    border = (RADIUS, RADIUS)
    padded = np.pad(centre, (border, border, (0, 0)))
    inside = np.pad(np.ones((height, width)), (border, border))
    total = np.zeros_like(centre)
    weights = np.zeros((height, width))
    for dy in range(2 * RADIUS + 1):
        for dx in range(2 * RADIUS + 1):
            near = padded[dy : dy + height, dx : dx + width]
            space = ((dy - RADIUS) ** 2 + (dx - RADIUS) ** 2) / SIGMA_SPACE**2
            colour = ((near - centre) ** 2).sum(axis=2) / SIGMA_COLOUR**2
            weight = np.exp(-0.5 * (space + colour))
            weight *= inside[dy : dy + height, dx : dx + width]
            total += weight[:, :, None] * near
            weights += weight
    return (total / weights[:, :, None]).astype(np.float32)


def _check(result: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-4)


def step(photo: NDArray[np.uint8], pools: Pools, repeat: int = 3) -> Step:
    """Filter the photograph. Its planes are strided views: nothing is copied."""
    kernel = moonpool.load(FOLDER / "bilateral.lua").bilateral
    height, width, _ = photo.shape
    sigmas = SIGMA_SPACE, SIGMA_COLOUR

    def planes(image: NDArray[np.generic]) -> NDArray[np.generic]:
        return image.transpose(2, 0, 1)

    def run(pool: moonpool.Pool) -> NDArray[np.float32]:
        out = np.empty(photo.shape, np.float32)
        pool.run(kernel, (height, width), planes(photo), planes(out), RADIUS, *sigmas)
        return out

    smooth, seconds = compare(lambda: _with_numpy(photo), run, pools, _check, repeat)
    side = 2 * RADIUS + 1
    return Step(
        "Bilateral filter",
        f"pool.run, {width} x {height} pixels of a photograph, {side} x {side} neighbours",
        smooth,
        seconds,
    )
