/* Workers: their set-up, their memory, and that a job ends cleanly whichever
 * allocation of a worker's state fails. */
#include "fixture.h"

#ifdef MP_HARD
#include "pool/pool.h"

/* Runs a job of each kind; every one must end, as it should or out of
 * memory. Returns whether all went well. */
static bool run_all(mp_pool *pool)
{
    double from[] = {1, 2, 3, 4}, to[4];
    mp_error err;
    mp_job *job;
    mp_view in = vector(from, MP_FLOAT64, 4), out = vector(to, MP_FLOAT64, 4);
    mp_arg args[] = {{.view = &in}, {.view = &out}};
    mp_value init = float_value(0);
    mp_kernel *kernels[] = {
        make_kernel("function(i, a, b) b[i] = #(a[i] .. 'x') end"),
        make_kernel("function(s, x) return s + #(x .. 'y') end"),
        make_kernel("function(a, b) return a + #(b .. 'z') end"),
        make_kernel("function(t) return {t, {k = 'v' .. 1}} end")};
    mp_message m = {0};
    mp_message_count(&m, MP_TAG_LIST, 1, &err);
    mp_message_count(&m, MP_TAG_DICT, 1, &err);
    mp_message_string(&m, "key", 3, &err);
    mp_message_float(&m, 2, &err);
    mp_run_spec run = {
        .kernel = kernels[0], .extent = {1, {4}}, .nargs = 2, .args = args};
    mp_reduce_spec reduce = {.kernel = kernels[1],
                             .nargs = 1,
                             .args = args,
                             .naccs = 1,
                             .init = &init,
                             .combine = MP_COMBINE_KERNEL,
                             .combine_kernel = kernels[2],
                             .whole = true};
    mp_call_spec call = {
        .kernel = kernels[3], .message = m.data, .size = m.size};
    bool ok = true;
    for (int k = 0; k < 4; k++) {
        mp_status status = MP_OK;
        if (k == 0)
            status = map_one(pool, "function(x) return tonumber(x .. '0') end",
                             &in, &out, &err);
        else if (k == 1)
            assert_ok(mp_run_start(pool, &run, NULL, &job, &err), &err);
        else if (k == 2)
            assert_ok(mp_reduce_start(pool, &reduce, NULL, &job, &err), &err);
        else
            assert_ok(mp_call_start(pool, &call, NULL, &job, &err), &err);
        if (k > 0)
            status = end_job(job, &err);
        assert_true(status == MP_OK || status == MP_LUA_MEMORY);
        ok = ok && status == MP_OK;
    }
    for (int k = 0; k < 4; k++)
        mp_kernel_release(kernels[k]);
    mp_message_destroy(&m);
    return ok;
}

static void every_allocation_may_fail(void **data)
{
    bool ok = false;
    int failures = 0;
    for (size_t n = 1; !ok; n++) {
        mp_pool *pool = make_pool(1);
        atomic_store(&pool->workers[0].fail_after, n);
        ok = run_all(pool);
        failures += !ok;
        mp_pool_free(pool);
    }
    assert_true(failures > 100);
    (void)data;
}
#endif

/* ---- the setup ---------------------------------------------------------- */

static mp_pool *make_setup_pool(const char *setup)
{
    mp_pool_options options;
    mp_pool *pool;
    mp_error err;
    mp_pool_options_init(&options);
    options.workers = 2;
    options.memory_limit = (size_t)2 << 20;
    options.setup = setup;
    options.setup_size = strlen(setup);
    assert_ok(mp_pool_new(&options, &pool, &err), &err);
    return pool;
}

static mp_status run_setup(mp_pool *pool, mp_error *err)
{
    mp_job *job;
    mp_job_options options = {.timeout = 0.05};
    assert_ok(mp_setup_start(pool, &options, &job, err), err);
    return end_job(job, err);
}

static void a_setup_runs_once_a_worker(void **data)
{
    mp_error err;
    mp_worker_stats stats;
    mp_pool *pool = make_setup_pool("runs = (runs or 0) + 1 "
                                    "function twice(x) return 2 * x end");
    assert_ok(run_setup(pool, &err), &err);
    for (int i = 0; i < 2; i++) {
        mp_pool_stats(pool, i, &stats);
        assert_int_equal(stats.states, 1);
    }
    int64_t numbers[] = {1, 2, 3}, to[3];
    mp_view in = vector(numbers, MP_INT64, 3), out = vector(to, MP_INT64, 3);
    for (int i = 0; i < 3; i++)
        assert_ok(map_one(pool, "function(x) return twice(x) * runs end", &in,
                          &out, &err),
                  &err);
    assert_int_equal(to[2], 6);
    mp_pool_free(pool);
    (void)data;
}

static void a_bad_setup_fails_each_job(void **data)
{
    static const char *const setups[] = {
        "x = 1\nerror('no setup')", "local t = {} while true do "
                                    "t[#t + 1] = ('x'):rep(1e4) .. #t end"};
    static const mp_status wanted[] = {MP_LUA, MP_LUA_MEMORY};
    mp_error err;
    for (int i = 0; i < 2; i++) {
        mp_pool *pool = make_setup_pool(setups[i]);
        for (int k = 0; k < 2; k++) {
            mp_job *job;
            assert_ok(mp_setup_start(pool, NULL, &job, &err), &err);
            assert_int_equal(end_job(job, &err), wanted[i]);
        }
        double number = 1;
        mp_view view = vector(&number, MP_FLOAT64, 1);
        assert_int_equal(
            map_one(pool, "function(x) return x end", &view, &view, &err),
            wanted[i]);
        assert_true(number == 1);
        mp_pool_free(pool);
    }
    mp_pool *pool = make_setup_pool("while true do pcall(error) end");
    assert_int_equal(run_setup(pool, &err), MP_TIMEOUT);
    assert_int_equal(run_setup(pool, &err), MP_TIMEOUT);
    mp_pool_free(pool);
    (void)data;
}

/* A job may be stopped just before a worker begins its setup: the state must
 * not be taken for ready then. */
static void a_stopped_setup_runs_again(void **data)
{
    mp_error err;
    for (int round = 0; round < 60; round++) {
        double number = 1;
        mp_job *job;
        mp_view view = vector(&number, MP_FLOAT64, 1);
        mp_pool *pool = make_setup_pool("function one() return 1 end");
        assert_ok(mp_setup_start(pool, NULL, &job, &err), &err);
        usleep((useconds_t)(round % 20) * 20);
        mp_job_stop(job, MP_CANCELLED);
        mp_job_free(job);
        for (int i = 0; i < 4; i++)
            assert_ok(map_one(pool, "function(x) return x + one() end", &view,
                              &view, &err),
                      &err);
        assert_true(number == 5);
        mp_pool_free(pool);
    }
    (void)data;
}

/* ---- memory ------------------------------------------------------------- */

static mp_pool *make_small_pool(size_t limit, bool sandbox)
{
    mp_pool_options options;
    mp_pool *pool;
    mp_error err;
    mp_pool_options_init(&options);
    options.workers = 1;
    options.memory_limit = limit;
    options.sandbox = sandbox;
    assert_ok(mp_pool_new(&options, &pool, &err), &err);
    return pool;
}

static void running_out_of_memory_is_survived(void **data)
{
    double number = 1;
    mp_error err;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    mp_pool *pool = make_small_pool((size_t)1 << 20, true);
    for (int i = 0; i < 5; i++) {
        assert_fails(map_one(pool,
                             "kept = {} return function(x) while true do "
                             "kept[#kept + 1] = {} end end",
                             &view, &view, &err),
                     MP_LUA_MEMORY, &err, "1024 KiB");
        assert_works(pool);
    }
    assert_true(number == 1);
    mp_worker_stats stats;
    mp_pool_stats(pool, 0, &stats);
    assert_true(stats.memory_peak <= 1 << 20);
    assert_true(stats.memory <= stats.memory_peak);
    mp_pool_free(pool);
    (void)data;
}

static void a_limit_too_small_is_an_error(void **data)
{
    double number = 1;
    mp_error err;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    static const size_t limits[] = {1, 1000, 5000, 15000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        mp_pool *pool = make_small_pool(limits[i], true);
        for (int k = 0; k < 3; k++)
            assert_int_equal(
                map_one(pool, "function(x) return x end", &view, &view, &err),
                MP_LUA_MEMORY);
        mp_pool_free(pool);
    }
    (void)data;
}

/* What a kernel keeps must not be what another one lacks: half of the limit is
 * there for each. */
static void a_hoarding_state_is_replaced(void **data)
{
    static const int strings[] = {1500, 2800, 3800};
    double number = 1;
    mp_error err;
    mp_worker_stats stats;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    for (int i = 0; i < 3; i++) {
        mp_pool *pool = make_small_pool((size_t)4 << 20, true);
        for (int round = 0; round < 3; round++) {
            char source[200];
            snprintf(source, sizeof source,
                     "hoard = {} for i = 1, %d do hoard[i] = "
                     "('x'):rep(1000) .. i end "
                     "return function(x) return #hoard end",
                     strings[i]);
            assert_ok(map_one(pool, source, &view, &view, &err), &err);
            assert_true(number == strings[i]);
            assert_ok(map_one(pool, "function(x) return #('z'):rep(900000) end",
                              &view, &view, &err),
                      &err);
            assert_true(number == 900000);
        }
        mp_pool_stats(pool, 0, &stats);
        assert_int_equal(stats.states, i == 0 ? 1 : 4);
        mp_pool_free(pool);
    }
    (void)data;
}

/* After a kernel that was cut off a state is replaced earlier: what the kernel
 * left is not collected yet. */
static void a_state_that_was_cut_off_is_replaced(void **data)
{
    double number = 1;
    mp_error err;
    mp_worker_stats stats;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    mp_pool *pool = make_small_pool((size_t)4 << 20, true);
    assert_ok(map_one(pool,
                      "hoard = {} for i = 1, 1500 do hoard[i] = "
                      "('x'):rep(1000) .. i end "
                      "return function(x) return #hoard end",
                      &view, &view, &err),
              &err);
    assert_fails(map_one(pool, "function(x) return #('z'):rep(4e6) end", &view,
                         &view, &err),
                 MP_LUA_MEMORY, &err, "4096 KiB");
    assert_ok(map_one(pool, "function(x) return #('z'):rep(1000000) end", &view,
                      &view, &err),
              &err);
    assert_true(number == 1000000);
    mp_pool_stats(pool, 0, &stats);
    assert_int_equal(stats.states, 2);
    mp_pool_free(pool);
    (void)data;
}

static void what_is_small_is_kept(void **data)
{
    double number = 1;
    mp_error err;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    mp_pool *pool = make_small_pool((size_t)4 << 20, true);
    for (int i = 1; i <= 5; i++) {
        number = 0;
        assert_ok(map_one(pool,
                          "local cache, calls = ('x'):rep(500000), 0 "
                          "return function(x) calls = calls + 1 "
                          "return calls end",
                          &view, &view, &err),
                  &err);
        assert_true(number == i);
        assert_works(pool);
    }
    mp_pool_free(pool);
    (void)data;
}

/* What the setup leaves is not held against the kernels. */
static void a_large_setup_is_kept(void **data)
{
    double number;
    mp_error err;
    mp_worker_stats stats;
    mp_pool_options options;
    mp_pool *pool;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    mp_pool_options_init(&options);
    options.workers = 1;
    options.memory_limit = (size_t)4 << 20;
    options.setup = "for i = 1, 10 do local garbage = ('y'):rep(800000) end "
                    "large = {} for i = 1, 600 do "
                    "large[i] = ('x'):rep(2000) .. i end";
    options.setup_size = strlen(options.setup);
    assert_ok(mp_pool_new(&options, &pool, &err), &err);
    for (int i = 1; i <= 5; i++) {
        number = 0;
        assert_ok(map_one(pool,
                          "local cache, calls = ('x'):rep(500000), 0 "
                          "return function(x) calls = calls + 1 "
                          "return calls + #large end",
                          &view, &view, &err),
                  &err);
        assert_true(number == i + 600);
    }
    mp_pool_stats(pool, 0, &stats);
    assert_int_equal(stats.states, 1);
    assert_ok(map_one(pool,
                      "kept = {} for i = 1, 800 do "
                      "kept[i] = ('x'):rep(2000) .. i end "
                      "return function(x) return #kept end",
                      &view, &view, &err),
              &err);
    assert_ok(map_one(pool, "function(x) return #('z'):rep(1000000) end", &view,
                      &view, &err),
              &err);
    assert_true(number == 1000000);
    mp_pool_free(pool);
    (void)data;
}

#if !defined(__SANITIZE_THREAD__) /* It holds signals back. */
/* Single steps of Lua that would take minutes: a table that grows while its
 * keys form one chain, and the collection of ephemeron tables in a chain. */
static void steps_that_take_for_ever_are_left(void **data)
{
    static const char *const kernels[] = {
        "function(x) local t = {} for i = 1, 1e9 do t[i << 32] = true end end",
        "function(x) local m, k = setmetatable({}, {__mode = 'k'}), {} "
        "for i = 1, 1e5 do k[i] = {} end "
        "for i = 1, #k - 1 do m[k[i + 1]] = k[i] end k = {k[#k]} "
        "while true do local garbage = {} end end",
    };
    mp_error err;
    mp_job_options options = {.timeout = 0.2};
    mp_pool_options roomy;
    mp_pool *pool;
    mp_pool_options_init(&roomy);
    roomy.setup = "shared = 41";
    roomy.setup_size = strlen(roomy.setup);
    assert_ok(mp_pool_new(&roomy, &pool, &err), &err);
    for (int i = 0; i < 4; i++) {
        double number = 1;
        mp_view view = vector(&number, MP_FLOAT64, 1);
        mp_arg arg = {.view = &view};
        mp_map_spec spec = {.kernel = make_kernel(kernels[i % 2]),
                            .nargs = 1,
                            .args = &arg,
                            .nouts = 1,
                            .outs = &view};
        mp_job *job;
        assert_ok(mp_map_start(pool, &spec, &options, &job, &err), &err);
        assert_true(mp_job_wait(job, 20));
        assert_int_equal(end_job(job, &err), MP_TIMEOUT);
        mp_kernel_release(spec.kernel);
        assert_ok(map_one(pool, "function(x) return x + shared end", &view,
                          &view, &err),
                  &err);
        assert_true(number == 42);
    }
    mp_pool_free(pool);
    (void)data;
}
#endif

/* Trusted code can have finalizers, and those can fail when the state is
 * cleaned up. */
static void a_finalizer_that_fails_ends_nothing(void **data)
{
    double number = 1;
    mp_error err;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    mp_pool *pool = make_small_pool((size_t)1 << 20, false);
    assert_fails(map_one(pool,
                         "function(x) debug.setmetatable({}, {__gc = "
                         "function() error('final') end}) "
                         "collectgarbage('stop') local t = {} while true do "
                         "t[#t + 1] = {} end end",
                         &view, &view, &err),
                 MP_LUA_MEMORY, &err, "memory");
    assert_works(pool);
    mp_pool_free(pool);
    (void)data;
}

/* ---- the state --------------------------------------------------------- */

/* Each worker is a state of its own. */
static void workers_have_numbers_and_states(void **data)
{
    int64_t cells[400] = {0};
    mp_error err;
    mp_view view = vector(cells, MP_INT64, 400);
    mp_pool *pool = make_pool(3);
    assert_ok(map_one(pool,
                      "function(x) for i = 1, 100 do x = x + 0 end "
                      "return num.worker() end",
                      &view, &view, &err),
              &err);
    for (int i = 0; i < 400; i++)
        assert_true(cells[i] >= 1 && cells[i] <= 3);
    mp_pool_free(pool);
    (void)data;
}

/* Rounding modes and locales of the caller do not reach a worker. */
static void workers_have_numbers_as_in_c(void **data)
{
    double number = 0.5;
    mp_error err;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    assert_ok(map_one(*data,
                      "function(x) assert(tostring(x) == '0.5') "
                      "return tonumber('1.25') end",
                      &view, &view, &err),
              &err);
    assert_true(number == 1.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_have_numbers_and_states),
        POOL_TEST(workers_have_numbers_as_in_c),
        cmocka_unit_test(a_setup_runs_once_a_worker),
        cmocka_unit_test(a_bad_setup_fails_each_job),
        cmocka_unit_test(a_stopped_setup_runs_again),
        cmocka_unit_test(running_out_of_memory_is_survived),
        cmocka_unit_test(a_limit_too_small_is_an_error),
        cmocka_unit_test(a_hoarding_state_is_replaced),
        cmocka_unit_test(a_state_that_was_cut_off_is_replaced),
        cmocka_unit_test(what_is_small_is_kept),
        cmocka_unit_test(a_large_setup_is_kept),
#if !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(steps_that_take_for_ever_are_left),
#endif
        cmocka_unit_test(a_finalizer_that_fails_ends_nothing),
#ifdef MP_HARD
        cmocka_unit_test(every_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
