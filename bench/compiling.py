"""How long kernels take to compile: the first call, less a steady one.

    python -m bench.compiling [--peer NAME]

Prints milliseconds by kernel as one line of JSON. `bench.native` runs it in a
new process for each peer: there, nothing has been compiled before but what is on
disk, and no other compiler's threads keep waiting.
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
    from pathlib import Path

    from bench.harness import Time

# By kernel.
Milliseconds = dict[str, float]

# Of the native comparison's data: a steady call is then short beside compiling.
LITTLE = 1e-3

# Of `bench.harness.PEERS`.
MOONPOOL, NUMBA = "moonpool N", "numba parallel"


def milliseconds(peer: str, workers: int | None = None) -> Milliseconds:
    """Return what one of `bench.harness.PEERS` takes for each kernel."""
    found: Milliseconds = {}
    with Host(workers, native="require") as host:
        # Compilers are imported and threads started by a kernel that is not one
        # of those measured.
        measure(mandelbrot, host, (peer,), scale=LITTLE, rounds=1)
        for kernel, scale in NATIVE.items():
            times = measure(kernel, host, (peer,), scale=scale * LITTLE)
            if peer in times:
                found[kernel.TITLE] = _compiling(times[peer])
    return found


def _compiling(time: Time) -> float:
    return max(0.0, time.first - time.best) * 1e3


def in_new_process(peer: str, workers: int, cache: Path) -> Milliseconds:
    """Return what a new process finds, with a folder of its own for caches."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.compiling", "--peer", peer, "--workers", str(workers)],
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
    parser.add_argument("--peer", default=MOONPOOL, help="by default moonpool")
    parser.add_argument("--workers", type=int, help="by default all cores")
    options = parser.parse_args()
    print(json.dumps(milliseconds(options.peer, options.workers)))


if __name__ == "__main__":
    main()
