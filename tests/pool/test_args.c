/* A job's own copy of its arguments. */
#include "fixture.h"

#include <lauxlib.h>

#include "pool/args.h"

static void everything_is_copied(void **data)
{
    (void)data;
    double numbers[6] = {0};
    char text[] = "a\0b";
    mp_error err;
    mp_view view = matrix(numbers, MP_FLOAT64, 2, 3);
    mp_view other = vector(numbers, MP_FLOAT64, 6);
    mp_value string = {.kind = MP_KIND_STRING,
                       .as.s = {.data = text, .size = 3}};
    mp_value empty = {.kind = MP_KIND_STRING};
    mp_arg given[] = {{.view = &view},         {.value = string},
                      {.value = int_value(7)}, {.view = &other},
                      {.value = empty},        {.value = string}};
    mp_args args;
    assert_ok(mp_args_init(&args, 6, given, &err), &err);
    text[0] = 'z';
    view.ndim = 0;
    memset(given, 0, sizeof given);
    assert_int_equal(args.count, 6);
    assert_int_equal(args.nviews, 2);
    assert_int_equal(args.arg[0].view->ndim, 2);
    assert_int_equal(args.arg[0].view->shape[1], 3);
    assert_int_equal(args.arg[3].view->shape[0], 6);
    assert_memory_equal(args.arg[1].value.as.s.data, "a\0b", 3);
    assert_memory_equal(args.arg[5].value.as.s.data, "a\0b", 3);
    assert_int_equal(args.arg[4].value.as.s.size, 0);
    assert_int_equal(args.arg[2].value.as.i, 7);
    mp_args_destroy(&args);
    assert_int_equal(args.count, 0);
    mp_args_destroy(&args);
}

static void none_is_fine(void **data)
{
    (void)data;
    mp_args args;
    mp_error err;
    assert_ok(mp_args_init(&args, 0, NULL, &err), &err);
    assert_int_equal(args.count, 0);
    mp_args_destroy(&args);
}

static void what_is_wrong_is_refused(void **data)
{
    (void)data;
    mp_error err;
    mp_args args;
    mp_arg given[MP_MAX_ARGS + 1];
    memset(given, 0, sizeof given);
    assert_ok(mp_args_init(&args, MP_MAX_ARGS, given, &err), &err);
    mp_args_destroy(&args);
    assert_fails(mp_args_init(&args, MP_MAX_ARGS + 1, given, &err), MP_VALUE,
                 &err, "at most 64");
    assert_fails(mp_args_init(&args, -1, given, &err), MP_VALUE, &err,
                 "arguments");
    mp_view view = {.ndim = MP_MAX_NDIM + 1};
    given[3].view = &view;
    assert_int_equal(mp_args_init(&args, 5, given, &err), MP_VALUE);
    assert_int_equal(args.count, 0);
    view = (mp_view){.ndim = 1, .shape = {-1}};
    assert_int_equal(mp_args_init(&args, 5, given, &err), MP_VALUE);
}

static void values_go_to_lua_and_back(void **data)
{
    (void)data;
    lua_State *L = luaL_newstate();
    mp_args_push_value(L, (mp_value){.kind = MP_KIND_NIL});
    mp_args_push_value(L, bool_value(true));
    mp_args_push_value(L, int_value(INT64_MIN));
    mp_args_push_value(L, float_value(0.5));
    mp_args_push_value(L,
                       (mp_value){.kind = MP_KIND_STRING, .as.s = {"a\0b", 3}});
    lua_newtable(L);
    assert_int_equal(mp_args_to_value(L, 1).kind, MP_KIND_NIL);
    assert_true(mp_args_to_value(L, 2).as.b);
    assert_int_equal(mp_args_to_value(L, 2).kind, MP_KIND_BOOL);
    assert_true(mp_args_to_value(L, 3).as.i == INT64_MIN);
    assert_int_equal(mp_args_to_value(L, 3).kind, MP_KIND_INT);
    assert_true(mp_args_to_value(L, 4).as.f == 0.5);
    assert_int_equal(mp_args_to_value(L, 4).kind, MP_KIND_FLOAT);
    assert_int_equal(lua_rawlen(L, 5), 3);
    assert_int_equal(mp_args_to_value(L, 5).kind, MP_KIND_STRING);
    assert_int_equal(mp_args_to_value(L, 6).kind, MP_KIND_STRING);
    assert_int_equal(mp_args_to_value(L, 9).kind, MP_KIND_NIL);
    lua_close(L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_copied),
        cmocka_unit_test(none_is_fine),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(values_go_to_lua_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
