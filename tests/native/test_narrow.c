/* Narrowing: which integers need 32 or 16 bits only, and which stores cannot
 * fail. */
#include "fixture.h"

static const compile_pass passes[] = {mp__infer_run,   mp__fold_run,
                                      mp__diverge_run, mp__mask_run,
                                      mp__narrow_run,  NULL};

static void narrow_to_16(mp_func *func)
{
    func->word = 16;
    mp__narrow_run(func);
}

static const compile_pass passes_16[] = {mp__infer_run,   mp__fold_run,
                                         mp__diverge_run, mp__mask_run,
                                         narrow_to_16,    NULL};

/* Whether the only result fits where it goes, and is small. */
static bool result_of(const char *source, const char *types,
                      const compile_pass *run, bool *small)
{
    mp_spec spec = make_spec(types);
    spec.lanes = 8;
    compiled *c = compile_with(NULL, source, &spec, run);
    check_compiled(source, c);
    const mp_node *result = effect_at(c->func, 0);
    bool fits = result->fits;
    *small = result->args[0]->small;
    compile_free(c);
    return fits;
}

static void is_by(const char *expression, const char *types,
                  const compile_pass *run, bool small, bool fits)
{
    char source[256];
    bool got;
    snprintf(source, sizeof source, "function(x, y) return %s end", expression);
    if (result_of(source, types, run, &got) != fits || got != small)
        fail_msg("%s of %s: small %d, fits %d", expression, types, got,
                 result_of(source, types, run, &got));
}

static void is(const char *expression, const char *types, bool small, bool fits)
{
    is_by(expression, types, passes, small, fits);
}

/* Whether 16 bits are enough. */
static void is_16(const char *expression, const char *types, bool small)
{
    bool fits;
    char source[256];
    snprintf(source, sizeof source, "function(x, y) return %s end", expression);
    result_of(source, types, passes_16, &fits);
    if (fits != small)
        fail_msg("%s of %s: 16 bits: %d", expression, types, fits);
}

static void sums_and_products(void **data)
{
    (void)data;
    is("x + y", "u1 u1 -> u1", true, false);
    is("x + y", "u1 u1 -> u2", true, true);
    is("x - y", "u1 u1 -> u2", true, false);
    is("x - y", "u1 u1 -> i2", true, true);
    is("x * y", "i2 i2 -> i4", true, true);
    is("x * y", "u2 u2 -> u4", false, true);
    is("x * y * x", "u1 u1 -> i4", true, true);
    is("x + 1", "i4 i4 -> i4", false, false);
    is("x + 1", "u4 u4 -> i8", false, true);
    is("-x", "i1 i1 -> i1", true, false);
    is("-x", "i4 i4 -> i8", false, true);
    is("x + y", "i8 i8 -> i8", false, true);
    is("x", "i8 i8 -> u8", false, false);
    is("x", "u4 u4 -> u8", false, true);
}

static void bits_and_quotients(void **data)
{
    (void)data;
    is("x & 255", "i8 i8 -> u1", false, true);
    is("x | y", "u1 u1 -> u1", true, true);
    is("x ~ y", "u1 i1 -> i2", false, false);
    is("x << 8 | y", "u1 u1 -> u2", true, true);
    is("x << y", "u1 u1 -> i8", false, true);
    is("x >> 4", "u1 u1 -> u1", true, true);
    is("x >> 4", "i1 i1 -> i8", false, true);
    is("x // 16", "i2 i2 -> i2", true, true);
    is("x // 255", "u2 u2 -> u1", true, false);
    is("x // 257", "u2 u2 -> u1", true, true);
    is("x % 10", "u2 u2 -> u1", true, true);
    is("x % 10", "i2 i2 -> u1", false, true);
    is("x // y", "u2 u2 -> i4", false, false);
    is("(x * y + (255 - x) * y + 127) // 255", "u1 u1 -> u1", true, true);
}

/* What is linear in each of several integers has its extremes at corners. */
static void corners(void **data)
{
    (void)data;
    is("x - x", "i8 i8 -> u1", false, true);
    is("x + y - x", "u1 u1 -> u1", true, true);
    is("x * (255 - y) + y * x", "u1 u1 -> u2", true, true);
    is("x * (256 - y) + y * x", "u1 u1 -> u2", true, true);
    is("x * (257 - y) + y * x", "u1 u1 -> u2", true, true);
    is("x * (258 - y) + y * x", "u1 u1 -> u2", true, false);
    /* Not in one that is squared, whose least value lies in between. */
    is("x * x - 255 * x", "u1 u1 -> i4", true, true);
    is("x * x - 255 * x", "u1 u1 -> u2", true, false);
    is("(x - 128) * (x - 128)", "u1 u1 -> u2", true, false);
    /* Nor in what overflows. */
    is("x + y - y", "i8 i8 -> i4", false, false);
    is("x * 2 - x", "i8 i8 -> i4", false, false);
}

static void choices(void **data)
{
    (void)data;
    is("math.min(x + y, 255)", "u1 u1 -> u1", true, true);
    is("math.max(x - y, 0)", "u1 u1 -> u1", true, true);
    is("num.clamp(x - y, 0, 127)", "u1 u1 -> i1", true, true);
    is("math.max(math.min(x, 255), 0)", "i8 i8 -> u1", false, true);
    is("math.min(x, y)", "u1 i4 -> u1", true, false);
    is("x < y and x or y + 1", "u1 u1 -> u1", true, false);
}

/* From 0 to 65535, or with a sign. */
static void halves(void **data)
{
    (void)data;
    is_16("x * y", "u1 u1 -> i8", true);
    is_16("x * y + 511", "u1 u1 -> i8", false);
    is_16("x * y + 510", "u1 u1 -> i8", true);
    is_16("x * y", "i1 i1 -> i8", true);
    is_16("x * y * 2", "i1 i1 -> i8", false);
    is_16("x * y * 2 - 1", "i1 i1 -> i8", false);
    is_16("x * (y * 2) // 2", "u1 i1 -> i8", false);
    is_16("x - y", "u2 u1 -> i8", false);
    is_16("x + 32768", "i2 i2 -> i8", true);
    is_16("x - 1", "i2 i2 -> i8", false);
    is_16("-x", "u1 u1 -> i8", true);
    is_16("-x", "u2 u2 -> i8", false);
    is_16("x << 8 | y", "u1 u1 -> i8", true);
    is_16("x << 9", "u1 u1 -> i8", false);
    is_16("(x & 0) << 16", "u1 u1 -> i8", false);
    is_16("x >> 15", "u2 u2 -> i8", true);
    is_16("x >> 16", "u2 u2 -> i8", false);
    is_16("x // 65535", "u2 u2 -> i8", true);
    is_16("x // 65537", "u2 u2 -> i8", false);
    is_16("x // 16", "i2 i2 -> i8", true);
    is_16("x // 10", "i2 i2 -> i8", false);
    is_16("x & 255", "i4 i4 -> i8", false);
    is_16("(x * y + (255 - x) * y + 127) // 255", "u1 u1 -> u1", true);
}

/* What goes round in a loop may be anything. */
static void loops(void **data)
{
    (void)data;
    bool small;
    result_of("function(x, n)\n"
              "  local s = 0\n"
              "  for k = 1, n do s = s + x end\n"
              "  return s\n"
              "end",
              "u1 =i -> i8", passes, &small);
    assert_false(small);
}

/* A quotient of the largest numbers, and of those around multiples. */
static void check_factor(int64_t most, int64_t by)
{
    uint32_t factor;
    int shift;
    if (!mp__narrow_factor(most, by, &factor, &shift))
        return;
    for (int64_t k = most / by; k >= 0 && k > most / by - 300; k--) {
        for (int64_t x = k * by - 1; x <= k * by + 1; x++) {
            if (x < 0 || x > most)
                continue;
            uint32_t quotient = ((uint32_t)x * factor) >> shift;
            if (quotient != (uint64_t)x / (uint64_t)by)
                fail_msg("%lld / %lld is not %u", (long long)x, (long long)by,
                         quotient);
        }
    }
}

static void factors(void **data)
{
    (void)data;
    uint32_t factor;
    int shift;
    for (int64_t by = 1; by <= 1000; by++) {
        check_factor(255, by);
        check_factor(65535, by);
        check_factor(by * by, by);
        assert_true(mp__narrow_factor(255, by, &factor, &shift));
    }
    assert_true(mp__narrow_factor(65535, 255, &factor, &shift));
    assert_false(mp__narrow_factor(INT32_MAX, 7, &factor, &shift));
    assert_false(mp__narrow_factor(-1, 7, &factor, &shift));
    assert_false(mp__narrow_factor(255, 0, &factor, &shift));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products),
        cmocka_unit_test(bits_and_quotients),
        cmocka_unit_test(corners),
        cmocka_unit_test(choices),
        cmocka_unit_test(halves),
        cmocka_unit_test(loops),
        cmocka_unit_test(factors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
