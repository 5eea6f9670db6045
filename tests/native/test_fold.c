/* Folding: dumps of what is left, and what comes out against Lua, also of
 * kernels made at random. */
#include "dumped.h"
#include "machine.h"
#include "reference.h"

static const compile_pass passes[] = {mp__infer_run, mp__fold_run, NULL};

static void check(const char *source, const char *types, const char *wanted)
{
    check_renumbered(source, types, passes, wanted);
}

/* Over tame and wild inputs. */
static void same(const char *source, const char *types)
{
    comparison c = {.source = source, .kind = INPUT_TAME};
    compare_with_lua(c, types, passes);
    c.kind = INPUT_WILD;
    compare_with_lua(c, types, passes);
}

/* All expressions become this constant: "float: const 4". */
static void folds(const char *expression, const char *types,
                  const char *constant)
{
    char source[200], wanted[200];
    snprintf(source, sizeof source, "function(x, y) return %s end", expression);
    snprintf(wanted, sizeof wanted,
             "b0:\n  %%0: %s\n  result 0 %%0 ; line 1\n  return\n", constant);
    check(source, types, wanted);
    same(source, types);
}

/* It becomes its first argument. */
static void vanishes(const char *expression, const char *types,
                     const char *type)
{
    char source[200], wanted[200];
    snprintf(source, sizeof source, "function(x, y) return %s end", expression);
    snprintf(wanted, sizeof wanted,
             "b0:\n  %%0: %s = param 0\n  result 0 %%0 ; line 1\n  return\n",
             type);
    check(source, types, wanted);
    same(source, types);
}

/* ---- constants and identities ------------------------------------------- */

/* Lua's compiler folds what is written as constants; a local hides them. */
static void constants(void **data)
{
    (void)data;
    folds("-(x - x) // 7", "i8 i8 -> ?", "int = const 0");
    folds("((x & 0) - 7) // 2", "i8 i8 -> ?", "int = const -4");
    folds("((x & 0) - 7) % 3", "i8 i8 -> ?", "int = const 2");
    folds("((x & 0) + math.mininteger) // ((x & 0) - 1)", "i8 i8 -> ?",
          "int = const -9223372036854775808");
    folds("((x & 0) + math.mininteger) % ((x & 0) - 1)", "i8 i8 -> ?",
          "int = const 0");
    folds("((x & 0) + 1) << 64", "i8 i8 -> ?", "int = const 0");
    folds("((x & 0) + 1) << -1", "i8 i8 -> ?", "int = const 0");
    folds("((x & 0) - 1) >> 63", "i8 i8 -> ?", "int = const 1");
    folds("((x & 0) + 9007199254740993) < 9007199254740992.0", "i8 i8 -> ?",
          "bool = const false");
    folds("((x & 0) - 5.5) % 2", "i8 i8 -> ?", "float = const 0.5");
    folds("math.floor((x & 0) - 5.5)", "i8 i8 -> ?", "int = const -6");
    folds("math.max(x & 0, 3, -1)", "i8 i8 -> ?", "int = const 3");
    folds("x ~ x", "i8 i8 -> ?", "int = const 0");
    folds("x * 0", "i8 i8 -> ?", "int = const 0");
    folds("x % 1", "i8 i8 -> ?", "int = const 0");
    folds("x < x", "f8 f8 -> ?", "bool = const false");
    folds("x ^ 0", "f8 f8 -> ?", "float = const 1");
}

static void integers_that_vanish(void **data)
{
    (void)data;
    static const char *const expressions[] = {
        "x + 0", "0 + x",  "x - 0", "x * 1",       "1 * x",         "x // 1",
        "x | 0", "x & -1", "x ~ 0", "x << 0",      "x >> 0",        "-(-x)",
        "~~x",   "x & x",  "x | x", "x * -1 * -1", "x // -1 // -1",
    };
    for (size_t k = 0; k < sizeof expressions / sizeof *expressions; k++)
        vanishes(expressions[k], "i8 i8 -> ?", "int");
}

static void floats_that_vanish(void **data)
{
    (void)data;
    static const char *const expressions[] = {
        "x * 1", "1.0 * x",  "x / 1", "x - 0.0",
        "x - 0", "x + -0.0", "-(-x)", "x ^ 1",
    };
    for (size_t k = 0; k < sizeof expressions / sizeof *expressions; k++)
        vanishes(expressions[k], "f8 f8 -> ?", "float");
    vanishes("not not x", "b1 b1 -> ?", "bool");
    vanishes("x == true", "b1 b1 -> ?", "bool");
}

/* They would, but for -0 and NaN. */
static void floats_that_stay(void **data)
{
    (void)data;
    static const char *const expressions[] = {
        "x + 0.0", "x * 0",  "0.0 - x", "x - x",  "x / x", "x % 1",
        "x // 1",  "x * -1", "x == x",  "x <= x", "x / 3", "x * 0.5 * 2",
    };
    for (size_t k = 0; k < sizeof expressions / sizeof *expressions; k++) {
        char source[200];
        snprintf(source, sizeof source, "function(x) return %s end",
                 expressions[k]);
        same(source, "f8 -> ?");
        compiled *c = compile(source, "f8 -> ?", passes);
        assert_int_equal(c->status, MP_OK);
        const mp_node *result = c->func->exit->last;
        assert_int_equal(result->op, MP_OP_RESULT);
        if (result->args[0]->op == MP_OP_PARAM ||
            result->args[0]->op == MP_OP_CONST)
            fail_msg("%s was folded", source);
        compile_free(c);
    }
}

static void division_by_powers_of_two(void **data)
{
    (void)data;
    check("function(x) return x / 8 end", "f8 -> ?",
          "b0:\n"
          "  %0: float = const 0.125\n"
          "  %1: float = param 0\n"
          "  %2: float = mul %1 %0 ; line 1\n"
          "  result 0 %2 ; line 1\n"
          "  return\n");
    same("function(x) return x / 8, x / 2^-1074, x / 2^1023, x / -0.5 end",
         "f8 -> ?");
    same("function(x) return x % 8, x % 1, x // 8, x % -8 end", "i8 -> ?");
}

static void twice_a_float(void **data)
{
    (void)data;
    check("function(x) return 2 * x end", "f8 -> ?",
          "b0:\n"
          "  %0: float = param 0\n"
          "  %1: float = add %0 %0 ; line 1\n"
          "  result 0 %1 ; line 1\n"
          "  return\n");
    same("function(x) return 2 * x, x * 2.0, 2 * x * x, (x + 1) * 2 end",
         "f8 -> ?");
    same("function(x) return 2 * x, x * 2.0 end", "i8 -> ?");
    same("function(x) return 2 * x end", "f4 -> ?");
}

/* ---- powers ------------------------------------------------------------- */

static void powers(void **data)
{
    (void)data;
    check("function(x) return x^2 + x^-1 end", "f8 -> ?",
          "b0:\n"
          "  %0: float = const 1\n"
          "  %1: float = param 0\n"
          "  %2: float = mul %1 %1 ; line 1\n"
          "  %3: float = div %0 %1 ; line 1\n"
          "  %4: float = add %2 %3 ; line 1\n"
          "  result 0 %4 ; line 1\n"
          "  return\n");
}

static int64_t ulp_place(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? INT64_MIN - bits : bits;
}

/* How many floats lie between two. */
static double ulps(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b) ? 0 : INFINITY;
    if (a == 0 && b == 0)
        return signbit(a) == signbit(b) ? 0 : INFINITY;
    uint64_t i = (uint64_t)ulp_place(a), k = (uint64_t)ulp_place(b);
    return (double)(ulp_place(a) < ulp_place(b) ? k - i : i - k);
}

static void check_power(double exponent)
{
    char source[100];
    snprintf(source, sizeof source, "function(x) return x ^ %.1f end",
             exponent);
    compiled *c = compile(source, "f8 -> ?", passes);
    assert_int_equal(c->status, MP_OK);
    static const double wild[] = {
        0.0,   -0.0,     1,      -1,      INFINITY, -INFINITY, NAN,  0x1p511,
        1e308, 0x1p-511, 5e-324, -5e-324, -2.5,     0x1p-358,  1e-90};
    generator g = {.seed = 7};
    for (size_t k = 0; k < 4000; k++) {
        bool special = k < sizeof wild / sizeof *wild;
        double x = special ? wild[k]
                           : ldexp((double)generate_next(&g),
                                   generate_below(&g, 700) - 400);
        if (!special && k % 4 == 0)
            x = -x;
        mp_datum param = datum_float(x);
        machine m = {.func = c->func, .params = &param};
        assert_int_equal(machine_run(&m), MACHINE_DONE);
        double right = (double)powl((long double)x, (long double)exponent);
        if (ulps(m.results[0].as.f, right) > 4)
            fail_msg("%.17g ^ %g is %.17g, not %.17g", x, exponent,
                     m.results[0].as.f, right);
    }
    compile_free(c);
}

static void powers_are_right(void **data)
{
    (void)data;
    static const double exponents[] = {2, 3, 4,  5,   6,    7,  8, -1,
                                       0, 1, .5, 1.5, -0.5, 9., -2};
    for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++)
        check_power(exponents[k]);
}

static void strict_powers_stay(void **data)
{
    (void)data;
    mp_spec spec = make_spec("f8 -> ?");
    spec.strict = true;
    compiled *c =
        compile_with(NULL, "function(x) return x ^ 2 end", &spec, passes);
    assert_int_equal(c->status, MP_OK);
    assert_int_equal(c->func->exit->last->args[0]->op, MP_OP_POW);
    compile_free(c);
}

/* ---- branches ----------------------------------------------------------- */

static void known_branches(void **data)
{
    (void)data;
    check("local debug = false "
          "return function(x) if debug then x = x / 0 end return x end",
          "f8 -> ?",
          "b0:\n"
          "  %0: float = param 0\n"
          "  result 0 %0 ; line 1\n"
          "  return\n");
}

static void branches_become_values(void **data)
{
    (void)data;
    check("function(x) local y = 1.5 if x > 0 then y = 2.5 end return y end",
          "f8 -> ?",
          "b0:\n"
          "  %0: float = const 0\n"
          "  %1: float = param 0\n"
          "  %2: float = const 1.5\n"
          "  %3: float = const 2.5\n"
          "  %4: bool = lt %0 %1 ; line 1\n"
          "  %5: float = select %4 %3 %2 ; line 1\n"
          "  result 0 %5 ; line 1\n"
          "  return\n");
    check("function(x) if x > 0 and x < 1 or x == 7 then x = x / 3 end "
          "return x end",
          "f8 -> ?",
          "b0:\n"
          "  %0: float = const 3\n"
          "  %1: float = const 7\n"
          "  %2: float = const 1\n"
          "  %3: float = const 0\n"
          "  %4: float = param 0\n"
          "  %5: bool = lt %3 %4 ; line 1\n"
          "  %6: bool = lt %4 %2 ; line 1\n"
          "  %7: bool = and %5 %6 ; line 1\n"
          "  %8: bool = eq %4 %1 ; line 1\n"
          "  %9: bool = or %7 %8 ; line 1\n"
          "  branch %9 b1 b2\n"
          "b1: b0\n"
          "  %10: float = div %4 %0 ; line 1\n"
          "  jump b2\n"
          "b2: b0 b1\n"
          "  %11: float = phi %4 %10 ; line 1\n"
          "  result 0 %11 ; line 1\n"
          "  return\n");
    same("function(x, y) if (x > 0 or y > 0) and not (x > 3 and y > 3) then "
         "return x // 3 elseif x < -2 and y < 2 then return y // 3 end "
         "return x - y end",
         "f8 f8 -> ?");
    same("function(x, b) return b and x > 1, b or x > 1, not (b and x > 2) "
         "end",
         "f8 b1 -> ?");
}

static void one_exit_of_a_loop(void **data)
{
    (void)data;
    check("function(x)\n"
          "  local n = 0\n"
          "  while n < 9 and x <= 4 do x = x * x n = n + 1 end\n"
          "  return n\n"
          "end",
          "f8 -> ?",
          "b0:\n"
          "  %0: float = const 4\n"
          "  %1: float = param 0\n"
          "  %2: int = const 0\n"
          "  %3: int = const 9\n"
          "  %4: int = const 1\n"
          "  jump b1\n"
          "b1: b0 b2 loop\n"
          "  %5: float = phi %1 %6 ; line 3\n"
          "  %7: int = phi %2 %8 ; line 3\n"
          "  poll ; line 3\n"
          "  %9: bool = lt %7 %3 ; line 3\n"
          "  %10: bool = le %5 %0 ; line 3\n"
          "  %11: bool = and %9 %10 ; line 3\n"
          "  branch %11 b2 b3\n"
          "b2: b1\n"
          "  %6: float = mul %5 %5 ; line 3\n"
          "  %8: int = add %7 %4 ; line 3\n"
          "  jump b1\n"
          "b3: b1\n"
          "  result 0 %7 ; line 4\n"
          "  return\n");
}

/* ---- what is there already ---------------------------------------------- */

static void common_values(void **data)
{
    (void)data;
    check("function(x, y) return (x + y) / (y + x) end", "f8 f8 -> ?",
          "b0:\n"
          "  %0: float = param 0\n"
          "  %1: float = param 1\n"
          "  %2: float = add %0 %1 ; line 1\n"
          "  %3: float = div %2 %2 ; line 1\n"
          "  result 0 %3 ; line 1\n"
          "  return\n");
    check("function(i, a, b) a[i] = b[i] * b[i] a[i] = a[i] + b[i] end",
          "# [f8] [f8]",
          "b0:\n"
          "  %0: int = param 0\n"
          "  %1: array = param 1 rank 1\n"
          "  %2: array = param 2 rank 1\n"
          "  %3: float = load %2 %0 ; line 1\n"
          "  %4: float = mul %3 %3 ; line 1\n"
          "  store %1 %0 %4 ; line 1\n"
          "  %5: float = load %1 %0 ; line 1\n"
          "  %6: float = load %2 %0 ; line 1\n"
          "  %7: float = add %5 %6 ; line 1\n"
          "  store %1 %0 %7 ; line 1\n"
          "  return\n");
    same("function(i, a, b) a[i] = b[i] * b[i] a[i] = a[i] + b[i] end",
         "# [f8] [f8]");
    same("function(i, a, b) if i > 1 then a[i] = b[i] else b[i] = a[i] end "
         "a[i] = b[i] + a[i] end",
         "# [f8] [f8]");
}

static void checks_leave_loops(void **data)
{
    (void)data;
    check("function(i, a, b)\n"
          "  local s = 0.0\n"
          "  for k = 1, #b do s = s + a[i][k] * b[k] end\n"
          "  return s\n"
          "end",
          "i8 [f8,2] [f8] -> f8",
          "b0:\n"
          "  %0: int = const 1\n"
          "  %1: int = const 0\n"
          "  %2: int = param 0\n"
          "  %3: array = param 1 rank 2\n"
          "  %4: array = param 2 rank 1\n"
          "  %5: float = const 0\n"
          "  %6: int = len %4 ; line 3\n"
          "  %7: array = row %3 %2 rank 1 ; line 3\n"
          "  %8: nil = range %7 %0 %6 %0 %6 ; line 3\n"
          "  jump b1\n"
          "b1: b0 b2 loop\n"
          "  %9: float = phi %5 %10 ; line 3\n"
          "  %11: int = phi %1 %12 ; line 3\n"
          "  poll ; line 3\n"
          "  %12: int = add %11 %0 ; line 3\n"
          "  %13: bool = le %12 %6 ; line 3\n"
          "  branch %13 b2 b3\n"
          "b2: b1\n"
          "  %14: float = load %7 %12 inside ; line 3\n"
          "  %15: float = load %4 %12 inside ; line 3\n"
          "  %16: float = mul %14 %15 ; line 3\n"
          "  %10: float = add %9 %16 ; line 3\n"
          "  jump b1\n"
          "b3: b1\n"
          "  result 0 %9 ; line 4\n"
          "  return\n");
    same("function(i, a, b) local s = 0.0 for k = 1, #b do "
         "s = s + a[i][k] * b[k] end return s end",
         "i8 [f8,2] [f8] -> f8");
    same("function(i, a, b) for k = 1, 3 do b[i] = a[i] + b[i] // a[k] end "
         "end",
         "# [i8] [i8]");
}

/* ---- at random ---------------------------------------------------------- */

static void kernels_at_random(void **data)
{
    (void)data;
    machine_tally tally = machine_check_random(passes, 100000, 500);
    assert_true(tally.taken > 200);
    assert_true(tally.done > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants),
        cmocka_unit_test(integers_that_vanish),
        cmocka_unit_test(floats_that_vanish),
        cmocka_unit_test(floats_that_stay),
        cmocka_unit_test(division_by_powers_of_two),
        cmocka_unit_test(twice_a_float),
        cmocka_unit_test(powers),
        cmocka_unit_test(powers_are_right),
        cmocka_unit_test(strict_powers_stay),
        cmocka_unit_test(known_branches),
        cmocka_unit_test(branches_become_values),
        cmocka_unit_test(one_exit_of_a_loop),
        cmocka_unit_test(common_values),
        cmocka_unit_test(checks_leave_loops),
        cmocka_unit_test(kernels_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
