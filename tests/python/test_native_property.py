"""Kernels at random give the same on both tiers, bit by bit.

MOONPOOL_KERNELS says how many. More of them, a million by default, or a single
one again: `python -m tests.python.native.agree`.
"""

import os

import pytest
from tests.python.native.agree import compare_all

COUNT = int(os.environ.get("MOONPOOL_KERNELS", "20000"))
PART = 2000


@pytest.mark.parametrize("first", range(0, COUNT, PART))
@pytest.mark.timeout(600)
def test_tiers_agree(first):
    pytest.importorskip("llvmlite")
    refused = 0
    for report in compare_all(min(PART, COUNT - first), first):
        assert not report.differ, report.differ[0]
        refused += report.refused
    # Most kernels have to compile, or nothing is compared.
    assert refused <= PART / 20
