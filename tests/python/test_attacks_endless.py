"""Kernels that run for ever, or as good as: each is stopped, by its timeout at the latest."""

import concurrent.futures

import pytest
from tests.python.attacks.cases import cases

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)

KINDS = ["submit", "map", "run", "reduce", "broadcast"]


# ---- loops and calls -------------------------------------------------------------


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize(
    "body",
    cases(
        loop="while true do end",
        swallow="while true do pcall(function() while true do end end) end",
    ),
)
@pytest.mark.refused
def test_kinds_of_calls(target, body, how):
    target.times_out(body, how)


@pytest.mark.parametrize(
    "body",
    cases(
        repeated="repeat until false",
        goto="::again:: goto again",
        counted="for i = 1, math.maxinteger do end",
        float_step="for i = 1.0, 2.0, 1e-300 do end",
        endless_float="for i = 0, math.huge do end",
        iterator="for _ in function() return 1 end do end",
        tail_call="local function f() return f() end return f()",
        mutual="local f, g function f() return g() end function g() return f() end f()",
        method="local o = {} function o:f() return self:f() end o:f()",
        metamethod="return setmetatable({}, {__index = function() while true do end end}).x",
        lookups="local t = {} while true do t.x = t.y end",
        vararg="local function f(...) return f(1, ...) end pcall(f) while true do end",
    ),
)
def test_endless(target, body):
    target.times_out(body)


@pytest.mark.refused
def test_endless_chunk(target):
    """What stands before the function runs in the worker and is stopped there."""
    with pytest.raises(moonpool.KernelTimeout):
        target.pool.map("while true do end return function(x) return x end", bytearray(4))
    target.check()


def test_endless_setup(bounded):
    with bounded(0.15), pytest.raises(moonpool.KernelTimeout):
        moonpool.Pool(2, timeout=0.15, setup="while true do end")


@pytest.mark.parametrize(
    "body",
    cases(
        plain="local function f() return 1 + f() end return f()",
        mutual="local f, g function f() return 1 + g() end function g() return 1 + f() end f()",
        protected="local function f() local _, e = pcall(f) return error(e, 0) end return f()",
        varargs="local function f(...) return 1 + f(1, ...) end return f()",
        coroutines="local function f() return 1 + coroutine.wrap(f)() end return f()",
        compared="local m = {} m.__lt = function(a, b) return a < b end"
        " local t = setmetatable({}, m) return t < t",
    ),
)
def test_endless_recursion(make_target, body):
    target = make_target(timeout=5.0, memory=256 << 20)
    target.fails(
        moonpool.LuaError, "stack overflow|error in error handling|kernel:1: kernel:1", body
    )


# ---- swallowing the stop ---------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    cases(
        nested="local function f() while true do pcall(f) end end f()",
        handler="while true do xpcall(function() while true do end end, function() end) end",
        resumed="while true do coroutine.resume(coroutine.create(function()"
        " while true do end end)) end",
        wrapped="while true do pcall(coroutine.wrap(function() while true do end end)) end",
        inside="""
            local co = coroutine.wrap(function()
                while true do pcall(function() while true do end end) end
            end)
            while true do pcall(co) end""",
        yields="local co = coroutine.wrap(function() while true do coroutine.yield() end end)"
        " while true do co() end",
        yields_in_pcall="""
            local co = coroutine.wrap(function()
                while true do pcall(function() coroutine.yield() error() end) end
            end)
            while true do co() end""",
        many="while true do coroutine.wrap(function() end)() end",
        deep="""
            local function f(n)
                if n == 0 then while true do end end
                while true do pcall(coroutine.wrap(f), n - 1) end
            end
            f(100)""",
        metamethod="""
            local t = setmetatable({}, {__index = function() while true do end end})
            while true do pcall(function() return t.x end) end""",
        sorts="while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
        replaces="while true do pcall(string.gsub, 'x', 'x', function() while true do end end) end",
    ),
)
def test_swallowing(target, body):
    target.times_out(body)


def test_stop_between_coroutines(target):
    """A coroutine suspended when its task was stopped works on in the next one."""
    keep = moonpool.kernel("""
        local co
        return function(mode)
            if mode == 'start' then
                co = coroutine.wrap(function()
                    local n = 0
                    while true do n = n + 1 coroutine.yield(n) end
                end)
                co()
                while true do end
            end
            return co()
        end""")
    pool = moonpool.Pool(1, timeout=0.1)
    with pool:
        for _ in range(3):
            with pytest.raises(moonpool.KernelTimeout):
                pool.submit(keep, "start").result()
            # A stopped kernel's environment is dropped: its coroutine is gone.
            with pytest.raises(moonpool.LuaError, match="upvalue 'co'"):
                pool.submit(keep, "go on").result()


def test_coroutines_never_resumed(make_target):
    target = make_target(timeout=20.0, memory=16 << 20)
    body = "for i = 1, 300000 do coroutine.create(function() end) end return 'done'"
    assert target.call(body) == "done"


def test_short_coroutines(make_target):
    target = make_target(timeout=20.0, memory=16 << 20)
    body = "local n = 0 for i = 1, 100000 do n = n + coroutine.wrap(function() return 1 end)() end"
    assert target.call(body + " return n") == 100000


# ---- message handlers ------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    cases(
        error="error",
        overflow="function() local function f() return 1 + f() end return f() end",
        in_c="function() local function f(s) return (s:gsub('.', f)) end return f('x') end",
        hook="function() while true do end end",
    ),
)
def test_handler_loops(make_target, function):
    target = make_target(timeout=0.3, memory=256 << 20)
    target.times_out(f"while true do xpcall({function}, function() while true do end end) end")


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return xpcall(error, function(e) error(e) end)", False),
        ("return xpcall(error, function() end)", (False, None)),
        ("return xpcall(error, function() return 1, 2 end)", (False, 1)),
        ("return xpcall(error, error)", False),
        ("return xpcall(error, function() coroutine.yield() end)", False),
        ("return (xpcall(error, function(e) local t = nil; return t.x end))", False),
    ],
)
def test_handler_misbehaves(target, body, result):
    got = target.call(body)
    if result is False:
        assert got is False or got[0] is False
    else:
        assert got == result


def test_handler_is_no_function(target):
    target.fails(moonpool.LuaError, "function expected", "return xpcall(error, {})")


# ---- finalizers ------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    cases(
        plain="setmetatable({}, {__gc = function() while true do end end})",
        marked="setmetatable({}, {__gc = true})",
        later="local m = {} setmetatable({}, m) m.__gc = function() end setmetatable({}, m)",
        raw="local m = {} rawset(m, '__gc', print or error) setmetatable({}, m)",
        swapped="local t = setmetatable({}, {}) setmetatable(t, {__gc = function() end})",
        spelled="setmetatable({}, {['__' .. 'gc'] = function() end})",
        in_coroutine="coroutine.wrap(function() setmetatable({}, {__gc = error}) end)()",
        through_alias="local s = setmetatable s({}, {__gc = error})",
    ),
)
def test_finalizer_refused(target, body):
    target.fails(moonpool.LuaError, "__gc is not available in the sandbox", body)


@pytest.mark.parametrize(
    "how",
    cases(
        later="setmetatable(t, m) m.__gc = gc",
        inherited="setmetatable(t, setmetatable(m, {__index = {__gc = gc}}))",
        newindex="setmetatable(t, setmetatable(m, {__newindex = {}})) m.__gc = gc",
    ),
)
def test_finalizer_by_detour(bounded, assert_usable, how):
    """Lua looks for __gc when a metatable is set: added later it never runs."""
    source = f"""
        local ran = 0
        return function()
            for i = 1, 1000 do
                local t, m = {{}}, {{}}
                local function gc() ran = ran + 1 while true do end end
                {how}
            end
            for i = 1, 100000 do local waste = {{}} end
            return ran
        end"""
    pool = moonpool.Pool(2, memory_limit=4 << 20)
    with bounded(5.0):
        assert pool.submit(source).result(10) == 0
        assert_usable(pool)
        # Closing the states runs what finalizers there are.
        pool.close()


# ---- the error value -------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    cases(
        loops="error(setmetatable({}, {__tostring = function() while true do end end}))",
        swallows="""
            error(setmetatable({}, {__tostring = function()
                while true do pcall(function() while true do end end) end
            end}))""",
        in_coroutine="""
            coroutine.wrap(function()
                error(setmetatable({}, {__tostring = function() while true do end end}))
            end)()""",
        named="error(setmetatable({}, {__tostring = function() return ('.-'):rep(50):rep(50):find("
        "('.-'):rep(50) .. 'b') end}))",
    ),
)
def test_error_value_loops(target, body):
    target.times_out(body)


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("nil", "the error value is nil"),
        ("{}", "the error value is a table"),
        ("true", "the error value is a boolean"),
        ("print", "the error value is nil"),
        ("pcall", "the error value is a function"),
        ("coroutine.create(pcall)", "the error value is a thread"),
        ("42", "42"),
        ("''", "line 1"),
        ("setmetatable({}, {__tostring = function() error('no') end})", "is a table"),
        ("setmetatable({}, {__tostring = function() error({}) end})", "is a table"),
        ("setmetatable({}, {__tostring = function() return {} end})", "is a table"),
        ("setmetatable({}, {__tostring = function() end})", "is a table"),
        ("setmetatable({}, {__tostring = 1})", "is a table"),
        ("setmetatable({}, {__tostring = function() return 'mine' end})", "mine"),
        ("setmetatable({}, {__name = ('n'):rep(1e6)})", "is a "),
        ("setmetatable({}, {__index = error})", "is a table"),
        ("('x'):rep(1e6)", "xxx"),
        ("'\\0\\xff\\n%s%n'", "line 1"),
    ],
)
def test_error_value(target, value, match):
    error = target.fails(moonpool.LuaError, match, f"error({value})")
    assert error.line == 1
    assert len(str(error)) < 1000


def test_error_value_recurses(make_target):
    target = make_target(timeout=5.0)
    body = """
        local m = {} m.__tostring = function(t) return 'x' .. tostring(t) end
        error(setmetatable({}, m))"""
    target.fails(moonpool.LuaError, "is a table|stack overflow|handling an error", body)


# ---- metamethods -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (
            "local t = {} for i = 1, 5000 do t = setmetatable({}, {__index = t}) end return t.x",
            "'__index' chain too long",
        ),
        (
            "local t = {} for i = 1, 5000 do t = setmetatable({}, {__newindex = t}) end t.x = 1",
            "'__newindex' chain too long",
        ),
        ("local t = {} setmetatable(t, {__index = t}) return t.x", "chain too long"),
        ("local t = {} setmetatable(t, {__newindex = t}) t.x = 1", "chain too long"),
        (
            "local t for i = 1, 5000 do local u = t"
            " t = setmetatable({}, {__index = function(_, k) return u[k] end}) end return t.x",
            "stack overflow",
        ),
        (
            "local m = {} m.__concat = function(a, b) return a .. b end"
            " local t = setmetatable({}, m) return t .. t",
            "stack overflow",
        ),
        (
            "local m = {} m.__eq = function(a, b) return a == b end"
            " return setmetatable({}, m) == setmetatable({}, m)",
            "stack overflow",
        ),
        (
            "local m = {} m.__len = function(a) return #a end return #setmetatable({}, m)",
            "stack overflow",
        ),
        (
            "local m = {} m.__add = function(a, b) return 1 + (a + b) end"
            " local t = setmetatable({}, m) return t + t",
            "stack overflow",
        ),
        (
            "local m = {} m.__pairs = function(t) return pairs(t) end"
            " for _ in pairs(setmetatable({}, m)) do end",
            "stack overflow",
        ),
        (
            "local m = {} m.__call = setmetatable({}, m) return setmetatable({}, m)()",
            "attempt to call|stack overflow",
        ),
        (
            "local m = {} m.__tostring = function(t) return tostring(t) end"
            " return tostring(setmetatable({}, m))",
            "stack overflow",
        ),
    ],
)
def test_metamethods(make_target, body, match):
    make_target(timeout=5.0).fails(moonpool.LuaError, match, body)


@pytest.mark.parametrize(
    "body",
    cases(
        call="local m = {} m.__call = function(self) return self() end setmetatable({}, m)()",
        chain="local t = {} for i = 1, 99 do t = setmetatable({}, {__index = t}) end"
        " while true do local x = t.x end",
    ),
)
def test_metamethods_endless(target, body):
    target.times_out(body)


# ---- single steps of Lua that last -----------------------------------------------

# A table that has to grow, and in the larger one all its keys form one chain, while in
# the one before they do not: it is filled in some 20 ms, and grows in some 10 s.
GROWS = """
    local size, t = 1 << 16, {}
    local larger = 2 * size - 1
    local first, last = (1 << 30) // larger + 1, (1 << 31) // larger - 1
    for k = 0, size - 1 do
        local hash = (first + k % (last - first + 1)) * larger
        t[(hash + k // (last - first + 1) * 2.0^-22) / 2.0^31] = true
    end
    t[1.5] = true """


@pytest.mark.parametrize(
    "body",
    cases(
        # The collector looks at all of the chain for each link of it, in one of
        # these if the addresses of the links ascend or descend.
        ephemerons="local m, k = setmetatable({}, {__mode = 'k'}), {}"
        " for i = 1, 1e5 do k[i] = {} end"
        " for i = 1, #k - 1 do m[k[i]] = k[i + 1] end k = {k[1]}"
        " while true do local garbage = {} end",
        backwards="local m, k = setmetatable({}, {__mode = 'k'}), {}"
        " for i = 1, 1e5 do k[i] = {} end"
        " for i = 1, #k - 1 do m[k[i + 1]] = k[i] end k = {k[#k]}"
        " while true do local garbage = {} end",
        # Strings are compared piece by piece between their NULs.
        nuls="local a = ('\\0'):rep(1e7) local b = a .. 'b' a = a .. 'a'"
        " while true do local less = a < b end",
        grows=GROWS,
        swallows=f"while true do pcall(function() {GROWS} end) end",
        in_coroutine=f"while true do pcall(coroutine.wrap(function() {GROWS} end)) end",
        in_comparator=f"table.sort({{3, 1, 2}}, function() {GROWS} end)",
        in_callback=f"return ('x'):gsub('x', function() {GROWS} end)",
        in_tostring=f"error(setmetatable({{}}, {{__tostring = function() {GROWS} end}}))",
        in_handler=f"xpcall(error, function() {GROWS} end)",
    ),
)
def test_long_steps(make_target, body):
    make_target(timeout=0.25).times_out(body)


@pytest.mark.parametrize("how", ["map", "run", "reduce", "broadcast"])
@pytest.mark.refused
def test_long_steps_of_calls(make_target, how):
    make_target(timeout=0.25).times_out(GROWS, how)


def test_long_step_of_a_setup(bounded):
    with bounded(0.25), pytest.raises(moonpool.KernelTimeout):
        moonpool.Pool(2, timeout=0.25, setup=GROWS)


def test_long_step_of_a_chunk(bounded):
    """To compile a kernel its chunk runs once, and has half a second for that."""
    kernel = moonpool.kernel(GROWS + "return function(x) return x end")
    with bounded(0.5):
        assert "the kernel's chunk takes too long" in str(kernel.explain("f8"))


def test_long_step_is_cancelled(bounded, assert_usable):
    with moonpool.Pool(2) as pool:
        for end in (moonpool.Future.cancel, lambda _: pool.close(cancel=True)):
            futures = [pool.submit(f"function() {GROWS} end") for _ in range(2)]
            # Long enough to be where it lasts.
            concurrent.futures.wait(futures, timeout=0.5)
            with bounded():
                for future in futures:
                    end(future)
                if not pool.closed:
                    assert_usable(pool)
            assert all(future.cancelled() for future in futures)
