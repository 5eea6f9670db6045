"""What has to be compiled in the background: neither callers nor futures wait for it."""

import os
import threading
import time
import warnings
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import pytest

import moonpool
from moonpool import _condition, _native

pytestmark = pytest.mark.skipif(not _native.available(), reason="there is no llvmlite")

PLUS = "function(x) return x + {} end"
STRING = "function(x) return #('a' .. x) end"
WAIT = 60


class Gate:
    """A compiler that waits until it may go on."""

    def __init__(self, patch):
        self.entered, self.open = threading.Event(), threading.Event()
        self.threads: list[threading.Thread] = []
        before = _native.compile_ir

        def compile_ir(ir, isa):
            self.threads.append(threading.current_thread())
            self.entered.set()
            assert self.open.wait(WAIT)
            return before(ir, isa)

        patch.setattr(_native, "compile_ir", compile_ir)

    def open_when_cancelled(self, pool):
        """Open it as soon as a pool that is being closed has stopped its jobs."""

        def body():
            end = time.monotonic() + WAIT
            while not pool._completions._closing and time.monotonic() < end:
                time.sleep(0.01)
            self.open.set()

        threading.Thread(target=body).start()


@pytest.fixture
def gate(monkeypatch):
    gate = Gate(monkeypatch)
    yield gate
    gate.open.set()


@pytest.fixture
def pool():
    with moonpool.Pool(2, native="require") as pool:
        yield pool


def kernel(number=1):
    return moonpool.kernel(PLUS.format(number))


class TestNobodyWaits:
    def test_map(self, pool, gate):
        x, out = np.arange(5.0), np.zeros(5)
        given = pool.map_async(kernel(), x, out=out)
        made = pool.map_async(kernel(2), x)
        assert gate.entered.wait(WAIT)
        assert not given.done()
        assert not given.running()
        gate.open.set()
        assert given.result(WAIT) is out
        assert out.tolist() == [1, 2, 3, 4, 5]
        assert made.result(WAIT).tolist() == [2, 3, 4, 5, 6]
        assert threading.main_thread() not in gate.threads
        assert pool.stats()["native"] == 10

    def test_run_and_reduce(self, pool, gate):
        x = np.arange(5.0)
        run = pool.run_async("function(i, x) x[i] = x[i] + 1 end", 5, x)
        fold = pool.reduce_async("function(s, x) return s + x end", np.arange(5.0), init=0.0)
        assert gate.entered.wait(WAIT)
        assert not run.done()
        gate.open.set()
        assert run.result(WAIT) is None
        assert x.tolist() == [1, 2, 3, 4, 5]
        assert fold.result(WAIT) == 10

    def test_signatures(self, pool, gate):
        total = moonpool.kernel(
            "function(a, b) local s = 0.0 for i = 1, #a do s = s + a[i] b[i] = s end return s end",
            signature="(n)->(n),()",
        )
        future = pool.map_async(total, np.ones((2, 3)))
        assert gate.entered.wait(WAIT)
        gate.open.set()
        sums, last = future.result(WAIT)
        assert sums.tolist() == [[1, 2, 3]] * 2
        assert last.tolist() == [3, 3]

    def test_others_end_meanwhile(self, pool, monkeypatch):
        known, x = kernel(3), np.arange(5.0)
        pool.map(known, x)
        gate = Gate(monkeypatch)
        future = pool.map_async(kernel(4), x)
        assert gate.entered.wait(WAIT)
        assert pool.map_async(known, x).result(WAIT).tolist() == [3, 4, 5, 6, 7]
        assert pool.submit("function() return 42 end").result(WAIT) == 42
        assert not future.done()
        gate.open.set()
        assert future.result(WAIT).tolist() == [4, 5, 6, 7, 8]

    def test_many_of_one_kernel_compile_once(self, pool, gate):
        one, x = kernel(), np.arange(5.0)
        futures = [pool.map_async(one, x) for _ in range(50)]
        gate.open.set()
        for future in futures:
            assert future.result(WAIT).tolist() == [1, 2, 3, 4, 5]
        assert len(gate.threads) == 1

    def test_what_is_known_is_started_at_once(self, pool):
        one, x = kernel(), np.arange(5.0)
        pool.map(one, x)
        future = pool.map_async(one, x)
        assert "moonpool starter" not in [thread.name for thread in threading.enumerate()]
        assert future.result(WAIT).tolist() == [1, 2, 3, 4, 5]

    def test_off(self):
        with moonpool.Pool(1, native="off") as pool:
            future = pool.map_async(kernel(), np.arange(3))
            assert future.result(WAIT).tolist() == [1, 2, 3]


class TestErrors:
    def test_arguments(self, pool, gate):
        with pytest.raises(ValueError, match="broadcast"):
            pool.map_async("function(x, y) return x + y end", np.ones(3), np.ones(4))
        with pytest.raises(ValueError, match="shape"):
            pool.map_async(kernel(), np.ones(3), out=np.ones(4))

    def test_refusals(self, pool):
        """They come by the future, whether or not it is known that there is one."""
        refused = moonpool.kernel(STRING)
        for _ in range(3):
            for options in ({}, {"out": np.zeros(3)}):
                future = pool.map_async(refused, np.ones(3), **options)
                with pytest.raises(RuntimeError, match="compiled"):
                    future.result(WAIT)

    def test_of_the_compiler(self, pool, monkeypatch):
        def compile_ir(ir, isa):
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr(_native, "compile_ir", compile_ir)
            future = pool.map_async(kernel(), np.ones(3))
            with pytest.raises(MemoryError):
                future.result(WAIT)
        assert pool.map_async(kernel(), np.ones(3)).result(WAIT).tolist() == [2, 2, 2]

    def test_warnings_are_about_the_call(self):
        with (
            moonpool.Pool(2, native="auto") as pool,
            warnings.catch_warnings(record=True) as found,
        ):
            warnings.simplefilter("always")
            pool.map_async(STRING, np.ones(200_000)).result(WAIT)
        assert [one.category for one in found] == [moonpool.PerformanceWarning]
        assert found[0].filename == __file__


class TestEnds:
    def test_cancel(self, pool, gate):
        x, y = bytearray(8), bytearray(8)
        at_work = pool.map_async(kernel(), memoryview(x).cast("d"))
        assert gate.entered.wait(WAIT)
        waiting = pool.map_async(kernel(2), memoryview(y).cast("d"))
        start = time.monotonic()
        assert waiting.cancel()
        y.append(0)  # Its buffer has been given back.
        assert at_work.cancel()
        assert time.monotonic() - start < WAIT / 2
        with pytest.raises(CancelledError):
            at_work.result(WAIT)
        gate.open.set()
        pool.close()
        x.append(0)

    def test_close(self, gate):
        pool = moonpool.Pool(2, native="require")
        future = pool.map_async(kernel(), np.ones(3))
        threading.Timer(0.1, gate.open.set).start()
        pool.close()
        assert future.result(0).tolist() == [2, 2, 2]

    def test_close_that_cancels(self, gate):
        pool = moonpool.Pool(2, native="require")
        # None of them is known: another test's would be started at once, and end.
        futures = [pool.map_async(kernel(n), np.ones(3)) for n in range(10, 13)]
        gate.open_when_cancelled(pool)
        pool.close(cancel=True)
        for future in futures:
            assert future.cancelled() or isinstance(future.exception(0), Exception)

    @pytest.mark.parametrize("size", [3, 300_000])
    def test_close_that_cancels_within_a_start(self, monkeypatch, size):
        """The call has passed all checks, but for the pool's own."""
        for number in range(20, 40):
            pool, out = moonpool.Pool(2, native="require"), np.zeros(size)
            before = _native.compile_ir

            def compile_ir(ir, isa, pool=pool, before=before):
                pool._completions.core.close(True)
                return before(ir, isa)

            with monkeypatch.context() as patch:
                patch.setattr(_native, "compile_ir", compile_ir)
                with pytest.raises(CancelledError):
                    pool.map(kernel(number), np.ones(size), out=out)
            pool.close()
            assert not out.any()

    def test_callbacks_may_wait_and_close(self, gate):
        """Where they run on the thread that compiles, too."""
        pool = moonpool.Pool(2, native="require")
        refused = pool.map_async(STRING, np.ones(3))
        found = []

        def body(_):
            found.append(pool.map_async(kernel(2), np.ones(3)).result(WAIT).tolist())
            pool.map_async(kernel(3), np.ones(3))
            pool.close()
            found.append(pool.closed)

        gate.open.set()
        refused.add_done_callback(body)
        end = time.monotonic() + WAIT
        while len(found) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert found == [[3, 3, 3], True]

    def test_progress(self, pool, gate):
        class Bar:
            def __init__(self, *args, **options):
                self.n = 0

            def update(self, n=1):
                pass

            def refresh(self):
                pass

            def close(self):
                pass

        future = pool.map_async(kernel(), np.ones(3), progress=Bar)
        other = pool.submit("function() return 1 end")
        assert other.result(WAIT) == 1
        gate.open.set()
        assert future.result(WAIT).tolist() == [2, 2, 2]

    def test_no_thread(self, pool, monkeypatch):
        from moonpool import _completion

        pool.submit("function() end").result(WAIT)

        class Thread:
            def __init__(self, **options):
                pass

            def start(self):
                raise RuntimeError("can't start new thread")

        monkeypatch.setattr(_completion, "Thread", Thread)
        assert pool.map_async(kernel(), np.ones(3)).result(WAIT).tolist() == [2, 2, 2]

    def test_interrupt_while_the_thread_starts(self, pool, monkeypatch):
        from moonpool import _completion

        pool.submit("function() end").result(WAIT)
        with monkeypatch.context() as patch:

            class Thread(_condition.Thread):
                def start(self):
                    raise KeyboardInterrupt

            patch.setattr(_completion, "Thread", Thread)
            with pytest.raises(KeyboardInterrupt):
                pool.map_async(kernel(), np.ones(3))
        assert pool.map_async(kernel(), np.ones(3)).result(WAIT).tolist() == [2, 2, 2]

    def test_fork(self, pool, monkeypatch):
        """A fork waits for LLVM, and the child can compile."""
        monkeypatch.setenv("MOONPOOL_CACHE", "0")
        steps = "if x > 1 then x = x - 1.5 else x = x * 3 end " * 100
        future = pool.map_async(f"function(x) {steps} return x end", np.ones(3))
        child = os.fork()
        if child == 0:
            found = pool.map(kernel(), np.ones(3)).tolist()
            os._exit(0 if found == [2, 2, 2] and future.done() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert future.result(WAIT).shape == (3,)


def test_an_exit_while_it_compiles(run_python):
    steps = "if x > 1 then x = x - 1.5 else x = x * 3 end " * 100
    run_python(
        f"""
        import os
        os.environ["MOONPOOL_CACHE"] = "0"
        import moonpool
        pool = moonpool.Pool(2, native="require")
        future = pool.map_async({f"function(x) {steps} return x end"!r}, [1.0])
        """
    )


def test_cancel_as_a_step_ends():
    """A cancel() that comes when the step has looked for it, and has not ended."""

    class Started(set[Any]):
        def discard(self, future):
            # Steps before that are put off too.
            if future._job is not None:
                canceller.start()
                while not future._stopped:
                    time.sleep(0.001)
            super().discard(future)

    with moonpool.Pool(1, native="on") as pool:
        pool._completions._started = Started()
        # What is not known is started by another thread, however soon.
        source = "function(x) while x >= 0 do x = x + 1 end return x end"
        canceller = threading.Thread(target=lambda: there.wait(10) and future.cancel())
        there = threading.Event()
        future = pool.map_async(f"{source} -- {time.time_ns()}", np.ones(9))
        there.set()
        with pytest.raises(CancelledError):
            future.result(10)
        canceller.join()
