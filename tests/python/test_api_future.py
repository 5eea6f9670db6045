"""Futures: concurrent.futures, asyncio, callbacks, cancellation."""

import asyncio
import concurrent.futures
import gc
import logging
import sys
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest

import moonpool
from moonpool import _core

FOREVER = "function() while true do end end"
LOOP = "function(x) while true do end end"
ONE = "function() return 1 end"
WORK = "function(x) for i = 1, 1e5 do x = x + 1 end return x end"


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


def wait_until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError


class TestResult:
    def test_is_a_future(self, pool):
        future = pool.submit(ONE)
        assert isinstance(future, moonpool.Future)
        assert isinstance(future, concurrent.futures.Future)
        assert future.result(5) == 1
        assert future.exception(5) is None
        assert future.done()
        assert not future.running()
        assert not future.cancelled()

    def test_exception(self, pool):
        future = pool.submit("function() error('no') end")
        assert isinstance(future.exception(5), moonpool.LuaError)
        with pytest.raises(moonpool.LuaError, match="no"):
            future.result(5)

    def test_all_forms(self, pool):
        a = np.arange(100)
        assert pool.map_async("function(x) return x * 2 end", a).result().sum() == 9900
        out = np.zeros(100)
        assert pool.map_async("function(x) return x * 2 end", a, out=out).result() is out
        assert pool.run_async("function(i, a) a[i] = i end", 100, out).result() is None
        total = pool.reduce_async("function(s, x) return s + x end", out, init=0.0, combine="+")
        assert total.result() == 5050

    def test_bad_arguments_raise_at_once(self, pool):
        with pytest.raises(ValueError, match="3"):
            pool.map_async("function(x, y) return x end", np.zeros(3), np.zeros(4))
        with pytest.raises(TypeError):
            pool.run_async(ONE, "x")

    @pytest.mark.interpreted
    def test_does_not_block(self, pool):
        started = time.monotonic()
        future = pool.map_async("function(x) for i = 1, 1e7 do end return x end", np.zeros(4))
        assert time.monotonic() - started < 0.1
        future.cancel()

    def test_timeout_of_result(self, pool):
        future = pool.submit(FOREVER)
        with pytest.raises(TimeoutError):
            future.result(0.02)
        assert not future.done()
        future.cancel()

    @pytest.mark.refused
    def test_timeout_of_the_call(self, pool):
        future = pool.map_async(LOOP, np.zeros(3), timeout=0.02)
        assert isinstance(future.exception(5), moonpool.KernelTimeout)

    @pytest.mark.parametrize("background", [False, True])
    @pytest.mark.interpreted
    def test_timeout_is_of_all_steps(self, pool, background):
        """The first element runs alone, to find the dtype, and the rest after it."""

        def call(kernel, timeout=None):
            if background:
                return pool.map_async(kernel, np.arange(2), timeout=timeout).result(50)
            return pool.map(kernel, np.arange(2), timeout=timeout)

        then = "function(x) for i = 1, 3e6 do end while x > 0 do end return x end"
        with pytest.raises(moonpool.KernelTimeout, match=r"the timeout of 0\.5 s"):
            call(then, 0.5)
        both = "function(x) for i = 1, 6e6 do end return x end"

        def seconds(timeout=None):
            started = time.monotonic()
            call(both, timeout)
            return time.monotonic() - started

        def hurry():
            """Each element alone is in time, unless the machine was busy so far."""
            least = min(seconds() for _ in range(4))
            for _ in range(3):
                least = min(least, seconds(0.6 * least))

        with pytest.raises(moonpool.KernelTimeout):
            hurry()

    @pytest.mark.interpreted
    def test_time_counts_from_the_start(self):
        with moonpool.Pool(1) as pool:
            flag = np.zeros(1)
            blocker = pool.run_async("function(i, flag) while flag[1] == 0 do end end", 1, flag)
            future = pool.map_async("function(x) return x end", [1, 2], timeout=1)
            time.sleep(1.1)
            flag[0] = 1
            assert future.result(20).tolist() == [1, 2]
            blocker.result()

    def test_wait_and_as_completed(self, pool):
        futures = [pool.map_async(WORK, np.zeros(5)) for _ in range(10)]
        futures[3].cancel()
        done, pending = concurrent.futures.wait(futures, timeout=20)
        assert len(done) == 10
        assert not pending
        again = [pool.submit(ONE) for _ in range(10)]
        assert [f.result() for f in concurrent.futures.as_completed(again, timeout=20)] == [1] * 10

    def test_is_let_go(self, pool):
        a = np.zeros(3)
        gone = weakref.ref(a)
        future = pool.map_async("function(x) return x end", a)
        future.result()
        del a
        gc.collect()
        assert gone() is None

    def test_dropped_future_goes_on(self, pool):
        out = np.zeros(1)
        pool.submit("function(a) for i = 1, 1e6 do end a[1] = 7 end", out)
        gc.collect()
        wait_until(lambda: out[0] == 7)


class TestCallbacks:
    def test_are_called(self, pool):
        called = threading.Event()
        seen = []

        def callback(future):
            seen.append(future.result())
            called.set()

        pool.submit(ONE).add_done_callback(callback)
        assert called.wait(5)
        assert seen == [1]

    def test_that_raise_are_logged(self, pool, caplog):
        called = threading.Event()

        def callback(future):
            called.set()
            raise ZeroDivisionError("in callback")

        with caplog.at_level(logging.ERROR, "concurrent.futures"):
            future = pool.submit("function() for i = 1, 1e6 do end end")
            future.add_done_callback(callback)
            assert called.wait(5)
            assert pool.submit(ONE).result(5) == 1
        assert "in callback" in caplog.text

    def test_may_wait_for_other_futures(self, pool):
        done = threading.Event()
        seen: list[Any] = []

        def callback(_):
            others = [pool.map_async(WORK, np.zeros(10)) for _ in range(5)]
            seen.extend(other.result(10).sum() for other in others)
            seen.append(pool.submit("function() error('no') end").exception(10))
            done.set()

        pool.submit(ONE).add_done_callback(callback)
        assert done.wait(20)
        assert seen[:5] == [1e6] * 5
        assert isinstance(seen[5], moonpool.LuaError)

    def test_may_use_the_pool(self, pool):
        done = threading.Event()
        seen = []

        def callback(_):
            seen.append(pool.map("function(x) return x + 1 end", [1, 2]).tolist())
            done.set()

        pool.submit(ONE).add_done_callback(callback)
        assert done.wait(10)
        assert seen == [[2, 3]]

    def test_timeout_inside_of_a_callback(self, pool):
        done = threading.Event()
        seen = []

        def callback(_):
            stuck = pool.submit(FOREVER)
            try:
                stuck.result(0.02)
            except TimeoutError:
                seen.append(stuck.cancel())
            done.set()

        pool.submit(ONE).add_done_callback(callback)
        assert done.wait(10)
        assert seen == [True]


class TestCancel:
    def test_running(self, pool):
        future = pool.submit(FOREVER)
        wait_until(future.running)
        assert future.cancel()
        assert future.cancel()
        assert future.cancelled()
        assert future.done()
        assert not future.running()
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(1)
        assert pool.submit(ONE).result(5) == 1

    def test_waiting(self):
        with moonpool.Pool(1) as pool:
            blocker = pool.submit(FOREVER)
            future = pool.submit(ONE)
            assert future.cancel()
            assert future.cancelled()
            blocker.cancel()

    def test_ended(self, pool):
        future = pool.submit(ONE)
        future.result(5)
        assert not future.cancel()
        assert not future.cancelled()

    def test_calls_callbacks_once(self, pool):
        future = pool.submit(FOREVER)
        seen: list[Any] = []
        future.add_done_callback(seen.append)
        future.cancel()
        future.cancel()
        wait_until(lambda: seen)
        assert seen == [future]

    @pytest.mark.parametrize("first", ["return 1", "while true do end", "return 1.5"])
    @pytest.mark.refused
    def test_at_any_stage(self, pool, first):
        kernel = f"function(x) if x == 0 then {first} end while true do end end"
        for delay in (0, 0.001, 0.01):
            memory = bytearray([0] + [1] * 99)
            future = pool.map_async(kernel, memory)
            time.sleep(delay)
            assert future.cancel()
            assert future.cancelled()
            memory.extend(b"more")

    def test_many(self, pool):
        for _ in range(300):
            assert pool.submit(FOREVER).cancel()
        assert pool.submit(ONE).result(5) == 1

    def test_from_many_threads(self, pool):
        future = pool.submit(FOREVER)
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(future.cancel())) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert results == [True] * 8

    def test_race_with_the_end(self, pool):
        for _ in range(200):
            future = pool.map_async("function(x) return x end", [1, 2, 3])
            if future.cancel():
                assert future.cancelled()
            else:
                assert future.result().tolist() == [1, 2, 3]


class Owner:
    _job: Any = None


class TestGivenUp:
    def test_while_the_completion_is_taken(self):
        core = _core.Pool(1, 0, 0.0, True, None, 0, _core.isa)
        kernel = moonpool.kernel(FOREVER)
        taken: list[Any] = []

        def take():
            while not taken:
                taken.extend(job for job in [core.next_ended(1.0)] if job is not None)

        for _ in range(50):
            job = core.run_start(kernel, (1,), _core.Operands(()), 0.0, Owner(), False)
            assert job is not None
            thread = threading.Thread(target=take)
            thread.start()
            time.sleep(0.001)
            job.release()
            thread.join()
            assert taken.pop() is job
            assert sys.getrefcount(job) == 2
        core.free(-1.0)


class TestAsyncio:
    def test_await(self, pool):
        async def main():
            future = pool.map_async("function(x) return x + 1 end", np.arange(3))
            total = await pool.reduce_async("function(s, x) return s + x end", [1, 2], init=0)
            return (await future).tolist(), total

        assert asyncio.run(main()) == ([1, 2, 3], 3)

    def test_gather_and_wrap(self, pool):
        async def main():
            futures = [pool.submit("function(x) return x * x end", i) for i in range(10)]
            return await asyncio.gather(*(asyncio.wrap_future(f) for f in futures))

        assert asyncio.run(main()) == [i * i for i in range(10)]

    def test_exception(self, pool):
        async def main():
            await pool.submit("function() error('no') end")

        with pytest.raises(moonpool.LuaError, match="no"):
            asyncio.run(main())

    def test_cancelled_by_a_timeout(self, pool):
        future = pool.submit(FOREVER)

        async def main():
            await asyncio.wait_for(asyncio.wrap_future(future), 0.05)

        with pytest.raises(TimeoutError):
            asyncio.run(main())
        wait_until(future.cancelled)

    @pytest.mark.interpreted
    def test_loop_stays_responsive(self, pool):
        async def main():
            future = asyncio.wrap_future(pool.map_async(WORK, np.zeros(200)))
            ticks = 0
            while not future.done():
                await asyncio.sleep(0.001)
                ticks += 1
            return ticks

        assert asyncio.run(main()) > 3
