/* The math library: stock Lua's, and the state's own random numbers. */
#include "lib_fixture.h"

static void test_same_as_stock(void **data)
{
    static const char *const lines[] = {
        "math.floor(3.7), math.ceil(3.2), math.abs(-3), math.sqrt(2)",
        "math.fmod(7, 3), math.modf(3.7), math.log(8, 2), math.exp(1)",
        "math.tointeger(3.0), math.type(1), math.ult(1, -1), math.pi",
        "math.max(1, 2.5), math.min(3), math.huge, math.mininteger",
        "math.sin(1), math.cos(1), math.tan(1), math.atan(1, 2)",
        "math.asin(1), math.acos(1), math.deg(1), math.rad(1)",
        "math.max()",
        "math.floor('x')",
        "math.random(0)",
        "math.random(5, 4)",
        "math.random(math.mininteger, 5)",
        "math.random(1, 2, 3)",
        "math.random('x')",
        "math.random(1.5)",
        "math.randomseed()",
        "math.randomseed({})",
        "math.random(7, 7), math.random(1)",
        "math.type(math.random()), math.type(math.random(10))",
        "select('#', math.randomseed(1))",
        NULL,
    };
    expect_same_all(*data, lines);
}

static void test_random_ranges(void **data)
{
    expect_ok(*data,
              "for i = 1, 1000 do "
              "  local x = math.random() assert(x >= 0 and x < 1) "
              "  local n = math.random(6) assert(n >= 1 and n <= 6) "
              "  local m = math.random(-3, 3) assert(m >= -3 and m <= 3) "
              "  assert(math.random(0, math.maxinteger) >= 0) "
              "  assert(math.random(math.mininteger, -1) < 0) end "
              "local count = {0, 0, 0} "
              "for i = 1, 30000 do local n = math.random(3) "
              "  count[n] = count[n] + 1 end "
              "for n = 1, 3 do assert(math.abs(count[n] - 10000) < 500) end");
}

static void test_randomseed(void **data)
{
    expect_ok(*data,
              "local function draws(seed) math.randomseed(seed) "
              "  return math.random() .. ' ' .. math.random(10^15|0) end "
              "assert(draws(42) == draws(42)) "
              "assert(draws(42) == draws(42.0)) "
              "assert(draws(42) ~= draws(43)) "
              "assert(draws(0.5) == draws(0.5)) "
              "assert(draws(0.5) ~= draws(0.25)) "
              "assert(draws(-1) ~= draws(1)) "
              "assert(#draws(0/0) > 0 and #draws(1/0) > 0)");
}

/* The numbers of an item are the same whatever came before it. */
static void test_random_is_by_item(void **data)
{
    fixture *f = *data;
    static const char source[] = "return math.random()";
    outcome first, again, other;
    expect_ok(f, "math.randomseed(1)");
    f->ours->random.item = 10;
    assert_int_equal(fixture_run(f, source, &first), MP_OK);
    f->ours->random.item = 11;
    assert_int_equal(fixture_run(f, source, &other), MP_OK);
    f->ours->random.item = 10;
    assert_int_equal(fixture_run(f, source, &again), MP_OK);
    assert_string_equal(first.text, again.text);
    assert_string_not_equal(first.text, other.text);
    free(first.text);
    free(again.text);
    free(other.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_stock),
        cmocka_unit_test(test_random_ranges),
        cmocka_unit_test(test_randomseed),
        cmocka_unit_test(test_random_is_by_item),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
