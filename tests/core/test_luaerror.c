/* What Lua code raised, as an error record. */
#include "fixture.h"

#include <stdio.h>

#include "core/luaerror.h"

/* Runs the kernel, which must fail. */
static mp_error fails(void **data, const char *source)
{
    mp_error err;
    lua_Integer result;
    if (core_run(*data, source, &result, &err) != MP_LUA)
        fail_msg("%s: status %d", source, err.status);
    assert_int_equal(err.status, MP_LUA);
    return err;
}

static void place_and_message_are_apart(void **data)
{
    mp_error err = fails(data, "return function()\n\n  error('oh: no')\nend");
    assert_string_equal(err.kernel, "kernel");
    assert_int_equal(err.line, 3);
    assert_string_equal(err.message, "oh: no");
    assert_int_equal(err.index, -1);
}

static void runtime_errors_have_a_line(void **data)
{
    mp_error err = fails(data, "return function()\n  return 1 + {}\nend");
    assert_int_equal(err.line, 2);
    assert_non_null(strstr(err.message, "attempt to perform arithmetic"));
    err = fails(data, "return function()\n\n return math.floor('x') end");
    assert_int_equal(err.line, 3);
    assert_non_null(strstr(err.message, "number expected"));
    err = fails(data, "\nerror('while it loads')");
    assert_int_equal(err.line, 2);
    assert_string_equal(err.message, "while it loads");
}

static void a_level_moves_the_line(void **data)
{
    mp_error err = fails(data, "local function check()\n error('bad', 2)\nend\n"
                               "return function()\n  check()\nend");
    assert_int_equal(err.line, 5);
    assert_string_equal(err.message, "bad");
    err = fails(data, "function()\n error('kernel:9: x', 0) end");
    assert_int_equal(err.line, 9);
    err = fails(data, "function()\n error('kernel:x', 0) end");
    assert_int_equal(err.line, 2);
    assert_string_equal(err.message, "kernel:x");
}

static void any_value_can_be_raised(void **data)
{
    assert_string_equal(fails(data, "function() error() end").message,
                        "the error value is nil");
    assert_string_equal(fails(data, "function() error(nil) end").message,
                        "the error value is nil");
    assert_string_equal(fails(data, "function() error({}) end").message,
                        "the error value is a table");
    assert_string_equal(fails(data, "function() error(true) end").message,
                        "the error value is a boolean");
    assert_string_equal(fails(data, "function() error(42) end").message, "42");
    assert_string_equal(fails(data, "function() error(print) end").message,
                        "the error value is nil");
    assert_string_equal(fails(data, "function() error('', 0) end").message, "");
}

static void tostring_is_asked(void **data)
{
    mp_error err = fails(data, "function() error(setmetatable({}, "
                               "{__tostring = function() return 'mine' end}))"
                               " end");
    assert_string_equal(err.message, "mine");
    err = fails(data, "function() error(setmetatable({}, {__tostring = "
                      "function() error('again') end})) end");
    assert_string_equal(err.message, "the error value is a table");
    err = fails(data, "function() error(setmetatable({}, {__tostring = "
                      "function() return {} end})) end");
    assert_string_equal(err.message, "the error value is a table");
    err = fails(data, "function() error(setmetatable({}, {__tostring = 1})) "
                      "end");
    assert_string_equal(err.message, "the error value is a table");
    err = fails(data, "local function e() error(setmetatable({}, {__tostring "
                      "= e})) end return e");
    assert_string_equal(err.message, "the error value is a table");
}

static void the_traceback_names_the_calls(void **data)
{
    mp_error err = fails(data, "local function inner()\n error('deep')\nend\n"
                               "local function outer()\n inner()\nend\n"
                               "return function()\n outer()\nend");
    assert_memory_equal(err.traceback, "stack traceback:", 16);
    assert_non_null(strstr(err.traceback, "kernel:2: in upvalue 'inner'"));
    assert_non_null(strstr(err.traceback, "kernel:5: in upvalue 'outer'"));
    assert_non_null(strstr(err.traceback, "kernel:8:"));
}

static void long_texts_are_cut(void **data)
{
    mp_error err =
        fails(data, "function() error(('\\u{20AC}'):rep(1000), 0) end");
    size_t size = strlen(err.message);
    assert_true(size < sizeof err.message && size >= sizeof err.message - 4);
    assert_int_equal(size % 3, 0);
    err = fails(data, "local function f(n) if n > 0 then f(n - 1) else "
                      "error('x') end return 1 end "
                      "return function() return f(100) end");
    assert_true(strlen(err.traceback) < sizeof err.traceback);
    err = fails(data, "local function f() return 1 + f() end return f");
    assert_non_null(strstr(err.message, "stack overflow"));
}

static void nul_bytes_end_the_message(void **data)
{
    mp_error err = fails(data, "function() error('a\\0b', 0) end");
    assert_string_equal(err.message, "a");
}

static void another_chunks_name_is_text(void **data)
{
    mp_error err = fails(data, "function()\n error('other:7: x', 0) end");
    assert_int_equal(err.line, 2);
    assert_string_equal(err.message, "other:7: x");
}

/* No error value shows where anything lies in memory. */
static void no_address_is_shown(void **data)
{
    static const char *const values[] = {
        "{}", "print", "coroutine.create(function() end)", "function() end",
        "setmetatable({}, {__name = 'thing'})"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char source[200];
        snprintf(source, sizeof source,
                 "function() error('is ' .. tostring(%s), 0) end", values[i]);
        assert_null(strstr(fails(data, source).message, "0x"));
        snprintf(source, sizeof source, "function() error(%s) end", values[i]);
        mp_error err = fails(data, source);
        assert_null(strstr(err.message, "0x"));
        assert_null(strstr(err.traceback, "0x"));
    }
}

static void a_syntax_error_keeps_the_name(void **data)
{
    (void)data;
    mp_error err = {.kernel = "name"};
    lua_State *L = luaL_newstate();
    lua_pushliteral(L, "name:12: what");
    mp_luaerror_syntax(L, &err);
    assert_int_equal(err.status, MP_SYNTAX);
    assert_int_equal(err.line, 12);
    assert_string_equal(err.message, "what");
    assert_string_equal(err.kernel, "name");
    lua_pushliteral(L, "name: what");
    mp_luaerror_syntax(L, &err);
    assert_int_equal(err.line, 0);
    assert_string_equal(err.message, "name: what");
    lua_pushnil(L);
    mp_luaerror_syntax(L, &err);
    assert_string_equal(err.message, "");
    lua_close(L);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, core_setup, core_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(place_and_message_are_apart),
        TEST(runtime_errors_have_a_line),
        TEST(a_level_moves_the_line),
        TEST(any_value_can_be_raised),
        TEST(tostring_is_asked),
        TEST(the_traceback_names_the_calls),
        TEST(long_texts_are_cut),
        TEST(nul_bytes_end_the_message),
        TEST(another_chunks_name_is_text),
        TEST(no_address_is_shown),
        TEST(a_syntax_error_keeps_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
