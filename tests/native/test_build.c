/* Bytecode to SSA: dumps of small kernels, refusals, and what the evaluator
 * makes of each against Lua. */
#include "reference.h"

static void check(const char *source, const char *types, const char *wanted)
{
    check_dump(source, types, NULL, wanted);
}

static void refused(const char *source, const char *types, int line,
                    const char *text)
{
    check_refused(source, types, NULL, line, text);
}

/* Over tame and wild inputs. */
static void same(const char *source, const char *types)
{
    comparison c = {.source = source, .kind = INPUT_TAME};
    compare_with_lua(c, types, NULL);
    c.kind = INPUT_WILD;
    compare_with_lua(c, types, NULL);
}

/* Where a wild input would not end. */
static void same_tame(const char *source, const char *types)
{
    compare_with_lua((comparison){.source = source}, types, NULL);
}

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

/* ---- branches ----------------------------------------------------------- */

static void branches_join_in_a_phi(void **data)
{
    (void)data;
    check("function(x)\n"
          "  local y = 1\n"
          "  if x < 0 then y = -x end\n"
          "  return y\n"
          "end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: int = const 1\n"
          "  %2: int = const 0\n"
          "  %3: bool = lt %0 %2 ; line 3\n"
          "  branch %3 b1 b2\n"
          "b1: b0\n"
          "  %4: any = unm %0 ; line 3\n"
          "  jump b2\n"
          "b2: b0 b1\n"
          "  %5: any = phi %1 %4 ; line 4\n"
          "  result 0 %5 ; line 4\n"
          "  return\n");
    same("function(x, y) if x < y then return x elseif x == y then return 0 "
         "end return y - x end",
         "f8 f8 -> ?");
    same("function(x, y) if not (x < y) then x = y end return x end",
         "f8 f8 -> ?");
    same("function(x, y) if x ~= y or x > 3 and y < 2 then return 1 end "
         "return 2 end",
         "i8 f8 -> ?");
}

static void values_of_and_and_or(void **data)
{
    (void)data;
    same("function(a, b, c) return a and b or c end", "b1 b1 b1 -> ?");
    same("function(a, b, c) return a or b and c end", "b1 f8 b1 -> ?");
    same("function(a, b) local c = a and b return c, not c end", "b1 b1 -> ?");
    same("function(a, b) return not (a and b) or a end", "b1 i8 -> ?");
    same("function(a, b, c) return a < b and b < c end", "f8 f8 f8 -> ?");
    same("function(a, b) return (a > b) == (b < a), a ~= b and a end",
         "f8 i8 -> ?");
    same("function(a, b) local m = a < b and a or b return m * 2 end",
         "i8 i8 -> ?");
}

static void comparisons_are_values(void **data)
{
    (void)data;
    check("function(x, y) return x < y, not (x < y), x ~= y end", "f8 f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: any = param 1\n"
          "  %2: bool = lt %0 %1 ; line 1\n"
          "  %3: bool = lt %0 %1 ; line 1\n"
          "  %4: bool = not %3 ; line 1\n"
          "  %5: bool = eq %0 %1 ; line 1\n"
          "  %6: bool = not %5 ; line 1\n"
          "  result 0 %2 ; line 1\n"
          "  result 1 %4 ; line 1\n"
          "  result 2 %6 ; line 1\n"
          "  return\n");
}

static void what_is_sure_is_not_branched_on(void **data)
{
    (void)data;
    const char *wanted = "b0:\n"
                         "  %0: any = param 0\n"
                         "  result 0 %0 ; line 1\n"
                         "  return\n";
    check("function(x) if x == nil then return 1 end return x end", "f8 -> ?",
          wanted);
    check("function(x) return x and x end", "f8 -> ?", wanted);
    check("function(x) if 'a' == 'b' then print(x) end return x end", "f8 -> ?",
          wanted);
    check("local debug = false\n"
          "return function(x) if debug then print(x) end return x end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  result 0 %0 ; line 2\n"
          "  return\n");
    check("local mode = 'up'\n"
          "return function(x) if mode == 'down' then return -x end\n"
          "return x end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  result 0 %0 ; line 3\n"
          "  return\n");
    check("function(x, y) y = y or x return y end", "f8 =nil -> ?", wanted);
    same("function(x, y) if y == nil then y = 3 end return x * y end",
         "f8 =nil -> ?");
    same("function(x, y) if x then return 1 end return y end", "i8 b1 -> ?");
}

/* ---- loops -------------------------------------------------------------- */

static void numeric_loops(void **data)
{
    (void)data;
    check("function(n)\n"
          "  local s = 0\n"
          "  for i = 1, n do\n"
          "    s = s + i\n"
          "  end\n"
          "  return s\n"
          "end",
          "i8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: int = const 0\n"
          "  %2: int = const 1\n"
          "  %3: any = for_start %2 %0 %2 ; line 3\n"
          "  %4: any = for_limit %2 %0 %2 ; line 3\n"
          "  jump b1\n"
          "b1: b0 b2 loop\n"
          "  %5: any = phi %1 %10 ; line 3\n"
          "  %6: any = phi %3 %8 ; line 3\n"
          "  poll ; line 3\n"
          "  %8: any = add %6 %2 ; line 3\n"
          "  %9: bool = for_test %8 %4 %2 ; line 3\n"
          "  branch %9 b2 b3\n"
          "b2: b1\n"
          "  %10: any = add %5 %8 ; line 4\n"
          "  jump b1\n"
          "b3: b1\n"
          "  result 0 %5 ; line 6\n"
          "  return\n");
    const char *types[] = {"i8 i8 -> ?", "f8 i8 -> ?", "i8 f8 -> ?",
                           "f8 f8 -> ?"};
    for (int k = 0; k < 4; k++) {
        same_tame("function(a, b) local s = 0 for i = a, b do s = s * 3 + i "
                  "end return s end",
                  types[k]);
        same_tame("function(a, b) local s = 0 for i = a, b, -2 do "
                  "s = s * 3 + i end return s end",
                  types[k]);
        same("function(a, b) local s = 0 for i = a, b do s = s + 1 "
             "if s > 5 then break end end return s end",
             types[k]);
        same("function(a, b) local s = 0 for i = a, b, 0.5 do s = s + i "
             "if i > 1e9 or s ~= s then return 7 end "
             "if i + 0.5 == i then return 8 end "
             "if s * 0 ~= 0 then return 9 end "
             "if i - a > 3 then break end end return s end",
             types[k]);
        same("function(a, b) local n = 0 for i = 1, a, b do n = n + 1 "
             "if n == 4 then break end end return n end",
             types[k]);
    }
}

/* The index wraps around where 5.3's does. */
static void loops_to_the_ends_of_integers(void **data)
{
    (void)data;
    same(
        "function(x) local n = 0\n"
        "for i = math.maxinteger - 2, math.maxinteger do n = n + i\n"
        "  if i < 0 then break end end\n"
        "for i = math.mininteger, math.mininteger + 2, 2 do n = n * 3 + i end\n"
        "for i = math.mininteger, math.mininteger, -1 do n = n * 3 + i\n"
        "  if i > 0 then break end end\n"
        "for i = 1, 0 / 0 do n = n + 100 end\n"
        "for i = 3, 1 do n = n + 100 end\n"
        "for i = 3, -math.huge do n = n + 100 end\n"
        "for i = 3, 3.9 do n = n + x end\n"
        "return n end",
        "i8 -> ?");
}

static void while_and_repeat(void **data)
{
    (void)data;
    same_tame("function(x) local n = 0 while x < 100 do x = x * 2 + 50 "
              "n = n + 1 end return n, x end",
              "f8 -> ?");
    same_tame("function(x) local n = 0 repeat local y = x + n n = n + 1 "
              "until y > 20 return n end",
              "i8 -> ?");
    same_tame("function(x) local n = 0 while true do n = n + 1 "
              "if n > x then break end if n % 3 == 0 then goto continue end "
              "x = x - 0.5 ::continue:: end return n, x end",
              "f8 -> ?");
    same_tame("function(n) local a, b = 0, 1 while n > 0 do a, b = b, a + b "
              "n = n - 1 end return a, b end",
              "i8 -> ?");
    same_tame("function(n) local c = 0 while n ~= 1 and n > 0 do "
              "if n % 2 == 0 then n = n // 2 else n = 3 * n + 1 end "
              "c = c + 1 end return c end",
              "i8 -> ?");
}

static void nested_loops(void **data)
{
    (void)data;
    same_tame("function(n, m) local s = 0 for i = 1, n do for j = i, m do "
              "if i * j > 20 then break end s = s + i * j end end return s end",
              "i8 i8 -> ?");
    same_tame("function(cr, ci) local zr, zi, n = 0.0, 0.0, 0\n"
              "while n < 30 and zr * zr + zi * zi <= 4 do\n"
              "zr, zi, n = zr * zr - zi * zi + cr, 2 * zr * zi + ci, n + 1\n"
              "end return n end",
              "f8 f8 -> ?");
}

static void loops_that_never_end_are_refused(void **data)
{
    (void)data;
    refused("function(x) while true do x = x + 1 end end", "f8 -> ?", 1,
            "never returns");
    refused("function(x)\n"
            "  if x > 0 then\n"
            "    while true do x = x + 1 end\n"
            "  end\n"
            "  return x end",
            "f8 -> ?", 3, "a loop never ends");
    refused("function(x) if x > 1 then goto b end ::a:: x = x + 1\n"
            "::b:: x = x * 2 if x < 3 then goto a end return x end",
            "f8 -> ?", 2, "entered in two places");
}

/* ---- functions ---------------------------------------------------------- */

static void calls_are_inlined(void **data)
{
    (void)data;
    check("local function double(x)\n"
          "  return x + x\n"
          "end\n"
          "return function(x) return double(double(x)) end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %2: any = add %0 %0 ; line 2\n"
          "  %3: any = add %2 %2 ; line 2\n"
          "  result 0 %3 ; line 4\n"
          "  return\n");
    same("local function swap(a, b) return b, a end\n"
         "return function(x, y) local p, q, r = swap(x, y)\n"
         "local s = (swap(x, y)) return p, q, s, r == nil end",
         "f8 i8 -> ?");
    same("local function swap(a, b) return b, a end\n"
         "return function(x, y) return swap(swap(y, x)) end",
         "f8 i8 -> ?");
    same("local function f(a, b, c) if c == nil then c = 1 end\n"
         "return a and a + c, b end\n"
         "return function(x) local p, q = f(x) local r, s = f(x, 1, 2, 3)\n"
         "return p, q == nil, r, s end",
         "f8 -> ?");
    same("local function sign(x) if x > 0 then return 1 elseif x < 0 then\n"
         "return -1 end return 0 end\n"
         "return function(x, y) return sign(x) * 2 + sign(y) end",
         "f8 i8 -> ?");
    same("function(x) local function f(a) local b = a * a return b end\n"
         "local k = x + 1 local function g(y) return f(y) + k end\n"
         "return g(g(x)) end",
         "f8 -> ?");
    same("local function sum(...) local a, b, c = ...\n"
         "return a + (b or 0) + (c or 0) end\n"
         "local function all(...) return sum(...) end\n"
         "return function(x, y) return all(x) + all(x, y) + all(x, y, 1) end",
         "f8 i8 -> ?");
    same("function(...) local x, y, z = ... return y, x, z == nil end",
         "f8 i8 -> ?");
}

static void functions_may_be_arguments(void **data)
{
    (void)data;
    same("local function twice(f, x) return f(f(x)) end\n"
         "return function(x) return twice(function(y) return y * x end, 2)\n"
         "end",
         "f8 -> ?");
    same_tame("local function integrate(f, a, b, n) local s, h = 0.0, "
              "(b - a) / n\n"
              "for i = 0, n - 1 do s = s + f(a + (i + 0.5) * h) end\n"
              "return s * h end\n"
              "return function(x) return integrate(math.sin, 0, x, 8) end",
              "f8 -> ?");
    same("function(x) local fs = math.floor local f\n"
         "if x == nil then f = math.ceil else f = fs end return f(x) end",
         "f8 -> ?");
}

static void functions_that_are_not_known_are_refused(void **data)
{
    (void)data;
    refused("function(x)\n local f = math.sin\n"
            " if x > 0 then f = math.cos end\n return f(x) end",
            "f8 -> ?", 4, "'f' is not the same function");
    refused("local function f(n)\n if n < 2 then return 1 end\n"
            " return n * f(n - 1) end\n"
            "return function(x) return f(x) end",
            "i8 -> ?", 3, "calls itself");
    refused("function(x)\n local function f(n) return f(n) end\n"
            " return f(x) end",
            "i8 -> ?", 2, "calls itself");
    refused("local odd\n"
            "local function even(n) if n == 0 then return true end\n"
            "return odd(n - 1) end\n"
            "function odd(n) if n == 0 then return false end\n"
            "return even(n - 1) end\n"
            "return even",
            "i8 -> ?", 5, "calls itself");
    refused("function(x) print(x)\n return x end", "f8 -> ?", 1,
            "'print' is nil: calling it raises");
    refused("function(x) return math.random() end", "f8 -> ?", 1,
            "math.random is not compiled");
    refused("function(x)\n return foo(x) end", "f8 -> ?", 2,
            "'foo' is nil: calling it raises");
    refused("function(x) return math.sinn(x) end", "f8 -> ?", 1,
            "'sinn' is nil");
    refused("function(x) local y = 1 return y(x) end", "f8 -> ?", 1,
            "'y' is a number: calling it raises");
    refused("function(x) return pcall(math.sin, x) end", "f8 -> ?", 1,
            "pcall is not compiled");
    refused("local function f(x) if x > 1 then return 1, 2 end\n"
            "return 1 end\n"
            "return function(x) return f(x) end",
            "f8 -> ?", 2, "returns 1 value here and 2 elsewhere");
}

static void captured_locals_may_change(void **data)
{
    (void)data;
    same("function(x)\n local s = x\n local function g() return s end\n"
         " s = s + 1\n local t = g()\n s = s * 2\n return g(), t end",
         "f8 -> ?");
    same_tame("function(n) local s = 0 for i = 1, n do s = s + i\n"
              "local function f() return s * i end s = f() end return s end",
              "i8 -> ?");
    same("function(x) local s = x\n"
         "local function f() return function() return s end end\n"
         "local g = f() s = s + 1 return g(), f()() end",
         "f8 -> ?");
    same("function(x) local function f(y) local k = y + 1\n"
         "return function(z) return z * k end end\n"
         "local g, h = f(x), f(2) return g(3), h(x) end",
         "f8 -> ?");
    refused("function(x)\n local f\n do\n  local s = x\n"
            "  f = function() return s end\n  s = s + 1\n end\n"
            " return f() end",
            "f8 -> ?", 5, "'s' is assigned after a function has captured it");
}

static void what_is_not_the_kernels_own_is_not_written(void **data)
{
    (void)data;
    refused("function(x)\n local s = x\n"
            " local function g() s = s + 1 end\n g()\n return s end",
            "f8 -> ?", 3, "'s' is written");
    refused("local n = 0\nreturn function(x)\n n = n + 1\n return n end",
            "f8 -> ?", 3, "'n' is written");
    refused("function(x)\n total = x\n return x end", "f8 -> ?", 2,
            "'total' is written");
}

static void kernels_that_grow_too_large_are_refused(void **data)
{
    (void)data;
    refused("local function a(x) return x + 1 end\n"
            "local function b(x) return a(a(a(a(a(a(a(a(x)))))))) end\n"
            "local function c(x) return b(b(b(b(b(b(b(b(x)))))))) end\n"
            "local function d(x) return c(c(c(c(c(c(c(c(x)))))))) end\n"
            "local function e(x) return d(d(d(d(d(d(d(d(x)))))))) end\n"
            "return function(x) return e(e(x)) end",
            "f8 -> ?", 2, "too large once its calls are inlined");
}

/* ---- the library -------------------------------------------------------- */

static void library_functions(void **data)
{
    (void)data;
    check("function(x)\n  local whole, rest = math.modf(x)\n"
          "  return math.sqrt(rest), whole\nend",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %6: any = builtin math.modf %0 ; line 2\n"
          "  %7: any = builtin math.modf#2 %0 ; line 2\n"
          "  %10: any = builtin math.sqrt %7 ; line 3\n"
          "  result 0 %10 ; line 3\n"
          "  result 1 %6 ; line 3\n"
          "  return\n");
    same("function(x) return math.abs(x), math.floor(x), math.ceil(x), "
         "math.modf(x) end",
         "f8 -> ?");
    same("function(x, y) return math.max(x, y, 1), math.min(x, 2.0, y) end",
         "f8 i8 -> ?");
    same("function(x, y) return math.fmod(x, y) end", "i8 i8 -> ?");
    same("function(x, y) return math.atan(x, y), math.atan(x), "
         "math.atan(x, nil), math.log(x, 2), math.log(x, nil) end",
         "f8 f8 -> ?");
    same("function(x, y) return math.ult(x, y), num.sign(x), "
         "num.clamp(x, -1, y), num.random(x, y) end",
         "i8 i8 -> ?");
    same("local sin, pi = math.sin, math.pi\n"
         "return function(x) return sin(x * pi), math.tointeger(x) or -1 end",
         "f8 -> ?");
    refused("function(x)\n return math.sqrt() end", "f8 -> ?", 2,
            "math.sqrt with too few arguments");
    refused("function(x) return num.random(x) end", "i8 -> ?", 1,
            "num.random with too few arguments");
    refused("function(x) return math.sqrt('2') end", "i8 -> ?", 1,
            "strings are not compiled");
    refused("function(x) return math.sqrt(math.sin) end", "i8 -> ?", 1,
            "a function raises an error");
}

/* ---- tables and globals ------------------------------------------------- */

static void tables_that_are_known(void **data)
{
    (void)data;
    check("local p = {g = 9.81, n = {3, 5}}\n"
          "return function(x) return x * p.g, p.n[2], #p.n, p.none == nil end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %3: float = const 9.8100000000000005\n"
          "  %7: int = const 2\n"
          "  %8: int = const 5\n"
          "  %11: bool = const true\n"
          "  %4: any = mul %0 %3 ; line 2\n"
          "  result 0 %4 ; line 2\n"
          "  result 1 %8 ; line 2\n"
          "  result 2 %7 ; line 2\n"
          "  result 3 %11 ; line 2\n"
          "  return\n");
    check("local c = {0.5, 1.5}\n"
          "return function(i) return c[i], c[2.0] end",
          "i8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: ref = ref table\n"
          "  %4: float = const 1.5\n"
          "  %2: any = item %1 %0 ; line 2\n"
          "  result 0 %2 ; line 2\n"
          "  result 1 %4 ; line 2\n"
          "  return\n");
    same_tame("local c = {1, 2, 3}\n"
              "return function(x) local s = x for i = 1, #c do s = s * x + "
              "c[i] end return s end",
              "f8 -> ?");
    same("scale = 3\nfunction twice(x) return x * 2 end\n"
         "return function(x) return twice(x) * scale + _G.scale end",
         "f8 -> ?");
    same("local m = {{1, 2}, {3, 4}}\n"
         "return function(x) return m[1][2] * x + m[2][1] end",
         "f8 -> ?");
}

static void tables_that_are_not_compiled(void **data)
{
    (void)data;
    refused("local t = {1, 2.5}\nreturn function(i)\n return t[i] end",
            "i8 -> ?", 3, "'t' is indexed by a computed value");
    refused("local t = {}\nreturn function(x)\n t[1] = x return x end",
            "i8 -> ?", 3, "writing to it is not compiled");
    refused("local t = setmetatable({}, {__index = function() return 1 end})\n"
            "return function(x) return t.a end",
            "i8 -> ?", 2, "");
    refused("local a, b = {}, {}\nsetmetatable(a, {__index = b})\n"
            "setmetatable(b, {__index = a})\n"
            "return function(x) return a.x end",
            "f8 -> ?", 4, "too long a chain of __index");
    refused("function(x)\n local t = {x, x} return t[1] end", "f8 -> ?", 2,
            "a table made in the kernel");
    refused("function(x) for k in pairs(math) do x = x + 1 end return x end",
            "f8 -> ?", 1, "pairs is not compiled");
    refused("function(x) return x.y end", "f8 -> ?", 1,
            "'x' is a number: indexing it raises");
    refused("function(x) return nothing.y end", "f8 -> ?", 1,
            "'nothing' is nil: indexing it raises");
}

static void the_setup_is_not_constant(void **data)
{
    (void)data;
    mp_spec spec = make_spec("f8 -> ?");
    const char *setup = "K = 3\nT = {1, 2}\nfunction f(x) return x end";
    const struct {
        const char *source, *what;
    } rows[] = {
        {"function(x) return x * K end", "'K' is from the pool's setup"},
        {"function(x) return f(x) end", "'f' is from the pool's setup"},
        {"function(x) return T[1] end", "'T' is from the pool's setup"},
        {"local f = f return function(x) return f(x) end",
         "'f' is from the pool's setup"},
        {"local T = T return function(x) return T[1] end",
         "'T' is from the pool's setup"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        compiled *c = compile_with(setup, rows[k].source, &spec, NULL);
        if (c->status != MP_VALUE ||
            strstr(c->unit.refusal.what, rows[k].what) == NULL)
            fail_msg("%s: %s", rows[k].source, c->unit.refusal.what);
        compile_free(c);
    }
    compiled *c =
        compile_with(setup,
                     "K = 4\nlocal p = setmetatable({}, {__index = {g = K}})\n"
                     "return function(x) return math.sin(x) * K * p.g end",
                     &spec, NULL);
    assert_int_equal(c->status, MP_OK);
    compile_free(c);
}

/* ---- arrays ------------------------------------------------------------- */

static void arrays(void **data)
{
    (void)data;
    check("function(i, a, b)\n  b[i] = 2 * a[i] + #a\nend", "# [f8] [f8]",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: array = param 1 rank 1\n"
          "  %2: array = param 2 rank 1\n"
          "  %4: int = const 2\n"
          "  %3: any = load %1 %0 ; line 2\n"
          "  %5: any = mul %4 %3 ; line 2\n"
          "  %6: int = len %1 ; line 2\n"
          "  %7: any = add %5 %6 ; line 2\n"
          "  store %2 %0 %7 ; line 2\n"
          "  return\n");
    check("function(i, j, m)\n"
          "  local row = m[i]\n"
          "  row[j] = row[j] + 1\n"
          "end",
          "# # [i4,2]",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: any = param 1\n"
          "  %2: array = param 2 rank 2\n"
          "  %5: int = const 1\n"
          "  %3: array = row %2 %0 rank 1 ; line 2\n"
          "  %4: any = load %3 %1 ; line 3\n"
          "  %6: any = add %4 %5 ; line 3\n"
          "  store %3 %1 %6 ; line 3\n"
          "  return\n");
    same_tame("function(i, a, b) b[i] = 2 * a[i] + a[#a] end", "# [f8] [f8]");
    same_tame("function(i, m) for j = 1, #m[i] do\n"
              "m[i][j] = m[i][j] * i + m:size(2) end end",
              "# [i4,2]");
    same_tame("function(i, a) local s = 0 for k = 1, #a do s = s + a[k] end\n"
              "a[i] = s end",
              "# [f4]");
    same_tame("function(i, a) a[i] = a[i] / 2 end", "# [u1]");
    same_tame("function(x, a) return a[x], a:rank(), a:size(), a:size(1) end",
              "i8 [f8] -> ?");
    same_tame("function(x, a) local n = 0 for i = 1, a:size(1) do\n"
              "for j = 1, a:size(2) do local row = a[i][j]\n"
              "for k = 1, #row do n = n + row[k] end end end\n"
              "return n * x end",
              "i8 [i2,3] -> ?");
    same_tame("function(x, a) if a:dtype() == 'float64' then return x end\n"
              "return -x end",
              "i8 [f8] -> ?");
    same_tame("function(x, a) return a.size(a, x) end", "i8 [f8,2] -> ?");
    same("function(x, a) return a[x] end", "f8 [f8] -> ?");
}

static void arrays_are_passed_to_functions(void **data)
{
    (void)data;
    same_tame("local function dot(a, b) local s = 0.0\n"
              "for i = 1, #a do s = s + a[i] * b[i] end return s end\n"
              "return function(x, a, b) return dot(a, b) * x + dot(a, a) end",
              "f8 [f8] [f4] -> ?");
    same_tame("function(i, m) local row\n"
              "for k = 1, 2 do row = m[k] row[1] = row[2] + i end end",
              "# [f8,2]");
}

static void arrays_that_are_not_known_are_refused(void **data)
{
    (void)data;
    refused("function(x, a, b)\n local v = a\n if x > 0 then v = b end\n"
            " return v[1] end",
            "f8 [f8] [f8] -> ?", 4, "'v' is not the same array");
    refused("function(x, a, b)\n local v = a\n if x > 0 then v = nil end\n"
            " if v then return 1 end\n return 2 end",
            "f8 [f8] [f8] -> ?", 4, "'v' is an array on one way");
    refused("function(x, a, b) for i = 1, 3 do\n a[1] = 1\n a, b = b, a end\n"
            " return x end",
            "f8 [f8] [f8] -> ?", 2, "'a' is not the same array");
    refused("function(x, a) return a end", "f8 [f8] -> ?", 1,
            "result 1 of the kernel is an array");
    refused("function(x, a) return a + 1 end", "f8 [f8] -> ?", 1,
            "arithmetic on an array raises");
    refused("function(i, m) m[i] = 1 end", "# [f8,2]", 1,
            "a row of 'm' cannot be assigned");
    refused("function(i, m) m[i] = 1 end", "# r[f8]", 1, "'m' is read-only");
    refused("function(i, m) m[i] = 'x' end", "# [f8]", 1,
            "strings are not compiled");
    refused("function(i, m) return m:sum() end", "# [f8]", 1,
            "no method 'sum'");
    refused("function(i, m) return m:size(3) end", "# [f8,2]", 1,
            "dimension 3 of an array that has 2");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(constants_are_one_node_each),
        cmocka_unit_test(strings_are_refused),
        cmocka_unit_test(branches_join_in_a_phi),
        cmocka_unit_test(values_of_and_and_or),
        cmocka_unit_test(comparisons_are_values),
        cmocka_unit_test(what_is_sure_is_not_branched_on),
        cmocka_unit_test(numeric_loops),
        cmocka_unit_test(loops_to_the_ends_of_integers),
        cmocka_unit_test(while_and_repeat),
        cmocka_unit_test(nested_loops),
        cmocka_unit_test(loops_that_never_end_are_refused),
        cmocka_unit_test(calls_are_inlined),
        cmocka_unit_test(functions_may_be_arguments),
        cmocka_unit_test(functions_that_are_not_known_are_refused),
        cmocka_unit_test(captured_locals_may_change),
        cmocka_unit_test(what_is_not_the_kernels_own_is_not_written),
        cmocka_unit_test(kernels_that_grow_too_large_are_refused),
        cmocka_unit_test(library_functions),
        cmocka_unit_test(tables_that_are_known),
        cmocka_unit_test(tables_that_are_not_compiled),
        cmocka_unit_test(the_setup_is_not_constant),
        cmocka_unit_test(arrays),
        cmocka_unit_test(arrays_are_passed_to_functions),
        cmocka_unit_test(arrays_that_are_not_known_are_refused),
        cmocka_unit_test(results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
