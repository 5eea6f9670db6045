/* Small maps on the thread that asks for them: what it does not end, or not in
 * time, is left for a job. */
#include "shortcuts_fixture.h"

#include <sys/syscall.h>
#include <time.h>

/* ---- a clock that stands still ------------------------------------------ */

static _Atomic bool clock_stopped;

/* In the place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *at)
{
    if (atomic_load(&clock_stopped)) {
        *at = (struct timespec){.tv_sec = 1};
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, at);
}

/* ---- what code cannot do ------------------------------------------------ */

/* In vectors of four: fails at the one with a negative x. */
static int32_t fail_code(mp_frame *f)
{
    for (int64_t i = 0; i < f->count; i += 4) {
        for (int64_t n = i; n < i + 4 && n < f->count; n++) {
            if (get(f, 0, n) < 0) {
                f->failed = i;
                return MP_NATIVE_FAILED;
            }
        }
        for (int64_t n = i; n < i + 4 && n < f->count; n++)
            put(f, 2, n, get(f, 0, n) + 10 * get(f, 1, n) + 1000);
    }
    return MP_NATIVE_DONE;
}

/* What is done in place is not done again. */
static void a_job_does_what_is_left(void **data)
{
    test *t = begin(fail_code, ADD);
    run_job(t, *data);
    t->a[9] = -9;
    t->outs[0] = t->x;
    assert_false(at_once(t, *data));
    assert_int_equal(t->spec.first, 8);
    run_job(t, *data);
    assert_ok(t->err.status, &t->err);
    for (int i = 0; i < COUNT; i++) {
        double x = i == 9 ? -9 : i;
        bool replayed = i >= 8 && i < 12;
        assert_true(t->a[i] == x + 20 * i + (replayed ? 0 : 1000));
    }
    /* Nothing at all is done. */
    t->a[0] = -1;
    assert_false(at_once(t, *data));
    assert_int_equal(t->spec.first, 0);
    end(t, data);
}

static void an_error_is_the_interpreter_s(void **data)
{
    test *t =
        begin(fail_code, "function(x, y) if x < 0 then error('no') end end");
    run_job(t, *data);
    t->a[9] = -9;
    assert_false(at_once(t, *data));
    run_job(t, *data);
    assert_fails(t->err.status, MP_LUA, &t->err, "0 values");
    assert_int_equal(t->err.index, 8);
    end(t, data);
}

/* Goes on until the flag is set, in the midst of which something is written. */
static int32_t endless_code(mp_frame *f)
{
    put(f, 2, 0, -1);
    while (atomic_load((const _Atomic int *)f->stop) == MP_OK)
        usleep(100);
    return MP_NATIVE_STOPPED;
}

static void a_loop_is_cut_off(void **data)
{
    test *t = begin(endless_code, "function(x, y) while x > 0 do end end");
    mp_job *job;
    assert_ok(mp_map_start(*data, &t->spec, &t->options, &job, &t->err),
              &t->err);
    mp_job_stop(job, MP_CANCELLED);
    end_job(job, &t->err);
    assert_false(at_once(t, *data));
    assert_int_equal(t->spec.first, 0);
    assert_true(t->to[0] == -1);
    t->to[0] = 5;
    assert_false(at_once(t, *data));
    assert_true(t->to[0] == 5); /* It has been learnt. */
    t->outs[0] = t->x;
    assert_false(at_once(t, *data));
    assert_true(t->a[0] == 0);
    end(t, data);
}

static int32_t late_code(mp_frame *f)
{
    usleep(3000);
    return add_code(f);
}

/* It takes a few tries to find out, and as many to try again. */
static void what_takes_long_is_for_a_job(void **data)
{
    test *t = begin(late_code, ADD);
    run_job(t, *data);
    int tries = 0;
    while (at_once(t, *data))
        assert_true(++tries < 10);
    for (tries = 0; !at_once(t, *data); tries++)
        assert_true(tries < 1000);
    assert_true(tries > 1);
    assert_added(t, 0, 1000);
    end(t, data);
}

static int32_t dear_code(mp_frame *f)
{
    usleep(100);
    return add_code(f);
}

#define DEAR "function(dear, y) return dear + 10 * y end"

/* What has no loops is not cut off, but it is done in parts, of which a job can
 * do the rest. So it does no harm either that it is tried again. */
static void what_may_be_dear_is_done_in_parts(void **data)
{
    test *t = begin(dear_code, DEAR);
    mp_worker_stats stats;
    run_job(t, *data);
    t->outs[0] = t->x;
    assert_false(at_once(t, *data));
    assert_int_equal(t->spec.first, 4);
    run_job(t, *data);
    assert_ok(t->err.status, &t->err);
    for (int i = 0; i < COUNT; i++)
        assert_true(t->a[i] == 21 * i + 1000);
    mp_pool_stats(*data, 2, &stats);
    assert_int_equal(stats.items, 4);
    int tries = 0, parts = 0;
    for (; tries < 2000 && parts < 10; tries++) {
        assert_false(at_once(t, *data));
        assert_in_range(t->spec.first, 0, 4);
        parts += t->spec.first > 0;
    }
    assert_int_equal(parts, 10);
    assert_true(tries > 100);
    end(t, data);
}

/* In parts of four too, and quick. */
static void parts_make_a_whole(void **data)
{
    test *t = begin(fail_code, DEAR);
    run_job(t, *data);
    memset(t->to, 0, sizeof t->to);
    /* A slow machine may leave some of it to a job. */
    if (!at_once(t, *data))
        run_job(t, *data);
    assert_added(t, 0, 1000);
    t->a[9] = -9;
    assert_false(at_once(t, *data));
    assert_in_range(t->spec.first, 4, 8);
    end(t, data);
}

/* A clock that stands still teaches nothing for good. */
static void the_clock_stands_still(void **data)
{
    test *t = begin(late_code, ADD);
    run_job(t, *data);
    atomic_store(&clock_stopped, true);
    for (int i = 0; i < 10; i++)
        assert_true(at_once(t, *data));
    atomic_store(&clock_stopped, false);
    int tries = 0;
    while (at_once(t, *data))
        assert_true(++tries < 30);
    end(t, data);
}

/* Counts, and has others use the shortcuts meanwhile. */
typedef struct stepping {
    test *t;
    mp_pool *pool;
    int calls;
} stepping;

static void step_aside(void *ud, void (*body)(void *), void *arg)
{
    stepping *s = ud;
    test *t = s->t;
    double to;
    s->calls++;
    body(arg);
    for (int k = 0; k < 10; k++) {
        mp_view out = scalar(&to, MP_FLOAT64);
        mp_arg args[8] = {{.view = NULL}};
        for (int n = 0; n < 8; n++)
            args[n].value = int_value(n);
        mp_map_spec spec = {.kernel = t->spec.kernel,
                            .nargs = k % 8,
                            .args = args,
                            .nouts = 1,
                            .outs = &out};
        mp_job *job;
        mp_error err;
        assert_ok(mp_map_start(s->pool, &spec, &t->options, &job, &err), &err);
        mp_job_stop(job, MP_CANCELLED);
        mp_job_free(job);
        (void)mp_shortcuts_types(t->shortcuts, s->pool, &spec,
                                 &(mp_shape){.ndim = 0}, &(int){0},
                                 (mp_dtype[MP_MAX_ARGS]){MP_BOOL});
        mp_shortcuts_map(t->shortcuts, s->pool, &spec, &t->native, NULL);
    }
}

static int32_t slow_code(mp_frame *f)
{
    if (f->at[0] == NULL || f->count < COUNT)
        return MP_NATIVE_STOPPED;
    usleep(200);
    return add_code(f);
}

static void what_takes_longer_runs_aside(void **data)
{
    test *t = begin(slow_code, ADD);
    stepping steps = {t, *data, 0};
    mp_aside aside = {step_aside, &steps};
    run_job(t, *data);
    for (int i = 0; i < 20; i++) {
        t->spec.first = 0;
        memset(t->to, 0, sizeof t->to);
        if (mp_shortcuts_map(t->shortcuts, *data, &t->spec, &t->native, &aside))
            assert_added(t, 0, 1000);
    }
    assert_true(steps.calls > 0);
    end(t, data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(a_job_does_what_is_left),
        POOL_TEST(an_error_is_the_interpreter_s),
        POOL_TEST(a_loop_is_cut_off),
        POOL_TEST(what_takes_long_is_for_a_job),
        POOL_TEST(what_may_be_dear_is_done_in_parts),
        POOL_TEST(parts_make_a_whole),
        POOL_TEST(the_clock_stands_still),
        POOL_TEST(what_takes_longer_runs_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
