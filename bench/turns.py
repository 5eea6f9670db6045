"""Short things timed in turns, and the least of many times each."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    Body = Callable[[], object]


def least(bodies: Sequence[Body], rounds: int) -> list[float]:
    """Return the least seconds of each body: one of many times finds the machine idle."""
    best = [float("inf")] * len(bodies)
    for _ in range(rounds):
        best = [min(old, seconds(body)) for old, body in zip(best, bodies, strict=True)]
    return best


def gains(pairs: Sequence[tuple[Body, Body]], rounds: int) -> list[float]:
    """Return how much less the second of each pair takes, all in turns.

    Each runs twice in a row: the first time its threads may be asleep, and the
    caches hold what the one before it has left.
    """
    best = least([body for pair in pairs for body in pair for _ in range(2)], rounds)
    times = [min(best[k : k + 2]) for k in range(0, len(best), 2)]
    return [one / two for one, two in zip(times[::2], times[1::2], strict=True)]


def seconds(body: Body) -> float:
    """Return how long a body takes."""
    began = time.perf_counter()
    body()
    return time.perf_counter() - began


def bare_threads(threads: ThreadPoolExecutor) -> tuple[Body, Body]:
    """Return the same hashing twice by this thread, and by two without the GIL.

    No pool can gain more by its second worker than the machine gives to these.
    """

    def hash_() -> None:
        hashlib.pbkdf2_hmac("sha256", b"moon", b"pool", 12_000)

    def one() -> None:
        hash_()
        hash_()

    def two() -> None:
        for future in [threads.submit(hash_) for _ in range(2)]:
            future.result()

    return one, two
