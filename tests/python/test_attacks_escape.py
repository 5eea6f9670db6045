"""Kernels that try to get out of the sandbox, or at another kernel's or call's data."""

import re

import numpy as np
import pytest

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)

# What a kernel may see, by the names that it has in Lua 5.3's manual.
KNOWN = {
    "": "_G _VERSION assert error getmetatable ipairs next pairs pcall rawequal rawget rawlen"
    " rawset select setmetatable tonumber tostring type xpcall coroutine math num string table"
    " utf8",
    "coroutine": "create isyieldable resume running status wrap yield",
    "math": "abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min"
    " mininteger modf pi rad random randomseed sin sqrt tan tointeger type ult",
    "string": "byte char find format gmatch gsub len lower match pack packsize rep reverse sub"
    " unpack upper",
    "table": "concat insert move pack remove sort unpack",
    "utf8": "char charpattern codepoint codes len offset",
}

# Everything that can be reached: by fields, by keys and values of any table, by metatables, by
# what functions return when called without arguments, and through arrays and strings.
WALK = """
    return function(array)
        local paths, queue, env = {}, {}, _ENV
        local function visit(value, path)
            local kind = type(value)
            if kind == 'string' or kind == 'number' or kind == 'boolean' or kind == 'nil' then
                return
            end
            if paths[value] then return end
            paths[value] = path
            queue[#queue + 1] = value
        end
        visit(env, '')
        visit(getmetatable(env), 'getmetatable(_ENV)')
        visit(getmetatable(''), 'getmetatable(string)')
        visit(getmetatable(array), 'getmetatable(array)')
        visit(array, 'array')
        visit(coroutine.running(), 'running')
        local at = 1
        while at <= #queue do
            local value = queue[at]
            local path = paths[value]
            at = at + 1
            if type(value) == 'table' then
                for key, field in next, value do
                    visit(key, path .. '.<key>')
                    visit(field, path .. '.' .. tostring(key))
                end
                visit(getmetatable(value), path .. '.<metatable>')
            end
            if type(value) == 'function' and at < 1000 then
                local results = table.pack(pcall(value))
                for i = 2, results.n do visit(results[i], path .. '()') end
                results = table.pack(pcall(value, {}))
                for i = 2, results.n do visit(results[i], path .. '({})') end
                results = table.pack(pcall(value, value))
                for i = 2, results.n do visit(results[i], path .. '(self)') end
            end
        end
        local found = {}
        for value, path in pairs(paths) do found[path] = type(value) end
        return found
    end"""


@pytest.fixture
def pool():
    with moonpool.Pool(1, timeout=5.0) as pool:
        yield pool


# ---- what can be reached ---------------------------------------------------------


def test_environment_graph(pool):
    found = pool.submit(WALK, np.ones(3)).result()
    functions = {path.strip(".") for path, kind in found.items() if kind == "function"}
    tables = {path.strip(".") for path, kind in found.items() if kind == "table"}
    assert "userdata" not in {kind for path, kind in found.items() if path != "array"}

    names = {path for path in functions | tables if "(" not in path}
    top = {name for name in names if "." not in name} | {"_G", "_VERSION"}
    assert top - {""} == set(KNOWN[""].split())
    for library, fields in KNOWN.items():
        if library:
            inside = {n.partition(".")[2] for n in names if n.startswith(library + ".")}
            assert inside <= set(fields.split()), library
    # What calls gave are new tables and wrapped coroutines, and no library.
    bad = r"(^|[.])(io|os|debug|package|load|loadstring|loadfile|dofile|require|dump|print"
    bad += r"|collectgarbage|module|getinfo|gethook|execute|popen)\b"
    assert [path for path in found if re.search(bad, path)] == []


ABSENT = """io os debug package load loadstring loadfile dofile require print collectgarbage
    module newproxy getfenv setfenv string.dump math.pow debug.debug _LOADED _PRELOAD ffi jit
    coroutine.close utf8.dump table.foreach"""


@pytest.mark.parametrize("name", ABSENT.split())
def test_absent(pool, name):
    first, _, second = name.partition(".")
    field = f"({first} or {{}}).{second}" if second else first
    assert pool.submit(f"function() return {field} end").result() is None
    assert pool.submit(f"return function() return {field} end").result() is None


@pytest.mark.parametrize(
    "body",
    [
        "return (''):dump(pcall)",
        "return getmetatable('').__index.dump",
        "return getmetatable('').__index",
        "return getmetatable(_ENV).__index",
        "return _G._G._G.io.open('/etc/passwd')",
        "return _ENV.os.execute('true')",
        "return setmetatable({}, getmetatable(''))",
        "return collectgarbage('stop')",
        "return coroutine.wrap(function() return io.open('/etc/passwd') end)()",
        "return pcall.__index",
        "return load('return 1')()",
        "return require('os')",
        "for name in pairs(package.loaded) do return name end",
        "return debug.getregistry()",
        "return string.format('%s', debug.traceback)()",
    ],
)
def test_no_way_out(pool, assert_usable, body):
    with pytest.raises(moonpool.LuaError, match="attempt to|table expected|nil or table"):
        pool.submit(f"function() {body} end").result()
    assert_usable(pool)


def test_metatables_are_locked(pool):
    body = "return function(a) return getmetatable(''), getmetatable(_ENV), getmetatable(a) end"
    assert pool.submit(body, bytearray(3)).result() == (False, False, False)
    for target in ("_ENV", "_G"):
        with pytest.raises(moonpool.LuaError, match="protected metatable"):
            pool.submit(f"function() setmetatable({target}, {{}}) end").result()
    with pytest.raises(moonpool.LuaError, match="table expected"):
        pool.submit("function() setmetatable('', {}) end").result()
    with pytest.raises(moonpool.LuaError, match="table expected"):
        pool.submit("function(a) setmetatable(a, {}) end", bytearray(3)).result()


# ---- what one kernel does to the next --------------------------------------------

SPOILERS = [
    "math.floor = nil",
    "math.sqrt = function() return 42 end",
    "string.upper = nil",
    "string.format = error",
    "table.concat = nil",
    "num.erf = nil",
    "num.random = function() return 4 end",
    "utf8.char = nil",
    "coroutine.wrap = nil",
    "for name in pairs(math) do math[name] = nil end",
    "for name in pairs(string) do string[name] = nil end",
    "if pairs then for name in pairs(_ENV) do _ENV[name] = nil end end",
    "_G = nil if _G then _G.math.floor = nil _G.string.upper = nil end",
    "math = nil string = nil if math then math.floor = nil string.upper = nil end",
    "if rawset then local set = rawset for name in next, _ENV do set(_ENV, name, false) end end",
    "math = nil string = nil num = nil table = nil",
    "_G = {}",
    "_G.pairs = nil _G.error = nil",
    "_ENV = {}",
    "tostring = function() return 'spoilt' end type = tostring",
    "setmetatable(math, {__index = error, __newindex = error})",
    "pcall(setmetatable, string, {__metatable = 1, __call = error})",
    "rawset(math, 'pi', 3)",
    "pcall(rawset, getmetatable(''), '__index', {})",
    "pcall(function() getmetatable('').__index = {} end)",
    "leaked = 'secret'",
    "rawset(_G, 'leaked', 'secret')",
    "math.leaked = 'secret' string.leaked = 'secret' num.leaked = 'secret'",
]
PROBE = """
    return function(x)
        assert(rawget(_G, 'leaked') == nil and leaked == nil and math.leaked == nil)
        assert(string.leaked == nil and num.leaked == nil and (''):len() == 0)
        assert(_G == _ENV and _G._G == _G and type(tostring) == 'function')
        assert(num.erf(0) == 0 and utf8.char(65) == 'A' and coroutine.wrap(pcall))
        assert(math.pi > 3.14 and table.concat({'a', 'b'}) == 'ab')
        local n = 0
        for _ in pairs(math) do n = n + 1 end
        return ('%d'):format(math.floor(math.sqrt(x) + 0.5)):upper() .. ' ' .. n
    end"""


@pytest.mark.parametrize("when", ["chunk", "function"])
@pytest.mark.parametrize("spoiler", SPOILERS)
def test_libraries_are_unspoilt(pool, assert_usable, spoiler, when):
    before = pool.submit(PROBE, 49).result()
    assert before.startswith("7 ")
    chunk = when == "chunk"
    source = f"{spoiler} return function() end" if chunk else f"function() {spoiler} end"
    pool.submit(source).result()
    pool.submit(source).result()
    assert pool.submit(PROBE, 49).result() == before
    # The same kernel in an environment that is new.
    assert pool.submit(PROBE + " -- again", 49).result() == before
    assert_usable(pool)


def test_setup_is_shared_but_not_changed(assert_usable):
    setup = "base = 1 function helper(x) return x + base end"
    with moonpool.Pool(1, setup=setup) as pool:
        pool.submit("function() base = 100 helper = nil math = nil end").result(10)
        assert pool.submit("function(x) return helper(x) end", 1).result(10) == 2
        assert pool.submit("function(x) return rawget(_G, 'base') end", 1).result(10) is None
        assert_usable(pool)


def test_upvalues_and_environments_are_apart(pool):
    source = (
        "local n = 0 {} return function() n = n + 1 count = (count or 0) + 1 return n, count end"
    )
    one, other = source.format(""), source.format("--[[other]]")
    assert [pool.submit(one).result() for _ in range(3)] == [(1, 1), (2, 2), (3, 3)]
    assert pool.submit(other).result() == (1, 1)


# ---- addresses and other people's data -------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("return tostring({})", "table"),
        ("return tostring(pcall)", "function"),
        ("return tostring(function() end)", "function"),
        ("return tostring(coroutine.create(pcall))", "thread"),
        ("return ('%s'):format({})", "table"),
        ("return ('%99s'):format(pcall)", "function"),
        ("return tostring(a)", "array<uint8>(3,)"),
        ("return ('%s'):format(a)", "array<uint8>(3,)"),
        ("return tostring(setmetatable({}, {__name = 'mine'}))", "mine"),
        ("return select(2, pcall(error, {}))", "table"),
        ("return select(2, pcall(function() return {} .. {} end))", "attempt to concatenate"),
        ("return select(2, pcall(function() return {} < {} end))", "attempt to compare"),
        ("return select(2, pcall(string.rep, {}))", "got table"),
        ("return select(2, pcall(ipairs))", "value expected"),
        ("return select(2, pcall(('x').bad, {}))", "attempt to call"),
    ],
)
def test_no_addresses(pool, body, text):
    result = pool.submit(
        f"function(a) local r = (function() {body} end)() return tostring(r) end", bytearray(b"abc")
    ).result()
    assert text in result
    assert not re.search(r"0x|[0-9a-f]{8}", result), result


def test_no_addresses_in_errors(pool):
    for value in ("{}", "pcall", "a", "coroutine.create(pcall)"):
        with pytest.raises(moonpool.LuaError) as caught:
            pool.submit(f"function(a) error({value}) end", bytearray(3)).result()
        assert not re.search(r"0x[0-9a-f]{5}", str(caught.value) + caught.value.traceback)
    for conversion in ("%p", "%x", "%d", "%a"):
        with pytest.raises(moonpool.LuaError):
            pool.submit(f"function(a) return ('{conversion}'):format(a) end", bytearray(3)).result()


def test_new_tables_and_strings_are_empty(pool):
    """Nothing of an earlier kernel shows in memory that is used again."""
    pool.submit("function() local s = ('SECRET'):rep(100000) local t = {s, s} end").result()
    body = """
        function()
            local t = table.pack() t.n = nil
            for i = 1, 1000 do assert(t[i] == nil) end
            return next(t) == nil, #string.pack('c100', ''), string.pack('c100', ''):find('SECRET')
        end"""
    assert pool.submit(body).result() == (True, 100, None)


# ---- handles ---------------------------------------------------------------------

KEEPERS = {
    "global": ("kept = a", "kept"),
    "upvalue": ("up = a", "up"),
    "table": ("up = {a}", "up[1]"),
    "key": ("up = {[a] = 1}", "next(up)"),
    "closure": ("up = function() return a end", "up()"),
    "coroutine": (
        "up = coroutine.wrap(function() while true do coroutine.yield(a) end end) up()",
        "up()",
    ),
    "row": ("up = a[1]", "up"),
    "method": ("up = a.size", "setmetatable({}, {__index = function() return up end})"),
}
USES = [
    "return {0}[1]",
    "{0}[1] = 1",
    "return #{0}",
    "return {0}:size()",
    "return {0}:rank()",
    "return {0}:dtype()",
    "return tostring({0})",
    "return ({0})[1][1]",
    "return table.unpack({0}, 1, 2)",
    "for _, v in ipairs({0}) do return v end",
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("how", [name for name in KEEPERS if name != "method"])
def test_stale_handles(pool, assert_usable, how, use):
    """A handle kept after its call is dead, also when another array has its slot."""
    keep, get = KEEPERS[how]
    source = f"""
        local up
        return function(a, mode)
            if mode == 'keep' then {keep} return 0 end
            local old = {get}
            if mode == 'later' then {use.format("old")} end
            error('not reached')
        end"""
    secret, other = np.arange(6.0).reshape(2, 3), np.full((2, 3), 7.0)
    pool.submit(source, secret, "keep").result()
    for again in (other, secret):
        with pytest.raises(moonpool.LuaError, match="array used after its call ended"):
            pool.submit(source, again, "later").result()
    assert secret.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert other.ravel().tolist() == [7] * 6
    assert_usable(pool)


@pytest.mark.refused
def test_stale_handles_of_elements(pool):
    """In a generalized map each item's arrays have handles of their own."""
    source = "local old return function(a) if old then return old[1] end old = a return a[1] end"
    k = moonpool.kernel(source, signature="(n)->()")
    with pytest.raises(moonpool.LuaError, match="array used after its call ended") as caught:
        pool.map(k, np.arange(12.0).reshape(4, 3), out=np.zeros(4))
    assert caught.value.index == 1


@pytest.mark.parametrize(
    "make",
    [
        "0",
        "1",
        "'array'",
        "nil",
        "true",
        "{}",
        "getmetatable(a)",
        "a + 1",
        "a .. ''",
        "-a",
        "a // 1",
    ],
)
def test_handles_cannot_be_made(pool, assert_usable, make):
    with pytest.raises(moonpool.LuaError, match="attempt to|array expected|index"):
        pool.submit(f"function(a) return a.size({make}, 1) + #a[1] end", np.ones(3)).result()
    with pytest.raises(moonpool.LuaError):
        pool.submit(
            f"function(a) local b = {make} b[1] = a return b[1][1][1] + #b end", np.ones(3)
        ).result()
    assert_usable(pool)


BAD_INDICES = {
    "0": "out of bounds",
    "-1": "out of bounds",
    "4": "out of bounds",
    "2^53": "out of bounds",
    "2^63": "out of bounds",
    "-2^63": "out of bounds",
    "math.maxinteger": "out of bounds",
    "math.mininteger": "out of bounds",
    "1e300": "out of bounds",
    "1/0": "out of bounds",
    "-1/0": "out of bounds",
    "0/0": "is not an integer",
    "1.5": "is not an integer",
    "'1'": "no method|must be an integer",
    "''": "no method|must be an integer",
    "nil": "must be an integer, got nil",
    "true": "must be an integer, got boolean",
    "{}": "must be an integer, got table",
    "a": "must be an integer, got",
    "pcall": "must be an integer, got function",
}


@pytest.mark.parametrize("index", BAD_INDICES)
@pytest.mark.parametrize("shape", [(3,), (3, 3), (3, 3, 3)])
def test_bad_indices(pool, assert_usable, shape, index):
    a = np.ones(shape)
    inner = "a" + "[1]" * (len(shape) - 1)
    for body in (f"return {inner}[{index}]", f"return a[{index}]"):
        with pytest.raises(moonpool.LuaError, match=BAD_INDICES[index]):
            pool.submit(f"function(a) {body} end", a).result()
    with pytest.raises(moonpool.LuaError, match="array index"):
        pool.submit(f"function(a) {inner}[{index}] = 1 end", a).result()
    assert (a == 1).all()
    assert_usable(pool)


@pytest.mark.parametrize("index", ["1.0", "3.0", "6 // 2"])
def test_good_indices(pool, index):
    assert (
        pool.submit(f"function(a) a[{index}] = 5 return a[{index}] end", np.ones(3)).result() == 5
    )


def test_bad_dimensions(pool):
    for dimension in ("0", "3", "-1", "1.5", "'1'", "{}"):
        with pytest.raises(moonpool.LuaError, match="array dimension"):
            pool.submit(f"function(a) return a:size({dimension}) end", np.ones((3, 3))).result()


def test_rows_are_not_assigned(pool):
    a = np.ones((2, 2))
    with pytest.raises(moonpool.LuaError, match="a row of an array cannot be assigned"):
        pool.submit("function(a) a[1] = a[2] end", a).result()
    with pytest.raises(moonpool.LuaError, match="no method"):
        pool.submit("function(a) return a:resize(100) end", a).result()


# ---- bytecode --------------------------------------------------------------------

HEADER = "\x1bLua\x53\x00\x19\u0093\r\n\x1a\n\x04\x08\x04\x08\x08"


@pytest.mark.parametrize(
    "source",
    [
        "\x1b",
        "\x1bLua",
        "\x1bLuaS\0",
        HEADER,
        HEADER + "\0" * 1000,
        HEADER + "garbage" * 1000,
        "\ufeff\x1bLua",
        "\ufeff" + HEADER,
    ],
)
def test_bytecode(pool, assert_usable, source):
    with pytest.raises(moonpool.LuaSyntaxError, match="binary chunk|unexpected symbol"):
        moonpool.kernel(source)
    with pytest.raises(moonpool.LuaSyntaxError):
        pool.submit(source)
    with pytest.raises(moonpool.LuaSyntaxError):
        moonpool.Pool(1, setup=source)
    assert_usable(pool)


def test_bytecode_later(pool):
    """It is not looked for at the front only."""
    with pytest.raises(moonpool.LuaSyntaxError):
        moonpool.kernel(" \x1bLua")
    with pytest.raises(moonpool.LuaSyntaxError):
        moonpool.kernel("return function() end \x1bLua")
    assert pool.submit("function() return '\x1bLua' end").result() == "\x1bLua"
