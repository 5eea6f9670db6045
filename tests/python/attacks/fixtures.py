"""What the tests of the attacks share: a pool to attack, and what must hold after it.

A test module asks for these by ``pytest_plugins = ["attacks.fixtures"]``.
"""

import contextlib
import gc
import time

import pytest

import moonpool

# Seconds that a call on the attacked pool may take, and how much later its end
# may be noticed on a machine that is busy with other things.
TIMEOUT = 0.15
SLACK = 2.0
MEMORY = 64 << 20


def check_usable(pool):
    """Every worker answers, and each kind of call gives what it should."""
    workers = pool.workers
    assert pool.broadcast("function(x) return x + 1, num.worker() end", 1) == [
        (2, worker + 1) for worker in range(workers)
    ]
    data = memoryview(bytearray(range(100)))
    got = pool.map("function(x) return 3 * x - 1 end", data)
    assert got.tolist() == [3 * x - 1 for x in range(100)]
    assert pool.submit("function(s) return s:upper() end", "ok").result(10) == "OK"
    assert pool.reduce("function(a, x) return a + x end", data, init=0, combine="+") == 4950


@contextlib.contextmanager
def check_bounded(seconds=TIMEOUT, clock=time.monotonic):
    """Fail where the block takes noticeably longer than it may."""
    start = clock()
    try:
        yield
    finally:
        # What is raised as well: most attacks end by an exception.
        took = clock() - start
        assert took < seconds + SLACK, f"took {took:.2f} s of {seconds} s"


class Target:
    """A pool under attack."""

    def __init__(self, pool, timeout, memory):
        self.pool = pool
        self.timeout = timeout
        self.memory = memory

    def call(self, body, how="submit"):
        """Run a function's body as one kind of call and return its result.

        Whatever comes of it, it ends in time and in memory, does not change
        its input, gives the buffers back and leaves a pool that works.
        """
        source = f"function(...) {body} end"
        data = bytearray(b"keep me!" * 8)
        calls = {
            "submit": lambda: self.pool.submit(source, data).result(),
            "map": lambda: self.pool.map(source, data),
            "run": lambda: self.pool.run(source, (8, 8), data),
            "reduce": lambda: self.pool.reduce(source, data, init=0, combine="+"),
            "broadcast": lambda: self.pool.broadcast(source, data),
        }
        try:
            with check_bounded(self.timeout):
                return calls[how]()
        finally:
            assert data == b"keep me!" * 8
            # A bytearray with a buffer still taken refuses this.
            data.append(0)
            self.check()

    def fails(self, kind, match, body, how="submit"):
        """Run a function's body that has to fail with exactly this class."""
        with pytest.raises(kind, match=match) as caught:
            self.call(body, how)
        assert type(caught.value) is kind, repr(caught.value)
        # Frames that the traceback holds refer to the buffers.
        caught.value.__traceback__ = None
        return caught.value

    def times_out(self, body, how="submit"):
        """Run a function's body that has to be stopped."""
        return self.fails(moonpool.KernelTimeout, "stopped after the timeout", body, how)

    def check(self):
        """The pool works, and no worker had more memory than it may."""
        check_usable(self.pool)
        for worker in self.pool.stats()["per_worker"]:
            assert worker["memory_peak"] <= self.memory


@pytest.fixture
def assert_usable():
    """Return the function that checks that a pool still works."""
    return check_usable


@pytest.fixture
def bounded():
    """Return the context manager that bounds the time of a block."""
    return check_bounded


@pytest.fixture
def make_target():
    """Return a function that makes a pool to attack with limits of its own."""
    with contextlib.ExitStack() as stack:

        def make(timeout=TIMEOUT, memory=MEMORY, workers=2, **options):
            pool = moonpool.Pool(workers, timeout=timeout, memory_limit=memory, **options)
            stack.enter_context(pool)
            return Target(pool, timeout, memory)

        yield make
    gc.collect()


@pytest.fixture(scope="module")
def target(default_tier):
    """Return one pool that has to stand all attacks of a module in turn."""
    with moonpool.Pool(2, timeout=TIMEOUT, memory_limit=MEMORY) as pool:
        yield Target(pool, TIMEOUT, MEMORY)
