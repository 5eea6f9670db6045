"""Pool.map: shapes, arguments, errors, timeouts, progress."""

import array
import ctypes
import decimal
import fractions
import gc
import mmap
import struct
import sys
import weakref

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moonpool

IDENTITY = moonpool.kernel("function(x) return x end")
ADD = moonpool.kernel("function(x, y) return x + y end")


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


class TestShape:
    @pytest.mark.parametrize(
        ("left", "right"),
        [((3, 1), (4,)), ((2, 3, 4), (3, 1)), ((), (5,)), ((1,), (1, 1)), ((), ())],
    )
    def test_broadcast(self, pool, left, right):
        a = np.random.default_rng(0).normal(size=left)
        b = np.random.default_rng(1).normal(size=right)
        result = pool.map(ADD, np.asarray(a), np.asarray(b))
        np.testing.assert_array_equal(result, np.add(a, b))
        assert result.shape == np.add(a, b).shape
        assert isinstance(result, np.ndarray)

    @pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (2, 0, 2)])
    @pytest.mark.parametrize("dtype", ["f4", "i4", "?"])
    def test_empty(self, pool, shape, dtype):
        result = pool.map(IDENTITY, np.zeros(shape, dtype))
        assert result.shape == shape
        assert result.dtype == {"f4": "f4", "i4": "i8", "?": "?"}[dtype]

    @pytest.mark.refused
    def test_empty_with_a_kernel_that_fails(self, pool):
        assert pool.map("function(x) error('never') end", np.zeros(0)).dtype == np.float64

    def test_does_not_broadcast(self, pool):
        with pytest.raises(ValueError, match=r"3.*4|4.*3"):
            pool.map(ADD, np.ones(3), np.ones(4))

    @pytest.mark.refused
    def test_only_scalars(self, pool):
        assert pool.map(ADD, 1, 2) == 3
        assert type(pool.map(ADD, 1, 2)) is int
        assert type(pool.map(ADD, 1, 2.0)) is float
        assert type(pool.map(ADD, np.int64(1), np.float32(2))) is float
        assert pool.map("function(a) return a, a > 1 end", 2) == (2, True)
        assert pool.map(ADD, 1, 2, dtype="float16") == 3.0

    @settings(max_examples=60, deadline=None)
    @given(
        data=st.data(),
        shapes=npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=5),
    )
    @pytest.mark.refused
    def test_any_layout(self, pool, data, shapes):
        def operand(shape):
            dtype = data.draw(st.sampled_from(["i2", "u4", ">i8", "f4", ">f8", "f8"]))
            wide = np.arange(1, 1 + np.prod([2 * n for n in shape], dtype=int)).astype(dtype)
            cuts = [(slice(n), slice(None, None, 2), slice(None, None, -2)) for n in shape]
            wide = wide.reshape([2 * n for n in shape])
            return np.asarray(wide[tuple(data.draw(st.sampled_from(cut)) for cut in cuts)])

        a, b = (operand(shape) for shape in shapes.input_shapes)
        if a.ndim > 0 and data.draw(st.booleans()):
            a = np.asfortranarray(a)
        result = pool.map(ADD, a, b, dtype="f8")
        np.testing.assert_array_equal(result, a.astype("f8") + b.astype("f8"))
        assert result.shape == shapes.result_shape


class TestArguments:
    @pytest.mark.parametrize("value", [True, 3, -2.5, "text", b"\xff\x00", None])
    @pytest.mark.refused
    def test_uniform(self, pool, value):
        kernel = "function(x, u) return type(u) == 'string' and #u or (u == nil and -1 or 0) end"
        size = len(value) if isinstance(value, (str, bytes)) else -1 if value is None else 0
        assert pool.map(kernel, np.zeros(3), value).tolist() == [size] * 3

    @pytest.mark.parametrize(
        "value", [np.float32(2), np.int8(2), np.uint64(2), np.float16(2), np.float64(2)]
    )
    @pytest.mark.refused
    def test_numpy_scalars_are_values(self, pool, value):
        result = pool.map("function(x, u) return math.type(u) == 'integer' end", np.zeros(1), value)
        assert result.tolist() == [isinstance(value, np.integer)]

    def test_bool_scalar(self, pool):
        assert pool.map("function(x, u) return u end", np.zeros(1), np.True_).tolist() == [True]

    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30])
    def test_too_large_an_integer(self, pool, value):
        with pytest.raises(OverflowError, match="64 bits"):
            pool.map(ADD, np.zeros(2), value)

    def test_extreme_integers(self, pool):
        for value in (2**63 - 1, -(2**63)):
            assert pool.map(IDENTITY, value) == value

    def test_number_like(self, pool):
        assert pool.map(ADD, decimal.Decimal("1.5"), fractions.Fraction(1, 4)) == 1.75

    @pytest.mark.parametrize("values", [[1, 2, 3], (1, 2, 3), range(1, 4), [[1, 2], [3, 4]]])
    def test_sequences(self, pool, values):
        result = pool.map("function(x) return x * 2 end", values)
        assert isinstance(result, np.ndarray)
        assert result.tolist() == (np.array(values) * 2).tolist()

    def test_array_interface(self, pool):
        class Column:
            def __array__(self, dtype=None, copy=None):
                return np.array([1.0, 2.0])

        result = pool.map("function(x) return x * 2 end", Column())
        assert isinstance(result, np.ndarray)
        assert result.tolist() == [2, 4]

    def test_array_interface_that_fails(self, pool):
        class Column:
            def __array__(self, dtype=None, copy=None):
                raise ZeroDivisionError("no data")

        with pytest.raises(ZeroDivisionError, match="no data"):
            pool.map(IDENTITY, Column())

    @pytest.mark.parametrize(
        ("make", "advice"),
        [
            (lambda: np.zeros(3, "c16"), r"complex128.*a\.real and a\.imag"),
            (lambda: np.zeros(3, "c8"), r"complex64.*a\.real"),
            (lambda: np.zeros(3, "O"), "astype"),
            (lambda: np.zeros(3, "U4"), "submit"),
            (lambda: np.zeros(3, "S4"), "submit"),
            (lambda: np.zeros(3, "M8[s]"), r"datetime64\[s\].*int64"),
            (lambda: np.zeros(3, "m8[ms]"), r"timedelta64\[ms\].*int64"),
            (lambda: np.zeros(3, np.longdouble), "float64"),
            (lambda: np.zeros(3, [("a", "f4"), ("b", "i4")]), r"a\['x'\]"),
            (lambda: np.complex128(1), "a.real"),
            (lambda: np.datetime64("2020-01-01"), r"datetime64\[D\].*int64"),
            (lambda: np.timedelta64(1, "s"), r"timedelta64\[s\].*int64"),
            (lambda: ["a", "b"], "submit"),
            (object, "object"),
            (lambda: {"a": 1}, "dict"),
            (lambda: {1, 2}, "set"),
        ],
    )
    def test_not_supported(self, pool, make, advice):
        with pytest.raises(TypeError, match=advice):
            pool.map(IDENTITY, make())

    def test_too_many(self, pool):
        with pytest.raises(ValueError, match="64"):
            pool.map("function(...) return 1 end", *range(65))

    @pytest.mark.refused
    def test_most(self, pool):
        kernel = "function(...) return select('#', ...) end"
        assert pool.map(kernel, *range(64)) == 64

    @pytest.mark.parametrize("code", "bBhHiIlLqQnN?fd")
    def test_formats(self, pool, code):
        values = [True, False, True] if code == "?" else [1, 0, 3]
        view = memoryview(bytearray(struct.pack(f"@3{code}", *values))).cast(code)
        assert pool.map(IDENTITY, view).tolist() == values

    def test_mmap_and_ctypes(self, pool):
        with mmap.mmap(-1, 4096) as memory:
            memory[:3] = b"\x01\x02\x03"
            assert pool.map(IDENTITY, memory).tolist()[:4] == [1, 2, 3, 0]
        assert pool.map(IDENTITY, (ctypes.c_long * 2)(5, -6)).tolist() == [5, -6]

    def test_bool_byte_of_two(self, pool):
        a = np.array([0, 1, 2], "u1").view("?")
        assert pool.map("function(x) return x and 1 or 0 end", a).tolist() == [0, 1, 1]

    def test_many_dimensions(self, pool):
        a = np.arange(2.0).reshape((1,) * 40 + (2,) + (1,) * 20)
        assert pool.map(IDENTITY, a).shape == a.shape

    def test_source_or_kernel_only(self, pool):
        with pytest.raises(TypeError, match="Kernel or a str"):
            pool.map(lambda x: x, np.zeros(3))


class TestWithoutNumpy:
    def test_memoryview(self, pool):
        result = pool.map("function(x) return x / 2 end", array.array("i", [1, 2, 3]))
        assert isinstance(result, memoryview)
        assert (result.format, result.shape, result.tolist()) == ("d", (3,), [0.5, 1, 1.5])

    def test_shape(self, pool):
        view = memoryview(bytearray(6)).cast("B", (2, 3))
        result = pool.map("function(x) return x > 0 end", view)
        assert (result.format, result.shape) == ("?", (2, 3))
        assert result.tolist() == [[False] * 3] * 2

    def test_empty(self, pool):
        result = pool.map(IDENTITY, array.array("f"))
        assert (result.format, result.shape, result.tolist()) == ("f", (0,), [])

    def test_integers_then_floats(self, pool):
        kernel = "function(i) if i > 2 then return i + 0.5 end return i end"
        result = pool.map(kernel, array.array("q", range(5)))
        assert (result.format, result.tolist()) == ("d", [0, 1, 2, 3.5, 4.5])

    @pytest.mark.refused
    def test_float16(self, pool):
        result = pool.map(IDENTITY, array.array("d", [0.5, 2]), dtype="float16")
        assert struct.unpack("2e", result.tobytes()) == (0.5, 2)

    def test_never_imports_numpy(self, run_python):
        run_python(
            """
            import array, sys, moonpool
            with moonpool.Pool(1) as pool:
                pool.map("function(x) return x end", array.array("d", [1, 2]))
                pool.submit("function(x) return x end", [1]).result()
            assert "numpy" not in sys.modules
            """
        )

    def test_lists_need_numpy(self, run_python):
        run_python(
            """
            import sys, moonpool
            sys.modules["numpy"] = None
            with moonpool.Pool(1) as pool:
                try:
                    pool.map("function(x) return x end", [1, 2])
                except TypeError as error:
                    assert "NumPy" in str(error), error
                else:
                    raise AssertionError
            """
        )


class TestErrors:
    @pytest.mark.refused
    def test_message(self, pool):
        kernel = moonpool.kernel("function(x)\n  return x.field.more\nend", name="cnd")
        with pytest.raises(moonpool.LuaError) as info:
            pool.map(kernel, np.ones((5, 8)))
        error = info.value
        assert (error.kernel, error.line, error.index) == ("cnd", 2, (0, 0))
        assert str(error).startswith("kernel 'cnd', line 2, element (0, 0): attempt to index")
        assert "stack traceback" in error.traceback

    @pytest.mark.refused
    def test_no_index_without_dimensions(self, pool):
        with pytest.raises(moonpool.LuaError) as info:
            pool.map("function(x) error('no') end", np.array(1))
        assert info.value.index is None

    @pytest.mark.parametrize("with_out", [False, True])
    @pytest.mark.refused
    def test_index_of_the_element(self, pool, with_out):
        a = np.arange(40).reshape(5, 8)
        out = np.zeros((5, 8)) if with_out else None
        with pytest.raises(moonpool.LuaError) as info:
            pool.map("function(x) if x == 39 then error('last') end return x end", a, out=out)
        assert info.value.index == (4, 7)

    @pytest.mark.parametrize("result", ["nil", "", "'text'", "{}", "print"])
    @pytest.mark.refused
    def test_kernel_returns_something_else(self, pool, result):
        with pytest.raises(moonpool.LuaError):
            pool.map(f"function(x) return {result} end", np.arange(3))
        with pytest.raises(moonpool.LuaError):
            pool.map(f"function(x) return {result} end", np.arange(3), out=np.zeros(3))

    def test_syntax(self, pool):
        with pytest.raises(moonpool.LuaSyntaxError):
            pool.map("function(x) retrn x end", np.arange(3))

    @pytest.mark.refused
    def test_kernel_is_named_when_many_fail(self, pool):
        for _ in range(200):
            with pytest.raises(moonpool.LuaError, match="^kernel 'few', .*returned 1 value"):
                pool.map(
                    moonpool.kernel("function(x) return x end", name="few"),
                    np.arange(100),
                    dtype=("f8", "f8"),
                )

    @pytest.mark.refused
    def test_pool_answers_afterwards(self, pool):
        for _ in range(20):
            with pytest.raises(moonpool.LuaError):
                pool.map("function(x) error('no') end", np.arange(100))
            assert pool.map(IDENTITY, np.arange(3)).tolist() == [0, 1, 2]


class TestTimeout:
    LOOP = "function(x) while true do end end"

    @pytest.mark.parametrize("timeout", [0, 0.001, 0.05])
    @pytest.mark.parametrize("with_out", [False, True])
    @pytest.mark.refused
    def test_ends(self, pool, timeout, with_out):
        out = np.zeros(3) if with_out else None
        with pytest.raises(moonpool.KernelTimeout):
            pool.map(self.LOOP, np.zeros(3), timeout=timeout, out=out)
        assert pool.map(IDENTITY, np.arange(3)).tolist() == [0, 1, 2]

    @pytest.mark.refused
    def test_of_nothing(self, pool):
        with pytest.raises(moonpool.KernelTimeout, match="the timeout of 0 s"):
            pool.map(self.LOOP, np.zeros(3), timeout=0)

    @pytest.mark.refused
    def test_is_a_timeout_error(self, pool):
        with pytest.raises(TimeoutError):
            pool.map(self.LOOP, np.zeros(3), timeout=0.01)

    @pytest.mark.parametrize("timeout", [-1, float("nan")])
    def test_refused(self, pool, timeout):
        with pytest.raises(ValueError, match="timeout"):
            pool.map(IDENTITY, np.zeros(3), timeout=timeout)

    def test_infinite(self, pool):
        assert pool.map(IDENTITY, np.zeros(1), timeout=float("inf")).tolist() == [0]

    @pytest.mark.refused
    def test_of_the_pool(self):
        with moonpool.Pool(1, timeout=0.02) as pool:
            with pytest.raises(moonpool.KernelTimeout):
                pool.map(self.LOOP, np.zeros(3))
            with pytest.raises(moonpool.KernelTimeout):
                pool.map(self.LOOP, np.zeros(3), out=np.zeros(3))


class TestBuffers:
    @pytest.mark.parametrize("source", ["return x", "error('no')", "while true do end"])
    @pytest.mark.refused
    def test_are_given_back(self, pool, source):
        memory = bytearray(24)
        kept = None
        try:
            pool.map(f"function(x) {source} end", memory, timeout=0.02)
        except moonpool.LuaError as error:
            # Its traceback keeps all frames of the call.
            kept = error
        memory.extend(b"more")
        assert (kept is None) == (source == "return x")

    def test_arguments_are_let_go(self, pool):
        a = np.arange(3.0)
        gone = weakref.ref(a)
        pool.map(IDENTITY, a)
        pool.map(IDENTITY, a, out=a)
        del a
        gc.collect()
        assert gone() is None

    @pytest.mark.refused
    def test_references_are_balanced(self, pool):
        a, out, value = np.arange(3.0), np.zeros(3), "text of its own"
        kernel = "function(x, s) return x end"
        pool.map(kernel, a, value, out=out)
        before = [sys.getrefcount(x) for x in (a, out, value)]
        for _ in range(100):
            pool.map(kernel, a, value, out=out)
            pool.map(kernel, a, value)
        assert [sys.getrefcount(x) for x in (a, out, value)] == before


class TestProgress:
    def test_tqdm(self, pool, capsys):
        pool.map(IDENTITY, np.zeros(100), progress=True)
        pool.map(IDENTITY, np.zeros(100), out=np.zeros(100), progress=True)
        assert "100/100" in capsys.readouterr().err

    def test_any_class(self, pool):
        bars = []

        class Bar:
            def __init__(self, total, desc, unit):
                self.total, self.n, self.closed = total, 0, False
                bars.append(self)

            def update(self, n):
                self.n += n

            def refresh(self):
                pass

            def close(self):
                self.closed = True

        pool.map(IDENTITY, np.zeros(100), progress=Bar)
        pool.map_async(IDENTITY, np.zeros(100), progress=Bar).result()
        assert (bars[0].n, bars[0].total, bars[0].closed) == (100, 100, True)
        assert bars[1].closed

    @pytest.mark.parametrize("progress", ["yes", 1, 0.5])
    def test_not_a_class(self, pool, progress):
        with pytest.raises(TypeError, match="progress"):
            pool.map(IDENTITY, np.zeros(3), progress=progress)

    def test_without_tqdm(self, pool, monkeypatch):
        monkeypatch.setitem(sys.modules, "tqdm", None)
        with pytest.raises(ImportError, match="pip install tqdm"):
            pool.map(IDENTITY, np.zeros(3), progress=True)
