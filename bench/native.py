"""Compare native kernels with numba, C, NumPy and numexpr.

python -m bench.native [--strict] [--write] [--quick] [--workers N]
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench import compiling, report
from bench.figures import Figure, at_least, at_most, table
from bench.harness import measure
from bench.host import Host, machine
from bench.kernels import (
    NATIVE,
    bilateral,
    black_scholes,
    collatz,
    crc64,
    haversine,
    julia,
    kmeans,
    lorenz,
    mandelbrot_map,
    nbody,
    newton,
    sobel,
    stencil_cells,
    sum_squares,
    triad,
)
from bench.turns import bare_threads, each_twice, gains, least

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bench.compiling import Milliseconds
    from bench.harness import Time
    from bench.turns import Body

    Add = Callable[[Any, Any, Any], None]

NAMES = (
    "NumPy",
    "numexpr",
    "numba",
    "numba parallel",
    "numba fastmath",
    "C",
    "C fast",
    "SIMD",
    "moonpool 1",
    "moonpool N",
    "moonpool fastmath",
)
# Those of them that README shows.
SHORT = ("NumPy", "numexpr", "numba parallel", "C", "C fast", "SIMD", "moonpool N")
PICTURE = report.DOCS / "native.png"
Results = dict[str, dict[str, "Time"]]

# How near moonpool is to come to the best of the others.
GOALS = {
    triad: 1.05,
    black_scholes: 1.1,
    mandelbrot_map: 1.3,
    sum_squares: 1.1,
    stencil_cells: 1.2,
    nbody: 1.1,
}

# Those whose numba source is all in float32, as a kernel with fastmath is.
FLOAT32 = (sobel,)

# The part of their data that two workers and one are compared over: little, so that
# both CPUs are free for the while, but enough that starting does not count.
PART = 0.4
# And how many pools of each kind take part.
POOLS = 5

# Those that wait for arithmetic and not for memory.
COMPUTE_BOUND = (
    black_scholes,
    mandelbrot_map,
    nbody,
    julia,
    newton,
    haversine,
    collatz,
    crc64,
    lorenz,
    kmeans,
    bilateral,
)


@dataclass(frozen=True)
class Effort:
    """How much is done: all, or just enough to see that it runs."""

    scale: float  # of the native comparison's data
    rounds: int  # of the comparison
    turns: int  # of what is short


FULL = Effort(1, 20, 150)
QUICK = Effort(compiling.LITTLE, 1, 2)


def missing() -> str | None:
    """Return why kernels do not run natively here, or None where they do."""
    probe = moonpool.kernel("function(x) return x + 1 end", name="probe")
    return None if probe.native(np.float64) else probe.explain(np.float64)


# ---- steady state --------------------------------------------------------------


def best(times: dict[str, Time]) -> float:
    """Return the least seconds of all peers but moonpool."""
    return min(time.best for name, time in times.items() if not name.startswith("moonpool"))


def steady(results: Results, of: Sequence[str] = NAMES) -> str:
    """Return the table of milliseconds, with the ratio to the best peer's of all."""
    names = [name for name in of if any(name in times for times in results.values())]
    rows = [["kernel", *names]]
    for title, times in results.items():
        rows.append([title, *(_cell(times.get(name), best(times)) for name in names)])
    return report.table(rows)


def _cell(time: Time | None, least_: float) -> str:
    if time is None:
        return "-"
    return f"{report.digits(time.best * 1e3)} ({time.best / least_:.2f})"


def goals(results: Results) -> Iterator[Figure]:
    """Compare moonpool with what each kernel is to reach, and with numba."""
    limits = {kernel.TITLE: limit for kernel, limit in GOALS.items()}
    against_numba: dict[str, float] = {}
    in_float32 = {kernel.TITLE for kernel in FLOAT32}
    for title, times in results.items():
        if "moonpool N" not in times:
            yield Figure(f"{title} as native code", "runs", "refused", False)
            continue
        for name in ("moonpool N", "moonpool fastmath"):
            if title in limits and name in times:
                what = f"{title}, {name} against the best peer"
                yield at_most(what, times[name].best / best(times), limits[title], " x")
        if "numba parallel" in times:
            name = "moonpool N" if title not in in_float32 else "moonpool fastmath"
            against_numba[title] = times["numba parallel"].best / times[name].best
    if against_numba:
        mean = statistics.geometric_mean(against_numba.values())
        yield at_least("geometric mean of speeds, numba parallel being 1", mean, 2, " x")
        slowest = min(against_numba, key=against_numba.__getitem__)
        what = f"the slowest of these, {slowest}{' with fastmath' * (slowest in in_float32)}"
        yield at_least(what, against_numba[slowest], 1, " x")


# ---- compiling -----------------------------------------------------------------


def compile_times(workers: int) -> dict[str, Milliseconds]:
    """Return those of numba, of moonpool, and of moonpool from the disk's cache."""
    columns = {
        compiling.NUMBA: compiling.NUMBA,
        compiling.MOONPOOL: compiling.MOONPOOL,
        "from disk": compiling.MOONPOOL,
    }
    with tempfile.TemporaryDirectory(prefix="moonpool-bench-") as folder:
        return {
            column: compiling.in_new_process(peer, workers, Path(folder))
            for column, peer in columns.items()
        }


def compile_table(times: dict[str, Milliseconds]) -> str:
    """Return the milliseconds that each kernel takes to compile."""
    rows = [["kernel", *times]]
    for title in times[compiling.MOONPOOL]:
        columns = times.values()
        cells = (f"{column[title]:.1f}" if title in column else "-" for column in columns)
        rows.append([title, *cells])
    return report.table(rows)


def compile_figures(times: dict[str, Milliseconds]) -> Iterator[Figure]:
    """Compare compile times with what they are to be."""
    mine, numba = times[compiling.MOONPOOL], times[compiling.NUMBA]
    yield at_most("compiling a kernel, median", _median(mine.values()), 20, " ms")
    yield at_most("loading it from disk, median", _median(times["from disk"].values()), 2, " ms")
    ratios = [mine[title] / numba[title] for title in mine.keys() & numba.keys()]
    yield at_most("compiling, against numba parallel, median", _median(ratios), 0.1, " x")


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values) or [math.inf])


# ---- calls ---------------------------------------------------------------------


def dispatch(turns: int, calls: int = 100) -> Iterator[Figure]:
    """Compare what a call takes with a call of a parallel function of numba's."""
    try:
        add = _numba_add()
    except ImportError as error:
        print(f"dispatch is left out: {error}", file=sys.stderr)
        return
    kernel = moonpool.kernel("function(a, b) return a + b end")
    with moonpool.Pool(native="require") as pool:
        for size in (1, 1000):
            found = _call_times(pool, kernel, add, size, turns, calls)
            filled, new, numba = (1e6 * seconds for seconds in found)
            call = f"{size:,} element{'s'[: size > 1]}"
            what = f"pool.map(k, a, b, out=o), {call} ({filled:.2f} µs; numba {numba:.2f} µs)"
            yield at_most(what, filled / numba, 0.5, " x")
            what = f"pool.map(k, a, b), {call} ({new:.2f} µs), against out=o"
            yield at_most(what, new / filled, 2, " x")


def _call_times(
    pool: moonpool.Pool, kernel: moonpool.Kernel, add: Add, size: int, turns: int, calls: int
) -> list[float]:
    """Return seconds of a call: into an array, of a new one, and of numba's."""
    a, b, out = np.ones((3, size))
    bodies = (
        lambda: pool.map(kernel, a, b, out=out),
        lambda: pool.map(kernel, a, b),
        lambda: add(a, b, out),
    )
    return [each / calls for each in least([_often(calls, body) for body in bodies], turns)]


def _often(calls: int, body: Callable[[], object]) -> Callable[[], None]:
    """Return `calls` calls in one, after the first of them."""

    def run() -> None:
        for _ in range(calls):
            body()

    body()
    return run


def _numba_add() -> Add:
    import numba

    @numba.njit(parallel=True)
    def add(a: Any, b: Any, out: Any) -> None:
        for i in numba.prange(a.size):
            out[i] = a[i] + b[i]

    function: Add = add
    return function


# ---- workers -------------------------------------------------------------------


def speedup(effort: Effort) -> Iterator[Figure]:
    """Compare pools of two workers with pools of one, and two bare threads with one."""
    pairs = {}
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(1))
        one, two = (
            [stack.enter_context(moonpool.Pool(n, native="require")) for _ in range(POOLS)]
            for n in (1, 2)
        )
        for kernel in COMPUTE_BOUND:
            data = kernel.data(NATIVE[kernel] * effort.scale * PART)
            try:
                pair = (_in_turns(kernel, data, one), _in_turns(kernel, data, two))
            except RuntimeError:
                continue  # refused, which has been said
            pairs[kernel.TITLE] = pair
        bare, *found = gains([bare_threads(threads), *pairs.values()], effort.turns)
    for title, gain in zip(pairs, found, strict=True):
        what = f"{title}, 2 workers against 1 (bare threads: {bare:.2f} x)"
        yield at_least(what, gain, 1.9, " x")


def _in_turns(kernel: Any, data: Any, pools: list[moonpool.Pool]) -> Body:
    runs = [kernel.with_moonpool(data, pool) for pool in pools]
    for run in runs:
        run()
    return each_twice(runs)


def same_bits(scale: float) -> Iterator[Figure]:
    """Sum squares with one, two and three workers."""
    data = sum_squares.data(NATIVE[sum_squares] * scale)
    what = "sums of squares by 1, 2 and 3 workers"
    sums = set()
    for workers in (1, 2, 3):
        with moonpool.Pool(workers, native="require") as pool:
            try:
                sums.add(sum_squares.with_moonpool(data, pool)())
            except RuntimeError:
                yield Figure(what, "the same bits", "refused", False)
                return
    yield Figure(what, "the same bits", f"{len(sums)} different", len(sums) == 1)


# ---- all of it -----------------------------------------------------------------


def compare(
    effort: Effort, workers: int | None, names: Sequence[str] = NAMES
) -> tuple[Results, dict[str, str], str]:
    """Return times by kernel and peer, what the kernels are, and the machine."""
    results: Results = {}
    what: dict[str, str] = {}
    with Host(workers, native="require") as host:
        for variable in ("NUMEXPR_MAX_THREADS", "NUMBA_NUM_THREADS"):
            os.environ.setdefault(variable, str(host.workers))
        about = machine(host.workers)
        for kernel, full in NATIVE.items():
            scale = full * effort.scale
            what[kernel.TITLE] = kernel.what(scale)
            print(f"{kernel.TITLE}: {what[kernel.TITLE]}", file=sys.stderr)
            results[kernel.TITLE] = measure(kernel, host, names, scale=scale, rounds=effort.rounds)
    return results, what, about


def text(
    results: Results, compiled: dict[str, Milliseconds], figures: list[Figure], about: str
) -> str:
    """Return all tables with what they say."""
    return "\n\n".join(
        [
            "Milliseconds in steady state, the least of all runs, and in parentheses the "
            "ratio to the best peer that is not moonpool (below 1 is faster than all):",
            steady(results),
            "Milliseconds to compile a kernel, which is its first call less a steady one, "
            "both on little data:",
            compile_table(compiled),
            "What the native tier promises:",
            table(figures),
            f"Measured on: {about}.",
        ]
    )


def main() -> None:
    """Measure everything; print, and with ``--write`` update the docs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="fail where a figure is not reached")
    parser.add_argument("--write", action="store_true", help="update README and docs/benchmarks.md")
    parser.add_argument("--quick", action="store_true", help="only see that it runs")
    parser.add_argument("--workers", type=int, help="of parallel peers, by default all cores")
    options = parser.parse_args()
    if options.quick and (options.strict or options.write):
        parser.error("the figures of --quick say nothing")
    why = missing()
    if why is not None:
        sys.exit(f"bench.native compares native code, and there is none here: {why}")
    effort = QUICK if options.quick else FULL
    results, what, about = compare(effort, options.workers)
    print("compiling, calls, workers", file=sys.stderr)
    with moonpool.Pool(options.workers) as pool:
        compiled = compile_times(pool.workers)
    figures = [
        *goals(results),
        *compile_figures(compiled),
        *dispatch(effort.turns),
        *speedup(effort),
        *same_bits(effort.scale),
    ]
    written = text(results, compiled, figures, about)
    print(f"\n{written}")
    if options.write:
        from bench import chart

        report.write("native", written)
        report.write("timings", f"{steady(results, SHORT)}\n\n{about}.", report.README)
        chart.draw(results, what, about, PICTURE)
    if options.strict and not all(figure.kept for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
