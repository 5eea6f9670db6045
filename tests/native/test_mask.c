/* Masks: functions do the same for each lane when all run at once; and what is
 * left of well-known ones. */
#include "lanes_make.h"

#include "reference.h"

#define LIMIT ((size_t)64 << 20)

typedef struct trial {
    uint64_t seed;
    int size;
    bool ran;
} trial;

static lanes_run start(const mp_func *func, uint64_t seed, lanes_trace *traces)
{
    lanes_run run = {.func = func, .traces = traces, .random = seed + 1};
    uint64_t random = seed * 77 + 5;
    bool some = false;
    for (int lane = 0; lane < LANES; lane++) {
        run.element[lane] = (int64_t)(lanes_random(&random) % 11) - 2;
        run.entry[lane] = seed % 3 != 0 || lanes_random(&random) % 3 != 0;
        some |= run.entry[lane];
        traces[lane].count = 0;
    }
    run.entry[2] |= !some;
    run.uniform = (int64_t)(lanes_random(&random) % 9) - 1;
    run.index = (int64_t)(lanes_random(&random) % 5) + 1;
    run.values = calloc((size_t)func->nnodes, sizeof *run.values);
    assert_non_null(run.values);
    return run;
}

static void complain(const mp_func *func, const trial *t, const char *what,
                     int id)
{
    if (getenv("MP_TEST_PRINT") != NULL)
        mp__ir_print(func, stderr);
    fail_msg("seed %d, size %d: %s (%d)", (int)t->seed, t->size, what, id);
}

static void compare(const mp_func *func, const trial *t,
                    const lanes_trace *before, const lanes_trace *after)
{
    for (int lane = 0; lane < LANES; lane++) {
        const lanes_trace *a = &before[lane], *b = &after[lane];
        for (int k = 0; k < a->count && k < b->count; k++) {
            if (memcmp(&a->events[k], &b->events[k], sizeof a->events[k]) != 0)
                complain(func, t, "another effect", a->events[k].id);
        }
        if (a->count != b->count)
            complain(func, t, "more or less effects", lane);
    }
}

static void run_lanes(lanes_run *run)
{
    for (int lane = 0; lane < LANES; lane++) {
        run->steps = 0;
        if (run->entry[lane])
            lanes_run_one(run, lane);
        if (run->steps >= LANES_MOST_STEPS)
            run->wrong = "too long";
    }
}

static void try_body(mp_unit *unit, void *ud)
{
    trial *t = ud;
    mp_spec spec;
    lanes_spec(&spec);
    mp_func *func = lanes_make(unit, &spec, t->seed, t->size);
    mp__ir_order(func);
    mp__ir_verify(func);
    if (getenv("MP_TEST_PRINT") != NULL)
        mp__ir_print(func, stderr);
    lanes_trace *traces = calloc(2 * LANES, sizeof *traces);
    assert_non_null(traces);
    lanes_run one = start(func, t->seed, traces);
    run_lanes(&one);
    free(one.values);
    t->ran = one.wrong == NULL;
    mp__diverge_run(func);
    mp__ir_verify(func);
    if (getenv("MP_TEST_PRINT") != NULL)
        mp__ir_print(func, stderr);
    mp__mask_run(func);
    mp__ir_verify(func);
    if (t->ran) {
        lanes_run all = start(func, t->seed, traces + LANES);
        lanes_run_all(&all);
        free(all.values);
        if (all.wrong != NULL)
            complain(func, t, all.wrong, all.wrong_id);
        compare(func, t, traces, traces + LANES);
    }
    free(traces);
}

static bool try_one(uint64_t seed, int size)
{
    mp_unit unit;
    trial t = {.seed = seed, .size = size};
    mp__unit_init(&unit, LIMIT);
    mp_status status = mp__unit_run(&unit, try_body, &t);
    if (status != MP_OK)
        print_message("seed %d: %s\n", (int)seed, unit.refusal.what);
    mp__unit_destroy(&unit);
    return status == MP_OK && t.ran;
}

static void random_functions(void **data)
{
    (void)data;
    const char *one = getenv("MP_TEST_SEED"), *many = getenv("MP_TEST_SEEDS");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t last = many != NULL ? strtoull(many, NULL, 10) : 2000;
    int ran = 0;
    for (uint64_t seed = first; seed <= (one != NULL ? first : last); seed++)
        ran += try_one(seed, 3 + (int)(seed % 38));
    print_message("%d ran\n", ran);
}

/* ---- well-known kernels ------------------------------------------------- */

static const compile_pass passes[] = {mp__infer_run, mp__fold_run,
                                      mp__diverge_run, mp__mask_run, NULL};

/* Several lanes at once against Lua, one after the other. */
static void as_lua(const char *source, const char *types)
{
    comparison c = {.source = source, .lanes = 4, .rounds = 100};
    compare_with_lua(c, types, passes);
    c.lanes = 1;
    compare_with_lua(c, types, passes);
}

static const char mandelbrot[] = "function(cx, cy)\n"
                                 "  local x, y = 0.0, 0.0\n"
                                 "  for i = 1, 50 do\n"
                                 "    local xx, yy = x * x, y * y\n"
                                 "    if xx + yy > 4 then return i end\n"
                                 "    x, y = xx - yy + cx, 2 * x * y + cy\n"
                                 "  end\n"
                                 "  return 0\n"
                                 "end";

static void loops(void **data)
{
    (void)data;
    as_lua(mandelbrot, "f8 f8 -> i8");
    as_lua("function(n)\n"
           "  local steps = 0\n"
           "  n = (n & 63) + 1\n"
           "  while n ~= 1 do\n"
           "    if n % 2 == 0 then n = n // 2 else n = 3 * n + 1 end\n"
           "    steps = steps + 1\n"
           "  end\n"
           "  return steps, n\n"
           "end",
           "i8 -> ?");
    as_lua("function(x)\n"
           "  local r, last = x + 1.5, 0.0\n"
           "  local k = 0\n"
           "  repeat\n"
           "    last = r\n"
           "    r = (r + x / r) / 2\n"
           "    k = k + 1\n"
           "  until math.abs(r - last) < 1e-9 or k == 40\n"
           "  return r, k\n"
           "end",
           "f8 -> ?");
}

/* Several ways out, to several places, out of several loops. */
static void leaving(void **data)
{
    (void)data;
    as_lua("function(p, q, x)\n"
           "  local hits = 0\n"
           "  for i = 1, 6 do\n"
           "    for j = i, 9 do\n"
           "      if i * j == p then return i, j, hits end\n"
           "      if i + j == q then goto out end\n"
           "      if j > x then break end\n"
           "      if (i ~ j) & 1 == 0 then goto continue end\n"
           "      hits = hits + j\n"
           "      ::continue::\n"
           "    end\n"
           "    if hits > 20 then break end\n"
           "  end\n"
           "  hits = -hits\n"
           "  ::out::\n"
           "  return hits, 0, p\n"
           "end",
           "i8 i8 f8 -> ?");
    as_lua("function(p, q, x)\n"
           "  local s = 0.0\n"
           "  for i = 1, q do\n"
           "    if x > 0 then\n"
           "      for j = 1, i do s = s + x * j end\n"
           "    elseif p > i then\n"
           "      if q > 4 then s = s - 1 else s = s / 2 end\n"
           "    else\n"
           "      while s < i do s = s + math.exp(s - 1) end\n"
           "    end\n"
           "  end\n"
           "  return s\n"
           "end",
           "i8 =i f8 -> ?");
}

/* Rows and elements that only some lanes may look at. */
static void arrays(void **data)
{
    (void)data;
    as_lua("function(i, a, m, n)\n"
           "  if i > #a then return end\n"
           "  local row = m[(i & 1) + 1]\n"
           "  local best, at = -1e9, 0\n"
           "  for k = 1, #row do\n"
           "    if row[k] > best then best, at = row[k], k end\n"
           "    if best > n then break end\n"
           "  end\n"
           "  if at > 2 then a[i] = row[at] else a[i] = best - n end\n"
           "end",
           "# [f8] r[f8,2] =f");
    as_lua("function(i, a, m, n)\n"
           "  local lo, hi = 1, #m + 1\n"
           "  if i > #a then return end\n"
           "  local x = a[i]\n"
           "  while lo < hi do\n"
           "    local mid = (lo + hi) // 2\n"
           "    if m[mid] < x then lo = mid + 1 else hi = mid end\n"
           "  end\n"
           "  a[i] = lo + n\n"
           "end",
           "# [f8] r[f8] =i");
}

/* How many nodes with an operation a loop has. */
static int count_in_loops(const mp_func *func, mp_op op)
{
    int count = 0;
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        for (const mp_node *node = block->first; node != NULL;
             node = node->next)
            count += block->depth > 0 && node->op == op;
    }
    return count;
}

static compiled *mask(const char *source, const char *types)
{
    mp_spec spec = make_spec(types);
    spec.lanes = 4;
    compiled *c = compile_with(NULL, source, &spec, passes);
    if (c->status != MP_OK)
        fail_msg("%s: %s", source, c->unit.refusal.what);
    return c;
}

/* What masks cost in the innermost loop of many a kernel. */
static void a_cheap_loop(void **data)
{
    (void)data;
    compiled *c = mask(mandelbrot, "f8 f8 -> i8");
    assert_int_equal(count_in_loops(c->func, MP_OP_ANY), 1);
    assert_int_equal(count_in_loops(c->func, MP_OP_SELECT), 1);
    assert_int_equal(count_in_loops(c->func, MP_OP_ANDN) +
                         count_in_loops(c->func, MP_OP_AND) +
                         count_in_loops(c->func, MP_OP_OR),
                     1);
    compile_free(c);
    /* The loop ends for all lanes at once: no masks. */
    c = mask("function(x, n)\n"
             "  if x > 0 then for k = 1, n do x = x * x end end\n"
             "  return x\n"
             "end",
             "f8 =i -> f8");
    assert_int_equal(count_in_loops(c->func, MP_OP_ANY), 0);
    assert_int_equal(count_in_loops(c->func, MP_OP_SELECT), 0);
    compile_free(c);
}

/* Simple things are done for all lanes, expensive ones if a lane needs it. */
static void skipping(void **data)
{
    (void)data;
    static const struct {
        const char *source;
        int blocks;
    } cases[] = {
        {"function(x) if x > 0 then x = x + 1 end return x end", 0},
        {"function(x) if x > 0 then x = math.exp(x) end return x end", 1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        compiled *c = mask(cases[k].source, "f8 -> f8");
        int branches = 0;
        for (int b = 0; b < c->func->norder; b++)
            branches += c->func->order[b]->end == MP_END_BRANCH;
        assert_int_equal(branches, cases[k].blocks);
        compile_free(c);
    }
}

static void refusals(void **data)
{
    (void)data;
    mp_spec spec = make_spec("f8 [f8] [f8] -> f8");
    spec.lanes = 4;
    compiled *c = compile_with(NULL,
                               "function(x, a, b)\n"
                               "  while true do x = x + a[1] + b[1] end\n"
                               "end",
                               &spec, passes);
    assert_int_equal(c->status, MP_VALUE);
    compile_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_functions), cmocka_unit_test(loops),
        cmocka_unit_test(leaving),          cmocka_unit_test(arrays),
        cmocka_unit_test(a_cheap_loop),     cmocka_unit_test(skipping),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
