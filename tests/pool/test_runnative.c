/* Runs on the native tier: extents of one to three dimensions, and what fails.
 */
#include "native_fixture.h"

enum { I = 5, J = 7, K = 11 };

/* a[i][j][k] = 1000 * i + 100 * j + k, and 0.5 more than the kernel would say.
 * Items with an index k that is stops[0] fail. */
static int32_t fill_code(mp_frame *f)
{
    const mp_frame_array *a = &f->arrays[0], *bad = &f->arrays[1];
    int64_t stop;
    memcpy(&stop, bad->data, sizeof stop);
    assert_int_equal(a->extents[0], I);
    assert_int_equal(a->extents[2], K);
    for (int64_t n = 0; n < f->count; n++) {
        int64_t k = f->index[2] + n;
        if (k == stop) {
            f->failed = n - n % 4;
            return MP_NATIVE_FAILED;
        }
        double value =
            (double)(1000 * f->index[0] + 100 * f->index[1] + k) + 0.5;
        memcpy(a->data + (f->index[0] - 1) * a->strides[0] +
                   (f->index[1] - 1) * a->strides[1] + (k - 1) * a->strides[2],
               &value, sizeof value);
    }
    return MP_NATIVE_DONE;
}

#define FILL                                                                   \
    "function(i, j, k, a, bad)\n"                                              \
    "  if k == bad[2] then error('bad') end\n"                                 \
    "  a[i][j][k] = 1000 * i + 100 * j + k end"

typedef struct test {
    fake fake;
    mp_compiler compiler;
    mp_native_options native;
    mp_job_options options;
    mp_run_spec spec;
    mp_error err;
    double cells[I * J * K];
    int64_t bad[2];
    mp_view a, b;
    mp_arg args[2];
} test;

static void begin(test *t, const char *source)
{
    int64_t shape[] = {I, J, K};
    memset(t, 0, sizeof *t);
    begin_fake(&t->fake, &t->compiler, &t->native, fill_code);
    t->options.native = &t->native;
    t->a = block(t->cells, MP_FLOAT64, 3, shape);
    t->b = vector(t->bad, MP_INT64, 2);
    t->args[0].view = &t->a;
    t->args[1].view = &t->b;
    t->spec = (mp_run_spec){.kernel = make_kernel(source),
                            .extent = {.ndim = 3, .extent = {I, J, K}},
                            .nargs = 2,
                            .args = t->args};
}

static bool run(test *t, mp_pool *pool)
{
    mp_job *job;
    assert_ok(mp_run_start(pool, &t->spec, &t->options, &job, &t->err),
              &t->err);
    bool native = mp_job_native(job);
    end_job(job, &t->err);
    return native;
}

static void end(test *t, void **data)
{
    mp_kernel_release(t->spec.kernel);
    mp_pool_free(*data);
    *data = make_pool(2);
    assert_int_equal(t->fake.released, t->fake.compiled);
}

static void all_items_get_their_indices(void **data)
{
    test t;
    begin(&t, FILL);
    for (int turn = 0; turn < 2; turn++) {
        t.bad[0] = turn == 0 ? 0 : 6;
        assert_true(run(&t, *data));
        assert_ok(t.err.status, &t.err);
        int interpreted = 0;
        for (int n = 0; n < I * J * K; n++) {
            int i = n / (J * K) + 1, j = n / K % J + 1, k = n % K + 1;
            double wanted = 1000 * i + 100 * j + k;
            interpreted += t.cells[n] == wanted;
            if (k == t.bad[0])
                assert_true(t.cells[n] == wanted);
            else
                assert_true(t.cells[n] == wanted || t.cells[n] == wanted + 0.5);
        }
        assert_true(turn == 0 ? interpreted == 0 : interpreted >= I * J);
    }
    assert_int_equal(t.fake.compiled, 1);
    end(&t, data);
}

static void an_error_is_the_interpreter_s(void **data)
{
    test t;
    begin(&t, FILL);
    t.bad[0] = t.bad[1] = 6;
    t.spec.extent.extent[0] = t.spec.extent.extent[1] = 1;
    assert_true(run(&t, *data));
    assert_fails(t.err.status, MP_LUA, &t.err, "bad");
    assert_int_equal(t.err.index, 5);
    assert_int_equal(t.err.line, 2);
    assert_works(*data);
    end(&t, data);
}

static void what_is_not_for_the_frame_is_refused(void **data)
{
    test t;
    begin(&t, "function() end");
    t.bad[0] = 0;
    t.b.ndim = 0;
    assert_false(run(&t, *data));
    t.b.ndim = 1;
    t.args[1] =
        (mp_arg){.value = {.kind = MP_KIND_STRING, .as.s = {"text", 4}}};
    assert_false(run(&t, *data));
    assert_int_equal(t.fake.compiled, 0);
    end(&t, data);
}

/* Counts the items that may go past the caches. */
static int32_t past_code(mp_frame *f)
{
    int64_t *past = (int64_t *)f->arrays[1].data;
    *past += f->bypass != 0 ? f->count : 0;
    return MP_NATIVE_DONE;
}

static void many_results_go_past_the_caches(void **data)
{
    static const struct {
        int64_t rows, past;
    } sizes[] = {{2, 0}, {2500, 0}, {2700, 2700}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        mp_pool *pool = make_pool(1);
        test t;
        begin(&t, FILL);
        t.fake.code = past_code;
        t.spec.extent = (mp_shape){2, {sizes[k].rows, 1000}};
        assert_true(run(&t, pool));
        assert_ok(t.err.status, &t.err);
        assert_int_equal(t.bad[0], 1000 * sizes[k].past);
        mp_pool_free(pool);
        end(&t, data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(all_items_get_their_indices),
        POOL_TEST(an_error_is_the_interpreter_s),
        POOL_TEST(many_results_go_past_the_caches),
        POOL_TEST(what_is_not_for_the_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
