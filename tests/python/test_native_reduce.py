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
    except (moonpool.LuaError, TypeError, ValueError) as error:
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


MIXED = (
    "function(acc, x) return math.max(acc, x) end",
    "function(acc, x) return math.min(acc, x) end",
    "function(acc, x) if x > acc then acc = x end return acc end",
    "function(acc, x) if x >= acc then acc = x end return acc end",
    "function(acc, x) return acc > x and acc or x end",
    "function(acc, x) if x > 0 then return acc + x end return acc end",
    "function(acc, x) if x > 0 then acc = acc * x end return acc end",
)


@pytest.mark.parametrize("combine", [None, "+", "*", "min", "max"])
@pytest.mark.parametrize("source", MIXED)
def test_an_integer_may_stay_one(pools, source, combine):
    """What begins as an integer is one until it is a float: bits and types."""
    rng = np.random.default_rng(3)
    normal = rng.normal(size=4000)
    rare = np.where(rng.random(4000) < 0.001, 7.0, 0.0)
    arrays = [normal, abs(normal), -abs(normal), rare, -rare, normal[:17], normal[:0]]
    arrays.append(np.append(np.full(100, np.nan), 3.0).astype("f4"))
    for init in (0, 1, -1, 5, 2**53, -(2**63)):
        for array in arrays:
            expected = pools[1, "off"].reduce(source, array, init=init, combine=combine)
            for isa in tiers.HERE:
                found = pools[2, isa].reduce(source, array, init=init, combine=combine)
                assert bits(found) == bits(expected), (isa, init, array)


def test_an_integer_that_no_float_is(pools):
    kernel = moonpool.kernel(MIXED[0])
    with pytest.raises(RuntimeError, match="an integer here and a float there"):
        pools[1, tiers.HERE[0]].reduce(kernel, np.ones(9), init=2**53 + 1)
