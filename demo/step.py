"""What every step of the demonstration does: compute, check, take the time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import moonpool

FOLDER = Path(__file__).parent
INTERPRETED = "interpreted"


@dataclass(frozen=True)
class Step:
    """One step's result.

    Attributes
    ----------
    title : str
        In a few words.
    caption : str
        What the data is and what was called.
    result : Any
        The array or the numbers to show.
    seconds : dict
        The time by "NumPy", "interpreted", "1 worker", "2 workers" and so on.
    """

    title: str
    caption: str
    result: Any
    seconds: dict[str, float]


@dataclass(frozen=True)
class Pools:
    """What a step runs on.

    Attributes
    ----------
    interpreted : Pool
        With as many workers as the largest of the others.
    native : sequence of Pool
        Of more and more workers.
    """

    interpreted: moonpool.Pool
    native: Sequence[moonpool.Pool]

    def named(self) -> list[tuple[str, moonpool.Pool]]:
        """Return each pool with its name in tables and charts."""
        native = [(label(pool.workers), pool) for pool in self.native]
        return [(INTERPRETED, self.interpreted), *native]


def label(workers: int) -> str:
    """Return the name of a number of workers in tables and charts."""
    return f"{workers} worker" if workers == 1 else f"{workers} workers"


def compare(
    numpy: Callable[[], Any],
    kernel: Callable[[moonpool.Pool], Any],
    pools: Pools,
    check: Callable[[Any, Any], None],
    repeat: int = 3,
) -> tuple[Any, dict[str, float]]:
    """Time the same work in NumPy and on every pool, and check each result.

    The first call on a pool, which compiles the kernel, is not timed; of
    `repeat` others the least counts.

    Returns
    -------
    result
        As the last pool made it.
    seconds : dict
        As in `Step`.
    """
    expected, seconds = _best(numpy, repeat)
    times = {"NumPy": seconds}
    result = None
    for name, pool in pools.named():
        check(kernel(pool), expected)
        result, times[name] = _best(lambda pool=pool: kernel(pool), repeat)  # type: ignore[misc]
        check(result, expected)
    return result, times


def _best(body: Callable[[], Any], repeat: int) -> tuple[Any, float]:
    best = float("inf")
    result = None
    for _ in range(repeat):
        start = time.perf_counter()
        result = body()
        best = min(best, time.perf_counter() - start)
    return result, best
