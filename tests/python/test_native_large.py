"""Results of more than a cache holds are stored past it: wherever they lie, all are there."""

import numpy as np
import pytest
from tests.python.native import tiers

import moonpool
from moonpool import _core

COUNT = 9_000_000  # of float64: some more than 64 MiB
TWICE = "function(x) return 2 * x end"


@pytest.fixture(scope="module", params=tiers.HERE)
def pool(request):
    pytest.importorskip("llvmlite")
    with tiers.pool(request.param, 2) as pool:
        yield pool


@pytest.fixture(scope="module")
def x():
    return np.arange(COUNT) / 4


@pytest.fixture(scope="module")
def room():
    return np.empty(COUNT + 16)


def test_code_has_both_stores():
    pytest.importorskip("llvmlite")
    text = moonpool.kernel(TWICE).inspect_asm("f8")
    assert ("movnt" in text) == (_core.isa != "scalar")


@pytest.mark.parametrize("start", [0, 1, 5, 8])
def test_out_may_begin_anywhere(pool, x, room, start):
    room.fill(-1)
    pool.map(TWICE, x, out=room[start : start + COUNT])
    assert np.array_equal(room[start : start + COUNT], 2 * x)
    assert (room[:start] == -1).all()
    assert (room[start + COUNT :] == -1).all()


def test_out_that_no_line_begins_with(pool, x):
    out = np.zeros(8 * COUNT + 9, np.uint8)[1:-8].view(np.float64)
    pool.map(TWICE, x, out=out)
    assert np.array_equal(out, 2 * x)


def test_smaller_types(pool, x):
    for dtype in (np.float32, np.int16):
        small = np.arange(2 * COUNT).astype(np.int16)
        found = pool.map("function(x) return x // 2 end", small, dtype=dtype)
        assert np.array_equal(found, (small // 2).astype(dtype))


@pytest.mark.parametrize("start", [0, 1])
def test_several_outputs(pool, x, room, start):
    twice, less = room[:COUNT], np.empty(COUNT + 1, np.float32)[start : start + COUNT]
    pool.map("function(x) return 2 * x, x - 1 end", x, out=(twice, less))
    assert np.array_equal(twice, 2 * x)
    assert np.array_equal(less, (x - 1).astype(np.float32))


def test_in_place(pool, x):
    both = x.copy()
    pool.map(TWICE, both, out=both)
    assert np.array_equal(both, 2 * x)


def test_rows(pool, x, room):
    a, out = x.reshape(3000, 3000), room[:COUNT].reshape(3000, 3000)
    out[:] = -1
    pool.map(TWICE, a[:, 2:], out=out[:, 1:-1])
    assert np.array_equal(out[:, 1:-1], 2 * a[:, 2:])
    assert (out[:, 0] == -1).all()
    assert (out[:, -1] == -1).all()


def test_where(pool, x, room):
    room.fill(-1)
    pool.map(TWICE, x, out=room[:COUNT], where=x % 3 != 0)
    assert np.array_equal(room[:COUNT], np.where(x % 3 != 0, 2 * x, -1))


def test_what_the_interpreter_computes(pool, x, room):
    special = x.copy()
    special[[5, 4_000_001, COUNT - 2]] = 1e300
    pool.map("function(x) return math.floor(x) end", special, out=room[:COUNT])
    assert np.array_equal(room[:COUNT], np.floor(special))


NEIGHBOURS = "function(j, i, a, b) b[j + 1][i + 1] = a[j][i + 1] + a[j + 2][i] end"


@pytest.mark.parametrize("start", [0, 1])
def test_runs(pool, x, room, start):
    a, b = x.reshape(3000, 3000), room[start : start + COUNT].reshape(3000, 3000)
    b[:] = -1
    pool.run(NEIGHBOURS, (2998, 2998), a, b)
    wanted = np.full_like(b, -1)
    wanted[1:-1, 1:-1] = a[:-2, 1:-1] + a[2:, :-2]
    assert np.array_equal(b, wanted)


def test_runs_over_other_types_and_rows_apart(pool, x):
    a = x.astype(np.float32).reshape(3000, 3000)
    wide = np.full((3000, 3001), -1, np.float32)
    pool.run("function(j, i, a, b) b[j][i] = a[j][i] + 1 end", a.shape, a, wide)
    assert np.array_equal(wide[:, :-1], a + 1)
    assert (wide[:, -1] == -1).all()


def test_an_error_in_a_run(pool, x, room):
    a, b = x.reshape(3000, 3000), room[:COUNT].reshape(3000, 3000)
    with pytest.raises(moonpool.LuaError, match=r"3001"):
        pool.run(NEIGHBOURS, (2998, 3000), a, b)


def test_errors(pool, x, room):
    special = np.floor(x)
    special[7_000_003] = 0.5
    with pytest.raises(moonpool.LuaError, match=r"7000003"):
        pool.map("function(x) return x end", special, out=room[:COUNT].view(np.int64))
