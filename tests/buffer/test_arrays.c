/* The table of views: binding, moving, clearing, and which handles are
 * valid afterwards. */
#include "buffer/array.h"

#include "buffer/fixture.h"
#include "buffer/handle.h"

#define STALE "array used after its call ended"

static mp_view matrix(fixture *f, int64_t rows, int64_t columns)
{
    mp_view view;
    const int64_t shape[] = {rows, columns};
    assert_int_equal(
        mp_view_init(&view, f->numbers, MP_FLOAT64, 2, shape, NULL), MP_OK);
    return view;
}

static int slot_of(fixture *f, void *handle)
{
    lua_settop(f->L, 0);
    lua_pushlightuserdata(f->L, handle);
    return mp_arrays_slot(f->arrays, f->L, 1);
}

/* The row that `a[i]` gives. */
static void *row_of(fixture *f, void *handle, int i)
{
    lua_settop(f->L, 0);
    lua_pushlightuserdata(f->L, handle);
    lua_geti(f->L, 1, i);
    return lua_touserdata(f->L, -1);
}

static void test_reserve(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 4);
    mp_error err;
    assert_int_equal(mp_arrays_reserve(f->arrays, 0, &err), MP_OK);
    assert_int_equal(mp_arrays_reserve(f->arrays, 1024, &err), MP_OK);
    assert_int_equal(mp_arrays_reserve(f->arrays, 3, &err), MP_OK);
    assert_int_equal(mp_arrays_reserve(f->arrays, 1025, &err), MP_VALUE);
    assert_string_equal(err.message, "1025 arrays in one call, 1024 are "
                                     "allowed");
    check_run(f, mp_arrays_bind(f->arrays, 0, &view), "assert(a[1][1] == 1)");
    check_run(f, mp_arrays_bind(f->arrays, 1023, &view),
              "assert(a[1][1] == 1)");
    mp_arrays_free(NULL);
}

static void test_growing_keeps_handles(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 4);
    void *handle = mp_arrays_bind(f->arrays, 7, &view);
    assert_int_equal(mp_arrays_reserve(f->arrays, 500, NULL), MP_OK);
    assert_int_equal(slot_of(f, handle), 7);
    check_run(f, handle, "assert(a[2][4] == 8)");
}

static void test_slot(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 4);
    void *handle = mp_arrays_bind(f->arrays, 3, &view);
    assert_int_equal(slot_of(f, handle), 3);
    assert_int_equal(slot_of(f, row_of(f, handle, 1)), -1);
    assert_int_equal(slot_of(f, NULL), -1);
    lua_pushinteger(f->L, 3);
    assert_int_equal(mp_arrays_slot(f->arrays, f->L, -1), -1);
    assert_int_equal(mp_arrays_slot(f->arrays, f->L, 99), -1);
    lua_newuserdata(f->L, 8);
    assert_int_equal(mp_arrays_slot(f->arrays, f->L, -1), -1);
}

static void check_stale(fixture *f, void *handle)
{
    assert_int_equal(slot_of(f, handle), -1);
    check_error(f, handle, "return a[1]", STALE);
    check_error(f, handle, "return a[1][1]", STALE);
    check_error(f, handle, "a[1] = 2", STALE);
    check_error(f, handle, "return #a", STALE);
    check_error(f, handle, "return a:size()", STALE);
    check_error(f, handle, "return a:rank()", STALE);
    check_error(f, handle, "return a:dtype()", STALE);
    check_error(f, handle, "return tostring(a)", STALE);
}

static void test_rebinding_ends_handles(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 4), same = matrix(f, 4, 2);
    void *first = mp_arrays_bind(f->arrays, 0, &view);
    void *row = row_of(f, first, 2);
    void *second = mp_arrays_bind(f->arrays, 0, &same);
    assert_ptr_not_equal(first, second);
    check_stale(f, first);
    check_stale(f, row);
    check_run(f, second, "assert(a[4][2] == 8)");
}

static void test_moving(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 2);
    void *first = mp_arrays_bind(f->arrays, 0, &view);
    void *row = row_of(f, first, 2);
    void *second = mp_arrays_move(f->arrays, 0, (char *)(f->numbers + 4));
    check_stale(f, first);
    check_stale(f, row);
    check_run(f, second, "assert(a[1][1] == 5 and a[2][2] == 8)");
    assert_int_equal(slot_of(f, second), 0);
}

static void test_clearing(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 4);
    void *first = mp_arrays_bind(f->arrays, 0, &view);
    void *second = mp_arrays_bind(f->arrays, 1, &view);
    void *row = row_of(f, second, 1);
    mp_arrays_clear(f->arrays);
    mp_arrays_clear(f->arrays);
    check_stale(f, first);
    check_stale(f, second);
    check_stale(f, row);
    void *third = mp_arrays_bind(f->arrays, 0, &view);
    check_stale(f, first);
    check_run(f, third, "assert(a[2][4] == 8)");
}

static void test_made_up_handles(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 4);
    mp_arrays_bind(f->arrays, 0, &view);
    check_stale(f, NULL);
    check_stale(f, f->numbers);
    check_stale(f, f);
    check_stale(f, (void *)UINTPTR_MAX);
    /* A slot that is not there, and one that nothing is bound to. */
    check_stale(f, mp__handle_make(8, 1));
    check_stale(f, mp__handle_make(1, 1));
    uint64_t seed = 10;
    for (int k = 0; k < 200; k++)
        check_stale(f, (void *)(uintptr_t)(random_bits(&seed) | 1ull << 63));
}

/* Every serial that a view takes is one row, and no other is valid. */
static void test_serials(void **state)
{
    fixture *f = *state;
    mp_view view;
    const int64_t shape[] = {3, 2, 2};
    int8_t bytes[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    mp_view_init(&view, bytes, MP_INT8, 3, shape, NULL);
    mp_arrays_bind(f->arrays, 2, &view);
    void *whole = mp_arrays_bind(f->arrays, 2, &view);
    uint64_t serial = mp__handle_serial(whole);
    const int ranks[] = {3, 2, 2, 2, 1, 1, 1, 1, 1, 1};
    const int firsts[] = {0, 0, 4, 8, 0, 2, 4, 6, 8, 10};
    for (int k = 0; k < 10; k++) {
        void *handle = mp__handle_make(2, serial + (uint64_t)k);
        lua_pushinteger(f->L, ranks[k]);
        lua_setglobal(f->L, "rank");
        lua_pushinteger(f->L, firsts[k]);
        lua_setglobal(f->L, "first");
        check_run(f, handle,
                  "assert(a:rank() == rank)\n"
                  "for _ = 1, rank do a = a[1] end\n"
                  "assert(a == first)");
    }
    check_stale(f, mp__handle_make(2, serial - 1));
    check_stale(f, mp__handle_make(2, serial + 10));
}

/* When serials run out they start again, and never at a null pointer. */
static void test_serials_run_out(void **state)
{
    fixture *f = *state;
    mp_view view = matrix(f, 2, 4);
    mp_arrays_bind(f->arrays, 0, &view);
    f->arrays->slots[0].serial = MP_HANDLE_SERIALS - 4;
    void *last = mp_arrays_bind(f->arrays, 0, &view);
    assert_non_null(last);
    assert_int_equal(mp__handle_serial(last), 1);
    check_run(f, last, "assert(a[1][1] == 1 and a[2][4] == 8)");
    f->arrays->slots[0].serial = MP_HANDLE_SERIALS - 6;
    last = mp_arrays_bind(f->arrays, 0, &view);
    assert_int_equal(mp__handle_serial(last), MP_HANDLE_SERIALS - 3);
    check_run(f, last, "assert(a[1][1] == 1 and a[2][4] == 8)");
    check_run(f, mp_arrays_move(f->arrays, 0, (char *)f->numbers),
              "assert(a[2][4] == 8)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_reserve),
        FIXTURE_TEST(test_growing_keeps_handles),
        FIXTURE_TEST(test_slot),
        FIXTURE_TEST(test_rebinding_ends_handles),
        FIXTURE_TEST(test_moving),
        FIXTURE_TEST(test_clearing),
        FIXTURE_TEST(test_made_up_handles),
        FIXTURE_TEST(test_serials),
        FIXTURE_TEST(test_serials_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
