"""Pool.reduce: accumulators, axes, combination, and the fixed order."""

import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moonpool

SUM = "function(acc, x) return acc + x end"


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


class TestWhole:
    def test_sum(self, pool):
        result = pool.reduce(SUM, np.arange(100000), init=0, combine="+")
        assert result == 4999950000
        assert type(result) is int

    def test_ways_to_call(self, pool):
        x, kernel = np.arange(1000.0), moonpool.kernel(SUM)
        named = {"".join(("in", "it")): 0.0, "".join(("com", "bine")): "+"}
        results = [
            pool.reduce(SUM, x, init=0.0, combine="+"),
            pool.reduce(kernel, x, init=0.0, combine="+"),
            pool.reduce(kernel, x, combine="+", init=0.0),
            pool.reduce(kernel, x, **named),
            pool.reduce(kernel, x, init=0.0, combine="+", timeout=60),
            pool.reduce(kernel, x, init=0.0, combine="+", axis=None, progress=False),
            *pool.reduce(kernel, x, init=(0.0,), combine="+"),
            pool.reduce(kernel, x, init=0.0),
            pool.reduce(kernel, x, init=0.0, combine=None),
            pool.reduce(kernel, x, init=0.0, combine="function(a, b) return a + b end"),
        ]
        assert results == [499500.0] * len(results)

    def test_refused(self, pool):
        kernel = moonpool.kernel(SUM)
        with pytest.raises(TypeError, match=r"Pool\.reduce\(\) missing 1 required .*'init'"):
            pool.reduce(kernel, [1.0], combine="+")
        with pytest.raises(TypeError, match="unexpected keyword argument 'initial'"):
            pool.reduce(kernel, [1.0], initial=0.0)
        with pytest.raises(TypeError, match="init must be a number"):
            pool.reduce(kernel, [1.0], init="0", combine="+")
        with pytest.raises(ValueError, match="combine must be one of"):
            pool.reduce(kernel, [1.0], init=0.0, combine="-")
        with pytest.raises(TypeError, match="needs an array"):
            pool.reduce(kernel, init=0.0, combine="+")
        with pytest.raises(TypeError, match="cannot be passed to a kernel"):
            pool.reduce(kernel, object(), init=0.0, combine="+")

    @pytest.mark.parametrize(
        ("combine", "init", "kernel", "wanted"),
        [
            ("+", 0.0, SUM, 55.0),
            ("*", 1, "function(acc, x) return acc * x end", 3628800),
            ("min", 1e300, "function(acc, x) return math.min(acc, x) end", 1),
            ("max", -1e300, "function(acc, x) return math.max(acc, x) end", 10),
            ("function(a, b) return a + b end", 0, SUM, 55),
            (moonpool.kernel("function(a, b) return a + b end"), 0, SUM, 55),
            (None, 0, SUM, 55),
        ],
    )
    @pytest.mark.refused
    def test_combine(self, pool, combine, init, kernel, wanted):
        assert pool.reduce(kernel, np.arange(1, 11), init=init, combine=combine) == wanted

    def test_several_accumulators(self, pool):
        x = np.random.default_rng(0).normal(size=20000)
        kernel = """function(n, sum, low, high, x)
            return n + 1, sum + x, math.min(low, x), math.max(high, x)
        end"""
        combine = """function(n1, s1, l1, h1, n2, s2, l2, h2)
            return n1 + n2, s1 + s2, math.min(l1, l2), math.max(h1, h2)
        end"""
        inf = float("inf")
        n, total, low, high = pool.reduce(kernel, x, init=(0, 0.0, inf, -inf), combine=combine)
        assert (n, low, high) == (x.size, x.min(), x.max())
        assert total == pytest.approx(x.sum())

    def test_tuple_of_one(self, pool):
        assert pool.reduce(SUM, np.arange(4), init=(0,), combine="+") == (6,)

    def test_several_arrays_broadcast(self, pool):
        a, b = np.arange(6.0).reshape(2, 3), np.arange(3.0)
        kernel = "function(acc, a, b, w) return acc + w * a * b end"
        assert pool.reduce(kernel, a, b, 2, init=0.0, combine="+") == 2 * (a * b).sum()

    @pytest.mark.parametrize("init", [0, 0.0, True])
    def test_empty_gives_init(self, pool, init):
        result = pool.reduce(SUM, np.zeros(0), init=init, combine="+" if init is not True else None)
        assert result == init
        assert type(result) is type(init)

    def test_zero_dimensions(self, pool):
        assert pool.reduce(SUM, np.array(5.0), init=1.0, combine="+") == 6

    def test_without_numpy(self, pool):
        assert pool.reduce(SUM, array.array("i", [1, 2, 3]), init=0, combine="+") == 6

    @pytest.mark.parametrize("combine", ["+", None, "function(a, b) return a + b end"])
    def test_same_bits_for_any_number_of_workers(self, combine):
        x = np.random.default_rng(3).normal(size=30011) * 10.0 ** (np.arange(30011) % 7)
        results = set()
        for workers in (1, 2, 3, 5):
            with moonpool.Pool(workers) as pool:
                results |= {pool.reduce(SUM, x, init=0.0, combine=combine).hex() for _ in range(3)}
        assert len(results) == 1


def in_order(values):
    """Return the sum of one after the other; sum() makes up for rounding."""
    return float(np.add.accumulate([0.0, *values])[-1])


def tree(values):
    """Return the sum of neighbours first."""
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[len(values) - len(values) % 2 :]
    return values[0]


def block_size(length):
    """Return how many elements docs/architecture.md says a block has."""
    size = -(-length // 64)
    if size > 4096:
        size = max(4096, -(-length // 128))
    if size > 131072:
        size = max(131072, -(-length // 4096))
    return size if size < 1024 else -(-size // 32) * 32


def documented_sum(x):
    """Return the sum in the order that docs/architecture.md tells."""
    sums = []
    size = block_size(len(x))
    for first in range(0, len(x), size):
        block = x[first : first + size]
        sums.append(tree([in_order(block[k::32]) for k in range(min(32, len(block)))]))
    return tree(sums)


class TestOrder:
    @pytest.mark.parametrize(
        "length", [1, 3, 31, 64, 2000, 65_535, 262_145, 600_001, 1_048_577, 17_000_001]
    )
    def test_is_as_documented(self, pool, length):
        x = np.random.default_rng(length).normal(size=length)
        assert pool.reduce(SUM, x, init=0.0, combine="+").hex() == documented_sum(x).hex()


class TestAxis:
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_as_numpy(self, pool, data):
        shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
        a = np.arange(np.prod(shape)).reshape(shape)
        if data.draw(st.booleans()):
            a = a[..., ::-1].T
        axes = data.draw(st.sets(st.integers(0, a.ndim - 1), min_size=1))
        axis = tuple(one - a.ndim if data.draw(st.booleans()) else one for one in axes)
        combine = data.draw(st.sampled_from(["+", None]))
        result = pool.reduce(SUM, a, init=0, combine=combine, axis=axis)
        np.testing.assert_array_equal(result, a.sum(axis=axis))
        assert result.shape == a.sum(axis=axis).shape
        assert result.dtype == np.int64

    def test_one_axis(self, pool):
        a = np.arange(12.0, dtype="f4").reshape(3, 4)
        result = pool.reduce(SUM, a, init=0.0, combine="+", axis=-1)
        assert result.dtype == np.float32
        assert result.tolist() == a.sum(axis=1).tolist()

    def test_several_accumulators(self, pool):
        a = np.arange(12).reshape(3, 4)
        kernel = "function(n, any, x) return n + 1, any or x > 5 end"
        combine = "function(n1, a1, n2, a2) return n1 + n2, a1 or a2 end"
        n, large = pool.reduce(kernel, a, init=(0, False), combine=combine, axis=1)
        assert (n.tolist(), large.tolist()) == ([4, 4, 4], [False, True, True])
        assert (n.dtype, large.dtype) == (np.int64, bool)

    @pytest.mark.refused
    def test_integers_and_floats_mix(self, pool):
        kernel = "function(acc, x) if x > 5 then return acc + 0.5 end return acc + 1 end"
        result = pool.reduce(kernel, np.arange(12).reshape(3, 4), init=0, combine="+", axis=1)
        assert result.tolist() == [4, 3, 2]
        assert result.dtype == np.float64

    def test_empty(self, pool):
        assert (
            pool.reduce(SUM, np.zeros((3, 0)), init=0.5, combine="+", axis=1).tolist() == [0.5] * 3
        )
        result = pool.reduce(SUM, np.zeros((0, 3), "f4"), init=0.0, combine="+", axis=1)
        assert (result.shape, result.dtype) == ((0,), np.float32)
        result = pool.reduce(SUM, np.zeros((0, 3)), init=np.int64(0), combine="+", axis=1)
        assert result.dtype == np.int64

    def test_without_numpy(self, pool):
        view = memoryview(bytearray(range(6))).cast("B", (2, 3))
        result = pool.reduce(SUM, view, init=0, combine="+", axis=0)
        assert isinstance(result, memoryview)
        assert result.tolist() == [3, 5, 7]

    @pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, -2)])
    def test_out_of_bounds(self, pool, axis):
        with pytest.raises(ValueError, match="axis"):
            pool.reduce(SUM, np.zeros((2, 3)), init=0, combine="+", axis=axis)

    @pytest.mark.parametrize("axis", [1.5, "0"])
    def test_not_an_integer(self, pool, axis):
        with pytest.raises(TypeError):
            pool.reduce(SUM, np.zeros((2, 3)), init=0, combine="+", axis=axis)


class TestErrors:
    @pytest.mark.parametrize("name", ["reduce", "reduce_async"])
    def test_signature(self, pool, name):
        rows = moonpool.kernel("function(a, b) end", signature="(n)->(n)", name="rows")
        with pytest.raises(ValueError, match=r"kernel 'rows' has the signature .* only map\(\)"):
            getattr(pool, name)(rows, np.zeros(3), init=0)
        with pytest.raises(ValueError, match="give combine a kernel without one"):
            getattr(pool, name)("function(a, x) end", np.zeros(3), init=0, combine=rows)

    @pytest.mark.parametrize("init", [None, "0", [0], np.zeros(2), (0, "x")])
    def test_init(self, pool, init):
        with pytest.raises(TypeError, match="init"):
            pool.reduce(SUM, np.zeros(3), init=init, combine="+")

    def test_no_array(self, pool):
        with pytest.raises(TypeError, match="array"):
            pool.reduce(SUM, 5, init=0)

    def test_no_accumulator(self, pool):
        with pytest.raises(ValueError, match="accumulator|init"):
            pool.reduce(SUM, np.zeros(3), init=())

    @pytest.mark.parametrize("combine", [3, len])
    def test_combine(self, pool, combine):
        with pytest.raises(TypeError):
            pool.reduce(SUM, np.zeros(3), init=0, combine=combine)

    @pytest.mark.parametrize("combine", ["-", "sum", ""])
    def test_unknown_operator(self, pool, combine):
        with pytest.raises(ValueError, match=r"'\+', '\*', 'min', 'max' or a Lua function"):
            pool.reduce(SUM, np.zeros(3), init=0, combine=combine)

    @pytest.mark.refused
    def test_kernel_fails(self, pool):
        kernel = "function(acc, x) if x == 7 then error('seven') end return acc end"
        with pytest.raises(moonpool.LuaError, match="seven"):
            pool.reduce(kernel, np.arange(10), init=0, combine="+")

    @pytest.mark.parametrize("result", ["nil", "", "'x'", "acc, acc"])
    @pytest.mark.refused
    def test_kernel_returns_something_else(self, pool, result):
        with pytest.raises(moonpool.LuaError):
            pool.reduce(f"function(acc, x) return {result} end", np.arange(3), init=0)

    @pytest.mark.refused
    def test_timeout(self, pool):
        with pytest.raises(moonpool.KernelTimeout):
            pool.reduce("function(a, x) while true do end end", [1], init=0, timeout=0.01)

    def test_async(self, pool):
        assert pool.reduce_async(SUM, np.arange(10), init=0, combine="+").result() == 45
