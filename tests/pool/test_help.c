/* Help: a thread that waits for a job takes chunks of it. */
#include "native_fixture.h"

#include "pool/fold.h"
#include "pool/pool.h"

enum { COUNT = 4000, CALLERS = 4 };

/* ---- code that knows who runs it ---------------------------------------- */

/* What code in C and the test have in common: code gets its address. */
typedef struct scene {
    pthread_t caller;
    _Atomic int by_caller, by_workers; /* calls of code */
    _Atomic int inside, most;          /* threads in code at a time */
    bool together; /* workers wait for the caller to be there */
    bool alone;    /* the caller waits for a worker to be there */
    bool broken;   /* what fails for the caller fails for workers too */
    bool late;     /* the caller takes so long that workers leave */
    int nap;       /* us */
} scene;

/* Or for a while only: all places may be taken. */
static void until(const _Atomic int *count)
{
    for (int k = 0; k < 100 && atomic_load(count) == 0; k++)
        usleep(200);
}

static bool enter(scene *s)
{
    int inside = 1 + atomic_fetch_add(&s->inside, 1);
    int most = atomic_load(&s->most);
    while (inside > most &&
           !atomic_compare_exchange_weak(&s->most, &most, inside))
        continue;
    bool caller = pthread_equal(pthread_self(), s->caller) != 0;
    atomic_fetch_add(caller ? &s->by_caller : &s->by_workers, 1);
    if (!caller && s->together)
        until(&s->by_caller);
    if (caller && s->alone)
        until(&s->by_workers);
    if (caller && s->late)
        usleep(30000);
    if (s->nap > 0)
        usleep((unsigned)s->nap);
    return caller;
}

static void leave(scene *s)
{
    atomic_fetch_sub(&s->inside, 1);
}

static scene *scene_of(const mp_frame *f)
{
    return (scene *)(uintptr_t)f->scalars[0];
}

static void fill(const mp_frame *f, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        double x;
        memcpy(&x, f->at[0] + i * f->steps[0], sizeof x);
        x += 1000;
        memcpy(f->at[1] + i * f->steps[1], &x, sizeof x);
    }
}

/* x + 1000, where the interpreter says x */
static int32_t add_code(mp_frame *f)
{
    scene *s = scene_of(f);
    enter(s);
    fill(f, f->count);
    leave(s);
    return MP_NATIVE_DONE;
}

/* The same, but all that the caller does fails after 2 items. */
static int32_t fail_code(mp_frame *f)
{
    scene *s = scene_of(f);
    bool fails = (enter(s) || s->broken) && f->count > 2;
    fill(f, fails ? 2 : f->count);
    f->failed = 2;
    leave(s);
    return fails ? MP_NATIVE_FAILED : MP_NATIVE_DONE;
}

/* acc + x, of all lanes in the first one; but a block that the caller does
 * fails. */
static int32_t sum_code(mp_frame *f)
{
    scene *s = (scene *)(uintptr_t)f->scalars[MP_LANES];
    bool caller = enter(s);
    double sum, x;
    memcpy(&sum, &f->scalars[0], sizeof sum);
    for (int64_t i = 0; i < f->count; i++) {
        memcpy(&x, f->at[0] + i * f->steps[0], sizeof x);
        sum += x;
    }
    memcpy(&f->scalars[0], &sum, sizeof sum);
    leave(s);
    return caller && s->broken ? MP_NATIVE_FAILED : MP_NATIVE_DONE;
}

/* ---- jobs --------------------------------------------------------------- */

typedef struct test {
    mp_pool *pool;
    fake fake;
    mp_compiler compiler;
    mp_native_options native;
    mp_job_options options;
    scene scene;
    mp_arg args[2];
    mp_view in, out;
    mp_map_spec spec;
    mp_error err;
    double from[COUNT], to[COUNT];
} test;

/* With a pool of its own, but for 0 workers. */
static test *begin(int workers, mp_native_code code, const char *source)
{
    test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->pool = workers > 0 ? make_pool(workers) : NULL;
    begin_fake(&t->fake, &t->compiler, &t->native, code);
    t->options.native = &t->native;
    t->options.attended = true;
    t->scene.caller = pthread_self();
    for (int i = 0; i < COUNT; i++)
        t->from[i] = i;
    t->in = vector(t->from, MP_FLOAT64, COUNT);
    t->out = vector(t->to, MP_FLOAT64, COUNT);
    t->args[0].view = &t->in;
    t->args[1].value = int_value((intptr_t)&t->scene);
    t->spec = (mp_map_spec){.kernel = make_kernel(source),
                            .nargs = 2,
                            .args = t->args,
                            .nouts = 1,
                            .outs = &t->out};
    return t;
}

#define PLAIN "function(x, s) return x end"

static mp_job *start(test *t)
{
    mp_job *job = NULL;
    assert_ok(mp_map_start(t->pool, &t->spec, &t->options, &job, &t->err),
              &t->err);
    assert_true(mp_job_native(job));
    return job;
}

/* Runs the map of the test until the caller has taken part; what became of it.
 */
static mp_status run_with_caller(test *t)
{
    mp_status status = MP_OK;
    for (int k = 0; k < 200 && t->scene.by_caller == 0; k++) {
        usleep(2000); /* Workers fall asleep: one of them is called. */
        status = end_job(start(t), &t->err);
    }
    assert_true(t->scene.by_caller > 0);
    return status;
}

static mp_job *start_sum(test *t)
{
    mp_job *job = NULL;
    mp_value zero = {.kind = MP_KIND_FLOAT};
    mp_reduce_spec spec = {.kernel = t->spec.kernel,
                           .nargs = 2,
                           .args = t->args,
                           .naccs = 1,
                           .init = &zero,
                           .combine = MP_COMBINE_ADD,
                           .whole = true};
    assert_ok(mp_reduce_start(t->pool, &spec, &t->options, &job, &t->err),
              &t->err);
    assert_true(mp_job_native(job));
    return job;
}

/* Every item is done, by one or the other. Returns how many are interpreted. */
static int check(const test *t)
{
    int interpreted = 0;
    for (int i = 0; i < COUNT; i++) {
        interpreted += t->to[i] == i;
        if (t->to[i] != i + 1000 && t->to[i] != i)
            fail_msg("item %d is %g", i, t->to[i]);
    }
    return interpreted;
}

/* Code goes with its kernel, which workers that ran it may hold. */
static void end(test *t)
{
    mp_pool_free(t->pool);
    mp_kernel_release(t->spec.kernel);
    free(t);
}

/* ---- tests -------------------------------------------------------------- */

static void who_waits_takes_part(void **data)
{
    test *t = begin(2, add_code, PLAIN);
    t->scene.together = t->scene.alone = true;
    assert_int_equal(run_with_caller(t), MP_OK);
    assert_true(t->scene.by_workers > 0);
    for (int i = 0; i < COUNT; i++)
        assert_true(t->to[i] == i + 1000);
    end(t);
    (void)data;
}

static void others_do_not(void **data)
{
    test *t = begin(2, add_code, PLAIN);
    t->options.attended = false;
    assert_int_equal(end_job(start(t), &t->err), MP_OK);
    assert_int_equal(t->scene.by_caller, 0);
    end(t);
    /* It would not see a signal in a loop. */
    t = begin(2, add_code,
              "function(x, s) while x < 0 do x = 1 end return x end");
    assert_int_equal(end_job(start(t), &t->err), MP_OK);
    assert_int_equal(t->scene.by_caller, 0);
    end(t);
    (void)data;
}

static void what_it_cannot_do_a_worker_does(void **data)
{
    for (int workers = 1; workers <= 2; workers++) {
        test *t = begin(workers, fail_code, PLAIN);
        t->scene.together = true;
        assert_int_equal(run_with_caller(t), MP_OK);
        assert_int_equal(check(t), 0);
        /* Once, and then it only waits. */
        assert_int_equal(t->scene.by_caller, 1);
        end(t);
    }
    (void)data;
}

/* Also where all other items are done, and nobody is at the job any more. */
static void it_may_give_back_the_last_items(void **data)
{
    test *t = begin(2, fail_code, PLAIN);
    t->scene.together = t->scene.late = true;
    for (int k = 0; k < 20; k++) {
        mp_job *job = start(t);
        assert_true(mp_job_wait(job, 10));
        assert_int_equal(end_job(job, &t->err), MP_OK);
        assert_int_equal(check(t), 0);
    }
    assert_true(t->scene.by_caller > 0);
    assert_int_equal(t->pool->atwork, 0);
    end(t);
    (void)data;
}

/* An error is that of the first item that fails, by the interpreter. */
static void errors_are_those_of_a_worker(void **data)
{
    test *t = begin(2, fail_code, "function(x, s) return x + nil end");
    t->scene.together = t->scene.broken = true;
    assert_int_equal(run_with_caller(t), MP_LUA);
    end(t);
    (void)data;
}

#define SUM "function(acc, x, s) return acc + x end"

/* Whether the caller does all of its blocks or gives up the first one. */
static void sums_are_helped_too(void **data)
{
    for (int broken = 0; broken <= 1; broken++) {
        test *t = begin(2, sum_code, SUM);
        t->scene.together = t->scene.alone = true;
        t->scene.broken = broken != 0;
        for (int k = 0; k < 200 && t->scene.by_caller == 0; k++) {
            int64_t count;
            mp_job *job = start_sum(t);
            assert_true(mp_job_wait(job, 10));
            assert_int_equal(mp_job_status(job), MP_OK);
            assert_true(mp_job_results(job, &count)[0].as.f ==
                        COUNT * (COUNT - 1) / 2);
            mp_job_free(job);
        }
        assert_true(t->scene.by_caller > 0);
        assert_true(!broken || t->scene.by_caller == 1);
        assert_int_equal(t->pool->atwork, 0);
        end(t);
    }
    (void)data;
}

/* Blocks that may take long would keep it from seeing a signal. */
static void sums_that_take_long_are_not(void **data)
{
    test *t = begin(2, sum_code,
                    "function(acc, x, s) local dear = x return acc + x end");
    for (int i = 0; i < COUNT; i++)
        t->from[i] = 0;
    mp_view many = t->in;
    many.shape[0] = 1000 * COUNT;
    many.strides[0] = 0;
    t->args[0].view = &many;
    mp_job *job = start_sum(t);
    assert_true(mp_job_wait(job, 30));
    assert_int_equal(mp_job_status(job), MP_OK);
    assert_int_equal(t->scene.by_caller, 0);
    assert_true(t->scene.by_workers > 0);
    mp_job_free(job);
    end(t);
    (void)data;
}

static void *visit(void *ud)
{
    test *t = ud;
    mp_job *job = start(t);
    assert_int_equal(end_job(job, &t->err), MP_OK);
    return NULL;
}

/* No more threads are at work than there are workers. */
static void helpers_take_the_place_of_workers(void **data)
{
    for (int workers = 1; workers <= 2; workers++) {
        pthread_t threads[CALLERS];
        test *tests[CALLERS];
        for (int k = 0; k < CALLERS; k++) {
            tests[k] = begin(k == 0 ? workers : 0, add_code, PLAIN);
            /* All use one pool, and count in one scene. */
            tests[k]->pool = tests[0]->pool;
            tests[k]->args[1].value = int_value((intptr_t)&tests[0]->scene);
        }
        tests[0]->scene.nap = 200;
        for (int k = 0; k < CALLERS; k++)
            assert_int_equal(pthread_create(&threads[k], NULL, visit, tests[k]),
                             0);
        for (int k = 0; k < CALLERS; k++)
            pthread_join(threads[k], NULL);
        assert_in_range(tests[0]->scene.most, 1, workers);
        assert_int_equal(tests[0]->pool->atwork, 0);
        for (int k = 0; k < CALLERS; k++) {
            check(tests[k]);
            end(tests[k]);
            if (k + 1 < CALLERS)
                tests[k + 1]->pool = NULL;
        }
    }
    (void)data;
}

/* It leaves when its time is up, and a worker goes on. */
static void a_wait_has_an_end(void **data)
{
    test *t = begin(2, add_code, PLAIN);
    t->scene.nap = 1000;
    mp_job *job = start(t);
    int waits = 0;
    while (!mp_job_wait(job, 0.02) && waits < 10000)
        waits++;
    assert_true(waits > 0);
    assert_int_equal(end_job(job, &t->err), MP_OK);
    check(t);
    end(t);
    (void)data;
}

static void *cancel(void *ud)
{
    test *t = ud;
    until(&t->scene.by_caller);
    mp_pool_cancel(t->pool);
    return NULL;
}

static void a_pool_that_is_cancelled_stops_it(void **data)
{
    pthread_t thread;
    test *t = begin(2, add_code, PLAIN);
    t->scene.nap = 20000;
    t->scene.together = true;
    mp_job *job = start(t);
    assert_int_equal(pthread_create(&thread, NULL, cancel, t), 0);
    assert_int_equal(end_job(job, &t->err), MP_CANCELLED);
    pthread_join(thread, NULL);
    end(t);
    (void)data;
}

static void a_timeout_stops_it(void **data)
{
    test *t = begin(2, add_code, PLAIN);
    t->options.timeout = 0.05;
    t->scene.nap = 20000;
    assert_int_equal(end_job(start(t), &t->err), MP_TIMEOUT);
    end(t);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_takes_part),
        cmocka_unit_test(others_do_not),
        cmocka_unit_test(what_it_cannot_do_a_worker_does),
        cmocka_unit_test(it_may_give_back_the_last_items),
        cmocka_unit_test(errors_are_those_of_a_worker),
        cmocka_unit_test(sums_are_helped_too),
        cmocka_unit_test(sums_that_take_long_are_not),
        cmocka_unit_test(helpers_take_the_place_of_workers),
        cmocka_unit_test(a_wait_has_an_end),
        cmocka_unit_test(a_pool_that_is_cancelled_stops_it),
        cmocka_unit_test(a_timeout_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
