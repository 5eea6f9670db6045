/* Singles: which floats are computed in 32 bits. */
#include "fixture.h"

static const compile_pass passes[] = {
    mp__infer_run,  mp__fold_run, mp__diverge_run, mp__mask_run, mp__narrow_run,
    mp__single_run, NULL};

/* Whether what is stored by the only STORE or RESULT is single. */
static bool is_single(const char *source, const char *types, bool fastmath)
{
    mp_spec spec = make_spec(types);
    spec.lanes = 8;
    spec.fastmath = fastmath;
    compiled *c = compile_with(NULL, source, &spec, passes);
    check_compiled(source, c);
    const mp_node *effect = effect_at(c->func, 0);
    bool single = effect->args[effect->op == MP_OP_STORE ? 2 : 0]->single;
    compile_free(c);
    return single;
}

static void is(const char *expression, const char *types, bool exact, bool fast)
{
    char source[256];
    snprintf(source, sizeof source, "function(x, y) return %s end", expression);
    bool found = is_single(source, types, false);
    bool allowed = is_single(source, types, true);
    if (found != exact || allowed != fast)
        fail_msg("%s of %s: %d, with fastmath %d", expression, types, found,
                 allowed);
}

/* Rounded to float32 at once it is the same. */
static void one_operation(void **data)
{
    (void)data;
    is("x + y", "f4 f4 -> f4", true, true);
    is("x - y", "f4 f2 -> f4", true, true);
    is("x * y", "f4 u2 -> f4", true, true);
    is("x / y", "i1 f4 -> f4", true, true);
    is("x ^ 2", "f4 f4 -> f4", true, true);
    is("math.sqrt(x)", "f4 f4 -> f4", true, true);
    is("-(x * 0.5)", "f4 f4 -> f4", true, true);
    is("math.abs(x - 3)", "f4 f4 -> f4", true, true);
    is("x * 0.1", "f4 f4 -> f4", false, false);
    is("x * 1e40", "f4 f4 -> f4", false, false);
    is("x * y", "f4 i4 -> f4", false, false);
    is("x * y", "f4 f8 -> f4", false, false);
    is("x * y", "f4 f4 -> f8", false, false);
    is("x * y", "f4 =f -> f4", false, false);
    is("math.exp(x)", "f4 f4 -> f4", false, false);
}

/* Not so in float16, which is rounded to another time. */
static void float16(void **data)
{
    (void)data;
    is("x * y", "f4 f4 -> f2", false, true);
    is("-x", "f4 f4 -> f2", true, true);
}

static void several_operations(void **data)
{
    (void)data;
    is("x * y + x", "f4 f4 -> f4", false, true);
    is("math.sqrt(x * x + y * y)", "f4 f4 -> f4", false, true);
    is("x ^ 3", "f4 f4 -> f4", false, true);
    is("x * y + x", "f4 f4 -> f8", false, false);
    is("math.sin(x * y)", "f4 f4 -> f4", false, false);
    is("math.sin(x) * y", "f4 f4 -> f4", false, false);
}

/* A comparison chooses between such values, and decides nothing else. */
static void choices(void **data)
{
    (void)data;
    is("math.max(x, y)", "f4 f4 -> f4", true, true);
    is("math.max(x * y, 0.0)", "f4 f4 -> f4", true, true);
    is("math.min(x * y + 1, y)", "f4 f4 -> f4", false, true);
    assert_true(is_single("function(x, y)\n"
                          "  local v = x * y + 1\n"
                          "  return v < y and v or y\n"
                          "end",
                          "f4 f4 -> f4", true));
    assert_false(
        is_single("function(x, y) return x * y < y end", "f4 f4 -> b1", true));
    assert_true(
        is_single("function(x, y) return x < y end", "f4 f4 -> b1", false));
}

/* What goes round in a loop, or ends it, has 64 bits. */
static void loops(void **data)
{
    (void)data;
    assert_false(is_single("function(x, y)\n"
                           "  local s = x\n"
                           "  for k = 1, 3 do s = s * y end\n"
                           "  return s\n"
                           "end",
                           "f4 f4 -> f4", true));
    assert_false(is_single("function(x, y)\n"
                           "  local d = x - y\n"
                           "  while d * y > 1e-3 do y = y - 1 end\n"
                           "  return d * y\n"
                           "end",
                           "f4 f4 -> f4", true));
}

static void runs(void **data)
{
    (void)data;
    const char *source = "function(i, a, b)\n"
                         "  b[i] = (a[i] + a[i + 1]) * 0.5\n"
                         "end";
    assert_false(is_single(source, "# [f4] [f4]", false));
    assert_true(is_single(source, "# [f4] [f4]", true));
    assert_false(is_single(source, "# [f4] [f8]", true));
    assert_false(is_single(source, "# [f8] [f4]", true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_operation),
        cmocka_unit_test(float16),
        cmocka_unit_test(several_operations),
        cmocka_unit_test(choices),
        cmocka_unit_test(loops),
        cmocka_unit_test(runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
