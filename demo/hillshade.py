"""Shaded relief of a real elevation model, by `Pool.run` over its cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import moonpool
from demo.step import FOLDER, Step, compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from demo.step import Pools

METRES_PER_DEGREE = 111_320.0
# The sun as on maps: in the north-west, 45 degrees high.
AZIMUTH, ALTITUDE = math.radians(315), math.radians(45)
# Heights count double, as on maps of gentle land.
EXAGGERATION = 2.0


class Terrain(NamedTuple):
    """Heights in metres, rows from north to south, and the size of a cell."""

    height: NDArray[np.int16]
    dx: float
    dy: float


def load() -> Terrain:
    """Return matplotlib's sample: SRTM heights around Jacksboro, Tennessee."""
    from matplotlib import cbook

    with np.load(cbook.get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)) as data:
        latitude = math.radians((data["ymin"] + data["ymax"]) / 2)
        return Terrain(
            data["elevation"],
            float(data["dx"]) * METRES_PER_DEGREE * math.cos(latitude),
            float(data["dy"]) * METRES_PER_DEGREE,
        )


def _sun() -> tuple[float, float, float]:
    level = math.cos(ALTITUDE)
    return level * math.sin(AZIMUTH), -level * math.cos(AZIMUTH), math.sin(ALTITUDE)


def _with_numpy(terrain: Terrain) -> NDArray[np.float32]:
    z = terrain.height.astype(float)
    sx, sy, sz = _sun()
    west, middle, east = z[:, :-2], z[:, 1:-1], z[:, 2:]
    across = east - west
    down = west + 2 * middle + east
    gx = (across[:-2] + 2 * across[1:-1] + across[2:]) / (8 * terrain.dx / EXAGGERATION)
    gy = (down[2:] - down[:-2]) / (8 * terrain.dy / EXAGGERATION)
    lit = (sz - gx * sx - gy * sy) / np.sqrt(1 + gx * gx + gy * gy)
    shade: NDArray[np.float32] = np.maximum(0, lit).astype(np.float32)
    return shade


def _check(result: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def step(terrain: Terrain, pools: Pools, repeat: int = 3) -> Step:
    """Compute the relief without the border, where neighbours are missing."""
    kernel = moonpool.load(FOLDER / "hillshade.lua").hillshade
    rows, columns = terrain.height.shape
    cell = terrain.dx / EXAGGERATION, terrain.dy / EXAGGERATION

    def run(pool: moonpool.Pool) -> NDArray[np.float32]:
        shade = np.empty((rows - 2, columns - 2), np.float32)
        pool.run(kernel, shade.shape, terrain.height, shade, *cell, *_sun())
        return shade

    shade, seconds = compare(lambda: _with_numpy(terrain), run, pools, _check, repeat)
    return Step(
        "Hillshade",
        f"pool.run, {rows - 2} x {columns - 2} cells of an int16 elevation model, 3 x 3 neighbours",
        shade,
        seconds,
    )
