"""What may give up behind a store: it is refused, or does nothing twice."""

import numpy as np
import pytest
from tests.python.native import tiers

import moonpool

pytestmark = pytest.mark.skipif(not tiers.HERE, reason="there is no llvmlite")

RUNS = {
    "or": "local v = {1, 2} o[i] = o[i] + 1 local y = v[a[i] % 3 + 1] or 7 o[i] = o[i] + y",
    "if": "local v = {1, 2} o[i] = o[i] + 1 local y = v[a[i] % 3 + 1] "
    "if y then o[i] = o[i] + y end",
    "and": "local v = {1, 2} o[i] = o[i] + 1 local y = v[a[i] % 3 + 1] "
    "if y and y > 1 then o[i] = o[i] + y end",
    "not nil": "local v = {1, 2} o[i] = o[i] + 1 local y = v[a[i] % 3 + 1] "
    "if y ~= nil then o[i] = o[i] + y end",
    "matrix": "local m = {{1, 2}, {3, 4}} o[i] = o[i] + 1 o[i] = o[i] + (m[1][a[i] % 3 + 1] or 7)",
    "upvalue": "o[i] = o[i] + 1 o[i] = o[i] + (t[a[i] % 3 + 1] or 7)",
    "nil key": "local x if a[i] % 3 == 0 then x = 1 end o[i] = o[i] + 1 "
    "local y = t[x] if y == nil then y = 7 end o[i] = o[i] + y",
    "size": "local x if a[i] % 3 == 0 then x = 1 end o[i] = o[i] + 1 o[i] = o[i] + a:size(x)",
    "log": "local x if a[i] % 3 == 0 then x = 2.0 end o[i] = o[i] + 1 "
    "o[i] = o[i] + math.floor(0 * math.log(a[i], x))",
}


@pytest.mark.parametrize("body", RUNS.values(), ids=RUNS)
def test_nothing_is_stored_twice(body):
    source = f"local t = {{10, 20}} return function(i, a, o) {body} end"
    a = np.arange(1, 46)
    found = []
    for tier in ("off", "on"):
        out = np.zeros(45, np.int64)
        with moonpool.Pool(1, native=tier) as pool:
            pool.run(source, 45, a, out)
        found.append(out.tolist())
    assert found[0] == found[1]


def test_outputs_that_are_read():
    source = """function(a, o)
      local v = {1, 2}
      o[1] = o[1] + 1
      o[2] = o[2] + (v[a[1] % 3 + 1] or 7)
    end"""
    kernel = moonpool.kernel(source, signature="(n)->(n)")
    a = np.arange(60).reshape(30, 2)
    found = []
    for tier in ("off", "on"):
        with moonpool.Pool(1, native=tier) as pool:
            found.append(pool.map(kernel, a, out=np.zeros((30, 2), np.int64)).tolist())
    assert found[0] == found[1]


def test_what_raises_anyway_compiles():
    source = """local t = {10, 20}
    return function(i, a, o)
      o[i] = 1
      o[i] = t[a[i]] + 1
    end"""
    out = np.zeros(45, np.int64)
    with moonpool.Pool(1, native="require") as pool:
        pool.run(source, 45, np.arange(45) % 2 + 1, out)
        assert out.tolist() == (np.arange(45) % 2 * 10 + 11).tolist()
        with pytest.raises(moonpool.LuaError, match="arithmetic on a nil value"):
            pool.run(source, 45, np.arange(45), out)


@pytest.mark.parametrize(
    "use", ["return #m[a + 1]", "local s = 0 for j = 1, #m[a + 1] do s = s + 1 end return s"]
)
def test_length_of_a_row_that_is_not_there(use):
    source = f"function(a) local m = {{{{1, 2}}, {{3, 4}}}} {use} end"
    for tier in ("off", "on"):
        with moonpool.Pool(1, native=tier) as pool:
            assert pool.map(source, np.arange(2)).tolist() == [2, 2]
            with pytest.raises(moonpool.LuaError, match="length of a nil value"):
                pool.map(source, np.arange(45))
