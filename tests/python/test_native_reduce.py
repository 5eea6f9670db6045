"""Reductions at random give the same on both tiers, bit by bit.

MOONPOOL_REDUCTIONS says how many, MOONPOOL_SEED where to begin.
"""

import os
import struct

import numpy as np
import pytest
from tests.python.native import reducegen, tiers
from tests.python.native.fence import Fence

import moonpool

COUNT = int(os.environ.get("MOONPOOL_REDUCTIONS", "600"))
FIRST = int(os.environ.get("MOONPOOL_SEED", "0"))
BATCH = 100
FENCE = Fence()


def outcome(pool, kernel, case):
    """Return what a call gives: its results, or its error."""
    FENCE.clear()
    args = FENCE.copies(case.args)
    try:
        found = pool.reduce(
            kernel, *args, init=case.init, combine=case.combine, axis=case.axis, timeout=60
        )
    except (moonpool.LuaError, TypeError) as error:
        # Of several errors two workers may meet another one first.
        return [type(error).__name__, str(error) if case.workers == 1 else ""]
    return [bits(value) for value in (found if isinstance(found, tuple) else (found,))]


def bits(value):
    """Return what tells two values apart; all NaN are one."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            value = np.where(np.isnan(value), np.nan, value)
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return float, struct.pack("d", value if value == value else float("nan"))
    return type(value), value


@pytest.fixture(scope="module")
def pools():
    pytest.importorskip("llvmlite")
    made = {(count, tier): tiers.pool(tier, count) for count in (1, 2, 3) for tier in tiers.TIERS}
    yield made
    for pool in made.values():
        pool.close()


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, BATCH))
def test_tiers_agree(pools, first):
    refused = 0
    seeds = range(first, min(first + BATCH, FIRST + COUNT))
    for seed in seeds:
        case = reducegen.make(seed)
        kernel = moonpool.kernel(case.source, strict=True)
        isa = tiers.HERE[seed % len(tiers.HERE)]
        expected = outcome(pools[case.workers, "off"], kernel, case)
        try:
            found = outcome(pools[case.workers, isa], kernel, case)
        except RuntimeError:
            refused += 1
            continue
        assert found == expected, f"seed {seed}, {isa}: {case}\n{case.source}"
    # Most kernels have to compile, or nothing is compared.
    assert refused <= len(seeds) // 2 or len(seeds) < BATCH
