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
    "lupa": ("with_lupa", lambda host: (host.lua,)),
    "lupa LuaJIT": ("with_luajit", lambda host: (host.luajit,)),
    "multiprocessing": ("with_processes", lambda host: (host.processes,)),
    "moonpool 1": ("with_moonpool", lambda host: (host.one,)),
    "moonpool N": ("with_moonpool", lambda host: (host.many,)),
}


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
    *,
    scale: float = 1.0,
    rounds: int = 10,
    seconds: float = 3.0,
    names: Sequence[str] = tuple(PEERS),
) -> dict[str, Time]:
    """Compare the peers on one kernel.

    Parameters
    ----------
    kernel : module
        One of `bench.kernels`.
    host : Host
        What peers run on.
    scale : float
        How much data, 1 being what is reported.
    rounds : int
        How often each peer runs after its first result, in turns with the
        others, so that what else the machine does weighs on all alike.
    seconds : float
        A peer that has taken this long takes part in no more rounds.
    names : sequence of str
        Which peers, of `PEERS`. The first makes the result that the others
        must make too.

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
        run = _prepare(kernel, data, host, name)
        if run is None:
            continue
        result = run()
        times[name] = Time(time.perf_counter() - began)
        if expected is None:
            expected = result
        kernel.check(result, expected)
        runs[name] = run
    for _ in range(rounds):
        for name, run in runs.items():
            if sum(times[name].runs) < seconds:
                began = time.perf_counter()
                run()
                times[name].runs.append(time.perf_counter() - began)
    return times


def _prepare(kernel: ModuleType, data: Any, host: Host, name: str) -> Run | None:
    function, given = PEERS[name]
    prepare = getattr(kernel, function, None)
    if prepare is None:
        return None
    try:
        run: Run = prepare(data, *given(host))
    except ImportError as error:
        print(f"{kernel.TITLE}: {name} is left out: {error}", file=sys.stderr)
        return None
    return run
