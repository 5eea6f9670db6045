/* Everything in the libraries that can run for long, or could swallow a stop:
 * it ends when another thread says so, and the state works afterwards. */
#include "lib_fixture.h"

static void test_loops(void **data)
{
    static const char *const chunks[] = {
        "while true do end",
        "::top:: goto top",
        "local function f() return f() end return f()",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(error) end",
        "local function f() while true do pcall(f) end end f()",
        "while true do local ok = xpcall(function() while true do end end, "
        "function() return 1 end) end",
        NULL,
    };
    expect_stops_all(*data, chunks);
}

static void test_handlers(void **data)
{
    static const char *const chunks[] = {
        "xpcall(function() while true do end end, "
        "  function() while true do end end)",
        "xpcall(error, function() while true do end end)",
        "while true do xpcall(error, function() error('again') end) end",
        "while true do xpcall(error, function() end) end",
        "while true do xpcall(function() while true do end end, "
        "  function() error('x') end) end",
        "local function h() return xpcall(error, h) end "
        "while true do xpcall(error, h) end",
        "while true do xpcall(error, function(m) "
        "  return ('x'):rep(1000):find(('.-'):rep(20) .. 'y') end) end",
        NULL,
    };
    expect_stops_all(*data, chunks);
}

static void test_coroutines(void **data)
{
    static const char *const chunks[] = {
        "while true do coroutine.wrap(function() end)() end",
        "while true do coroutine.create(function() end) end",
        "while true do coroutine.resume(coroutine.create(function() "
        "  while true do end end)) end",
        "local co = coroutine.wrap(function() "
        "  while true do coroutine.yield() end end) while true do co() end",
        "local co = coroutine.wrap(function() while true do "
        "  pcall(coroutine.yield) end end) while true do pcall(co) end",
        "local function nest() return coroutine.resume("
        "  coroutine.create(nest)) end while true do nest() end",
        "coroutine.wrap(function() coroutine.wrap(function() "
        "  pcall(coroutine.wrap(function() while true do end end)) "
        "  while true do end end)() end)()",
        "coroutine.wrap(function() "
        "  xpcall(function() coroutine.yield(1) end, type) end)() "
        "for i in coroutine.wrap(function() while true do "
        "  coroutine.yield(1) end end) do end",
        "local t = {} while true do t[#t % 1000 + 1] = coroutine.wrap("
        "  function() coroutine.yield() while true do end end) "
        "  t[1]() end",
        NULL,
    };
    expect_stops_all(*data, chunks);
}

static void test_patterns(void **data)
{
    static const char *const chunks[] = {
        "('a'):rep(10000):find('.-.-.-.-.-b')",
        "('a'):rep(10000):match('.*.*.*.*b')",
        "('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(31))",
        "('a'):rep(200000):gsub('.-b', '')",
        "('a'):rep(200000):find('a*$b')",
        "('a'):rep(200000):match('a-$b')",
        "('a'):rep(200000):match('a*()b')",
        "for _ in ('a'):rep(200000):gmatch('.-b') do end",
        "('('):rep(200000):find('%b()')",
        "('a'):rep(200000):find('[^b]*b')",
        "('a'):rep(200000):find('[' .. ('b'):rep(1000) .. ']')",
        "('a'):rep(100000):find('(a*)%1b')",
        "('a'):rep(100000):find('(.-)%1%1b')",
        "while true do ('a'):rep(100):gsub('%f[a]a', '%0') end",
        "('a'):rep(1000):gsub('a', function() "
        "  while true do end end)",
        "('a'):rep(10):gsub('a', function() return "
        "  ('a'):rep(10000):gsub('.-.-.-b', '') end)",
        "('a'):rep(10):gsub('a', setmetatable({}, {__index = function() "
        "  while true do end end}))",
        "local s = ('x'):rep(1000) local f = s:gmatch(('x?'):rep(1000)) "
        "while true do pcall(f) end",
        "local n = ('a'):rep(1000000) local s = n:rep(2) "
        "while true do s:find(n .. 'b', 1, true) end",
        "local n = ('ab'):rep(300000) .. 'b' local s = ('ab'):rep(1000000) "
        "while true do s:find(n, 1, true) end",
        NULL,
    };
    expect_stops_all(*data, chunks);
}

static void test_strings(void **data)
{
    static const char *const chunks[] = {
        "while true do ('x'):rep(10000000) end",
        "while true do ('x'):rep(10, ('y'):rep(1000000)) end",
        "local s = ('x'):rep(10000000) while true do s:upper() end",
        "local s = ('x'):rep(10000000) while true do s:lower() end",
        "local s = ('x'):rep(10000000) while true do s:reverse() end",
        "while true do string.pack('c10000000', '') end",
        "while true do string.format('%99.99f', 1e308) end",
        "local t = {} for i = 1, 200 do t[i] = 1e308 end "
        "while true do string.format(('%99.99f'):rep(200), "
        "  table.unpack(t)) end",
        "local s = ('\\0'):rep(1000000) "
        "while true do string.format('%q%q%q%q', s, s, s, s) end",
        "local m = {} m.__tostring = function(x) "
        "  while true do end end "
        "string.format('%s', setmetatable({}, m))",
        "local m = {} m.__tostring = function(x) "
        "  return string.format('%s', x) end "
        "while true do pcall(string.format, '%s', setmetatable({}, m)) end",
        NULL,
    };
    expect_stops_all(*data, chunks);
}

static void test_tables(void **data)
{
    static const char *const chunks[] = {
#define LIAR                                                                   \
    "local t = setmetatable({}, {__len = function() return 2^53|0 end}) "
        LIAR "table.insert(t, 1, 1)",
        LIAR "table.remove(t, 1)",
        LIAR "table.move(t, 1, 2^53, 2)",
        LIAR "table.move(t, 1, 2^53, 1, {})",
        "local t = setmetatable({}, {__len = function() return 2^53|0 end, "
        "  __index = rawlen}) table.concat(t, '', 1)",
        "local t = setmetatable({}, {__index = function() return '' end}) "
        "table.concat(t, '', 1, 2^53)",
        "local t = setmetatable({}, {__len = function() return 2^31 - 2|0 "
        "  end, __index = function(_, i) return -i end}) table.sort(t)",
        "local t = setmetatable({}, {__len = function() return 2^31 - 2|0 "
        "  end, __index = function(_, i) return i % 7 end, "
        "  __newindex = function() end}) table.sort(t)",
        "local deep = {} for i = 1, 1900 do "
        "  deep = setmetatable({}, {__index = deep}) end "
        "while true do table.unpack(deep, 1, 200000) end",
        "local deep = {} for i = 1, 1900 do "
        "  deep = setmetatable({}, {__index = deep, "
        "    __newindex = deep}) end "
        "table.move(deep, 1, 2^53, 2)",
        "local t = {} for i = 1, 200000 do t[i] = i * 7919 % 200003 end "
        "while true do table.sort(t) "
        "  table.sort(t, function(a, b) return a > b end) end",
        "table.sort({3, 2, 1}, function() while true do end end)",
        "while true do pcall(table.sort, {3, 2, 1}, error) end",
        "local t = {} for i = 1, 500 do t[i] = i end while true do "
        "  pcall(table.sort, t, function() return true end) end",
        "table.unpack(setmetatable({}, {__index = function() "
        "  while true do end end}), 1, 5)",
        NULL,
#undef LIAR
    };
    expect_stops_all(*data, chunks);
}

static void test_utf8(void **data)
{
    static const char *const chunks[] = {
        "local s = ('x'):rep(10000000) while true do utf8.len(s) end",
        "local s = ('x'):rep(10000000) "
        "while true do utf8.offset(s, 9999999) end",
        "local s = ('x'):rep(10000000) "
        "while true do utf8.offset(s, -9999999) end",
        "local s = ('\\x80'):rep(10000000) "
        "while true do utf8.offset(s, 0, #s) end",
        "local s = 'a' .. ('\\x80'):rep(10000000) .. 'b' "
        "local f = utf8.codes('') while true do f(s, 1) end",
        NULL,
    };
    expect_stops_all(*data, chunks);
}

/* A stop in all those places must not depend on hooks, which are off where a
 * hook raised: the C functions see it alone. */
static void test_stop_is_seen_by_c_functions(void **data)
{
    fixture *f = *data;
    static const char *const chunks[] = {
        "('a'):rep(10000):find('.-.-.-.-.-b')",
        "table.move(setmetatable({}, {}), 1, 2^53, 2)",
        "local s = ('a'):rep(20000000) utf8.len(s)",
        "('x'):rep(200000000)",
        "table.concat(setmetatable({}, {__index = {}}), ('x'):rep(100000))",
        NULL,
    };
    static const int task = 0;
    for (const char *const *c = chunks; *c != NULL; c++) {
        outcome result;
        mp_error err;
        chunk run = {*c, open_memstream(&result.text, &result.size)};
        mp_guard_enter(&f->guard, f->ours->L, &task);
        mp_guard_stop(&f->guard, &task, MP_TIMEOUT);
        lua_sethook(f->ours->L, NULL, 0, 0);
        assert_int_equal(mp_state_call(f->ours, run_ours, &run, &err),
                         MP_TIMEOUT);
        mp_guard_leave(&f->guard);
        fclose(run.out);
        free(result.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_handlers),
        cmocka_unit_test(test_coroutines),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_stop_is_seen_by_c_functions),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
