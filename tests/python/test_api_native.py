"""The native tier as users meet it."""

import _thread
import os
import signal
import threading
import warnings
from concurrent.futures import CancelledError

import numpy as np
import pytest

import moonpool
from moonpool import _native

pytestmark = pytest.mark.skipif(not _native.available(), reason="there is no llvmlite")

SOURCE = "function(x, y) if x > y then return x * y end return x - y end"
STRING = "function(x)\n  local s = 'a' .. x\n  return #s + x\nend"
LARGE = 200_000


@pytest.fixture
def pool():
    with moonpool.Pool(2, native="require") as pool:
        yield pool


@pytest.fixture
def auto():
    with moonpool.Pool(2) as pool:
        yield pool


def expected(x, y):
    return np.where(x > y, x * y, x - y)


def compiled(pool):
    return pool.stats()["native"]


class TestMap:
    def test_runs_native_code(self, pool):
        x, y = np.arange(1000.0), np.linspace(0, 999, 1000)
        assert np.array_equal(pool.map(SOURCE, x, y), expected(x, y))
        assert compiled(pool) == 1000
        assert pool.stats()["states"] == 0

    @pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 63, 64, 65, 1000])
    def test_any_length(self, pool, count):
        x = np.arange(float(count))
        out = np.full(count + 2, -7.0)
        pool.map(SOURCE, x, 3, out=out[1:-1])
        assert np.array_equal(out[1:-1], expected(x, 3))
        assert out[0] == out[-1] == -7

    def test_strides_and_broadcasting(self, pool):
        x = np.arange(120.0).reshape(10, 12)
        for a, b in (
            (x[:, ::-1], x[0]),
            (x[::2, ::3], x[:5, :1]),
            (x.T, x[:, 3]),
            (np.asfortranarray(x), 4),
        ):
            assert np.array_equal(pool.map(SOURCE, a, b), expected(a, b))
        out = np.zeros((12, 10)).T
        pool.map(SOURCE, x, 5, out=out)
        assert np.array_equal(out, expected(x, 5))

    def test_in_place(self, pool):
        x = np.arange(100.0)
        pool.map("function(x) return 2 * x end", x, out=x)
        assert np.array_equal(x, 2 * np.arange(100.0))
        pool.map("function(x) return x + 1 end", x[:-1], out=x[1:])
        assert np.array_equal(x, np.append(0.0, 2 * np.arange(99.0) + 1))

    def test_where(self, pool):
        x = np.arange(100.0)
        out = np.full(100, -1.0)
        pool.map("function(x) return 10 // 1 + x end", x, out=out, where=x % 3 == 0)
        assert np.array_equal(out, np.where(x % 3 == 0, x + 10, -1))
        found = pool.map("function(i) return 12 // i end", np.arange(-5, 6), where=x[:11] != 5)
        assert found[5] == 0
        assert found[6] == 12

    def test_dtypes_are_inferred(self, pool):
        kernel = "function(x) return x > 1, 7 // 2, x / 2 end"
        for dtype in (np.float32, np.float64, np.int8, np.uint16):
            a, b, c = pool.map(kernel, np.arange(4, dtype=dtype))
            assert (a.dtype, b.dtype) == (np.bool_, np.int64)
            assert c.dtype == (np.float32 if dtype == np.float32 else np.float64)
        assert pool.map(kernel, np.empty(0))[1].dtype == np.int64

    def test_an_integer_that_is_none_makes_floats(self, pool):
        x = np.array([1.5, -2.5, 1e300] * 50)
        assert pool.map("function(x) return math.floor(x) end", x[:2]).dtype == np.int64
        found = pool.map("function(x) return math.floor(x) end", x)
        assert found.dtype == np.float64
        assert np.array_equal(found, np.floor(x))

    def test_errors_are_the_interpreter_s(self, pool):
        kernel = moonpool.kernel("function(i)\n  return 10 //\n  (i - 700)\nend", name="div")
        with pytest.raises(moonpool.LuaError, match="divide by zero") as native:
            pool.map(kernel, np.arange(1000))
        with (
            moonpool.Pool(2, native="off") as off,
            pytest.raises(moonpool.LuaError) as interpreted,
        ):
            off.map(kernel, np.arange(1000))
        assert str(native.value) == str(interpreted.value)
        assert native.value.index == 700
        one = np.r_[:256, 300, :200]
        with pytest.raises(moonpool.LuaError, match="uint8") as misfit:
            pool.map("function(x) return x end", one, out=np.empty(457, np.uint8))
        assert misfit.value.index == 256

    def test_async(self, pool):
        x = np.arange(1000.0)
        futures = [pool.map_async(SOURCE, x, y) for y in range(5)]
        for y, future in enumerate(futures):
            assert np.array_equal(future.result(), expected(x, y))

    def test_many_threads_compile_at_once(self, pool):
        kernel = moonpool.kernel(SOURCE)
        x = np.arange(1000.0)
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(pool.map(kernel, x, 3))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert all(np.array_equal(one, expected(x, 3)) for one in found)


class TestRun:
    def test_reads_and_writes_arrays(self, pool):
        a = np.random.default_rng(1).random((30, 40))
        b = np.zeros((30, 40))
        pool.run("function(i, j, a, b) b[i][j] = 2 * a[i][j] + i end", (30, 40), a, b)
        assert np.array_equal(b, 2 * a + np.arange(1, 31)[:, None])
        assert compiled(pool) == 1200

    def test_errors_are_the_interpreter_s(self, pool):
        with pytest.raises(moonpool.LuaError) as error:
            pool.run("function(i, a)\n  a[i + 1] = i\nend", 100, np.zeros(100))
        assert error.value.index == 100
        assert error.value.line == 2


class TestReduce:
    SQUARES = "function(acc, x) return acc + x * x end"

    @pytest.mark.parametrize("combine", [None, "+", "function(a, b) return a + b end"])
    @pytest.mark.parametrize("axis", [None, 0, 1])
    def test_gives_the_same_bits(self, pool, combine, axis):
        x = np.random.default_rng(3).standard_normal((300, 70))
        with moonpool.Pool(1, native="off") as off:
            wanted = off.reduce(self.SQUARES, x, init=0, combine=combine, axis=axis)
        found = pool.reduce(self.SQUARES, x, init=0, combine=combine, axis=axis)
        assert np.array_equal(found, wanted)
        assert compiled(pool) > 0

    def test_several_accumulators(self, pool):
        source = "function(n, low, high, x) return n + 1, math.min(low, x), math.max(high, x) end"
        x = np.random.default_rng(4).standard_normal(9999)
        combine = "function(n, l, h, m, k, i) return n + m, math.min(l, k), math.max(h, i) end"
        init = (0, np.inf, -np.inf)
        assert pool.reduce(source, x, init=init, combine=combine) == (9999, x.min(), x.max())

    def test_nothing_gives_init(self, pool):
        found = pool.reduce(self.SQUARES, np.zeros(0), init=7, combine="+")
        assert (type(found), found) == (int, 7)

    def test_errors_are_the_interpreter_s(self, pool):
        x = np.ones(100_000, dtype=int)
        x[77_777] = 0
        with pytest.raises(moonpool.LuaError, match="by zero") as raised:
            pool.reduce("function(acc, x) return acc + 1 // x end", x, init=0, combine="+")
        assert raised.value.index == 77_777

    @pytest.mark.parametrize(
        ("source", "init", "combine", "result"),
        [
            ("return math.max(a, x)", -np.inf, "max", 7.5),
            ("return math.min(a, x)", np.inf, None, -1.0),
            ("return math.max(a, x)", 0.0, None, 7.5),
            ("if x > a then return x end return a", -1e300, "max", 7.5),
            ("return a + x", 0, "+", 6.75),
            ("return a + x * x", 0, None, 57.3125),
            ("return a + 1", 0, "+", 4),
            ("return a + 1", 0.0, "+", 4.0),
            ("if x > 0 then return a + 1 end return a", 0, "+", 2),
            ("return a and x > -2", True, None, True),
        ],
    )
    def test_what_users_write(self, pool, source, init, combine, result):
        x = np.array([-1.0, 7.5, 0.25, 0.0])
        found = pool.reduce(f"function(a, x) {source} end", x, init=init, combine=combine)
        assert (type(found), found) == (type(result), result)
        assert compiled(pool) > 0

    def test_what_is_refused(self, pool):
        """The integer 3 is the result where no element is greater."""
        with pytest.raises(RuntimeError, match="a float there"):
            pool.reduce("function(a, x) return math.max(a, x, 3) end", np.ones(9), init=0)

    def test_timeout(self, pool):
        source = "function(acc, x) while x == 1 do x = x * 1 end return acc end"
        with pytest.raises(TimeoutError):
            pool.reduce(source, np.ones(64), init=0, timeout=0.3)


class TestStopping:
    def test_timeout(self, pool):
        kernel = "function(x) while x >= 0 do x = x + 1 end return x end"
        with pytest.raises(moonpool.KernelTimeout):
            pool.map(kernel, np.arange(1000.0), timeout=0.05)
        assert np.array_equal(pool.map(SOURCE, np.ones(3), 0), np.ones(3) * 0)

    def test_cancel(self, pool):
        kernel = "function(x) while x >= 0 do x = x + 1 end return x end"
        future = pool.map_async(kernel, np.arange(1000.0))
        while not future.running():
            pass
        future.cancel()
        with pytest.raises(CancelledError):
            future.result(timeout=10)

    def test_ctrl_c_while_compiling(self, pool, monkeypatch):
        def interrupted(ir, isa):
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(100):
                pass
            raise AssertionError("the signal was not seen")

        kernel = moonpool.kernel(SOURCE)
        with monkeypatch.context() as patch:
            patch.setattr(_native, "compile_ir", interrupted)
            for call in (
                lambda: pool.map(kernel, np.ones(3), 0, out=np.empty(3)),
                lambda: pool.map(kernel, np.ones(3), 0),
            ):
                with pytest.raises(KeyboardInterrupt):
                    call()
        assert np.array_equal(pool.map(kernel, np.ones(3), 0), np.zeros(3))

    @pytest.mark.timeout(20)
    def test_no_memory_for_a_thread(self, pool, monkeypatch):
        """One that starts without the memory for its first call never makes it."""
        start = _thread.start_new_thread

        def starve(body, args):
            return start(lambda *args: None, args)

        kernel = moonpool.kernel(SOURCE)
        with monkeypatch.context() as patch:
            patch.setenv("MOONPOOL_CACHE", "0")  # What is on disk needs none.
            patch.setattr(_thread, "start_new_thread", starve)
            with pytest.raises(MemoryError, match="the compiler's thread"):
                pool.map(kernel, np.ones(3), 0)
        assert _native._working == []
        assert np.array_equal(pool.map(kernel, np.ones(3), 0), np.zeros(3))


class TestChoice:
    @pytest.mark.interpreted
    def test_few_items_stay_interpreted(self, auto):
        kernel = moonpool.kernel(SOURCE)
        for _ in range(4):
            auto.map(kernel, np.arange(10.0), 3)
        assert compiled(auto) == 0
        auto.map(kernel, np.arange(10_000.0), 3)
        assert compiled(auto) == 10_000
        auto.map(kernel, np.arange(10.0), 3)
        assert compiled(auto) == 10_010

    def test_off(self):
        with moonpool.Pool(1, native="off") as pool:
            pool.map(SOURCE, np.arange(10_000.0), 3)
            assert compiled(pool) == 0

    def test_required(self, pool):
        for call in (
            lambda: pool.map(STRING, 1),
            lambda: pool.map(moonpool.kernel(STRING), np.ones(3), out=np.ones(3)),
            lambda: pool.run("function(i, s) end", 10, "text"),
            lambda: pool.map_async(STRING, np.ones(3)).result(),
        ):
            with pytest.raises(RuntimeError, match="cannot be compiled"):
                call()
        assert pool.submit("function(s) return s .. 'b' end", "a").result() == "ab"

    def test_what_the_setup_has_is_no_constant(self):
        """It may be another thing each time that a chunk looks."""
        setup = "local n = 0 T = {5} function count() n = n + 1 return n end"
        sources = [
            "local c = count() return function(x) return x * 0 + c end",
            "local c = T[1] return function(x) return x * 0 + c end",
        ]
        found: dict[str, list[object]] = {"off": [], "on": []}
        for native in ("off", "on"):
            with moonpool.Pool(1, native=native, setup=setup) as pool:
                for k in range(3):
                    pool.submit(f"function() T[1] = {k} end").result()
                    for source in sources:
                        value = pool.map(source + f" -- {k}", np.ones(3)).tolist()
                        found[native].append(value)
        assert found["on"] == found["off"]
        with moonpool.Pool(1, native="require", setup="UNIT = 5") as pool:
            assert pool.map("local u = UNIT return function(x) return x * u end", 3) == 15

    @pytest.mark.interpreted
    def test_a_large_interpreted_map_warns_once(self, auto):
        kernel = moonpool.kernel(STRING, name="text")
        x = np.ones(LARGE, np.int8)
        with pytest.warns(moonpool.PerformanceWarning, match="kernel 'text'") as caught:
            auto.map(kernel, x)
        assert caught[0].filename == __file__
        assert "    2 |   local s = 'a' .. x" in str(caught[0].message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            auto.map(kernel, x)
            auto.map(moonpool.kernel(STRING), x[:100])

    @pytest.mark.interpreted
    def test_a_warning_may_be_an_error(self, auto):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(moonpool.PerformanceWarning):
                auto.map(moonpool.kernel(STRING), np.ones(LARGE), out=np.empty(LARGE))
        assert auto.map(SOURCE, 1, 1) == 0

    @pytest.mark.interpreted
    def test_a_compiler_that_fails(self, auto, monkeypatch):
        def broken(ir, isa):
            calls.append(isa)
            raise RuntimeError("no executable pages")

        calls: list[str] = []
        monkeypatch.setattr(_native, "compile_ir", broken)
        kernel = moonpool.kernel(SOURCE)
        x = np.ones(LARGE)
        with pytest.warns(moonpool.PerformanceWarning, match="no executable pages"):
            auto.map(kernel, x, 0)
        assert np.array_equal(auto.map(kernel, x, 0), x * 0)
        assert len(calls) == 1

    def test_out_of_memory_is_no_refusal(self, pool, monkeypatch):
        def broken(ir, isa):
            raise MemoryError

        kernel = moonpool.kernel(SOURCE)
        with monkeypatch.context() as patch:
            patch.setattr(_native, "compile_ir", broken)
            with pytest.raises(MemoryError):
                pool.map(kernel, np.ones(3), 0)
        assert np.array_equal(pool.map(kernel, np.ones(3), 0), np.zeros(3))
