"""What a process that uses moonpool for long looks like, a scenario a process.

    python -m bench.soak SCENARIO [--native require]

Prints what it measured as one line of JSON; `bench.figures` runs it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import re
import signal
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.host import Native

FOREVER = "function(i) while true do end end"
MIB = 1 << 20


def status(name: str) -> float:
    """Return a size from the process's status, in MiB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def threads() -> int:
    """Return how many threads the process has."""
    return len(os.listdir("/proc/self/task"))


def settle(count: int) -> int:
    """Return how many threads there are more than `count`, after a moment.

    A thread that has been joined may be in the listing for an instant, both
    now and when `count` was taken.
    """
    deadline = time.monotonic() + 2
    while threads() > count and time.monotonic() < deadline:
        time.sleep(0.01)
    return max(0, threads() - count)


def growth(round_: Callable[[], None], rounds: int) -> dict[str, float]:
    """Return MiB that `rounds` more rounds add, and threads they leave."""
    for _ in range(max(1, rounds // 5)):
        round_()
    count, before = threads(), status("VmRSS")
    for _ in range(rounds):
        round_()
    return {"mib": status("VmRSS") - before, "threads": settle(count)}


def jobs(count: int, native: Native = "off") -> dict[str, float]:
    """Map over a few elements, again and again."""
    x = np.arange(8.0)
    kernel = moonpool.kernel("function(x) return x + 1 end")
    with moonpool.Pool(native=native) as pool:

        def thousand() -> None:
            for _ in range(900):
                pool.map(kernel, x)
            for future in [pool.submit(kernel, 1) for _ in range(100)]:
                future.result()

        return growth(thousand, count // 1000)


def stopped(count: int, native: Native = "off") -> dict[str, float]:
    """Cancel jobs, waiting and running, and let others run out of time."""
    kernel = moonpool.kernel(FOREVER)
    with moonpool.Pool(native=native) as pool:

        def hundred() -> None:
            futures = [pool.submit(kernel) for _ in range(70)]
            for future in futures:
                future.cancel()
            for future in futures:
                with contextlib.suppress(CancelledError):
                    future.result()
            for _ in range(30):
                with contextlib.suppress(moonpool.KernelTimeout):
                    pool.run(kernel, 4, timeout=0.001)

        found = growth(hundred, count // 100)
        assert pool.map("function(x) return x + 1 end", [1.0])[0] == 2
        return found


def pools(count: int, native: Native = "off") -> dict[str, float]:
    """Open pools, use them, and close them."""
    x = np.arange(8.0)

    def ten() -> None:
        for _ in range(10):
            with moonpool.Pool(2, native=native) as pool:
                pool.map("function(x) return x + 1 end", x)

    return growth(ten, count // 10)


def kernels(count: int, native: Native = "require") -> dict[str, float]:
    """Compile kernels that are all different, and drop them."""
    # LLVM is to compile each of them, in later runs too.
    os.environ["MOONPOOL_CACHE"] = "0"
    x = np.arange(3000.0)
    numbers = itertools.count()
    with moonpool.Pool(native=native) as pool:

        def ten() -> None:
            for _ in range(10):
                pool.map(moonpool.kernel(f"function(x) return x * {next(numbers)} end"), x)

        return growth(ten, count // 10)


def memory(mib: int, native: Native = "off") -> dict[str, float]:
    """Map over an array into another, both in memory already."""
    x, out = np.ones(mib * MIB // 8), np.ones(mib * MIB // 8)
    kernel = moonpool.kernel("function(x) return x + 1 end")
    with moonpool.Pool(native=native) as pool:
        pool.map(kernel, x[:1000], out=out[:1000])
        # From here on the peak is that of what follows.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = status("VmRSS")
        pool.map(kernel, x, out=out)
        peak = status("VmHWM")
    assert out.min() == out.max() == 2
    return {"mib": peak - before}


def interrupt(times: int, native: Native = "off") -> dict[str, float]:
    """Press Ctrl-C in a long map; the longest it took to come back."""
    x = np.arange(1e6)
    longest = 0.0
    # A shell that starts a job in the background makes it deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with moonpool.Pool(native=native) as pool:
        for _ in range(times):
            pressed: list[float] = []

            def press(pressed: list[float] = pressed) -> None:
                pressed.append(time.perf_counter())
                os.kill(os.getpid(), signal.SIGINT)

            timer = threading.Timer(0.3, press)
            timer.start()
            try:
                pool.map("function(x) while true do end end", x, out=x)
            except KeyboardInterrupt:
                longest = max(longest, time.perf_counter() - pressed[0])
            timer.join()
            assert pool.map("function(x) return x + 1 end", [1.0])[0] == 2
    return {"seconds": longest}


# What a kernel does with `x` when it is stopped: rounds that take a nanosecond, or as
# long as fmod() of a very large number by a very small one, in each lane.
LOOPS = {
    "of one": "while x >= 0 do x = x + 1 end",
    "that differ": "for i = 1, x * 1e15 do x = x + i end",
    "in loops": "for i = 1, 1e9 do for j = 1, 1e9 do x = x + i * j end end",
    "of long rounds": "for i = 1, 1e9 do "
    + " ".join("x = math.fmod(1e308, x * 0 + 3e-308)" for _ in range(20))
    + " end",
}


def stops(times: int, native: Native = "require") -> dict[str, float]:
    """Let compiled loops run out of time; the longest they went on, and of which kind."""
    x = np.arange(1000.0) + 1
    out = np.empty_like(x)
    late: dict[str, float] = {}
    with moonpool.Pool(native=native) as pool:
        for name, loop in LOOPS.items():
            kernel = moonpool.kernel(f"function(x) {loop} return x end")
            # Compiled before the clock runs.
            with contextlib.suppress(moonpool.KernelTimeout):
                pool.map(kernel, x, out=out, timeout=0.001)
            late[name] = 0.0
            for _ in range(times):
                started = time.perf_counter()
                with contextlib.suppress(moonpool.KernelTimeout):
                    pool.map(kernel, x, out=out, timeout=0.05)
                late[name] = max(late[name], time.perf_counter() - started - 0.05)
    return {"seconds": max(late.values()), **late}


SCENARIOS: dict[str, tuple[Callable[[int, Native], dict[str, float]], int]] = {
    "jobs": (jobs, 100_000),
    "stopped": (stopped, 10_000),
    "pools": (pools, 1000),
    "kernels": (kernels, 10_000),
    "memory": (memory, 1024),
    "interrupt": (interrupt, 5),
    "stops": (stops, 20),
}


def main(arguments: Any = None) -> None:
    """Run one scenario."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--count", type=int)
    parser.add_argument("--native", choices=("auto", "require", "off"))
    options = parser.parse_args(arguments)
    run, count = SCENARIOS[options.scenario]
    native: Native = options.native or ("require" if run in (kernels, stops) else "off")
    print(json.dumps(run(options.count or count, native)))


if __name__ == "__main__":
    main()
