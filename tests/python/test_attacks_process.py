"""What the process around a pool does: forks, exits, other processes, signals."""

import subprocess
import sys
import textwrap

import pytest

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)


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
