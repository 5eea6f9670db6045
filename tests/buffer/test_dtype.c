/* Sizes and names of dtypes. */
#include "buffer/fixture.h"

static void test_sizes(void **state)
{
    (void)state;
    const int sizes[DTYPES] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8};
    for (int k = 0; k < DTYPES; k++)
        assert_int_equal(mp_dtype_size((mp_dtype)k), sizes[k]);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(mp_dtype_name(MP_BOOL), "bool");
    assert_string_equal(mp_dtype_name(MP_UINT64), "uint64");
    assert_string_equal(mp_dtype_name(MP_FLOAT16), "float16");
    assert_string_equal(mp_dtype_name(MP_FLOAT64), "float64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
