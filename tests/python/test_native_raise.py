"""Kernels that check their arguments: error and assert give the same on both tiers."""

import numpy as np
import pytest
from tests.python.native import tiers

import moonpool

pytest_plugins = ["tests.python.native.fixtures"]

CHECKS = {
    "if": "if x < 0 then\n error('negative') end",
    "level": "if x < 0 or x > 50 then error('out of range', 2) end",
    "assert": "\nassert(x >= 0, 'negative')",
    "bare": "assert(x == x)",
    "nested": "if x > 5 then if x > 6 then if x > 60 then error('a') else error('b') end end end",
    "value": "if x < 0 then error({1}) end",
    "loop": "for i = 1, 9 do x = x + i if x < 0 then error('low') end end",
    "call": "local function fail() error('no', 2) end if x < 0 then fail() end",
    "concat": "if x < 0 then\n error('negative: ' .. x) end",
    "format": "if x < 0 then error(string.format('%d < 0', x)) end",
    "method": "if x < 0 then error(('%5.1f < 0'):format(x), 2) end",
    "made before": "local s = 'x is ' .. x\nassert(x < 20, s .. '!')",
    "in a table": "local t = {text = 'x: ' .. x} if x < 0 then error(t.text) end",
    "type": "if type(x) ~= 'number' then error('no number') end assert(tonumber(x) > -1)",
}
ARRAYS = [
    np.linspace(0, 5, 500),
    np.linspace(-3, 40, 500),
    np.linspace(0, 80, 333).astype("f4"),
    np.array([1, 2, np.nan, 3]),
    np.arange(-3, 30)[::-1],
]


def outcome(call):
    try:
        found = call()
    except moonpool.LuaError as error:
        return type(error), str(error), error.line
    return found.dtype, found.tobytes()


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_map_raises_alike(pools, check):
    kernel = moonpool.kernel(f"function(x)\n {check} return math.sqrt(x) end")
    for array in ARRAYS:
        expected = outcome(lambda a=array: pools["off"].map(kernel, a))
        for isa in tiers.HERE:
            assert outcome(lambda a=array, i=isa: pools[i].map(kernel, a)) == expected


UNUSED = {
    "not at all": "1",
    "a kind": "math.type(x) == 'integer' and 1 or 0",
    "nil": "x == nil and 1 or 0",
    "truth": "x and 2 or 1",
    "after all": "(x - x) * 0 + y",
    "a choice": "y > 2 and x or y",
}


@pytest.mark.parametrize("value", UNUSED.values(), ids=UNUSED)
@pytest.mark.parametrize("order", "<>")
def test_what_lua_cannot_hold_is_an_error_though_unused(pools, value, order):
    kernel = moonpool.kernel(f"function(x, y) return {value} end")
    fold = moonpool.kernel(f"function(acc, x, y) local z = {value} return acc + y end")
    long = np.arange(100, dtype=f"{order}u8")
    long[77] = 1 << 63
    y = np.arange(100)
    shapes = [(long, y), (long[::-1], y), (np.repeat(long, 2)[::2], y)]
    shapes += [(long[77:78], y), (np.asarray(long[77]), y), (long[:77], y[:77])]
    for x, more in shapes:
        for call in ("map", "reduce"):

            def run(pool, x=x, more=more, call=call):
                if call == "map":
                    return pool.map(kernel, x, more, dtype=float)
                return np.float64(pool.reduce(fold, x, more, init=0, combine="+"))

            expected = outcome(lambda run=run: run(pools["off"]))
            for isa in tiers.HERE:
                assert outcome(lambda run=run, i=isa: run(pools[i])) == expected


def test_run_and_reduce_raise_alike(pools):
    run = "function(i, a, b)\n if a[i] < 0 then error('negative') end b[i] = a[i] end"
    fold = "function(acc, x)\n assert(x >= 0, 'negative') return acc + x end"
    for array in ARRAYS[:2]:

        def copy(pool, array=array):
            out = np.zeros_like(array)
            pool.run(run, len(array), array, out)
            return out

        def total(pool, array=array):
            return np.float64(pool.reduce(fold, array, init=0.0, combine="+"))

        for call in (copy, total):
            expected = outcome(lambda c=call: c(pools["off"]))
            for isa in tiers.HERE:
                assert outcome(lambda c=call, i=isa: c(pools[i])) == expected


def test_an_error_behind_a_store_is_interpreted(pools):
    """Items that ran would be run again, and see what they have written."""
    kernel = moonpool.kernel("function(i, a) a[i] = a[i] + 1 assert(a[i] ~= 5) end")
    assert "an error behind a store" in kernel.explain("f8[:]", ndim=1)


@pytest.mark.parametrize("combine", ["+", "function(a, b) return a + b end"])
@pytest.mark.parametrize("bad", [[(0, 10), (11, 1)], [(0, 3), (20, 3), (30, 2), (12, 2), (32, 0)]])
def test_the_error_of_a_reduction_is_that_of_its_first_fold(pools, combine, bad):
    """Though compiled code goes across the folds, block after block."""
    kernel = moonpool.kernel(
        "function(acc, x)\n if x < 0 then return acc + 1 // (x & 0) end\n"
        " if x > 9 then return acc + 1 % (x & 0) end\n return acc + x end"
    )
    x = np.ones((33, 65), dtype=int)
    x[tuple(zip(*bad, strict=True))] = [-1, 10, -1, 10, -1][: len(bad)]

    def run(pool):
        return pool.reduce(kernel, x, init=0, combine=combine, axis=0)

    expected = outcome(lambda: run(pools["off"]))
    assert f"element {bad[-1]}" in expected[1]
    for isa in tiers.HERE:
        assert outcome(lambda i=isa: run(pools[i])) == expected


def test_that_booleans_have_no_operator_is_said_last(pools):
    """What an element is wrong with comes first, as the results are combined at the end."""
    kernel = moonpool.kernel("function(acc, x) return acc or 1 // x == 2 end")
    for zeros in (0, 1):
        x = np.ones((3, 7001), dtype=int)
        x[1, 972] -= zeros

        def run(pool, x=x):
            return pool.reduce(kernel, x, init=False, combine="+", axis=0)

        for tier in tiers.TIERS:
            with pytest.raises(moonpool.LuaError if zeros else TypeError) as caught:
                run(pools[tier])
            assert ("element (1, 972)" if zeros else "pass a Lua function") in str(caught.value)
