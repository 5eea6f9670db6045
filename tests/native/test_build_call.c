/* Calls: inlined functions and the library. */
#include "built.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_inlined),
        cmocka_unit_test(functions_may_be_arguments),
        cmocka_unit_test(functions_that_are_not_known_are_refused),
        cmocka_unit_test(captured_locals_may_change),
        cmocka_unit_test(what_is_not_the_kernels_own_is_not_written),
        cmocka_unit_test(kernels_that_grow_too_large_are_refused),
        cmocka_unit_test(library_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
