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
        The time by "NumPy", "1 worker", "2 workers" and so on.
    """

    title: str
    caption: str
    result: Any
    seconds: dict[str, float]


def label(workers: int) -> str:
    """Return the name of a number of workers in tables and charts."""
    return f"{workers} worker" if workers == 1 else f"{workers} workers"


def compare(
    numpy: Callable[[], Any],
    kernel: Callable[[moonpool.Pool], Any],
    pools: Sequence[moonpool.Pool],
    check: Callable[[Any, Any], None],
    repeat: int = 3,
) -> tuple[Any, dict[str, float]]:
    """Time the same work in NumPy and on every pool, and check each result.

    The first call on a pool, which loads the kernel, is not timed; of `repeat`
    others the least counts.

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
    for pool in pools:
        check(kernel(pool), expected)
        result, times[label(pool.workers)] = _best(lambda pool=pool: kernel(pool), repeat)  # type: ignore[misc]
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
