"""Pools: arguments, life, limits, statistics, threads."""

import gc
import json
import math
import pickle
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest
from tests.python import threads

import moonpool

DOUBLE = "function(x) return x * 2 end"
FOREVER = "function() while true do end end"


class TestArguments:
    def test_workers(self):
        with moonpool.Pool(3) as pool:
            assert pool.workers == 3
        with moonpool.Pool(np.int64(1)) as pool:
            assert pool.workers == 1
        with moonpool.Pool() as pool:
            assert pool.workers >= 1

    @pytest.mark.parametrize("workers", [0, -1, 2**31, 10**20])
    def test_number_of_workers(self, workers):
        with pytest.raises(ValueError, match="workers"):
            moonpool.Pool(workers)

    @pytest.mark.parametrize("workers", [1.0, "2", True, [1]])
    def test_type_of_workers(self, workers):
        with pytest.raises(TypeError, match="workers"):
            moonpool.Pool(workers)

    def test_environment(self, run_python):
        script = """
            import os
            os.environ["MOONPOOL_WORKERS"] = "3"
            import moonpool
            print(moonpool.Pool().workers)
        """
        assert run_python(script) == "3\n"

    @pytest.mark.parametrize("limit", [0, -1, math.nan])
    def test_memory_limit(self, limit):
        with pytest.raises(ValueError, match="memory_limit"):
            moonpool.Pool(1, memory_limit=limit)

    @pytest.mark.parametrize("limit", ["1G", True, None.__class__])
    def test_type_of_memory_limit(self, limit):
        with pytest.raises(TypeError, match="memory_limit"):
            moonpool.Pool(1, memory_limit=limit)

    @pytest.mark.parametrize("limit", [1 << 26, np.int64(1 << 26), 1e8])
    def test_kinds_of_memory_limit(self, limit):
        with moonpool.Pool(1, memory_limit=limit) as pool:
            assert pool.map(DOUBLE, 1) == 2

    def test_no_memory_limit(self):
        with moonpool.Pool(1, memory_limit=math.inf) as pool:
            assert pool.map(DOUBLE, 1) == 2

    @pytest.mark.parametrize("timeout", [-1, math.nan])
    def test_timeout(self, timeout):
        with pytest.raises(ValueError, match="timeout"):
            moonpool.Pool(1, timeout=timeout)

    @pytest.mark.parametrize("native", ["yes", 1, True])
    def test_native(self, native):
        with pytest.raises(ValueError, match="native"):
            moonpool.Pool(1, native=native)

    def test_not_picklable(self):
        with moonpool.Pool(1) as pool, pytest.raises(TypeError, match="pickled"):
            pickle.dumps(pool)


class TestSetup:
    @pytest.mark.refused
    def test_globals_are_seen(self):
        with moonpool.Pool(2, setup="function twice(x) return x * 2 end unit = 5") as pool:
            assert pool.map("function(x) return twice(x) + unit end", np.arange(3)).tolist() == [
                5,
                7,
                9,
            ]

    @pytest.mark.parametrize(
        ("setup", "error"),
        [
            ("x = = 1", moonpool.LuaSyntaxError),
            ("error('no')", moonpool.LuaError),
            ("while true do end", moonpool.KernelTimeout),
        ],
    )
    def test_errors(self, setup, error):
        before = threads.count()
        with pytest.raises(error):
            moonpool.Pool(2, setup=setup, timeout=0.05)
        assert threads.settle(before)

    def test_type(self):
        with pytest.raises(TypeError, match="setup"):
            moonpool.Pool(1, setup=b"x = 1")  # type: ignore[arg-type]

    def test_sandbox(self):
        find = "function() return io ~= nil, os ~= nil, require ~= nil end"
        with moonpool.Pool(1) as pool:
            assert pool.submit(find).result() == (False, False, False)
        with moonpool.Pool(1, sandbox=False) as pool:
            assert pool.submit(find).result() == (True, True, True)

    def test_streams_without_sandbox(self):
        source = """function()
          print(1)
          io.stdout:write(2):flush()
          io.stderr:write(3)
          return io.read('a')
        end"""
        script = f"""if True:
            import moonpool
            with moonpool.Pool(1, sandbox=False) as pool:
                print(pool.submit({source!r}).result())
        """
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, input="4", capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("1\n24\n", "3")


class TestClose:
    def test_refuses_calls(self):
        pool = moonpool.Pool(1)
        assert not pool.closed
        pool.close()
        pool.close()
        assert pool.closed
        calls = [
            lambda: pool.map(DOUBLE, 1),
            lambda: pool.map(DOUBLE, [1], out=np.zeros(1)),
            lambda: pool.run(DOUBLE, 1),
            lambda: pool.reduce(DOUBLE, [1], init=0),
            lambda: pool.submit(DOUBLE, 1),
            lambda: pool.broadcast(DOUBLE, 1),
            lambda: pool.map_async(DOUBLE, 1),
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match="closed"):
                call()

    def test_no_thread_is_left(self):
        before = threads.count()
        for _ in range(20):
            with moonpool.Pool(2) as pool:
                pool.submit(DOUBLE, 1)
        assert threads.settle(before)

    def test_waits_for_what_is_in_flight(self):
        out = np.zeros(2000)
        with moonpool.Pool(2) as pool:
            kernel = "function(x) for i = 1, 1000 do x = x + 1 end return x end"
            future = pool.map_async(kernel, np.zeros(2000))
            filled = pool.map_async(kernel, np.zeros(2000), out=out)
        assert future.done()
        assert filled.done()
        assert future.result().tolist() == out.tolist() == [1000] * 2000

    def test_cancel(self):
        pool = moonpool.Pool(1)
        futures = [pool.submit(FOREVER) for _ in range(5)]
        started = time.monotonic()
        pool.close(cancel=True)
        assert time.monotonic() - started < 5
        assert all(future.cancelled() for future in futures)

    @pytest.mark.refused
    def test_cancel_of_a_call_on_another_thread(self):
        pool = moonpool.Pool(1)
        caught = []

        def work():
            try:
                pool.map("function(x) while true do end end", np.zeros(3), out=np.zeros(3))
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.05)
        pool.close(cancel=True)
        thread.join(5)
        assert type(caught[0]).__name__ == "CancelledError"

    def test_from_many_threads(self):
        pool = moonpool.Pool(2)
        futures = [pool.map_async(DOUBLE, np.arange(1000)) for _ in range(20)]
        closers = [threading.Thread(target=pool.close) for _ in range(5)]
        for thread in closers:
            thread.start()
        for thread in closers:
            thread.join(10)
        assert not any(thread.is_alive() for thread in closers)
        assert all(future.done() for future in futures)

    @pytest.mark.parametrize("cancel", [False, True])
    def test_from_a_callback(self, cancel):
        pool = moonpool.Pool(2)
        closed = threading.Event()

        def callback(_):
            pool.close(cancel=cancel)
            closed.set()

        others = [pool.submit("function() for i = 1, 1e5 do end return 1 end") for _ in range(10)]
        pool.submit(DOUBLE, 1).add_done_callback(callback)
        assert closed.wait(10)
        assert all(future.done() for future in others)

    def test_dropped(self):
        before = threads.count()
        pool = moonpool.Pool(2)
        gone = weakref.ref(pool)
        pool.map(DOUBLE, np.arange(3))
        del pool
        assert gone() is None
        gc.collect()
        assert threads.settle(before)

    def test_dropped_with_futures_in_flight(self):
        before = threads.count()
        future = moonpool.Pool(1).map_async(
            "function(x) for i = 1, 1e4 do x = x + 1 end return x end", np.zeros(100)
        )
        gc.collect()
        assert future.result(20).tolist() == [10000] * 100
        for _ in range(200):
            if threads.count() == before:
                break
            time.sleep(0.02)
        assert threads.settle(before)


class TestInside:
    def test_stats(self):
        with moonpool.Pool(2, native="off") as pool:
            pool.map(DOUBLE, np.arange(1000))
            stats = pool.stats()
        assert stats["workers"] == len(stats["per_worker"]) == 2
        assert stats["items"] == 1000
        assert stats["chunks"] >= 1
        assert stats["busy"] > 0
        assert 0 < stats["memory"] <= stats["memory_peak"]

    def test_trace(self, tmp_path):
        path = tmp_path / "trace.json"
        with moonpool.Pool(2) as pool:
            kernel = moonpool.kernel(DOUBLE, name="double")
            pool.map(kernel, np.arange(1000))
            pool.trace(path)
        events = json.loads(path.read_text())["traceEvents"]
        chunks = [event for event in events if event["ph"] == "X"]
        assert {event["name"] for event in chunks} == {"double"}
        assert sum(e["args"]["to"] - e["args"]["from"] for e in chunks) >= 999
        assert all(event["dur"] >= 0 for event in chunks)
        names = [event["args"]["name"] for event in events if event["name"] == "thread_name"]
        # Who waits for a compiled job may work at it.
        assert names in (["worker 1", "worker 2"], ["worker 1", "worker 2", "callers"])

    def test_long_trace(self, tmp_path):
        path = tmp_path / "trace.json"
        with moonpool.Pool(1) as pool:
            for _ in range(700):
                pool.map(DOUBLE, [1], out=np.zeros(1))
            pool.trace(path)
        events = json.loads(path.read_text())["traceEvents"]
        assert sum(event["ph"] == "X" for event in events) == 700

    def test_closed(self, tmp_path):
        pool = moonpool.Pool(1)
        pool.close()
        with pytest.raises(RuntimeError, match="closed"):
            pool.stats()
        with pytest.raises(RuntimeError, match="closed"):
            pool.trace(tmp_path / "trace.json")

    def test_repr(self):
        pool = moonpool.Pool(2)
        assert "2 workers" in repr(pool)
        pool.close()
        assert "closed" in repr(pool)


class TestThreads:
    def test_many_callers(self):
        failures = []
        with moonpool.Pool(2) as pool:

            def work(seed):
                a = np.random.default_rng(seed).integers(0, 99, 500)
                for _ in range(20):
                    if not np.array_equal(pool.map(DOUBLE, a), a * 2):
                        failures.append(seed)
                    if pool.submit(DOUBLE, seed).result() != seed * 2:
                        failures.append(seed)

            callers = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
            for thread in callers:
                thread.start()
            for thread in callers:
                thread.join()
        assert not failures

    def test_gil_is_free(self):
        with moonpool.Pool(1) as pool:
            future = pool.submit(FOREVER)
            count = sum(1 for _ in range(100000))
            assert count == 100000
            future.cancel()


class TestExit:
    @pytest.mark.parametrize(
        "last",
        [
            "pass",
            "future = pool.submit('function() while true do end end')",
            "pool.map_async('function(x) while true do end end', [1, 2])",
            "del pool",
            "sys.exit(0)",
            "threading.Thread(target=pool.run, daemon=True,"
            " args=('function(i) while true do end end', 4)).start()",
            "moonpool.kernel('function(x) return x end')([1, 2])",
        ],
    )
    @pytest.mark.refused
    def test_ends(self, run_python, last):
        started = time.monotonic()
        # A daemon thread may report that its call was cancelled.
        run_python(
            f"import sys, threading, moonpool\npool = moonpool.Pool(2)\n"
            f"pool.map('function(x) return x end', [1])\n{last}",
            quiet="Thread" not in last,
        )
        assert time.monotonic() - started < 20

    def test_ends_inside_of_a_callback(self, run_python):
        run_python(
            """
            import moonpool
            pool = moonpool.Pool(1)
            def again(future):
                try:
                    pool.submit("function() return 1 end").add_done_callback(again)
                except RuntimeError:
                    pass
            pool.submit("function() return 1 end").add_done_callback(again)
            """
        )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_many_pools():
    before = threads.count()
    pools = [moonpool.Pool(1) for _ in range(100)]
    assert [pool.map(DOUBLE, i) for i, pool in enumerate(pools)] == list(range(0, 200, 2))
    for pool in pools:
        pool.close()
    assert threads.settle(before)
