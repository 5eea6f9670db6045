"""Run the demonstration: a table on the terminal and build/demo/demo.png."""

from __future__ import annotations

import argparse
import contextlib
import platform
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import moonpool
from demo import bilateral, chart, fractal, hillshade, moments
from demo.step import INTERPRETED, Pools, label

if TYPE_CHECKING:
    from demo.step import Step

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "build" / "demo" / "demo.png"
IN_DOCS = ROOT / "docs" / "demo.png"


def worker_counts(most: int) -> list[int]:
    """Return 1, 2, 4 and so on, and `most`."""
    counts = {most}
    count = 1
    while count < most:
        counts.add(count)
        count *= 2
    return sorted(counts)


def table(steps: list[Step]) -> str:
    """Return the times in milliseconds, and how much faster than NumPy the last is."""
    names = list(steps[0].seconds)
    lines = [f"{'milliseconds':18}" + "".join(f"{name:>12}" for name in names) + f"{'gain':>8}"]
    for step in steps:
        times = "".join(f"{step.seconds[name] * 1e3:12.2f}" for name in names)
        gain = step.seconds["NumPy"] / step.seconds[names[-1]]
        lines.append(f"{step.title:18}{times}{gain:7.1f}x")
    return "\n".join(lines)


def native_calls(pools: Pools) -> tuple[int, int]:
    """Return how many kernel calls were compiled code's, and how many there were."""
    stats = [pool.stats() for pool in pools.native]
    return sum(row["native"] for row in stats), sum(row["items"] for row in stats)


def main() -> None:
    """Run all steps, print the table, draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--workers", type=int, help="the most workers, by default all cores")
    parser.add_argument("--write", action="store_true", help="update docs/demo.png too")
    options = parser.parse_args()

    began = time.perf_counter()
    terrain = hillshade.load()
    photo = bilateral.load()
    with contextlib.ExitStack() as stack:
        interpreted = stack.enter_context(moonpool.Pool(options.workers, native="off"))
        most = interpreted.workers
        native = [
            stack.enter_context(moonpool.Pool(n, native="require")) for n in worker_counts(most)
        ]
        pools = Pools(interpreted, native)
        steps = {
            "hillshade": hillshade.step(terrain, pools),
            "bilateral": bilateral.step(photo, pools, repeat=2),
            "fractal": fractal.step(pools),
            "moments": moments.step(terrain.height, pools),
        }
        compiled, calls = native_calls(pools)

    footer = (
        f"moonpool {moonpool.__version__}, native tier · NumPy {np.__version__} · "
        f"Python {platform.python_version()} · {platform.system()} {platform.machine()}, "
        f"{label(most)} · every result checked against NumPy"
    )
    for step in steps.values():
        print(f"{step.title}: {step.caption}")
    found = steps["moments"].result
    print(
        f"\nHeights: mean {found.mean:.3f} m, variance {found.variance:.3f} m², "
        f"{found.low} to {found.high} m; NumPy says the same\n"
    )
    print(table(list(steps.values())))
    print(
        f"\nLua was compiled to machine code for {compiled:,} of {calls:,} calls of a kernel; "
        f"{INTERPRETED!r} is the same source on {label(most)} without"
    )
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    chart.draw(steps, terrain.height, photo, footer, PICTURE)
    written = PICTURE
    if options.write:
        written = Path(shutil.copyfile(PICTURE, IN_DOCS))
    print(f"\n{footer}")
    print(f"{written.relative_to(ROOT)} written; all took {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
