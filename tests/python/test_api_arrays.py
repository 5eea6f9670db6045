"""Dtypes and outputs, in all the ways in which they may be given."""

import array

import numpy as np
import pytest

import moonpool

IDENTITY = "function(x) return x end"
BOTH = "function(x) return x, x + 1 end"
SHORT = ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


@pytest.mark.refused
def test_spellings_without_numpy(run_python):
    """As NumPy reads them: checked against it afterwards."""
    printed = run_python(f"""
        import array, sys
        import moonpool
        with moonpool.Pool(1) as pool:
            for name in {SHORT!r}:
                value = "true" if name == "b1" else "1"
                for order in ("", "<", "=", "|"):
                    kernel = f"function(x) return {{value}} end"
                    got = pool.map(kernel, array.array("d", [0]), dtype=order + name)
                    print(name, got.format, got.itemsize)
            texts = ["f16", "x", "", "<", "<<f4", ">", ">>f4", "c16", "float128"]
            for bad in (*texts, ["f4"], {{}}, 3, b"f4"):
                try:
                    pool.map("function(x) return x end", array.array("d", [0]), dtype=bad)
                except TypeError as error:
                    assert "is not supported: give one of bool, int8" in str(error), error
                else:
                    raise AssertionError(bad)
            try:
                pool.map("function(x) return x end", array.array("d", [0]), dtype=">f4")
            except TypeError as error:
                assert "the other byte order" in str(error), error
            else:
                raise AssertionError(">f4")
        assert "numpy" not in sys.modules
    """)
    lines = [line.split() for line in printed.splitlines()]
    assert len(lines) == 4 * len(SHORT)
    for name, code, size in lines:
        assert np.dtype(code) == np.dtype(name)
        assert np.dtype(name).itemsize == int(size)


@pytest.mark.refused
def test_spellings_with_numpy(pool):
    memory = array.array("d", [1])
    for name in SHORT[1:]:
        assert pool.map(IDENTITY, memory, dtype=name).format == np.dtype(name).char.replace(
            "l", "q"
        ).replace("L", "Q")
        for order in "<>=":
            got = pool.map(IDENTITY, np.ones(2), dtype=order + name)
            assert got.dtype == np.dtype(order + name)
            assert got.tolist() == [1, 1]
    with pytest.raises(TypeError, match="the other byte order"):
        pool.map(IDENTITY, memory, dtype=">f4")


@pytest.mark.parametrize("data", [np.ones(2), array.array("d", [1])])
@pytest.mark.parametrize("bad", [["f4"], [("a", "f4")], {}, "c16", "M8[s]", "nonsense", 3, object])
def test_refused(pool, data, bad):
    with pytest.raises(TypeError, match=r"dtype .* is not supported: give one of bool, int8"):
        pool.map(IDENTITY, data, dtype=bad)


def test_default_in_a_tuple(pool):
    a, b = pool.map(BOTH, np.arange(3), dtype=(None, "f4"))
    assert (a.dtype, b.dtype) == (np.int64, np.float32)
    assert (a.tolist(), b.tolist()) == ([0, 1, 2], [1, 2, 3])
    a, b = pool.map(BOTH, np.arange(3.0), dtype=(np.int8, None))
    assert (a.dtype, b.dtype) == (np.int8, np.float64)
    with pytest.raises(ValueError, match=r"dtype has 3 entries, but kernel .* returns 2 values"):
        pool.map(BOTH, np.arange(3), dtype=(None, "f4", "f4"))


@pytest.mark.parametrize("out", [(np.zeros(3), None), [np.zeros(3), np.zeros(3)], (None, None)])
@pytest.mark.parametrize("where", [True, np.ones(3, bool)])
def test_out_of_another_kind(pool, out, where):
    with pytest.raises(TypeError, match="a tuple with one for each value that the kernel returns"):
        pool.map(BOTH, np.arange(3.0), out=out, where=where)
    with pytest.raises(TypeError, match="a tuple with one for each value that the kernel returns"):
        pool.map_async(BOTH, np.arange(3.0), out=out, where=where)


@pytest.mark.parametrize("name", ["reduce", "reduce_async"])
def test_progress_of_a_reduction_counts_blocks(pool, name):
    units = []

    class Bar:
        total = 0

        def __init__(self, *, total, desc, unit):
            units.append(unit)

        def update(self, n):
            pass

        def refresh(self):
            pass

        def close(self):
            pass

    add = "function(a, x) return a + x end"
    done = getattr(pool, name)(add, np.ones(5000), init=0, combine="+", progress=Bar)
    assert (done if name == "reduce" else done.result(10)) == 5000
    pool.map(IDENTITY, np.ones(3), progress=Bar)
    assert units == ["block", "item"]
