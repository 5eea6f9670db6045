"""How long kernels take to compile: the first call, less a steady one.

    python -m bench.compiling [--numba]

Prints milliseconds by kernel as one line of JSON. `bench.native` runs it in a
new process: there, nothing has been compiled before but what is on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.harness import measure
from bench.host import Host
from bench.kernels import NATIVE, mandelbrot
from bench.report import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.harness import Time

# By peer and kernel.
Milliseconds = dict[str, dict[str, float]]

# Of the native comparison's data: a steady call is then short beside compiling.
LITTLE = 1e-3


def milliseconds(names: Sequence[str], workers: int | None = None) -> Milliseconds:
    """Return what each of `names`, of `bench.harness.PEERS`, takes for each kernel."""
    found: Milliseconds = {name: {} for name in names}
    with Host(workers, native="require") as host:
        # Compilers are imported and threads started by a kernel that is not one
        # of those measured.
        measure(mandelbrot, host, names, scale=LITTLE, rounds=1)
        for kernel, scale in NATIVE.items():
            times = measure(kernel, host, names, scale=scale * LITTLE)
            for name, time in times.items():
                found[name][kernel.TITLE] = _compiling(time)
    return found


def _compiling(time: Time) -> float:
    return max(0.0, time.first - time.best) * 1e3


def in_new_process(workers: int, cache: Path, *options: str) -> Milliseconds:
    """Return what a new process finds, with a folder of its own for caches."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.compiling", "--workers", str(workers), *options],
        check=True,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        timeout=600,
    )
    found: Milliseconds = json.loads(run.stdout)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numba", action="store_true", help="measure numba beside moonpool")
    parser.add_argument("--workers", type=int, help="by default all cores")
    options = parser.parse_args()
    names = ("numba parallel", "moonpool N") if options.numba else ("moonpool N",)
    print(json.dumps(milliseconds(names, options.workers)))


if __name__ == "__main__":
    main()
