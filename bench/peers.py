"""Compare interpreted kernels with NumPy, numexpr, numba, lupa and multiprocessing.

python -m bench.peers [--write] [--scale 0.1] [--workers N]
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from bench import report
from bench.harness import measure
from bench.host import Host, machine
from bench.kernels import INTERPRETED

if TYPE_CHECKING:
    from bench.harness import Time

# Who is compared where kernels run interpreted.
NAMES = (
    "NumPy",
    "numexpr",
    "numba",
    "numba parallel",
    "lupa",
    "lupa LuaJIT",
    "multiprocessing",
    "moonpool 1",
    "moonpool N",
)
PICTURE = report.DOCS / "benchmarks.png"
Results = dict[str, dict[str, "Time"]]


def steady(results: Results) -> str:
    """Return the table of milliseconds, with the ratio to NumPy's."""
    rows = [["kernel", *NAMES]]
    for title, times in results.items():
        numpy = times["NumPy"].best
        cells = (_cell(times.get(name), numpy) for name in NAMES)
        rows.append([title, *cells])
    return report.table(rows)


def _cell(time: Time | None, numpy: float) -> str:
    if time is None:
        return "-"
    return f"{report.digits(time.best * 1e3)} ({report.digits(time.best / numpy)})"


def first(results: Results) -> str:
    """Return the table of seconds to the first result."""
    rows = [["kernel", *NAMES]]
    for title, times in results.items():
        cells = (f"{times[name].first:.2f}" if name in times else "-" for name in NAMES)
        rows.append([title, *cells])
    return report.table(rows)


def text(results: Results, about: str) -> str:
    """Return both tables with what they say."""
    return "\n\n".join(
        [
            "Milliseconds in steady state, the least of all runs, and in "
            "parentheses the ratio to NumPy's (below 1 is faster than NumPy):",
            steady(results),
            "Seconds to the first result, with all that happens once: importing, "
            "compiling, starting threads and processes:",
            first(results),
            f"Measured on: {about}.",
        ]
    )


def main() -> None:
    """Measure all kernels; print, and with ``--write`` update the docs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.*")
    parser.add_argument("--scale", type=float, default=1.0, help="how much data, 1 by default")
    parser.add_argument("--workers", type=int, help="of parallel peers, by default all cores")
    options = parser.parse_args()
    results: Results = {}
    what: dict[str, str] = {}
    with Host(options.workers, native="off") as host:
        os.environ.setdefault("NUMEXPR_MAX_THREADS", str(host.workers))
        about = machine(host.workers)
        for kernel in INTERPRETED:
            what[kernel.TITLE] = kernel.what(options.scale)
            print(f"{kernel.TITLE}: {what[kernel.TITLE]}", file=sys.stderr)
            results[kernel.TITLE] = measure(kernel, host, NAMES, scale=options.scale)
    written = text(results, about)
    print(f"\n{written}")
    if options.write:
        from bench import chart

        report.write("peers", written)
        chart.draw(results, what, about, PICTURE)


if __name__ == "__main__":
    main()
