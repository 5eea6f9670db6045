"""Patterns, strings and tables that take for ever, lie, or are too large for the libraries."""

import pytest
from tests.python.attacks.cases import cases

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)


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
