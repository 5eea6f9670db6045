/* Inference: dumps of small kernels, what is refused and why, and what comes
 * out against Lua, also of kernels made at random. */
#include "dumped.h"
#include "machine.h"
#include "reference.h"

static const compile_pass passes[] = {mp__infer_run, NULL};

static void check(const char *source, const char *types, const char *wanted)
{
    check_renumbered(source, types, passes, wanted);
}

static void refused(const char *source, const char *types, int line,
                    const char *text)
{
    check_refused(source, types, passes, line, text);
}

/* Over tame and wild inputs. */
static void same(const char *source, const char *types)
{
    comparison c = {.source = source, .kind = INPUT_TAME};
    compare_with_lua(c, types, passes);
    c.kind = INPUT_WILD;
    compare_with_lua(c, types, passes);
}

/* The same, of a kernel that never gives up where Lua goes on. */
static void exact(const char *source, const char *types)
{
    for (int kind = INPUT_TAME; kind <= INPUT_WILD; kind++) {
        comparison c = {.source = source, .kind = (input_kind)kind};
        c = compare_with_lua(c, types, passes);
        if (c.deopts > 0)
            fail_msg("%s: gives up where Lua does not raise", source);
    }
}

/* ---- types -------------------------------------------------------------- */

static void conversions(void **data)
{
    (void)data;
    check("function(x, i) return x + i, i + 1, i / 2 end", "f8 i8 -> ?",
          "b0:\n"
          "  %0: float = const 2\n"
          "  %1: float = param 0\n"
          "  %2: int = param 1\n"
          "  %3: float = i2f %2\n"
          "  %4: int = const 1\n"
          "  %5: float = add %1 %3 ; line 1\n"
          "  %6: int = add %2 %4 ; line 1\n"
          "  %7: float = div %3 %0 ; line 1\n"
          "  result 0 %5 ; line 1\n"
          "  result 1 %6 ; line 1\n"
          "  result 2 %7 ; line 1\n"
          "  return\n");
    check("function(x, i) return x & i end", "f8 i8 -> ?",
          "b0:\n"
          "  %0: float = param 0\n"
          "  %1: int = param 1\n"
          "  %2: int = f2i %0 ; line 1\n"
          "  %3: int = band %2 %1 ; line 1\n"
          "  result 0 %3 ; line 1\n"
          "  return\n");
}

static void operators(void **data)
{
    (void)data;
    static const char *const sources[] = {
        "function(x, y) return x + y, x - y, x * y, x / y, -x end",
        "function(x, y) return x // y, x % y end",
        "function(x, y) return x & y, x | y, x ~ y, ~x end",
        "function(x, y) return x << y, x >> y end",
        "function(x, y) return x == y, x ~= y, x < y, x <= y end",
        "function(x, y) return x < 2.5, x <= 2.5, 2.5 < y, 2.5 <= y end",
        "function(x, y) return x < 2, x <= 2, 2 < y, 2 <= y, x == 2 end",
        "function(x, y) return x < 0x1p63, x <= -0x1p63, -0x1p63 < y end",
        "function(x, y) return x == 2.0, x ~= 2.5, y == 0/0 end",
        "function(x, y) return x < 9007199254740993, y <= 1/0 end",
        "function(x, y) return not x, x and y ~= 2, x == nil end",
    };
    static const char *const types[] = {"f8 f8 -> ?", "i8 f8 -> ?",
                                        "f8 i8 -> ?", "i8 i8 -> ?",
                                        "u1 f4 -> ?", "u4 i2 -> ?"};
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            exact(sources[k], types[t]);
    }
}

/* Comparisons with constants are of integers, whatever those are. */
static void mixed_comparisons(void **data)
{
    (void)data;
    check("function(i) return i < 2.5 end", "i8 -> ?",
          "b0:\n"
          "  %0: int = const 3\n"
          "  %1: int = param 0\n"
          "  %2: bool = lt %1 %0 ; line 1\n"
          "  result 0 %2 ; line 1\n"
          "  return\n");
    check("function(i, x) return i < x end", "i4 f8 -> ?",
          "b0:\n"
          "  %0: int = param 0\n"
          "  %1: float = i2f %0\n"
          "  %2: float = param 1\n"
          "  %3: bool = lt %1 %2 ; line 1\n"
          "  result 0 %3 ; line 1\n"
          "  return\n");
    check("function(i, x) return i < x end", "i8 f8 -> ?",
          "b0:\n"
          "  %0: int = param 0\n"
          "  %1: float = param 1\n"
          "  %2: bool = lt %0 %1 ; line 1\n"
          "  result 0 %2 ; line 1\n"
          "  return\n");
}

static void library(void **data)
{
    (void)data;
    static const char *const sources[] = {
        "function(x, y) return math.max(x, y), math.min(y, x) end",
        "function(x, y) return math.max(x, 1, y), math.min(x) end",
        "function(x, y) return num.clamp(x, -1, y) end",
        "function(x, y) return math.abs(x), num.sign(y) end",
        "function(x, y) return math.fmod(x, y) end",
        "function(x, y) return math.sqrt(x), math.rad(y), math.deg(x) end",
        "function(x, y) return math.log(x, 2), math.log(y, 10) end",
        "function(x, y) return math.log(x, y), math.log(x, 3) end",
        "function(x, y) return math.atan(x, y), num.lerp(x, y, 0.25) end",
        "function(x, y) return num.isnan(x), num.isinf(y) end",
        "function(x, y) local a, b = math.modf(x) return b, y end",
        "function(x, y) return math.ult(x, y) end",
        "function(x, y) return num.random(x, y), num.normal(y, x) end",
    };
    static const char *const types[] = {"f8 f8 -> ?", "i8 i8 -> ?",
                                        "i4 i4 -> ?"};
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
        for (size_t t = 0; t < sizeof types / sizeof *types; t++)
            exact(sources[k], types[t]);
    }
    exact("function(x, i) return math.max(x, 0), num.clamp(x, 0, 1) end",
          "f8 i8 -> f8 f8");
    exact("function(x, i) return math.max(i, x) end", "f8 i4 -> f8");
    same("function(x) return math.floor(x), math.ceil(x) end", "f8 -> ? ?");
    same("function(x) local a, b = math.modf(x) return a, b end", "f8 -> ?");
    same("function(x) return math.tointeger(x) end", "f8 -> ?");
}

/* ---- integers that become floats ---------------------------------------- */

static void sums_begin_as_floats(void **data)
{
    (void)data;
    check("function(a)\n"
          "  local s = 0\n"
          "  for i = 1, #a do s = s + a[i] end\n"
          "  return s\n"
          "end",
          "[f8] -> ?",
          "b0:\n"
          "  %0: float = const 0\n"
          "  %1: int = const 0\n"
          "  %2: array = param 0 rank 1\n"
          "  %3: int = const 1\n"
          "  %4: int = len %2 ; line 3\n"
          "  jump b1\n"
          "b1: b0 b2 loop\n"
          "  %5: float = phi %0 %6 ; line 3\n"
          "  %7: int = phi %1 %8 ; line 3\n"
          "  poll ; line 3\n"
          "  %8: int = add %7 %3 ; line 3\n"
          "  %9: bool = le %8 %4 ; line 3\n"
          "  branch %9 b2 b3\n"
          "b2: b1\n"
          "  %10: float = load %2 %8 ; line 3\n"
          "  %6: float = add %5 %10 ; line 3\n"
          "  jump b1\n"
          "b3: b1\n"
          "  result 0 %5 ; line 4\n"
          "  return\n");
}

static void where_nothing_tells(void **data)
{
    (void)data;
    exact("function(a, n) local s = 0 for i = 1, #a do s = s + a[i] end "
          "return s / n end",
          "[f8] =i -> ?");
    exact("function(cr, ci) local zr, zi, n = 0, 0, 0 while n < 9 and "
          "zr * zr + zi * zi <= 4 do zr, zi = zr * zr - zi * zi + cr, "
          "2 * zr * zi + ci n = n + 1 end return n, zr end",
          "f8 f8 -> ?");
    exact("function(a) local m = 0 for i = 1, #a do if a[i] > m then "
          "m = a[i] end end return m end",
          "[f8] -> f8");
    exact("function(x) return (x > 0 and 1 or 0.5) * 3 - 1 end", "f8 -> ?");
    exact("function(x, i) local y = i if x > 1 then y = x end return y / 3 "
          "end",
          "f8 i8 -> ?");
    exact("function(x, i) local y = i if x > 1 then y = x end return y < 7 "
          "end",
          "f8 i8 -> ?");
    exact("function(x) return x > 0 and 3 or 0.5 end", "f8 -> f4");
    exact("function(x, i) return x > 0 and i or 0.5 end", "f8 i4 -> f4");
    exact("function(x, i) return x > 0 and i or 0.5 end", "f8 i8 -> f8");
}

static void where_something_tells(void **data)
{
    (void)data;
    refused("function(x)\n"
            "  local s = 0\n"
            "  if x > 1 then s = x end\n"
            "  return -s\n"
            "end",
            "f8 -> ?", 4, "'s' is an integer here and a float there");
    refused("function(x, i) local y = i if x > 1 then y = x end return y < x "
            "end",
            "f8 i8 -> ?", 1, "'y' is an integer here");
    refused("function(x) local s = 0 if x > 1 then s = x end return s * -2 "
            "end",
            "f8 -> ?", 1, "an integer here");
    refused("function(x, i) return x > 0 and i or 0.5 end", "f8 i8 -> f4", 1,
            "an integer here");
    refused("function(a) local s = 0 for i = 1, #a do s = s + 1 if a[i] > 2 "
            "then s = s + 0.5 end end return s end",
            "[f8] -> ?", 1, "'s' is an integer here");
    refused("function(x) local n = 1 if x > 1 then n = x end\n"
            "local s = 0.0 for i = n, 9 do s = s + i end return s end",
            "f8 -> ?", 2, "counts in integers or in floats");
}

/* ---- rounding ----------------------------------------------------------- */

static void rounding_as_a_float(void **data)
{
    (void)data;
    check("function(x) return x - math.floor(x) end", "f8 -> ?",
          "b0:\n"
          "  %0: float = param 0\n"
          "  %1: float = builtin math.floor %0 ; line 1\n"
          "  %2: float = sub %0 %1 ; line 1\n"
          "  result 0 %2 ; line 1\n"
          "  return\n");
    exact("function(x) return x - math.floor(x), math.ceil(x) / 2 end",
          "f8 -> ?");
    exact("function(x) return math.floor(x) == x, math.ceil(x) < x end",
          "f8 -> ?");
    exact("function(x) return math.floor(x), (math.modf(x)) end",
          "f8 -> f8 f4");
    exact("function(x) return math.floor(x), math.ceil(x) end", "i8 -> i8 i8");
}

/* What is folded because a rounded number is an integer needs its check. */
static void rounding_keeps_its_check(void **data)
{
    (void)data;
    same("function(x) return math.floor(x) * 0 end", "f8 -> ?");
    same("function(x) return math.floor(x) <= math.maxinteger end", "f8 -> ?");
}

/* ---- loops -------------------------------------------------------------- */

static void numeric_for(void **data)
{
    (void)data;
    static const char *const types[] = {"=i =i -> ?", "=f =i -> ?",
                                        "=i =f -> ?", "=f =f -> ?"};
    static const char *const heads[] = {
        "n, n + 3",      "1, 5, 2",
        "5, 1, -2",      "1, m",
        "m, n",          "1.0, 3",
        "1, 3, 0.5",     "3, 1, -0.5",
        "1, 3.7",        "3, 0.5, -1",
        "1, 0/0",        "4, -1/0",
        "1, -1e300",     "3, 1e300, -1",
        "-1, -1.5, -1",  "1, 2, 3",
        "m, m + 2, 1.0", "n, n + 2.5, 1",
        "1, -0.0",       "n, n - 1",
        "n + 2, n, -1",  "n, n + 3.5, m // m",
        "1, 0",
    };
    for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
        char source[200];
        snprintf(source, sizeof source,
                 "function(n, m) local s, c = 0.0, 0 for i = %s do "
                 "s = s + i c = c + 1 if c > 5 then break end end "
                 "return s, c end",
                 heads[h]);
        for (size_t t = 0; t < 4; t++)
            exact(source, types[t]);
    }
    exact("function(n) local c = 0 for i = math.maxinteger - 1, "
          "math.maxinteger do c = c + 1 if c > 4 then break end end return c "
          "end",
          "=i -> ?");
}

static void limits_known_before(void **data)
{
    (void)data;
    check("function(x) for i = 1, 2.5 do x = x * i end return x end",
          "f8 -> f8",
          "b0:\n"
          "  %0: int = const 2\n"
          "  %1: float = param 0\n"
          "  %2: int = const 1\n"
          "  %3: int = sub %2 %2 ; line 1\n"
          "  jump b1\n"
          "b1: b0 b2 loop\n"
          "  %4: float = phi %1 %5 ; line 1\n"
          "  %6: int = phi %3 %7 ; line 1\n"
          "  poll ; line 1\n"
          "  %7: int = add %6 %2 ; line 1\n"
          "  %8: float = i2f %7 ; line 1\n"
          "  %9: bool = le %7 %0 ; line 1\n"
          "  branch %9 b2 b3\n"
          "b2: b1\n"
          "  %5: float = mul %4 %8 ; line 1\n"
          "  jump b1\n"
          "b3: b1\n"
          "  result 0 %4 ; line 1\n"
          "  return\n");
}

/* ---- truth and nil ------------------------------------------------------ */

static void truth(void **data)
{
    (void)data;
    exact("function(x) local b if x > 1 then b = true end return not b, "
          "b == nil end",
          "f8 -> ?");
    exact("function(x) local b if x > 1 then b = x > 2 end "
          "if b then return 1 elseif b == false then return 2 end return 3 "
          "end",
          "f8 -> ?");
    exact("function(x, b) local v if b then v = x end return v == nil end",
          "f8 b1 -> ?");
    exact("function(x, b) return b == (x > 1), b and 1 or 0 end", "f8 b1 -> ?");
    exact("function(x, y) return y == nil and x or -x end", "f8 =nil -> ?");
    exact("function(x, y) if y then return 'a' end return x end",
          "f8 =nil -> ?");
}

/* Numbers that are nil on some ways: what would raise is a check. */
static void numbers_or_nil(void **data)
{
    (void)data;
    exact("function(x) local b if x > 1 then b = x end return b end",
          "f8 -> ?");
    exact("function(x)\nlocal b if x > 1 then b = x end\nreturn b + 1 end",
          "f8 -> ?");
    exact("function(x) local b if x > 1 then b = x end return b or -1.0 end",
          "f8 -> ?");
    exact("function(x) local b if x > 1 then b = 3 end return b or 4 end",
          "f8 -> i1");
    exact("function(x)\n"
          "  local best, at\n"
          "  for k = 1, 5 do\n"
          "    local d = (x - k) * (x - k)\n"
          "    if best == nil or d < best then best, at = d, k end\n"
          "  end\n"
          "  return best, at\n"
          "end",
          "f8 -> ?");
    exact("function(x, y)\n"
          "  local a, b\n"
          "  if x > 0 then a = y elseif x < -1 then b = 2 * y end\n"
          "  if y > 0 then b = a end\n"
          "  return (a or 1) + math.max(b, 2)\n"
          "end",
          "f8 f8 -> ?");
    refused("function(x) local b if x > 1 then b = x > 2 end return b end",
            "f8 -> ?", 1, "nil here and something else there");
    refused("function(x)\n"
            "  local b if x > 1 then b = x elseif x > 0 then b = false end\n"
            "  return b + 1\n"
            "end",
            "f8 -> ?", 3, "'b', which may be nil");
}

/* ---- refusals ----------------------------------------------------------- */

static void what_would_raise(void **data)
{
    (void)data;
    refused("function(x, b)\nreturn x + b end", "f8 b1 -> ?", 2,
            "arithmetic on a boolean");
    refused("function(x, b) return x < b end", "f8 =nil -> ?", 1, "nil");
    refused("function(x, b) return math.sin(b) end", "f8 b1 -> ?", 1,
            "math.sin of a boolean");
    refused("function(x, b) return b end", "f8 b1 -> f8", 1,
            "a boolean cannot be stored in float64");
    refused("function(x, b) return x end", "f8 b1 -> b1", 1,
            "a number cannot be stored in bool");
    refused("function(i, a) a[i] = i > 2 end", "# [f8]", 1,
            "a boolean cannot be stored in float64");
    refused("function(i, a) a[i] = i end", "# r[f8]", 1, "read-only");
    refused("function(x, b) if b then return x end return b end", "f8 b1 -> ?",
            1, "a boolean here and something else there");
    refused("function(x) for i = 1, math.huge do x = x + i end return x end",
            "f8 -> ?", 1, "never ends");
}

/* ---- arrays ------------------------------------------------------------- */

static void arrays(void **data)
{
    (void)data;
    exact("function(i, a, b) a[i] = b[i] + i end", "# [f8] [i4]");
    exact("function(i, j, a, b) for k = 1, a:size(2) do a[i][k] = b[k][j] end "
          "end",
          "# # [f4,2] [i8,2]");
    exact("function(i, a) a[1.0] = #a a[i] = 1.5 end", "# [f8]");
    exact("function(i, a) local k = i * 1.0 a[k] = a[k // 2 + 1] end",
          "# [i8]");
    exact("function(i, a) a[i] = a[i] / 2 end", "# [i4]");
    exact("function(i, a) a[i] = not a[i] end", "# [b1]");
    exact("local c = {1, 2, 3} return function(i) return c[i] * 2 end",
          "u1 -> ?");
}

/* What is no error must not come after a store. */
static void giving_up_late(void **data)
{
    (void)data;
    same("function(i, a) a[i] = a[math.floor(a[i]) + 1] end", "# [f8]");
    same("function(i, a) local k = math.floor(a[i]) a[i] = k | 1 end",
         "# [f8]");
    exact("function(i, a) for k = 1, 3 do a[i] = a[i] + math.floor(a[k]) end "
          "end",
          "# [f8]");
    exact("function(i, a) for k = 1, 3 do a[math.floor(a[i]) + 1] = k end end",
          "# [f8]");
    exact("local c = {1, 2, 3} return function(i, a) for k = 1, 3 do "
          "a[k] = a[k] * c[k] end end",
          "# [f8]");
    refused("function(i, a)\na[i] = 1\nlocal k = math.floor(a[2])\n"
            "if k * 2 > 4 then a[i] = 3 end end",
            "# [f8]", 3, "math.floor behind a store");
    refused("function(i, a) for k = 1, 3 do local n = math.floor(a[k]) "
            "if n % 2 == 0 then a[i] = a[i] + 1 end end end",
            "# [f8]", 1, "math.floor behind a store");
    refused("function(i, a) a[i] = 0 if math.tointeger(a[1]) == 3 then "
            "a[i] = 1 end end",
            "# [f8]", 1, "math.tointeger behind a store");
    refused("local c = {1, 2} return function(i, a) a[i] = 0 "
            "local k = c[i] if k == 3 then a[i] = 1 end end",
            "# [f8]", 1, "a table's item behind a store");
}

/* ---- at random ---------------------------------------------------------- */

static void kernels_at_random(void **data)
{
    (void)data;
    machine_tally tally = machine_check_random(passes, 0, 500);
    assert_true(tally.taken > 200);
    assert_true(tally.done > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions),
        cmocka_unit_test(operators),
        cmocka_unit_test(mixed_comparisons),
        cmocka_unit_test(library),
        cmocka_unit_test(sums_begin_as_floats),
        cmocka_unit_test(where_nothing_tells),
        cmocka_unit_test(where_something_tells),
        cmocka_unit_test(rounding_as_a_float),
        cmocka_unit_test(rounding_keeps_its_check),
        cmocka_unit_test(numeric_for),
        cmocka_unit_test(limits_known_before),
        cmocka_unit_test(truth),
        cmocka_unit_test(numbers_or_nil),
        cmocka_unit_test(what_would_raise),
        cmocka_unit_test(arrays),
        cmocka_unit_test(giving_up_late),
        cmocka_unit_test(kernels_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
