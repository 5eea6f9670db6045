"""What the code around a pool does: callbacks, hostile objects, nesting, closing, odd timeouts."""

import concurrent.futures
import random
import sys
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


# ---- all at once -----------------------------------------------------------------


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
