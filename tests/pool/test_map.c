/* Map: a kernel over all elements of broadcast arrays. */
#include "fixture.h"

#define COUNT 100

/* ---- dtypes and layouts ------------------------------------------------- */

static void every_dtype_is_mapped(void **data)
{
    for (int dtype = 0; dtype <= MP_FLOAT64; dtype++) {
        for (int swapped = 0; swapped <= 1; swapped++) {
            char from[COUNT * 8], to[COUNT * 8];
            mp_error err;
            mp_view in = vector(from, (mp_dtype)dtype, COUNT);
            mp_view out = vector(to, (mp_dtype)dtype, COUNT);
            in.swapped = swapped == 1;
            out.swapped = swapped == 1;
            for (int i = 0; i < COUNT; i++) {
                mp_value value =
                    dtype == MP_BOOL ? bool_value(i % 3 == 0) : int_value(i);
                assert_ok(mp_view_set(&in, i, value, &err), &err);
            }
            const char *source = dtype == MP_BOOL
                                     ? "function(x) return not x end"
                                     : "function(x) return 99 - x end";
            assert_ok(map_one(*data, source, &in, &out, &err), &err);
            for (int i = 0; i < COUNT; i++) {
                mp_value got;
                assert_ok(mp_view_get(&out, i, &got, &err), &err);
                if (dtype == MP_BOOL)
                    assert_int_equal(got.as.b, i % 3 != 0);
                else if (got.kind == MP_KIND_INT)
                    assert_int_equal(got.as.i, 99 - i);
                else
                    assert_true(got.as.f == 99 - i);
            }
        }
    }
}

static void any_strides_will_do(void **data)
{
    double from[2 * COUNT], to[3 * COUNT];
    mp_error err;
    for (int i = 0; i < 2 * COUNT; i++)
        from[i] = i;
    for (int i = 0; i < 3 * COUNT; i++)
        to[i] = -1;
    mp_view in = vector(from + 2 * COUNT - 1, MP_FLOAT64, COUNT);
    in.strides[0] = -16;
    mp_view out = vector(to, MP_FLOAT64, COUNT);
    out.strides[0] = 24;
    assert_ok(map_one(*data, "function(x) return x end", &in, &out, &err),
              &err);
    for (int i = 0; i < 3 * COUNT; i++)
        assert_true(to[i] == (i % 3 == 0 ? 2 * COUNT - 1 - i / 3 * 2 : -1));
}

static void unaligned_arrays_will_do(void **data)
{
    char from[COUNT * 8 + 1], to[COUNT * 8 + 3];
    mp_error err;
    mp_view in = vector(from + 1, MP_FLOAT64, COUNT);
    mp_view out = vector(to + 3, MP_INT64, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_ok(mp_view_set(&in, i, float_value(i), &err), &err);
    assert_ok(map_one(*data, "function(x) return -x end", &in, &out, &err),
              &err);
    for (int i = 0; i < COUNT; i++) {
        mp_value got;
        assert_ok(mp_view_get(&out, i, &got, &err), &err);
        assert_int_equal(got.as.i, -i);
    }
}

/* (3, 1) with (4) with a scalar and a value gives (3, 4). */
static void arguments_are_broadcast(void **data)
{
    int64_t column[] = {100, 200, 300}, row[] = {1, 2, 3, 4}, one = 5000;
    int64_t to[12];
    mp_error err;
    mp_view a = matrix(column, MP_INT64, 3, 1);
    mp_view b = vector(row, MP_INT64, 4);
    mp_view c = scalar(&one, MP_INT64);
    mp_view out = matrix(to, MP_INT64, 3, 4);
    mp_arg args[] = {
        {.view = &a}, {.view = &b}, {.view = &c}, {.value = int_value(7)}};
    mp_map_spec spec = {
        .kernel = make_kernel("function(a, b, c, d) return a + b + c + d end"),
        .nargs = 4,
        .args = args,
        .nouts = 1,
        .outs = &out};
    assert_ok(run_map(*data, &spec, &err), &err);
    for (int i = 0; i < 12; i++)
        assert_int_equal(to[i], column[i / 4] + row[i % 4] + 5007);
    mp_shape loop, shapes[MP_MAX_ARGS];
    int nouts, ncore[MP_MAX_ARGS];
    spec.nouts = 0;
    assert_ok(mp_map_shape(&spec, &loop, &nouts, shapes, ncore, &err), &err);
    assert_int_equal(nouts, -1);
    assert_int_equal(loop.ndim, 2);
    assert_int_equal(loop.extent[0], 3);
    assert_int_equal(loop.extent[1], 4);
    mp_kernel_release(spec.kernel);
}

static void values_of_all_kinds_are_passed(void **data)
{
    double from[] = {1, 2, 3}, to[3];
    mp_error err;
    mp_view in = vector(from, MP_FLOAT64, 3), out = vector(to, MP_FLOAT64, 3);
    mp_arg args[] = {{.view = &in},
                     {.value = {.kind = MP_KIND_STRING, .as.s = {"mul", 3}}},
                     {.value = bool_value(true)},
                     {.value = float_value(0.5)},
                     {.value = {.kind = MP_KIND_NIL}}};
    mp_map_spec spec = {
        .kernel = make_kernel("function(x, op, flag, f, none) assert(op == "
                              "'mul' and flag == true and none == nil) "
                              "return x * f end"),
        .nargs = 5,
        .args = args,
        .nouts = 1,
        .outs = &out};
    assert_ok(run_map(*data, &spec, &err), &err);
    assert_true(to[0] == 0.5 && to[1] == 1 && to[2] == 1.5);
    mp_kernel_release(spec.kernel);
}

static void several_outputs_are_filled(void **data)
{
    int64_t from[COUNT], half[COUNT];
    uint8_t odd[COUNT];
    float root[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++)
        from[i] = i;
    mp_view in = vector(from, MP_INT64, COUNT);
    mp_view outs[] = {vector(half, MP_INT64, COUNT),
                      vector(odd, MP_BOOL, COUNT),
                      vector(root, MP_FLOAT32, COUNT)};
    mp_arg arg = {.view = &in};
    mp_map_spec spec = {.kernel = make_kernel("function(x) return x // 2, "
                                              "x % 2 == 1, x / 4 end"),
                        .nargs = 1,
                        .args = &arg,
                        .nouts = 3,
                        .outs = outs};
    assert_ok(run_map(*data, &spec, &err), &err);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(half[i], i / 2);
        assert_int_equal(odd[i], i % 2);
        assert_true(root[i] == (float)i / 4);
    }
    mp_kernel_release(spec.kernel);
}

static void empty_and_scalar_arrays_are_mapped(void **data)
{
    double from = 4, to = 0;
    mp_error err;
    mp_view in = scalar(&from, MP_FLOAT64), out = scalar(&to, MP_FLOAT64);
    assert_ok(map_one(*data, "function(x) return x * x end", &in, &out, &err),
              &err);
    assert_true(to == 16);
    in = matrix(&from, MP_FLOAT64, 0, 3);
    out = matrix(&to, MP_FLOAT64, 0, 3);
    assert_ok(
        map_one(*data, "function() error('never called') end", &in, &out, &err),
        &err);
    in = vector(&from, MP_FLOAT64, 1);
    out = matrix(&to, MP_FLOAT64, 5, 0);
    assert_ok(
        map_one(*data, "function() error('never called') end", &in, &out, &err),
        &err);
}

static void where_selects(void **data)
{
    int64_t from[COUNT], to[COUNT];
    uint8_t mask[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++) {
        from[i] = i;
        to[i] = -1;
        mask[i] = (uint8_t)(i % 4 == 1 ? 2 : 0); /* 2 is true as well. */
    }
    mp_view in = vector(from, MP_INT64, COUNT);
    mp_view out = vector(to, MP_INT64, COUNT);
    mp_view where = vector(mask, MP_BOOL, COUNT);
    mp_arg arg = {.view = &in};
    mp_map_spec spec = {.kernel = make_kernel("function(x) assert(x % 4 == 1) "
                                              "return x end"),
                        .nargs = 1,
                        .args = &arg,
                        .where = &where,
                        .nouts = 1,
                        .outs = &out};
    assert_ok(run_map(*data, &spec, &err), &err);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(to[i], i % 4 == 1 ? i : -1);
    where.dtype = MP_UINT8;
    assert_fails(run_map(*data, &spec, &err), MP_TYPE, &err, "bool");
    mp_kernel_release(spec.kernel);
}

static void the_first_items_may_be_done(void **data)
{
    int64_t from[COUNT], to[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++)
        to[i] = from[i] = i;
    mp_view in = vector(from, MP_INT64, COUNT);
    mp_view out = vector(to, MP_INT64, COUNT);
    mp_arg arg = {.view = &in};
    mp_map_spec spec = {.kernel = make_kernel("function(x) return x + 1000 "
                                              "end"),
                        .nargs = 1,
                        .args = &arg,
                        .nouts = 1,
                        .outs = &out,
                        .first = 40};
    assert_ok(run_map(*data, &spec, &err), &err);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(to[i], i < 40 ? i : i + 1000);
    spec.first = COUNT;
    assert_ok(run_map(*data, &spec, &err), &err);
    spec.first = COUNT + 5;
    assert_ok(run_map(*data, &spec, &err), &err);
    assert_int_equal(to[0], 0);
    mp_kernel_release(spec.kernel);
}

/* ---- overlap ------------------------------------------------------------ */

static void in_place_and_overlapping_outputs(void **data)
{
    for (int shift = -3; shift <= 3; shift++) {
        int64_t memory[COUNT + 6];
        mp_error err;
        for (int i = 0; i < COUNT + 6; i++)
            memory[i] = i;
        mp_view in = vector(memory + 3, MP_INT64, COUNT);
        mp_view out = vector(memory + 3 + shift, MP_INT64, COUNT);
        assert_ok(
            map_one(*data, "function(x) return x * 10 end", &in, &out, &err),
            &err);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(memory[3 + shift + i], (i + 3) * 10);
    }
}

static void a_reversed_overlap_reads_a_copy(void **data)
{
    double memory[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++)
        memory[i] = i;
    mp_view out = vector(memory, MP_FLOAT64, COUNT);
    mp_view in = vector(memory + COUNT - 1, MP_FLOAT64, COUNT);
    in.strides[0] = -8;
    assert_ok(map_one(*data, "function(x) return x end", &in, &out, &err),
              &err);
    for (int i = 0; i < COUNT; i++)
        assert_true(memory[i] == COUNT - 1 - i);
}

static void a_mask_may_be_the_output(void **data)
{
    uint8_t mask[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++)
        mask[i] = (uint8_t)(i % 2);
    mp_view in = vector(mask, MP_BOOL, COUNT);
    mp_view shifted = vector(mask, MP_BOOL, COUNT - 1);
    mp_view out = vector(mask + 1, MP_BOOL, COUNT - 1);
    mp_arg arg = {.value = bool_value(false)};
    mp_map_spec spec = {.kernel = make_kernel("function(x) return x end"),
                        .nargs = 1,
                        .args = &arg,
                        .where = &in,
                        .nouts = 1,
                        .outs = &in};
    assert_ok(run_map(*data, &spec, &err), &err);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(mask[i], 0);
    memset(mask, 1, sizeof mask);
    spec.where = &shifted;
    spec.outs = &out;
    assert_ok(run_map(*data, &spec, &err), &err);
    assert_int_equal(mask[0], 1);
    for (int i = 1; i < COUNT; i++)
        assert_int_equal(mask[i], 0);
    mp_kernel_release(spec.kernel);
}

/* ---- errors ------------------------------------------------------------- */

static void an_error_has_the_first_index(void **data)
{
    int64_t from[COUNT], to[COUNT];
    mp_error err;
    for (int i = 0; i < COUNT; i++)
        from[i] = i;
    mp_view in = vector(from, MP_INT64, COUNT);
    mp_view out = vector(to, MP_INT64, COUNT);
    mp_status status = map_one(*data,
                               "function(x)\n if x == 42 then\n "
                               "error('not this one') end\n return x "
                               "end",
                               &in, &out, &err);
    assert_fails(status, MP_LUA, &err, "not this one");
    assert_int_equal(err.index, 42);
    assert_int_equal(err.line, 3);
    assert_string_equal(err.kernel, "kernel");
    assert_true(strlen(err.traceback) > 0);
    for (int i = 0; i < 42; i++)
        assert_int_equal(from[i], i);
    assert_works(*data);
}

static void misfits_have_an_index(void **data)
{
    double from[] = {1, 2, 300, 4, 2.5};
    uint8_t to[5];
    mp_error err;
    mp_view in = vector(from, MP_FLOAT64, 5), out = vector(to, MP_UINT8, 5);
    assert_fails(map_one(*data, "function(x) return x end", &in, &out, &err),
                 MP_LUA, &err, "uint8");
    assert_true(err.index == 2 || err.index == 4);
    in.shape[0] = out.shape[0] = 3;
    assert_fails(map_one(*data, "function(x) return x end", &in, &out, &err),
                 MP_LUA, &err, "300");
    assert_int_equal(err.index, 2);
    out = vector(to, MP_BOOL, 3);
    assert_fails(map_one(*data, "function(x) return x end", &in, &out, &err),
                 MP_LUA, &err, "bool");
    assert_true(err.index >= 0 && err.index < 3); /* All of them fail. */
}

static void bad_results_are_errors(void **data)
{
    static const char *const cases[][2] = {
        {"function(x) end", "returned 0 values"},
        {"function(x) return nil end", "nil"},
        {"function(x) return 'x' end", "a string"},
        {"function(x) return '1' end", "a string"},
        {"function(x) return {} end", "a table"},
        {"function(x) return 1, 2 end", "2 values, 1 wanted"},
        {"function(x) return function() end end", "a function"},
        {"function(x) return coroutine.create(function() end) end",
         "a coroutine"},
        {"function(x) return true end", "float64"},
    };
    double from = 1, to = 0;
    mp_error err;
    mp_view in = vector(&from, MP_FLOAT64, 1), out = vector(&to, MP_FLOAT64, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(map_one(*data, cases[i][0], &in, &out, &err), MP_LUA, &err,
                     cases[i][1]);
        assert_int_equal(err.index, 0);
    }
    assert_works(*data);
}

static void too_many_arguments_are_an_error(void **data)
{
    double from = 1, to = 0;
    mp_error err;
    mp_view in = vector(&from, MP_FLOAT64, 1), out = vector(&to, MP_FLOAT64, 1);
    assert_fails(map_one(*data, "function() return 1 end", &in, &out, &err),
                 MP_LUA, &err, "takes 0 arguments, 1 given");
    assert_ok(map_one(*data, "function(...) return select('#', ...) end", &in,
                      &out, &err),
              &err);
    assert_true(to == 1);
}

static void shapes_are_checked_before_anything_runs(void **data)
{
    double a[6] = {0}, b[6] = {0};
    mp_error err;
    mp_view in = vector(a, MP_FLOAT64, 3), out = vector(b, MP_FLOAT64, 4);
    const char *source = "function(x) return x end";
    assert_int_equal(map_one(*data, source, &in, &out, &err), MP_VALUE);
    out = vector(b, MP_FLOAT64, 1);
    assert_int_equal(map_one(*data, source, &in, &out, &err), MP_VALUE);
    out = vector(b, MP_FLOAT64, 3);
    out.readonly = true;
    assert_fails(map_one(*data, source, &in, &out, &err), MP_VALUE, &err,
                 "read-only");
    out.readonly = false;
    out.strides[0] = 0;
    assert_fails(map_one(*data, source, &in, &out, &err), MP_VALUE, &err,
                 "share memory");
    mp_view outs[] = {vector(b, MP_FLOAT64, 3), vector(b + 2, MP_FLOAT64, 3)};
    mp_arg arg = {.view = &in};
    mp_map_spec spec = {.kernel = make_kernel("function(x) return x, x end"),
                        .nargs = 1,
                        .args = &arg,
                        .nouts = 2,
                        .outs = outs};
    assert_fails(run_map(*data, &spec, &err), MP_VALUE, &err, "share memory");
    spec.nargs = MP_MAX_ARGS + 1;
    assert_int_equal(run_map(*data, &spec, &err), MP_VALUE);
    mp_kernel_release(spec.kernel);
}

static void an_unsigned_number_too_large_says_what_to_do(void **data)
{
    uint64_t from = UINT64_MAX;
    double to;
    mp_error err;
    mp_view in = vector(&from, MP_UINT64, 1), out = vector(&to, MP_FLOAT64, 1);
    assert_fails(map_one(*data, "function(x) return x end", &in, &out, &err),
                 MP_LUA, &err, "int64");
    assert_int_equal(err.index, 0);
}

/* The stream of an item is its own, so any number of workers draws the same. */
static void random_numbers_belong_to_the_item(void **data)
{
    double from[COUNT] = {0}, first[COUNT], to[COUNT];
    mp_error err;
    mp_view in = vector(from, MP_FLOAT64, COUNT);
    mp_view out = vector(first, MP_FLOAT64, COUNT);
    const char *source =
        "function(x) return math.random() + math.random(9) end";
    assert_ok(map_one(*data, source, &in, &out, &err), &err);
    out = vector(to, MP_FLOAT64, COUNT);
    for (int workers = 1; workers <= 3; workers++) {
        mp_pool *pool = make_pool(workers);
        assert_ok(map_one(pool, source, &in, &out, &err), &err);
        assert_memory_equal(first, to, sizeof to);
        mp_pool_free(pool);
    }
    assert_true(first[0] != first[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(every_dtype_is_mapped),
        POOL_TEST(any_strides_will_do),
        POOL_TEST(unaligned_arrays_will_do),
        POOL_TEST(arguments_are_broadcast),
        POOL_TEST(values_of_all_kinds_are_passed),
        POOL_TEST(several_outputs_are_filled),
        POOL_TEST(empty_and_scalar_arrays_are_mapped),
        POOL_TEST(where_selects),
        POOL_TEST(the_first_items_may_be_done),
        POOL_TEST(in_place_and_overlapping_outputs),
        POOL_TEST(a_reversed_overlap_reads_a_copy),
        POOL_TEST(a_mask_may_be_the_output),
        POOL_TEST(an_error_has_the_first_index),
        POOL_TEST(misfits_have_an_index),
        POOL_TEST(bad_results_are_errors),
        POOL_TEST(too_many_arguments_are_an_error),
        POOL_TEST(shapes_are_checked_before_anything_runs),
        POOL_TEST(an_unsigned_number_too_large_says_what_to_do),
        POOL_TEST(random_numbers_belong_to_the_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
