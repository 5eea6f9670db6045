/* Workers: with their state made so that the n-th allocation fails, each job
 * ends cleanly and the next ones as they should. */
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
        /* A state that stays is as it was: make another one. */
        mp_pool_free(pool);
    }
    assert_true(failures > 100);
    (void)data;
}
#endif

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
#ifdef MP_HARD
        cmocka_unit_test(every_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
