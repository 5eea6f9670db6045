"""Runs along rows: which vectors need no checks, and where the first one begins."""

import random

import numpy as np
import pytest
from tests.python.native import tiers
from tests.python.native.fence import Fence

import moonpool

pytest_plugins = ["tests.python.native.fixtures"]
pytestmark = pytest.mark.skipif(not tiers.HERE, reason="there is no llvmlite")

FENCE = Fence()

# With few items rows begin where they begin, with many where stores do.
COUNTS = (1, 2, 7, 16, 33, 64, 127, 128, 129, 200, 256, 300, 515)
HUGE = (2**63 - 1, -(2**63), -(2**63) + 1, 2**62, -(2**62), 2**63 - 300)
SHIFTS = (0, 0, 0, 1, 2, 3, 8, 17, -1, -2, -5, *HUGE)
INDEX = ("i", "i + 1", "i + m", "m + i", "i - m", "i + m - k", "i + 2 - k", "k + i + m", "i * 1")
DTYPES = ("f8", "f4", "i8", "i4", "i2", "u1")


def outcome(pool, kernel, extent, arrays, numbers):
    """Return what the arrays hold then, and the error if there is one."""
    FENCE.clear()
    given = FENCE.copies(arrays)
    error = ""
    try:
        pool.run(kernel, extent, *given, *numbers)
    except moonpool.LuaError as caught:
        error = str(caught)
    assert FENCE.is_whole()
    # Which items were done before one that fails is not told.
    return error or [array.tobytes() for array in given]


def compare(pools, source, extent, arrays, numbers):
    kernel = moonpool.kernel(source)
    found = {tier: outcome(pool, kernel, extent, arrays, numbers) for tier, pool in pools.items()}
    for tier, result in found.items():
        assert result == found["off"], (tier, source, extent, numbers)


def array_of(choose: random.Random, dtype: str, *shape: int) -> np.ndarray:
    size = int(np.prod(shape))
    return np.array([choose.randrange(50) for _ in range(size)], dtype).reshape(shape)


@pytest.mark.parametrize("seed", range(3))
def test_vectors(pools, seed):
    choose = random.Random(seed)
    for _ in range(15):
        count = choose.choice(COUNTS)
        first, second, stored = (choose.choice(INDEX) for _ in range(3))
        source = f"""function(i, a, b, c, m, k)
          c[{stored}] = a[{first}] + b[{second}] - a[i]
        end"""
        sizes = [max(1, count + choose.choice((0, 0, 0, 1, 2, 20, -1))) for _ in range(3)]
        dtype = choose.choice(DTYPES)
        arrays = (
            array_of(choose, choose.choice(DTYPES), sizes[0]),
            array_of(choose, choose.choice(DTYPES), sizes[1]),
            np.zeros(sizes[2], dtype if dtype[0] == "f" else "i8"),
        )
        numbers = choose.choice(SHIFTS), choose.choice((0, 0, 1, 2, -1))
        compare(pools, source, count, arrays, numbers)


@pytest.mark.parametrize("seed", range(2))
def test_rows(pools, seed):
    choose = random.Random(seed)
    for _ in range(12):
        rows, count = choose.choice((1, 3, 5)), choose.choice(COUNTS)
        shift, more = choose.choice((0, 1, 2)), choose.choice((0, 0, 1, 3))
        source = f"""function(j, i, old, new, rate)
          local north, here, south = old[j], old[j + 1], old[j + 2]
          new[j + 1][i + {shift}] =
            here[i + 1] + rate * (north[i + 1] + south[i + 1] + here[i] + here[i + 2])
        end"""
        old = array_of(choose, "f8", rows + 2, count + 2).astype(choose.choice(DTYPES[:3]))
        new = np.zeros((rows + 2, count + shift + more))
        # Rows that begin anywhere in a line of the cache.
        new = new[:, choose.choice((0, 0, 1)) :]
        compare(pools, source, (rows, count), (old, new), (0.25,))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at", [0, 1, 5, 130, 131, 298, 299])
def test_the_item_that_fails(pools, at, dtype):
    """Items before it are done, wherever its vector began."""
    source = """function(i, a, c)
      local x = a[i]
      c[i + 3] = 100 // x
    end"""
    a, c = np.full(300, 3), np.zeros(304, dtype)
    a[at] = 0
    kernel = moonpool.kernel(source)
    for pool in pools.values():
        FENCE.clear()
        given = FENCE.copies((a, c))
        with pytest.raises(moonpool.LuaError, match=f"line 3, item {at + 1}: .*zero"):
            pool.run(kernel, 300, *given)
        assert FENCE.is_whole()
        assert (given[1][3 : at + 3] == 33).all()
        assert given[1][:3].tolist() == [0] * 3


def test_one_comparison_a_vector():
    """All elements are within bounds where one number is: see docs/architecture.md."""
    kernel = moonpool.kernel("function(i, a, c) c[i] = a[i] + a[i + 1] + a[i + 2] end")
    text = kernel.inspect_llvm("f8[:]", "f8[:]", ndim=1)
    if tiers.HERE[-1] == "scalar":
        return
    body = text[text.index("\nb0:") :]
    fast = body[: body.index("\nl1:")]
    # What may go past the caches is asked where a line begins.
    assert fast.count("icmp") - fast.count("icmp eq") == 1
    assert "%span" in fast
