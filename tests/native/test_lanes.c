/* Lanes: which kernels run one item after the other. */
#include "fixture.h"

static const compile_pass passes[] = {mp__infer_run, mp__fold_run,
                                      mp__diverge_run, mp__lanes_run, NULL};

static int lanes_of(const char *source, const char *types, bool any)
{
    mp_spec spec = make_spec(types);
    spec.lanes = 8;
    spec.any_lanes = any;
    compiled *c = compile_with(NULL, source, &spec, passes);
    check_compiled(source, c);
    int lanes = c->spec.lanes;
    compile_free(c);
    return lanes;
}

static const char sparse[] = "function(i, start, column, value, x, y)\n"
                             "  local sum = 0.0\n"
                             "  for k = start[i] + 1, start[i + 1] do\n"
                             "    sum = sum + value[k] * x[column[k] + 1]\n"
                             "  end\n"
                             "  y[i] = sum\n"
                             "end";

static void gathers_in_loops(void **data)
{
    (void)data;
    assert_int_equal(lanes_of(sparse, "# [i4] [i4] [f8] [f8] [f8]", true), 1);
    assert_int_equal(lanes_of(sparse, "# [i4] [i4] [f8] [f8] [f8]", false), 8);
    /* An item a row: its elements are far from those of the next item. */
    assert_int_equal(lanes_of("function(j, old, new)\n"
                              "  local from, to = old[j], new[j]\n"
                              "  for i = 2, #from do\n"
                              "    to[i] = from[i] - from[i - 1]\n"
                              "  end\n"
                              "end",
                              "# [f8,2] [f8,2]", true),
                     1);
}

static void arithmetic(void **data)
{
    (void)data;
    assert_int_equal(lanes_of("function(x, y)\n"
                              "  local s = 0.0\n"
                              "  while s < x do s = s * s + y end\n"
                              "  return s\n"
                              "end",
                              "f8 f8 -> f8", true),
                     8);
    assert_int_equal(
        lanes_of("function(i, a, b)\n"
                 "  local s = 0.0\n"
                 "  for k = 1, #a do s = s + (a[k] - b[i]) ^ 2 end\n"
                 "  b[i] = s\n"
                 "end",
                 "# [f8] [f8]", true),
        8);
    /* Gathers, but what is done with them is more. */
    assert_int_equal(lanes_of("function(i, at, a, b)\n"
                              "  b[i] = math.exp(a[at[i]]) / a[i]\n"
                              "end",
                              "# [i4] [f8] [f8]", true),
                     8);
}

/* A register holds twice as many words as doubles, or four times. */
static void small_integers(void **data)
{
    (void)data;
    const char *source = "function(x, y) return (x * y + 127) // 255 end";
    assert_int_equal(lanes_of(source, "u1 u1 -> u1", true), 32);
    assert_int_equal(lanes_of(source, "u1 u2 -> u1", true), 16);
    assert_int_equal(lanes_of("function(x, y) return math.min(x + y, 255) end",
                              "u1 u1 -> u1", true),
                     32);
    assert_int_equal(
        lanes_of("function(x, y) return x < y end", "i4 i4 -> b1", true), 16);
    assert_int_equal(lanes_of(source, "u1 u1 -> u1", false), 8);
    assert_int_equal(lanes_of(source, "u1 i8 -> u1", true), 8);
    assert_int_equal(lanes_of(source, "u1 f4 -> f4", true), 8);
    assert_int_equal(
        lanes_of("function(x, y) return x / y end", "u1 u1 -> f8", true), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_in_loops),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(small_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
