/* Bounds: what is checked before a loop, and what in it. */
#include "dumped.h"

static const compile_pass passes[] = {mp__infer_run, mp__fold_run, NULL};

typedef struct tally {
    int ranges, inside, checked;
} tally;

static tally count(const char *source, const char *types)
{
    tally t = {0};
    compiled *c = compile(source, types, passes);
    check_compiled(source, c);
    for (int k = 0; k < c->func->norder; k++) {
        for (const mp_node *n = c->func->order[k]->first; n != NULL;
             n = n->next) {
            bool access = n->op == MP_OP_LOAD || n->op == MP_OP_STORE ||
                          n->op == MP_OP_ROW;
            t.ranges += n->op == MP_OP_RANGE;
            t.inside += access && n->inside;
            t.checked += access && !n->inside;
        }
    }
    compile_free(c);
    return t;
}

/* How many ranges are checked, how many accesses rely on that, and how many
 * are checked themselves, where `body` stands in a kernel. */
static void has(const char *body, int ranges, int inside, int checked)
{
    char source[512];
    snprintf(source, sizeof source,
             "function(i, a, b, n)\n"
             "  local s = 0.0\n"
             "  %s\n"
             "  a[1] = s\n"
             "end",
             body);
    tally t = count(source, "# [f8] [f8,2] =i");
    checked++;
    if (t.ranges != ranges || t.inside != inside || t.checked != checked)
        fail_msg("%s: %d ranges, %d inside, %d checked", body, t.ranges,
                 t.inside, t.checked);
}

static void counted_loops(void **data)
{
    (void)data;
    has("for k = 1, n do s = s + a[k] end", 1, 1, 0);
    has("for k = 1, n do s = s + a[k] * a[k] end", 1, 1, 0);
    has("for k = i, n do s = s + a[k - 1] + a[k + 1] end", 2, 2, 0);
    has("for k = 1, n do s = s + a[(i - 1) * n + k] end", 1, 1, 0);
    has("for k = 1, n do a[k] = 0.5 end", 1, 1, 0);
    /* The row is checked itself, since it does not count. */
    has("for k = 1, n do s = s + b[i][k] end", 1, 1, 1);
    has("for k = 1, n do s = s + b[k][i] end", 1, 1, 1);
    has("for k = 1, n do for m = 1, n do s = s + b[k][m] end end", 2, 2, 0);
}

/* Where the length of the array is the limit nothing is to be checked. */
static void whole_arrays(void **data)
{
    (void)data;
    has("for k = 1, #a do s = s + a[k] end", 0, 1, 0);
    has("for k = 2, #a do s = s + a[k] end", 0, 1, 0);
    has("for k = 0, #a do s = s + a[k] end", 1, 1, 0);
    has("for k = 1, #a do s = s + a[k + 1] end", 1, 1, 0);
    has("for k = 1, #b do s = s + a[k] end", 1, 1, 0);
}

/* What need not be done in each round, or to the end, is checked there. */
static void other_loops(void **data)
{
    (void)data;
    has("for k = 1, n do if a[k] > 1 then break end end", 0, 0, 1);
    has("for k = 1, n do if k > i then s = s + a[k] end end", 0, 0, 1);
    has("for k = n, 1, -1 do s = s + a[k] end", 0, 0, 1);
    has("for k = 1, n, 2 do s = s + a[k] end", 0, 0, 1);
    has("for k = 1, n do s = s + a[2 * k] end", 0, 0, 1);
    has("for k = 1, n do s = s + a[n - k] end", 0, 0, 1);
    has("local k = 1 while k <= n do s = s + a[k] k = k + 2 end", 0, 0, 1);
}

static void placed_before(void **data)
{
    (void)data;
    check_renumbered("function(i, a, n)\n"
                     "  local s = 0.0\n"
                     "  for k = 1, n do s = s + a[k + 1] end\n"
                     "  a[i] = s\n"
                     "end",
                     "# [f8] =i", passes,
                     "b0:\n"
                     "  %0: int = const 2\n"
                     "  %1: int = const 1\n"
                     "  %2: int = const 0\n"
                     "  %3: int = param 0\n"
                     "  %4: array = param 1 rank 1\n"
                     "  %5: int = param 2\n"
                     "  %6: float = const 0\n"
                     "  %7: int = add %5 %1 ; line 3\n"
                     "  %8: nil = range %4 %1 %5 %0 %7 ; line 3\n"
                     "  jump b1\n"
                     "b1: b0 b2 loop\n"
                     "  %9: float = phi %6 %10 ; line 3\n"
                     "  %11: int = phi %2 %12 ; line 3\n"
                     "  poll ; line 3\n"
                     "  %12: int = add %11 %1 ; line 3\n"
                     "  %13: bool = le %12 %5 ; line 3\n"
                     "  branch %13 b2 b3\n"
                     "b2: b1\n"
                     "  %14: int = add %12 %1 ; line 3\n"
                     "  %15: float = load %4 %14 inside ; line 3\n"
                     "  %10: float = add %9 %15 ; line 3\n"
                     "  jump b1\n"
                     "b3: b1\n"
                     "  store %4 %3 %9 ; line 4\n"
                     "  return\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_loops),
        cmocka_unit_test(whole_arrays),
        cmocka_unit_test(other_loops),
        cmocka_unit_test(placed_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
