/* Open outputs, which turn from integers to floats; and the probe, which
 * finds out what a kernel returns. */
#include "fixture.h"

#define COUNT 200

/* ---- open outputs ------------------------------------------------------- */

/* Maps 0, 1, ... to an open output and returns its kind. */
static mp_kind map_open(mp_pool *pool, const char *source, int64_t *to,
                        mp_status *status, mp_error *err)
{
    int64_t from[COUNT];
    for (int i = 0; i < COUNT; i++)
        from[i] = i;
    mp_view in = vector(from, MP_INT64, COUNT);
    mp_view out = vector(to, MP_INT64, COUNT);
    mp_arg arg = {.view = &in};
    mp_job *job;
    mp_map_spec spec = {.kernel = make_kernel(source),
                        .nargs = 1,
                        .args = &arg,
                        .nouts = 1,
                        .outs = &out,
                        .open = 1};
    assert_ok(mp_map_start(pool, &spec, NULL, &job, err), err);
    assert_true(mp_job_wait(job, -1));
    mp_kind kind = mp_job_kind(job, 0);
    *status = end_job(job, err);
    mp_kernel_release(spec.kernel);
    return kind;
}

static void integers_stay_integers(void **data)
{
    int64_t to[COUNT];
    mp_error err;
    mp_status status;
    mp_kind kind =
        map_open(*data, "function(x) return 2 * x end", to, &status, &err);
    assert_ok(status, &err);
    assert_int_equal(kind, MP_KIND_INT);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(to[i], 2 * i);
}

static void one_float_turns_all_to_floats(void **data)
{
    static const char *const sources[] = {
        "function(x) if x == 0 then return 0.5 end return x end",
        "function(x) if x == 199 then return 0.5 end return x end",
        "function(x) if x % 7 == 3 then return 0.5 end return x end",
        "function(x) return x == 5 and 0.5 or x + 0.0 end",
    };
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
        int64_t to[COUNT];
        double got[COUNT];
        mp_error err;
        mp_status status;
        assert_int_equal(map_open(*data, sources[k], to, &status, &err),
                         MP_KIND_FLOAT);
        assert_ok(status, &err);
        memcpy(got, to, sizeof got);
        for (int i = 0; i < COUNT; i++)
            assert_true(got[i] == i || got[i] == 0.5);
        assert_true(got[50] == 50);
    }
}

static void other_results_are_errors(void **data)
{
    int64_t to[COUNT];
    mp_error err;
    mp_status status;
    map_open(*data, "function(x) if x == 7 then return true end return x end",
             to, &status, &err);
    assert_fails(status, MP_LUA, &err, "a boolean");
    assert_int_equal(err.index, 7);
    map_open(*data, "function(x) if x == 9 then return end return x end", to,
             &status, &err);
    assert_fails(status, MP_LUA, &err, "returned 0 values");
    assert_works(*data);
}

static void only_int64_can_be_open(void **data)
{
    float to[4] = {0};
    mp_error err;
    mp_view out = vector(to, MP_FLOAT32, 4);
    mp_arg arg = {.view = &out};
    mp_map_spec spec = {.kernel = make_kernel("function(x) return x end"),
                        .nargs = 1,
                        .args = &arg,
                        .nouts = 1,
                        .outs = &out,
                        .open = 1};
    assert_fails(run_map(*data, &spec, &err), MP_TYPE, &err, "int64");
    mp_kernel_release(spec.kernel);
}

static void nothing_has_no_kind(void **data)
{
    int64_t to[1];
    mp_error err;
    mp_job *job;
    mp_view out = vector(to, MP_INT64, 0);
    mp_arg arg = {.view = &out};
    mp_map_spec spec = {.kernel = make_kernel("function(x) return x end"),
                        .nargs = 1,
                        .args = &arg,
                        .nouts = 1,
                        .outs = &out,
                        .open = 1};
    assert_ok(mp_map_start(*data, &spec, NULL, &job, &err), &err);
    assert_true(mp_job_wait(job, -1));
    assert_int_equal(mp_job_kind(job, 0), MP_KIND_NIL);
    mp_job_free(job);
    mp_kernel_release(spec.kernel);
}

/* ---- probing ------------------------------------------------------------ */

/* The job of a probe of one array that has ended. */
static mp_job *probe(mp_pool *pool, const char *source, const mp_view *in,
                     const mp_view *where)
{
    mp_error err;
    mp_job *job;
    mp_arg arg = {.view = in};
    mp_map_spec spec = {.kernel = make_kernel(source),
                        .nargs = 1,
                        .args = &arg,
                        .where = where};
    assert_ok(mp_map_probe(pool, &spec, NULL, &job, &err), &err);
    assert_true(mp_job_wait(job, -1));
    mp_kernel_release(spec.kernel);
    return job;
}

static void a_probe_runs_the_first_item(void **data)
{
    int64_t from[] = {40, 50, 60}, count;
    mp_view in = vector(from, MP_INT64, 3);
    mp_job *job =
        probe(*data, "function(x) return x, x / 8, x > 1 end", &in, NULL);
    assert_int_equal(mp_job_status(job), MP_OK);
    const mp_value *results = mp_job_results(job, &count);
    assert_int_equal(count, 3);
    assert_int_equal(results[0].kind, MP_KIND_INT);
    assert_int_equal(results[0].as.i, 40);
    assert_int_equal(results[1].kind, MP_KIND_FLOAT);
    assert_true(results[1].as.f == 5);
    assert_int_equal(results[2].kind, MP_KIND_BOOL);
    assert_int_equal(mp_job_first(job), 0);
    mp_job_free(job);
}

static void a_probe_runs_what_is_selected(void **data)
{
    int64_t from[12], count;
    uint8_t mask[12] = {0};
    for (int i = 0; i < 12; i++)
        from[i] = i;
    mp_view in = matrix(from, MP_INT64, 3, 4);
    mp_view where = matrix(mask, MP_BOOL, 3, 4);
    for (int i = 0; i < 12; i++) {
        memset(mask, 0, sizeof mask);
        mask[i] = 1;
        mp_job *job = probe(*data, "function(x) return x end", &in, &where);
        assert_int_equal(mp_job_first(job), i);
        assert_int_equal(mp_job_results(job, &count)[0].as.i, i);
        mp_job_free(job);
    }
    where.data = (char *)mask + 11;
    where.strides[0] = -4;
    where.strides[1] = -1;
    mp_job *job = probe(*data, "function(x) return x end", &in, &where);
    assert_int_equal(mp_job_first(job), 0);
    mp_job_free(job);
}

/* With no items the kernel is called with ones; an error says only that
 * nothing is known. */
static void an_empty_probe_uses_samples(void **data)
{
    int64_t from[1], count;
    mp_view in = vector(from, MP_INT64, 0);
    mp_job *job = probe(*data, "function(x) return x + 1 end", &in, NULL);
    assert_int_equal(mp_job_status(job), MP_OK);
    assert_int_equal(mp_job_first(job), -1);
    assert_int_equal(mp_job_results(job, &count)->as.i, 2);
    mp_job_free(job);
    job = probe(*data, "function(x) error('no') end", &in, NULL);
    assert_int_equal(mp_job_status(job), MP_OK);
    assert_int_equal(mp_job_results(job, &count)->kind, MP_KIND_FLOAT);
    assert_int_equal(count, 1);
    mp_job_free(job);
    uint8_t none[3] = {0};
    int64_t three[3] = {5, 6, 7};
    in = vector(three, MP_INT64, 3);
    mp_view where = vector(none, MP_BOOL, 3);
    job = probe(*data, "function(x) return x end", &in, &where);
    assert_int_equal(mp_job_first(job), -1);
    assert_int_equal(mp_job_results(job, &count)->as.i, 1);
    mp_job_free(job);
    in = vector(none, MP_BOOL, 0);
    job = probe(*data, "function(x) return x end", &in, NULL);
    assert_int_equal(mp_job_results(job, &count)->kind, MP_KIND_BOOL);
    mp_job_free(job);
}

static void a_probe_that_fails_says_why(void **data)
{
    static const char *const cases[][2] = {
        {"function(x) error('bad ' .. x) end", "bad 1"},
        {"function(x) end", "returned 0 values"},
        {"function(x) return nil end", "nil"},
        {"function(x) return 1, 'a' end", "result 2 of the kernel is a string"},
        {"return 1", "must return one function"},
        {"function(x) return table.unpack({}, 1, 65) end",
         "65 values, 64 wanted"},
    };
    int64_t one = 1;
    mp_view in = vector(&one, MP_INT64, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mp_error err;
        mp_job *job = probe(*data, cases[i][0], &in, NULL);
        assert_fails(end_job(job, &err), MP_LUA, &err, cases[i][1]);
    }
}

static void an_empty_probe_can_be_stopped(void **data)
{
    int64_t none;
    mp_error err;
    mp_job *job;
    mp_view in = vector(&none, MP_INT64, 0);
    mp_arg arg = {.view = &in};
    mp_job_options options = {.timeout = 0.02};
    mp_map_spec spec = {.kernel =
                            make_kernel("function(x) while true do end end"),
                        .nargs = 1,
                        .args = &arg};
    assert_ok(mp_map_probe(*data, &spec, &options, &job, &err), &err);
    assert_fails(end_job(job, &err), MP_TIMEOUT, &err, "timeout");
    mp_kernel_release(spec.kernel);
    assert_works(*data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(integers_stay_integers),
        POOL_TEST(one_float_turns_all_to_floats),
        POOL_TEST(other_results_are_errors),
        POOL_TEST(only_int64_can_be_open),
        POOL_TEST(nothing_has_no_kind),
        POOL_TEST(a_probe_runs_the_first_item),
        POOL_TEST(a_probe_runs_what_is_selected),
        POOL_TEST(an_empty_probe_uses_samples),
        POOL_TEST(a_probe_that_fails_says_why),
        POOL_TEST(an_empty_probe_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
