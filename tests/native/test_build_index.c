/* Tables, globals and arrays. */
#include "built.h"

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
         "depends on the pool's setup"},
        {"local T = T return function(x) return T[1] end",
         "depends on the pool's setup"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_that_are_known),
        cmocka_unit_test(tables_that_are_not_compiled),
        cmocka_unit_test(the_setup_is_not_constant),
        cmocka_unit_test(arrays),
        cmocka_unit_test(arrays_are_passed_to_functions),
        cmocka_unit_test(arrays_that_are_not_known_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
