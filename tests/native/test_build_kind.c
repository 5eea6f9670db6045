/* math.type. */
#include "dumped.h"
#include "reference.h"

static const compile_pass typed[] = {mp__scalar_run, mp__infer_run,
                                     mp__fold_run, NULL};
static const compile_pass masked[] = {mp__scalar_run, mp__infer_run,
                                      mp__fold_run,   mp__diverge_run,
                                      mp__mask_run,   NULL};

/* Over tame and wild inputs, one lane at a time and several at once. */
static void same(const char *source, const char *types)
{
    for (int kind = 0; kind < 2; kind++) {
        comparison c = {.source = source,
                        .kind = kind == 0 ? INPUT_TAME : INPUT_WILD};
        compare_with_lua(c, types, NULL);
        compare_with_lua(c, types, masked);
        c.lanes = 4;
        compare_with_lua(c, types, masked);
    }
}

static void refused(const char *source, const char *types, int line,
                    const char *text)
{
    check_refused(source, types, typed, line, text);
}

static void it_is_known_when_types_are(void **data)
{
    (void)data;
    const char *source =
        "function(x)\n"
        "  if math.type(x) == 'integer' then return x // 2 end\n"
        "  return x * 0.5\n"
        "end";
    check_dump("function(x) return math.type(x) == 'float' end", "f8 -> ?",
               NULL,
               "b0:\n"
               "  %0: any = param 0\n"
               "  %8: bool = is_float %0 ; line 1\n"
               "  result 0 %8 ; line 1\n"
               "  return\n");
    check_dump("function(x) return math.type(x) == 'float' end", "f8 -> ?",
               typed,
               "b0:\n"
               "  %10: bool = const true\n"
               "  result 0 %10 ; line 1\n"
               "  return\n");
    same(source, "f8 -> ?");
    same(source, "i8 -> ?");
    same("function(x, y) return math.type(x) == 'float', "
         "math.type(y) == 'float', math.type(x + y) ~= 'integer', "
         "math.type(y // 2) == 'integer', math.type(y / 2) == 'integer', "
         "math.type(x) == 'complex', math.type(x) == nil end",
         "f8 i8 -> ?");
    same("local function half(x) local t = math.type(x)\n"
         "if t == 'float' then return x / 2 elseif t == 'integer' then\n"
         "return x // 2 end return 0 end\n"
         "return function(x, y) return half(x), half(y), half(y + x) end",
         "f8 i8 -> ?");
    same("function(x) return math.type(math.floor(x)) == 'integer' end",
         "i8 -> ?");
    same("function(x) return math.type(math.floor(x)) == 'integer' end",
         "f8 -> ?");
    same("function(x) local n = 0 for i = 1, 3 do\n"
         "if math.type(i) == 'integer' then n = n + x end end return n end",
         "i8 -> ?");
}

static void what_is_no_number_has_none(void **data)
{
    (void)data;
    same("function(x) return math.type(x > 1) == nil, math.type(nil) == nil, "
         "math.type('1') == nil, math.type(x == x) == 'integer' end",
         "f8 -> ?");
    same("function(x) return math.type(x) == 'integer', "
         "math.type(x) == 'float' end",
         "b1 -> ?");
    same("function(x) local m if x > 1 then m = x end\n"
         "return math.type(m) == 'float', math.type(m) == 'integer' end",
         "f8 -> ?");
    same("function(x) local m if x > 1 then m = x elseif x < 0 then m = false "
         "end return math.type(m) == 'float', math.type(m) == 'integer' end",
         "f8 -> ?");
}

static void what_is_not_known_is_refused(void **data)
{
    (void)data;
    refused("function(x)\n local n = 1 if x > 1 then n = x end\n"
            " return math.type(n) == 'float' end",
            "f8 -> ?", 3, "an integer here and a float there");
    refused("function(x)\n local n = true if x > 1 then n = x end\n"
            " return math.type(n) == 'float' end",
            "f8 -> ?", 3, "may be a boolean");
    refused("function(x)\n local n = true if x > 1 then n = x end\n"
            " return math.type(n) == nil end",
            "f8 -> ?", 3, "whether math.type returns nil");
    refused("function(x) return math.type(x) end", "f8 -> ?", 1, "result 1");
    refused("function(x, y)\n return math.type(x) == math.type(y) end",
            "f8 f8 -> ?", 2, "equals another");
    refused("function(x) return math.type() end", "f8 -> ?", 1, "math.type");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_known_when_types_are),
        cmocka_unit_test(what_is_no_number_has_none),
        cmocka_unit_test(what_is_not_known_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
