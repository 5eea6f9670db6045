"""Signals while a pool is at work: Ctrl-C, and handlers that do what they like."""

import itertools
import os
import random
import signal
import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
from tests.python import alarms, threads

import moonpool

DOUBLE = "function(x) return x * 2 end"


@pytest.mark.parametrize(
    "call",
    [
        "pool.map('function(x) while true do end end', [1, 2, 3])",
        "pool.map('function(x) while true do end end', [1, 2, 3], out=bytearray(3))",
        "pool.run('function(i) while true do end end', 10)",
        "pool.reduce('function(a, x) while true do end end', [1, 2], init=0)",
        "pool.submit('function() while true do end end').result()",
        "pool.broadcast('function() while true do end end')",
    ],
)
@pytest.mark.refused
def test_interrupt(call):
    with moonpool.Pool(2) as pool:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            eval(call, {"pool": pool})
        timer.join()
        assert ".submit" in call or pool.map(DOUBLE, [1, 2], timeout=5).tolist() == [2, 4]
        pool.close(cancel=True)


# Python has no way to open a file such that an interrupt right then closes it.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_interrupts_at_random_instants():
    before = threads.count()
    chance = random.Random(0)
    a, out, many = np.arange(200.0), np.zeros(200), np.arange(3000.0)
    kernel = "function(x) for i = 1, 20 do x = x + 1 end return x end"
    serial = itertools.count()
    pool = moonpool.Pool(2, timeout=10)
    calls = [
        lambda: pool.map(kernel, a),
        lambda: pool.map(kernel, a, out=out),
        lambda: pool.map(f"function(x) return x + {next(serial)} end", many),
        lambda: pool.map_async(kernel, a).result(),
        lambda: pool.submit(kernel, 1).result(),
        lambda: pool.run("function(i, out) out[i] = i end", 200, out),
        lambda: pool.reduce("function(s, x) return s + x end", a, init=0, combine="+"),
    ]

    def call():
        chance.choice(calls)()

    with alarms.interrupting():
        for _ in range(200):
            with pytest.raises(KeyboardInterrupt):
                alarms.repeat(call, chance.uniform(1e-5, 2e-3), again=1)
    assert pool.map(DOUBLE, 4) == 8
    assert pool.submit(DOUBLE, 4).result(10) == 8
    pool.close()
    assert threads.settle(before)


def test_handler_that_returns():
    seen = []
    with alarms.handled(lambda *_: seen.append(1)), moonpool.Pool(1) as pool:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        kernel = "function(x) for i = 1, 2e5 do x = x + 1 end return x end"
        # Compiled it may have ended before a signal comes.
        for _ in range(1000):
            assert pool.map(kernel, np.zeros(100)).tolist() == [200000] * 100
            if seen:
                break
    assert seen


@pytest.mark.interpreted
def test_handler_that_uses_the_pool():
    seen = []

    def handler(number, frame):
        seen.append(pool.map(DOUBLE, [21]).tolist())

    with moonpool.Pool(2, native="off") as pool, alarms.handled(handler):
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        kernel = "function(x) for i = 1, 1e6 do x = x + 1 end return x end"
        pool.map(kernel, np.zeros(60), out=np.zeros(60))
    assert seen == [[42]]


@pytest.mark.refused
def test_handler_that_closes():
    pool = moonpool.Pool(1)
    with alarms.handled(lambda *_: pool.close(cancel=True)):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(CancelledError):
            pool.map("function(x) while true do end end", np.zeros(3), out=np.zeros(3))
    assert pool.closed


@pytest.mark.refused
def test_handler_that_waits_and_closes():
    pool = moonpool.Pool(2)
    slow = "function(x) for i = 1, 1e7 do end return x end"

    def handler(number, frame):
        # Longer than it takes to look for signals once more.
        pool.map(slow, np.zeros(2))
        pool.close(cancel=True)

    with alarms.handled(handler):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(CancelledError):
            pool.run("function(i) while true do end end", 1)
    assert pool.closed
