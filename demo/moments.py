"""Mean, variance and extremes of the heights, in one `Pool.reduce`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import moonpool
from demo.step import FOLDER, Step, compare

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from demo.step import Pools


class Moments(NamedTuple):
    """What is to be known of a set of numbers."""

    mean: float
    variance: float
    low: float
    high: float


def _with_numpy(height: NDArray[np.int16]) -> Moments:
    return Moments(
        float(height.mean()), float(height.var()), float(height.min()), float(height.max())
    )


def _check(result: Moments, expected: Moments) -> None:
    assert math.isclose(result.mean, expected.mean, rel_tol=1e-12)
    assert math.isclose(result.variance, expected.variance, rel_tol=1e-10)
    assert (result.low, result.high) == (expected.low, expected.high)


def step(height: NDArray[np.int16], pools: Pools, repeat: int = 3) -> Step:
    """Fold the heights into five accumulators."""
    lua = moonpool.load(FOLDER / "moments.lua")
    start = 0, 0.0, 0.0, math.inf, -math.inf

    def run(pool: moonpool.Pool) -> Moments:
        n, mean, m2, low, high = pool.reduce(lua.add, height, init=start, combine=lua.combine)
        return Moments(mean, m2 / n, low, high)

    moments, seconds = compare(lambda: _with_numpy(height), run, pools, _check, repeat)
    return Step(
        "Heights",
        f"pool.reduce, mean, variance and extremes of {height.size:,} heights at once",
        moments,
        seconds,
    )
