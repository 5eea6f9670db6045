/* Bytecode to SSA: arithmetic and results; dumps of small kernels, refusals,
 * and what the evaluator makes of each against Lua. */
#include "built.h"

/* ---- arithmetic --------------------------------------------------------- */

static void arithmetic(void **data)
{
    (void)data;
    check("function(x, y) local t = x + y return t * t end", "f8 f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: any = param 1\n"
          "  %2: any = add %0 %1 ; line 1\n"
          "  %3: any = mul %2 %2 ; line 1\n"
          "  result 0 %3 ; line 1\n"
          "  return\n");
    const char *types[] = {"f8 f8 -> ?", "i8 f8 -> ?", "f8 i8 -> ?",
                           "i8 i8 -> ?", "b1 i8 -> ?"};
    for (int k = 0; k < 5; k++) {
        same("function(x, y) return x + y, x - y, x * y, x / y, -x end",
             types[k]);
        same("function(x, y) return x // y, x % y end", types[k]);
        same("function(x, y) return x ^ y end", types[k]);
        same("function(x, y) return x & y, x | y, x ~ y, ~x end", types[k]);
        same("function(x, y) return x << y, x >> y end", types[k]);
        same("function(x, y) return x == y, x ~= y end", types[k]);
        same("function(x, y) return x < y, x <= y, x > y, x >= y end",
             types[k]);
    }
}

static void constants_are_one_node_each(void **data)
{
    (void)data;
    check("function(x) return x + 1, x - 1, x + 1.0, 0.5, -1.5 end", "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: int = const 1\n"
          "  %4: float = const 1\n"
          "  %6: float = const 0.5\n"
          "  %7: float = const -1.5\n"
          "  %2: any = add %0 %1 ; line 1\n"
          "  %3: any = sub %0 %1 ; line 1\n"
          "  %5: any = add %0 %4 ; line 1\n"
          "  result 0 %2 ; line 1\n"
          "  result 1 %3 ; line 1\n"
          "  result 2 %5 ; line 1\n"
          "  result 3 %6 ; line 1\n"
          "  result 4 %7 ; line 1\n"
          "  return\n");
}

static void strings_are_refused(void **data)
{
    (void)data;
    refused("function(x)\n return x + '1' end", "f8 -> ?", 2,
            "strings are not compiled");
    refused("function(x) return 'a' < x end", "f8 -> ?", 1,
            "strings are not compiled");
    refused("function(x) return x .. x end", "f8 -> ?", 1,
            "strings are not compiled");
    refused("function(x)\n\n return 'a' end", "f8 -> ?", 3,
            "result 1 of the kernel is a string");
    refused("function(x) return ('a'):len() end", "f8 -> ?", 1,
            "strings are not compiled");
    same("function(x) return x + #'four' end", "f8 -> ?");
}

/* ---- results ------------------------------------------------------------ */

static void results(void **data)
{
    (void)data;
    compiled *c = compile("function(x) return x, 1, true end", "f8 -> ?", NULL);
    assert_int_equal(c->status, MP_OK);
    assert_int_equal(c->spec.noutputs, 3);
    assert_true(c->spec.outputs[2].open);
    compile_free(c);
    refused("function(x)\nend", "f8 -> ?", 2, "the kernel returns nothing");
    refused("function(x) return x, x end", "f8 -> f8", 1,
            "the kernel returns 2 values, 1 wanted");
    refused("function(x) if x > 0 then return x end\n end", "f8 -> ?", 2,
            "returns 0 values here and 1 elsewhere");
    refused("function(x) return nil end", "f8 -> ?", 1,
            "result 1 of the kernel is nil");
    refused("function(x) return x end", "f8 f8 -> ?", 1,
            "the kernel takes 1 argument, 2 given");
    refused("function(a, x) return a, x end", "@f f8", 1,
            "the kernel returns 2 values, 1 wanted");
    same("function(s, n, x) return s + x, n + 1 end", "@f @i f8");
    same("function(x) return x end", "f8 -> i4");
    same("function(x) return x end", "i8 -> u1");
    same_tame("function(i, a) a[i] = i return 'dropped' end", "# [i8]");
}

/* It begins as a number, but need not stay one. */
static void nothing_is_sure_about_accumulators(void **data)
{
    (void)data;
    check("function(a, x) return a and x > 1 end", "@i f8",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: any = param 1\n"
          "  %3: int = const 1\n"
          "  %2: bool = truth %0 ; line 1\n"
          "  branch %2 b1 b2\n"
          "b1: b0\n"
          "  %4: bool = lt %3 %1 ; line 1\n"
          "  jump b2\n"
          "b2: b0 b1\n"
          "  %5: any = phi %0 %4 ; line 1\n"
          "  result 0 %5 ; line 1\n"
          "  return\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(constants_are_one_node_each),
        cmocka_unit_test(strings_are_refused),
        cmocka_unit_test(results),
        cmocka_unit_test(nothing_is_sure_about_accumulators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
