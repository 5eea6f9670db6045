"""What Pool.map returns: dtypes, given outputs, masks, the outputs of a signature."""

import array
import ctypes

import numpy as np
import pytest

import moonpool

INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64"]
IDENTITY = moonpool.kernel("function(x) return x end")
ADD = moonpool.kernel("function(x, y) return x + y end")


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


class TestDtype:
    @pytest.mark.parametrize("dtype", INTEGERS)
    def test_integers_give_int64(self, pool, dtype):
        a = np.array([0, 1, 100], dtype)
        result = pool.map(IDENTITY, a)
        assert result.dtype == np.int64
        assert result.tolist() == a.tolist()

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.refused
    def test_floats_keep_their_width(self, pool, dtype):
        a = np.array([0.5, -2, 3], dtype)
        result = pool.map(IDENTITY, a)
        assert result.dtype == a.dtype
        assert result.tolist() == a.tolist()

    def test_bool(self, pool):
        a = np.array([True, False, True])
        result = pool.map(IDENTITY, a)
        assert result.dtype == bool
        assert result.tolist() == a.tolist()

    @pytest.mark.refused
    def test_widest_float_wins(self, pool):
        a, b = np.ones(3, "f2"), np.ones(3, "f4")
        assert pool.map(ADD, a, b).dtype == np.float32
        assert pool.map(ADD, b, np.ones(3, "i8")).dtype == np.float32
        assert pool.map(ADD, b, np.ones(3)).dtype == np.float64

    def test_scalars_do_not_widen(self, pool):
        a = np.ones(3, "f4")
        assert pool.map(ADD, a, 2.5).dtype == np.float32
        assert pool.map(ADD, a, np.float64(2.5)).dtype == np.float32
        assert pool.map(ADD, a, np.array(2.5)).dtype == np.float64

    def test_float_from_integers_is_float64(self, pool):
        assert pool.map("function(x) return x / 2 end", np.arange(3)).dtype == np.float64

    @pytest.mark.parametrize(("dtype", "wanted"), [("i8", "f8"), ("f4", "f4"), ("f2", "f2")])
    @pytest.mark.refused
    def test_integers_then_floats(self, pool, dtype, wanted):
        kernel = "function(i, x) if i > 500 then return i + 0.5 end return i end"
        i = np.arange(1000)
        result = pool.map(kernel, i, np.zeros(1000, dtype))
        assert result.dtype == wanted
        np.testing.assert_array_equal(result, np.where(i > 500, i + 0.5, i).astype(wanted))

    def test_floats_then_integers(self, pool):
        kernel = "function(i) if i < 5 then return i + 0.5 end return i end"
        result = pool.map(kernel, np.arange(10))
        assert result.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5, 6, 7, 8, 9]

    @pytest.mark.refused
    def test_booleans_do_not_mix_with_numbers(self, pool):
        with pytest.raises(moonpool.LuaError, match="bool") as info:
            pool.map("function(i) if i > 2 then return true end return i end", np.arange(5))
        assert info.value.index == 3

    @pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
    @pytest.mark.refused
    def test_given(self, pool, dtype):
        result = pool.map(IDENTITY, np.arange(5), dtype=dtype)
        assert result.dtype == dtype
        assert result.tolist() == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("dtype", [float, np.float64, np.dtype("f8"), "d", "float64"])
    def test_ways_to_say_it(self, pool, dtype):
        assert pool.map(IDENTITY, np.arange(3), dtype=dtype).dtype == np.float64
        view = pool.map(IDENTITY, array.array("q", [1, 2]), dtype=dtype)
        assert (view.format, view.tolist()) == ("d", [1.0, 2.0])

    @pytest.mark.refused
    def test_big_endian_result(self, pool):
        result = pool.map(IDENTITY, np.arange(3), dtype=">f4")
        assert result.dtype == ">f4"
        assert result.tolist() == [0, 1, 2]

    @pytest.mark.parametrize("dtype", ["complex128", "O", "U4", "M8[s]", "longdouble"])
    def test_not_supported_as_result(self, pool, dtype):
        with pytest.raises(TypeError, match="not supported"):
            pool.map(IDENTITY, np.arange(3), dtype=dtype)

    @pytest.mark.parametrize(("value", "dtype"), [(300, "u1"), (-1, "u8"), (3.5, "i4")])
    def test_value_that_does_not_fit(self, pool, value, dtype):
        with pytest.raises(moonpool.LuaError, match=f"element 2: cannot store {value}"):
            pool.map(IDENTITY, np.array([0, 1, value]), dtype=dtype)
        with pytest.raises(moonpool.LuaError, match=f"element 0: cannot store {value}"):
            pool.map(IDENTITY, np.array([value, 0, 1]), dtype=dtype)

    def test_huge_uint64_is_an_error(self, pool):
        with pytest.raises(moonpool.LuaError, match="int64"):
            pool.map(IDENTITY, np.array([2**63], "u8"))

    def test_tuple(self, pool):
        kernel = "function(x) return x, x * 2 end"
        a, b = pool.map(kernel, np.arange(3), dtype=("f4", "u1"))
        assert (a.dtype, b.dtype) == (np.float32, np.uint8)
        assert b.tolist() == [0, 2, 4]

    @pytest.mark.refused
    def test_tuple_of_the_wrong_length(self, pool):
        with pytest.raises(moonpool.LuaError, match="2 values, 3 wanted"):
            pool.map("function(x) return x, x end", np.arange(3), dtype=("f4", "f4", "f4"))


class TestOut:
    def test_is_returned(self, pool):
        out = np.empty(3)
        assert pool.map(IDENTITY, np.arange(3), out=out) is out
        assert out.tolist() == [0, 1, 2]

    def test_tuple(self, pool):
        out = np.empty(3), np.empty(3, "i2")
        assert pool.map("function(x) return x, x + 1 end", np.arange(3), out=out) is out
        assert out[1].tolist() == [1, 2, 3]

    def test_in_place(self, pool):
        a = np.arange(1000.0)
        pool.map("function(x) return x + 1 end", a, out=a)
        np.testing.assert_array_equal(a, np.arange(1.0, 1001.0))

    @pytest.mark.parametrize("shift", [1, -1, 7])
    def test_overlap(self, pool, shift):
        a = np.arange(10000.0)
        source, target = (a[shift:], a[:-shift]) if shift > 0 else (a[:shift], a[-shift:])
        wanted = source + 1
        pool.map("function(x) return x + 1 end", source, out=target)
        np.testing.assert_array_equal(target, wanted)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: bytearray(8 * 3),
            lambda: array.array("d", [0] * 3),
            ctypes.c_double * 3,
            lambda: memoryview(array.array("d", [0] * 3)),
        ],
    )
    def test_any_buffer(self, pool, make):
        out = make()
        view = memoryview(out).cast("B").cast("d")
        pool.map("function(x) return x + 1 end", [1, 2, 3], out=view)
        assert view.tolist() == [2, 3, 4]

    def test_strided(self, pool):
        out = np.zeros((4, 6))
        pool.map(IDENTITY, np.arange(6.0).reshape(2, 3), out=out[::-2, ::2])
        np.testing.assert_array_equal(out[::-2, ::2], np.arange(6.0).reshape(2, 3))
        assert np.count_nonzero(out) == 5

    def test_read_only(self, pool):
        out = np.zeros(3)
        out.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            pool.map(IDENTITY, np.arange(3), out=out)
        with pytest.raises(ValueError, match="read-only"):
            pool.map(IDENTITY, np.arange(3, dtype="u1"), out=bytes(3))

    @pytest.mark.parametrize("out", [[0, 0, 0], "abc", 3])
    def test_not_an_array(self, pool, out):
        with pytest.raises(TypeError, match="out"):
            pool.map(IDENTITY, np.arange(3), out=out)

    def test_wrong_shape(self, pool):
        with pytest.raises(ValueError, match=r"\(?3"):
            pool.map(IDENTITY, np.arange(3), out=np.zeros(4))

    def test_overlaps_itself(self, pool):
        out = np.lib.stride_tricks.as_strided(np.zeros(1), (3,), (0,))
        with pytest.raises(ValueError, match="out"):
            pool.map(IDENTITY, np.arange(3), out=out)
        both = np.zeros(3)
        with pytest.raises(ValueError, match="out"):
            pool.map("function(x) return x, x end", np.arange(3), out=(both, both))

    def test_excludes_dtype(self, pool):
        with pytest.raises(TypeError, match="exclude"):
            pool.map(IDENTITY, np.arange(3), out=np.zeros(3), dtype="f8")

    @pytest.mark.refused
    def test_inputs_stay_as_they_are_on_an_error(self, pool):
        a = np.arange(1000.0)
        with pytest.raises(moonpool.LuaError):
            pool.map("function(x) if x > 900 then error('no') end return 0 end", a)
        np.testing.assert_array_equal(a, np.arange(1000.0))


class TestWhere:
    def test_new_array_is_zero_elsewhere(self, pool):
        mask = np.arange(10) % 3 == 0
        result = pool.map("function(x) return x + 1 end", np.arange(10), where=mask)
        np.testing.assert_array_equal(result, np.where(mask, np.arange(10) + 1, 0))

    def test_out_stays_elsewhere(self, pool):
        out = np.full(10, -1.0)
        mask = np.arange(10) > 6
        pool.map(IDENTITY, np.arange(10), out=out, where=mask)
        np.testing.assert_array_equal(out, np.where(mask, np.arange(10), -1))

    def test_kernel_is_not_called_elsewhere(self, pool):
        a = np.array([1, 0, 2])
        result = pool.map("function(x) return 6 // x end", a, where=a != 0)
        assert result.tolist() == [6, 0, 3]

    def test_broadcasts(self, pool):
        result = pool.map(IDENTITY, np.ones((2, 3)), where=np.array([True, False, True]))
        assert result.tolist() == [[1, 0, 1], [1, 0, 1]]

    def test_nothing_selected(self, pool):
        result = pool.map(IDENTITY, np.arange(3.0), where=np.zeros(3, bool))
        assert result.tolist() == [0, 0, 0]
        assert result.dtype == np.float64

    def test_scalars_under_a_mask(self, pool):
        result = pool.map(IDENTITY, 2.5, where=np.array([True, False]))
        assert isinstance(result, np.ndarray)
        assert result.tolist() == [2.5, 0]

    def test_true_and_lists(self, pool):
        assert pool.map(IDENTITY, np.arange(3), where=True).tolist() == [0, 1, 2]
        assert pool.map(IDENTITY, np.arange(3), where=[True, False, True]).tolist() == [0, 0, 2]

    @pytest.mark.parametrize("where", [False, np.False_, np.zeros((), bool)])
    def test_one_bool_for_all(self, pool, where):
        out = np.full(3, 7)
        assert pool.map(IDENTITY, np.arange(3.0), where=where).tolist() == [0, 0, 0]
        assert pool.map(IDENTITY, np.arange(3), where=where, out=out).tolist() == [7, 7, 7]
        assert pool.map(IDENTITY, np.arange(3), where=np.True_, out=out).tolist() == [0, 1, 2]
        assert pool.map(IDENTITY, np.arange(3), where=np.True_).tolist() == [0, 1, 2]

    @pytest.mark.parametrize("where", [np.arange(3), "abc", 1.5])
    @pytest.mark.parametrize("out", [None, np.zeros(3)])
    def test_must_be_booleans(self, pool, where, out):
        with pytest.raises((TypeError, ValueError), match=r"where|bool"):
            pool.map(IDENTITY, np.arange(3), where=where, out=out)

    def test_integers_then_floats(self, pool):
        i = np.arange(100)
        kernel = "function(i) if i > 50 then return i + 0.5 end return i end"
        result = pool.map(kernel, i, where=i % 2 == 1)
        np.testing.assert_array_equal(result, np.where(i % 2 == 1, np.where(i > 50, i + 0.5, i), 0))


class TestSignature:
    @pytest.mark.refused
    def test_dot(self, pool):
        kernel = moonpool.kernel(
            """function(a, b)
                local sum = 0.0
                for i = 1, #a do sum = sum + a[i] * b[i] end
                return sum
            end""",
            signature="(n),(n)->()",
        )
        a = np.random.default_rng(0).integers(-9, 9, (5, 1, 7)).astype(float)
        b = np.random.default_rng(1).integers(-9, 9, (4, 7)).astype(float)
        result = pool.map(kernel, a, b)
        np.testing.assert_array_equal(result, np.einsum("...n,...n->...", a, b))
        assert result.shape == (5, 4)

    @pytest.mark.refused
    def test_matrix(self, pool):
        kernel = moonpool.kernel(
            """function(a, b, out)
                for i = 1, a:size(1) do
                    for j = 1, b:size(2) do
                        local sum = 0.0
                        for k = 1, a:size(2) do sum = sum + a[i][k] * b[k][j] end
                        out[i][j] = sum
                    end
                end
            end""",
            signature="(m,k),(k,n)->(m,n)",
        )
        a = np.arange(24.0, dtype="f4").reshape(2, 3, 4)
        b = np.arange(20.0, dtype="f4").reshape(4, 5)
        result = pool.map(kernel, a, b)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, a @ b)

    @pytest.mark.refused
    def test_mixed_outputs(self, pool):
        kernel = moonpool.kernel(
            """function(a, sorted)
                local t = {}
                for i = 1, #a do t[i] = a[i] end
                table.sort(t)
                for i = 1, #a do sorted[i] = t[i] end
                return t[1], t[#t] > 5
            end""",
            signature="(n)->(n),(),()",
        )
        a = np.random.default_rng(2).integers(0, 9, (6, 4))
        ordered, smallest, large = pool.map(kernel, a)
        np.testing.assert_array_equal(ordered, np.sort(a))
        np.testing.assert_array_equal(smallest, a.min(axis=1))
        np.testing.assert_array_equal(large, a.max(axis=1) > 5)
        assert (ordered.dtype, smallest.dtype, large.dtype) == ("f8", "i8", "?")

    @pytest.mark.refused
    def test_given_dtype_and_out(self, pool):
        kernel = moonpool.kernel("function(a) return #a end", signature="(n)->()")
        assert pool.map(kernel, np.zeros((2, 3)), dtype="u1").dtype == np.uint8
        out = np.zeros(2)
        assert pool.map(kernel, np.zeros((2, 3)), out=out) is out
        assert out.tolist() == [3, 3]
        with pytest.raises(ValueError, match="outputs"):
            pool.map(kernel, np.zeros((2, 3)), dtype=("f4", "f4"))

    @pytest.mark.refused
    def test_integers_then_floats(self, pool):
        kernel = moonpool.kernel(
            "function(a) if a[1] > 2 then return a[1] + 0.5 end return a[1] end",
            signature="(n)->()",
        )
        result = pool.map(kernel, np.arange(6).reshape(6, 1))
        assert result.tolist() == [0, 1, 2, 3.5, 4.5, 5.5]

    def test_empty_loop(self, pool):
        kernel = moonpool.kernel("function(a) return #a end", signature="(n)->()")
        assert pool.map(kernel, np.zeros((0, 3))).shape == (0,)

    def test_core_dimensions_that_differ(self, pool):
        kernel = moonpool.kernel("function(a, b) return 1 end", signature="(n),(n)->()")
        with pytest.raises(ValueError, match="core dimension"):
            pool.map(kernel, np.zeros(3), np.zeros(4))

    @pytest.mark.refused
    def test_size_of_an_output_alone(self, pool):
        kernel = moonpool.kernel("function(a, out) out[1] = a end", signature="()->(m)")
        with pytest.raises(ValueError, match="m"):
            pool.map(kernel, np.zeros(3))
        out = np.zeros((3, 2))
        pool.map(kernel, np.arange(3.0), out=out)
        assert out.tolist() == [[0, 0], [1, 0], [2, 0]]

    @pytest.mark.refused
    def test_new_outputs_show_no_old_memory(self, pool):
        # A stranger's kernel can read its outputs.
        look = moonpool.kernel("function(a, o) return o[1] end", signature="(n)->(n),()")
        idle = moonpool.kernel("function(a, o) end", signature="(n)->(n)")
        for _ in range(20):
            a = np.full((4, 100), 1234.5)
            del a
            filled, first = pool.map(look, np.ones((4, 100)))
            assert not filled.any()
            assert not first.any()
            a = np.full((4, 100), 1234.5)
            del a
            assert not pool.map(idle, np.ones((4, 100))).any()

    @pytest.mark.refused
    def test_error_has_the_loop_index(self, pool):
        kernel = moonpool.kernel("function(a) error('no') end", signature="(n)->()")
        with pytest.raises(moonpool.LuaError) as info:
            pool.map(kernel, np.zeros((2, 3, 4)), dtype="f8")
        assert info.value.index in {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)}
