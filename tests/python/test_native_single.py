"""Floats that are computed in 32 bits: where that is exact, and where a kernel allows it."""

from typing import Any

import numpy as np
import pytest
from tests.python.native import tiers

import moonpool

pytest_plugins = ["tests.python.native.fixtures"]
pytestmark = pytest.mark.skipif(not tiers.HERE, reason="there is no llvmlite")

INFO = np.finfo("f4")
EDGES: list[Any] = [0, -0.0, 1, -1, 0.1, 3, 1 / 3]
EDGES += [16777215, 16777217, 1e30, 3e38, 1e-42, 1e-30, 1e-23]
EDGES += [1 + INFO.eps, 1 - INFO.epsneg, INFO.max, -INFO.max, INFO.tiny, -INFO.tiny]
EDGES += [INFO.smallest_subnormal, np.inf, -np.inf, np.nan]


def operands(seed=0, count=20_000):
    """Return all pairs of edges, and as many pairs at random, of all sizes."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 32, (2, count), np.uint32).view("f4")
    near = rng.normal(0, 1, (2, count)).astype("f4")
    pairs = np.stack([each.ravel() for each in np.meshgrid(*2 * [np.array(EDGES, "f4")])])
    return np.concatenate([pairs, bits, near], axis=1)


def same(a, b):
    """Whether arrays have the same bits, but for those of NaN."""
    a, b = np.asarray(a), np.asarray(b)
    nan = np.isnan(a)
    return (
        a.dtype == b.dtype
        and (nan == np.isnan(b)).all()
        and (a[~nan].tobytes() == b[~nan].tobytes())
    )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(
    "expression",
    [
        "x + y",
        "x - y",
        "x * y",
        "x / y",
        "1 / y",
        "x ^ 2",
        "math.sqrt(x)",
        "-(x * y)",
        "math.abs(x - y)",
        "math.max(x, y)",
        "math.min(x * y, 2.5)",
        "num.clamp(x + y, -1, 0.5)",
        "x < y and x or y",
        "x == 1 and x * y or y",
        "x * y + 1",
    ],
)
def test_one_rounding_is_exact(pools, expression, dtype):
    x, y = operands()
    kernel = moonpool.kernel(f"function(x, y) return {expression} end")
    expected = pools["off"].map(kernel, x, y, dtype=dtype)
    for tier in tiers.HERE:
        assert same(pools[tier].map(kernel, x, y, dtype=dtype), expected), tier


def test_other_operands(pools):
    x, _ = operands()
    rng = np.random.default_rng(3)
    for dtype in ("f2", "i1", "u1", "i2", "u2", "i4"):
        y = rng.integers(0, 256, x.size).astype("u1").view("i1").astype(dtype)
        for expression in ("x * y", "x / y", "y / 3", "y * 0.5", "y + 1"):
            kernel = moonpool.kernel(f"function(x, y) return {expression} end")
            expected = pools["off"].map(kernel, x, y, dtype="f4")
            for tier in tiers.HERE:
                assert same(pools[tier].map(kernel, x, y, dtype="f4"), expected), (tier, dtype)


@pytest.mark.parametrize("tier", tiers.HERE)
def test_fastmath_rounds_each_operation(pools, tier):
    """The error of a sum of products is that of as many float32 operations."""
    rng = np.random.default_rng(4)
    x, y = rng.random((2, 10_001)).astype("f4")
    kernel = moonpool.kernel("function(x, y) return (x * y + x) * y + x end", fastmath=True)
    exact = (x.astype("f8") * y + x) * y + x
    found = pools[tier].map(kernel, x, y)
    assert found.dtype == "f4"
    # All terms are positive: nothing cancels. Four operations, and the last rounding.
    np.testing.assert_allclose(found, exact, rtol=5 * 2.0**-24)


def test_fastmath_is_what_numpy_computes(pools):
    """Products have nothing to contract."""
    if tiers.HERE == ["scalar"]:
        pytest.skip("there are no vectors")
    x, y = operands(5)
    kernel = moonpool.kernel("function(x, y) return math.sqrt(x * y) / y end", fastmath=True)
    with np.errstate(all="ignore"):
        expected = np.sqrt(x * y) / y
    for tier in tiers.HERE:
        if tier != "scalar":
            found = pools[tier].map(kernel, x, y)
            zero = (found == 0) & (expected == 0)
            assert same(found[~zero], expected[~zero])


@pytest.mark.parametrize("tier", tiers.HERE)
def test_fastmath_decides_in_float64(pools, tier):
    """Neither a result of another type, a loop nor an index depends on float32."""
    pool = pools[tier]
    x = np.full(100, 1 / 3, "f4")
    # 1 + x * 2^-30 is more than 1 in float64 alone.
    kernel = moonpool.kernel(
        """function(x)
          local y = x * 9.313225746154785e-10 + 1
          return y, y > 1
        end""",
        fastmath=True,
    )
    rounded, more = pool.map(kernel, x)
    assert (rounded == 1).all()
    assert more.all()
    # In float32 d stops at 2^24, and the loop would have no end.
    kernel = moonpool.kernel(
        """function(x)
          local d = x * 3 + 16777215
          while d < 16777220 do d = d + 1 end
          return d
        end""",
        fastmath=True,
    )
    assert (pool.map(kernel, x, timeout=60) == 16777220).all()
    table, out = np.arange(10.0), np.zeros(100, "f4")
    kernel = moonpool.kernel(
        "function(i, x, table, out) out[i] = table[math.floor(x[i] * 33 - 1e-6) + 1] end",
        fastmath=True,
    )
    with pytest.raises(moonpool.LuaError, match="out of bounds|index"):
        pool.run(kernel, 100, x, table, out)


def test_lanes():
    kernel = moonpool.kernel("function(x, y) return x * y end")
    assert " 16 items at once" in kernel.explain("f4", "f4", isa="avx2")
    assert " 8 items at once" in kernel.explain("f4", "f8", isa="avx2")
    source = "function(x, y) return x * y + x end"
    assert " 8 items at once" in moonpool.kernel(source).explain("f4", "f4", isa="avx2")
    fast = moonpool.kernel(source, fastmath=True)
    assert " 16 items at once" in fast.explain("f4", "f4", isa="avx2")


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
@pytest.mark.parametrize("fastmath", [False, True])
def test_runs_of_all_lengths(pools, dtype, fastmath):
    """Rows end within a vector, and so do the elements beside them."""
    source = """function(j, i, a, b)
      local here, there = a[j], a[j + 1]
      b[j][i] = (here[i] + here[i + 2] - there[i + 1]) // 2
    end"""
    if dtype[0] == "f":
        source = source.replace("// 2", "* 0.5")
    kernel = moonpool.kernel(source, fastmath=fastmath)
    rng = np.random.default_rng(6)
    for width in (1, 2, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100):
        a = rng.integers(50, 100, (4, width + 2)).astype(dtype)
        there = a[1:, 1:-1].astype("f8")
        expected = a[:-1, :-2].astype("f8") + a[:-1, 2:] - there
        expected = expected * 0.5 if dtype[0] == "f" else expected // 2
        for tier in tiers.TIERS:
            b = np.full((3, width + 3), 77, dtype)
            pools[tier].run(kernel, (3, width), a, b)
            assert (b[:, :width] == expected.astype(dtype)).all(), (tier, width)
            assert (b[:, width:] == 77).all(), (tier, width)


@pytest.mark.parametrize("dtype", ["u1", "f4"])
@pytest.mark.parametrize("where", [0, 1, 15, 16, 40, 63, 64, 98])
def test_what_is_out_of_bounds(pools, dtype, where):
    """The error is that of the first item that has one."""
    kernel = moonpool.kernel("function(i, a, b) b[i] = a[i] + a[i + 1] end", fastmath=True)
    a = np.ones(where + 1, dtype)
    messages = set()
    for tier in tiers.TIERS:
        b = np.zeros(99, dtype)
        with pytest.raises(moonpool.LuaError) as error:
            pools[tier].run(kernel, 99, a, b)
        messages.add(str(error.value))
        assert (b[:where] == 2).all()
    assert len(messages) == 1
