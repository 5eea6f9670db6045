/* Branches and loops in SSA. */
#include "built.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_join_in_a_phi),
        cmocka_unit_test(values_of_and_and_or),
        cmocka_unit_test(comparisons_are_values),
        cmocka_unit_test(what_is_sure_is_not_branched_on),
        cmocka_unit_test(numeric_loops),
        cmocka_unit_test(loops_to_the_ends_of_integers),
        cmocka_unit_test(while_and_repeat),
        cmocka_unit_test(nested_loops),
        cmocka_unit_test(loops_that_never_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
