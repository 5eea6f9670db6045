/* The basic functions against stock Lua's, and where they are stricter. */
#include "lib_fixture.h"

static void test_same_as_stock(void **data)
{
    static const char *const lines[] = {
        "assert(1, 2, 3)",
        "assert(false)",
        "assert(nil, 'why')",
        "assert(false, {}) ",
        "assert()",
        "pcall(error)",
        "pcall(error, nil)",
        "pcall(error, 'x', 0)",
        "pcall(function() error('x') end)",
        "pcall(function() error('x', 2) end)",
        "pcall(error, {})",
        "pcall()",
        "pcall(1)",
        "pcall(pcall, error, 'x')",
        "pcall(function(...) return select('#', ...), ... end, 1, nil, nil)",
        "select('#', pcall(table.unpack, {}, 1, 200))",
        "xpcall(function(...) return ... end, type, 1, 2, nil)",
        "xpcall(error, function(m) return m .. '!' end, 'x')",
        "xpcall(error, function(m) return m, 2, 3 end, 'x')",
        "xpcall(error, function() end, 'x')",
        "xpcall(error, type, 'x')",
        "xpcall(error, function() error('again') end)",
        "xpcall(error, function() local x = nil + 1 end)",
        "xpcall(error)",
        "xpcall(error, 5)",
        "xpcall(error, setmetatable({}, {__call = type}))",
        "xpcall(xpcall, type, error, type)",
        "xpcall(1, function(m) return m end)",
        "(function() local depth = 0 return xpcall(error, function(m) "
        "depth = depth + 1 if depth < 3 then error(m .. depth) end "
        "return m end, 'x') end)()",
        "next({}), next({5}), next({a = 1})",
        "next({}, 1)",
        "next()",
        "rawequal('a', 'a'), rawequal({}, {}), rawequal(1, 1.0)",
        "rawlen({1, 2}), rawlen('abc')",
        "rawlen(5)",
        "rawget({5}, 1), rawset({}, 'a', 1).a",
        "rawset({}, nil, 1)",
        "rawset({}, 0/0, 1)",
        "select(2, 'a', 'b', 'c'), select(-1, 'a', 'b'), select('#')",
        "select(0)",
        "select(-5, 1)",
        "tonumber('0x1p4'), tonumber(' 10 '), tonumber('1e1'), tonumber('z')",
        "tonumber('zz', 36), tonumber('8', 8), tonumber('-ff', 16)",
        "tonumber('1', 99)",
        "tonumber(5, 10)",
        "tonumber()",
        "tonumber({})",
        "tostring(nil), tostring(true), tostring(1), tostring(1.0)",
        "tostring(-0.0), tostring(1e100), tostring(1/0), tostring('x')",
        "tostring(math.mininteger), tostring(0.1), tostring(2^53)",
        "tostring()",
        "tostring(setmetatable({}, {__tostring = function() "
        "return 'me' end}))",
        "tostring(setmetatable({}, {__tostring = function() return 5 end}))",
        "tostring(setmetatable({}, {__tostring = function() end}))",
        "tostring(setmetatable({}, {__tostring = 'x'}))",
        "type(1), type(nil), type({}), type(type), type('x')",
        "type()",
        "getmetatable({}), getmetatable(5)",
        "getmetatable(setmetatable({}, {__metatable = 'no'}))",
        "getmetatable()",
        "setmetatable({}, 5)",
        "setmetatable({})",
        "setmetatable(5, {})",
        "setmetatable(setmetatable({}, {__metatable = false}), {})",
        "setmetatable(setmetatable({}, {__metatable = 1}), nil)",
        "getmetatable(setmetatable(setmetatable({}, {}), nil))",
        "#setmetatable({1, 2}, {__len = function() return 7 end})",
        "_VERSION",
        "ipairs()",
        "pairs()",
        "pairs(setmetatable({}, {__pairs = function() return 1, 2, 3, 4 "
        "end}))",
        "(function() local t = {} for i, v in ipairs(setmetatable({}, "
        "{__index = function(_, i) if i < 5 then return i * i end end})) do "
        "t[#t + 1] = v end return table.unpack(t) end)()",
        NULL,
    };
    expect_same_all(*data, lines);
}

static void test_calls_yield(void **data)
{
    static const char *const chunks[] = {
        "local co = coroutine.wrap(function() "
        "  return 'end', pcall(function(...) "
        "    return coroutine.yield('in'), ... end, 1, 2) end) "
        "return co(), co('back')",
        "local co = coroutine.wrap(function() "
        "  return 'end', pcall(function() coroutine.yield('in') "
        "    error('late', 0) end) end) "
        "return co(), co('back')",
        "local co = coroutine.wrap(function() "
        "  return 'end', xpcall(function(...) coroutine.yield('in') "
        "    return ... end, type, 7, 8) end) "
        "return co(), co('back')",
        "local co = coroutine.wrap(function() "
        "  return 'end', xpcall(function() coroutine.yield('in') "
        "    error('late', 0) end, function(m) return m .. '!' end) end) "
        "return co(), co('back')",
        NULL,
    };
    for (const char *const *c = chunks; *c != NULL; c++)
        expect_same(*data, *c);
}

static void test_no_addresses(void **data)
{
    expect(*data,
           "return tostring({}), tostring(type), tostring(pcall), "
           "tostring(coroutine.create(type)), "
           "tostring(setmetatable({}, {__name = 'Mine'})), "
           "tostring(setmetatable({}, {__name = 5}))",
           "string 5 table\nstring 8 function\nstring 8 function\n"
           "string 6 thread\nstring 4 Mine\nstring 5 table\n");
    expect_ok(*data, "for _, f in ipairs{function() return {} < {} end, "
                     "  function() return {} .. 'x' end, "
                     "  function() return ('x'):rep({}) end, "
                     "  function() return next(nil) end, "
                     "  function() local t = {} t() end, "
                     "  function() string.format('%d', {}) end} do "
                     "  local _, message = pcall(f) "
                     "  assert(not message:find('0x'), message) end");
}

static void test_gc_is_refused(void **data)
{
    expect_ok(*data,
              "for _, value in ipairs{function() end, true, 1, 'x', {}} do "
              "  local ok, message = pcall(setmetatable, {}, "
              "    {__gc = value}) "
              "  assert(not ok and message == "
              "    '__gc is not available in the sandbox', message) end "
              "local m = {} local t = setmetatable({}, m) "
              "m.__gc = function() error('ran') end "
              "assert(not pcall(setmetatable, t, m)) "
              "rawset(m, '__gc', nil) setmetatable(t, m) "
              "setmetatable({}, setmetatable({}, {__index = function() "
              "  return error end}))");
}

/* Each way to a function that is not there. */
static void test_what_is_missing(void **data)
{
    expect_ok(
        *data,
        "for _, name in ipairs{'print', 'load', 'loadstring', 'loadfile', "
        "  'dofile', 'require', 'module', 'collectgarbage', 'newproxy', "
        "  'setfenv', 'getfenv', 'io', 'os', 'debug', 'package', 'bit32', "
        "  'unpack', 'arg', 'jit'} do assert(_G[name] == nil, name) end "
        "for name in pairs(_G) do assert(name ~= 'debug') end "
        "assert(string.dump == nil and string.gfind == nil)");
}

/* Walks everything that Lua code can reach and checks that each C function is
 * one that a table of the environment has under its own name. */
static void test_environment_graph(void **data)
{
    expect_ok(
        *data,
        "local allowed = ' assert error getmetatable ipairs next pairs pcall "
        "rawequal rawget rawlen rawset select setmetatable tonumber tostring "
        "type xpcall _VERSION coroutine math num string table utf8 _G ' "
        "for name in pairs(_G) do "
        "  assert(allowed:find(' ' .. name .. ' ', 1, true), name) end "
        "local seen, count = {}, 0 "
        "local function walk(value, path) "
        "  if value == nil or value ~= value or seen[value] then return end "
        "  seen[value] = path count = count + 1 "
        "  assert(type(value) ~= 'userdata' and type(value) ~= 'thread', "
        "    path) "
        "  walk(getmetatable(value), path .. '.meta') "
        "  if type(value) == 'table' then "
        "    for k, v in next, value do "
        "      walk(k, path .. '.key') "
        "      walk(v, path .. '.' .. tostring(k)) end end end "
        "walk(_G, '_G') walk(getmetatable(''), 'string') "
        "walk(getmetatable(1), 'number') walk(getmetatable(type), 'type') "
        "walk(getmetatable(nil), 'nil') walk(getmetatable(true), 'bool') "
        "assert(count > 100)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_stock),
        cmocka_unit_test(test_calls_yield),
        cmocka_unit_test(test_no_addresses),
        cmocka_unit_test(test_gc_is_refused),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_environment_graph),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
