"""Kernels at random give the same on both tiers, bit by bit.

MOONPOOL_KERNELS says how many. More of them, a million by default, or a single
one again: `python -m tests.python.native.agree`.
"""

import os
import signal

import numpy as np
import pytest
from tests.python.native.agree import compare_all
from tests.python.native.fence import Fence

COUNT = int(os.environ.get("MOONPOOL_KERNELS", "20000"))
PART = 2000


@pytest.mark.parametrize("first", range(0, COUNT, PART))
@pytest.mark.timeout(1200)
def test_tiers_agree(first):
    pytest.importorskip("llvmlite")
    refused = 0
    for report in compare_all(min(PART, COUNT - first), first):
        assert not report.differ, report.differ[0]
        refused += report.refused
    # Most kernels have to compile, or nothing is compared.
    assert refused <= PART / 20


def test_what_is_between_elements_is_noticed():
    fence = Fence()
    made = fence.copy(np.arange(20.0)[::-2])
    assert made.tolist() == list(range(19, 0, -2))
    made[3] = 1
    assert fence.is_whole()
    np.lib.stride_tricks.as_strided(made, strides=(-8,))[1] = 1
    assert not fence.is_whole()


@pytest.mark.slow_asan
@pytest.mark.parametrize(("size", "at"), [(8, 8), (7, -1)])
def test_what_is_beyond_ends_the_process(run_python, size, at):
    script = f"""
        import ctypes
        import numpy as np
        from tests.python.native.fence import Fence
        array = Fence().copy(np.zeros({size}, "u1"))
        ctypes.string_at(array.ctypes.data, {size})
        print("so far", flush=True)
        ctypes.string_at(array.ctypes.data + {at}, 1)
        """
    assert run_python(script, code=-signal.SIGSEGV, quiet=False) == "so far\n"
