/* Reduce: whole or along axes, the same bits for any number of workers. */
#include "fixture.h"

typedef struct reduction {
    const char *source;
    const char *combine_source; /* or NULL */
    mp_reduce_spec spec;        /* without the kernels */
} reduction;

/* Runs the reduction; at most `room` results are copied to `out`. */
static mp_status reduce(mp_pool *pool, const reduction *r, mp_value *out,
                        int64_t room, mp_error *err)
{
    mp_reduce_spec spec = r->spec;
    mp_job *job;
    spec.kernel = make_kernel(r->source);
    if (r->combine_source != NULL)
        spec.combine_kernel = make_kernel(r->combine_source);
    mp_status status = mp_reduce_start(pool, &spec, NULL, &job, err);
    mp_kernel_release(spec.kernel);
    mp_kernel_release(spec.combine_kernel);
    if (status != MP_OK)
        return status;
    int64_t count;
    assert_true(mp_job_wait(job, -1));
    const mp_value *results = mp_job_results(job, &count);
    assert_true(count <= room);
    memcpy(out, results, (size_t)count * sizeof *out);
    return end_job(job, err);
}

static void fill(double *numbers, int64_t count)
{
    uint64_t seed = 5;
    for (int64_t i = 0; i < count; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        numbers[i] = (double)(seed >> 20) * 0x1p-40 - 3;
    }
}

static void an_array_becomes_a_number(void **data)
{
    double numbers[500];
    mp_error err;
    mp_value out[2], init = int_value(0);
    fill(numbers, 500);
    mp_view view = vector(numbers, MP_FLOAT64, 500);
    mp_arg args[] = {{.view = &view}, {.value = int_value(2)}};
    reduction r = {.source = "function(acc, x, f) return acc + f * x end",
                   .spec = {.nargs = 2,
                            .args = args,
                            .naccs = 1,
                            .init = &init,
                            .combine = MP_COMBINE_NONE,
                            .whole = true}};
    double sum = 0;
    for (int i = 0; i < 500; i++)
        sum += 2 * numbers[i];
    assert_ok(reduce(*data, &r, out, 2, &err), &err);
    assert_int_equal(out[0].kind, MP_KIND_FLOAT);
    assert_true(out[0].as.f == sum); /* One fold, in order. */
}

static void every_operator_combines(void **data)
{
    int64_t numbers[3000];
    mp_error err;
    mp_value out, init[] = {int_value(0), int_value(1), float_value(1e308),
                            float_value(-1e308)};
    int64_t sum = 0, product = 1, least = 0, most = 0;
    for (int i = 0; i < 3000; i++) {
        numbers[i] = (i * 7919) % 3001 - 1500;
        sum += numbers[i];
        product = (int64_t)((uint64_t)product * (uint64_t)(numbers[i] | 1));
        least = numbers[i] < least ? numbers[i] : least;
        most = numbers[i] > most ? numbers[i] : most;
    }
    const char *const sources[] = {"function(a, x) return a + x end",
                                   "function(a, x) return a * (x | 1) end",
                                   "function(a, x) return math.min(a, x) end",
                                   "function(a, x) return math.max(a, x) end"};
    const int64_t wanted[] = {sum, product, least, most};
    mp_view view = vector(numbers, MP_INT64, 3000);
    mp_arg arg = {.view = &view};
    for (int k = 0; k < 4; k++) {
        reduction r = {.source = sources[k],
                       .spec = {.nargs = 1,
                                .args = &arg,
                                .naccs = 1,
                                .init = &init[k],
                                .combine = (mp_combine)(MP_COMBINE_ADD + k),
                                .whole = true}};
        assert_ok(reduce(*data, &r, &out, 1, &err), &err);
        assert_int_equal(out.kind, MP_KIND_INT);
        assert_true(out.as.i == wanted[k]);
    }
}

/* Sums depend on their order, so equal bits mean an equal order. */
static void any_number_of_workers_gives_the_same_bits(void **data)
{
    enum { COUNT = 20011 };
    static const int workers[] = {1, 2, 3, 7};
    double *numbers = malloc(COUNT * sizeof *numbers);
    mp_error err;
    mp_value first[3], again[3];
    mp_value init[] = {int_value(0), float_value(0), int_value(0)};
    fill(numbers, COUNT);
    mp_view view = vector(numbers, MP_FLOAT64, COUNT);
    mp_arg arg = {.view = &view};
    reduction r[] = {
        {.source = "function(a, b, n, x) return a + x, b + x * x, n + 1 end",
         .spec = {.combine = MP_COMBINE_ADD}},
        {.source = "function(a, b, n, x) return a + x, b + x / 3, n + 1 end",
         .combine_source = "function(a, b, n, c, d, m) return a + c, b + d, "
                           "n + m end",
         .spec = {.combine = MP_COMBINE_KERNEL}},
    };
    for (int k = 0; k < 2; k++) {
        r[k].spec.nargs = 1;
        r[k].spec.args = &arg;
        r[k].spec.naccs = 3;
        r[k].spec.init = init;
        r[k].spec.whole = true;
        for (int i = 0; i < 4; i++) {
            mp_pool *pool = make_pool(workers[i]);
            assert_ok(reduce(pool, &r[k], again, 3, &err), &err);
            mp_pool_free(pool);
            if (i == 0)
                memcpy(first, again, sizeof first);
            for (int a = 0; a < 3; a++) {
                assert_int_equal(again[a].kind, first[a].kind);
                assert_true(again[a].as.i == first[a].as.i); /* the bits */
            }
        }
        assert_int_equal(first[2].as.i, COUNT);
    }
    free(numbers);
    (void)data;
}

static void axes_are_folded(void **data)
{
    int64_t cells[2 * 3 * 4], shape[] = {2, 3, 4};
    mp_error err;
    mp_value out[24], init = int_value(0);
    for (int i = 0; i < 24; i++)
        cells[i] = 1 + i;
    mp_view view = block(cells, MP_INT64, 3, shape);
    mp_arg arg = {.view = &view};
    for (int mask = 0; mask < 8; mask++) {
        int axes[3], naxes = 0;
        int64_t wanted[24] = {0}, kept = 1;
        for (int d = 0; d < 3; d++) {
            if (mask >> d & 1)
                axes[naxes++] = d;
            else
                kept *= shape[d];
        }
        for (int i = 0; i < 24; i++) {
            int index[] = {i / 12, i / 4 % 3, i % 4}, at = 0;
            for (int d = 0; d < 3; d++)
                at = mask >> d & 1 ? at : at * (int)shape[d] + index[d];
            wanted[at] += cells[i];
        }
        reduction r = {
            .source = "function(a, x) return a + x end",
            .spec = {.nargs = 1,
                     .args = &arg,
                     .naccs = 1,
                     .init = &init,
                     .combine = mask & 1 ? MP_COMBINE_ADD : MP_COMBINE_NONE,
                     .naxes = naxes,
                     .axes = axes}};
        mp_shape result;
        assert_ok(mp_reduce_shape(&r.spec, &result, &err), &err);
        assert_int_equal(result.ndim, 3 - naxes);
        assert_ok(reduce(*data, &r, out, 24, &err), &err);
        for (int64_t i = 0; i < kept; i++)
            assert_int_equal(out[i].as.i, wanted[i]);
    }
}

static void broadcast_arguments_are_reduced(void **data)
{
    int64_t column[] = {1, 2, 3}, row[] = {10, 20};
    mp_error err;
    mp_value out, init = int_value(0);
    mp_view a = matrix(column, MP_INT64, 3, 1), b = vector(row, MP_INT64, 2);
    mp_arg args[] = {{.view = &a}, {.view = &b}};
    reduction r = {.source = "function(s, x, y) return s + x * y end",
                   .spec = {.nargs = 2,
                            .args = args,
                            .naccs = 1,
                            .init = &init,
                            .combine = MP_COMBINE_ADD,
                            .whole = true}};
    assert_ok(reduce(*data, &r, &out, 1, &err), &err);
    assert_int_equal(out.as.i, 6 * 30);
}

static void nothing_gives_init(void **data)
{
    double none = 0;
    mp_error err;
    mp_value out[3], init = float_value(1.5);
    mp_view view = matrix(&none, MP_FLOAT64, 3, 0);
    mp_arg arg = {.view = &view};
    int axis = 1;
    reduction r = {.source = "function(a, x) error('never') end",
                   .spec = {.nargs = 1,
                            .args = &arg,
                            .naccs = 1,
                            .init = &init,
                            .combine = MP_COMBINE_ADD,
                            .naxes = 1,
                            .axes = &axis}};
    assert_ok(reduce(*data, &r, out, 3, &err), &err);
    for (int i = 0; i < 3; i++)
        assert_true(out[i].as.f == 1.5);
    r.spec.whole = true;
    assert_ok(reduce(*data, &r, out, 3, &err), &err);
    assert_true(out[0].as.f == 1.5);
    axis = 0;
    r.spec.whole = false;
    assert_ok(reduce(*data, &r, out, 3, &err), &err); /* shape (0,) */
}

static void errors_have_an_index(void **data)
{
    double numbers[2000] = {0};
    mp_error err;
    mp_value out, init = float_value(0);
    numbers[1234] = 1;
    mp_view view = vector(numbers, MP_FLOAT64, 2000);
    mp_arg arg = {.view = &view};
    reduction r = {.source = "function(a, x) if x == 1 then error('one') end "
                             "return a + x end",
                   .spec = {.nargs = 1,
                            .args = &arg,
                            .naccs = 1,
                            .init = &init,
                            .combine = MP_COMBINE_ADD,
                            .whole = true}};
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_LUA, &err, "one");
    assert_int_equal(err.index, 1234);
    r.source = "function(a, x) end";
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_LUA, &err, "0 values");
    r.source = "function(a, x) return 'x' end";
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_LUA, &err, "a string");
    r.source = "function(a, x) return a, a end";
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_LUA, &err, "values");
    r.source = "function(a, x) return true end";
    assert_int_equal(reduce(*data, &r, &out, 1, &err), MP_LUA);
    r.source = "function(a, x) return a + x end";
    r.combine_source = "function(a, b) error('together') end";
    numbers[1234] = 0;
    r.spec.combine = MP_COMBINE_KERNEL;
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_LUA, &err, "together");
    r.combine_source = "function(a, b) end";
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_LUA, &err, "0 values");
    assert_works(*data);
}

static void bad_specs_are_refused(void **data)
{
    double number = 0;
    mp_error err;
    mp_value out, init = {.kind = MP_KIND_NIL};
    mp_view view = vector(&number, MP_FLOAT64, 1);
    mp_arg arg = {.view = &view};
    int axes[] = {0, 0};
    reduction r = {.source = "function(a, x) return a end",
                   .spec = {.nargs = 1,
                            .args = &arg,
                            .naccs = 1,
                            .init = &init,
                            .naxes = 2,
                            .axes = axes}};
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_TYPE, &err, "init 1");
    init = int_value(0);
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_VALUE, &err, "twice");
    axes[1] = 1;
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_VALUE, &err, "bounds");
    axes[1] = -1;
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_VALUE, &err, "bounds");
    r.spec.naccs = 0;
    assert_int_equal(reduce(*data, &r, &out, 1, &err), MP_VALUE);
    r.spec.naccs = MP_MAX_ARGS;
    assert_int_equal(reduce(*data, &r, &out, 1, &err), MP_VALUE);
    r.spec.naccs = 1;
    r.spec.nargs = 0;
    assert_fails(reduce(*data, &r, &out, 1, &err), MP_TYPE, &err, "array");
}

/* One number 2^40 times: a fold that does not end, of a function in which no
 * hook fires. */
static void a_fold_of_a_c_function_can_be_stopped(void **data)
{
    double number = 1;
    mp_error err;
    mp_job *job;
    mp_value init = float_value(0);
    mp_view view = vector(&number, MP_FLOAT64, (int64_t)1 << 40);
    view.strides[0] = 0;
    mp_arg arg = {.view = &view};
    mp_job_options options = {.timeout = 0.02};
    mp_reduce_spec spec = {.kernel = make_kernel("return math.max"),
                           .nargs = 1,
                           .args = &arg,
                           .naccs = 1,
                           .init = &init,
                           .combine = MP_COMBINE_NONE,
                           .whole = true};
    assert_ok(mp_reduce_start(*data, &spec, &options, &job, &err), &err);
    assert_fails(end_job(job, &err), MP_TIMEOUT, &err, "timeout");
    mp_kernel_release(spec.kernel);
    assert_works(*data);
}

static void combining_can_be_stopped(void **data)
{
    double numbers[64] = {0};
    mp_error err;
    mp_job *job;
    mp_value init = int_value(0);
    mp_view view = vector(numbers, MP_FLOAT64, 64);
    mp_arg arg = {.view = &view};
    mp_job_options options = {.timeout = 0.02};
    mp_reduce_spec spec = {
        .kernel = make_kernel("function(a, x) return a end"),
        .nargs = 1,
        .args = &arg,
        .naccs = 1,
        .init = &init,
        .combine = MP_COMBINE_KERNEL,
        .combine_kernel = make_kernel("function(a, b) while true do end end"),
        .whole = true};
    assert_ok(mp_reduce_start(*data, &spec, &options, &job, &err), &err);
    assert_fails(end_job(job, &err), MP_TIMEOUT, &err, "timeout");
    mp_kernel_release(spec.kernel);
    mp_kernel_release(spec.combine_kernel);
    assert_works(*data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(an_array_becomes_a_number),
        POOL_TEST(every_operator_combines),
        POOL_TEST(any_number_of_workers_gives_the_same_bits),
        POOL_TEST(axes_are_folded),
        POOL_TEST(broadcast_arguments_are_reduced),
        POOL_TEST(nothing_gives_init),
        POOL_TEST(errors_have_an_index),
        POOL_TEST(bad_specs_are_refused),
        POOL_TEST(a_fold_of_a_c_function_can_be_stopped),
        POOL_TEST(combining_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
