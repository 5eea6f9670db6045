/* Kernels: what is a source, what it hashes to, and how it is compiled. */
#include "fixture.h"

static bool is_bare(const char *source)
{
    mp_kernel *kernel = make_kernel(source);
    bool bare = kernel->bare;
    mp_kernel_release(kernel);
    return bare;
}

static void functions_may_be_bare(void **data)
{
    (void)data;
    assert_true(is_bare("function(x) return x end"));
    assert_true(is_bare("  \n\t\r function \n (x) return x end"));
    assert_true(is_bare("-- note\nfunction(x) return x end -- end"));
    assert_true(is_bare("--[[ a\n]] --[==[ ]] ]=] ]==] function() end"));
    assert_true(is_bare("function --[[ here ]] -- and\n () end"));
    assert_true(is_bare("--[ no long bracket\nfunction() end"));
    assert_true(is_bare("--[=no long bracket\nfunction() end"));
    assert_true(is_bare("--[=[]]]=]function() end"));
    assert_true(is_bare("--\rfunction() end"));
}

static void chunks_are_not_bare(void **data)
{
    (void)data;
    assert_false(is_bare("return function(x) return x end"));
    assert_false(is_bare("function f() end return f"));
    assert_false(is_bare("functional = 1"));
    assert_false(is_bare("--function()\nreturn 1"));
    assert_false(is_bare("--[[function()]]return 1"));
    assert_false(is_bare("local function f() end return f"));
    assert_false(is_bare(""));
    assert_false(is_bare("--"));
    assert_false(is_bare("--[==["
                         "]==]"));
    assert_false(is_bare("return (function() end)"));
}

static void syntax_errors_have_a_line(void **data)
{
    (void)data;
    mp_error err;
    refuse_kernel("return function(x)\n  return x +\nend", &err, MP_SYNTAX);
    assert_int_equal(err.line, 3);
    assert_string_equal(err.kernel, "kernel");
    assert_non_null(strstr(err.message, "unexpected symbol near 'end'"));
    assert_null(strstr(err.message, "kernel:"));
    refuse_kernel("function(x) return x", &err, MP_SYNTAX);
    assert_int_equal(err.line, 1);
    refuse_kernel("x = = 1", &err, MP_SYNTAX);
    refuse_kernel("function() end end", &err, MP_SYNTAX);
    refuse_kernel("--[[ never closed", &err, MP_SYNTAX);
    refuse_kernel("\n\n\"open", &err, MP_SYNTAX);
    assert_int_equal(err.line, 3);
    refuse_kernel("goto nowhere", &err, MP_SYNTAX);
    refuse_kernel("return '\xff\xfe' \x80", &err, MP_SYNTAX);
}

static void errors_carry_the_kernels_name(void **data)
{
    (void)data;
    mp_error err;
    mp_kernel *kernel;
    mp_kernel_options options = {.name = "blur[3]:%s"};
    assert_int_equal(mp_kernel_new("\n)", 2, &options, &kernel, &err),
                     MP_SYNTAX);
    assert_string_equal(err.kernel, "blur[3]:%s");
    assert_int_equal(err.line, 2);
    char name[200];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    options.name = name;
    assert_int_equal(mp_kernel_new(")", 1, &options, &kernel, &err), MP_SYNTAX);
    assert_int_equal(err.line, 1);
    assert_null(strstr(err.message, "nnn"));
    options.name = "";
    assert_int_equal(mp_kernel_new("", 0, &options, &kernel, &err), MP_OK);
    assert_string_equal(mp_kernel_name(kernel), "kernel");
    mp_kernel_release(kernel);
}

static void a_byte_order_mark_is_dropped(void **data)
{
    (void)data;
    mp_error err;
    size_t size;
    mp_kernel *kernel = make_kernel("\xEF\xBB\xBF"
                                    "function() end");
    assert_true(kernel->bare);
    assert_string_equal(mp_kernel_source(kernel, &size), "function() end");
    assert_int_equal(size, 14);
    mp_kernel_release(kernel);
    refuse_kernel("\xEF\xBB\xBF\xEF\xBB\xBFreturn 1", &err, MP_SYNTAX);
    kernel = make_kernel("\xEF\xBB\xBF");
    mp_kernel_release(kernel);
}

static int write_dump(lua_State *L, const void *bytes, size_t size, void *ud)
{
    (void)L;
    luaL_addlstring(ud, bytes, size);
    return 0;
}

static void bytecode_is_refused(void **data)
{
    (void)data;
    mp_error err;
    mp_kernel *kernel;
    luaL_Buffer code;
    lua_State *L = luaL_newstate();
    assert_int_equal(luaL_loadstring(L, "return 1"), LUA_OK);
    lua_pushvalue(L, -1);
    luaL_buffinit(L, &code);
    lua_insert(L, 1);
    lua_pushvalue(L, 1);
    lua_dump(L, write_dump, &code, 0);
    lua_pop(L, 1);
    luaL_pushresult(&code);
    size_t size;
    const char *bytes = lua_tolstring(L, -1, &size);
    assert_int_equal(bytes[0], '\x1b');
    assert_int_equal(mp_kernel_new(bytes, size, NULL, &kernel, &err),
                     MP_SYNTAX);
    assert_non_null(strstr(err.message, "binary"));
    lua_close(L);
    for (size_t n = 1; n < 40; n++) {
        char garbage[40] = "\x1bLuaS";
        memset(garbage + 5, (int)n, sizeof garbage - 5);
        assert_int_equal(mp_kernel_new(garbage, n, NULL, &kernel, &err),
                         MP_SYNTAX);
    }
}

static void any_bytes_are_survived(void **data)
{
    (void)data;
    static const char alphabet[] = "-[]=\n\r function(return\"'\0\x80\xff";
    uint64_t seed = 99;
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            bytes[i] = alphabet[(seed >> 33) % sizeof alphabet];
        }
        mp_error err;
        mp_kernel *kernel = NULL;
        size_t size = (size_t)(round % (int)sizeof bytes);
        if (mp_kernel_new(bytes, size, NULL, &kernel, &err) == MP_OK)
            mp_kernel_release(kernel);
        else
            assert_int_equal(err.status, MP_SYNTAX);
    }
}

static void a_source_may_hold_nul(void **data)
{
    (void)data;
    mp_error err;
    mp_kernel *kernel;
    static const char source[] = "return function() return '\0' end";
    assert_int_equal(
        mp_kernel_new(source, sizeof source - 1, NULL, &kernel, &err), MP_OK);
    size_t size;
    assert_memory_equal(mp_kernel_source(kernel, &size), source, sizeof source);
    assert_int_equal(size, sizeof source - 1);
    mp_kernel_release(kernel);
}

static char *filled(char c, size_t size)
{
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, c, size);
    return text;
}

static void the_size_is_limited(void **data)
{
    (void)data;
    mp_error err;
    mp_kernel *kernel;
    assert_int_equal(MP_MAX_SOURCE, 256 * 1024);
    char *text = filled(' ', MP_MAX_SOURCE + 1);
    assert_int_equal(
        mp_kernel_new(text, MP_MAX_SOURCE + 1, NULL, &kernel, &err), MP_VALUE);
    assert_non_null(strstr(err.message, "limit"));
    assert_int_equal(mp_kernel_new(text, MP_MAX_SOURCE, NULL, &kernel, &err),
                     MP_OK);
    mp_kernel_release(kernel);
    free(text);
}

static void absurd_sources_end_cleanly(void **data)
{
    (void)data;
    mp_error err;
    mp_kernel *kernel;
    size_t size = MP_MAX_SOURCE;
    char *text = filled('(', size);
    memcpy(text, "return ", 7);
    assert_int_equal(mp_kernel_new(text, size, NULL, &kernel, &err), MP_SYNTAX);
    memset(text, '=', size);
    memcpy(text, "--[", 3);
    assert_int_equal(mp_kernel_new(text, size, NULL, &kernel, &err), MP_OK);
    mp_kernel_release(kernel);
    memcpy(text, "x=[", 3);
    assert_int_equal(mp_kernel_new(text, size, NULL, &kernel, &err), MP_SYNTAX);
    memset(text, ']', size);
    memcpy(text, "--[=[", 5);
    assert_int_equal(mp_kernel_new(text, size, NULL, &kernel, &err), MP_SYNTAX);
    free(text);
}

static mp_kernel *variant(const char *source, mp_kernel_options options)
{
    mp_error err;
    mp_kernel *kernel;
    if (mp_kernel_new(source, strlen(source), &options, &kernel, &err) != MP_OK)
        fail_msg("%s", err.message);
    return kernel;
}

static void kernels_are_equal_by_content(void **data)
{
    (void)data;
    const char *source = "return function(x) return x end";
    const mp_kernel_options options[] = {
        {.name = NULL},     {.name = "other"},        {.strict = true},
        {.fastmath = true}, {.signature = "(n)->()"}, {.signature = "(n)->(n)"},
    };
    enum { COUNT = sizeof options / sizeof *options };
    mp_kernel *a[COUNT + 1], *b[COUNT + 1];
    for (int i = 0; i < COUNT; i++) {
        a[i] = variant(source, options[i]);
        b[i] = variant(source, options[i]);
    }
    a[COUNT] = make_kernel("return function(x) return X end");
    b[COUNT] = make_kernel("return function(x) return X end");
    for (int i = 0; i <= COUNT; i++) {
        for (int k = 0; k <= COUNT; k++) {
            assert_int_equal(mp_kernel_equal(a[i], b[k]), i == k);
            assert_int_equal(a[i]->hash == b[k]->hash, i == k);
        }
        assert_true(mp_kernel_equal(a[i], a[i]));
    }
    for (int i = 0; i <= COUNT; i++) {
        mp_kernel_release(a[i]);
        mp_kernel_release(b[i]);
    }
}

static void references_are_counted(void **data)
{
    (void)data;
    mp_kernel *kernel = make_kernel("return 1");
    assert_ptr_equal(mp_kernel_retain(kernel), kernel);
    mp_kernel_release(kernel);
    assert_string_equal(mp_kernel_name(kernel), "kernel");
    assert_string_equal(mp_kernel_source(kernel, NULL), "return 1");
    mp_kernel_release(kernel);
    mp_kernel_release(NULL);
}

static void a_bad_signature_is_refused(void **data)
{
    (void)data;
    mp_error err;
    mp_kernel *kernel;
    mp_kernel_options options = {.signature = "(n"};
    assert_int_equal(mp_kernel_new("return 1", 8, &options, &kernel, &err),
                     MP_VALUE);
}

static void a_stop_ends_the_reading(void **data)
{
    (void)data;
    mp_error err;
    mp_guard guard;
    mp_kernel *kernel = make_kernel("x = 1");
    lua_State *L = luaL_newstate();
    assert_int_equal(mp_guard_init(&guard, &err), MP_OK);
    assert_int_equal(mp_kernel_load(L, kernel, &guard), LUA_OK);
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_OK);
    assert_int_equal(lua_getglobal(L, "x"), LUA_TNUMBER);
    atomic_store(&guard.stop, MP_TIMEOUT);
    assert_int_equal(mp_kernel_load(L, kernel, &guard), LUA_OK);
    lua_pushnil(L);
    lua_setglobal(L, "x");
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_OK);
    assert_int_equal(lua_getglobal(L, "x"), LUA_TNIL);
    lua_close(L);
    mp_guard_destroy(&guard);
    mp_kernel_release(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_may_be_bare),
        cmocka_unit_test(chunks_are_not_bare),
        cmocka_unit_test(syntax_errors_have_a_line),
        cmocka_unit_test(errors_carry_the_kernels_name),
        cmocka_unit_test(a_byte_order_mark_is_dropped),
        cmocka_unit_test(bytecode_is_refused),
        cmocka_unit_test(any_bytes_are_survived),
        cmocka_unit_test(a_source_may_hold_nul),
        cmocka_unit_test(the_size_is_limited),
        cmocka_unit_test(absurd_sources_end_cleanly),
        cmocka_unit_test(kernels_are_equal_by_content),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(a_bad_signature_is_refused),
        cmocka_unit_test(a_stop_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
