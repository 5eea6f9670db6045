/* string.format against stock Lua's. */
#include "lib_fixture.h"

static void test_conversions(void **data)
{
    static const char *const lines[] = {
        "string.format('')",
        "string.format('plain %% text')",
        "string.format('%d %5d %-5d| %05d %+d % d', 1, 2, 3, 4, 5, 6)",
        "string.format('%i %u %o %x %X %#x %#o', 1, 2, 8, 255, 255, 255, 8)",
        "string.format('%d', 3.0), string.format('%d', '10')",
        "string.format('%d', 3.5)",
        "string.format('%d', 'x')",
        "string.format('%d', {})",
        "string.format('%d')",
        "string.format('%x', -1), string.format('%d', math.mininteger)",
        "string.format('%.3d %8.3d', 5, 5)",
        "string.format('%c%c%c', 97, 0, 98)",
        "string.format('%5c|%-5c|', 97, 98)",
        "string.format('%f %.2f %10.3f %-10.1f| %e %g', 1, 2, 3, 4, 5, 6)",
        "string.format('%G %E %g %g', 1e100, 1, 1e15, 0.1)",
        "string.format('%a %A', 1, 0.5)",
        "string.format('%f %g %d', 1/0, -1/0, 3)",
        "string.format('%99.99f', 1e308), string.format('%.99f', -1/3)",
        "string.format('%f', 'x')",
        "string.format('%s %s %s %s', 1, 1.5, true, nil)",
        "string.format('%5s|%-5s|%.2s|', 'a', 'b', 'cde')",
        "string.format('%s', 'a\\0b'), string.format('%s', ('x'):rep(500))",
        "string.format('%5s', 'a\\0b')",
        "string.format('%5s', ('x'):rep(150)), string.format('%99s', 'x')",
        "string.format('%.5s', ('x'):rep(150))",
        "string.format('%.99s', ('x'):rep(150))",
        "string.format('%s')",
        "string.format('%s %s', 1)",
        "string.format('%s', setmetatable({}, {__tostring = "
        "function() return 'me' end}))",
        "string.format('%5s', setmetatable({}, {__tostring = "
        "function() return 'me' end}))",
        "string.format('%s', setmetatable({}, {__tostring = "
        "function() return 1 end}))",
        "string.format('%s', setmetatable({}, {__tostring = "
        "function() return {} end}))",
        "string.format('%s', setmetatable({}, {__tostring = "
        "function() error('no') end}))",
        "string.format('%q', 'a\\n\"\\\\\\0\\r\\0001\\127\\200')",
        "string.format('%q %q %q', 1, 0.1, math.mininteger)",
        "string.format('%q %q %q', 1.0, 1e300, -0.0)",
        "string.format('%q %q %q', 1/0, -1/0, 2^63)",
        "string.format('%q %q', nil, true)",
        "string.format('%q', {})",
        "string.format('%q', print or type)",
        "string.format('%q')",
        "string.format('%10q', 'a')",
        "string.format('%y', 1)",
        "string.format('%F', 1)",
        "string.format('%', 1)",
        "string.format('%')",
        "string.format('%5', 1)",
        "string.format('%123d', 1)",
        "string.format('%1.123d', 1)",
        "string.format('%-+ #0d', 1)",
        "string.format('%-+ #00d', 1)",
        "string.format('%-+ #000d', 1)",
        "string.format('%.d', 0), string.format('%5.f', 2.5)",
        "string.format('%ld', 1)",
        "string.format('%*d', 1, 2)",
        "string.format('%1$d', 1)",
        "string.format('%n', 1)",
        "string.format('%p', 1)",
        "string.format()",
        "string.format({})",
        "string.format(12)",
        "string.format('%d%%', 5)",
        "string.format('a\\0b%d\\0', 5)",
        "string.format(('%d,'):rep(100), table.unpack((function() "
        "local t = {} for i = 1, 100 do t[i] = i end return t end)()))",
        "#string.format(('x'):rep(100000) .. '%s', ('y'):rep(100000))",
        NULL,
    };
    expect_same_all(*data, lines);
}

static void test_no_address(void **data)
{
    expect(*data,
           "return string.format('%s %s %s %10s', {}, type, "
           "coroutine.create(type), {})",
           "string 32 table function thread      table\n");
}

/* A `__name` that is no string stays out of the way of the buffer, which is on
 * the stack once it is long. */
static void test_odd_name(void **data)
{
    expect(*data,
           "local s, n = ('x'):rep(20000), 0 "
           "for _, name in ipairs{5, {}, true, type} do "
           "  local t = setmetatable({}, {__name = name}) "
           "  local text = string.format('%s%s%7s%s', s, t, t, s) "
           "  assert(text == s .. 'table' .. '  table' .. s) "
           "  n = n + 1 end return n",
           "number 4\n");
}

/* What `%q` gives, Lua reads back as it was. */
static void test_quoted_round_trip(void **data)
{
    fixture *f = *data;
    lua_State *L = f->stock;
    outcome quoted;
    assert_int_equal(
        fixture_run(f,
                    "local t = {} for i = 0, 255 do for _, c in ipairs{'', "
                    "'0', 'n', '\\\\'} do t[#t + 1] = string.char(i) .. c "
                    "end end return 'return ' .. "
                    "string.format('%q', table.concat(t))",
                    &quoted),
        MP_OK);
    const char *source = strstr(quoted.text, "return");
    size_t size = quoted.size - (size_t)(source - quoted.text);
    assert_int_equal(luaL_loadbufferx(L, source, size, "=q", "t"), LUA_OK);
    assert_int_equal(lua_pcall(L, 0, 1, 0), LUA_OK);
    luaL_dostring(L, "local t = {} for i = 0, 255 do for _, c in ipairs{'', "
                     "'0', 'n', '\\\\'} do t[#t + 1] = string.char(i) .. c "
                     "end end return table.concat(t)");
    assert_true(lua_rawequal(L, -1, -2));
    lua_settop(L, 0);
    free(quoted.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_odd_name),
        cmocka_unit_test(test_quoted_round_trip),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
