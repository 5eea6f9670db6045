"""Measure what the interpreted tier promises, each as a ratio within this run.

python -m bench.figures [--strict] [--write] [--core build/release/bench]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import moonpool
from bench import report
from bench.harness import measure
from bench.host import Host, machine
from bench.kernels import mandelbrot
from bench.turns import bare_threads, gains
from moonpool import _native

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent

BUSY = """
return function(i, steps)
  local x = i * 1.0
  for n = 1, steps do
    x = x * 0.999 + 1.0 / (x + n)
  end
end"""


@dataclass(frozen=True)
class Figure:
    """One promise and how it is kept."""

    what: str
    limit: str
    measured: str
    kept: bool


def at_most(what: str, measured: float, limit: float, unit: str) -> Figure:
    """Return the figure of something that is to be small."""
    return Figure(
        what, f"at most {limit:g}{unit}", f"{measured:.2f}{unit}", round(measured, 2) <= limit
    )


def at_least(what: str, measured: float, limit: float, unit: str) -> Figure:
    """Return the figure of something that is to be great."""
    return Figure(
        what, f"at least {limit:g}{unit}", f"{measured:.2f}{unit}", round(measured, 2) >= limit
    )


def table(figures: Iterable[Figure]) -> str:
    """Return the table of figures."""
    rows = [["figure", "limit", "measured", ""]]
    for figure in figures:
        verdict = "ok" if figure.kept else "NOT OK"
        rows.append([figure.what, figure.limit, figure.measured, verdict])
    return report.table(rows)


# ---- the C core --------------------------------------------------------------


def core(folder: Path) -> Iterator[Figure]:
    """Ask the C benchmarks, where they have been built."""
    for name, benchmark, what in (
        ("bench_core_call", "map_element", "elementwise call, beside a C loop of lua_call"),
        ("bench_core_element", "element_read", "a[i] in Lua, beside a bare __index"),
    ):
        program = folder / name
        if not program.exists():
            print(f"left out, since {program} is not built: {what}", file=sys.stderr)
            continue
        command = [str(program), f"--benchmark_filter=^{benchmark}/", "--benchmark_format=json"]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        (found,) = json.loads(run.stdout)["benchmarks"]
        times = f"({found['ns']:.0f} ns and {found['bare_ns']:.0f} ns)"
        yield at_most(f"{what} {times}", found["ratio"], 1.3, " x")


# ---- workers -----------------------------------------------------------------


def speedup(rounds: int = 300, steps: int = 4000) -> Iterator[Figure]:
    """Compare two workers with one, and two bare threads with one."""
    busy = moonpool.kernel(BUSY)
    data = mandelbrot.data(0.2)
    with (
        moonpool.Pool(1, native="off") as one,
        moonpool.Pool(2, native="off") as two,
        ThreadPoolExecutor(1) as threads,
    ):
        pairs = [
            bare_threads(threads),
            (lambda: one.run(busy, 100, steps), lambda: two.run(busy, 100, steps)),
            (mandelbrot.with_moonpool(data, one), mandelbrot.with_moonpool(data, two)),
        ]
        bare, *found = gains(pairs, rounds)
    for what, gain in zip(("CPU-bound kernel", "Mandelbrot by rows"), found, strict=True):
        note = f"2 workers against 1 (bare threads: {bare:.2f} x)"
        yield at_least(f"{what}, {note}", gain, 1.9, " x")


def counting(seconds: float = 0.1, rounds: int = 25) -> Iterator[Figure]:
    """Count in Python beside a busy worker, and alone, in turns."""
    alone = beside = 0.0
    with moonpool.Pool(1) as pool:
        for _ in range(rounds):
            alone = max(alone, _count(seconds))
            future = pool.submit("function() while true do end end")
            beside = max(beside, _count(seconds))
            future.cancel()
    what = "Python thread that counts beside 1 busy worker, against alone"
    yield at_least(what, beside / alone, 0.9, " x")


def _count(seconds: float) -> float:
    """Return how often a thread counts in a second."""
    rate: list[float] = []

    def count() -> None:
        n, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            for _ in range(1000):
                n += 1
        rate.append(n / (time.perf_counter() - began))

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    return rate[0]


def beside_lupa(rounds: int = 30) -> Iterator[Figure]:
    """Compare with lupa in as many threads as there are workers."""
    with Host(native="off") as host:
        names = "lupa", "moonpool N"
        times = measure(mandelbrot, host, names, scale=0.3, rounds=rounds, seconds=30)
    if "lupa" in times:
        what = "Mandelbrot by rows, interpreted, against lupa in threads"
        yield at_least(what, times["lupa"].best / times["moonpool N"].best, 1.0, " x")


# ---- long runs ---------------------------------------------------------------


def _soak(scenario: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.soak", scenario]
    run = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ, timeout=600
    )
    found: dict[str, float] = json.loads(run.stdout)
    return found


def long_runs() -> Iterator[Figure]:
    """Look at memory and threads of processes that do much."""
    extra = _soak("memory")["mib"]
    yield at_most("extra memory of pool.map(k, a, out=b) over 1 GiB", extra, 16, " MiB")
    flat_ones = [
        ("jobs", "100,000 small jobs"),
        ("stopped", "10,000 cancelled or timed-out jobs"),
        ("pools", "1,000 pools opened and closed"),
    ]
    if _native.available():
        flat_ones.append(("kernels", "10,000 kernels compiled and dropped"))
    for scenario, what in flat_ones:
        found = _soak(scenario)
        left = found["threads"]
        # What malloc keeps for itself moves by this much either way.
        flat = found["mib"] <= 2.0
        measured = f"{found['mib']:+.2f} MiB, {left:.0f} threads"
        yield Figure(what, "memory flat, no thread left", measured, flat and left == 0)
    seconds = _soak("interrupt")["seconds"]
    yield at_most("Ctrl-C in a long map, until it is back", seconds, 0.2, " s")
    if _native.available():
        late = 1000 * _soak("stops")["seconds"]
        yield at_most("compiled loops after their timeout", late, 50, " ms")


def main() -> None:
    """Measure everything and print it as a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strict", action="store_true", help="fail where a figure is not reached")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    parser.add_argument("--core", type=Path, default=ROOT / "build/release/bench")
    options = parser.parse_args()
    with moonpool.Pool() as pool:
        about = machine(pool.workers)
    figures: list[Figure] = []
    for group in (core(options.core), speedup(), counting(), beside_lupa(), long_runs()):
        for figure in group:
            figures.append(figure)
            print(f"{figure.what}: {figure.measured}, {figure.limit}", file=sys.stderr)
    written = f"{table(figures)}\n\nMeasured on: {about}."
    print(f"\n{written}")
    if options.write:
        report.write("figures", written)
    if options.strict and not all(figure.kept for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
