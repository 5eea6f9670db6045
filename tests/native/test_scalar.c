/* Tables made in the kernel: what becomes of them, what is checked, and that
 * kernels with them do what Lua does, after all passes. */
#include "dumped.h"
#include "reference.h"

static const compile_pass scalar[] = {mp__scalar_run, NULL};
static const compile_pass typed[] = {mp__scalar_run, mp__infer_run,
                                     mp__fold_run, NULL};
static const compile_pass masked[] = {mp__scalar_run, mp__infer_run,
                                      mp__fold_run,   mp__diverge_run,
                                      mp__mask_run,   NULL};

/* Over tame and wild inputs, one lane at a time and several at once. */
static void same(const char *source, const char *types)
{
    const compile_pass *const lists[] = {scalar, typed, masked};
    for (int kind = 0; kind < 2; kind++) {
        comparison c = {.source = source,
                        .kind = kind == 0 ? INPUT_TAME : INPUT_WILD};
        for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
            compare_with_lua(c, types, lists[k]);
        c.lanes = 4;
        compare_with_lua(c, types, masked);
    }
}

static void refused(const char *source, const char *types, int line,
                    const char *text)
{
    check_refused(source, types, typed, line, text);
}

/* The number of nodes of an operation that are left. */
static int count(const char *source, const char *types, mp_op op)
{
    int found = 0;
    compiled *c = compile(source, types, typed);
    check_compiled(source, c);
    for (int k = 0; k < c->func->norder; k++) {
        const mp_node *n = c->func->order[k]->first;
        for (; n != NULL; n = n->next)
            found += n->op == op;
    }
    compile_free(c);
    return found;
}

/* It is the same as Lua, and so many indices are checked when it runs. */
static void checks(int wanted, const char *source, const char *types)
{
    int found =
        count(source, types, MP_OP_TINDEX) + count(source, types, MP_OP_TGROW);
    if (found != wanted)
        fail_msg("%s: %d checks", source, found);
    same(source, types);
}

/* Nothing is left of its tables. */
static void dissolves(const char *source, const char *types)
{
    assert_int_equal(count(source, types, MP_OP_TSTORE), 0);
    assert_int_equal(count(source, types, MP_OP_TLOAD), 0);
    same(source, types);
}

/* ---- values ------------------------------------------------------------- */

static void constant_keys_become_values(void **data)
{
    (void)data;
    check_renumbered("function(x, y)\n"
                     "  local v = {y, 1}\n"
                     "  if x > 0 then v[1] = v[2] end\n"
                     "  return v[1]\n"
                     "end",
                     "f8 f8 -> ?", scalar,
                     "b0:\n"
                     "  %0: any = param 0\n"
                     "  %1: any = param 1\n"
                     "  %2: int = const 1\n"
                     "  %3: int = const 0\n"
                     "  %4: bool = lt %3 %0 ; line 3\n"
                     "  branch %4 b1 b2\n"
                     "b1: b0\n"
                     "  jump b2\n"
                     "b2: b0 b1\n"
                     "  %5: any = phi %1 %2 ; line 2\n"
                     "  result 0 %5 ; line 4\n"
                     "  return\n");
    dissolves("function(x, y) local p = {x = x, y = y}\n"
              "p.x, p.y = p.y, p.x return p.x - p.y end",
              "f8 f8 -> ?");
    dissolves("function(x, n) local p = {}\n"
              "for i = 1, n & 7 do if p.s then p.n = i end p.s = true end\n"
              "return p.s == nil and x or p.n == nil and 1.5 or 2.5 end",
              "f8 i8 -> ?");
    dissolves("function(x) local m = {{x, 1.0}, {2.0, x}}\n"
              "local r = m[1] r[2] = 7.0\n"
              "return m[1][1] * m[2][2] - m[1][2] * m[2][1] end",
              "f8 -> ?");
    dissolves("local function add(a, b) return {x = a.x + b.x} end\n"
              "return function(x, y) local a, b = {x = x}, {x = y}\n"
              "return add(add(a, b), b).x end",
              "f8 f8 -> ?");
    dissolves("function(x) local t = {x, x, x} return #t + t[3] end",
              "f8 -> ?");
    dissolves("function(x) local t = {1.5, n = x}\n"
              "local function f() t.n = t.n * 2 end f() f()\n"
              "return t.n + t[1] end",
              "f8 -> ?");
    dissolves("function(x) local t = {[3] = x, [-1] = 2.0, nil}\n"
              "return t[3] * t[-1] + (t[1] == nil and 1 or 2) end",
              "f8 -> ?");
    dissolves("local function s(w, i, j)\n"
              "  if w[j] < w[i] then w[i], w[j] = w[j], w[i] end\n"
              "end\n"
              "return function(x, y, z) local w = {x, y, z}\n"
              "s(w, 1, 2) s(w, 2, 3) s(w, 1, 2) return w[2] end",
              "i8 i8 i8 -> ?");
}

static void a_table_is_new_in_each_round(void **data)
{
    (void)data;
    same("function(x, n) local s = 0.0\n"
         "for i = 1, n & 7 do\n"
         "  local t = {x}\n"
         "  if i % 2 == 0 then t.again = 1.0 end\n"
         "  if t.again then s = s + 1 end\n"
         "  t[1] = t[1] + i s = s + t[1]\n"
         "end return s end",
         "f8 i8 -> ?");
    same("function(x, n) local s = 0\n"
         "for i = 1, n & 7 do\n"
         "  local t = {} t[1] = i\n"
         "  if i > 2 then t[2] = 5 end\n"
         "  s = s + #t + t[#t]\n"
         "end return s end",
         "f8 i8 -> ?");
}

/* ---- memory ------------------------------------------------------------- */

static void memory_is_reached_by_sure_indices(void **data)
{
    (void)data;
    check_renumbered("function(x)\n"
                     "  local v = {}\n"
                     "  for i = 1, 4 do v[i] = x end\n"
                     "  return v[2] + #v\n"
                     "end",
                     "f8 -> ?", typed,
                     "b0:\n"
                     "  %0: float = const 4\n"
                     "  %1: int = const 4\n"
                     "  %2: int = const 0\n"
                     "  %3: float = param 0\n"
                     "  %4: int = const 1\n"
                     "  %5: int = const 2\n"
                     "  %6: ref = ref own 0 ; line 2\n"
                     "  jump b1\n"
                     "b1: b0 b2 loop\n"
                     "  %7: int = phi %2 %8 ; line 3\n"
                     "  poll ; line 3\n"
                     "  %8: int = add %7 %4 ; line 3\n"
                     "  %9: bool = le %8 %1 ; line 3\n"
                     "  branch %9 b2 b3\n"
                     "b2: b1\n"
                     "  tstore %6 %8 %3 ; line 3\n"
                     "  jump b1\n"
                     "b3: b1\n"
                     "  %10: float = tload %6 %5 ; line 4\n"
                     "  %11: float = add %10 %0 ; line 4\n"
                     "  result 0 %11 ; line 4\n"
                     "  return\n");
    checks(0,
           "function(x) local v = {x, 2.0, 3.0}\n"
           "for i = 1, #v do v[i] = v[i] * 2 end\n"
           "for i = 3, 2, -1 do v[i] = v[i - 1] + v[i] end\n"
           "return v[1] + v[2] + v[3] end",
           "f8 -> ?");
    checks(0,
           "function(x) local v = {1, 1}\n"
           "for i = 3, 10 do v[i] = v[i - 1] + v[i - 2] end\n"
           "return v[10] + x end",
           "i8 -> ?");
    checks(0,
           "function(x) local v = {}\n"
           "for i = 0, 7 do v[i + 1] = x * i end\n"
           "local s = 0.0 for k = 0, 7 do s = s + v[8 - k] end\n"
           "return s end",
           "f8 -> ?");
    checks(0,
           "function(x, n) local v = {0, 0, 0, 0}\n"
           "for i = 1, 9 do v[(n + i) % 4 + 1] = i end\n"
           "return v[1] + v[2] * v[3] - v[(n & 3) + 1] end",
           "f8 i8 -> ?");
    checks(0,
           "function(x, y) local m = {}\n"
           "for i = 1, 9 do m[i] = x + i end\n"
           "local s = 0.0\n"
           "for i = 1, 3 do for j = 1, 3 do\n"
           "  s = s + m[(i - 1) * 3 + j] * m[(j - 1) * 3 + i]\n"
           "end end return s + y end",
           "f8 f8 -> ?");
}

static void matrices(void **data)
{
    (void)data;
    checks(0,
           "function(x, y)\n"
           "  local a, b = {{x, 1.0}, {2.0, y}}, {{0.5, y}, {y, x}}\n"
           "  local c = {{0.0, 0.0}, {0.0, 0.0}}\n"
           "  for i = 1, #c do for j = 1, #c[i] do\n"
           "    for k = 1, 2 do\n"
           "      c[i][j] = c[i][j] + a[i][k] * b[k][j]\n"
           "    end\n"
           "  end end\n"
           "  c[1][2] = c[1][2] + 1\n"
           "  return c[1][1] + c[1][2] * 3 + c[2][1] * 5 + c[2][2] * 7\n"
           "end",
           "f8 f8 -> ?");
    checks(2,
           "function(x, n, m) local r = {x, x + 1}\n"
           "local a = {r, {2.0, 3.0}, name = 5}\n"
           "local b = a[n] b[m] = 7.0 r[1] = r[1] + a.name\n"
           "return a[1][1] + a[1][2] * 2 + a[2][1] * 4 + a[2][2] * 8 end",
           "f8 i8 i8 -> ?");
    refused("function(x, n) local a = {{x}, {x}}\n a[1][2] = x\n"
            " return a[n][1] end",
            "f8 i8 -> ?", 2, "a row of a table has another item");
    refused("function(x, n) local a = {{x}, {x}}\n a[3] = x\n"
            " return a[n][1] end",
            "f8 i8 -> ?", 2, "a table of rows has another item");
}

static void others_are_checked(void **data)
{
    (void)data;
    checks(1, "function(x, n) local v = {x, 2.0, 3.0} return v[n] end",
           "f8 i8 -> ?");
    checks(1,
           "function(x, n) local v = {x, 2.0, 3.0} v[n] = 5.0\n"
           "return v[1] + v[2] + v[3] end",
           "f8 i8 -> ?");
    /* A float may be an index, where it is an integer. */
    checks(1, "function(x, y) local v = {x, 2.0, 3.0} return v[y] end",
           "f8 f8 -> ?");
    checks(2,
           "function(x, n) local v = {}\n"
           "for i = 1, n & 7 do v[i] = i * 2 end\n"
           "return v[n & 3] or 0 end",
           "f8 i8 -> ?");
    checks(2,
           "function(x, n) local v = {0}\n"
           "for i = 1, n & 15 do if i % 3 ~= 0 then v[#v + 1] = i end end\n"
           "local s = 0 for i = 1, #v do s = s + v[i] * i end return s end",
           "f8 i8 -> ?");
    /* A loop that is left early has filled but a part. */
    same("function(x, n) local v = {}\n"
         "for i = 1, 8 do if i > n & 7 then break end v[i] = x end\n"
         "local s = 0.0 for i = 1, #v do s = s + v[i] end return s + #v end",
         "f8 i8 -> ?");
    same("function(x, n) local v = {}\n"
         "for i = 8, 1, -1 do v[i] = x end return v[1] end",
         "f8 i8 -> ?");
}

static void well_known_kernels(void **data)
{
    (void)data;
    same("function(a, b, c, d, e)\n"
         "  local w = {a, b, c, d, e}\n"
         "  for i = 2, 5 do\n"
         "    local key, j = w[i], i - 1\n"
         "    while j >= 1 and w[j] > key do\n"
         "      w[j + 1] = w[j] j = j - 1\n"
         "    end\n"
         "    w[j + 1] = key\n"
         "  end\n"
         "  return w[3]\n"
         "end",
         "f8 f8 f8 f8 f8 -> ?");
    same("function(x, n) local h = {}\n"
         "for i = 1, 8 do h[i] = 0 end\n"
         "local s = n\n"
         "for k = 1, 20 do\n"
         "  s = s * 1103515245 + 12345\n"
         "  local b = (s >> 16) % 8 + 1\n"
         "  h[b] = h[b] + 1\n"
         "end\n"
         "local m = 0\n"
         "for i = 1, 8 do if h[i] > m then m = h[i] end end\n"
         "return m end",
         "f8 i8 -> ?");
    same("function(x, y)\n"
         "  local f, seen = {x, y, 0.5}, {false, false, false}\n"
         "  for k = 1, 3 do\n"
         "    local best = math.huge\n"
         "    for i = 1, 3 do\n"
         "      if not seen[i] and f[i] < best then\n"
         "        best = f[i]\n"
         "      end\n"
         "    end\n"
         "    for i = 1, 3 do if f[i] == best then seen[i] = true end end\n"
         "  end\n"
         "  return seen[1], f[1] end",
         "f8 f8 -> ?");
}

/* ---- types -------------------------------------------------------------- */

static void items_have_one_type(void **data)
{
    (void)data;
    same("function(x, n) local v = {0, 0, x}\n"
         "for i = 1, 3 do v[i] = v[i] + x end return v[(n & 1) + 1] * 0.5 end",
         "f8 i8 -> ?");
    refused("function(x, n) local v = {0, x}\n return -v[n] end", "f8 i8 -> ?",
            2, "is an integer here and a float there");
    refused(
        "function(x, n) local v = {0, true}\n return v[n] == x and 1 or 2 end",
        "f8 i8 -> ?", 1, "a table has numbers and booleans");
    refused("function(x, n) local v = {x, nil, x}\n return v[n] end",
            "f8 i8 -> ?", 1, "a table's item may be nil");
    refused("function(x, n) local v = {}\n return v[n] end", "f8 i8 -> ?", 2,
            "a table is read that nothing was written to");
    refused("function(x, n) local v = {x}\n v[3] = x\n return v[n] end",
            "f8 i8 -> ?", 2, "a table gets item 3 while it has 1");
    refused("function(x, n) local v = {x, x}\n"
            "for i = 5, 6 do\n v[i] = x end\n return v[n] end",
            "f8 i8 -> ?", 3, "a table's index is outside of what it has");
    refused("function(x) local v = {}\nfor i = 1, 999 do\n v[i] = x end\n"
            " return v[1] end",
            "f8 -> ?", 3, "gets more than 256 items");
    refused("function(x, b) local v = {x}\n return v[x < 1] end", "f8 b1 -> ?",
            2, "");
}

/* What is no error must not be left to the interpreter after a store. */
static void behind_a_store(void **data)
{
    (void)data;
    same("function(i, a)\n"
         "  for k = 1, 2 do\n"
         "    local v = {}\n"
         "    for j = 1, 4 do v[j] = a[i] * j end\n"
         "    for j = 1, 4 do a[i] = a[i] + v[j] end\n"
         "  end\n"
         "end",
         "# [f8]");
    same("function(i, a) local v = {1.0, 2.0} a[i] = 1.0\n"
         "a[i] = v[i % 4] + 1 end",
         "# [f8]");
    refused("function(i, a)\n local v = {1.0, 2.0}\n a[i] = 1.0\n"
            " if v[i] then\n a[i] = 2.0 end end",
            "# [f8]", 4, "a table's index behind a store to an array");
    refused("function(i, a)\n local v = {1.0, 2.0}\n a[i] = 1.0\n"
            " v[i] = 2.0\n a[i] = v[1] end",
            "# [f8]", 4, "a table's index behind a store to an array");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_keys_become_values),
        cmocka_unit_test(a_table_is_new_in_each_round),
        cmocka_unit_test(memory_is_reached_by_sure_indices),
        cmocka_unit_test(matrices),
        cmocka_unit_test(others_are_checked),
        cmocka_unit_test(well_known_kernels),
        cmocka_unit_test(items_have_one_type),
        cmocka_unit_test(behind_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
