/* What the tests of compiled maps by jobs share: a map of code in C, and one of
 * many items and a mask that code may give up. */
#ifndef MP_TESTS_POOL_MAP_FIXTURE_H
#define MP_TESTS_POOL_MAP_FIXTURE_H

#include "map_code.h"

/* ---- a map -------------------------------------------------------------- */

/* Everything that a map with a fake compiler needs. */
typedef struct test {
    fake fake;
    mp_compiler compiler;
    mp_native_options native;
    mp_job_options options;
    mp_map_spec spec;
    mp_arg args[3];
    mp_error err;
} test;

static inline void begin(test *t, mp_native_code code, const char *source)
{
    memset(t, 0, sizeof *t);
    begin_fake(&t->fake, &t->compiler, &t->native, code);
    t->options.native = &t->native;
    t->spec.kernel = make_kernel(source);
    t->spec.args = t->args;
}

static inline mp_job *start(test *t, mp_pool *pool)
{
    mp_job *job = NULL;
    assert_ok(mp_map_start(pool, &t->spec, &t->options, &job, &t->err),
              &t->err);
    return job;
}

/* Runs the map of the test; whether it was compiled. */
static inline bool run(test *t, mp_pool *pool)
{
    mp_job *job = start(t, pool);
    bool native = mp_job_native(job);
    end_job(job, &t->err);
    return native;
}

/* Code goes with its kernel, which workers that ran it may hold. */
static inline void end(test *t, void **data)
{
    mp_kernel_release(t->spec.kernel);
    mp_pool_free(*data);
    *data = make_pool(2);
    assert_int_equal(t->fake.released,
                     t->fake.status == MP_OK ? t->fake.compiled : 0);
}

/* ---- one with a mask ---------------------------------------------------- */

#define COUNT 1000

/* Items with x >= 0 as add_code() does, from a vector of four with another one
 * it fails. `where` comes last. */
static inline int32_t fail_code(mp_frame *f)
{
    for (int64_t i = 0; i < f->count; i += 4) {
        for (int64_t n = i; n < i + 4 && n < f->count; n++) {
            if (f->at[3][n * f->steps[3]] != 0 && get(f, 0, n) < 0) {
                f->failed = i;
                return MP_NATIVE_FAILED;
            }
        }
        for (int64_t n = i; n < i + 4 && n < f->count; n++) {
            if (f->at[3][n * f->steps[3]] != 0)
                put(f, 2, n, get(f, 0, n) + 10 * get(f, 1, n) + 1000);
        }
    }
    return MP_NATIVE_DONE;
}

/* Two inputs, one output, and a mask. */
typedef struct masked {
    test t;
    double x[COUNT], y[COUNT], to[COUNT];
    uint8_t where[COUNT];
    mp_view a, b, out, mask;
} masked;

static inline masked *begin_masked(const char *source)
{
    masked *m = calloc(1, sizeof *m);
    assert_non_null(m);
    begin(&m->t, fail_code, source);
    for (int i = 0; i < COUNT; i++) {
        m->x[i] = i;
        m->y[i] = 1;
        m->to[i] = -1;
        m->where[i] = i % 3 != 0;
    }
    m->a = vector(m->x, MP_FLOAT64, COUNT);
    m->b = vector(m->y, MP_FLOAT64, COUNT);
    m->out = vector(m->to, MP_FLOAT64, COUNT);
    m->mask = vector(m->where, MP_BOOL, COUNT);
    m->t.args[0].view = &m->a;
    m->t.args[1].view = &m->b;
    m->t.spec.nargs = 2;
    m->t.spec.nouts = 1;
    m->t.spec.outs = &m->out;
    m->t.spec.where = &m->mask;
    return m;
}

static inline void end_masked(masked *m, void **data)
{
    end(&m->t, data);
    free(m);
}

#endif
