/* Facts: whatever integers two ranges hold, what comes of them is in the range
 * of the result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "native/datum.h"
#include "native/fact.h"

/* Ends of ranges: small ones, and where integers wrap. */
static const int64_t ends[] = {
    INT64_MIN, INT64_MIN + 1, -65,       -7, -1, 0, 1, 3,
    64,        INT64_MAX - 1, INT64_MAX,
};
#define NENDS ((int)(sizeof ends / sizeof *ends))

static mp_fact range(int low, int high)
{
    return mp__fact_ints(ends[low], ends[high]);
}

/* A value of a range: an end, or one beside it. */
static int64_t pick(mp_fact fact, int k)
{
    int64_t value = k % 2 == 0 ? fact.low : fact.high;
    if (k >= 2 && fact.low < fact.high)
        value += k % 2 == 0 ? 1 : -1;
    return value;
}

typedef mp_fact (*rule)(mp_fact a, mp_fact b);

static void check_values(const mp_node *node, rule of, mp_fact a, mp_fact b)
{
    mp_fact fact = of(a, b);
    for (int k = 0; k < 16; k++) {
        mp_datum out, args[2] = {
                          {.type = MP_TYPE_INT, .as.i = pick(a, k / 4)},
                          {.type = MP_TYPE_INT, .as.i = pick(b, k % 4)},
                      };
        if (!mp__datum_apply(node, args, &out))
            continue;
        if (out.type == MP_TYPE_BOOL) {
            unsigned may = out.as.b ? MP_MAY_TRUE : MP_MAY_FALSE;
            assert_true(fact.may & may);
        } else if (out.as.i < fact.low || out.as.i > fact.high) {
            fail_msg("op %d of %lld and %lld", (int)node->op,
                     (long long)args[0].as.i, (long long)args[1].as.i);
        }
    }
}

static void check_rule(mp_op op, mp_builtin builtin, rule of)
{
    mp_node node = {.op = op, .type = MP_TYPE_INT, .nargs = 2};
    node.as.builtin = builtin;
    for (int k = 0; k < NENDS * NENDS * NENDS * NENDS; k++) {
        int i = k % NENDS, j = k / NENDS % NENDS;
        int m = k / NENDS / NENDS % NENDS, n = k / NENDS / NENDS / NENDS;
        if (i <= j && m <= n)
            check_values(&node, of, range(i, j), range(m, n));
    }
}

static mp_fact less(mp_fact a, mp_fact b)
{
    return mp__fact_of(mp__fact_less(a, b, false));
}

static mp_fact less_equal(mp_fact a, mp_fact b)
{
    return mp__fact_of(mp__fact_less(a, b, true));
}

static mp_fact equal(mp_fact a, mp_fact b)
{
    return mp__fact_of(mp__fact_same(a, b));
}

static void rules_hold(void **data)
{
    (void)data;
    check_rule(MP_OP_ADD, 0, mp__fact_add);
    check_rule(MP_OP_SUB, 0, mp__fact_sub);
    check_rule(MP_OP_MUL, 0, mp__fact_mul);
    check_rule(MP_OP_IDIV, 0, mp__fact_idiv);
    check_rule(MP_OP_MOD, 0, mp__fact_mod);
    check_rule(MP_OP_BAND, 0, mp__fact_band);
    check_rule(MP_OP_SHR, 0, mp__fact_shr);
    check_rule(MP_OP_LT, 0, less);
    check_rule(MP_OP_LE, 0, less_equal);
    check_rule(MP_OP_EQ, 0, equal);
    check_rule(MP_OP_BUILTIN, MP_BUILTIN_MATH_FMOD, mp__fact_fmod);
}

static mp_fact absolute(mp_fact a, mp_fact b)
{
    (void)b;
    return mp__fact_abs(a);
}

static void absolute_values(void **data)
{
    (void)data;
    mp_node node = {.op = MP_OP_BUILTIN, .type = MP_TYPE_INT, .nargs = 1};
    node.as.builtin = MP_BUILTIN_MATH_ABS;
    for (int i = 0; i < NENDS; i++) {
        for (int j = i; j < NENDS; j++)
            check_values(&node, absolute, range(i, j), range(0, 0));
    }
}

/* They are as narrow as can be where it matters. */
static void ranges_are_narrow(void **data)
{
    (void)data;
    mp_fact sum = mp__fact_add(mp__fact_ints(1, 5), mp__fact_ints(-2, 3));
    assert_true(sum.low == -1 && sum.high == 8 && sum.exact);
    mp_fact rest = mp__fact_mod(mp__fact_of(MP_MAY_INT), mp__fact_ints(8, 8));
    assert_true(rest.low == 0 && rest.high == 7);
    mp_fact product = mp__fact_mul(mp__fact_ints(-3, 2), mp__fact_ints(-5, 4));
    assert_true(product.low == -12 && product.high == 15);
    assert_false(mp__fact_of(MP_MAY_INT).exact);
    assert_true(mp__fact_of(MP_MAY_FLOAT).exact);
}

static void joining(void **data)
{
    (void)data;
    mp_fact none = mp__fact_none(), one = mp__fact_ints(1, 1);
    assert_true(mp__fact_equal(mp__fact_join(none, one), one));
    mp_fact both = mp__fact_join(one, mp__fact_of(MP_MAY_FLOAT));
    assert_int_equal(both.may, MP_MAY_NUMBER);
    assert_true(both.low == 1 && both.high == 1 && both.exact);
    assert_false(mp__fact_only(both, MP_MAY_INT));
    assert_false(mp__fact_only(none, MP_MAY_INT));
}

/* A range that grows for ever does so in a few steps. */
static void widening(void **data)
{
    (void)data;
    mp_fact fact = mp__fact_ints(0, 0);
    int steps = 0;
    while (fact.high < INT64_MAX && steps++ < 10) {
        mp_fact now =
            mp__fact_join(fact, mp__fact_ints(fact.low, fact.high + 1));
        fact = mp__fact_widen(fact, now);
    }
    assert_true(steps < 10);
    assert_int_equal(fact.low, 0);
    fact = mp__fact_widen(mp__fact_ints(5, 9), mp__fact_ints(4, 9));
    assert_true(fact.low == 0 && fact.high == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_hold),        cmocka_unit_test(absolute_values),
        cmocka_unit_test(ranges_are_narrow), cmocka_unit_test(joining),
        cmocka_unit_test(widening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
