"""Kernels and sources that fill the memory, and memory that ends at any moment."""

import contextlib
import itertools
import threading
import time

import pytest
from tests.python.attacks.cases import cases

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)

LIMIT = 4 * 1024 * 1024
MAX_SOURCE = 256 * 1024


# ---- in a kernel -----------------------------------------------------------------

FULL = cases(
    doubling="local s = 'x' while true do s = s .. s end",
    doubling_by_rep="local s = 'x' while true do s = s:rep(2) end",
    tables="local t = {} for i = 1, 1e7 do t[i] = {} end",
    chain="local t = {} while true do t = {t} end",
    numbers="local t = {} for i = 1, 1e9 do t[i] = i end",
    hashed="local t = {} for i = 1, 1e9 do t[i + 0.5] = i end",
    strings="local t = {} for i = 1, 1e9 do t[i] = 'key ' .. i end",
    closures="local t = {} for i = 1, 1e9 do t[i] = function() return t, i end end",
    coroutines="""
        local t = {}
        for i = 1, 1e9 do t[i] = coroutine.wrap(function() coroutine.yield() end) t[i]() end""",
    stack="local function f(...) return 1 + f(1, ...) end return f()",
    unpacked="local t = {} for i = 1, 500000 do t[i] = i end return {table.unpack(t)}",
    packed="local t = {} for i = 1, 200000 do t[i] = i end while true do"
    " t = table.pack(table.unpack(t), t) end",
    globals="for i = 1, 1e9 do _ENV['g' .. i] = i end",
    gsub="local s = ('x'):rep(1000000) while true do s = s:gsub('x', 'xx') end",
    concat="local t = {} for i = 1, 100 do t[i] = ('x'):rep(1000000) end return table.concat(t)",
    format="local s = ('x'):rep(1000000) while true do s = ('%s%s'):format(s, s) end",
    quoted="local s = ('\\0'):rep(1000000) while true do s = ('%q'):format(s) end",
    codepoints="local t = {} for i = 1, 200000 do t[i] = i end while true do t[#t + 1] ="
    " utf8.char(table.unpack(t, 1, 200)):rep(100) end",
    error_values="local s = 'x' while true do local _, e = pcall(error, s .. s) s = e end",
    metatables="local t = {} while true do t = setmetatable({}, {__index = t}) end",
)


@pytest.fixture(scope="module")
def small(default_tier):
    with moonpool.Pool(2, memory_limit=LIMIT) as pool:
        yield pool


def check_small(pool, assert_usable):
    assert_usable(pool)
    for worker in pool.stats()["per_worker"]:
        assert worker["memory_peak"] <= LIMIT
        # What a kernel left behind was given back, on both workers.
        assert worker["memory"] <= LIMIT // 2


@pytest.mark.parametrize("body", FULL)
@pytest.mark.refused
def test_fills_memory(small, assert_usable, bounded, body):
    data = bytearray(4)
    with bounded(1.0), pytest.raises(moonpool.LuaMemoryError) as caught:
        small.map(f"function(...) {body} end", data)
    assert isinstance(caught.value, (moonpool.LuaError, MemoryError))
    assert "4096 KiB" in str(caught.value)
    assert "memory_limit" in str(caught.value)
    del caught
    data.append(0)
    check_small(small, assert_usable)


@pytest.mark.parametrize("how", ["submit", "run", "reduce", "broadcast", "combine", "chunk"])
@pytest.mark.refused
def test_fills_memory_in(small, assert_usable, how):
    body = "function(...) local t = {} while true do t = {t} end end"
    data = bytearray(100_000)
    calls = {
        "submit": lambda: small.submit(body, data).result(),
        "run": lambda: small.run(body, 10, data),
        "reduce": lambda: small.reduce(body, data, init=0),
        "broadcast": lambda: small.broadcast(body),
        "combine": lambda: small.reduce("function(a, x) return a end", data, init=0, combine=body),
        "chunk": lambda: small.map("local t = {} while true do t = {t} end return error", data),
    }
    with pytest.raises(moonpool.LuaMemoryError):
        calls[how]()
    check_small(small, assert_usable)


@pytest.mark.parametrize(
    "body",
    cases(
        strings="local function f() local s = 'x' while true do s = s .. s end end"
        " while true do pcall(f) end",
        tables="local function f() local t = {} while true do t = {t} end end"
        " while true do pcall(f) end",
        kept="local t = {} local function f() while true do t = {t} end end"
        " while true do pcall(f) t = nil end",
        coroutines="local function f() local t = {} while true do t = {t} end end"
        " while true do coroutine.resume(coroutine.create(f)) end",
        handlers="local function f() local t = {} while true do t = {t} end end"
        " while true do xpcall(f, f) end",
        sorting="local t, u = {}, {3, 2, 1} local function f() while true do t = {t} end end"
        " while true do pcall(f) t = nil pcall(table.sort, u, f) t = nil end",
    ),
)
def test_out_of_memory_for_ever(make_target, body):
    target = make_target(timeout=0.2, memory=LIMIT)
    target.times_out(body)


def test_caught_out_of_memory(small):
    """A kernel may catch it and go on, as in Lua."""
    body = """
        local ok, text = pcall(function() local t = {} while true do t = {t} end end)
        return ok, text"""
    assert small.submit(f"function() {body} end").result(10) == (False, "not enough memory")


def test_kept_globals(make_target):
    """A kernel that keeps what it fills in its own globals, call after call."""
    target = make_target(timeout=5.0, memory=LIMIT, workers=1)
    keeps = moonpool.kernel("""
        kept = {}
        return function(n)
            for i = 1, n do kept[#kept + 1] = ('x'):rep(1000) .. #kept end
            return #kept
        end""")
    # Each fills about an eighth of the limit. Where it would be more than half it is gone.
    lengths = [target.pool.submit(keeps, 500).result() for _ in range(40)]
    assert lengths[:3] == [500, 1000, 1500]
    assert max(lengths) < 2500
    assert lengths.count(500) > 5
    # What it fills in one call is not kept at all.
    with pytest.raises(moonpool.LuaMemoryError):
        target.pool.submit(keeps, 100_000).result()
    target.check()
    assert target.pool.stats()["memory"] < LIMIT // 8


@pytest.mark.refused
def test_many_kernels(make_target):
    """Kernels that each keep a little, as if until there is no room for one that keeps nothing."""
    target = make_target(timeout=5.0, memory=LIMIT, workers=1)
    for i in range(150):
        source = f"local kept = ('x'):rep(100000) .. {i} return function(x) return x + #kept end"
        target.pool.map(source, bytearray(8))
        target.call("return #('x'):rep(800000)")
    target.check()


def test_hoarding(make_target):
    """What one kernel keeps another one does not lack."""
    target = make_target(timeout=5.0, memory=LIMIT, workers=1)
    for size in (500, 1000, 2000, 3000, 3500):
        hoard = f"kept = {{}} for i = 1, {size} do kept[i] = ('x'):rep(1000) .. i end"
        for source in (
            f"{hoard} return function(x) return #kept end",
            f"return function(x) {hoard} return #kept end",
            f"return function(x) {hoard} error('enough') end",
        ):
            with contextlib.suppress(moonpool.LuaError):
                assert target.pool.submit(source, 1).result() == size
            assert target.call("return #('x'):rep(900000)") == 900_000
    target.check()


def test_hoarding_slowly(make_target):
    """A hoard whose collection takes long is at the expense of who made it."""
    target = make_target(timeout=1, memory=16 << 20, workers=1)
    body = """
        local large = ('x'):rep(7000000)
        weak, keys = setmetatable({}, {__mode = 'k'}), {}
        for i = 1, 40000 do keys[i] = {} end
        for i = 1, #keys - 1 do weak[keys[i + 1]] = keys[i] end
        keys = {keys[#keys]}
        return 1"""
    for _ in range(3):
        with contextlib.suppress(moonpool.KernelTimeout):
            target.call(body)
        assert target.call("return #('x'):rep(4000000)") == 4_000_000
    target.check()


def test_setup_fills_memory(bounded):
    with bounded(1.0), pytest.raises(moonpool.LuaMemoryError):
        moonpool.Pool(2, memory_limit=LIMIT, setup="t = {} while true do t = {t} end")


def test_setup_runs_again(assert_usable):
    """A state that was given up is replaced by one with the setup's globals."""
    with moonpool.Pool(1, memory_limit=LIMIT, setup="shared = {} base = 41") as pool:
        fills = "function() for i = 1, 1e9 do shared[i] = {} end end"
        for _ in range(3):
            with pytest.raises(moonpool.LuaMemoryError):
                pool.submit(fills).result(10)
            assert pool.submit("function() return base + 1 end").result(10) == 42
        assert pool.stats()["states"] >= 2
        assert_usable(pool)


def test_large_results(make_target):
    """What a call returns counts too, as it is turned into a message."""
    target = make_target(timeout=10.0, memory=LIMIT)
    data = target.call("return ('x'):rep(1000000)")
    assert len(data) == 1_000_000
    # The same string in a table many times is small in Lua only.
    body = "local s, t = ('x'):rep(1000000), {} for i = 1, 10000 do t[i] = s end return t"
    target.fails(moonpool.LuaMemoryError, "memory", body)
    # So is a tree whose branches are one.
    body = "local t = {} for i = 1, 60 do t = {t, t} end return t"
    target.fails(moonpool.LuaMemoryError, "memory", body)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("local t = {} t.t = t return t", "cycle|deep|nest"),
        ("local t = {} for i = 1, 200 do t = {t} end return t", "deep|nest"),
        ("return function() end", "function"),
        ("return coroutine.create(pcall)", "coroutine|thread"),
        ("return {[{}] = 1}", "key|table"),
        ("return {a = {b = pcall}}", "function"),
    ],
)
def test_results_refused(make_target, body, match):
    make_target(timeout=5.0).fails(moonpool.LuaError, match, body)


@pytest.mark.refused
def test_large_arguments(small, assert_usable):
    with pytest.raises(moonpool.LuaMemoryError):
        small.submit("function(s) return #s end", "x" * 10_000_000).result(10)
    with pytest.raises(moonpool.LuaMemoryError):
        small.submit("function(t) return #t end", [[]] * 1_000_000).result(10)
    with pytest.raises(moonpool.LuaMemoryError):
        small.map("function(x, s) return #s end", bytearray(4), "x" * 10_000_000)
    check_small(small, assert_usable)


# ---- every allocation once -------------------------------------------------------

WORK = {
    "map": lambda pool: pool.map("function(x) return x + 1 end", bytearray(4)).tolist(),
    "chunk": lambda pool: pool.submit(
        "local t = {} for i = 1, 100 do t[i] = {i} end"
        " local function f(x) return x .. #t end return function(x) return f(x) end",
        "hundred: ",
    ).result(10),
    "result": lambda pool: pool.submit(
        "function() local t = {} for i = 1, 50 do t['key' .. i] = {i, 'value' .. i} end"
        " return t, {1, 2, 3}, ('x'):rep(3000) end"
    ).result(10),
    "arguments": lambda pool: pool.submit(
        "function(a, b) return #a, b.k9 end",
        ["x" * n for n in range(100)],
        {f"k{n}": n for n in range(30)},
    ).result(10),
}
ERRORS = {
    "string": "function() error('what was wrong') end",
    "made": "function() error('what ' .. ('w'):rep(2000) .. ' wrong') end",
    "value": "function() error(setmetatable({}, {__tostring = function()"
    " return 'what' .. (' was'):rep(500) .. ' wrong' end})) end",
    "deep": "function() local function f(n) if n == 0 then error('what was wrong') end"
    " return 1 + f(n - 1) end return f(100) end",
    "memory": "function() local t = {} while true do t = {t} end end",
}


def limits():
    """All limits from nothing on to where everything has room."""
    return [*range(1, 1000, 331), *range(10_000, 90_000, 613)]


@pytest.mark.interpreted
def test_small_limits():
    """Wherever the memory ends, the call works or says so; and so for ever."""
    expected = {}
    with moonpool.Pool(1) as pool:
        for name, work in WORK.items():
            expected[name] = work(pool)
    outcomes: dict[str, set[str]] = {name: set() for name in WORK}
    for limit in limits():
        with moonpool.Pool(1, memory_limit=limit) as pool:
            for name, work in WORK.items():
                try:
                    result = work(pool)
                except moonpool.LuaMemoryError:
                    outcomes[name].add("refused")
                else:
                    assert result == expected[name]
                    outcomes[name].add("done")
            assert pool.stats()["memory_peak"] <= limit
    assert all(found == {"refused", "done"} for found in outcomes.values()), outcomes


def test_small_limits_and_errors():
    """An error that there is no memory to describe is still an error of the right kind."""
    described = set()
    for limit in limits():
        with moonpool.Pool(1, memory_limit=limit) as pool:
            for name, source in ERRORS.items():
                with pytest.raises(moonpool.LuaError) as caught:
                    pool.submit(source).result(10)
                if type(caught.value) is moonpool.LuaError:
                    assert name != "memory"
                    described.add(name)
                else:
                    assert type(caught.value) is moonpool.LuaMemoryError
            assert pool.stats()["memory_peak"] <= limit
    assert described == set(ERRORS) - {"memory"}


def test_small_limits_and_setup():
    setup = "t = {} for i = 1, 100 do t[i] = {i} end"
    outcomes = set()
    for limit in limits():
        try:
            pool = moonpool.Pool(1, memory_limit=limit, setup=setup)
        except moonpool.LuaMemoryError:
            outcomes.add("refused")
            continue
        with pool:
            outcomes.add("done")
            try:
                assert pool.submit("function() return #t end").result(10) == 100
            except moonpool.LuaMemoryError:
                outcomes.add("refused later")
    assert outcomes >= {"refused", "done"}


# ---- sources ---------------------------------------------------------------------


def numbered(text, count, joint=""):
    return joint.join(text.replace("#", str(i)) for i in range(count))


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("return " + "(" * 250_000 + "1", "too many C levels"),
        ("return " + "{" * 250_000, "too many C levels"),
        ("return " + "function() return " * 14_000, "too many C levels"),
        ("return function(x) return x" + "..x" * 80_000 + " end", "too many C levels"),
        ("return function(x) return x" + "^x" * 120_000 + " end", "too many C levels"),
        ("return function(x) return " + "not " * 60_000 + "x end", "too many C levels"),
        ("do " * 80_000, "too many C levels"),
        ("function() " + numbered("local a# ", 300) + "end", "too many local variables"),
        (
            numbered("local a# ", 150)
            + "return function() "
            + numbered("local b# ", 150)
            + "return function() return "
            + numbered("a# + b#", 150, " + ")
            + " end end",
            "too many upvalues",
        ),
        ("function(" + numbered("a#", 300, ", ") + ") end", "too many local variables"),
        ("function() local x return f(" + numbered("x", 300, ", ") + ") end", "too complex|regist"),
        ("return [" + "=" * 250_000, "invalid long string"),
        ("return [" + "=" * 250_000 + "[ x", "unfinished long string"),
        ("--[" + "=" * 250_000 + "[ x", "unfinished long comment"),
        ("return '" + "x" * 250_000, "unfinished string"),
        ("return " + "1" * 100_000 + "..", "malformed number"),
        ("return function() \0 end", "unexpected symbol|syntax error|expected"),
        ("return function() return '\\xzz' end", "hexadecimal digit"),
        ("return function() return '\\u{110000000}' end", "UTF-8 value too large"),
        ("\x1bLua", "binary chunk"),
        ("#!/usr/bin/lua\nreturn function() end", "unexpected symbol"),
        ("function() goto nowhere end", "no visible label"),
        ("function() break end", "loop"),
        ("function() é = 1 end", "unexpected symbol|syntax error|expected"),
        ("function() return end end", "expected"),
        ("function(", "expected"),
    ],
    ids=lambda value: None if len(value) < 100 else value[:30],
)
def test_bad_sources(small, assert_usable, bounded, source, match):
    with bounded(1.0), pytest.raises(moonpool.LuaSyntaxError, match=match) as caught:
        moonpool.kernel(source)
    assert len(str(caught.value)) < 1000
    with pytest.raises(moonpool.LuaSyntaxError, match=match):
        small.map(source, bytearray(4))
    assert_usable(small)


def test_source_of_100_mb(small, assert_usable, bounded):
    for source in ("x" * 100_000_000, "--[" + "=" * 100_000_000 + "["):
        with bounded(0.5), pytest.raises(ValueError, match="100.* bytes, the limit is 262144"):
            moonpool.kernel(source)
        with bounded(0.5), pytest.raises(ValueError, match="pass large data as arguments"):
            small.submit(source)
    assert_usable(small)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("function() return 'a\0b' end", "a\0b"),
        ("-- a comment with a \0\nreturn function() return 1 end", 1),
        ("\ufefffunction() return 1 end", 1),
        ("\ufeffreturn function() return 1 end", 1),
        ("function()\r\n  return\r\n  1\r\nend\r\n", 1),
        ("function()\r  return 1\rend\r", 1),
        ("function() return 'é€😀' end", "é€😀"),
        ("function() return '\\xff\\xfe' end", b"\xff\xfe"),
        ("--[==[ function( ]==] function() return 1 end", 1),
        ("function() return [" + "=" * 1000 + "[x]" + "=" * 1000 + "] end", "x"),
        ("function() return 0x" + "f" * 1000 + " end", -1),
        ("return function() " + numbered("local a# = # ", 199) + "return a198 end", 198),
        ("function() return " + "- " * 150 + "1 end", 1),
        ("return function() return #[==[" + "x" * 250_000 + "]==] end", 250_000),
        ("return function() local t = {" + numbered("#", 40_000, ",") + "} return #t end", 40000),
        ("return function() local t = {" + numbered("'#'", 29_999, ",") + "} return #t end", 29999),
    ],
    ids=lambda value: None if not isinstance(value, str) or len(value) < 100 else value[:30],
)
def test_odd_sources(source, result):
    with moonpool.Pool(1) as pool:
        assert pool.submit(source).result(10) == result
        line = moonpool.kernel(source)
        assert line.source.lstrip("\ufeff") == source.lstrip("\ufeff")


def test_many_constants():
    source = "return function() local t = {" + numbered("#.5", 30_000, ",") + "} return #t end"
    with moonpool.Pool(1, memory_limit=LIMIT // 2) as pool:
        with pytest.raises(moonpool.LuaMemoryError):
            pool.submit(source).result(20)
        assert pool.submit("function() return 1 end").result(10) == 1


def test_surrogates(small, assert_usable):
    """Text that UTF-8 has no bytes for."""
    with pytest.raises(UnicodeEncodeError):
        moonpool.kernel("function() return '\udc80' end")
    with pytest.raises(UnicodeEncodeError):
        small.map("function() return '\udc80' end", bytearray(4))
    with pytest.raises(UnicodeEncodeError):
        small.submit("function(s) return s end", "\udc80").result(10)
    assert_usable(small)


def fitting(head, items, tail):
    """A source with as many of the items as it may have."""
    room = MAX_SOURCE - len(head) - len(tail)
    taken: list[str] = []
    for item in items:
        room -= len(item)
        if room < 0:
            return head + "".join(taken) + tail
        taken.append(item)
    raise AssertionError


def constants(items):
    return fitting("return function() return {", (f"{item}," for item in items), "} end")


# What takes quadratic time.
SLOW = cases(
    # A chain of jumps is walked to its end for each that is added.
    jumps=fitting("return function(x) x = x", itertools.repeat(" or x"), " end"),
    # Each name is looked for among the variables of all functions around, twice.
    names=fitting(
        ("local function f() local " + numbered("a#", 199, ",") + " ") * 190 + "return {",
        itertools.repeat("x,"),
        "}" + " end" * 190,
    ),
    # These floats have the same 31 leading bits, so one hash.
    floats=constants(f"1.{i:015d}" for i in itertools.count()),
    # Of integers the 32 lower bits are hashed.
    integers=constants(i << 32 for i in itertools.count(1)),
    # The hash is taken modulo the size of the table, less one.
    multiples=constants(i * (2**15 - 1) for i in itertools.count(1)),
)


@pytest.mark.parametrize("source", SLOW)
def test_slow_to_compile(small, assert_usable, bounded, source):
    """Compilation that takes quadratic time is given up, and meanwhile others go on."""
    beats = 0
    done = threading.Event()

    def count():
        nonlocal beats
        while not done.wait(0.01):
            beats += 1

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        # A fast machine is done before its time is up, which is one of the CPU.
        with (
            bounded(2.5, clock=time.process_time),
            contextlib.suppress(moonpool.KernelTimeout),
        ):
            moonpool.kernel(source)
    finally:
        done.set()
        thread.join()
    # The GIL was free.
    assert beats > 10
    assert_usable(small)


def test_too_slow_to_compile():
    (source,) = SLOW[0].values
    with pytest.raises(moonpool.KernelTimeout, match="compiling the kernel takes more than 2 s"):
        moonpool.kernel(source)
