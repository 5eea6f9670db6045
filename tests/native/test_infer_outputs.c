/* Outputs and accumulators: what they become. */
#include "machine.h"
#include "reference.h"

static const compile_pass passes[] = {mp__infer_run, NULL};

static void refused(const char *source, const char *types, int line,
                    const char *text)
{
    check_refused(source, types, passes, line, text);
}

/* Over tame and wild inputs, and never given up where Lua goes on. */
static void exact(const char *source, const char *types)
{
    for (int kind = INPUT_TAME; kind <= INPUT_WILD; kind++) {
        comparison c = {.source = source, .kind = (input_kind)kind};
        c = compare_with_lua(c, types, passes);
        if (c.deopts > 0)
            fail_msg("%s: gives up where Lua does not raise", source);
    }
}

static void check_output(const char *source, const char *types, mp_dtype wanted)
{
    compiled *c = compile(source, types, passes);
    assert_int_equal(c->status, MP_OK);
    assert_int_equal(c->spec.noutputs, 1);
    if (c->spec.outputs[0].dtype != wanted)
        fail_msg("%s: %s", source, mp_dtype_name(c->spec.outputs[0].dtype));
    compile_free(c);
}

static void outputs(void **data)
{
    (void)data;
    check_output("function(x) return x + 1 end", "i4 -> ?", MP_INT64);
    check_output("function(x) return x + 1 end", "f4 -> ?", MP_FLOAT32);
    check_output("function(x) return x / 2 end", "i4 -> ?", MP_FLOAT64);
    check_output("function(x) return x > 2 end", "f4 -> ?", MP_BOOL);
    check_output("function(x) return x > 2 and 1 or x end", "f4 -> ?",
                 MP_FLOAT32);
    check_output("function(x) return math.floor(x) end", "f4 -> ?", MP_INT64);
    check_output("function(x) return x > 2 and math.floor(x) or x end",
                 "f8 -> ?", MP_FLOAT64);
}

static mp_kind acc_kind(const char *source, const char *types)
{
    compiled *c = compile(source, types, passes);
    if (c->status != MP_OK)
        fail_msg("%s: %s", source, c->unit.refusal.what);
    mp_kind kind = c->spec.params[0].scalar;
    compile_free(c);
    return kind;
}

static void accumulators(void **data)
{
    (void)data;
    const char *sum = "function(acc, x) return acc + x end";
    const char *max = "function(acc, x) return math.max(acc, x) end";
    assert_int_equal(acc_kind(sum, "@i f8"), MP_KIND_FLOAT);
    assert_int_equal(acc_kind(sum, "@f i8"), MP_KIND_FLOAT);
    assert_int_equal(acc_kind(sum, "@i i8"), MP_KIND_INT);
    assert_int_equal(acc_kind(max, "@f f8"), MP_KIND_FLOAT);
    exact(sum, "@f i8");
    exact(max, "@i i8");
    refused(max, "@f i8", 1, "an accumulator is an integer here");
    refused("function(acc, x) return x end", "@f i8", 1,
            "begins as a float and becomes an integer");
    refused("function(acc, x) return x > 1 end", "@f f8", 1,
            "another kind of value");
}

static bool acc_is_mixed(const char *source, const char *types)
{
    compiled *c = compile(source, types, passes);
    if (c->status != MP_OK)
        fail_msg("%s: %s", source, c->unit.refusal.what);
    bool mixed = c->spec.params[0].mixed;
    if (mixed)
        assert_int_equal(c->spec.params[0].scalar, MP_KIND_FLOAT);
    compile_free(c);
    return mixed;
}

/* They begin as an integer, and are that one until they are floats. */
static void mixed_accumulators(void **data)
{
    (void)data;
    static const char *const mixed[] = {
        "function(acc, x) return math.max(acc, x) end",
        "function(acc, x) return math.min(x, acc, 2 * x) end",
        "function(acc, x) return num.clamp(acc, x, x + 1) end",
        "function(acc, x) if x > acc then acc = x end return acc end",
        "function(acc, x) return acc > x and acc or x end",
        "function(acc, x) if x > 0 then return acc + x end return acc end",
        ("function(acc, x) for i = 1, 3 do if x > i then acc = x end end "
         "return acc end"),
    };
    static const char *const other[] = {
        "function(acc, x) if x > 0 then return 0 end return acc + x end",
        "function(acc, x) if x > 0 then return x end return acc + 1 end",
        "function(acc, x) return x > 0 and x or -acc end",
        "function(acc, x) return math.max(acc, x, 3) end",
    };
    static const char text[] = "an accumulator is an integer here";
    for (size_t k = 0; k < sizeof mixed / sizeof *mixed; k++)
        assert_true(acc_is_mixed(mixed[k], "@ie f8"));
    for (size_t k = 0; k < sizeof other / sizeof *other; k++)
        refused(other[k], "@ie f8", 1, text);
    assert_false(acc_is_mixed("function(acc, x) return acc + x end", "@ie f8"));
    assert_false(acc_is_mixed(mixed[0], "@ie i4"));
    assert_false(acc_is_mixed(mixed[0], "@f f8"));
    refused(mixed[0], "@i f8", 1, text);
    refused("function(acc, n, x) return x > 0 and x or n, n end", "@ie @ie f8",
            1, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs),
        cmocka_unit_test(accumulators),
        cmocka_unit_test(mixed_accumulators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
