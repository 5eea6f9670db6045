/* Combining by operators: as Lua computes, in a fixed tree. */
#include "fixture.h"

#include <lauxlib.h>
#include <lualib.h>

#include "pool/args.h"
#include "pool/combine.h"

static const mp_combine operators[] = {MP_COMBINE_ADD, MP_COMBINE_MUL,
                                       MP_COMBINE_MIN, MP_COMBINE_MAX};
static const char *const in_lua[] = {
    "local a, b = ... return a + b", "local a, b = ... return a * b",
    "return math.min(...)", "return math.max(...)"};

static bool same(mp_value a, mp_value b)
{
    if (a.kind != b.kind)
        return false;
    if (a.kind == MP_KIND_INT)
        return a.as.i == b.as.i;
    return (a.as.f != a.as.f && b.as.f != b.as.f) ||
           memcmp(&a.as.f, &b.as.f, sizeof a.as.f) == 0;
}

static void operators_do_as_lua_does(void **data)
{
    (void)data;
    mp_value values[] = {
        int_value(0),
        int_value(1),
        int_value(-7),
        int_value(INT64_MAX),
        int_value(INT64_MIN),
        int_value(1LL << 53),
        int_value((1LL << 53) + 1),
        float_value(0.0),
        float_value(-0.0),
        float_value(0.5),
        float_value(-2.5),
        float_value(0x1p53),
        float_value(0x1p63),
        float_value(-0x1p63),
        float_value(1e300),
        float_value(1.0 / 0.0),
        float_value(-1.0 / 0.0),
        float_value(0.0 / 0.0),
        float_value(-7.0),
    };
    enum { COUNT = sizeof values / sizeof *values };
    mp_error err;
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < COUNT * COUNT; i++) {
            mp_value a = values[i / COUNT], b = values[i % COUNT], out;
            assert_ok(mp__combine_apply(operators[k], a, b, &out, &err), &err);
            assert_int_equal(luaL_loadstring(L, in_lua[k]), LUA_OK);
            mp_args_push_value(L, a);
            mp_args_push_value(L, b);
            lua_call(L, 2, 1);
            if (!same(out, mp_args_to_value(L, -1)))
                fail_msg("%s: %d, %d", in_lua[k], i / COUNT, i % COUNT);
            lua_pop(L, 1);
        }
    }
    lua_close(L);
}

static void only_numbers_can_be_combined(void **data)
{
    (void)data;
    mp_error err;
    mp_value out;
    assert_fails(mp__combine_apply(MP_COMBINE_ADD, int_value(1),
                                   bool_value(true), &out, &err),
                 MP_TYPE, &err, "only numbers");
    assert_fails(mp__combine_apply(MP_COMBINE_MIN, bool_value(true),
                                   float_value(1), &out, &err),
                 MP_TYPE, &err, "only numbers");
}

static void operators_need_no_lua(void **data)
{
    (void)data;
    for (int k = 0; k < 4; k++)
        assert_true(mp__combine_is_operator(operators[k]));
    assert_false(mp__combine_is_operator(MP_COMBINE_NONE));
    assert_false(mp__combine_is_operator(MP_COMBINE_KERNEL));
}

/* (0 + 1) + (2 + 3), then + 4. */
static void the_tree_combines_neighbours(void **data)
{
    (void)data;
    mp_error err;
    mp_value v[10];
    double f[] = {1e16, 1.0, -1e16, 1.0, 3.0};
    for (int i = 0; i < 5; i++) {
        v[2 * i] = float_value(f[i]);
        v[2 * i + 1] = int_value(i);
    }
    assert_ok(mp__combine_tree(MP_COMBINE_ADD, v, 5, 2, &err), &err);
    double wanted = ((f[0] + f[1]) + (f[2] + f[3])) + f[4];
    assert_true(v[0].as.f == wanted);
    assert_int_equal(v[1].as.i, 10);
}

static void every_count_is_combined(void **data)
{
    (void)data;
    mp_error err;
    mp_value v[70];
    for (int count = 1; count <= 70; count++) {
        for (int i = 0; i < count; i++)
            v[i] = int_value(i + 1);
        assert_ok(mp__combine_tree(MP_COMBINE_ADD, v, count, 1, &err), &err);
        assert_int_equal(v[0].as.i, count * (count + 1) / 2);
    }
}

static void check_rows(mp_combine how, int count, int width)
{
    mp_error err;
    mp_value f[2 * 70], i[2 * 70];
    double doubles[2 * 70];
    int64_t ints[2 * 70];
    for (int n = 0; n < width * count; n++) {
        doubles[n] = 1.0 + 0.3 * (double)((n * 31) % 17);
        ints[n] = (n * 31) % 17 - 8;
        f[n] = float_value(doubles[n]);
        i[n] = int_value(ints[n]);
    }
    mp__combine_doubles(how, doubles, count, width);
    mp__combine_ints(how, ints, count, width);
    assert_ok(mp__combine_tree(how, f, count, width, &err), &err);
    assert_ok(mp__combine_tree(how, i, count, width, &err), &err);
    for (int n = 0; n < width; n++) {
        assert_true(f[n].as.f == doubles[n]);
        assert_true(i[n].as.i == ints[n]);
    }
}

static void rows_have_the_same_tree(void **data)
{
    (void)data;
    for (int k = 0; k < 4; k++) {
        for (int count = 1; count <= 70; count++) {
            check_rows(operators[k], count, 1);
            check_rows(operators[k], count, 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_do_as_lua_does),
        cmocka_unit_test(only_numbers_can_be_combined),
        cmocka_unit_test(operators_need_no_lua),
        cmocka_unit_test(the_tree_combines_neighbours),
        cmocka_unit_test(every_count_is_combined),
        cmocka_unit_test(rows_have_the_same_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
