"""Compiled loops stop when they are told to, for any instructions.

`python -m bench.soak stops` measures how soon; here a second must do, on a
machine that is busy with other things.
"""

import signal
import threading
import time

import numpy as np
import pytest
from tests.python.native import tiers

import moonpool

pytestmark = [
    pytest.mark.skipif(not tiers.HERE, reason="there is no llvmlite"),
    pytest.mark.timeout(60),
]

TIMEOUT = 0.05
SLACK = 2.0


def repeated(text, count):
    return " + ".join(text.format(k) for k in range(1, count + 1))


# What takes microseconds for each lane.
SLOW = "math.fmod(1e308, x * 0 + {}e-308)"

MAPS = {
    "while": "while x >= 0 do x = x + 1 end return x",
    "repeat": "repeat x = x + 1 until x < 0 return x",
    "goto": "::again:: x = x + 1 if x > 0 then goto again end return x",
    "uniform": "for i = 1, 1 << 50 do x = x + i end return x",
    "unused": "for i = 1, 1 << 62 do end return x",
    "nest": "for i = 1, 10000 do for j = 1, 10000 do for k = 1, 10000 do x = x + k end end end "
    "return x",
    "short inner": "for i = 1, 1 << 50 do for j = 1, 3 do x = x * 0.5 + j end end return x",
    "varying": "local s = 0.0 for i = 1, x * 1e12 do s = s + i end return s",
    "varying inner": "local s = 0.0 for i = 1, 1e12 do for j = 1, x do s = s + j end end return s",
    "branches": "while x > 0 do if x > 500 then x = x * 0.5 else x = x * 1.5 end end return x",
    "inlined": "local function f(y) while y > 0 do y = y + 1 end return y end "
    "return f(x) + f(x + 1)",
    "slow rounds": f"for i = 1, 1e9 do x = {repeated(SLOW, 20)} end return x",
    "slow modulo": "for i = 1, 1e9 do x = 1e308 % (x * 0 + 3e-308) end return x",
    "slow items": "\n".join(["x = " + SLOW.format(3)] * 400) + " return x",
    "powers": "for i = 1, 1e9 do x = (x ^ 1.7) ^ 0.6 end return x",
}


@pytest.fixture(scope="module", params=tiers.HERE)
def pool(request):
    with tiers.pool(request.param) as pool:
        yield pool


class Late:
    """Fails where the block takes much longer than it may."""

    def __enter__(self):
        self.started = time.monotonic()

    def __exit__(self, kind, error, traceback):
        took = time.monotonic() - self.started
        if kind is None:
            assert took < TIMEOUT + SLACK, f"it took {took:.2f} s"


def stops(call):
    with Late(), pytest.raises(moonpool.KernelTimeout):
        call()


def prepare(pool, kernel, x):
    """Compile, which takes its time too."""
    with pytest.raises(moonpool.KernelTimeout):
        pool.map(kernel, x, out=np.empty_like(x), timeout=0.001)


@pytest.mark.parametrize("name", MAPS)
def test_maps(pool, name):
    kernel = moonpool.kernel(f"function(x) {MAPS[name]} end", strict=True)
    x = np.arange(1000.0) + 1
    prepare(pool, kernel, x)
    assert kernel.native("f8")
    stops(lambda: pool.map(kernel, x, out=np.empty(1000), timeout=TIMEOUT))


@pytest.mark.parametrize(
    "body",
    [
        "while a[1] >= 0 do a[i] = a[i] + 1 end",
        "for k = 1, 1 << 50 do a[i] = a[i] + b[(k & 7) + 1] end",
        "for j = 1, #a do for k = 1, 1 << 40 do a[j] = a[j] + k end end",
    ],
)
def test_runs(pool, body):
    kernel = moonpool.kernel(f"function(i, a, b) {body} end")
    stops(lambda: pool.run(kernel, 1000, np.ones(1000), np.ones(8), timeout=TIMEOUT))


@pytest.mark.parametrize("name", ["while", "slow rounds", "varying", "branches"])
def test_where_and_signatures(pool, name):
    x = np.arange(1000.0) + 1
    kernel = moonpool.kernel(f"function(x) {MAPS[name]} end")
    chosen = x % 3 == 0
    stops(lambda: pool.map(kernel, x, out=np.empty(1000), where=chosen, timeout=TIMEOUT))
    body = MAPS[name].replace("return x", "o[1] = x").replace("return s", "o[1] = s")
    kernel = moonpool.kernel(f"function(a, o) local x = a[2] {body} end", signature="(n)->(n)")
    rows = np.repeat(x[:, None], 3, axis=1)
    stops(lambda: pool.map(kernel, rows, out=np.empty((1000, 3)), timeout=TIMEOUT))


@pytest.mark.parametrize("combine", [None, "+", "function(a, b) return a + b end"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_reductions(pool, combine, axis):
    kernel = "function(acc, x) while x >= 0 do x = x + 1 end return acc + x end"
    x = np.ones((300, 70))
    stops(lambda: pool.reduce(kernel, x, init=0, combine=combine, axis=axis, timeout=TIMEOUT))


def test_many_items(pool):
    """More than can be counted with 32 bits, which take no memory."""
    one = np.ones(1)
    many = np.broadcast_to(one, (1 << 20, 1 << 20))
    add = "function(a, x) return a + x end"
    stops(lambda: pool.reduce(add, many, init=0, combine="+", timeout=TIMEOUT))
    stops(lambda: pool.reduce(add, many, init=0, timeout=TIMEOUT))
    stops(lambda: pool.reduce(add, many[:, : 1 << 9], init=0, axis=0, timeout=TIMEOUT))
    stops(lambda: pool.run("function(i, a) a[1] = i end", 1 << 45, one, timeout=TIMEOUT))
    three = (1 << 15, 1 << 15, 1 << 15)
    stops(lambda: pool.run("function(i, j, k, a) a[1] = i end", three, one, timeout=TIMEOUT))


@pytest.mark.parametrize("name", ["while", "uniform", "slow rounds", "varying"])
def test_cancel(pool, name):
    kernel = moonpool.kernel(f"function(x) {MAPS[name]} end", strict=True)
    x = np.arange(1000.0) + 1
    future = pool.map_async(kernel, x, out=np.empty(1000))
    while not future.running():
        time.sleep(0.001)
    with Late():
        future.cancel()
        # Both workers are free again.
        pool.map("function(x) return x end", 1, timeout=SLACK)
    assert future.cancelled()


@pytest.mark.parametrize("name", ["while", "uniform", "slow rounds", "varying"])
def test_interrupt(pool, name):
    kernel = moonpool.kernel(f"function(x) {MAPS[name]} end", strict=True)
    x = np.arange(1000.0) + 1
    prepare(pool, kernel, x)
    sent = []

    def interrupt():
        sent.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(TIMEOUT, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        pool.map(kernel, x, out=np.empty(1000))
    assert time.monotonic() - sent[0] < SLACK
    timer.join()
    assert pool.map("function(x) return x end", 1) == 1
