"""Pool.submit and Pool.broadcast: values of all kinds across and back."""

import array
import collections
import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moonpool

ECHO = moonpool.kernel("function(...) return ... end")


class Point(NamedTuple):
    x: int
    y: int


INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = (
    st.booleans()
    | INTEGERS
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary().filter(lambda b: not _is_text(b))
)
# An empty list and an empty dict are the same table.
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


def _is_text(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


class TestRoundTrip:
    @settings(max_examples=150, deadline=None)
    @given(value=VALUES)
    def test_values(self, pool, value):
        result = pool.submit(ECHO, value).result()
        assert result == value
        assert type(result) is type(value)

    def test_nothing_one_several(self, pool):
        assert pool.submit(ECHO).result() is None
        assert pool.submit(ECHO, None).result() is None
        assert pool.submit(ECHO, 1).result() == 1
        assert pool.submit(ECHO, 1, None, "x").result() == (1, None, "x")

    def test_floats_stay_floats(self, pool):
        result = pool.submit(ECHO, [1.0, 1, -0.0, math.inf]).result()
        assert [type(x) for x in result] == [float, int, float, float]
        assert math.copysign(1, result[2]) == -1
        assert math.isnan(pool.submit(ECHO, math.nan).result())

    def test_text_and_bytes(self, pool):
        assert pool.submit(ECHO, "grün").result() == "grün"
        assert pool.submit(ECHO, b"text").result() == "text"
        assert pool.submit(ECHO, b"\xff\xfe").result() == b"\xff\xfe"
        assert pool.submit("function(s) return #s end", "a\0b").result() == 3

    def test_tuples_and_subclasses(self, pool):
        point = Point(1, 2)
        assert pool.submit(ECHO, (1, (2, 3))).result() == [1, [2, 3]]
        assert pool.submit(ECHO, point).result() == [1, 2]
        assert pool.submit(ECHO, collections.OrderedDict(a=1)).result() == {"a": 1}

    def test_numpy_scalars(self, pool):
        values = [np.int8(-3), np.float32(0.5), np.bool_(True), np.uint64(7)]
        result = pool.submit(ECHO, values).result()
        assert result == [-3, 0.5, True, 7]
        assert [type(x) for x in result] == [int, float, bool, int]

    def test_dict_keys(self, pool):
        value = {1: "a", 2.5: "b", "c": True, False: 0}
        assert pool.submit(ECHO, value).result() == value

    def test_words(self, pool):
        kernel = """function(text)
            local count = {}
            for word in text:gmatch("%a+") do count[word] = (count[word] or 0) + 1 end
            return count
        end"""
        assert pool.submit(kernel, "a rose is a rose").result() == {"a": 2, "rose": 2, "is": 1}

    def test_deep(self, pool):
        value: Any = 1
        for _ in range(90):
            value = [value]
        assert pool.submit(ECHO, value).result() == value


class TestArrays:
    def test_are_the_same_objects(self, pool):
        a, b = np.arange(3.0), array.array("i", [1, 2])
        first, second = pool.submit(ECHO, a, [b]).result()
        assert first is a
        assert second[0] is b

    def test_are_written_in_place(self, pool):
        a, memory = np.zeros((2, 2)), bytearray(2)
        pool.submit("function(t) t.a[2][1] = 7 t.m[1] = 255 end", {"a": a, "m": memory}).result()
        assert a.tolist() == [[0, 0], [7, 0]]
        assert memory == b"\xff\0"

    def test_many(self, pool):
        arrays = [np.full(1, i) for i in range(300)]
        kernel = "function(t) local s = 0 for i = 1, #t do s = s + t[i][1] end return s end"
        assert pool.submit(kernel, arrays).result() == sum(range(300))

    def test_buffers_are_given_back(self, pool):
        memory = bytearray(3)
        pool.submit(ECHO, [memory]).result()
        memory.extend(b"more")
        future = pool.submit("function(m) error('no') end", memory)
        assert future.exception() is not None
        memory.extend(b"more")


class TestRefused:
    @pytest.mark.parametrize("value", [2**63, [-(2**63) - 1], {"a": 2**70}])
    def test_large_integers(self, pool, value):
        with pytest.raises(OverflowError, match="64 bits"):
            pool.submit(ECHO, value)

    @pytest.mark.parametrize("value", [object(), {1, 2}, len, 1j, np.zeros(2, "c8"), ["\ud800"]])
    def test_types(self, pool, value):
        with pytest.raises((TypeError, ValueError)):
            pool.submit(ECHO, value)

    @pytest.mark.parametrize("key", [None, math.nan])
    def test_keys(self, pool, key):
        with pytest.raises((TypeError, ValueError, moonpool.LuaError)):
            pool.submit(ECHO, {key: 1}).result()

    def test_cycles(self, pool):
        value: list[Any] = []
        value.append(value)
        with pytest.raises(ValueError, match="deep"):
            pool.submit(ECHO, value)

    @pytest.mark.parametrize("result", ["type", "coroutine.create(type)", "{[{}] = 1}", "{type}"])
    def test_results(self, pool, result):
        with pytest.raises((moonpool.LuaError, TypeError, ValueError)):
            pool.submit(f"function() return {result} end").result()

    def test_result_that_contains_itself(self, pool):
        with pytest.raises((moonpool.LuaError, ValueError), match="contains itself"):
            pool.submit("function() local t = {} t[1] = t return t end").result()

    def test_list_that_changes_while_it_is_read(self, pool):
        class Evil:
            def __array__(self, dtype=None, copy=None):
                values.clear()
                return np.zeros(1)

        values = [Evil(), 1, 2, 3]
        result = pool.submit(ECHO, values).result()
        assert result[1:] == [1, 2, 3]


class TestBroadcast:
    def test_once_on_each(self, pool):
        assert pool.broadcast("function() return num.worker() end") == [1, 2]

    def test_arguments(self, pool):
        assert pool.broadcast(ECHO, [1, "x"]) == [[1, "x"]] * 2
        assert pool.broadcast("function() end") == [None, None]

    def test_error(self, pool):
        with pytest.raises(moonpool.LuaError, match="no"):
            pool.broadcast("function() error('no') end")


def test_error_of_a_call(pool):
    future = pool.submit(moonpool.kernel("function()\n error('no') end", name="f"))
    with pytest.raises(moonpool.LuaError, match=r"kernel 'f', line 2: no") as info:
        future.result()
    assert info.value.index is None


@pytest.mark.parametrize("value", ["nil", "{}", "setmetatable({}, {__tostring = error})"])
def test_error_that_is_no_string(pool, value):
    assert isinstance(pool.submit(f"function() error({value}) end").exception(), moonpool.LuaError)
