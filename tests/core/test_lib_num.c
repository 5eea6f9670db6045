/* The num library against C's math.h. */
#include "lib_fixture.h"

#include <float.h>
#include <math.h>

static void expect_number(fixture *f, const char *source, double expected)
{
    char text[64];
    snprintf(text, sizeof text, "number %a\n", expected);
    expect(f, source, text);
}

static void test_functions(void **data)
{
    /* Keeps the compiler from computing results that are better than those of
     * the C library. */
    volatile double point3 = 0.3;
    const struct {
        const char *source;
        double expected;
    } cases[] = {
        {"num.acosh(1.5)", acosh(1.5)},
        {"num.asinh(0.3)", asinh(point3)},
        {"num.atanh(0.3)", atanh(point3)},
        {"num.cbrt(0.3 * 90)", cbrt(point3 * 90)},
        {"num.cosh(0.3)", cosh(point3)},
        {"num.erf(0.3)", erf(point3)},
        {"num.erfc(0.3)", erfc(point3)},
        {"num.exp2(0.3)", exp2(point3)},
        {"num.expm1(1e-10)", expm1(1e-10)},
        {"num.gamma(5)", 24},
        {"num.lgamma(0.3)", lgamma(point3)},
        {"num.lgamma(-0.5)", lgamma(-0.5)},
        {"num.log10(1000)", log10(1000)},
        {"num.log1p(1e-10)", log1p(1e-10)},
        {"num.log2(8)", 3},
        {"num.rint(2.5)", 2},
        {"num.rint(3.5)", 4},
        {"num.round(2.5)", 3},
        {"num.round(-2.5)", -3},
        {"num.sinh(0.3)", sinh(point3)},
        {"num.tanh(0.3)", tanh(point3)},
        {"num.trunc(-2.7)", -2},
        {"num.atan2(1, -2)", atan2(1, -2)},
        {"num.copysign(3, -0.0)", -3},
        {"num.hypot(3, 4)", 5},
        {"num.hypot(3e200, 4e200)", hypot(3e200, 4e200)},
        {"num.nextafter(1, 2)", 1 + DBL_EPSILON},
        {"num.pow(2, 0.5)", pow(2, 0.5)},
        {"num.remainder(7, 4)", -1},
        {"num.fma(1e16, 1 + 2^-52, -1e16)", fma(1e16, 1 + 0x1p-52, -1e16)},
        {"num.sign(-2.5)", -1},
        {"num.sign(0.0)", 0},
        {"num.sign(num.inf)", 1},
        {"num.lerp(2, 4, 0.5)", 3},
        {"num.lerp(0.1, 0.7, 0)", 0.1},
        {"num.lerp(0.1, 0.7, 1)", 0.7},
        {"num.clamp(2.5, 0, 1.5)", 1.5},
        {"num.eps", DBL_EPSILON},
        {"num.inf", (double)INFINITY},
        {"num.erf('0.3')", erf(point3)},
        {"num.random(1, 2)", mp_random_unit(1, 2)},
        {"num.random(-1, 2^40)",
         mp_random_unit(~(uint64_t)0, (uint64_t)1 << 40)},
        {"num.normal(1, 2)", mp_random_normal(1, 2)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char source[128];
        snprintf(source, sizeof source, "return %s", cases[i].source);
        expect_number(*data, source, cases[i].expected);
    }
}

static void test_integers_and_booleans(void **data)
{
    expect(*data, "return num.sign(-7), num.sign(0), num.sign(9)",
           "number -1\nnumber 0\nnumber 1\n");
    expect(*data,
           "return num.clamp(5, 1, 3), num.clamp(0, 1, 3), "
           "num.clamp(2, 1, 3)",
           "number 3\nnumber 1\nnumber 2\n");
    expect(*data,
           "return num.isnan(num.nan), num.isnan(1), "
           "num.isinf(-num.inf), num.isinf(num.nan), "
           "num.isfinite(3), num.isfinite(num.inf)",
           "boolean 1\nboolean 0\nboolean 1\nboolean 0\nboolean 1\n"
           "boolean 0\n");
    expect_ok(*data, "local s = num.sign(num.nan) assert(s ~= s) "
                     "local c = num.clamp(num.nan, 0, 1) assert(c ~= c)");
    expect(*data, "return num.worker()", "number 3\n");
}

static void test_errors(void **data)
{
    expect(*data, "return num.erf()",
           "error string 64 test:1: bad argument #1 to 'erf' (number "
           "expected, got no value)\n");
    expect(*data, "return num.hypot(1, {})",
           "error string 63 test:1: bad argument #2 to 'hypot' (number "
           "expected, got table)\n");
    expect(*data, "return num.random(1, 0.5)",
           "error string 74 test:1: bad argument #2 to 'random' (number has "
           "no integer representation)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_integers_and_booleans),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
