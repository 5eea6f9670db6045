/* Philox against the known answers that its authors publish with Random123,
 * and what is built on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "core/random.h"

static void check(const uint32_t counter[4], const uint32_t key[2],
                  const uint32_t expected[4])
{
    mp_philox block = mp_philox_block(counter, key);
    for (int i = 0; i < 4; i++)
        assert_int_equal(block.word[i], expected[i]);
}

static void test_known_answers(void **data)
{
    (void)data;
    const uint32_t zero[4] = {0};
    const uint32_t ones[4] = {~0u, ~0u, ~0u, ~0u};
    const uint32_t pi[6] = {0x243f6a88, 0x85a308d3, 0x13198a2e,
                            0x03707344, 0xa4093822, 0x299f31d0};
    check(zero, zero,
          (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    check(ones, ones,
          (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    check(pi, pi + 4,
          (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void test_unit_is_the_known_answer(void **data)
{
    (void)data;
    uint64_t bits = 0xe169c58d6627e8d5u >> 11;
    assert_true(mp_random_unit(0, 0) == (double)bits / 0x1p53);
}

static void test_unit_fills_the_interval(void **data)
{
    (void)data;
    double sum = 0, squares = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        double x = mp_random_unit(42, (uint64_t)i);
        assert_true(x >= 0 && x < 1);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / n - 0.5) < 0.005);
    assert_true(fabs(squares / n - 1.0 / 3) < 0.005);
}

static void test_normal_has_its_moments(void **data)
{
    (void)data;
    double sum = 0, squares = 0, fourth = 0, product = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        double x = mp_random_normal(7, (uint64_t)i);
        assert_true(isfinite(x));
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
        product += x * (mp_random_unit(7, (uint64_t)i) - 0.5);
    }
    assert_true(fabs(sum / n) < 0.02);
    assert_true(fabs(squares / n - 1) < 0.03);
    assert_true(fabs(fourth / n - 3) < 0.2);
    assert_true(fabs(product / n) < 0.01);
}

static void test_seed_and_index_matter_in_full(void **data)
{
    (void)data;
    const uint64_t high = (uint64_t)1 << 63;
    assert_true(mp_random_unit(1, 2) == mp_random_unit(1, 2));
    assert_true(mp_random_unit(1, 2) != mp_random_unit(2, 1));
    assert_true(mp_random_unit(1, 2) != mp_random_unit(1 | high, 2));
    assert_true(mp_random_unit(1, 2) != mp_random_unit(1, 2 | high));
}

static void test_draws_depend_on_the_item_alone(void **data)
{
    (void)data;
    mp_random a = {.item = 5}, b = {.item = 9};
    uint64_t first = mp_random_next(&a), second = mp_random_next(&a);
    assert_true(first != second);
    a.item = 6;
    assert_true(mp_random_next(&a) != first);
    /* Another worker, which had other items before. */
    mp_random_next(&b);
    b.item = 5;
    assert_true(mp_random_next(&b) == first);
    assert_true(mp_random_next(&b) == second);
}

static void test_draws_are_not_num_random(void **data)
{
    (void)data;
    mp_random random = {.seed = 3, .item = 4};
    double draw = (double)(mp_random_next(&random) >> 11) * 0x1p-53;
    assert_true(draw != mp_random_unit(3, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_unit_is_the_known_answer),
        cmocka_unit_test(test_unit_fills_the_interval),
        cmocka_unit_test(test_normal_has_its_moments),
        cmocka_unit_test(test_seed_and_index_matter_in_full),
        cmocka_unit_test(test_draws_depend_on_the_item_alone),
        cmocka_unit_test(test_draws_are_not_num_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
