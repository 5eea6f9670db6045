/* Run: a kernel over an index space, with whole arrays. */
#include "fixture.h"

static mp_status run(mp_pool *pool, const char *source, mp_shape extent,
                     int nargs, const mp_arg *args, mp_error *err)
{
    mp_job *job;
    mp_run_spec spec = {.kernel = make_kernel(source),
                        .extent = extent,
                        .nargs = nargs,
                        .args = args};
    mp_status status = mp_run_start(pool, &spec, NULL, &job, err);
    mp_kernel_release(spec.kernel);
    return status == MP_OK ? end_job(job, err) : status;
}

/* Each item adds one to an element of its own: the chunks cover the space
 * exactly once. */
static void one_dimension(void **data)
{
    static const int64_t sizes[] = {0, 1, 2, 7, 64, 1000, 12345};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int32_t *count = calloc((size_t)sizes[k] + 1, sizeof *count);
        mp_error err;
        mp_view view = vector(count, MP_INT32, sizes[k]);
        mp_arg arg = {.view = &view};
        mp_shape extent = {.ndim = 1, .extent = {sizes[k]}};
        assert_ok(run(*data, "function(i, a) a[i] = a[i] + 1 end", extent, 1,
                      &arg, &err),
                  &err);
        for (int64_t i = 0; i < sizes[k]; i++)
            assert_int_equal(count[i], 1);
        free(count);
    }
}

static void two_and_three_dimensions(void **data)
{
    int64_t cells[3 * 4 * 5] = {0};
    mp_error err;
    mp_view view = matrix(cells, MP_INT64, 12, 5);
    mp_arg arg = {.view = &view};
    assert_ok(run(*data, "function(i, j, a) a[i][j] = a[i][j] + 10 * i + j end",
                  (mp_shape){2, {12, 5}}, 1, &arg, &err),
              &err);
    for (int i = 0; i < 60; i++)
        assert_int_equal(cells[i], 10 * (i / 5 + 1) + i % 5 + 1);
    int64_t shape[] = {3, 4, 5};
    view = block(cells, MP_INT64, 3, shape);
    assert_ok(run(*data,
                  "function(i, j, k, a) a[i][j][k] = 100*i + 10*j + k end",
                  (mp_shape){3, {3, 4, 5}}, 1, &arg, &err),
              &err);
    for (int i = 0; i < 60; i++)
        assert_int_equal(cells[i],
                         100 * (i / 20 + 1) + 10 * (i / 5 % 4 + 1) + i % 5 + 1);
}

static void arrays_and_values_are_passed(void **data)
{
    double from[] = {1, 2, 3, 4}, to[4];
    mp_error err;
    mp_view in = vector(from, MP_FLOAT64, 4), out = vector(to, MP_FLOAT64, 4);
    mp_arg args[] = {{.view = &in},
                     {.value = float_value(0.5)},
                     {.view = &out},
                     {.value = {.kind = MP_KIND_STRING, .as.s = {"+", 1}}}};
    assert_ok(run(*data,
                  "function(i, a, f, b, op) assert(op == '+' and #a == 4) "
                  "b[i] = a[i] + f return 1, 2, 3 end",
                  (mp_shape){1, {4}}, 4, args, &err),
              &err);
    for (int i = 0; i < 4; i++)
        assert_true(to[i] == from[i] + 0.5);
}

static void errors_have_an_index(void **data)
{
    int64_t cells[12] = {0};
    mp_error err;
    mp_view view = matrix(cells, MP_INT64, 3, 4);
    mp_arg arg = {.view = &view};
    mp_shape extent = {2, {3, 4}};
    assert_fails(run(*data,
                     "function(i, j) if i == 2 and j == 3 then error('here') "
                     "end end",
                     extent, 0, NULL, &err),
                 MP_LUA, &err, "here");
    assert_int_equal(err.index, 6);
    assert_fails(run(*data, "function(i, j, a) return a[i][j + 1] end", extent,
                     1, &arg, &err),
                 MP_LUA, &err, "5");
    assert_true(err.index == 3 || err.index == 7 || err.index == 11);
    view.readonly = true;
    assert_fails(
        run(*data, "function(i, j, a) a[i][j] = 1 end", extent, 1, &arg, &err),
        MP_LUA, &err, "read-only");
    assert_fails(run(*data, "function(i) end", extent, 0, NULL, &err), MP_LUA,
                 &err, "takes 1 argument, 2 given");
    assert_works(*data);
}

static void bad_extents_are_refused(void **data)
{
    mp_error err;
    const char *source = "function() end";
    assert_fails(run(*data, source, (mp_shape){0}, 0, NULL, &err), MP_VALUE,
                 &err, "1 to 3");
    assert_fails(run(*data, source, (mp_shape){4, {1, 1, 1, 1}}, 0, NULL, &err),
                 MP_VALUE, &err, "1 to 3");
    assert_int_equal(run(*data, source, (mp_shape){2, {INT64_MAX, INT64_MAX}},
                         0, NULL, &err),
                     MP_VALUE);
    assert_int_equal(run(*data, source, (mp_shape){1, {-1}}, 0, NULL, &err),
                     MP_VALUE);
    assert_ok(run(*data, source, (mp_shape){3, {5, 0, 5}}, 0, NULL, &err),
              &err);
}

/* A handle that a kernel keeps is an error in the next job. */
static void handles_die_with_the_job(void **data)
{
    int64_t cells[4] = {0};
    mp_error err;
    mp_view view = vector(cells, MP_INT64, 4);
    mp_arg arg = {.view = &view};
    const char *source = "local kept return function(i, a) if kept == nil "
                         "then kept = a end local ok, e = pcall(function() "
                         "return kept[1] end) if not ok then error(e, 0) end "
                         "end";
    mp_pool *pool = make_pool(1);
    assert_ok(run(pool, source, (mp_shape){1, {4}}, 1, &arg, &err), &err);
    assert_fails(run(pool, source, (mp_shape){1, {4}}, 1, &arg, &err), MP_LUA,
                 &err, "array");
    mp_pool_free(pool);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(one_dimension),
        POOL_TEST(two_and_three_dimensions),
        POOL_TEST(arrays_and_values_are_passed),
        POOL_TEST(errors_have_an_index),
        POOL_TEST(bad_extents_are_refused),
        POOL_TEST(handles_die_with_the_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
