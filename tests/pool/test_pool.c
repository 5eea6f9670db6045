/* The pool: its life, and what it survives. */
#include "fixture.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "pool/pool.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* ---- life --------------------------------------------------------------- */

static void any_number_of_workers_will_do(void **data)
{
    static const int counts[] = {1, 2, 3, 16};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        mp_pool *pool = make_pool(counts[i]);
        assert_int_equal(mp_pool_workers(pool), counts[i]);
        assert_works(pool);
        mp_pool_free(pool);
    }
    mp_pool_free(NULL);
    (void)data;
}

static void many_pools_come_and_go(void **data)
{
    mp_pool *pools[20];
    for (int i = 0; i < 20; i++)
        pools[i] = make_pool(1 + i % 2);
    for (int i = 0; i < 20; i += 5)
        assert_works(pools[i]);
    for (int i = 0; i < 20; i++)
        mp_pool_free(pools[i]);
    for (int i = 0; i < 50; i++)
        mp_pool_free(make_pool(2));
    (void)data;
}

static void defaults_are_safe(void **data)
{
    mp_pool_options options;
    memset(&options, 0xFF, sizeof options);
    mp_pool_options_init(&options);
    assert_int_equal(options.workers, 0);
    assert_true(options.memory_limit == (size_t)256 << 20);
    assert_true(options.timeout == 0);
    assert_true(options.sandbox);
    assert_null(options.setup);
    (void)data;
}

static void bad_options_are_refused(void **data)
{
    mp_pool_options options;
    mp_pool *pool = NULL;
    mp_error err;
    mp_pool_options_init(&options);
    options.workers = -1;
    assert_fails(mp_pool_new(&options, &pool, &err), MP_VALUE, &err, "workers");
    options.workers = 1000000;
    assert_fails(mp_pool_new(&options, &pool, &err), MP_VALUE, &err, "workers");
    options.workers = 1;
    options.timeout = -1;
    assert_fails(mp_pool_new(&options, &pool, &err), MP_VALUE, &err, "timeout");
    options.timeout = 0.0 / 0.0;
    assert_fails(mp_pool_new(&options, &pool, &err), MP_VALUE, &err, "timeout");
    options.timeout = 0;
    options.setup = "x = = 1";
    options.setup_size = 7;
    assert_fails(mp_pool_new(&options, &pool, &err), MP_SYNTAX, &err, "near");
    assert_string_equal(err.kernel, "setup");
    assert_null(pool);
    (void)data;
}

static void a_closed_pool_takes_no_job(void **data)
{
    mp_error err;
    mp_job *running = start_endless(*data, NULL), *job;
    await_running(running);
    mp_pool_close(*data);
    mp_pool_close(*data);
    double number = 1;
    mp_view view = vector(&number, MP_FLOAT64, 1);
    assert_fails(map_one(*data, "function(x) return x end", &view, &view, &err),
                 MP_CLOSED, &err, "closed");
    assert_fails(mp_setup_start(*data, NULL, &job, &err), MP_CLOSED, &err,
                 "closed");
    assert_int_equal(mp_job_phase(running), MP_RUNNING);
    mp_job_free(running);
}

static void cancelling_ends_all_jobs(void **data)
{
    mp_job *jobs[6];
    mp_error err;
    for (int i = 0; i < 6; i++)
        jobs[i] = start_endless(*data, NULL);
    await_running(jobs[1]);
    mp_pool_cancel(*data);
    for (int i = 0; i < 6; i++)
        assert_int_equal(end_job(jobs[i], &err), MP_CANCELLED);
    mp_pool_cancel(*data);
    assert_works(*data);
}

static void a_pool_may_go_before_its_jobs(void **data)
{
    mp_error err;
    mp_job *jobs[4];
    mp_job_options options = {.notify = true, .timeout = 30};
    mp_pool *pool = make_pool(2);
    for (int i = 0; i < 4; i++)
        jobs[i] = start_endless(pool, &options);
    await_running(jobs[0]);
    mp_pool_free(pool);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(mp_job_phase(jobs[i]), MP_ENDED);
        assert_int_equal(end_job(jobs[i], &err), MP_CANCELLED);
    }
    (void)data;
}

static void *next_ended(void *pool)
{
    return mp_pool_next_ended(pool, -1);
}

/* It is told that the pool goes, and may take its time to notice. */
static void a_pool_may_go_while_a_thread_waits(void **data)
{
    for (int round = 0; round < 20; round++) {
        enum { THREADS = 4 };
        pthread_t threads[THREADS];
        mp_pool *pool = make_pool(1);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(
                pthread_create(&threads[i], NULL, next_ended, pool), 0);
        /* Each holds the pool from the moment on that it is in. */
        while (atomic_load(&pool->references) < 1 + THREADS)
            usleep(100);
        mp_pool_free(pool);
        for (int i = 0; i < THREADS; i++) {
            void *job = pool;
            pthread_join(threads[i], &job);
            assert_null(job);
        }
    }
    (void)data;
}

/* ---- many threads ------------------------------------------------------- */

typedef struct client {
    mp_pool *pool;
    pthread_t thread;
    int number;
    bool failed;
} client;

/* Maps, errors, stops and timeouts, each checked. cmocka's asserts are for
 * the main thread only. */
static void *submit(void *ud)
{
    client *c = ud;
    mp_kernel *good = NULL, *bad = NULL;
    mp_error err;
    c->failed = mp_kernel_new("function(x) return x + 1 end", 28, NULL, &good,
                              &err) != MP_OK ||
                mp_kernel_new("function(x) error(x) end", 24, NULL, &bad,
                              &err) != MP_OK;
    for (int round = 0; round < 30 && !c->failed; round++) {
        int64_t size = 1 + (round * 13 + c->number) % 40, from[40], to[40];
        for (int i = 0; i < size; i++)
            from[i] = i * c->number;
        mp_view in, out;
        mp_job *job;
        mp_view_init(&in, from, MP_INT64, 1, &size, &err);
        mp_view_init(&out, to, MP_INT64, 1, &size, &err);
        mp_arg arg = {.view = &in};
        mp_job_options options = {.timeout = round % 2 ? 30 : 0};
        mp_map_spec spec = {.kernel = round % 3 == 1 ? bad : good,
                            .nargs = 1,
                            .args = &arg,
                            .nouts = 1,
                            .outs = &out};
        c->failed = mp_map_start(c->pool, &spec, &options, &job, &err) != MP_OK;
        if (c->failed)
            break;
        if (round % 3 == 2)
            mp_job_stop(job, MP_CANCELLED);
        mp_job_wait(job, -1);
        mp_status status = mp_job_status(job);
        if (round % 3 == 0)
            c->failed = status != MP_OK;
        else if (round % 3 == 1)
            c->failed = status != MP_LUA || mp_job_error(job)->index < 0;
        for (int i = 0; status == MP_OK && i < size; i++)
            c->failed = c->failed || to[i] != from[i] + 1;
        mp_job_free(job);
    }
    mp_kernel_release(good);
    mp_kernel_release(bad);
    return NULL;
}

static void many_threads_submit_at_once(void **data)
{
    enum { CLIENTS = 6 };
    client clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.pool = *data, .number = i + 1};
        assert_int_equal(
            pthread_create(&clients[i].thread, NULL, submit, &clients[i]), 0);
    }
    for (int round = 0; round < 50; round++) {
        mp_worker_stats stats;
        mp_span spans[8];
        mp_pool_stats(*data, round % 2, &stats);
        mp_pool_trace(*data, round % 2, spans, 8);
        usleep(200);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        assert_false(clients[i].failed);
    }
    assert_works(*data);
}

/* ---- threads that cannot be started ------------------------------------- */

static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void too_little_address_space_is_an_error(void **data)
{
    struct rlimit before, limit;
    mp_pool_options options;
    mp_pool *pool = NULL;
    mp_error err;
    if (SANITIZED)
        skip(); /* Sanitizers need address space without end. */
    mp_pool_options_init(&options);
    options.workers = 256;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    limit = before;
    limit.rlim_cur = address_space() + ((size_t)256 << 20);
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    mp_status status = mp_pool_new(&options, &pool, &err);
    setrlimit(RLIMIT_AS, &before);
    assert_null(pool);
    assert_true(status == MP_THREAD || status == MP_NO_MEMORY);
    pool = make_pool(2);
    assert_works(pool);
    mp_pool_free(pool);
    (void)data;
}

/* In a child, as a user without privileges, who may have no thread more. */
static void too_few_processes_are_an_error(void **data)
{
    if (SANITIZED)
        skip();
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {1, 1};
        mp_pool_options options;
        mp_pool *pool;
        mp_error err;
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(77);
        setrlimit(RLIMIT_NPROC, &limit);
        mp_pool_options_init(&options);
        options.workers = 3;
        mp_status status = mp_pool_new(&options, &pool, &err);
        _exit(status == MP_THREAD && strstr(err.message, "of 3") ? 0 : 1);
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    if (WEXITSTATUS(code) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(code), 0);
    (void)data;
}

/* ---- fork --------------------------------------------------------------- */

static void a_child_abandons_the_pool(void **data)
{
    mp_job *job = start_endless(*data, NULL);
    await_running(job);
    pid_t child = fork();
    if (child == 0) {
        mp_job_abandon(job);
        mp_job_abandon(NULL);
        mp_pool_abandon(*data);
        _exit(0);
    }
    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_true(WIFEXITED(code));
    assert_int_equal(WEXITSTATUS(code), 0);
    assert_int_equal(mp_job_phase(job), MP_RUNNING);
    mp_job_free(job);
    assert_works(*data);
}

/* ---- statistics --------------------------------------------------------- */

static void counters_add_up(void **data)
{
    mp_error err;
    int64_t items = 0, chunks = 0, cells[500] = {0};
    double busy = 0;
    mp_view view = vector(cells, MP_INT64, 500);
    assert_ok(map_one(*data, "function(x) return x end", &view, &view, &err),
              &err);
    for (int i = 0; i < 2; i++) {
        mp_worker_stats stats;
        mp_pool_stats(*data, i, &stats);
        items += stats.items;
        chunks += stats.chunks;
        busy += stats.busy;
        assert_true(stats.states == (stats.memory > 0));
        assert_true(stats.memory <= stats.memory_peak);
    }
    assert_int_equal(items, 500);
    assert_true(chunks >= 1 && chunks <= 500);
    assert_true(busy > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_workers_will_do),
        cmocka_unit_test(many_pools_come_and_go),
        cmocka_unit_test(defaults_are_safe),
        cmocka_unit_test(bad_options_are_refused),
        POOL_TEST(a_closed_pool_takes_no_job),
        POOL_TEST(cancelling_ends_all_jobs),
        cmocka_unit_test(a_pool_may_go_before_its_jobs),
        cmocka_unit_test(a_pool_may_go_while_a_thread_waits),
        POOL_TEST(many_threads_submit_at_once),
        cmocka_unit_test(too_little_address_space_is_an_error),
        cmocka_unit_test(too_few_processes_are_an_error),
        POOL_TEST(a_child_abandons_the_pool),
        POOL_TEST(counters_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
