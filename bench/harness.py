"""How peers are compared: the same data, checked results, times in turns."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from bench.host import Host

    # One run of a kernel, which returns its result. Whatever can be done
    # beforehand has been done when a peer returns it.
    Run = Callable[[], Any]

# name: the function of a kernel's module, and what it is given besides data.
PEERS: dict[str, tuple[str, Callable[[Host], tuple[Any, ...]]]] = {
    "NumPy": ("with_numpy", lambda _: ()),
    "numexpr": ("with_numexpr", lambda _: ()),
    "numba": ("with_numba", lambda _: (False,)),
    "numba parallel": ("with_numba", lambda _: (True,)),
    "numba fastmath": ("with_numba_fastmath", lambda _: ()),
    "C": ("with_c", lambda host: (host.c,)),
    "C fast": ("with_c", lambda host: (host.c_fast,)),
    "SIMD": ("with_simd", lambda host: (host.c,)),
    "lupa": ("with_lupa", lambda host: (host.lua,)),
    "lupa LuaJIT": ("with_luajit", lambda host: (host.luajit,)),
    "multiprocessing": ("with_processes", lambda host: (host.processes,)),
    "moonpool 1": ("with_moonpool", lambda host: (host.one,)),
    "moonpool N": ("with_moonpool", lambda host: (host.many,)),
    "moonpool fastmath": ("with_moonpool_fastmath", lambda host: (host.many,)),
}

# These may contract a product and a sum, or reassociate. Where a last bit
# grows to something that can be seen, a kernel has `check_free` for them.
FREE = ("numba fastmath", "C", "C fast", "SIMD", "moonpool fastmath")

# How often a peer runs in its turn, and for how many seconds, at least. The
# first runs still meet what the peer before them has left behind: its data in
# caches, its threads awake for some milliseconds.
TURN = 2
TURN_SECONDS = 0.05


@dataclass
class Time:
    """What one peer took for one kernel, in seconds."""

    first: float  # to the first result: compiling, starting, loading
    runs: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The least of the runs."""
        return min(self.runs)


def measure(
    kernel: ModuleType,
    host: Host,
    names: Sequence[str],
    *,
    scale: float = 1.0,
    rounds: int = 5,
    seconds: float = 3.0,
) -> dict[str, Time]:
    """Compare the peers on one kernel.

    Parameters
    ----------
    kernel : module
        One of `bench.kernels`.
    host : Host
        What peers run on.
    names : sequence of str
        Which peers, of `PEERS`. The first makes the result that the others
        must make too.
    scale : float
        How much data, 1 being what the module is about.
    rounds : int
        How many turns each peer has after its first result, so that what else
        the machine does weighs on all alike.
    seconds : float
        A peer that has taken this long has no more turns.

    Returns
    -------
    dict
        By peer, without those that are not installed or cannot do it.
    """
    data = kernel.data(scale)
    runs: dict[str, Run] = {}
    times: dict[str, Time] = {}
    expected = None
    for name in names:
        began = time.perf_counter()
        started = _start(kernel, data, host, name)
        if started is None:
            continue
        times[name] = Time(time.perf_counter() - began)
        runs[name], result = started
        if expected is None:
            expected = result
        _check(kernel, name)(result, expected)
    for _ in range(rounds):
        for name, run in runs.items():
            if sum(times[name].runs) < seconds:
                _take_turn(run, times[name])
    return times


def _check(kernel: ModuleType, name: str) -> Callable[[Any, Any], None]:
    check: Callable[[Any, Any], None] = kernel.check
    return getattr(kernel, "check_free", check) if name in FREE else check


def _start(kernel: ModuleType, data: Any, host: Host, name: str) -> tuple[Run, Any] | None:
    """Return a peer's run and its first result."""
    function, given = PEERS[name]
    prepare = getattr(kernel, function, None)
    if prepare is None:
        return None
    try:
        run: Run = prepare(data, *given(host))
        result = run()
    except (ImportError, RuntimeError) as error:
        # Not installed, or native code is required and cannot be made.
        print(f"{kernel.TITLE}: {name} is left out: {error}", file=sys.stderr)
        return None
    return run, result


def _take_turn(run: Run, to: Time) -> None:
    turn: list[float] = []
    while len(turn) < TURN or sum(turn) < TURN_SECONDS:
        began = time.perf_counter()
        run()
        turn.append(time.perf_counter() - began)
    to.runs += turn
