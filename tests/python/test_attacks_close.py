"""What a pool must bear in the midst of a call: its close(), by whatever runs there, and Ctrl-C."""

import threading

import numpy as np
import pytest

import moonpool
from moonpool import _completion

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    "kind", ["array", "index", "float", "attribute", "dtype", "extent", "axis"]
)
def test_object_closes_the_pool(run_python, kind):
    """The call whose argument closed the pool is refused, as all after it."""
    run_python(f"""
        import faulthandler
        import itertools
        import numpy as np
        import moonpool
        faulthandler.dump_traceback_later(20, exit=True)
        kind = {kind!r}
        three = np.ones(3)
        class Closes:
            def __init__(self, pool, cancel):
                self.pool, self.cancel = pool, cancel
            def act(self, result):
                assert self.pool.map(inc, three)[0] == 2
                waits = self.pool.submit(inc, 1)
                self.pool.close(cancel=self.cancel)
                assert waits.done()
                return result
            if kind == 'array':
                def __array__(self, dtype=None, copy=None):
                    return self.act(three)
            elif kind == 'float':
                def __float__(self):
                    return self.act(1.0)
            elif kind == 'attribute':
                def __getattr__(self, name):
                    if name != '__array__':
                        raise AttributeError(name)
                    return lambda dtype=None, copy=None: self.act(three)
            elif kind == 'dtype':
                @property
                def dtype(self):
                    return self.act(np.dtype('float64'))
            else:
                def __index__(self):
                    return self.act(0)
        inc = "function(x) return x + 1 end"
        add = "function(a, x) return a + x end"
        run = "function(i, x) end"
        if kind == 'dtype':
            calls = [("map", lambda c: (inc, three), lambda c: dict(dtype=c))]
        elif kind == 'extent':
            calls = [("run", lambda c: (run, c, three), lambda c: {{}})]
        elif kind == 'axis':
            calls = [("reduce", lambda c: (add, three), lambda c: dict(init=0, axis=c))]
        else:
            calls = [
                ("map", lambda c: (inc, c), lambda c: {{}}),
                ("map", lambda c: (inc, c), lambda c: dict(out=np.zeros(3))),
                ("map", lambda c: (inc, three), lambda c: dict(where=c)),
                ("map", lambda c: (inc, three), lambda c: dict(where=c, out=np.zeros(3))),
                ("run", lambda c: (run, 3, c), lambda c: {{}}),
                ("reduce", lambda c: (add, c), lambda c: dict(init=0)),
                ("reduce", lambda c: (add, three), lambda c: dict(init=c)),
            ]
            if kind != 'float':
                calls += [
                    ("submit", lambda c: (inc, c), lambda c: {{}}),
                    ("submit", lambda c: (inc, [1, dict(a=c)]), lambda c: {{}}),
                    ("broadcast", lambda c: (inc, c), lambda c: {{}}),
                ]
        yesno = (False, True)
        for (name, args, options), background, cancel in itertools.product(calls, yesno, yesno):
            pool = moonpool.Pool(2)
            closes = Closes(pool, cancel)
            method = name + '_async' * (background and name not in ('submit', 'broadcast'))
            try:
                done = getattr(pool, method)(*args(closes), **options(closes))
                if method.endswith('_async') or name == 'submit':
                    done = done.result(10)
            except RuntimeError as error:
                assert 'the pool is closed' in str(error), error
            except (TypeError, ValueError) as error:
                # What it turned into is not usable here.
                assert pool.closed, error
            else:
                raise AssertionError((name, done))
            assert pool.closed
            pool.close()
    """)


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("when", ["made", "total", "update", "refresh", "close"])
@pytest.mark.interpreted
def test_progress_closes_the_pool(run_python, when, background):
    """A bar's methods run in the midst of a call, which ends as it would."""
    run_python(f"""
        import faulthandler, os, time
        import numpy as np
        import moonpool
        faulthandler.dump_traceback_later(20, exit=True)
        others = len(os.listdir('/proc/self/task'))
        pool = moonpool.Pool(2)
        class Bar:
            def __init__(self, **options):
                self.closed = False
                self.act('made')
            def act(self, at):
                if at == {when!r}:
                    pool.close()
            def get(self):
                return 0
            def set(self, value):
                self.act('total')
            total = property(get, set)
            def update(self, n):
                self.act('update')
            def refresh(self):
                self.act('refresh')
            def close(self):
                self.act('close')
        slow = "function(x) for i = 1, 2e5 do end return x + 1 end"
        try:
            if {background}:
                got = pool.map_async(slow, np.arange(600.0), progress=Bar).result(20)
            else:
                got = pool.map(slow, np.arange(600.0), progress=Bar)
        except RuntimeError as error:
            assert 'the pool is closed' in str(error), error
            assert {when!r} == 'made'
        else:
            assert got.tolist() == list(range(1, 601))
            assert {when!r} != 'made'
        assert pool.closed
        pool.close()
        until = time.monotonic() + 10
        while len(os.listdir('/proc/self/task')) > others + 1 and time.monotonic() < until:
            time.sleep(0.01)
        # The thread of the watchdog is one of them.
        assert len(os.listdir('/proc/self/task')) <= others + 1
    """)


def test_finalizer_closes_the_pool(run_python):
    """The garbage collector may run in the midst of any call."""
    run_python("""
        import faulthandler, gc, threading
        import numpy as np
        import moonpool
        faulthandler.dump_traceback_later(30, exit=True)
        inc = "function(x) return x + 1 end"
        class Closes:
            def __init__(self, pool):
                self.pool, self.me = pool, self
            def __del__(self):
                self.pool.close()
        gc.set_threshold(5)
        refused = 0
        for round in range(60):
            pool = moonpool.Pool(1)
            Closes(pool)
            try:
                for call in range(20):
                    assert pool.map(inc, np.ones(3))[0] == 2
                    assert pool.submit(inc, call).result(20) == call + 1
                    assert pool.map_async(inc, np.ones(3), out=np.ones(3)).result(20)[0] == 2
            except RuntimeError as error:
                refused += 1
            pool.close()
        assert refused > 0
        gc.set_threshold(700)
        for _ in range(500):
            if threading.active_count() == 1:
                break
            threading.Event().wait(0.02)
        assert threading.active_count() == 1
    """)


def test_signal_handler_closes_the_pool(run_python):
    """At any moment of any call, of which the job is only one."""
    run_python("""
        import faulthandler, random, signal
        import numpy as np
        import moonpool
        faulthandler.dump_traceback_later(50, exit=True)
        inc = "function(x) return x + 1 end"
        random.seed(7)
        for round in range(150):
            pool = moonpool.Pool(2)
            signal.signal(signal.SIGALRM, lambda *_: pool.close())
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 2e-3))
            while not pool.closed:
                try:
                    assert pool.map(inc, np.ones(3))[0] == 2
                    assert pool.map(inc, np.ones(3), out=np.ones(3))[0] == 2
                    pool.run("function(i) end", 3)
                    # What follows is not in a call while it waits.
                    assert pool.broadcast(inc, 1) == [2, 2]
                except RuntimeError as error:
                    assert 'the pool is closed' in str(error), error
            pool.close()
    """)


@pytest.mark.parametrize("when", ["before", "after"])
def test_interrupt_while_the_thread_starts(monkeypatch, when):
    """Ctrl-C may end Thread.start(), when the thread runs as well as before."""
    start = threading.Thread.start
    interrupts = [KeyboardInterrupt, KeyboardInterrupt]

    def interrupted(thread):
        if when == "after":
            start(thread)
        if interrupts:
            raise interrupts.pop()
        if when == "before":
            start(thread)

    def serving():
        return [one for one in threading.enumerate() if one.name == "moonpool"]

    others = serving()
    with moonpool.Pool(1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", interrupted)
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    pool.submit("function() return 1 end")
            future = pool.submit("function() return 2 end")
        assert future.result(10) == 2
        assert pool.map_async("function(x) return x + 1 end", np.ones(2)).result(10)[0] == 2
        # Those that were started in vain end by themselves.
        for one in serving():
            if one not in others and one is not pool._completions._thread:
                one.join(10)
        assert len(serving()) == len(others) + 1
    assert len(serving()) == len(others)


def test_close_while_a_call_begins(monkeypatch):
    """A call that was counted in before the close ends, though nothing was in flight."""
    pool = moonpool.Pool(1)
    assert pool.submit("function() return 1 end").result(10) == 1
    thread = pool._completions._thread
    assert thread is not None
    closer = threading.Thread(target=pool.close, daemon=True)
    add = _completion.Completions.add

    def late(completions, future):
        closer.start()
        thread.join(10)
        assert not thread.is_alive()
        add(completions, future)

    monkeypatch.setattr(_completion.Completions, "add", late)
    future = pool.map_async("function(x) return x + 1 end", np.ones(2))
    assert future.result(10).tolist() == [2, 2]
    closer.join(10)
    assert not closer.is_alive()
