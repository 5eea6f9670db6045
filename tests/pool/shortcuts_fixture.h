/* What the tests of shortcuts share: a small map of code in C, by a job or at
 * once. */
#ifndef MP_TESTS_POOL_SHORTCUTS_FIXTURE_H
#define MP_TESTS_POOL_SHORTCUTS_FIXTURE_H

#include "map_code.h"

#define COUNT 20

/* A map of x and y, and all that it needs. */
typedef struct test {
    fake fake;
    mp_compiler compiler;
    mp_native_options native;
    mp_job_options options;
    mp_shortcuts *shortcuts;
    mp_map_spec spec;
    mp_arg args[3];
    mp_view x, y, outs[2];
    double a[COUNT], b[COUNT], to[2 * COUNT];
    mp_error err;
} test;

static inline test *begin(mp_native_code code, const char *source)
{
    test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    begin_fake(&t->fake, &t->compiler, &t->native, code);
    t->options.native = &t->native;
    assert_ok(mp_shortcuts_new(&t->shortcuts, &t->err), &t->err);
    for (int i = 0; i < COUNT; i++) {
        t->a[i] = i;
        t->b[i] = 2 * i;
    }
    t->x = vector(t->a, MP_FLOAT64, COUNT);
    t->y = vector(t->b, MP_FLOAT64, COUNT);
    t->outs[0] = vector(t->to, MP_FLOAT64, COUNT);
    t->args[0].view = &t->x;
    t->args[1].view = &t->y;
    t->spec = (mp_map_spec){.kernel = make_kernel(source),
                            .nargs = 2,
                            .args = t->args,
                            .nouts = 1,
                            .outs = t->outs};
    return t;
}

static inline void end(test *t, void **data)
{
    mp_shortcuts_free(t->shortcuts);
    mp_kernel_release(t->spec.kernel);
    mp_pool_free(*data);
    *data = make_pool(2);
    assert_int_equal(t->fake.released, t->fake.compiled);
    free(t);
}

/* The map by a job, which compiles it. */
static inline void run_job(test *t, mp_pool *pool)
{
    mp_job *job = NULL;
    assert_ok(mp_map_start(pool, &t->spec, &t->options, &job, &t->err),
              &t->err);
    end_job(job, &t->err);
}

static inline bool at_once(test *t, mp_pool *pool)
{
    t->spec.first = 0;
    return mp_shortcuts_map(t->shortcuts, pool, &t->spec, &t->native, NULL);
}

static inline void assert_added(const test *t, int64_t from, double more)
{
    for (int64_t i = from; i < COUNT; i++)
        assert_true(t->to[i] == (double)(21 * i) + more);
}

#endif
