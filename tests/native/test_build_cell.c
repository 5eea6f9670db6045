/* Locals that functions within assign. */
#include "dumped.h"
#include "reference.h"

static const compile_pass scalar[] = {mp__scalar_run, NULL};
static const compile_pass masked[] = {mp__scalar_run, mp__infer_run,
                                      mp__fold_run,   mp__diverge_run,
                                      mp__mask_run,   NULL};

static void compare(comparison c, const char *types)
{
    c.lanes = 1;
    compare_with_lua(c, types, scalar);
    compare_with_lua(c, types, masked);
    c.lanes = 4;
    compare_with_lua(c, types, masked);
}

/* Over tame and wild inputs, one lane at a time and several at once. */
static void same(const char *source, const char *types)
{
    compare((comparison){.source = source}, types);
    compare((comparison){.source = source, .kind = INPUT_WILD}, types);
}

/* Where a wild input would not end. */
static void same_tame(const char *source, const char *types)
{
    compare((comparison){.source = source}, types);
}

static void refused(const char *source, const char *types, int line,
                    const char *text)
{
    check_refused(source, types, scalar, line, text);
}

static void a_local_is_a_table_with_one_field(void **data)
{
    (void)data;
    const char *source = "function(x)\n"
                         "  local n = x\n"
                         "  local function add() n = n + 1 end\n"
                         "  add()\n"
                         "  return n\n"
                         "end";
    check_dump(source, "f8 -> ?", NULL,
               "b0:\n"
               "  %0: any = param 0\n"
               "  %2: ref = ref string \"n\"\n"
               "  %6: int = const 1\n"
               "  %1: ref = ref own 0 ; line 2\n"
               "  tstore %1 %2 %0 ; line 2\n"
               "  %5: any = tload %1 %2 ; line 3\n"
               "  %7: any = add %5 %6 ; line 3\n"
               "  tstore %1 %2 %7 ; line 3\n"
               "  %9: any = tload %1 %2 ; line 5\n"
               "  result 0 %9 ; line 5\n"
               "  return\n");
    check_dump(source, "f8 -> ?", scalar,
               "b0:\n"
               "  %0: any = param 0\n"
               "  %6: int = const 1\n"
               "  %7: any = add %0 %6 ; line 3\n"
               "  result 0 %7 ; line 5\n"
               "  return\n");
}

static void its_function_sees_what_is_assigned(void **data)
{
    (void)data;
    same("function(x) local n, m = x, 1.5\n"
         "local function add(k) n = n + k m = m * n return m end\n"
         "local a = add(2) n = n * 3 return add(n), n, m, a end",
         "f8 -> ?");
    same("function(x, y) local best, count = -1.0, 0\n"
         "local function look(v) if v > best then\n"
         "best = v count = count + 1 end end\n"
         "look(x) if y > 0 then look(y) best = best + 1 end look(2.0)\n"
         "return best, count end",
         "f8 f8 -> ?");
    same("function(x, y) local best\n"
         "local function look(v) if not best or v > best then best = v end "
         "end\n"
         "look(x) if y > 0 then look(y) end return best end",
         "f8 f8 -> ?");
    same_tame("function(n) local s, k = 0, 0\n"
              "local function step() k = k + 1 if k > 20 then return false "
              "end\n s = s + k return s < 50 end\n"
              "for i = 1, n do if not step() then break end s = s + i end\n"
              "while step() do end return s, k end",
              "i8 -> ?");
}

/* Each instruction that writes a register. */
static void however_its_function_assigns_it(void **data)
{
    (void)data;
    same("function(x, y) local function set() x = x + 1 end\n"
         "x = y and x or 2.0 set() local b = x < 3 x = b and y or x set()\n"
         "return x, y end",
         "f8 f8 -> ?");
    same("function(x, y) local b = x < y\n"
         "local function flip() b = not b end\n"
         "flip() local c = b b = x <= 1 flip() b = b and x > y\n"
         "flip() b = b or c return b, c end",
         "f8 f8 -> ?");
    same("function(x) local c = x > 1 and 2.5 or x\n"
         "local function f() c = c + 1 end f() c = c or 2 f()\n"
         "c = c and 4.5 f() c = nil or c return c end",
         "f8 -> ?");
    same("function(x) local a, b, c = 1.0\n"
         "local function set(u, v, w) a, b, c = u, v, w return a, b end\n"
         "set(x, 2.0) local d, e = set(b, a, x) a, b = b, a\n"
         "return a, b, c, d, e end",
         "f8 -> ?");
    same_tame("function(n) local s = 0 for i = 1, n do\n"
              "local function twice() i = i * 2 end twice()\n"
              "if i > 9 then twice() end s = s + i end return s end",
              "i8 -> ?");
    same("function(...) local a, b = ...\n"
         "local function f() a, b = b, a end f() a = a + 1 f()\n"
         "return a, b end",
         "f8 f8 -> ?");
}

/* Loops that begin where the scope does, and a local for each round. */
static void in_loops(void **data)
{
    (void)data;
    same_tame("function(n) local k = 0 while k < n do\n"
              "local function next() k = k + 2 end next() end\n"
              "repeat local z = k local function f() z = z - 3 k = z end\n"
              "f() until z < 5 return k end",
              "i8 -> ?");
    same_tame("function(n) local s, r = 0, 0 ::top:: local t = 1\n"
              "local function f() t = t * 3 + n s = s + t end\n"
              "f() r = r + 1 if r % 3 > 0 then f() end\n"
              "if r < 9 then goto top end return s, t, r end",
              "i8 -> ?");
    same_tame("function(n) local s = 0 for i = 1, n do local t = i\n"
              "local function f() t = t + 1 return t end\n"
              "for j = 1, 3 do s = s + f() end if s > 99 then break end\n"
              "end return s end",
              "i8 -> ?");
}

static void in_functions_within_functions(void **data)
{
    (void)data;
    same("function(x) local n = x\n"
         "local function outer(k) local function inner() n = n + k k = k * 2 "
         "end inner() inner() return k end\n"
         "return outer(1), outer(n), n end",
         "f8 -> ?");
    same("function(x) local n = x\n"
         "local function each(f) f(1) f(2.5) return f(n) end\n"
         "return each(function(v) n = n + v return n end), n end",
         "f8 -> ?");
    same("function(x) local n = 1\n"
         "local function make() return function() n = n + x return n end end\n"
         "local f, g = make(), make() return f(), g(), f(), n end",
         "i8 -> ?");
}

static void functions_may_outlive_their_maker(void **data)
{
    (void)data;
    same("local function counter(n) return function() n = n + 1 return n end "
         "end\n"
         "return function(x) local a, b = counter(x), counter(1)\n"
         "return a() + b(), a() * b() end",
         "f8 -> ?");
    same_tame("local function counter() local n = 0\n"
              "return function(k) n = n + k return n end end\n"
              "return function(x) local s = 0 for i = 1, x do\n"
              "local c = counter() c(i) s = s + c(s % 3) end return s end",
              "i8 -> ?");
    refused("function(x)\n local f do local m = x\n"
            " f = function() m = m + 1 return m end end\n"
            " local z = 2 return f() + z end",
            "f8 -> ?", 3, "'m' is out of scope");
}

static void it_holds_a_number_wherever_it_is_used(void **data)
{
    (void)data;
    same("function(x) local t = {x, 2}\n"
         "local function set() t = 1 end set() return t end",
         "f8 -> ?");
    refused("function(x) local f = math.sin\n"
            " local function set() f = math.cos end\n set()\n"
            " return f(x) end",
            "f8 -> ?", 4, "which function 'f' is, is not known");
    refused("function(x)\n local t = {x}\n"
            " local function set() t = {2} end\n set()\n return t[1] end",
            "f8 -> ?", 5, "'t' is a number");
    refused("function(x) local t = {x}\n"
            " local function set() t = 2.0 end\n"
            " if x > 1 then set() end\n return t + 1 end",
            "f8 -> ?", 1, "'t' is a table on one way");
    refused("function(x) local t = 1\n"
            " local function set(v) t = v end\n"
            " set({x})\n return t + 1 end",
            "f8 -> ?", 4, "a function assigns is a table");
    refused("function(x) local t = {x}\n"
            " local function set() t = t end\n"
            " while x > t do set() x = x - 1 end return 1 end",
            "f8 -> ?", 3, "a function assigns is a table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_local_is_a_table_with_one_field),
        cmocka_unit_test(its_function_sees_what_is_assigned),
        cmocka_unit_test(however_its_function_assigns_it),
        cmocka_unit_test(in_loops),
        cmocka_unit_test(in_functions_within_functions),
        cmocka_unit_test(functions_may_outlive_their_maker),
        cmocka_unit_test(it_holds_a_number_wherever_it_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
