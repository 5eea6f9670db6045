/* error and assert: what is left of them are checks. */
#include "built.h"

static void a_branch_becomes_a_check(void **data)
{
    (void)data;
    check("function(x)\n"
          "  if x < 0 then\n"
          "    error('negative')\n"
          "  end\n"
          "  return x\n"
          "end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: int = const 0\n"
          "  %2: bool = lt %0 %1 ; line 2\n"
          "  %8: bool = not %2 ; line 3\n"
          "  expect %8 ; line 3\n"
          "  jump b2\n"
          "b2: b0\n"
          "  result 0 %0 ; line 5\n"
          "  return\n");
    check("function(x) assert(x >= 0, 'negative') return x end", "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %4: int = const 0\n"
          "  %5: bool = le %4 %0 ; line 1\n"
          "  expect %5 ; line 1\n"
          "  result 0 %0 ; line 1\n"
          "  return\n");
}

static void all_ways_to_an_error_are_cut(void **data)
{
    (void)data;
    static const char *const sources[] = {
        "function(x, y) if x < 0 or y < 0 then error('low') end return y end",
        "function(x, y) if x < 0 and y < 0 then error('low') end return y end",
        "function(x, y) if x > 0 then return x end error('low') end",
        "function(x, y) if x > 0 then return x end return error('low') end",
        "function(x, y) if x > 0 then if x > 5 then error('a') else error('b') "
        "end end return x end",
        "function(x, y) local r if x > 9 then error('a') elseif x > 0 then r = "
        "1 "
        "else r = 2 end return r end",
        "function(x, y) for i = 1, 5 do x = x - 1 if x == 2 then error('two') "
        "end "
        "end return x end",
        "function(x, y) for i = 1, 5 do x = x / 2 if x < 1 then return i end "
        "end "
        "error('large') end",
        "local function fail() error('low') end "
        "return function(x, y) if x < 0 then fail() end return x end",
        "local function check(x) if x < 0 then error('low') end return x end "
        "return function(x, y) return check(x) + check(y) end",
        "function(x, y) return assert(x, 'none') + assert(y) end",
        "function(x, y) assert(true) return type(x) == 'number' and "
        "tonumber(x) "
        "end",
    };
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++)
        same(sources[k], "f8 i8 -> ?");
}

static void what_always_raises_is_refused(void **data)
{
    (void)data;
    static const char text[] = "the kernel always raises an error";
    refused("function(x) error('no') end", "f8 -> ?", 1, text);
    refused("function(x) assert(false) return x end", "f8 -> ?", 1, text);
    refused("function(x) assert(nil, 'no') return x end", "f8 -> ?", 1, text);
    refused("function(x)\n if x > 0 then error(1) end error(2) end", "f8 -> ?",
            1, text);
    refused("function(x) assert() return x end", "f8 -> ?", 1, "argument");
    refused("function(x) return tonumber(x, 10) end", "f8 -> ?", 1, "tonumber");
    refused("function(x) return type(x == 1) end", "f8 -> ?", 1, "type");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_branch_becomes_a_check),
        cmocka_unit_test(all_ways_to_an_error_are_cut),
        cmocka_unit_test(what_always_raises_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
