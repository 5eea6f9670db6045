"""Short things timed in turns, and the least of many times each."""

from __future__ import annotations

import hashlib
import itertools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    Body = Callable[[], object]

# Two bare threads that gain as much have a CPU each, and how often as many rounds as
# were asked for that may be waited for.
FREE = 1.9
TRIES = 4


def least(bodies: Sequence[Body], rounds: int) -> list[float]:
    """Return the least seconds of each body: one of many times finds the machine idle."""
    best = [float("inf")] * len(bodies)
    for _ in range(rounds):
        best = [min(old, seconds(body)) for old, body in zip(best, bodies, strict=True)]
    return best


def gains(pairs: Sequence[tuple[Body, Body]], rounds: int) -> list[float]:
    """Return how much less the second of each pair takes, all in turns.

    Each runs twice in a row: the first time its threads may be asleep, and the
    caches hold what the one before it has left. All goes on, up to `TRIES` times as
    long, until the first pair has found the machine free: that of `bare_threads`.
    """
    bodies = [body for pair in pairs for body in pair for _ in range(2)]
    best = [float("inf")] * len(bodies)
    found = [0.0] * len(pairs)
    for _ in range(TRIES):
        best = [min(two) for two in zip(best, least(bodies, rounds), strict=True)]
        times = [min(best[k : k + 2]) for k in range(0, len(best), 2)]
        found = [one / two for one, two in zip(times[::2], times[1::2], strict=True)]
        if found[0] >= FREE:
            break
    return found


def each_twice(bodies: Sequence[Body]) -> Body:
    """Return a body that is each of them for two runs in a row, in turns.

    A thread may be slower than others at a kernel for as long as it lives, on any CPU,
    by where its stack lies. Several pools have as many stacks; the caller, which helps,
    has one.
    """
    turns = itertools.cycle([body for body in bodies for _ in range(2)])

    def run() -> None:
        next(turns)()

    return run


def seconds(body: Body) -> float:
    """Return how long a body takes."""
    began = time.perf_counter()
    body()
    return time.perf_counter() - began


def bare_threads(threads: ThreadPoolExecutor) -> tuple[Body, Body]:
    """Return the same hashing twice by this thread, and once by it and another.

    Neither needs the GIL. What they gain is what the machine has to give just then,
    but for the time that it takes to wake a thread.
    """

    def hash_() -> None:
        hashlib.pbkdf2_hmac("sha256", b"moon", b"pool", 24_000)

    def one() -> None:
        hash_()
        hash_()

    def two() -> None:
        other = threads.submit(hash_)
        hash_()
        other.result()

    return one, two
