"""Indices that count with a loop are checked before it: to the same effect."""

import mmap
import random

import numpy as np
import pytest
from tests.python.native import tiers
from tests.python.native.fence import Fence

import moonpool

pytest_plugins = ["tests.python.native.fixtures"]
pytestmark = pytest.mark.skipif(not tiers.HERE, reason="there is no llvmlite")

FENCE = Fence()

FIRST = ("1", "i", "0", "2", "n - 3", "b[i]", "-1", "m")
LAST = ("n", "#a", "#b", "n - 1", "b[i]", "m", "i + 2", "#a + 1")
INDEX = ("k", "k + 1", "k - 1", "k + i", "i + k - 1", "k - 2", "n + k - 1", "k - m")
BODY = ("s = s + a[{}]", "a[{}] = s s = s + 1")
BEFORE = ("", "if b[i] > 3 then ", "if i % 2 == 0 then ")


def kernel_of(choose: random.Random) -> tuple[str, bool]:
    """Return a kernel with a loop, and whether items write to the same array."""
    body, before = choose.choice(BODY), choose.choice(BEFORE)
    source = f"""function(i, a, b, c, n, m)
      local s = 0.0
      {before}for k = {choose.choice(FIRST)}, {choose.choice(LAST)} do
        {body.format(choose.choice(INDEX))}
        s = s + b[{choose.choice(INDEX)}] * 0.5
      end{" end" if before else ""}
      c[i] = s
    end"""
    return source, body == BODY[1]


def outcome(pool, kernel, count, a, b, *numbers):
    """Return what the arrays hold, or the error."""
    FENCE.clear()
    a, b, c = FENCE.copies((a, b, np.full(17, -7.0)))
    try:
        pool.run(kernel, count, a, b, c, *numbers)
    except moonpool.LuaError as error:
        return str(error), FENCE.is_whole()
    return a.tobytes(), c.tobytes(), FENCE.is_whole()


@pytest.mark.parametrize("seed", range(4))
def test_loops_at_random(seed):
    choose = random.Random(seed)
    with (
        moonpool.Pool(1, native="require") as compiled,
        moonpool.Pool(1, native="off") as interpreted,
    ):
        for _ in range(12):
            source, alone = kernel_of(choose)
            kernel = moonpool.kernel(source)
            a = np.arange(choose.choice((3, 12, 30)), dtype=float)
            b = np.array([choose.randrange(6) for _ in range(choose.choice((17, 25)))])
            count = 1 if alone else choose.choice((1, 3, 8, 17))
            given = count, a, b, choose.randrange(9), choose.randrange(-1, 4)
            wanted = outcome(interpreted, kernel, *given)
            assert outcome(compiled, kernel, *given) == wanted, source


# Some are in bounds as soon as they are multiplied by 8, cut to 32 bits, or rounded.
INTEGERS = (0, -1, 4, 1 << 31, (1 << 32) + 1, -(1 << 32) + 1, 1 << 53, (1 << 60) + 1, 1 << 61,
            (1 << 61) + 2, (1 << 62) + 1, (1 << 63) - 1, -(1 << 63), -(1 << 63) + 1)  # fmt: skip
FLOATS = (0.0, 3.5, 4.0, 2.0**32 + 1, 2.0**53, 2.0**61, 2.0**63, -(2.0**63), 2.0**64 + 4096, 1e300,
          np.inf, -np.inf, np.nan, 5e-324, 1.0000000000000002, 2.9999999999999996)  # fmt: skip


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("dtype", ["i8", "f8"])
def test_bad_indices(pools, dtype, write, rank):
    """Those that are only known when it runs, of one lane or of all."""
    array = np.arange(3.0**rank).reshape((3,) * rank)
    wrong = INTEGERS if dtype == "i8" else FLOATS
    for depth in range(rank):
        indices = ["2"] * rank
        for index in ("k[i]", "n"):
            indices[depth] = index
            place = "a" + "".join(f"[{one}]" for one in indices)
            body = f"{place} = i" if write else f"o[i] = {place}"
            kernel = moonpool.kernel(f"function(i, o, a, k, n) {body} end", strict=True)
            for at, bad in enumerate(wrong):
                k = np.full(19, 2, dtype)
                k[at] = bad if index == "k[i]" else 2
                found = {}
                for tier, pool in pools.items():
                    FENCE.clear()
                    args = FENCE.copies((np.zeros(19), array, k))
                    with pytest.raises(moonpool.LuaError, match="array index") as caught:
                        pool.run(kernel, 19, *args, k[at].item() if index == "k[i]" else bad)
                    assert FENCE.is_whole()
                    found[tier] = str(caught.value)
                assert len(set(found.values())) == 1, (body, bad, found)


def test_more_than_2_32_elements(pools):
    """Mostly pages that nobody has touched: offsets need more than 32 bits, signed or not."""
    size = (1 << 32) + 4096
    # Linux's MAP_NORESERVE, which Python does not name.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000
    memory = mmap.mmap(-1, size, flags=flags)
    whole = np.frombuffer(memory, "u1")
    square = whole[: 1 << 32].reshape(1 << 16, 1 << 16)
    places = np.array([1, 77, 1 << 31, (1 << 31) + 1, 1 << 32, (1 << 32) + 1, size] * 3)
    wanted = np.arange(1, 22) % 7 + 1
    got = np.zeros(21)
    for tier, pool in pools.items():
        pool.run("function(i, a, k) a[k[i]] = i % 7 + 1 end", 21, whole, places)
        assert (whole[places - 1] == wanted).all(), tier
        pool.run("function(i, o, a, k) o[i] = a[k[i]] end", 21, got, whole, places)
        assert (got == wanted).all(), tier
        read = "function(i, o, a, k, n) o[i] = a[n + 1 - k[i]] end"
        pool.run(read, 21, got, whole[::-1], places, size)
        assert (got == wanted).all(), tier
        read = "function(i, o, a, n, m) o[i] = a[n][m] end"
        for n, m in ((40_000, 12_345), (65_535, 65_535)):
            square[n, m] = 9
            pool.run(read, 21, got, square, n + 1, m + 1)
            assert (got == 9).all(), tier
            square[n, m] = 0
        whole[places - 1] = 0
