/* Jobs: waiting, stopping, timeouts, progress, and the completion queue. */
#include "fixture.h"

#include <pthread.h>

/* Queues a run of `count` items of that kernel. */
static mp_job *start(mp_pool *pool, const char *source, int64_t count,
                     const mp_job_options *options)
{
    mp_error err;
    mp_job *job;
    mp_run_spec spec = {.kernel = make_kernel(source),
                        .extent = {.ndim = 1, .extent = {count}}};
    assert_ok(mp_run_start(pool, &spec, options, &job, &err), &err);
    mp_kernel_release(spec.kernel);
    return job;
}

/* ---- waiting and stopping ----------------------------------------------- */

static void a_job_goes_through_its_phases(void **data)
{
    mp_job_options options = {.tag = 4711};
    mp_job *job = start_endless(*data, &options);
    int64_t done, total;
    await_running(job);
    assert_int_equal(mp_job_phase(job), MP_RUNNING);
    assert_false(mp_job_wait(job, 0));
    assert_false(mp_job_wait(job, 0.001));
    assert_int_equal(mp_job_tag(job), 4711);
    mp_job_stop(job, MP_CANCELLED);
    assert_true(mp_job_wait(job, -1));
    assert_int_equal(mp_job_phase(job), MP_ENDED);
    assert_int_equal(mp_job_status(job), MP_CANCELLED);
    assert_string_equal(mp_job_error(job)->kernel, "kernel");
    mp_job_progress(job, &done, &total);
    assert_int_equal(done, 0);
    assert_int_equal(total, 1);
    mp_job_stop(job, MP_TIMEOUT); /* It has ended: no effect. */
    assert_int_equal(mp_job_status(job), MP_CANCELLED);
    mp_job_free(job);
    mp_job_free(NULL);
    assert_works(*data);
}

static void progress_reaches_the_total(void **data)
{
    int64_t done, total;
    mp_error err;
    mp_job *job = start(*data, "function(i) end", 1234, NULL);
    assert_true(mp_job_wait(job, -1));
    mp_job_progress(job, &done, &total);
    assert_int_equal(done, 1234);
    assert_int_equal(total, 1234);
    assert_non_null(mp_job_error(job));
    assert_ok(end_job(job, &err), &err);
}

static void a_waiting_job_is_dropped(void **data)
{
    mp_error err;
    mp_pool *pool = make_pool(1);
    mp_job *first = start_endless(pool, NULL);
    await_running(first);
    mp_job *second = start(pool, "function(i) error('never') end", 1, NULL);
    mp_job *third = start(pool, "function(i) end", 1, NULL);
    assert_int_equal(mp_job_phase(second), MP_WAITING);
    mp_job_stop(second, MP_CANCELLED);
    assert_true(mp_job_wait(second, -1)); /* The worker is still busy. */
    assert_int_equal(mp_job_phase(first), MP_RUNNING);
    assert_int_equal(end_job(second, &err), MP_CANCELLED);
    mp_job_stop(first, MP_CANCELLED);
    assert_int_equal(end_job(first, &err), MP_CANCELLED);
    assert_ok(end_job(third, &err), &err);
    mp_pool_free(pool);
    (void)data;
}

static void freeing_stops_and_waits(void **data)
{
    mp_job_free(start_endless(*data, NULL));
    mp_job *job = start_endless(*data, NULL);
    await_running(job);
    mp_job_free(job);
    assert_works(*data);
}

static void stops_at_random_moments(void **data)
{
    for (int i = 0; i < 60; i++) {
        mp_error err;
        mp_job *job = start(*data,
                            "function(i) for n = 1, 100 do pcall("
                            "function() end) end end",
                            200, NULL);
        usleep((useconds_t)(i % 12) * 100);
        mp_job_stop(job, MP_CANCELLED);
        mp_status status = end_job(job, &err);
        assert_true(status == MP_OK || status == MP_CANCELLED);
    }
    assert_works(*data);
}

/* ---- timeouts ----------------------------------------------------------- */

static void a_running_job_times_out(void **data)
{
    mp_error err;
    mp_job_options eager = {.timeout = 0.01};
    mp_job_options lazy = {.timeout = 0.01, .lazy_deadline = true};
    assert_fails(end_job(start_endless(*data, &eager), &err), MP_TIMEOUT, &err,
                 "0.01 s");
    assert_fails(end_job(start_endless(*data, &lazy), &err), MP_TIMEOUT, &err,
                 "0.01 s");
    assert_works(*data);
}

/* While it waits, the time of an eager job runs and that of a lazy one does
 * not. */
static void a_waiting_job_times_out_unless_lazy(void **data)
{
    mp_error err;
    mp_job_options eager = {.timeout = 0.005};
    mp_job_options lazy = {.timeout = 20, .lazy_deadline = true};
    mp_pool *pool = make_pool(1);
    mp_job *busy = start_endless(pool, NULL);
    await_running(busy);
    mp_job *first = start(pool, "function(i) end", 1, &eager);
    mp_job *second = start(pool, "function(i) end", 1, &lazy);
    assert_int_equal(end_job(first, &err), MP_TIMEOUT);
    assert_int_equal(mp_job_phase(second), MP_WAITING);
    mp_job_free(busy);
    assert_ok(end_job(second, &err), &err);
    mp_pool_free(pool);
    (void)data;
}

/* The time of a job goes on in the next one, which names the timeout of the
 * first. */
static void a_job_goes_on_in_anothers_time(void **data)
{
    mp_error err;
    mp_job_options options = {.timeout = 0.1};
    for (int lazy = 0; lazy < 2; lazy++) {
        options.lazy_deadline = lazy;
        mp_job *first = start(*data, "function(i) end", 1, &options);
        assert_true(mp_job_wait(first, -1));
        mp_job_options rest = {
            .timeout = 90, .lazy_deadline = lazy, .after = first};
        assert_fails(end_job(start_endless(*data, &rest), &err), MP_TIMEOUT,
                     &err, "0.1 s");
        /* Nothing is left of it. */
        assert_fails(end_job(start(*data, "function(i) end", 1, &rest), &err),
                     MP_TIMEOUT, &err, "0.1 s");
        assert_ok(end_job(first, &err), &err);
    }
    options = (mp_job_options){.timeout = 0};
    mp_job *first = start(*data, "function(i) end", 1, &options);
    assert_true(mp_job_wait(first, -1));
    options.after = first;
    assert_ok(end_job(start(*data, "function(i) end", 1, &options), &err),
              &err);
    assert_ok(end_job(first, &err), &err);
}

static void tiny_timeouts_are_survived(void **data)
{
    static const double tiny[] = {1e-300, 1e-9, 1e-6, 1e-4, 1e-3};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++) {
        for (int lazy = 0; lazy <= 1; lazy++) {
            mp_error err;
            mp_job_options options = {.timeout = tiny[i],
                                      .lazy_deadline = lazy == 1};
            assert_int_equal(end_job(start_endless(*data, &options), &err),
                             MP_TIMEOUT);
            mp_status status =
                end_job(start(*data, "function(i) end", 3, &options), &err);
            assert_true(status == MP_OK || status == MP_TIMEOUT);
        }
    }
    assert_works(*data);
}

static void a_long_timeout_does_no_harm(void **data)
{
    mp_error err;
    static const double longs[] = {60, 1e8, 1e12, 1e300, 1.0 / 0.0};
    for (size_t i = 0; i < sizeof longs / sizeof *longs; i++) {
        mp_job_options options = {.timeout = longs[i]};
        assert_ok(end_job(start(*data, "function(i) end", 5, &options), &err),
                  &err);
    }
}

/* Deadlines that come in any order are all kept. */
static void many_deadlines_are_kept(void **data)
{
    enum { COUNT = 20 };
    mp_job *jobs[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++) {
        mp_job_options options = {.timeout = 0.002 + i * 7 % 10 * 0.002};
        jobs[i] = start_endless(*data, &options);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(end_job(jobs[i], &err), MP_TIMEOUT);
    assert_works(*data);
}

static void the_pools_timeout_is_the_default(void **data)
{
    mp_pool_options options;
    mp_pool *pool;
    mp_error err;
    mp_pool_options_init(&options);
    options.workers = 1;
    options.timeout = 0.01;
    assert_ok(mp_pool_new(&options, &pool, &err), &err);
    assert_int_equal(end_job(start_endless(pool, NULL), &err), MP_TIMEOUT);
    mp_job_options own = {.timeout = 0.002};
    assert_fails(end_job(start_endless(pool, &own), &err), MP_TIMEOUT, &err,
                 "0.002");
    mp_pool_free(pool);
    (void)data;
}

/* ---- the completion queue ----------------------------------------------- */

static void ended_jobs_are_queued(void **data)
{
    enum { COUNT = 40 };
    mp_job *jobs[COUNT];
    bool seen[COUNT] = {false};
    for (int i = 0; i < COUNT; i++) {
        mp_job_options options = {.notify = true, .tag = (uintptr_t)i};
        jobs[i] =
            start(*data, i % 3 ? "function(i) end" : "function(i) x() end",
                  i % 4, &options);
    }
    for (int i = 0; i < COUNT; i++) {
        mp_job *job = mp_pool_next_ended(*data, 30);
        assert_non_null(job);
        int tag = (int)mp_job_tag(job);
        assert_ptr_equal(job, jobs[tag]);
        assert_false(seen[tag]);
        seen[tag] = true;
        assert_int_equal(mp_job_phase(job), MP_ENDED);
        assert_int_equal(mp_job_status(job),
                         tag % 3 || tag % 4 == 0 ? MP_OK : MP_LUA);
        mp_job_free(job);
    }
    assert_null(mp_pool_next_ended(*data, 0));
    assert_null(mp_pool_next_ended(*data, 0.001));
}

static void a_freed_job_leaves_the_queue(void **data)
{
    mp_job_options options = {.notify = true};
    mp_job *jobs[5];
    for (int i = 0; i < 5; i++) {
        jobs[i] = start(*data, "function(i) end", 1, &options);
        assert_true(mp_job_wait(jobs[i], -1));
    }
    mp_job_free(jobs[2]);
    mp_job_free(jobs[0]);
    mp_job_free(jobs[4]);
    assert_ptr_equal(mp_pool_next_ended(*data, 0), jobs[1]);
    mp_job *late = start(*data, "function(i) end", 1, &options);
    assert_true(mp_job_wait(late, -1));
    assert_ptr_equal(mp_pool_next_ended(*data, 0), jobs[3]);
    assert_ptr_equal(mp_pool_next_ended(*data, 0), late);
    assert_null(mp_pool_next_ended(*data, 0));
    mp_job_free(jobs[1]);
    mp_job_free(jobs[3]);
    mp_job_free(late);
}

static void *next_ended(void *pool)
{
    return mp_pool_next_ended(pool, -1);
}

static void waiting_for_the_queue_can_be_woken(void **data)
{
    pthread_t thread;
    void *job = data;
    mp_pool *pool = *data;
    assert_int_equal(pthread_create(&thread, NULL, next_ended, pool), 0);
    /* A wake before the thread waits is not for it: so try again. */
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        mp_pool_wake(pool);
    }
    pthread_join(thread, &job);
    assert_null(job);
    mp_job_options options = {.notify = true};
    assert_int_equal(pthread_create(&thread, NULL, next_ended, pool), 0);
    mp_job *started = start(pool, "function(i) end", 1, &options);
    pthread_join(thread, &job);
    assert_ptr_equal(job, started);
    mp_job_free(started);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(a_job_goes_through_its_phases),
        POOL_TEST(progress_reaches_the_total),
        POOL_TEST(a_waiting_job_is_dropped),
        POOL_TEST(freeing_stops_and_waits),
        POOL_TEST(stops_at_random_moments),
        POOL_TEST(a_running_job_times_out),
        POOL_TEST(a_waiting_job_times_out_unless_lazy),
        POOL_TEST(a_job_goes_on_in_anothers_time),
        POOL_TEST(tiny_timeouts_are_survived),
        POOL_TEST(a_long_timeout_does_no_harm),
        POOL_TEST(many_deadlines_are_kept),
        POOL_TEST(the_pools_timeout_is_the_default),
        POOL_TEST(ended_jobs_are_queued),
        POOL_TEST(a_freed_job_leaves_the_queue),
        POOL_TEST(waiting_for_the_queue_can_be_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
