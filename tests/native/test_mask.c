/* Masks: random functions do the same for each lane when all run at once. */
#include "lanes.h"

#include "native/passes.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
