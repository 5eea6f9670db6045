"""Runs kernels at random on both tiers and compares, bit by bit.

python -m tests.python.native.agree [--count N] [--seed FIRST] [--processes P] [--isa ISA]

Each seed is compiled for one set of instructions, the next seed for the next
one, or all for the one that is given. Prints each seed that the tiers do not
agree on, with its kernel, and the command that runs it again.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.python.native import kernelgen, tiers, widegen
from tests.python.native.fence import Fence

import moonpool

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 250
FENCE = Fence()


@dataclass
class Report:
    """What came of the kernels with seeds from `first` on."""

    first: int
    count: int
    refused: int = 0
    differ: list[str] = field(default_factory=list)


def outcome(pool: moonpool.Pool, kernel: moonpool.Kernel, case: kernelgen.Case) -> list[Any]:
    """Return what a call gives: its error, or its results and what it wrote."""
    FENCE.clear()
    args = FENCE.copies(case.args)
    where = None if case.where is None else FENCE.copy(case.where)
    found: Any = None
    try:
        if case.form == "run":
            pool.run(kernel, case.extent, *args, timeout=60)
        elif case.dtype is not None and case.seed % 4 == 1:
            out = _outputs(case)
            found = pool.map(kernel, *args, where=where, out=out, timeout=60)
        else:
            found = pool.map(kernel, *args, where=where, dtype=case.dtype, timeout=60)
    except (moonpool.LuaError, ValueError) as error:
        # What `run` has written before an error is for nobody.
        return [type(error).__name__, str(error), FENCE.is_whole()]
    results = found if isinstance(found, tuple) else (found,)
    return [*(_bits(value) for value in (*results, *args)), FENCE.is_whole()]


def _outputs(case: kernelgen.Case) -> Any:
    """Return outputs of the dtypes that are asked for, all but the first one strided."""
    shape = np.broadcast_shapes(*(a.shape for a in case.args if isinstance(a, np.ndarray)))
    dtypes = case.dtype if isinstance(case.dtype, tuple) else (case.dtype,)
    wide = (*shape[:-1], 2 * shape[-1])
    outs = [np.zeros(shape, dtypes[0]), *(np.zeros(wide, one)[..., ::2] for one in dtypes[1:])]
    outs = [FENCE.copy(out) for out in outs]
    return outs[0] if len(outs) == 1 else tuple(outs)


def _bits(value: Any) -> Any:
    """Return what tells two values apart; all NaN are one."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "f":
        value = np.where(np.isnan(value), value.dtype.type(np.nan), value)
    return value.dtype.str, value.shape, value.tobytes()


def isa_of(seed: int) -> str:
    """Return what a seed is compiled for: one after the other."""
    return tiers.HERE[seed // 2 % len(tiers.HERE)]


def case_of(seed: int) -> kernelgen.Case:
    """Return the kernel of a seed: plain and wide ones in turn."""
    return widegen.make(seed) if seed % 2 else kernelgen.make(seed)


def compare(first: int, count: int, isa: str | None = None) -> Report:
    """Run the kernels of some seeds on both tiers."""
    report = Report(first, count)
    with contextlib.ExitStack() as stack:
        # One worker: of several errors two workers may meet another one first.
        pools = {tier: stack.enter_context(tiers.pool(tier, 1)) for tier in tiers.TIERS}
        for seed in range(first, first + count):
            one(seed, isa or isa_of(seed), pools, report)
    return report


def one(seed: int, isa: str, pools: dict[str, moonpool.Pool], report: Report) -> None:
    """Run the kernel of a seed on both tiers."""
    case = case_of(seed)
    kernel = moonpool.kernel(case.source, strict=True)
    expected = outcome(pools["off"], kernel, case)
    try:
        found = outcome(pools[isa], kernel, case)
    except RuntimeError:
        report.refused += 1
        return
    if found != expected:
        report.differ.append(
            f"{expected} interpreted, {found} for {isa}, by {case.form} of {case.args}\n"
            f"{case.source}\n"
            f"again: python -m tests.python.native.agree --isa {isa} --count 1 --seed {seed}"
        )


def compare_all(
    count: int, first: int = 0, processes: int | None = None, isa: str | None = None
) -> Iterator[Report]:
    """Do the same in batches, in several processes."""
    starts = range(first, first + count, BATCH)
    counts = [min(BATCH, first + count - start) for start in starts]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes or os.cpu_count(), context) as workers:
        yield from workers.map(compare, starts, counts, itertools.repeat(isa))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="tests.python.native.agree")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--isa", choices=tiers.HERE)
    options = parser.parse_args()
    done = refused = 0
    wrong = False
    for report in compare_all(options.count, options.seed, options.processes, options.isa):
        done += report.count
        refused += report.refused
        for text in report.differ:
            wrong = True
            sys.stdout.write(f"{text}\n")
        sys.stderr.write(f"{done} kernels, {refused} refused\n")
    sys.exit(wrong)


if __name__ == "__main__":
    main()
