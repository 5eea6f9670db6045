/* Strings that the kernel makes for messages. */
#include "built.h"

static void a_message_leaves_a_check(void **data)
{
    (void)data;
    check("function(x)\n"
          "  if x < 0 then\n"
          "    error(string.format('%d < 0', x) .. ': ' .. x)\n"
          "  end\n"
          "  return x\n"
          "end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: int = const 0\n"
          "  %2: bool = lt %0 %1 ; line 2\n"
          "  %15: bool = not %2 ; line 3\n"
          "  expect %15 ; line 3\n"
          "  jump b2\n"
          "b2: b0\n"
          "  result 0 %0 ; line 5\n"
          "  return\n");
    check("function(x) assert(x >= 0, 'negative: ' .. x) return x end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %4: int = const 0\n"
          "  %5: bool = le %4 %0 ; line 1\n"
          "  expect %5 ; line 1\n"
          "  result 0 %0 ; line 1\n"
          "  return\n");
}

static void strings_may_lead_to_errors(void **data)
{
    (void)data;
    static const char *const sources[] = {
        "function(x, y) if x < 0 then error('low: ' .. x .. y) end return y "
        "end",
        "function(x, y) if x < 0 then error(('%d'):format(x), 2) end return y "
        "end",
        "function(x, y) if x < 0 then error(string.rep('-', y)) end return y "
        "end",
        "function(x, y) local s = 'x is ' .. x if x > 1 then error(s) end "
        "return y end",
        "function(x, y) local s if x > 1 then s = 'high ' .. x else s = 'low' "
        "end if x > 1 or x < 0 then error(s .. '!') end return y end",
        "local function no(what) error('no ' .. what:upper()) end "
        "return function(x, y) if x < 0 then no('way') end return y end",
        "function(x, y) for i = 1, 3 do x = x + i if x > 3 then error('x: ' .. "
        "x) end end return x end",
        "function(x, y) if x < 0 then if y < 0 then error('a' .. x) else "
        "error('b' .. tostring(y)) end end return x end",
        "function(x, y) return assert(x, 'x: ' .. x) + assert(y, tostring(y)) "
        "end",
        "function(x, y) assert(x > 0, string.format('%5.2f%%, %-8s %g', x, y, "
        "x)) return y end",
        "function(x, y) assert(x > 0, tostring(x > y) .. tostring(nil)) "
        "return y end",
        "function(x, y) local s = ('a' .. x) and 1 return s + y end",
    };
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++)
        same(sources[k], "f8 i8 -> ?");
}

static void doubts_are_refused(void **data)
{
    (void)data;
    refused("function(x)\n assert(x > 0,\n string.format('%d', x)) return x "
            "end",
            "f8 -> ?", 3, "string.format is not compiled");
    static const char *const formats[] = {
        "%d", "%c", "%153g", "%.123g", "%--g", "%5", "%", "%g%g", "%q", "%5%",
    };
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        char source[128];
        snprintf(source, sizeof source,
                 "function(x) assert(x > 0, string.format('%s', x)) return x "
                 "end",
                 formats[k]);
        refused(source, "f8 -> ?", 1, "string.format is not compiled");
    }
    refused("function(x) assert(x > 0, ('%g'):format(x)) return x end",
            "f8 -> ?", 1, "strings are not compiled");
    refused("function(x) local s = 'a' .. tostring(math.sin) return x end",
            "f8 -> ?", 1, "tostring is not compiled");
    refused("function(x) local m if x > 0 then m = x end\n"
            " local s = 'm: ' .. m return x end",
            "f8 -> ?", 2, "strings are not compiled");
    refused("function(x)\n if x < 0 then local s = ('%d'):format(x)\n"
            " if x < -1 then error(s) end end return x end",
            "f8 -> ?", 2, "strings are not compiled");
    refused("function(x) tostring() return x end", "f8 -> ?", 1, "tostring");
}

/* Each is twice as long as the one before, up to where memory ends. */
static void long_strings_are_refused(void **data)
{
    (void)data;
#define LONG "local s = x .. x s = s .. s s = s .. s s = s .. s s = s .. s "
    same("function(x) " LONG "s = s .. s s = s .. s assert(x > 0, s) "
         "return x end",
         "f8 -> ?");
    refused("function(x) " LONG "s = s .. s s = s .. s s = s .. s "
            "assert(x > 0, s) return x end",
            "f8 -> ?", 1, "strings are not compiled");
}

static void other_uses_are_refused(void **data)
{
    (void)data;
    static const char text[] = "strings are not compiled";
    refused("function(x) return 'a' .. x end", "f8 -> ?", 1, text);
    refused("function(x)\n local s = 'a' .. x\n return #s end", "f8 -> ?", 2,
            text);
    refused("function(x) return ('a' .. x) + 1 end", "f8 -> ?", 1, text);
    refused("function(x) return ('a' .. x)[1] end", "f8 -> ?", 1, text);
    refused("function(x) return ('a' .. x) == 'a1' end", "f8 -> ?", 1,
            "whether a string equals another");
    refused("function(x) local s if x > 1 then s = 'a' .. x end\n"
            " return s and 1 or 2 end",
            "f8 -> ?", 2, "'s' is a string on one way");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_leaves_a_check),
        cmocka_unit_test(strings_may_lead_to_errors),
        cmocka_unit_test(doubts_are_refused),
        cmocka_unit_test(long_strings_are_refused),
        cmocka_unit_test(other_uses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
