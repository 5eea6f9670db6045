"""Small maps, which the calling thread does itself: as if there were a job."""

import array
import ctypes
import inspect
import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

import moonpool
from moonpool import _native

pytestmark = pytest.mark.skipif(not _native.available(), reason="there is no llvmlite")

# No out, and one.
NEW_AND_GIVEN: tuple[dict[str, Any], ...] = {}, {"out": np.zeros(5)}
ADD = moonpool.kernel("function(x, y) return x + y end")


@pytest.fixture
def pool():
    with moonpool.Pool(2, native="require") as pool:
        yield pool


@pytest.fixture(scope="module")
def off():
    with moonpool.Pool(1, native="off") as pool:
        yield pool


def at_once(pool):
    """Return how many items calling threads have done."""
    return pool.stats()["callers"]["items"]


def warm(pool, kernel, *args, **options):
    """Have a job of workers' alone compile the kernel."""
    pool.map_async(kernel, *args, **options).result()


class TestWhere:
    def test_the_second_map(self, pool):
        x, out = np.arange(20.0), np.zeros(20)
        warm(pool, ADD, x, x, out=out)
        assert at_once(pool) == 0
        out[:] = 0
        assert pool.map(ADD, x, x, out=out) is out
        assert np.array_equal(out, 2 * x)
        assert at_once(pool) == 20
        stats = pool.stats()
        assert stats["items"] == stats["native"] == 40
        assert len(stats["per_worker"]) == stats["workers"] == 2

    def test_new_results(self, pool):
        for dtype in (np.float32, np.float64, np.int16, np.uint64):
            x = np.arange(20, dtype=dtype).reshape(4, 5)
            warm(pool, ADD, x, 1)
            before = at_once(pool)
            found = pool.map(ADD, x, 1)
            assert at_once(pool) == before + 20
            assert found.dtype == (dtype if dtype in (np.float32, np.float64) else np.int64)
            assert np.array_equal(found, x + np.ones(1, dtype))

    def test_several_results(self, pool):
        kernel = moonpool.kernel("function(x) return x > 1, x // 1 | 0, x / 2 end")
        x = np.arange(4.0)
        warm(pool, kernel, x)
        a, b, c = pool.map(kernel, x)
        assert at_once(pool) == 4
        assert (a.dtype, b.dtype, c.dtype) == (bool, np.int64, np.float64)
        assert (a.tolist(), b.tolist(), c.tolist()) == (
            [False, False, True, True],
            [0, 1, 2, 3],
            [0, 0.5, 1, 1.5],
        )
        outs = np.zeros(4, bool), np.zeros(4, int), np.zeros(4)
        assert pool.map(kernel, x, out=outs) is outs
        assert at_once(pool) == 8
        assert outs[1].tolist() == [0, 1, 2, 3]

    def test_numbers(self, pool):
        for one, two, wanted in ((1, 2, int), (1.5, 2, float), (2**62, 2**62, int)):
            warm(pool, ADD, one, two)
            before = at_once(pool)
            found = pool.map(ADD, one, two)
            assert at_once(pool) == before + 1
            assert type(found) is wanted
            assert found == (one + two + 2**63) % 2**64 - 2**63 if wanted is int else one + two
        kernel = moonpool.kernel("function(x) return x > 1, x end")
        warm(pool, kernel, 2)
        assert pool.map(kernel, 2) == (True, 2)

    def test_calls_of_the_kernel(self):
        kernel = moonpool.kernel("function(x) return 3 * x end")
        x = np.arange(10.0)
        for _ in range(300):
            assert np.array_equal(kernel(x), 3 * x)
        assert kernel(2) == 6

    def test_off(self, off):
        x = np.arange(20.0)
        for _ in range(3):
            assert np.array_equal(off.map(ADD, x, x), 2 * x)
        assert at_once(off) == 0

    def test_trace(self, pool, tmp_path):
        x = np.arange(20.0)
        for _ in range(2):
            pool.map(ADD, x, x)
        pool.trace(tmp_path / "trace.json")
        assert '"callers"' in (tmp_path / "trace.json").read_text()


class TestArguments:
    """Whichever way they go, what comes out is the same."""

    @pytest.mark.parametrize(
        "shape", [(), (1,), (0,), (1, 1), (3, 0), (7,), (4, 5), (2, 3, 4), (1, 5), (5, 1)]
    )
    def test_shapes(self, pool, shape):
        x = np.arange(float(np.prod(shape))).reshape(shape)
        for _ in range(3):
            found = pool.map(ADD, x, 1)
            assert isinstance(found, np.ndarray)
            assert found.shape == shape
            assert np.array_equal(found, x + 1)
            out = np.zeros(shape)
            pool.map(ADD, x, x, out=out)
            assert np.array_equal(out, 2 * x)

    @pytest.mark.parametrize(
        ("left", "right"),
        [((3, 1), (4,)), ((2, 3, 4), (3, 1)), ((), (5,)), ((1,), (1, 1)), ((1, 5), (5,)), ((), ())],
    )
    def test_broadcasting(self, pool, left, right):
        a, b = np.random.default_rng(0).random(left), np.random.default_rng(1).random(right)
        a, b = np.asarray(a), np.asarray(b)
        for _ in range(3):
            found = pool.map(ADD, a, b)
            assert isinstance(found, np.ndarray)
            assert found.shape == np.asarray(a + b).shape
            assert np.array_equal(found, a + b)
            out = np.zeros(found.shape)
            pool.map(ADD, a, b, out=out)
            assert np.array_equal(out, a + b)
        wide = np.zeros((2, *found.shape))
        for _ in range(2):
            pool.map(ADD, a, b, out=wide)
            assert np.array_equal(wide, np.broadcast_to(a + b, wide.shape))

    def test_strides(self, pool):
        x = np.arange(120.0).reshape(10, 12)
        line = np.arange(40.0)
        cases = (
            (x.T, x.T),
            (x[:, ::2], x[:, ::2]),
            (np.asfortranarray(x), x),
            (line[::-1], line),
            (line[::2], line[1::2]),
            (line[5:25], np.broadcast_to(np.float64(3), 20)),
        )
        for a, b in cases:
            for _ in range(2):
                assert np.array_equal(pool.map(ADD, a, b), a + b)
                out = np.zeros((*a.shape, 2))[..., 0]
                pool.map(ADD, a, b, out=out)
                assert np.array_equal(out, a + b)

    def test_others(self, pool):
        x = np.arange(6.0)
        swapped, half, plain = x.astype(">f8"), x.astype("f4"), array.array("d", x)
        assert at_once(pool) == 0
        with moonpool.Pool(2, native="auto") as auto:
            for _ in range(2):
                for one in (swapped, half, [0, 1, 2, 3, 4, 5], memoryview(plain), plain):
                    assert np.array_equal(auto.map(ADD, one, x), x + x)
                view = auto.map(ADD, memoryview(plain), 1)
                assert isinstance(view, memoryview)
                assert view.tolist() == (x + 1).tolist()
                assert np.array_equal(auto.map(ADD, x, np.float64(2)), x + 2)
                assert np.array_equal(auto.map(ADD, x, np.int8(2)), x + 2)
                assert auto.map("function(x, s) return x + #s end", x, "ab").tolist()[0] == 2

    def test_options(self, pool):
        x, out = np.arange(6.0), np.zeros(6)
        for _ in range(2):
            assert pool.map(ADD, x, x, dtype="f4").dtype == np.float32
            assert pool.map(ADD, x, x, where=x > 2).tolist() == [0, 0, 0, 6, 8, 10]
            assert pool.map(ADD, x, x, timeout=30).tolist()[5] == 10
            assert pool.map(ADD, x, x, out=None).tolist()[5] == 10
            assert pool.map(ADD, x, x, out=out, where=True) is out
            assert pool.map(kernel=ADD.source.replace("x, y", "...").replace("x + y", "1")) == 1

    def test_signature(self):
        names = list(inspect.signature(moonpool.Pool.map).parameters)
        assert names == ["self", "kernel", "args", "out", "dtype", "where", "timeout", "progress"]
        assert "Call a kernel for each element" in (moonpool.Pool.map.__doc__ or "")

    def test_what_it_refuses(self, off):
        x = np.arange(6.0)
        frozen = np.zeros(6)
        frozen.flags.writeable = False
        bad: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
            ((ADD, x, x), {"out": frozen}),
            ((ADD, x, x), {"out": np.zeros(5)}),
            ((ADD, x, x), {"out": np.zeros((1, 6))[:, :5]}),
            ((ADD, x, x), {"out": np.lib.stride_tricks.as_strided(np.zeros(1), (6,), (0,))}),
            ((ADD, x, x), {"out": 5}),
            ((ADD, x, x), {"out": (np.zeros(6), np.zeros(6))}),
            ((ADD, x, np.zeros(5)), {}),
            ((ADD, x, x), {"ouch": 5}),
            ((ADD, x, object()), {}),
            ((ADD, 2**64, x), {}),
            ((ADD, np.zeros(6, complex), x), {}),
            ((ADD, *[x] * 65), {}),
            ((), {}),
            ((5, x), {}),
        ]
        with moonpool.Pool(1, native="auto") as pool:
            for _ in range(1000):
                pool.map(ADD, x, x)
            assert at_once(pool) > 0
            for args, options in bad:
                with pytest.raises(Exception) as here:  # noqa: PT011
                    pool.map(*args, **options)
                with pytest.raises(Exception) as there:  # noqa: PT011
                    off.map(*args, **options)
                assert type(here.value) is type(there.value)
                assert str(here.value) == str(there.value)
            with pytest.raises(TypeError, match=r"Pool.map\(\) got an unexpected keyword"):
                pool.map(ADD, x, x, ouch=5)  # type: ignore[call-arg]


class TestFailures:
    def test_in_place(self, pool):
        """No item is computed twice, where it would read what it has written."""
        kernel = moonpool.kernel("function(i) return 1000 // i + 1 end")
        x = np.arange(1, 101)
        warm(pool, kernel, x, out=x.copy())
        pool.map(kernel, x, out=x)
        assert np.array_equal(x, 1000 // np.arange(1, 101) + 1)
        assert at_once(pool) == 100
        for at in (0, 5, 50, 99):
            x = np.arange(1, 101)
            x[at] = 0
            with pytest.raises(moonpool.LuaError, match="divide by zero") as error:
                pool.map(kernel, x, out=x)
            assert error.value.index == at
            assert np.array_equal(x[:at], 1000 // np.arange(1, at + 1) + 1)
            done = 1000 // np.arange(1, 101) + 1
            before = np.arange(1, 101)
            before[at] = 0
            assert np.all((x == done) | (x == before))

    def test_in_place_and_no_error(self, pool):
        """What code cannot represent is no error: `floor` may give a float."""
        source = "function(x) local f = math.floor(x) return f + 1.0 end"
        kernel = moonpool.kernel(source)
        warm(pool, kernel, np.zeros(100), out=np.zeros(100))
        for at in (0, 5, 50, 99):
            x = np.arange(100.0)
            x[at] = 1e300
            wanted = np.floor(x) + 1
            pool.map(kernel, x, out=x)
            assert np.array_equal(x, wanted)

    def test_two_outputs_in_place(self, pool):
        kernel = moonpool.kernel("function(x, y) return x + 1, math.floor(y) + 0.5 end")
        warm(pool, kernel, np.zeros(50), np.zeros(50), out=(np.zeros(50), np.zeros(50)))
        for at in (0, 20, 49):
            x, y = np.arange(50.0), np.arange(50.0)
            y[at] = 1e300
            wanted = np.floor(y) + 0.5
            pool.map(kernel, x, y, out=(x, y))
            assert np.array_equal(x, np.arange(50.0) + 1)
            assert np.array_equal(y, wanted)
            x, y = np.arange(50.0), np.arange(50.0)
            x[at] = 1e300
            wanted = np.floor(x) + 0.5
            pool.map(kernel, y, x, out=(y, x))
            assert np.array_equal(x, wanted)
            assert np.array_equal(y, np.arange(50.0) + 1)

    def test_misfits(self, pool):
        kernel = moonpool.kernel("function(x) return x + 1 end")
        x = np.arange(100)
        warm(pool, kernel, x, out=np.zeros(100, np.uint8))
        x[70] = 255
        with pytest.raises(moonpool.LuaError, match="element 70: cannot store 256"):
            pool.map(kernel, x, out=np.zeros(100, np.uint8))
        warm(pool, kernel, np.zeros(3, "u8"))
        with pytest.raises(moonpool.LuaError, match="int64"):
            pool.map(kernel, np.array([2**63], "u8"))

    def test_floats_after_all(self, pool):
        kernel = moonpool.kernel("function(x) return math.floor(x) end")
        warm(pool, kernel, np.zeros(5))
        assert pool.map(kernel, np.ones(5)).dtype == np.int64
        found = pool.map(kernel, np.array([1.5, 1e300]))
        assert found.dtype == np.float64
        assert found.tolist() == [1, 1e300]
        assert pool.map(kernel, 1.5) == 1
        assert pool.map(kernel, 1e300) == 1e300

    def test_overlap(self, pool):
        kernel = moonpool.kernel("function(x) return x + 1 end")
        x = np.arange(100.0)
        warm(pool, kernel, x, out=np.zeros(100))
        pool.map(kernel, x[:-1], out=x[1:])
        assert np.array_equal(x, np.r_[0, np.arange(99.0) + 1])
        x = np.arange(100.0)
        pool.map(kernel, x[::-1], out=x)
        assert np.array_equal(x, np.arange(99.0, -1, -1) + 1)


class TestLoops:
    SUM = "function(n) local s = 0 for i = 1, n do s = s + i end return s end"

    def test_short_and_long(self, pool):
        kernel = moonpool.kernel(self.SUM)
        for n in (0, 1, 10, 1000, 10_000, 1_000_000, 10, 1_000_000):
            assert pool.map(kernel, n) == n * (n + 1) // 2
            x = np.full(5, n)
            assert pool.map(kernel, x).tolist() == [n * (n + 1) // 2] * 5
            pool.map(kernel, x, out=x)
            assert x.tolist() == [n * (n + 1) // 2] * 5
        assert at_once(pool) > 0

    ENDLESS = "function(n) while n > 0 do n = n ~ 2 end return n end"

    def test_timeouts(self, pool):
        kernel = moonpool.kernel(self.ENDLESS)
        warm(pool, kernel, np.array([0]))
        choices: tuple[dict[str, Any], ...] = {}, {"out": np.array([1])}
        for options in choices:
            start = time.monotonic()
            with pytest.raises(moonpool.KernelTimeout):
                pool.map(kernel, np.array([1]), timeout=0.1, **options)
            with moonpool.Pool(1, native="require", timeout=0.1) as other:
                assert other.map(kernel, np.array([0])).tolist() == [0]
                with pytest.raises(moonpool.KernelTimeout):
                    other.map(kernel, np.array([1]), **options)
            assert time.monotonic() - start < 20

    def test_no_time_at_all(self):
        x = np.arange(5.0)
        with moonpool.Pool(1, native="require", timeout=0) as pool:
            for _ in range(3):
                with pytest.raises(moonpool.KernelTimeout):
                    pool.map(ADD, x, x)

    @pytest.mark.parametrize("given", [False, True])
    def test_interrupt(self, pool, given):
        kernel = moonpool.kernel(self.ENDLESS)
        warm(pool, kernel, np.array([0]))
        options = {"out": np.array([1])} if given else {}
        timer = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
        timer.start()
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            pool.map(kernel, np.array([1]), **options)
        assert time.monotonic() - start < 10
        timer.join()
        assert pool.map(ADD, 1, 2) == 3


class TestDear:
    def test_without_loops(self, pool):
        """What is not cut off becomes a job where it takes long after all."""
        terms = " + ".join(f"math.tan(x + {k}) ^ (x + {k})" for k in range(30))
        kernel = moonpool.kernel(f"function(x) return {terms} end")
        x, out = np.linspace(0.0, 1.0, 7500), np.zeros(7500)
        warm(pool, kernel, x, out=out)
        wanted = out.copy()
        for given in (out, None, x):
            found = pool.map(kernel, x, out=given)
            assert np.array_equal(found, wanted, equal_nan=True)
        # Who waits for the job may take chunks of it.
        callers = pool.stats()["callers"]
        assert callers["items"] < 5000 or callers["chunks"] > 3


class TestAround:
    def test_small_stacks(self, pool):
        """Workers have room for large tables."""
        source = """function(x)
          local t = {}
          for i = 1, SIZE do t[i] = x + i end
          local s = 0.0
          for i = 1, SIZE do s = s + t[i] end
          return s
        end"""
        for size, wanted in ((5, 10), (200, 0)):
            kernel = moonpool.kernel(source.replace("SIZE", str(size)))
            before = at_once(pool)
            for _ in range(2):
                found = pool.map(kernel, np.zeros(10))
                assert found.tolist() == [size * (size + 1) / 2] * 10
            assert at_once(pool) == before + wanted

    def test_closed(self):
        x = np.arange(5.0)
        pool = moonpool.Pool(1, native="require")
        warm(pool, ADD, x, x)
        pool.map(ADD, x, x)
        pool.close()
        for options in NEW_AND_GIVEN:
            with pytest.raises(RuntimeError, match="closed"):
                pool.map(ADD, x, x, **options)

    def test_close_on_the_way(self):
        x = np.arange(5.0)
        for options in NEW_AND_GIVEN:
            pool = moonpool.Pool(1, native="require")
            warm(pool, ADD, x, 1, **options)

            class Closing:
                def __index__(self, pool=pool):
                    pool.close()
                    return 1

            with pytest.raises(RuntimeError, match="closed"):
                pool.map(ADD, x, Closing(), **options)

    def test_close_meanwhile(self):
        x, out = np.arange(5.0), np.zeros(5)
        for _ in range(10):
            pool = moonpool.Pool(1, native="require")
            warm(pool, ADD, x, x, out=out)
            errors: list[str] = []

            def body(pool=pool, errors=errors):
                try:
                    while True:
                        pool.map(ADD, x, x)
                        pool.map(ADD, x, x, out=out)
                except RuntimeError as error:
                    errors.append(str(error))

            thread = threading.Thread(target=body)
            thread.start()
            time.sleep(0.01)
            pool.close()
            thread.join()
            assert "closed" in errors[0]

    def test_threads(self, pool):
        wrong = []

        def body(number):
            x = np.full(50, float(number))
            for k in range(300):
                size = 1 + k % 50
                if not np.array_equal(pool.map(ADD, x[:size], k), x[:size] + k):
                    wrong.append((number, k))

        threads = [threading.Thread(target=body, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        stats = pool.stats()
        assert stats["items"] == 6 * sum(1 + k % 50 for k in range(300))

    def test_threads_that_run_aside(self):
        """What takes some microseconds lets go of the GIL."""
        x = np.arange(12_000.0)
        pool = moonpool.Pool(2, native="require")
        warm(pool, ADD, x, x)
        errors, wrong = [], []

        def body(number):
            out = np.zeros(12_000)
            try:
                while True:
                    pool.map(ADD, x, number, out=out)
                    if out[number] != 2 * number or pool.map(ADD, x, x)[-1] != 2 * 11_999:
                        wrong.append(number)
            except RuntimeError as error:
                errors.append(str(error))

        threads = [threading.Thread(target=body, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        pool.close()
        for thread in threads:
            thread.join()
        assert not wrong
        assert len(errors) == 4
        assert all("closed" in error for error in errors)

    def test_fork(self, pool):
        x = np.arange(20.0)
        for _ in range(2):
            pool.map(ADD, x, x)
        child = os.fork()
        if child == 0:
            good = all(np.array_equal(pool.map(ADD, x, x), 2 * x) for _ in range(5))
            good = good and pool.map(ADD, x, x, out=x) is x
            os._exit(0 if good and at_once(pool) >= 100 else 1)
        assert np.array_equal(pool.map(ADD, x, x), 2 * x)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_setup(self, pool):
        kernel = moonpool.kernel("function(x) return x * factor end")
        for factor in (2.0, 3.0):
            with moonpool.Pool(1, native="auto", setup=f"factor = {factor}") as other:
                for _ in range(3):
                    assert other.map(kernel, np.ones(3)).tolist() == [factor] * 3

    def test_rounding(self, pool):
        libm = ctypes.CDLL("libm.so.6")
        kernel = moonpool.kernel("function(x) return x / 3 end")
        x = np.array([1.0, 10.0])
        warm(pool, kernel, x)
        wanted = x / 3
        before = libm.fegetround()
        for mode in (0x400, 0x800, 0xC00) if os.uname().machine == "x86_64" else ():
            libm.fesetround(mode)
            try:
                found = pool.map(kernel, x)
                after = libm.fegetround()
            finally:
                libm.fesetround(before)
            assert np.array_equal(found, wanted)
            assert after == mode

    def test_subclasses(self, pool):
        class Mine(moonpool.Pool):
            def map(self, *args, **options):
                return super().map(*args, **options) + 1

        class Matrix(np.ndarray):
            pass

        x = np.arange(5.0)
        with Mine(1, native="require") as mine:
            for _ in range(3):
                assert np.array_equal(mine.map(ADD, x, x), 2 * x + 1)
        for _ in range(2):
            assert type(pool.map(ADD, x.view(Matrix), 1)) is np.ndarray
