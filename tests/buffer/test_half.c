/* float16 against a reference that does it with ldexp() and rint(). */
#include "buffer/half.h"

#include <math.h>

#include "buffer/fixture.h"

static double reference_value(uint16_t half)
{
    int exponent = (half >> 10) & 31;
    int fraction = half & 1023;
    double size = exponent == 0    ? ldexp(fraction, -24)
                  : exponent == 31 ? (fraction ? NAN : INFINITY)
                                   : ldexp(1024 + fraction, exponent - 25);
    return half >> 15 ? -size : size;
}

/* The value, rounded to what a float16 can hold. */
static double reference_round(double value)
{
    if (value == 0 || isnan(value) || isinf(value))
        return value;
    int exponent;
    frexp(value, &exponent);
    int unit = exponent - 11 < -24 ? -24 : exponent - 11;
    double rounded = ldexp(rint(ldexp(value, -unit)), unit);
    return fabs(rounded) >= 65536 ? copysign(INFINITY, value) : rounded;
}

static void check_round(double value)
{
    double expected = reference_round(value);
    double rounded = mp_half_to_double(mp_half_from_double(value));
    if (rounded != expected || signbit(rounded) != signbit(expected))
        fail_msg("%a becomes %a, not %a", value, rounded, expected);
}

static void test_every_value(void **state)
{
    (void)state;
    for (int k = 0; k < 65536; k++) {
        uint16_t half = (uint16_t)k;
        double expected = reference_value(half);
        double value = mp_half_to_double(half);
        assert_int_equal(!!signbit(value), half >> 15);
        if (isnan(expected)) {
            assert_true(isnan(value));
            assert_int_equal(mp_half_from_double(value), half | 0x200);
        } else {
            assert_true(value == expected);
            assert_int_equal(mp_half_from_double(value), half);
        }
    }
}

/* Half way between neighbours, and just beside. */
static void test_ties(void **state)
{
    (void)state;
    for (int k = 0; k < 0x7c00; k++) {
        double low = reference_value((uint16_t)k);
        double high = k == 0x7bff ? 65536 : reference_value((uint16_t)(k + 1));
        double middle = (low + high) / 2;
        const double near[] = {middle, nextafter(middle, 0),
                               nextafter(middle, 1e9)};
        for (int i = 0; i < 3; i++) {
            check_round(near[i]);
            check_round(-near[i]);
        }
    }
}

static void test_known(void **state)
{
    (void)state;
    assert_int_equal(mp_half_from_double(1), 0x3c00);
    assert_int_equal(mp_half_from_double(-2), 0xc000);
    assert_int_equal(mp_half_from_double(65504), 0x7bff);
    assert_int_equal(mp_half_from_double(65519.99), 0x7bff);
    assert_int_equal(mp_half_from_double(65520), 0x7c00);
    assert_int_equal(mp_half_from_double(-1e300), 0xfc00);
    assert_int_equal(mp_half_from_double(0x1p-25), 0);
    assert_int_equal(mp_half_from_double(nextafter(0x1p-25, 1)), 1);
    assert_int_equal(mp_half_from_double(-5e-324), 0x8000);
    assert_int_equal(mp_half_from_double(-0.0), 0x8000);
    assert_int_equal(mp_half_from_double(INFINITY), 0x7c00);
    /* Rounded by way of a float this would become a tie. */
    assert_int_equal(mp_half_from_double(1 + 0x1p-11 + 0x1p-40), 0x3c01);
}

static void test_random(void **state)
{
    (void)state;
    uint64_t seed = 16;
    for (int k = 0; k < 100000; k++) {
        double size = 1 + ldexp((double)(random_bits(&seed) >> 11), -53);
        double value = ldexp(size, (int)random_int(&seed, -30, 18));
        check_round(k & 1 ? -value : value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
