"""Pool.run: index spaces, and arrays that kernels write."""

import array

import numpy as np
import pytest

import moonpool


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


class TestExtent:
    @pytest.mark.parametrize("extent", [5, (5,), [5], np.int64(5)])
    def test_one_dimension(self, pool, extent):
        a = np.zeros(5)
        assert pool.run("function(i, a) a[i] = i end", extent, a) is None
        assert a.tolist() == [1, 2, 3, 4, 5]

    def test_two_dimensions(self, pool):
        a = np.zeros((30, 40), "i4")
        pool.run("function(i, j, a) a[i][j] = 100 * i + j end", a.shape, a)
        i, j = np.indices(a.shape) + 1
        np.testing.assert_array_equal(a, 100 * i + j)

    def test_three_dimensions(self, pool):
        a = np.zeros((3, 4, 5), "i4")
        pool.run("function(i, j, k, a) a[i][j][k] = 100 * i + 10 * j + k end", a.shape, a)
        i, j, k = np.indices(a.shape) + 1
        np.testing.assert_array_equal(a, 100 * i + 10 * j + k)

    @pytest.mark.parametrize("extent", [0, (0, 5), (5, 0, 2)])
    def test_empty(self, pool, extent):
        pool.run("function(...) error('never') end", extent)

    @pytest.mark.parametrize("extent", [-1, (1, -1), (), (1, 1, 1, 1), (2**62, 2**62)])
    def test_out_of_bounds(self, pool, extent):
        with pytest.raises(ValueError, match="extent|large|many|items"):
            pool.run("function(...) end", extent)

    @pytest.mark.parametrize("extent", [1.5, "3", None])
    def test_not_an_integer(self, pool, extent):
        with pytest.raises(TypeError):
            pool.run("function(...) end", extent)


class TestArguments:
    def test_stencil(self, pool):
        source = np.random.default_rng(0).normal(size=(20, 30))
        result = np.zeros_like(source)
        kernel = """function(i, j, a, out, w)
            local n, m = a:size(1), a:size(2)
            if i > 1 and i < n and j > 1 and j < m then
                out[i][j] = w * (a[i-1][j] + a[i+1][j] + a[i][j-1] + a[i][j+1])
            end
        end"""
        pool.run(kernel, source.shape, source, result, 0.25)
        wanted = 0.25 * (
            source[:-2, 1:-1] + source[2:, 1:-1] + source[1:-1, :-2] + source[1:-1, 2:]
        )
        np.testing.assert_allclose(result[1:-1, 1:-1], wanted, rtol=1e-15)

    def test_any_buffer(self, pool):
        memory, numbers = bytearray(4), array.array("d", [0] * 4)
        pool.run("function(i, a, b) a[i] = i b[i] = i / 2 end", 4, memory, numbers)
        assert (list(memory), numbers.tolist()) == ([1, 2, 3, 4], [0.5, 1, 1.5, 2])

    @pytest.mark.refused
    def test_values(self, pool):
        out = np.zeros(1, "i8")
        kernel = """function(i, out, s, b, n, f)
            assert(s == "text" and b == true and n == nil and f == 2.5)
            out[1] = 1
        end"""
        pool.run(kernel, 1, out, "text", True, None, 2.5)
        assert out[0] == 1

    @pytest.mark.refused
    def test_strides_and_byte_order(self, pool):
        a = np.zeros((6, 4), ">i4")
        pool.run("function(i, j, a) a[i][j] = i * 10 + j end", (3, 2), a[::-2, ::2])
        assert a[::-2, ::2].tolist() == [[11, 12], [21, 22], [31, 32]]
        assert np.count_nonzero(a) == 6

    @pytest.mark.refused
    def test_read_only_array_may_be_read(self, pool):
        out = np.zeros(3)
        source = np.arange(3.0)
        source.flags.writeable = False
        pool.run("function(i, a, out) out[i] = a[i] end", 3, source, out)
        assert out.tolist() == [0, 1, 2]
        with pytest.raises(moonpool.LuaError, match="read-only"):
            pool.run("function(i, a) a[i] = 1 end", 3, source)

    @pytest.mark.parametrize("values", [[1.0, 2.0], (1.0, 2.0), range(2)])
    @pytest.mark.refused
    def test_sequences_are_read_only(self, pool, values):
        # What is written into a copy would be lost.
        pool.run("function(i, a) assert(a[i] < 3) end", 2, values)
        with pytest.raises(moonpool.LuaError, match="read-only"):
            pool.run("function(i, a) a[i] = 1 end", 2, values)

    @pytest.mark.refused
    def test_keeps_buffers_until_the_end(self, pool):
        memory = bytearray(8)
        future = pool.run_async("function(i) while true do end end", 4, memory)
        with pytest.raises(BufferError):
            memory.extend(b"more")
        future.cancel()
        memory.extend(b"more")


class TestErrors:
    @pytest.mark.refused
    def test_index_counts_from_one(self, pool):
        with pytest.raises(moonpool.LuaError) as info:
            pool.run("function(i, j) if i == 2 and j == 3 then error('no') end end", (2, 3))
        assert info.value.index == (2, 3)
        assert "item (2, 3)" in str(info.value)
        with pytest.raises(moonpool.LuaError, match="item 7: "):
            pool.run("function(i) if i == 7 then error('no') end end", 10)

    def test_out_of_bounds(self, pool):
        with pytest.raises(moonpool.LuaError, match=r"\b4\b"):
            pool.run("function(i, a) a[i] = 1 end", 4, np.zeros(3))

    @pytest.mark.parametrize("name", ["run", "run_async"])
    def test_signature(self, pool, name):
        kernel = moonpool.kernel("function(a, b) end", signature="(n)->(n)", name="rows")
        with pytest.raises(ValueError, match=r"kernel 'rows' has the signature .* only map\(\)"):
            getattr(pool, name)(kernel, 3, np.zeros(3))

    @pytest.mark.refused
    def test_timeout(self, pool):
        with pytest.raises(moonpool.KernelTimeout):
            pool.run("function(i) while true do end end", 4, timeout=0.01)

    def test_async(self, pool):
        a = np.zeros(100)
        future = pool.run_async("function(i, a) a[i] = i end", 100, a)
        assert future.result() is None
        assert a.sum() == 5050

    def test_progress(self, pool, capsys):
        pool.run("function(i) end", 50, progress=True)
        assert "50/50" in capsys.readouterr().err
