"""Exceptions: classes, attributes, text, pickling."""

import pickle

import pytest

import moonpool

CLASSES = [
    moonpool.LuaError,
    moonpool.LuaSyntaxError,
    moonpool.LuaMemoryError,
    moonpool.KernelTimeout,
]


def test_hierarchy():
    assert all(issubclass(cls, moonpool.LuaError) for cls in CLASSES)
    assert issubclass(moonpool.LuaMemoryError, MemoryError)
    assert issubclass(moonpool.KernelTimeout, TimeoutError)
    assert issubclass(moonpool.PerformanceWarning, Warning)


@pytest.mark.parametrize("cls", CLASSES)
def test_attributes_and_pickle(cls):
    error = cls("went wrong", "cnd", 3, (4, 7), "stack traceback: ...")
    again = pickle.loads(pickle.dumps(error))
    for one in (error, again):
        assert type(one) is cls
        assert (one.message, one.kernel, one.line) == ("went wrong", "cnd", 3)
        assert (one.index, one.traceback) == ((4, 7), "stack traceback: ...")
        assert str(one) == "kernel 'cnd', line 3, element (4, 7): went wrong"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("m",), "m"),
        (("m", "k"), "kernel 'k': m"),
        (("m", "k", 2), "kernel 'k', line 2: m"),
        (("m", "k", None, 5), "kernel 'k', element 5: m"),
        (("m", "", None, (1, 2), "", "item"), "item (1, 2): m"),
    ],
)
def test_text(args, text):
    assert str(moonpool.LuaError(*args)) == text


def test_memory_limit():
    with moonpool.Pool(1, memory_limit=2**20) as pool:
        with pytest.raises(moonpool.LuaMemoryError) as info:
            pool.submit("function() local t = {} for i = 1, 1e8 do t[i] = i end end").result()
        assert isinstance(info.value, MemoryError)
        assert pool.submit("function() return 1 end").result() == 1


def test_text_that_is_not_utf8():
    with moonpool.Pool(1) as pool, pytest.raises(moonpool.LuaError) as info:
        pool.submit("function() error('\\xff\\xfe') end").result()
    assert "\ufffd" in str(info.value)


def test_raised_errors_pickle():
    with moonpool.Pool(1) as pool:
        error = pool.submit("function() error('no') end").exception()
    assert isinstance(error, moonpool.LuaError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.traceback) == (str(error), error.traceback)
