"""Kernels with signatures at random give the same on both tiers, bit by bit.

MOONPOOL_SIGNATURES says how many, MOONPOOL_SEED where to begin.
"""

import os

import numpy as np
import pytest
from tests.python.native import coregen
from tests.python.native.agree import _bits
from tests.python.native.fence import Fence

import moonpool

COUNT = int(os.environ.get("MOONPOOL_SIGNATURES", "300"))
FIRST = int(os.environ.get("MOONPOOL_SEED", "0"))
BATCH = 100
FENCE = Fence()


def outcome(pool, kernel, case):
    """Return what a call gives: its results, or its error."""
    FENCE.clear()
    args = FENCE.copies(case.args)
    where = FENCE.copy(case.where) if isinstance(case.where, np.ndarray) else case.where
    out = None if case.out is None else tuple(FENCE.copy(np.asarray(one)) for one in case.out)
    try:
        found = pool.map(
            kernel,
            *args,
            out=out if out is None or len(out) > 1 else out[0],
            dtype=case.dtype if case.dtype is None or len(case.dtype) > 1 else case.dtype[0],
            where=where,
            timeout=60,
        )
    except (moonpool.LuaError, ValueError) as error:
        return [type(error).__name__, str(error), FENCE.is_whole()]
    results = found if isinstance(found, tuple) else (found,)
    return [*(_bits(value) for value in results), FENCE.is_whole()]


@pytest.fixture(scope="module")
def pools():
    # One worker: of several errors two workers may meet another one first.
    with moonpool.Pool(1, native="off") as off, moonpool.Pool(1, native="require") as native:
        yield off, native


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, BATCH))
def test_tiers_agree(pools, first):
    pytest.importorskip("llvmlite")
    off, native = pools
    refused = 0
    seeds = range(first, min(first + BATCH, FIRST + COUNT))
    for seed in seeds:
        case = coregen.make(seed)
        kernel = moonpool.kernel(case.source, signature=case.signature, strict=True)
        expected = outcome(off, kernel, case)
        try:
            found = outcome(native, kernel, case)
        except RuntimeError:
            refused += 1
            continue
        assert found == expected, f"seed {seed}: {case.signature}, {case}\n{case.source}"
    # Most kernels have to compile, or nothing is compared.
    assert refused <= len(seeds) // 4 or len(seeds) < BATCH
