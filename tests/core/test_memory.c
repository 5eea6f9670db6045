/* Accounting of the memory of one Lua state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>

#include "core/memory.h"

static void *grow(mp_memory *memory, size_t size)
{
    return mp_memory_alloc(memory, NULL, LUA_TTABLE, size);
}

static void blocks_are_counted(void **data)
{
    (void)data;
    mp_memory memory;
    mp_memory_init(&memory, 0);
    char *a = grow(&memory, 100);
    char *b = grow(&memory, 50);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(mp_memory_used(&memory), 150);
    a = mp_memory_alloc(&memory, a, 100, 300);
    assert_int_equal(mp_memory_used(&memory), 350);
    a = mp_memory_alloc(&memory, a, 300, 10);
    assert_int_equal(mp_memory_used(&memory), 60);
    assert_null(mp_memory_alloc(&memory, b, 50, 0));
    assert_null(mp_memory_alloc(&memory, a, 10, 0));
    assert_int_equal(mp_memory_used(&memory), 0);
    assert_int_equal(mp_memory_peak(&memory), 350);
    assert_false(memory.refused);
}

/* For a new block Lua passes a type tag where the old size would be. */
static void a_type_tag_is_no_size(void **data)
{
    (void)data;
    mp_memory memory;
    mp_memory_init(&memory, 16);
    void *block = mp_memory_alloc(&memory, NULL, 1000000, 16);
    assert_non_null(block);
    assert_int_equal(mp_memory_used(&memory), 16);
    assert_null(mp_memory_alloc(&memory, NULL, 1000000, 1));
    assert_null(mp_memory_alloc(&memory, NULL, LUA_TSTRING, 0));
    assert_int_equal(mp_memory_used(&memory), 16);
    mp_memory_alloc(&memory, block, 16, 0);
    assert_int_equal(mp_memory_used(&memory), 0);
}

static void the_limit_is_kept_to_the_byte(void **data)
{
    (void)data;
    mp_memory memory;
    mp_memory_init(&memory, 1000);
    char *a = grow(&memory, 999);
    assert_non_null(a);
    assert_null(grow(&memory, 2));
    assert_true(memory.refused);
    char *b = grow(&memory, 1);
    assert_non_null(b);
    assert_int_equal(mp_memory_used(&memory), 1000);
    assert_null(grow(&memory, SIZE_MAX));
    assert_null(mp_memory_alloc(&memory, b, 1, SIZE_MAX));
    assert_int_equal(mp_memory_used(&memory), 1000);
    mp_memory_alloc(&memory, a, 999, 0);
    mp_memory_alloc(&memory, b, 1, 0);
}

static void a_refused_block_stays_as_it_was(void **data)
{
    (void)data;
    mp_memory memory;
    mp_memory_init(&memory, 100);
    char *a = grow(&memory, 60);
    memset(a, 'x', 60);
    assert_null(mp_memory_alloc(&memory, a, 60, 101));
    assert_int_equal(mp_memory_used(&memory), 60);
    for (int i = 0; i < 60; i++)
        assert_int_equal(a[i], 'x');
    mp_memory_alloc(&memory, a, 60, 0);
}

static void what_malloc_refuses_is_refused(void **data)
{
    (void)data;
    mp_memory memory;
    mp_memory_init(&memory, 0);
    assert_null(grow(&memory, SIZE_MAX / 2 - 4096));
    assert_true(memory.refused);
    assert_int_equal(mp_memory_used(&memory), 0);
    assert_int_equal(mp_memory_peak(&memory), 0);
}

static void shrinking_never_fails(void **data)
{
    (void)data;
    mp_memory memory;
    mp_memory_init(&memory, 64);
    char *a = grow(&memory, 64);
    memory.fail_after = 0;
    a = mp_memory_alloc(&memory, a, 64, 32);
    assert_non_null(a);
    a = mp_memory_alloc(&memory, a, 32, 32);
    assert_non_null(a);
    assert_false(memory.refused);
    assert_null(mp_memory_alloc(&memory, a, 32, 0));
    assert_int_equal(mp_memory_used(&memory), 0);
}

static void all_but_so_many_are_refused(void **data)
{
    (void)data;
    for (size_t n = 0; n < 5; n++) {
        mp_memory memory;
        mp_memory_init(&memory, 0);
        memory.fail_after = n;
        char *blocks[8] = {NULL};
        for (size_t i = 0; i < 8; i++) {
            blocks[i] = grow(&memory, 8);
            assert_int_equal(blocks[i] != NULL, i < n);
        }
        assert_int_equal(mp_memory_used(&memory), 8 * n);
        for (size_t i = 0; i < n; i++)
            mp_memory_alloc(&memory, blocks[i], 8, 0);
        assert_int_equal(mp_memory_used(&memory), 0);
    }
}

static void a_state_gives_back_all_it_took(void **data)
{
    (void)data;
    mp_memory memory;
    mp_memory_init(&memory, (size_t)1 << 20);
    lua_State *L = lua_newstate(mp_memory_alloc, &memory);
    assert_non_null(L);
    assert_int_equal(luaL_loadstring(L, "local t = {}"
                                        "while true do t[#t + 1] = {} end"),
                     LUA_OK);
    assert_int_equal(lua_pcall(L, 0, 0, 0), LUA_ERRMEM);
    assert_true(memory.refused);
    assert_true(mp_memory_peak(&memory) <= (size_t)1 << 20);
    lua_close(L);
    assert_int_equal(mp_memory_used(&memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_counted),
        cmocka_unit_test(a_type_tag_is_no_size),
        cmocka_unit_test(the_limit_is_kept_to_the_byte),
        cmocka_unit_test(a_refused_block_stays_as_it_was),
        cmocka_unit_test(what_malloc_refuses_is_refused),
        cmocka_unit_test(shrinking_never_fails),
        cmocka_unit_test(all_but_so_many_are_refused),
        cmocka_unit_test(a_state_gives_back_all_it_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
