"""Kernels that run for ever, or as good as: each is stopped, by its timeout at the latest."""

import concurrent.futures

import pytest

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)

KINDS = ["submit", "map", "run", "reduce", "broadcast"]


def cases(**bodies):
    return [pytest.param(body, id=name) for name, body in bodies.items()]


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


# ---- patterns --------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    cases(
        lazy="return ('a'):rep(100000):find('.-.-.-.-b')",
        greedy="return ('a'):rep(100000):match('.*.*.*.*b')",
        optional="return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40) .. 'b')",
        captures="return ('a'):rep(100000):find('(.-)(.-)(.-)(.-)b')",
        back="return ('a'):rep(100000):find('(.-)%1%1%1b')",
        classes="return ('a'):rep(100000):find('[^b]-[^b]-[^b]-b')",
        wide="return ('a'):rep(100000):find('[' .. ('x'):rep(100000) .. ']+b')",
        frontier="return ('a'):rep(10000000):find('%f[^' .. ('b'):rep(100000) .. 'a]')",
        balance="return ('('):rep(10000000):find('%b()')",
        gmatch="for _ in ('a'):rep(100000):gmatch('.-.-.-b') do end",
        gsub="return ('a'):rep(100000):gsub('.-.-.-b', '')",
        callback="return ('a'):rep(1000000):gsub('a', function() while true do end end)",
        index="return ('a'):gsub('a', setmetatable({}, {__index = function()"
        " while true do end end}))",
        nested="local function f(s) return (s:gsub('.', f)) end while true do pcall(f, 'aaaa') end",
        many="while true do ('a'):rep(1000):gsub('.', '%0%0') end",
        set="return ('a'):rep(10000000):find('[' .. ('%x'):rep(1000000) .. ']b')",
    ),
)
def test_patterns(target, body):
    target.times_out(body)


def test_balance_of_100_mb(make_target):
    target = make_target(timeout=0.3, memory=1 << 30)
    for pattern in ("%b()", "%f[%)]x", "()%b()"):
        body = f"return ('('):rep(100000000):find('{pattern}', 1)"
        target.times_out(body)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("return ('a'):rep(300000):find(('(.)'):rep(40))", "too many captures"),
        ("return ('a'):rep(1000):find(('a?'):rep(500) .. 'b')", "pattern too complex"),
        ("return ('x'):find('[')", "missing ']'"),
        ("return ('x'):find('%')", "ends with '%'"),
        ("return ('x'):find('%b')", "missing arguments to '%b'"),
        ("return ('x'):find('%bx')", "missing arguments to '%b'"),
        ("return ('x'):find('%f')", r"missing '\[' after '%f'"),
        ("return ('x'):find('%1')", "invalid capture index"),
        ("return ('x'):find('(()')", "unfinished capture"),
        ("return ('x'):match(')')", "invalid pattern capture"),
        ("return ('x'):gsub('x', '%9')", "invalid capture index"),
        ("return ('x'):gsub('x', '%')", "invalid use of '%'"),
        ("local function f(s) return (s:gsub('.', f)) end return f('a')", "C stack overflow"),
    ],
)
def test_patterns_refused(make_target, body, match):
    make_target(timeout=5.0).fails(moonpool.LuaError, match, body)


def test_gmatch_after_too_complex(target):
    """Stock Lua counts the depth down for good, and overflows the C stack."""
    body = """
        local more = ('a'):rep(300000):gmatch(('a?'):rep(500) .. 'b')
        local texts = {}
        for i = 1, 3000 do
            local ok, text = pcall(more)
            if ok then return 'ok' end
            texts[text] = true
        end
        local list = {}
        for text in pairs(texts) do list[#list + 1] = text end
        return list"""
    (text,) = target.call(body)
    assert "pattern too complex" in text


# ---- strings ---------------------------------------------------------------------


def test_plain_find(target):
    target.times_out("""
        local half = ('a'):rep(1000000)
        while true do half:rep(2):find(half .. 'b', 1, true) end""")


@pytest.mark.parametrize("plain", ["true", "false"])
def test_plain_find_ends(make_target, plain):
    """A needle of 1 MB in 2 MB: stock Lua's time is the product of the two."""
    target = make_target(timeout=5.0)
    body = f"""
        local half = ('a'):rep(1000000)
        return half:rep(2):find(('a'):rep(999999) .. 'b', 1, {plain}),
            (half .. 'b' .. half):find(half .. 'b', 1, {plain})"""
    assert target.call(body) == (None, 1, 1000001)


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("return (''):rep(1e15)", ""),
        ("return (''):rep(math.maxinteger, '')", ""),
        ("return ('x'):rep(-1)", ""),
        ("return ('x'):rep(math.mininteger)", ""),
        ("return #('%99.99f'):format(-1.7976931348623157e308)", 410),
        ("return ('%.99f'):format(0.1)", f"{0.1:.99f}"),
        ("return #('%99s'):format('')", 99),
        ("return #('%q'):format(('\\0'):rep(1000) .. '1')", 1000 * 2 + 3 + 2),
        ("return string.packsize('!16 i16 Xi16')", 16),
        ("return string.pack('s1', ('x'):rep(255)):len()", 256),
    ],
)
def test_strings(target, body, result):
    assert target.call(body) == result


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("return ('x'):rep(2^62)", "resulting string too large"),
        ("return ('xy'):rep(math.maxinteger)", "resulting string too large"),
        ("return ('x'):rep(1e10, ('y'):rep(1000))", "resulting string too large"),
        ("return ('x'):rep(2^31)", "resulting string too large"),
        ("return ('x'):rep(1e300)", "no integer representation"),
        ("return ('%100d'):format(1)", "too long"),
        ("return ('%1.100f'):format(1)", "too long"),
        ("return ('%------d'):format(1)", "repeated flags"),
        ("return ('%d'):format()", "no value"),
        ("return ('%'):format(1)", "invalid option"),
        ("return ('%y'):format(1)", "invalid option"),
        ("return ('%n'):format(1)", "invalid option"),
        ("return ('%p'):format({})", "invalid option"),
        ("return ('%d'):format(2^63)", "no integer representation"),
        ("return string.pack('i17', 1)", "out of limits"),
        ("return string.pack('i0', 1)", "out of limits"),
        ("return string.pack('i99999999999999999999', 1)", "out of limits|invalid"),
        ("return string.pack('!3 i3', 1)", "power of 2"),
        ("return string.pack('c', 'x')", "missing size"),
        ("return string.pack('c2', 'xyz')", "longer than given size"),
        ("return string.pack('s1', ('x'):rep(256))", "does not fit"),
        ("return string.pack('z', 'a\\0b')", "contains zeros"),
        ("return string.pack('i1', 128)", "overflow"),
        ("return string.packsize('s')", "variable"),
        ("return string.packsize(('c99999999 '):rep(99))", "too large"),
        ("return string.unpack('zz', 'abc')", "too short"),
        ("return string.unpack('i16', ('\\xff'):rep(15) .. '\\1')", "does not fit"),
        ("return string.unpack('i4', 'abc')", "too short"),
        ("return string.unpack('c2147483647', 'abc')", "too short"),
        ("return string.unpack('s8', ('\\xff'):rep(8))", "too short|too big"),
        ("return string.unpack('b', 'abc', 2^62)", "out of string"),
        ("return string.unpack('b', 'abc', math.mininteger)", "out of string"),
        ("return string.unpack(('b'):rep(1000001), ('x'):rep(1000001))", "too many|stack|too long"),
        ("return string.pack((' '):rep(1 << 21))", "format too long"),
        ("return string.byte(('x'):rep(2000000), 1, -1)", "too long|too many"),
        ("return utf8.char(2^31)", "out of range"),
        ("return utf8.codepoint(('x'):rep(2000000), 1, -1)", "too long|too many|stack"),
        ("return utf8.codepoint('\\xff')", "invalid UTF-8"),
        ("for _ in utf8.codes('\\xf4\\x90\\x80\\x80') do end", "invalid UTF-8"),
        (
            "local m = {} m.__tostring = function(t) return ('%s'):format(t) end"
            " return ('%s'):format(setmetatable({}, m))",
            "stack overflow",
        ),
        ("return ('%5s'):format('a\\0b')", "contains zeros"),
        ("return select(-2, 1)", "out of range"),
        ("return tostring()", "value expected"),
        ("return math.random(math.maxinteger, 0)", "interval is empty"),
    ],
)
def test_strings_refused(make_target, body, match):
    make_target(timeout=5.0).fails(moonpool.LuaError, match, body)


@pytest.mark.parametrize(
    "body",
    cases(
        under_the_limit="return #('x'):rep(2^31 - 1)",
        under_the_limit_separated="return #('x'):rep(2^30 - 1, 'y')",
        packed="return string.pack('c2147483647', '')",
        padded="return string.pack(('c2147483647'):rep(5), '', '', '', '', '')",
        quoted="return #('%q'):format(('\\0'):rep(40000000))",
        joined="return table.concat({('x'):rep(30000000), ('x'):rep(30000000)})",
        upper="return ('x'):rep(40000000):upper()",
        replaced="return ('x'):rep(1000000):gsub('x', ('y'):rep(1000))",
    ),
)
def test_strings_too_large(make_target, body):
    make_target(timeout=5.0).fails(moonpool.LuaMemoryError, "not enough memory", body)


@pytest.mark.parametrize(
    "body",
    cases(
        rep="while true do ('x'):rep(30000000) end",
        upper="local s = ('x'):rep(10000000) while true do s:upper() end",
        reverse="local s = ('x'):rep(10000000) while true do s:reverse() end",
        format="local f, t = ('%99.99f'):rep(200), {} for i = 1, 200 do t[i] = 1e308 end"
        " while true do f:format(table.unpack(t)) end",
        pack="local f, t = ('i16'):rep(200), {} for i = 1, 200 do t[i] = i end"
        " while true do f:pack(table.unpack(t)) end",
        packsize="local f = (' '):rep(1000000) while true do f:packsize() end",
        count="local s = ('x'):rep(10000000) while true do utf8.len(s) end",
        offset="local s = ('\\x80'):rep(10000000) while true do pcall(utf8.offset, s, 1, 10000000)"
        " end",
        join="local t = {} for i = 1, 100000 do t[i] = 'x' end while true do table.concat(t) end",
    ),
)
def test_strings_endless(target, body):
    target.times_out(body)


# ---- tables ----------------------------------------------------------------------

LIAR = "local t = setmetatable({}, {__len = function() return %s end, __index = %s}) "
ONES = "function() return 1 end"
LENGTHS = ["math.maxinteger - 1", "1 << 53", "2^40"]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    "body",
    cases(
        insert="table.insert(t, 1, 1)",
        remove="table.remove(t, 1)",
        move="table.move(t, 1, #t - 1, 2)",
        move_elsewhere="table.move(t, 1, #t, 1, setmetatable({}, {__newindex = function() end}))",
        concat="local s = table.concat(setmetatable({}, {__len = function() return #t end,"
        " __index = function() return '' end}))",
        iterate="for _ in ipairs(t) do end",
    ),
)
def test_lying_length(target, body, length):
    quiet = "setmetatable(getmetatable(t), nil).__newindex = function() end "
    target.times_out(LIAR % (length, ONES) + quiet + body)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (LIAR % ("math.maxinteger", ONES) + "table.sort(t)", "array too big"),
        (LIAR % ("1 << 40", ONES) + "return table.unpack(t)", "too many results to unpack"),
        (LIAR % ("-1", ONES) + "table.insert(t, 5, 1)", "out of bounds"),
        (LIAR % ("1.5", ONES) + "table.insert(t, 1)", "not an integer"),
        (LIAR % ("0/0", ONES) + "table.insert(t, 1)", "not an integer"),
        (LIAR % ("'x'", ONES) + "table.insert(t, 1)", "not an integer"),
        (LIAR % ("nil", ONES) + "table.sort(t)", "not an integer"),
        (LIAR % ("error('liar')", ONES) + "table.sort(t)", "liar"),
        (LIAR % ("10", "function() error('liar') end") + "table.concat(t)", "liar"),
        (LIAR % ("10", "nil") + "table.concat(t)", "invalid value"),
        (LIAR % ("10", "nil") + "table.sort(t)", "attempt to compare"),
        ("table.move({}, math.mininteger, math.maxinteger, 1)", "too many elements to move"),
        ("table.move({}, 1, math.maxinteger, 2)", "wrap around"),
        ("table.unpack({}, math.mininteger, math.maxinteger)", "too many results to unpack"),
        ("table.unpack({}, 1, 1e8)", "too many results to unpack"),
        ("table.insert({}, 0, 1)", "out of bounds"),
        ("table.insert({}, 1, 2, 3)", "wrong number of arguments"),
        ("table.remove({}, 5)", "out of bounds"),
        ("table.concat({{}})", "invalid value"),
        ("table.sort({3, 2, 'x'})", "attempt to compare"),
        ("table.sort({3, 1, 2}, function() error('order') end)", "order"),
        ("table.sort({3, 1, 2}, {})", "function expected"),
        (
            "local co = coroutine.wrap(function()"
            " table.sort({3, 1, 2}, function() coroutine.yield() end) end) co()",
            "yield across a C-call boundary",
        ),
        ("next({}, 'nothing')", "invalid key"),
        ("local t = {} t[nil] = 1", "index is nil"),
        ("local t = {} t[0/0] = 1", "index is NaN"),
    ],
)
def test_tables_refused(target, body, match):
    target.fails(moonpool.LuaError, match, body)


@pytest.mark.parametrize("order", ["true", "false", "a ~= b", "a <= b", "#tostring(a) % 2 == 0"])
def test_sort_inconsistent(make_target, order):
    """It ends, with an error or not, and loses no element."""
    target = make_target(timeout=5.0)
    body = f"""
        local t, sum = {{}}, 0
        for i = 1, 20000 do t[i] = i * 7919 % 20011 end
        local ok, text = pcall(table.sort, t, function(a, b) return {order} end)
        for i = 1, 20000 do sum = sum + t[i] end
        return #t, sum == SUM, ok or text"""
    total = sum(i * 7919 % 20011 for i in range(1, 20001))
    count, same, ok = target.call(body.replace("SUM", str(total)))
    assert count == 20000
    assert same
    assert ok is True or "invalid order function" in ok


@pytest.mark.parametrize(
    "body",
    cases(
        millions="local t = {} for i = 1, 1e6 do t[i] = -i end while true do table.sort(t) end",
        ordered="local t = {} for i = 1, 1e6 do t[i] = i end"
        " while true do table.sort(t, function(a, b) return a > b end) end",
        equal="local t = {} for i = 1, 1e6 do t[i] = 1 end while true do table.sort(t) end",
        strings="local t, s = {}, ('x'):rep(10000) for i = 1, 2000 do t[i] = s .. i % 7 end"
        " while true do table.sort(t) end",
        loops="table.sort({3, 2, 1}, function() while true do end end)",
        swallows="while true do pcall(table.sort, {2, 1}, function() while true do end end) end",
        numbers="while true do table.sort({2, 1, 3}) end",
    ),
)
def test_sort_endless(target, body):
    target.times_out(body)


def test_sort_killer(make_target):
    """An order function that makes quicksort choose badly each time (McIlroy 1999)."""
    target = make_target(timeout=10.0)
    body = """
        local n, solid, gas, candidate, ncompared = 20000, 0, 20001, 0, 0
        local value, t = {}, {}
        for i = 1, n do t[i] = i value[i] = gas end
        table.sort(t, function(x, y)
            ncompared = ncompared + 1
            if value[x] == gas and value[y] == gas then
                solid = solid + 1
                value[x == candidate and x or y] = solid
            end
            if value[x] == gas then candidate = x elseif value[y] == gas then candidate = y end
            return value[x] < value[y]
        end)
        return ncompared"""
    # n log2 n is 286 thousand, n * n is 400 million.
    assert target.call(body) < 3_000_000


# ---- keys that collide -----------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    cases(
        integers="local t = {} for i = 1, 1e7 do t[i << 40] = i end",
        negative="local t = {} for i = 1, 1e7 do t[-(i << 44)] = i end",
        floats="local t = {} for i = 1, 1e7 do t[1.5 + i * 2.0^-50] = i end",
        # Of a long string only one character in so many counts.
        strings="local t, s = {}, ('x'):rep(70) for i = 1, 1e7 do"
        " t[s .. i % 10 .. s .. i // 10 % 10 .. s .. i // 100] = i end",
    ),
)
def test_colliding_keys(target, body):
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
