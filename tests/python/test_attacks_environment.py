"""What a pool may find around it: limits, a clock, a locale, a floating-point environment."""

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.timeout(60)


def compile_library(source):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = source.with_suffix(".so")
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True, timeout=30
    )
    return library


# ---- limits ----------------------------------------------------------------------

# For scripts that count threads: the kernel lists one that has been joined for
# a moment yet.
SETTLE = """
        import os, time
        def threads():
            return len(os.listdir('/proc/self/task'))
        def settle(wanted):
            until = time.monotonic() + 10
            while threads() > wanted and time.monotonic() < until:
                time.sleep(0.01)
            return threads()
"""


@pytest.mark.slow_asan
@pytest.mark.interpreted
def test_no_threads(run_python):
    """RLIMIT_NPROC does not count for root, so the child becomes somebody else."""
    run_python(
        SETTLE
        + """
        import os, resource
        import numpy as np
        import moonpool
        inc = "function(x) return x + 1 end"
        others = threads()
        first = moonpool.Pool(1)
        assert first.map(inc, np.arange(3.0)).tolist() == [1, 2, 3]
        if os.getuid() == 0:
            os.setresuid(54321, 54321, 54321)
        before = threads()
        resource.setrlimit(resource.RLIMIT_NPROC, (before, before))
        for workers in (1, 4, 64):
            try:
                moonpool.Pool(workers)
            except RuntimeError as error:
                assert 'cannot start worker' in str(error), error
            else:
                raise AssertionError('there should be no thread to be had')
        for call in (
            lambda: first.submit(inc, 1).result(),
            lambda: first.map_async(inc, np.arange(3.0)).result(),
            lambda: first.map(inc, np.arange(3.0), timeout=5),
        ):
            try:
                call()
            except RuntimeError as error:
                assert 'thread' in str(error), error
            else:
                raise AssertionError('there should be no thread to be had')
        # What needs no new thread works, and all does when there are threads again.
        assert first.map(inc, np.arange(3.0)).tolist() == [1, 2, 3]
        assert settle(before) == before
        first.close()
        assert settle(others) == others
        second = moonpool.Pool(1)
        assert second.map(inc, np.arange(3.0)).tolist() == [1, 2, 3]
        second.close()
    """
    )


@pytest.mark.slow_asan
def test_little_address_space(run_python):
    run_python("""
        import resource, time
        import numpy as np
        import moonpool
        inc = "function(x) return x + 1 end"
        fill = "function() local t = {} for i = 1, 1e9 do t[i] = {i} end end"
        text = "function() local s = 'x' while true do s = s .. s end end"
        pool = moonpool.Pool(2, memory_limit=float('inf'))
        data = np.arange(1000.0)
        pool.map(inc, data)
        def answer():
            # What the worker had is given back a moment after its job ended.
            for attempt in range(100):
                try:
                    return pool.map(inc, data)[999]
                except MemoryError:
                    time.sleep(0.02)
        used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()
        limit = used + (100 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for _ in range(3):
            for source in (fill, text):
                try:
                    pool.submit(source).result()
                except MemoryError as error:
                    pass
                else:
                    raise AssertionError('no end of memory')
            assert answer() == 1000
        for call in (
            lambda: pool.map(inc, np.broadcast_to(1.0, (1 << 30,))),
            lambda: pool.submit("function(s) return s end", 'x' * (60 << 20)).result(),
            lambda: [moonpool.Pool(64) for _ in range(20)],
        ):
            try:
                call()
            except (MemoryError, RuntimeError):
                pass
            else:
                raise AssertionError('no end of memory')
        assert answer() == 1000
        pool.close()
    """)


@pytest.mark.slow_asan
def test_thousand_pools(run_python):
    run_python(
        SETTLE
        + """
        import ctypes, gc, resource
        import numpy as np
        import moonpool
        def rss():
            # What the allocator keeps for later is no leak.
            ctypes.CDLL(None).malloc_trim(0)
            return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()
        inc = "function(x) return x + 1 end"
        def round(count):
            pools = [moonpool.Pool(2) for _ in range(count)]
            futures = [pool.submit(inc, 1) for pool in pools[::10]]
            assert all(future.result(30) == 2 for future in futures)
            assert all(pool.map(inc, np.arange(3.0)).tolist() == [1, 2, 3] for pool in pools)
            high = threads()
            for pool in pools:
                pool.close()
            return high
        before = threads()
        round(20)
        assert settle(before) == before
        start = rss()
        assert round(1000) >= 2000
        gc.collect()
        assert settle(before) == before
        first = rss()
        round(300)
        gc.collect()
        assert rss() - first < 8 << 20, (start, first, rss())
        # What the arenas of two thousand threads keep.
        assert rss() - start < 160 << 20, (start, rss())
        # Dropped instead of closed.
        for _ in range(100):
            moonpool.Pool(2).map(inc, np.arange(3.0))
        gc.collect()
        assert settle(before) == before
    """
    )


# ---- a clock ---------------------------------------------------------------------


@pytest.mark.refused
def test_stepped_clock(tmp_path, run_python):
    """time() and CLOCK_REALTIME jump a year at each look: deadlines do not notice."""
    source = tmp_path / "clock.c"
    source.write_text(
        textwrap.dedent("""
        #define _GNU_SOURCE
        #include <stdatomic.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>
        static atomic_long looks;
        int clock_gettime(clockid_t id, struct timespec *ts)
        {
            int code = (int)syscall(SYS_clock_gettime, id, ts);
            long n = atomic_fetch_add(&looks, 1);
            if (id == CLOCK_REALTIME)
                ts->tv_sec += (n % 2 ? -1 : 1) * 31536000L;
            return code;
        }
        int gettimeofday(struct timeval *tv, void *tz)
        {
            struct timespec ts;
            (void)tz;
            clock_gettime(CLOCK_REALTIME, &ts);
            tv->tv_sec = ts.tv_sec;
            tv->tv_usec = ts.tv_nsec / 1000;
            return 0;
        }
        """)
    )
    library = compile_library(source)
    code = """
        import time
        import numpy as np
        import moonpool
        assert abs(time.time() - time.time()) > 1e7
        with moonpool.Pool(2) as pool:
            for _ in range(5):
                start = time.monotonic()
                try:
                    pool.map("function(x) while true do end end", np.ones(4), timeout=0.1)
                except moonpool.KernelTimeout:
                    pass
                else:
                    raise AssertionError('no timeout')
                assert 0.09 < time.monotonic() - start < 2.5
                f = pool.submit("function() while true do end end")
                try:
                    f.result(0.05)
                except TimeoutError:
                    assert f.cancel()
                assert pool.map("function(x) return x + 1 end", np.ones(3)).tolist() == [2, 2, 2]
    """
    preload = f"{library}:{os.environ.get('LD_PRELOAD', '')}".strip(":")
    if "asan" in preload:
        # The sanitizer's runtime has to come first.
        preload = f"{os.environ['LD_PRELOAD']}:{library}".replace(" ", ":")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "LD_PRELOAD": preload},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# ---- locale and floating-point environment ---------------------------------------


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    """Return the environment in which the locale de_DE.UTF-8 is to be had."""
    have = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    if "de_DE.utf8" in have:
        return dict(os.environ)
    localedef = shutil.which("localedef")
    if localedef is None:
        pytest.skip("there is no de_DE.UTF-8 and no localedef to make it")
    place = tmp_path_factory.mktemp("locale")
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    made = subprocess.run(
        [localedef, "-i", "de_DE", "-f", "UTF-8", place / "de_DE.UTF-8"],
        capture_output=True,
        env=environment,
        check=False,
    )
    if not (place / "de_DE.UTF-8").exists():
        pytest.skip(f"localedef cannot make de_DE.UTF-8: {made.stderr!r}")
    return {**os.environ, "LOCPATH": str(place)}


LOCALE = """
    import locale, threading
    import numpy as np
    import moonpool
    body = '''
        return function(i)
            local r = {}
            for k = 1, 200 do
                assert(tostring(1.5) == '1.5', tostring(1.5))
                assert(('%.2f'):format(1234.5) == '1234.50')
                assert(('%g'):format(0.25) == '0.25' and ('%5.1f'):format(0.5) == '  0.5')
                assert(tonumber('1.5') == 1.5 and tonumber('1,5') == nil)
                assert('1.5' + 1 == 2.5 and 1.5 .. '' == '1.5' and tonumber('0x1.8p1') == 3)
                assert(('%a'):format(0.5) == '0x1p-1' and ('%q'):format(0.5) == '0x1p-1')
                assert(('1e-3'):rep(1) + 0 == 0.001)
            end
            return 2.5
        end'''
"""


def run_german(german, code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOCALE) + textwrap.dedent(code)],
        env=german,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.refused
def test_locale(german):
    run_german(
        german,
        """
        locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')
        assert locale.localeconv()['decimal_point'] == ','
        with moonpool.Pool(2) as pool:
            assert pool.map(body, np.arange(50)).tolist() == [2.5] * 50
            assert set(pool.submit(body, 1).result() for _ in range(5)) == {2.5}
            k = moonpool.kernel("local x = 1.5 return function(y) return x * y + 0.25 end")
            assert pool.map(k, np.array([1.0])).tolist() == [1.75]
            assert pool.submit("function(t) return t end", [1.5, 'x']).result() == [1.5, 'x']
            try:
                pool.submit("function() error(1.5) end").result()
            except moonpool.LuaError as error:
                assert '1.5' in str(error), error
            try:
                moonpool.kernel("return 1,5")
                moonpool.Pool(1).submit("function() return 1.5.5 end")
            except moonpool.LuaSyntaxError as error:
                assert '1.5.5' in str(error)
        """,
    )


@pytest.mark.refused
def test_locale_changed_by_another_thread(german):
    run_german(
        german,
        """
        stop = threading.Event()
        def change():
            while not stop.is_set():
                locale.setlocale(locale.LC_NUMERIC, 'de_DE.UTF-8')
                locale.setlocale(locale.LC_ALL, 'C')
        thread = threading.Thread(target=change)
        with moonpool.Pool(2) as pool:
            thread.start()
            try:
                for _ in range(5):
                    assert pool.map(body, np.arange(40)).tolist() == [2.5] * 40
            finally:
                stop.set()
                thread.join()
        """,
    )


FLOATS = """
    import ctypes
    import numpy as np
    import moonpool
    library = ctypes.CDLL({library!r})
    body = '''
        return function(x)
            local third, tiny = x / 3, 2.0^-1074 * x
            return third, -x / 3, x * 0.1 + 0.2, tiny, tiny / 2 + tiny, 1e-310 * x, math.sqrt(x),
                math.floor(x * 0.5), {tenth}, x // 0.3
        end'''
"""


@pytest.fixture(scope="module")
def modes(tmp_path_factory):
    source = tmp_path_factory.mktemp("modes") / "modes.c"
    source.write_text(
        textwrap.dedent("""
        #include <fenv.h>
        #if defined(__x86_64__)
        #include <xmmintrin.h>
        #endif
        int spoil(int mode)
        {
        #if defined(__x86_64__)
            if (mode == 0) {
                _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ and DAZ */
                return 0;
            }
        #endif
            static const int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
            return fesetround(rounding[mode]);
        }
        """)
    )
    return compile_library(source)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize("native", ["auto", "on"])
@pytest.mark.refused
def test_floating_point_modes(run_python, modes, native, mode):
    """Left behind by another library in the thread that makes the pool, compiles, or calls."""
    tenth = "tonumber('0.1')" if native == "auto" else "0.1 + 1 / 3"
    code = textwrap.dedent(FLOATS).format(library=str(modes), tenth=tenth) + textwrap.dedent(f"""
        first, second = np.arange(1.0, 50.0), 0.1 * np.arange(1000)
        def results(pool):
            kernel = moonpool.kernel(body)
            # Compiled code runs on the calling thread from the second time on.
            many = [one for _ in range(3) for one in pool.map(kernel, first)]
            one = pool.submit(body, 2.0).result()
            total = pool.reduce("function(a, x) return a + x end", second, init=0.0, combine="+")
            return [m.tobytes() for m in many], np.array(one).tobytes(), total.hex()
        with moonpool.Pool(2, native={native!r}) as before:
            clean = results(before)
            assert library.spoil({mode}) == 0
            with moonpool.Pool(2, native={native!r}) as after:
                assert results(after) == clean
            assert results(before) == clean
            if {native!r} == "on" and moonpool._native.available():
                assert before.stats()["native"] > 100
    """)
    run_python(code)
