/* Tables made in the kernel: what the builder makes of them. */
#include "built.h"

static void accesses_in_their_order(void **data)
{
    (void)data;
    check("function(x, k)\n"
          "  local v = {x, 1, n = 2}\n"
          "  v[2.0] = v.n + #v\n"
          "  v[k] = v[1]\n"
          "  return v[k]\n"
          "end",
          "f8 i8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %1: any = param 1\n"
          "  %3: int = const 1\n"
          "  %4: ref = ref string \"n\"\n"
          "  %5: int = const 2\n"
          "  %2: ref = ref own 0 ; line 2\n"
          "  tstore %2 %4 %5 ; line 2\n"
          "  tstore %2 %3 %0 ; line 2\n"
          "  tstore %2 %5 %3 ; line 2\n"
          "  %9: any = tload %2 %4 ; line 3\n"
          "  %10: int = tlen %2 ; line 3\n"
          "  %11: any = add %9 %10 ; line 3\n"
          "  tstore %2 %5 %11 ; line 3\n"
          "  %14: any = tload %2 %3 ; line 4\n"
          "  tstore %2 %1 %14 ; line 4\n"
          "  %16: any = tload %2 %1 ; line 5\n"
          "  result 0 %16 ; line 5\n"
          "  return\n");
}

/* What is no number is known when it is read. */
static void tables_in_tables(void **data)
{
    (void)data;
    check("function(x)\n"
          "  local p = {at = {x, 2}, f = math.sin}\n"
          "  return p.f(p.at[1])\n"
          "end",
          "f8 -> ?",
          "b0:\n"
          "  %0: any = param 0\n"
          "  %3: int = const 2\n"
          "  %4: int = const 1\n"
          "  %7: ref = ref string \"at\"\n"
          "  %13: ref = ref builtin math.sin\n"
          "  %14: ref = ref string \"f\"\n"
          "  %1: ref = ref own 0 ; line 2\n"
          "  %2: ref = ref own 1 ; line 2\n"
          "  tstore %2 %4 %0 ; line 2\n"
          "  tstore %2 %3 %3 ; line 2\n"
          "  tstore %1 %7 %2 ; line 2\n"
          "  tstore %1 %14 %13 ; line 2\n"
          "  %16: any = tload %2 %4 ; line 3\n"
          "  %17: any = builtin math.sin %16 ; line 3\n"
          "  result 0 %17 ; line 3\n"
          "  return\n");
}

static void what_is_refused(void **data)
{
    (void)data;
    refused("function(x)\n local t = {}\n t[true] = x return x end", "f8 -> ?",
            3, "a key that is a boolean");
    refused("function(x)\n local t = {}\n t[1.5] = x return x end", "f8 -> ?",
            3, "a key that is no integer");
    refused("function(x)\n local t = {}\n t[t] = x return x end", "f8 -> ?", 3,
            "a key that is a table");
    refused("function(x, a)\n local t = {}\n t[x // 1 | 0] = a return x end",
            "f8 [f8] -> ?", 3, "'t' gets an item that is an array");
    refused("function(x)\n local t = {{1}}\n t[1] = {2} return x end",
            "f8 -> ?", 3, "an item of 't' that is no number is replaced");
    refused("function(x)\n local t = {}\n if x > 0 then\n t.a = {2} end\n"
            " return t.a and 1 or 2 end",
            "f8 -> ?", 4, "'t' gets an item that is a table where it is not");
    refused("function(x)\n local t = {{1}, {2, 3}}\n return t[x][1] end",
            "f8 -> ?", 3, "'t' is indexed by a computed value, and is no");
    refused("function(x)\n local r = {1}\n local t = {r, r}\n"
            " return t[x][1] end",
            "f8 -> ?", 4, "'t' is indexed by a computed value, and is no");
    refused("function(x)\n local t = {{1}, {2}}\n"
            " return t[x] and 1 or 2 end",
            "f8 -> ?", 3, "whether a table has a row");
    refused("function(x)\n return {x} end", "f8 -> ?", 2,
            "result 1 of the kernel is a table");
    refused("function(x)\n return x + {x} end", "f8 -> ?", 2,
            "arithmetic on a table");
    refused("function(x)\n local t = {}\n if x > 0 then t = {1} end\n"
            " return t[1] end",
            "f8 -> ?", 4, "'t' is not the same array or table");
    refused("function(x)\n local t = {x}\n return #{table.unpack(t)} end",
            "f8 -> ?", 3, "table.unpack is not compiled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_in_their_order),
        cmocka_unit_test(tables_in_tables),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
