/* Reductions on the native tier: the bits that the interpreter gives, however
 * elements lie. */
#include "native_fixture.h"

enum { MOST = 5000, LANES = 32 };

#define BAD 1e300

/* As SUM, with so many accumulators; items from a BAD one on fail. */
static int32_t sum(mp_frame *f, int lanes)
{
    double factor;
    memcpy(&factor, &f->scalars[2 * lanes], sizeof factor);
    for (int64_t n = 0; n < f->count; n++) {
        uint64_t *acc = &f->scalars[n % lanes];
        double x, total;
        memcpy(&x, f->at[0] + n * f->steps[0], sizeof x);
        if (x == BAD) {
            f->failed = n - n % lanes;
            return MP_NATIVE_FAILED;
        }
        memcpy(&total, acc, sizeof total);
        total += factor * x;
        memcpy(acc, &total, sizeof total);
        acc[lanes]++;
    }
    return MP_NATIVE_DONE;
}

static int32_t sum_lanes(mp_frame *f)
{
    return sum(f, LANES);
}

static int32_t sum_in_order(mp_frame *f)
{
    return sum(f, 1);
}

#define SUM                                                                    \
    "function(a, n, x, f)\n"                                                   \
    "  if x == 1e300 and f > 0.5 then error('bad') end\n"                      \
    "  return a + f * x, n + 1 end"

#define COMBINE "function(a, n, b, m) return a + b, n + m end"

/* The same as a map of accumulators to accumulators. */
static int32_t sum_across(mp_frame *f)
{
    double factor;
    memcpy(&factor, f->scalars, sizeof factor);
    for (int64_t n = 0; n < f->count; n++) {
        double x, total;
        int64_t count;
        memcpy(&total, f->at[0] + n * f->steps[0], sizeof total);
        memcpy(&count, f->at[1] + n * f->steps[1], sizeof count);
        memcpy(&x, f->at[2] + n * f->steps[2], sizeof x);
        if (x == BAD) {
            f->failed = 0;
            return MP_NATIVE_FAILED;
        }
        total += factor * x;
        count++;
        memcpy(f->at[3] + n * f->steps[3], &total, sizeof total);
        memcpy(f->at[4] + n * f->steps[4], &count, sizeof count);
    }
    return MP_NATIVE_DONE;
}

typedef struct test {
    fake fake;
    mp_compiler compiler;
    mp_native_options native;
    mp_job_options options;
    mp_reduce_spec spec;
    mp_error err;
    double *numbers; /* MOST of them; owned */
    mp_view view;
    mp_arg args[2];
    mp_value init[2];
} test;

static void begin(test *t, const char *source, mp_combine combine)
{
    bool lanes = combine == MP_COMBINE_ADD;
    memset(t, 0, sizeof *t);
    begin_fake(&t->fake, &t->compiler, &t->native,
               lanes ? sum_lanes : sum_in_order);
    t->numbers = malloc(MOST * sizeof *t->numbers);
    uint64_t seed = 7;
    for (int i = 0; i < MOST; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        t->numbers[i] = (double)(seed >> 20) * 0x1p-40 - 3;
    }
    t->view = vector(t->numbers, MP_FLOAT64, MOST);
    t->args[0].view = &t->view;
    t->args[1].value = float_value(0.1);
    t->init[0] = float_value(0.5);
    t->init[1] = int_value(0);
    t->spec = (mp_reduce_spec){.kernel = make_kernel(source),
                               .nargs = 2,
                               .args = t->args,
                               .naccs = 2,
                               .init = t->init,
                               .combine = combine,
                               .whole = true};
    if (combine == MP_COMBINE_KERNEL)
        t->spec.combine_kernel = make_kernel(COMBINE);
}

/* Compiled or not; at most 2 * MOST results are copied to `out`. */
static bool reduce(test *t, mp_pool *pool, bool compiled, mp_value *out)
{
    mp_job *job;
    t->options.native = compiled ? &t->native : NULL;
    assert_ok(mp_reduce_start(pool, &t->spec, &t->options, &job, &t->err),
              &t->err);
    bool native = mp_job_native(job);
    int64_t count;
    assert_true(mp_job_wait(job, -1));
    const mp_value *results = mp_job_results(job, &count);
    assert_true(count <= 2 * MOST);
    memcpy(out, results, (size_t)count * sizeof *out);
    end_job(job, &t->err);
    return native;
}

/* Both tiers must give the same `count` results. */
static void check(test *t, mp_pool *pool, int64_t count)
{
    mp_value *wanted = calloc(4 * MOST, sizeof *wanted);
    mp_value *got = wanted + 2 * MOST;
    assert_false(reduce(t, pool, false, wanted));
    assert_ok(t->err.status, &t->err);
    assert_true(reduce(t, pool, true, got));
    assert_ok(t->err.status, &t->err);
    for (int64_t i = 0; i < 2 * count; i++) {
        assert_int_equal(got[i].kind, wanted[i].kind);
        assert_true(got[i].as.i == wanted[i].as.i); /* the bits */
    }
    free(wanted);
}

static void end(test *t, void **data)
{
    mp_kernel_release(t->spec.kernel);
    mp_kernel_release(t->spec.combine_kernel);
    free(t->numbers);
    mp_pool_free(*data);
    *data = make_pool(2);
    assert_int_equal(t->fake.released, t->fake.compiled);
}

static const mp_combine combines[] = {MP_COMBINE_NONE, MP_COMBINE_ADD,
                                      MP_COMBINE_KERNEL};

static void any_size_gives_the_same_bits(void **data)
{
    static const int64_t sizes[] = {1,    2,    31,   32,  33,   63,
                                    64,   65,   100,  999, 1024, 2047,
                                    2048, 2049, 3000, MOST};
    for (int k = 0; k < 3; k++) {
        test t;
        begin(&t, SUM, combines[k]);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            t.view.shape[0] = sizes[i];
            check(&t, *data, 1);
        }
        assert_int_equal(t.fake.compiled, 1);
        end(&t, data);
    }
}

/* Rows of any length begin in any lane. */
static void rows_may_end_anywhere(void **data)
{
    for (int64_t width = 1; width < 90; width += width < 36 ? 1 : 9) {
        test t;
        begin(&t, SUM, combines[width % 3]);
        t.view.ndim = 2;
        t.view.shape[0] = MOST / 90;
        t.view.shape[1] = width;
        t.view.strides[0] = 90 * 8;
        t.view.strides[1] = 8;
        check(&t, *data, 1);
        t.view.data = (char *)(t.numbers + 89);
        t.view.strides[1] = -8;
        check(&t, *data, 1);
        end(&t, data);
    }
}

/* Reductions of two dimensions, along each; some go across folds. */
static void check_axes(test *t, mp_pool *pool, const int64_t *shape)
{
    t->view = matrix(t->numbers, MP_FLOAT64, shape[0], shape[1]);
    for (int axis = 0; axis < 2; axis++) {
        int64_t folds = shape[1 - axis], length = shape[axis];
        t->spec.axes = &axis;
        bool cut = t->spec.combine != MP_COMBINE_NONE;
        bool across = folds >= 16 && (axis == 0 || cut || length < 64);
        if (!across && t->spec.combine == MP_COMBINE_ADD)
            t->fake.code = sum_lanes;
        else
            t->fake.code = across ? sum_across : sum_in_order;
        check(t, pool, folds);
    }
}

static void axes_are_folded(void **data)
{
    static const int64_t shapes[][2] = {
        {50, 100}, {2, 2500}, {2500, 2}, {1, 70},   {70, 1},
        {63, 63},  {130, 33}, {33, 130}, {10, 400}, {312, 16},
    };
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 10; i++) {
            test t;
            begin(&t, SUM, combines[k]);
            t.spec.whole = false;
            t.spec.naxes = 1;
            check_axes(&t, *data, shapes[i]);
            end(&t, data);
        }
    }
}

/* Folds that are no row in memory, of elements that are none. */
static void several_axes_are_folded(void **data)
{
    static const int axes[] = {1, 3};
    static const int64_t shape[] = {5, 3, 60, 2};
    for (int k = 0; k < 3; k++) {
        test t;
        begin(&t, SUM, combines[k]);
        t.fake.code = sum_across;
        t.view = block(t.numbers, MP_FLOAT64, 4, shape);
        t.spec.whole = false;
        t.spec.naxes = 2;
        t.spec.axes = axes;
        check(&t, *data, 5 * 60);
        end(&t, data);
    }
}

static void any_number_of_workers_gives_the_same_bits(void **data)
{
    mp_value first[2], again[2];
    test t;
    begin(&t, SUM, MP_COMBINE_ADD);
    for (int workers = 1; workers < 4; workers++) {
        mp_pool *pool = make_pool(workers);
        assert_true(reduce(&t, pool, true, workers == 1 ? first : again));
        mp_pool_free(pool);
        if (workers > 1)
            assert_memory_equal(first, again, sizeof first);
    }
    end(&t, data);
}

/* An integer may begin what are floats then; where there is nothing to fold it
 * stays one. */
static void init_may_be_an_integer(void **data)
{
    mp_value out[2];
    test t;
    begin(&t, SUM, MP_COMBINE_ADD);
    t.view.shape[0] = 0;
    t.init[0] = int_value(3);
    reduce(&t, *data, true, out);
    assert_ok(t.err.status, &t.err);
    assert_int_equal(out[0].kind, MP_KIND_INT);
    assert_int_equal(out[0].as.i, 3);
    end(&t, data);
}

static void what_fails_is_interpreted(void **data)
{
    mp_value out[2];
    for (int k = 0; k < 3; k++) {
        test t;
        begin(&t, SUM, combines[k]);
        t.numbers[77] = t.numbers[1234] = t.numbers[4321] = BAD;
        check(&t, *data, 1);
        t.args[1].value = float_value(1);
        t.numbers[77] = t.numbers[4321] = 0;
        reduce(&t, *data, true, out);
        assert_fails(t.err.status, MP_LUA, &t.err, "bad");
        assert_int_equal(t.err.index, 1234);
        assert_int_equal(t.err.line, 2);
        assert_works(*data);
        end(&t, data);
    }
}

static void what_fails_across_folds_is_interpreted(void **data)
{
    static const int64_t shapes[][2] = {{100, 50}, {1200, 4}, {4, 1200}};
    for (int k = 0; k < 9; k++) {
        const int64_t *shape = shapes[k / 3];
        int axis = shape[1] < 16;
        mp_value out[2 * MOST];
        test t;
        begin(&t, SUM, combines[k % 3]);
        t.fake.code = sum_across;
        t.numbers[77] = t.numbers[1234] = t.numbers[4321] = BAD;
        t.view = matrix(t.numbers, MP_FLOAT64, shape[0], shape[1]);
        t.spec.whole = false;
        t.spec.naxes = 1;
        t.spec.axes = &axis;
        check(&t, *data, shape[1 - axis]);
        t.args[1].value = float_value(1);
        t.numbers[77] = t.numbers[4321] = 0;
        reduce(&t, *data, true, out);
        assert_fails(t.err.status, MP_LUA, &t.err, "bad");
        assert_int_equal(t.err.index, 1234);
        end(&t, data);
    }
}

/* math.max of the first accumulator and the elements, and their number. */
static int32_t most_lanes(mp_frame *f)
{
    for (int64_t n = 0; n < f->count; n++) {
        uint64_t *acc = &f->scalars[n % LANES];
        double x, most;
        memcpy(&x, f->at[0] + n * f->steps[0], sizeof x);
        memcpy(&most, acc, sizeof most);
        if (most < x)
            memcpy(acc, &x, sizeof x);
        acc[LANES]++;
    }
    return MP_NATIVE_DONE;
}

/* What is still the integer that it began as is one, and what has become a
 * float is none, though it may have the value. */
static void an_integer_may_stay_one(void **data)
{
    static const int64_t inits[] = {0, -3, 100, INT64_C(1) << 60, INT64_MIN};
    static const mp_combine operators[] = {MP_COMBINE_MAX, MP_COMBINE_MIN,
                                           MP_COMBINE_ADD, MP_COMBINE_MUL};
    for (int k = 0; k < 20; k++) {
        test t;
        begin(&t, "function(a, n, x, f) return math.max(a, x), n + 1 end",
              MP_COMBINE_ADD);
        t.fake.code = most_lanes;
        t.spec.combine = operators[k % 4];
        t.init[0] = int_value(inits[k / 4]);
        for (int64_t size = 1; size < MOST; size = 2 * size + 1) {
            t.view.shape[0] = size;
            t.numbers[size / 2] = (double)inits[k / 4];
            check(&t, *data, 1);
        }
        end(&t, data);
    }
}

static int32_t all_true(mp_frame *f)
{
    for (int lane = 0; lane < LANES; lane++)
        f->scalars[lane] = 1;
    return MP_NATIVE_DONE;
}

static void booleans_have_no_operators(void **data)
{
    mp_value out[2];
    test t;
    begin(&t, "function(a, x, f) return x < 10 end", MP_COMBINE_ADD);
    t.fake.code = all_true;
    t.spec.naccs = 1;
    t.init[0] = bool_value(false);
    assert_true(reduce(&t, *data, true, out));
    assert_fails(t.err.status, MP_LUA, &t.err, "only numbers");
    t.view.shape[0] = 1;
    assert_true(reduce(&t, *data, true, out));
    assert_ok(t.err.status, &t.err);
    assert_int_equal(out[0].kind, MP_KIND_BOOL);
    assert_true(out[0].as.b);
    end(&t, data);
}

/* Stays until the job is stopped. */
static int32_t stay(mp_frame *f)
{
    while (atomic_load((const _Atomic int *)(const void *)f->stop) == 0)
        usleep(100);
    return MP_NATIVE_STOPPED;
}

static void it_can_be_stopped(void **data)
{
    test t;
    begin(&t, SUM, MP_COMBINE_ADD);
    t.fake.code = stay;
    t.options.native = &t.native;
    mp_job *job;
    assert_ok(mp_reduce_start(*data, &t.spec, &t.options, &job, &t.err),
              &t.err);
    await_running(job);
    mp_job_stop(job, MP_CANCELLED);
    assert_int_equal(end_job(job, &t.err), MP_CANCELLED);
    end(&t, data);
}

static void what_is_not_for_the_frame_is_refused(void **data)
{
    mp_job *job;
    test t;
    begin(&t, SUM, MP_COMBINE_ADD);
    t.args[1].value = (mp_value){.kind = MP_KIND_STRING, .as.s = {"text", 4}};
    t.options.native = &t.native;
    t.native.required = true;
    assert_fails(mp_reduce_start(*data, &t.spec, &t.options, &job, &t.err),
                 MP_REFUSED, &t.err, "strings");
    assert_int_equal(t.fake.compiled, 0);
    end(&t, data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(any_size_gives_the_same_bits),
        POOL_TEST(rows_may_end_anywhere),
        POOL_TEST(axes_are_folded),
        POOL_TEST(several_axes_are_folded),
        POOL_TEST(any_number_of_workers_gives_the_same_bits),
        POOL_TEST(init_may_be_an_integer),
        POOL_TEST(an_integer_may_stay_one),
        POOL_TEST(what_fails_is_interpreted),
        POOL_TEST(what_fails_across_folds_is_interpreted),
        POOL_TEST(booleans_have_no_operators),
        POOL_TEST(it_can_be_stopped),
        POOL_TEST(what_is_not_for_the_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
