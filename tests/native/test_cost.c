/* Costs: what counts for many rounds, and what does not. */
#include "fixture.h"
#include "native/cost.h"
#include "native/passes.h"

static const compile_pass passes[] = {mp__infer_run, mp__fold_run,
                                      mp__diverge_run, mp__mask_run, NULL};

/* The weight of a round of each loop, the outermost first, and at last that of
 * what is in none. */
static int weigh(const char *source, const char *types, int64_t *weights)
{
    mp_spec spec = make_spec(types);
    spec.lanes = 8;
    compiled *c = compile_with(NULL, source, &spec, passes);
    assert_int_equal(c->status, MP_OK);
    int count = 0;
    for (int k = 0; k < c->func->norder; k++) {
        const mp_block *block = c->func->order[k];
        if (block->header == block)
            weights[count++] =
                mp__cost_weight(mp__cost_of_round(c->func, block));
    }
    weights[count++] = mp__cost_weight(mp__cost_of_round(c->func, NULL));
    compile_free(c);
    return count;
}

static void short_rounds_count_once(void **data)
{
    (void)data;
    int64_t w[3];
    int count = weigh("function(x) local s = x\n"
                      "for i = 1, 9 do for j = 1, 9 do s = s * x + j end end\n"
                      "return s end",
                      "f8 -> f8", w);
    assert_int_equal(count, 3);
    for (int k = 0; k < count; k++)
        assert_int_equal(w[k], 1);
}

static void long_ones_count_for_many(void **data)
{
    (void)data;
    int64_t w[3];
    assert_int_equal(weigh("function(x) local s = x\n"
                           "for i = 1, 9 do\n"
                           "  s = s % 0.3\n"
                           "  for j = 1, 9 do s = math.sin(s) end\n"
                           "end return math.fmod(s, x) % x end",
                           "f8 -> f8", w),
                     3);
    assert_in_range(w[0], 200, 1000);
    assert_in_range(w[1], 2, 20);
    assert_in_range(w[2], 2 * w[0] - 20, 2 * w[0] + 20);
}

/* Eight lanes take eight times as long as what is the same for all. */
static void lanes_count(void **data)
{
    (void)data;
    int64_t varying[2], uniform[2];
    static const char *const source =
        "function(x, y) local s = y\n"
        "for i = 1, 99 do s = s % 7.5 end return x + s end";
    assert_int_equal(weigh(source, "f8 f8 -> f8", varying), 2);
    assert_int_equal(weigh(source, "f8 =f -> f8", uniform), 2);
    assert_in_range(varying[0], 7 * uniform[0], 9 * uniform[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_rounds_count_once),
        cmocka_unit_test(long_ones_count_for_many),
        cmocka_unit_test(lanes_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
