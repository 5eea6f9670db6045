"""What the process around a pool does: callbacks, forks, signals, limits, exits, locales."""

import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)

INC = "function(x) return x + 1 end"
SPIN = "function(...) while true do end end"
NAP = "function(n) local x = 0 for i = 1, n do x = x + i % 7 end return x end"


@pytest.fixture
def pool(assert_usable):
    with moonpool.Pool(2, timeout=10.0) as pool:
        yield pool
        if not pool.closed:
            assert_usable(pool)


# ---- callbacks and objects -------------------------------------------------------


def test_callback_raises(pool, caplog):
    def callback(future):
        raise ValueError("mine")

    seen: list[object] = []
    future = pool.map_async(INC, np.arange(3.0))
    future.add_done_callback(callback)
    future.add_done_callback(seen.append)
    assert future.result(10).tolist() == [1, 2, 3]
    assert pool.submit(NAP, 10).result(10) == 27
    assert seen == [future]
    assert "exception calling callback" in caplog.text


def test_callback_calls_the_pool(pool):
    results = []
    done = threading.Event()

    def callback(future):
        results.append(pool.map(INC, future.result()).tolist())
        results.append(pool.submit(NAP, 10).result())
        inner = pool.map_async(INC, np.zeros(1))
        results.append(inner.result().tolist())
        done.set()

    pool.map_async(INC, np.arange(3.0)).add_done_callback(callback)
    assert done.wait(10)
    assert results == [[2, 3, 4], 27, [1]]


class Hostile:
    """Does in `act` what the tests ask for, whichever protocol calls it."""

    def __init__(self, act):
        self.act = act


class AsArray(Hostile):
    def __array__(self, dtype=None, copy=None):
        return self.act()


class AsIndex(Hostile):
    def __index__(self):
        return self.act()


class AsFloat(Hostile):
    def __float__(self):
        return self.act()


class AsBuffer(Hostile):
    def __buffer__(self, flags):
        return memoryview(self.act())

    @property
    def __array_interface__(self):
        return self.act().__array_interface__


def use(pool, value):
    yield lambda: pool.map(INC, value)
    yield lambda: pool.map("function(x, y) return x end", np.ones(3), value)
    yield lambda: pool.run("function(i, x) end", 3, value)
    yield lambda: pool.reduce("function(a, x) return a end", value, init=0)
    yield lambda: pool.map_async(INC, value).result(10)


@pytest.mark.parametrize("kind", [AsArray, AsIndex, AsFloat])
def test_object_raises(pool, kind):
    def fail():
        raise LookupError("mine")

    for call in use(pool, kind(fail)):
        with pytest.raises(LookupError, match="mine"):
            call()


@pytest.mark.parametrize("kind", [AsArray, AsIndex, AsFloat])
def test_object_calls_the_pool(pool, kind):
    def convert(x):
        return np.full(3, x) if kind is AsArray else int(x) if kind is AsIndex else float(x)

    def nested():
        return convert(pool.map(INC, np.arange(3.0)).sum())

    got = pool.map(INC, kind(nested))
    assert np.all(got == 7)
    for number, call in enumerate(use(pool, kind(nested))):
        # A reduction needs an array.
        if kind is AsArray or number != 3:
            call()


def test_object_gives_nonsense(pool):
    nonsense: list[object]
    nonsense = [AsArray(lambda: "text"), AsArray(lambda: None), AsIndex(lambda: "x")]
    nonsense += [1 << 64, -(1 << 70), 1j, object(), {}, {1}, type, ...]
    for value in nonsense:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            pool.map(INC, np.ones(2), value)
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises((TypeError, ValueError, RecursionError)):
        pool.submit("function(x) end", loop)
    with pytest.raises((TypeError, ValueError)):
        pool.submit("function(x) end", {1.5: object()})


@pytest.mark.skipif(sys.version_info < (3, 12), reason="__buffer__ is called from 3.12 on")
def test_buffer_raises(pool):
    def fail():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        pool.map(INC, AsBuffer(fail))
    assert pool.map(INC, AsBuffer(lambda: bytearray(3))).tolist() == [1, 1, 1]


def test_progress_raises(pool):
    class Bar:
        def __init__(self, *args, **options):
            pass

        def update(self, *args):
            raise LookupError("mine")

        close = update

    with pytest.raises((LookupError, TypeError, AttributeError)):
        pool.map(NAP, np.full(100, 100_000), progress=Bar)


# ---- nesting and closing ---------------------------------------------------------


def test_nested_maps(pool):
    """Every callback makes a call of its own, deeper and deeper."""
    depth = 0
    done = threading.Event()

    def deeper(future):
        nonlocal depth
        depth += 1
        pool.map(INC, future.result())
        if depth < 50:
            pool.map_async(INC, future.result()).add_done_callback(deeper)
        else:
            done.set()

    pool.map_async(INC, np.zeros(2)).add_done_callback(deeper)
    assert done.wait(20)


def test_closed_pool():
    pool = moonpool.Pool(2)
    pool.close()
    pool.close()
    calls = [
        lambda: pool.map(INC, np.ones(3)),
        lambda: pool.map(INC, np.ones(3), out=np.ones(3)),
        lambda: pool.run("function(i) end", 3),
        lambda: pool.reduce("function(a, x) return a end", np.ones(3), init=0),
        lambda: pool.submit("function() end"),
        lambda: pool.broadcast("function() end"),
        lambda: pool.map_async(INC, np.ones(3)),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="the pool is closed"):
            call()


def test_close_in_callback():
    pool = moonpool.Pool(2)
    others = [pool.submit(NAP, 100_000) for _ in range(20)]
    closed = threading.Event()

    def callback(future):
        pool.close()
        closed.set()

    others[3].add_done_callback(callback)
    assert closed.wait(20)
    assert len({future.result(10) for future in others}) == 1
    pool.close()


@pytest.mark.parametrize("cancel", [False, True])
def test_close_from_threads(bounded, cancel):
    pool = moonpool.Pool(2)
    spinning = [] if not cancel else [pool.submit(SPIN) for _ in range(5)]
    futures = [pool.submit(NAP, 100_000) for _ in range(20)]
    threads = [threading.Thread(target=pool.close, args=(cancel,)) for _ in range(8)]
    with bounded(5.0):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done, not_done = concurrent.futures.wait(spinning + futures, timeout=5)
    assert not not_done
    if cancel:
        assert all(future.cancelled() for future in spinning)
    else:
        assert all(future.result() == futures[0].result() for future in done)
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(NAP, 1)


def test_close_while_others_call(bounded):
    """A call that comes with the close is done or refused."""
    for _ in range(20):
        pool = moonpool.Pool(2)
        outcomes: list[bool] = []

        def call(pool=pool, outcomes=outcomes):
            try:
                while True:
                    outcomes.append(pool.map(INC, np.arange(3.0)).tolist() == [1, 2, 3])
            except RuntimeError as error:
                outcomes.append("closed" in str(error))

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        with bounded(2.0):
            pool.close()
            for thread in threads:
                thread.join()
        assert outcomes
        assert all(outcomes)


def test_cancel_from_everywhere(pool, bounded):
    with bounded(3.0):
        futures = [pool.submit(SPIN) for _ in range(40)]
        threads = [
            threading.Thread(target=lambda part=part: [f.cancel() for f in part])
            for part in (futures, futures[::-1], futures[::3])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        concurrent.futures.wait(futures, timeout=5)
    assert all(future.cancelled() for future in futures)


# ---- fork, exit, other processes -------------------------------------------------

FORK = """
    import os, signal, sys, time
    import numpy as np
    import moonpool
    INC = "function(x) return x + 1 end"
    SPIN = "function(...) while true do end end"
    NAP = "function(n) local x = 0 for i = 1, n do x = x + i % 7 end return x end"

    def child(work):
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            code = 1
            try:
                work()
                code = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                os._exit(code)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                assert status == 0, status
                return
            time.sleep(0.01)
        os.kill(pid, 9)
        raise AssertionError('the child hangs')
"""


def script(text):
    return textwrap.dedent(FORK) + textwrap.dedent(text)


# From 3.12 on Python warns about fork() beside threads; here it is the point.
NO_WARNINGS = """
import warnings
warnings.simplefilter('ignore', DeprecationWarning)
"""


# AddressSanitizer's own locks may be held by another thread as the process forks.
@pytest.mark.slow_asan
def test_fork_while_a_job_runs(run_python):
    run_python(
        NO_WARNINGS
        + script("""
        pool = moonpool.Pool(2)
        kernel = moonpool.kernel(INC)
        for round in range(10):
            data = np.arange(1000.0)
            future = pool.map_async(NAP, np.full(200, 20000))
            waiting = [pool.submit(NAP, 1000) for _ in range(50)]
            def work():
                # Futures of the parent fail here instead of waiting for ever.
                for lost in (future, *waiting):
                    if not lost.done():
                        raise AssertionError('in flight')
                    if lost.exception() is not None:
                        assert 'forked' in str(lost.exception()), lost.exception()
                assert pool.map(kernel, data)[999] == 1000
                assert pool.submit(NAP, 10).result(10) == 27
                assert kernel(data)[0] == 1
                with moonpool.Pool(1) as own:
                    assert own.map(kernel, data)[5] == 6
                child(lambda: pool.map(kernel, data))
                pool.close()
            child(work)
            assert len(set(future.result(20).tolist())) == 1
            assert all(w.result(20) == waiting[0].result() for w in waiting)
            assert pool.map(kernel, data)[1] == 2
        pool.close()
        child(lambda: None)
        """)
    )


@pytest.mark.slow_asan
def test_fork_under_load(run_python):
    """Threads call while the process forks: locks are held at any moment."""
    run_python(
        NO_WARNINGS
        + script("""
        import threading
        pool = moonpool.Pool(2)
        stop = threading.Event()
        def load():
            while not stop.is_set():
                pool.map(INC, np.arange(100.0))
                pool.submit(INC, 1).result()
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                child(lambda: pool.map(INC, np.arange(3.0)))
        finally:
            stop.set()
        for thread in threads:
            thread.join()
        assert pool.map(INC, np.arange(3.0)).tolist() == [1, 2, 3]
        """)
    )


@pytest.mark.parametrize(
    "end",
    [
        "os._exit(0)",
        "sys.exit(0)",
        "pass",
        "del pool",
        "raise SystemExit(0)",
        "threading.Thread(target=quiet, args=(pool,), daemon=True).start()",
        "pool.close(cancel=True)",
        "import atexit; atexit.register(lambda: f.cancel())",
        "f.add_done_callback(lambda f: quiet(pool))",
    ],
)
@pytest.mark.refused
def test_exit_with_jobs_in_flight(run_python, bounded, end):
    with bounded(6.0):
        run_python(
            script(f"""
            import contextlib, threading
            def quiet(pool):
                with contextlib.suppress(Exception):
                    pool.map(SPIN, np.ones(3))
            pool = moonpool.Pool(2)
            default = moonpool.default_pool()
            jobs = [pool.submit(SPIN) for _ in range(5)]
            f = pool.map_async(SPIN, np.ones(100))
            g = default.run_async(SPIN, 100)
            other = moonpool.Pool(1)
            h = other.submit(NAP, 1000)
            time.sleep(0.05)
            {end}
            """)
        )


def test_interpreter_error_with_jobs_in_flight(run_python):
    run_python(script("pool = moonpool.Pool(2); f = pool.submit(SPIN); 1 / 0"), code=1, quiet=False)


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing(tmp_path, method):
    """A kernel and an array go to other processes, which have pools of their own."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
        import multiprocessing, warnings
        import numpy as np
        import moonpool
        warnings.simplefilter('ignore', DeprecationWarning)

        def work(kernel, x):
            assert isinstance(kernel, moonpool.Kernel)
            try:
                moonpool.default_pool().submit("function() error('no', 0) end").result()
            except moonpool.LuaError as error:
                return kernel(x).tolist(), error

        if __name__ == '__main__':
            kernel = moonpool.kernel("function(x) return x * 2 end", name='double')
            assert kernel(np.ones(2)).tolist() == [2, 2]
            context = multiprocessing.get_context({method!r})
            with context.Pool(2) as pool:
                for values, error in pool.starmap(work, [(kernel, np.arange(4.0))] * 6):
                    assert values == [0, 2, 4, 6]
                    assert type(error) is moonpool.LuaError and error.message == 'no', error
            assert kernel(np.ones(2)).tolist() == [2, 2]
        """)
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# ---- signals ---------------------------------------------------------------------


@pytest.mark.refused
def test_sigint_at_random_instants(run_python):
    run_python("""
        import faulthandler, gc, os, random, signal, sys, threading, time
        import numpy as np
        import moonpool
        faulthandler.dump_traceback_later(50, exit=True)
        pool = moonpool.Pool(2)
        choose = random.Random(42)
        spin = "function(...) while true do end end"
        data = bytearray(64)
        calls = [
            lambda: pool.map(spin, data),
            lambda: pool.map(spin, data, out=np.zeros(64)),
            lambda: pool.run(spin, 10, data),
            lambda: pool.reduce(spin, data, init=0),
            lambda: pool.submit(spin, data).result(),
            lambda: pool.broadcast(spin, data),
            lambda: [pool.map("function(x) return x end", data) for _ in range(10**9)],
            lambda: [pool.submit("function() end", data).result() for _ in range(10**9)],
        ]
        late = []
        for round in range(100):
            sent = []
            def send(delay):
                time.sleep(delay)
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
            thread = threading.Thread(target=send, args=(choose.random() * 0.02,))
            try:
                thread.start()
                calls[round % len(calls)]()
            except KeyboardInterrupt:
                late.append(time.monotonic() - sent[0])
            else:
                raise AssertionError('not interrupted')
            thread.join()
            future = pool.submit("function() return 29 end")
            if round % len(calls) in (4, 7):
                # What was submitted goes on: it is cancelled by its future only.
                pool.close(cancel=True)
                pool = moonpool.Pool(2)
                future = pool.submit("function() return 29 end")
            assert future.result(10) == 29
            assert pool.map("function(x) return x + 1 end", np.arange(3.0)).tolist() == [1, 2, 3]
            del future
        # Frames that an exception unwound may be parts of cycles.
        gc.collect()
        data.append(0)
        late.sort()
        assert late[-1] < 2, late[-5:]
        pool.close(cancel=True)
    """)


@pytest.mark.refused
def test_signal_handlers(run_python):
    """Handlers run in the main thread meanwhile; system calls that they interrupt go on."""
    run_python("""
        import signal
        import numpy as np
        import moonpool
        counts = {signal.SIGALRM: 0, signal.SIGPROF: 0, signal.SIGUSR1: 0}
        def handler(number, frame):
            counts[number] += 1
        for number in counts:
            signal.signal(number, handler)
        nap = "function(n) local x = 0 for i = 1, n do x = x + i % 7 end return x end"
        with moonpool.Pool(2) as pool:
            expected = pool.submit(nap, 20000).result()
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
            for _ in range(5):
                assert set(pool.map(nap, np.full(400, 20000)).tolist()) == {expected}
                assert pool.submit(nap, 20000).result() == expected
                try:
                    pool.map("function(x) while true do end end", np.ones(4), timeout=0.05)
                except moonpool.KernelTimeout:
                    pass
                else:
                    raise AssertionError('no timeout')
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        assert counts[signal.SIGALRM] > 2 and counts[signal.SIGPROF] > 2, counts
    """)


@pytest.mark.refused
def test_signal_handler_raises_and_calls(run_python):
    run_python("""
        import signal
        import numpy as np
        import moonpool
        class Alarm(Exception):
            pass
        got = []
        def handler(number, frame):
            got.append(pool.map("function(x) return x + 1 end", np.arange(3.0)).tolist())
            raise Alarm
        signal.signal(signal.SIGALRM, handler)
        with moonpool.Pool(2) as pool:
            for _ in range(10):
                signal.setitimer(signal.ITIMER_REAL, 0.01)
                try:
                    pool.map("function(x) while true do end end", np.ones(1))
                except Alarm:
                    pass
                else:
                    raise AssertionError('not raised')
        assert got == [[1, 2, 3]] * 10
    """)


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


# ---- time ------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, 0.0, 1e-9, 1e-6, 0.001])
@pytest.mark.refused
def test_tiny_timeouts(pool, bounded, timeout):
    out = np.full(100, -1.0)
    with bounded(1.0):
        for _ in range(50):
            with pytest.raises(moonpool.KernelTimeout, match="timeout"):
                pool.map(SPIN, np.ones(100), timeout=timeout)
        with pytest.raises(moonpool.KernelTimeout):
            pool.map(SPIN, np.ones(100), out=out, timeout=timeout)
        with pytest.raises(moonpool.KernelTimeout):
            pool.run(SPIN, 10, timeout=timeout)
        with pytest.raises(moonpool.KernelTimeout):
            pool.reduce(SPIN, np.ones(100), init=0, timeout=timeout)
        with pytest.raises(moonpool.KernelTimeout):
            pool.map_async(SPIN, np.ones(100), timeout=timeout).result(10)
    assert (out == -1).all()


def test_timeout_of_nothing_refuses_all(pool):
    with pytest.raises(moonpool.KernelTimeout):
        pool.map(INC, np.ones(10), timeout=0)


@pytest.mark.parametrize("timeout", [-1, float("nan"), -1e-300, "soon", [1]])
def test_bad_timeouts(pool, timeout):
    with pytest.raises((ValueError, TypeError)):
        pool.map(INC, np.ones(3), timeout=timeout)
    with pytest.raises((ValueError, TypeError)):
        moonpool.Pool(1, timeout=timeout)


@pytest.mark.parametrize("timeout", [1e300, float("inf"), 2.0**63, 1e18])
def test_great_timeouts(pool, timeout):
    assert pool.map(INC, np.ones(3), timeout=timeout).tolist() == [2, 2, 2]
    assert pool.map_async(INC, np.ones(3), timeout=timeout).result(10).tolist() == [2, 2, 2]


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


def compile_library(source):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = source.with_suffix(".so")
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-lm"], check=True, timeout=30
    )
    return library


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


@pytest.mark.refused
def test_random_mix(assert_usable):
    """All kinds of trouble at once, in an order that is always the same."""
    choose = random.Random(7)
    data = np.arange(200.0)
    with moonpool.Pool(2, memory_limit=8 << 20) as pool:
        futures = []
        for _ in range(150):
            kind = choose.randrange(7)
            if kind == 0:
                futures.append(pool.map_async(SPIN, data, timeout=0.01))
            elif kind == 1:
                futures.append(pool.submit("function() local t = {} while true do t = {t} end end"))
            elif kind == 2:
                futures.append(pool.submit("function() error('no') end"))
            elif kind == 3 and futures:
                choose.choice(futures).cancel()
            elif kind == 4:
                futures.append(pool.map_async(INC, data))
            elif kind == 5:
                assert pool.map(INC, data)[7] == 8
            else:
                with pytest.raises(moonpool.KernelTimeout):
                    pool.map(SPIN, data, timeout=0.002)
        until = time.monotonic() + 20
        for future in futures:
            left = until - time.monotonic()
            if future.cancelled():
                continue
            error = future.exception(left)
            assert error is None or isinstance(error, moonpool.LuaError)
        assert_usable(pool)
