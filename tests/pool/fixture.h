/* What the tests of src/pool share: cmocka, pools, kernels, arguments, and
 * jobs that are run to their end. */
#ifndef MP_TESTS_POOL_FIXTURE_H
#define MP_TESTS_POOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonpool.h"

/* A test that hangs is killed after so many seconds. */
#define DEADLINE 50

/* ---- pools and kernels -------------------------------------------------- */

static inline mp_pool *make_pool(int workers)
{
    mp_pool_options options;
    mp_pool *pool;
    mp_error err;
    alarm(DEADLINE);
    mp_pool_options_init(&options);
    options.workers = workers;
    if (mp_pool_new(&options, &pool, &err) != MP_OK)
        fail_msg("%s", err.message);
    return pool;
}

static inline int pool_setup(void **data)
{
    *data = make_pool(2);
    return 0;
}

static inline int pool_teardown(void **data)
{
    mp_pool_free(*data);
    return 0;
}

#define POOL_TEST(name)                                                        \
    cmocka_unit_test_setup_teardown(name, pool_setup, pool_teardown)

/* The caller's, to release. */
static inline mp_kernel *make_ufunc(const char *source, const char *signature)
{
    mp_error err;
    mp_kernel *kernel;
    mp_kernel_options options = {.signature = signature};
    if (mp_kernel_new(source, strlen(source), &options, &kernel, &err) != MP_OK)
        fail_msg("%s: %s", source, err.message);
    return kernel;
}

static inline mp_kernel *make_kernel(const char *source)
{
    return make_ufunc(source, NULL);
}

/* ---- arguments ---------------------------------------------------------- */

static inline mp_view block(void *data, mp_dtype dtype, int ndim,
                            const int64_t *shape)
{
    mp_view view;
    mp_error err;
    if (mp_view_init(&view, data, dtype, ndim, shape, &err) != MP_OK)
        fail_msg("%s", err.message);
    return view;
}

static inline mp_view vector(void *data, mp_dtype dtype, int64_t size)
{
    return block(data, dtype, 1, &size);
}

static inline mp_view matrix(void *data, mp_dtype dtype, int64_t rows,
                             int64_t columns)
{
    int64_t shape[] = {rows, columns};
    return block(data, dtype, 2, shape);
}

static inline mp_view scalar(void *data, mp_dtype dtype)
{
    return block(data, dtype, 0, NULL);
}

static inline mp_value int_value(int64_t i)
{
    return (mp_value){.kind = MP_KIND_INT, .as.i = i};
}

static inline mp_value float_value(double f)
{
    return (mp_value){.kind = MP_KIND_FLOAT, .as.f = f};
}

static inline mp_value bool_value(bool b)
{
    return (mp_value){.kind = MP_KIND_BOOL, .as.b = b};
}

/* ---- jobs --------------------------------------------------------------- */

/* Waits for the job, frees it and says how it went; `err` gets a copy. */
static inline mp_status end_job(mp_job *job, mp_error *err)
{
    assert_true(mp_job_wait(job, -1));
    assert_int_equal(mp_job_phase(job), MP_ENDED);
    mp_status status = mp_job_status(job);
    *err = *mp_job_error(job);
    mp_job_free(job);
    return status;
}

static inline mp_status run_map(mp_pool *pool, const mp_map_spec *spec,
                                mp_error *err)
{
    mp_job *job;
    mp_status status = mp_map_start(pool, spec, NULL, &job, err);
    return status == MP_OK ? end_job(job, err) : status;
}

/* A map of one array to another. */
static inline mp_status map_one(mp_pool *pool, const char *source,
                                const mp_view *in, const mp_view *out,
                                mp_error *err)
{
    mp_kernel *kernel = make_kernel(source);
    mp_arg arg = {.view = in};
    mp_map_spec spec = {
        .kernel = kernel, .nargs = 1, .args = &arg, .nouts = 1, .outs = out};
    mp_status status = run_map(pool, &spec, err);
    mp_kernel_release(kernel);
    return status;
}

static inline void assert_fails(mp_status got, mp_status wanted,
                                const mp_error *err, const char *text)
{
    if (got != wanted)
        fail_msg("status %d: %s", got, got == MP_OK ? "" : err->message);
    if (strstr(err->message, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, err->message);
}

static inline void assert_ok(mp_status got, const mp_error *err)
{
    if (got != MP_OK)
        fail_msg("status %d: %s", got, err->message);
}

/* The pool must answer correctly, whatever happened to it. */
static inline void assert_works(mp_pool *pool)
{
    enum { COUNT = 50 };
    int64_t in[COUNT], out[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++)
        in[i] = i;
    mp_view from = vector(in, MP_INT64, COUNT);
    mp_view to = vector(out, MP_INT64, COUNT);
    assert_ok(
        map_one(pool, "function(x) return x * x + 1 end", &from, &to, &err),
        &err);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(out[i], i * i + 1);
}

/* Queues a job that runs for ever on one worker. */
static inline mp_job *start_endless(mp_pool *pool,
                                    const mp_job_options *options)
{
    mp_error err;
    mp_job *job;
    mp_kernel *kernel =
        make_kernel("function(i) while true do pcall(function() end) end end");
    mp_run_spec spec = {.kernel = kernel, .extent = {.ndim = 1, .extent = {1}}};
    assert_ok(mp_run_start(pool, &spec, options, &job, &err), &err);
    mp_kernel_release(kernel);
    return job;
}

static inline void await_running(const mp_job *job)
{
    while (mp_job_phase(job) == MP_WAITING)
        usleep(100);
}

#endif
