/* Shapes of a map, and maps by generalized-ufunc signature. */
#include "fixture.h"

static mp_map_spec spec_of(const char *source, const char *signature, int nargs,
                           const mp_arg *args, int nouts, const mp_view *outs)
{
    return (mp_map_spec){.kernel = make_ufunc(source, signature),
                         .nargs = nargs,
                         .args = args,
                         .nouts = nouts,
                         .outs = outs};
}

static mp_status shape_of(const char *signature, int nargs, const mp_arg *args,
                          int nouts, const mp_view *outs, mp_shape *loop,
                          mp_shape *shapes, int *ncore, mp_error *err)
{
    int count;
    mp_map_spec spec =
        spec_of("function() end", signature, nargs, args, nouts, outs);
    mp_status status = mp_map_shape(&spec, loop, &count, shapes, ncore, err);
    mp_kernel_release(spec.kernel);
    return status;
}

static void shapes_follow_the_signature(void **data)
{
    double number = 0;
    mp_error err;
    mp_shape loop, shapes[MP_MAX_ARGS];
    int ncore[MP_MAX_ARGS];
    int64_t three[] = {2, 1, 4}, two[] = {5, 4, 3};
    mp_view a = block(&number, MP_FLOAT64, 3, three);
    mp_view b = block(&number, MP_FLOAT64, 3, two);
    mp_arg args[] = {{.view = &a}, {.view = &b}};
    /* Loops of (2, 1) and (5) make (2, 5); n is 4 and m is 3. */
    assert_ok(shape_of("(n),(n,m)->(m),(),(2)", 2, args, 0, NULL, &loop, shapes,
                       ncore, &err),
              &err);
    assert_int_equal(loop.ndim, 2);
    assert_int_equal(loop.extent[0], 2);
    assert_int_equal(loop.extent[1], 5);
    assert_int_equal(ncore[0], 1);
    assert_int_equal(shapes[0].ndim, 3);
    assert_int_equal(shapes[0].extent[2], 3);
    assert_int_equal(ncore[1], 0);
    assert_int_equal(shapes[1].ndim, 2);
    assert_int_equal(shapes[2].extent[2], 2);
    (void)data;
}

static void an_output_may_give_a_size(void **data)
{
    double number = 0, cells[12] = {0};
    mp_error err;
    mp_shape loop, shapes[MP_MAX_ARGS];
    int ncore[MP_MAX_ARGS];
    mp_view in = vector(&number, MP_FLOAT64, 4);
    mp_view out = matrix(cells, MP_FLOAT64, 4, 3);
    mp_arg arg = {.view = &in};
    assert_fails(
        shape_of("()->(k)", 1, &arg, 0, NULL, &loop, shapes, ncore, &err),
        MP_VALUE, &err, "pass out");
    assert_ok(shape_of("()->(k)", 1, &arg, 1, &out, &loop, shapes, ncore, &err),
              &err);
    assert_int_equal(shapes[0].extent[1], 3);
    (void)data;
}

static void what_does_not_match_is_said(void **data)
{
    double cells[12] = {0};
    mp_error err;
    mp_shape loop, shapes[MP_MAX_ARGS];
    int ncore[MP_MAX_ARGS];
    mp_view three = vector(cells, MP_FLOAT64, 3);
    mp_view four = vector(cells, MP_FLOAT64, 4);
    mp_view table = matrix(cells, MP_FLOAT64, 3, 4);
    mp_arg pair[] = {{.view = &three}, {.view = &four}};
    mp_arg value = {.value = int_value(1)}, rows = {.view = &table};
    assert_fails(
        shape_of("(n),(n)->()", 2, pair, 0, NULL, &loop, shapes, ncore, &err),
        MP_VALUE, &err, "core dimension n of 4 where 3");
    assert_fails(
        shape_of("(n)->()", 2, pair, 0, NULL, &loop, shapes, ncore, &err),
        MP_TYPE, &err, "1 input, 2 given");
    assert_fails(
        shape_of("(5)->()", 1, pair, 0, NULL, &loop, shapes, ncore, &err),
        MP_VALUE, &err, "5 is wanted");
    assert_fails(
        shape_of("(n)->()", 1, &value, 0, NULL, &loop, shapes, ncore, &err),
        MP_VALUE, &err, "0 dimensions");
    assert_fails(
        shape_of("(n)->(),()", 1, pair, 1, &three, &loop, shapes, ncore, &err),
        MP_TYPE, &err, "2 wanted");
    assert_fails(
        shape_of("(n)->(n)", 1, &rows, 1, &three, &loop, shapes, ncore, &err),
        MP_VALUE, &err, "");
    assert_int_equal(
        shape_of(NULL, 2, pair, 0, NULL, &loop, shapes, ncore, &err), MP_VALUE);
    (void)data;
}

/* Rows are summed and scaled: a scalar result and one that is filled. */
static void rows_are_mapped(void **data)
{
    double cells[] = {1, 2, 3, 4, 5, 6}, sums[2], scaled[6];
    mp_error err;
    mp_view in = matrix(cells, MP_FLOAT64, 2, 3);
    mp_view outs[] = {vector(sums, MP_FLOAT64, 2),
                      matrix(scaled, MP_FLOAT64, 2, 3)};
    mp_arg args[] = {{.view = &in}, {.value = int_value(10)}};
    mp_map_spec spec =
        spec_of("function(row, f, out) local s = 0 for i = 1, #row do "
                "s = s + row[i] out[i] = f * row[i] end return s end",
                "(n),()->(),(n)", 2, args, 2, outs);
    assert_ok(run_map(*data, &spec, &err), &err);
    assert_true(sums[0] == 6 && sums[1] == 15);
    for (int i = 0; i < 6; i++)
        assert_true(scaled[i] == 10 * cells[i]);
    mp_kernel_release(spec.kernel);
}

static void matrices_are_multiplied(void **data)
{
    enum { ITEMS = 9 };
    int64_t a[ITEMS * 6], b[12], c[ITEMS * 8];
    mp_error err;
    for (int i = 0; i < ITEMS * 6; i++)
        a[i] = i % 11 - 5;
    for (int i = 0; i < 12; i++)
        b[i] = i;
    int64_t left[] = {ITEMS, 2, 3}, right[] = {ITEMS, 2, 4};
    mp_view va = block(a, MP_INT64, 3, left);
    mp_view vb = matrix(b, MP_INT64, 3, 4);
    mp_view vc = block(c, MP_INT64, 3, right);
    mp_arg args[] = {{.view = &va}, {.view = &vb}};
    mp_map_spec spec =
        spec_of("function(a, b, c) for i = 1, #a do for j = 1, b:size(2) do "
                "local s = 0 for k = 1, #b do s = s + a[i][k] * b[k][j] end "
                "c[i][j] = s end end end",
                "(m,n),(n,p)->(m,p)", 2, args, 1, &vc);
    assert_ok(run_map(*data, &spec, &err), &err);
    for (int at = 0; at < ITEMS * 8; at++) {
        int64_t sum = 0;
        for (int k = 0; k < 3; k++)
            sum += a[at / 4 * 3 + k] * b[k * 4 + at % 4];
        assert_int_equal(c[at], sum);
    }
    mp_kernel_release(spec.kernel);
}

static void inputs_are_not_for_writing(void **data)
{
    double cells[] = {1, 2}, out = 0;
    mp_error err;
    mp_view in = vector(cells, MP_FLOAT64, 2), to = scalar(&out, MP_FLOAT64);
    mp_arg arg = {.view = &in};
    mp_map_spec spec = spec_of("function(row) row[1] = 5 return 1 end",
                               "(n)->()", 1, &arg, 1, &to);
    assert_fails(run_map(*data, &spec, &err), MP_LUA, &err, "read-only");
    assert_int_equal(err.index, 0);
    assert_true(cells[0] == 1);
    mp_kernel_release(spec.kernel);
}

/* The running sum in place: the input is read from a copy. */
static void rows_may_be_written_in_place(void **data)
{
    double cells[] = {1, 2, 3, 4, 5, 6};
    static const double wanted[] = {3, 5, 3, 9, 11, 6};
    mp_error err;
    mp_view view = matrix(cells, MP_FLOAT64, 2, 3);
    mp_arg arg = {.view = &view};
    mp_map_spec spec =
        spec_of("function(row, out) for i = 1, 3 do "
                "out[i] = row[i] + (i < 3 and row[i + 1] or 0) end end",
                "(n)->(n)", 1, &arg, 1, &view);
    assert_ok(run_map(*data, &spec, &err), &err);
    for (int i = 0; i < 6; i++)
        assert_true(cells[i] == wanted[i]);
    mp_kernel_release(spec.kernel);
}

/* A row that is kept is not the next item's: its handle is stale. */
static void rows_die_with_their_item(void **data)
{
    double cells[] = {1, 2, 3, 4}, sums[2];
    mp_error err;
    mp_view in = matrix(cells, MP_FLOAT64, 2, 2);
    mp_view out = vector(sums, MP_FLOAT64, 2);
    mp_arg arg = {.view = &in};
    mp_pool *pool = make_pool(1);
    mp_map_spec spec = spec_of("local kept return function(row) kept = kept "
                               "or row return kept[1] end",
                               "(n)->()", 1, &arg, 1, &out);
    assert_fails(run_map(pool, &spec, &err), MP_LUA, &err, "array");
    assert_int_equal(err.index, 1);
    mp_kernel_release(spec.kernel);
    mp_pool_free(pool);
    (void)data;
}

static void a_probe_leaves_out_what_is_returned(void **data)
{
    double cells[] = {1, 2, 3, 4}, filled[4] = {0};
    int64_t count;
    mp_error err;
    mp_job *job;
    mp_view in = matrix(cells, MP_FLOAT64, 2, 2);
    mp_view out = matrix(filled, MP_FLOAT64, 2, 2);
    mp_arg arg = {.view = &in};
    mp_map_spec spec =
        spec_of("function(row, out) out[1] = 7 return #row, row[2] end",
                "(n)->(),(n),()", 1, &arg, 1, &out);
    assert_ok(mp_map_probe(*data, &spec, NULL, &job, &err), &err);
    assert_true(mp_job_wait(job, -1));
    assert_ok(mp_job_status(job), mp_job_error(job));
    const mp_value *results = mp_job_results(job, &count);
    assert_int_equal(count, 2);
    assert_int_equal(results[0].kind, MP_KIND_INT);
    assert_int_equal(results[1].kind, MP_KIND_FLOAT);
    assert_true(results[1].as.f == 2);
    assert_true(filled[0] == 7 && filled[2] == 0);
    mp_job_free(job);
    mp_kernel_release(spec.kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_follow_the_signature),
        cmocka_unit_test(an_output_may_give_a_size),
        cmocka_unit_test(what_does_not_match_is_said),
        POOL_TEST(rows_are_mapped),
        POOL_TEST(matrices_are_multiplied),
        POOL_TEST(inputs_are_not_for_writing),
        POOL_TEST(rows_may_be_written_in_place),
        POOL_TEST(rows_die_with_their_item),
        POOL_TEST(a_probe_leaves_out_what_is_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
