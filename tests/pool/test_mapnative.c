/* Maps on the native tier: rows, masks, stops, and the turns that compiled code
 * and the interpreter take. */
#include "map_fixture.h"

/* ---- code in C ---------------------------------------------------------- */

static int32_t endless_code(mp_frame *f)
{
    while (atomic_load((const _Atomic int *)f->stop) == MP_OK)
        usleep(100);
    return MP_NATIVE_STOPPED;
}

/* Copies the scalars: b, i, f, none. */
static int32_t scalar_code(mp_frame *f)
{
    double number;
    assert_int_equal(f->scalars[0], 1);
    assert_int_equal((int64_t)f->scalars[1], -5);
    memcpy(&number, &f->scalars[2], sizeof number);
    for (int64_t i = 0; i < f->count; i++)
        put(f, 0, i, number);
    return MP_NATIVE_DONE;
}

/* What "(n),(),(m,n)->(m),()" gets: arguments, the output that is filled, the
 * one that is returned. */
static int32_t core_code(mp_frame *f)
{
    assert_int_equal(f->arrays[0].extents[0], 3);
    assert_int_equal(f->arrays[0].strides[0], 8);
    assert_int_equal(f->arrays[1].extents[0], 2);
    assert_int_equal(f->arrays[1].extents[1], 3);
    assert_int_equal(f->arrays[1].strides[0], 24);
    assert_int_equal(f->arrays[2].extents[0], 2);
    for (int64_t i = 0; i < f->count; i++) {
        double a = get(f, 0, i), x = get(f, 1, i), m = get(f, 2, i);
        put(f, 3, i, a + 10 * x + 100 * m);
        put(f, 4, i, 7);
    }
    return MP_NATIVE_DONE;
}

/* Counts the items that may go past the caches, where the integer says. */
static int32_t past_code(mp_frame *f)
{
    int64_t *past = (int64_t *)(uintptr_t)f->scalars[0];
    if (f->bypass != 0) {
        assert_int_equal((uintptr_t)f->at[1] % 64, 0);
        *past += f->count;
    }
    return MP_NATIVE_DONE;
}

/* ---- rows --------------------------------------------------------------- */

/* How many of the results do, the first of which is `bytes` behind the
 * beginning of a line. */
static int64_t count_past(void **data, int64_t items, int bytes, bool in_place)
{
    int64_t past = 0;
    double one = 1;
    char *memory = calloc((size_t)items + 16, sizeof one);
    char *line = memory + (-(uintptr_t)memory & 63) + bytes;
    mp_view x = vector(&one, MP_FLOAT64, 1);
    mp_view out = vector(line, MP_FLOAT64, items);
    test t;
    begin(&t, past_code, ADD);
    mp_pool *pool = make_pool(1);
    t.args[0].view = in_place ? &out : &x;
    t.args[1].value = int_value((intptr_t)&past);
    t.spec.nargs = 2;
    t.spec.nouts = 1;
    t.spec.outs = &out;
    assert_true(run(&t, pool));
    assert_ok(t.err.status, &t.err);
    mp_pool_free(pool);
    end(&t, data);
    free(memory);
    return past;
}

static void many_results_go_past_the_caches(void **data)
{
#ifndef MP_HARD                   /* whose chunks have one item */
    const int64_t many = 9000000; /* more than 64 MiB */
    assert_in_range(count_past(data, many, 0, false), many / 2, many);
    assert_in_range(count_past(data, many, 8, false), many / 2, many);
    assert_int_equal(count_past(data, many, 4, false), 0);
    assert_int_equal(count_past(data, many, 0, true), 0);
#endif
    assert_int_equal(count_past(data, 100000, 0, false), 0);
}

static void arrays_move_with_the_item(void **data)
{
    enum { ROWS = 5 };
    double a[ROWS * 3], x[ROWS], m[6], to[ROWS * 2] = {0}, more[ROWS] = {0};
    test t;
    begin(&t, core_code, ADD);
    mp_kernel_release(t.spec.kernel);
    mp_kernel_options options = {.signature = "(n),(),(m,n)->(m),()"};
    const char source[] = "function(a, x, m, o) return 1 end";
    assert_ok(
        mp_kernel_new(source, strlen(source), &options, &t.spec.kernel, &t.err),
        &t.err);
    for (int i = 0; i < ROWS * 3; i++)
        a[i] = i;
    for (int i = 0; i < ROWS; i++)
        x[i] = i;
    for (int i = 0; i < 6; i++)
        m[i] = 1 + i;
    mp_view views[] = {matrix(a, MP_FLOAT64, ROWS, 3),
                       vector(x, MP_FLOAT64, ROWS),
                       matrix(m, MP_FLOAT64, 2, 3)};
    mp_view outs[] = {matrix(to, MP_FLOAT64, ROWS, 2),
                      vector(more, MP_FLOAT64, ROWS)};
    for (int k = 0; k < 3; k++)
        t.args[k].view = &views[k];
    t.spec.nargs = 3;
    t.spec.nouts = 2;
    t.spec.outs = outs;
    assert_true(run(&t, *data));
    for (int i = 0; i < ROWS; i++) {
        assert_true(to[2 * i] == 3 * i + 10 * i + 100);
        assert_true(more[i] == 7);
    }
    end(&t, data);
}

/* Rows of every shape: merged, broadcast, strided, transposed. */
static void rows_of_every_shape_are_run(void **data)
{
    enum { ROWS = 37, COLUMNS = 29 };
    static double a[ROWS * COLUMNS], b[COLUMNS * ROWS], to[ROWS * COLUMNS * 2];
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        a[i] = i;
        b[i] = 2 * i;
    }
    for (int kind = 0; kind < 4; kind++) {
        test t;
        begin(&t, add_code, ADD);
        mp_view x = matrix(a, MP_FLOAT64, ROWS, COLUMNS);
        mp_view y = matrix(b, MP_FLOAT64, ROWS, COLUMNS);
        mp_view out = matrix(to, MP_FLOAT64, ROWS, COLUMNS);
        if (kind == 1)
            y = vector(b, MP_FLOAT64, COLUMNS);
        if (kind == 2) {
            y.strides[0] = 8;
            y.strides[1] = 8 * ROWS;
        }
        if (kind == 3) {
            out.strides[0] = 16 * COLUMNS;
            out.strides[1] = 16;
        }
        t.args[0].view = &x;
        t.args[1].view = &y;
        t.spec.nargs = 2;
        t.spec.nouts = 1;
        t.spec.outs = &out;
        assert_true(run(&t, *data));
        assert_ok(t.err.status, &t.err);
        for (int r = 0; r < ROWS; r++) {
            for (int c = 0; c < COLUMNS; c++) {
                int i = r * COLUMNS + c;
                int j = kind == 1 ? c : kind == 2 ? c * ROWS + r : i;
                double got = to[kind == 3 ? 2 * i : i];
                assert_true(got == a[i] + 10 * b[j] + 1000);
            }
        }
        end(&t, data);
    }
}

static void one_item_and_none_will_do(void **data)
{
    double x = 3, y = 4, to = 0;
    test t;
    begin(&t, add_code, ADD);
    mp_view a = scalar(&x, MP_FLOAT64), b = scalar(&y, MP_FLOAT64);
    mp_view out = scalar(&to, MP_FLOAT64);
    t.args[0].view = &a;
    t.args[1].view = &b;
    t.spec.nargs = 2;
    t.spec.nouts = 1;
    t.spec.outs = &out;
    assert_true(run(&t, *data));
    assert_true(to == 1043);
    b = out = vector(&to, MP_FLOAT64, 0);
    assert_false(run(&t, *data));
    assert_int_equal(t.fake.compiled, 1);
    end(&t, data);
}

static void values_arrive_as_bits(void **data)
{
    double to[COUNT];
    test t;
    begin(&t, scalar_code, "function() return 0.0 end");
    mp_view out = vector(to, MP_FLOAT64, COUNT);
    mp_arg args[] = {{.value = bool_value(true)},
                     {.value = int_value(-5)},
                     {.value = float_value(0.25)},
                     {.value = {.kind = MP_KIND_NIL}}};
    t.spec.args = args;
    t.spec.nargs = 4;
    t.spec.nouts = 1;
    t.spec.outs = &out;
    assert_true(run(&t, *data));
    for (int i = 0; i < COUNT; i++)
        assert_true(to[i] == 0.25);
    end(&t, data);
}

/* ---- failures ----------------------------------------------------------- */

static void what_fails_is_interpreted(void **data)
{
    static const int strides[] = {1, 7, 100, 401};
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        masked *m = begin_masked(ADD);
        for (int i = strides[s]; i < COUNT; i += strides[s])
            m->x[i] = -i;
        assert_true(run(&m->t, *data));
        assert_ok(m->t.err.status, &m->t.err);
        int interpreted = 0;
        for (int i = 0; i < COUNT; i++) {
            double wanted = m->where[i] ? m->x[i] + 10 : -1;
            if (m->to[i] == wanted && m->where[i])
                interpreted++;
            else if (m->where[i])
                assert_true(m->to[i] == wanted + 1000);
            else
                assert_true(m->to[i] == -1);
            if (m->where[i] && m->x[i] < 0)
                assert_true(m->to[i] == wanted);
        }
        assert_true(strides[s] == 1 ? interpreted > 600 : interpreted < 900);
        end_masked(m, data);
    }
}

static void an_error_is_the_interpreter_s(void **data)
{
    /* Of two workers the other one may meet the error before this one is at
     * the item that is looked at. */
    mp_pool_free(*data);
    *data = make_pool(1);
    masked *m = begin_masked("function(x, y)\n"
                             "  if x == -400 then error('it is 400') end\n"
                             "  return x + 10 * y\nend");
    m->x[100] = -1;
    m->x[400] = -400;
    assert_true(run(&m->t, *data));
    assert_fails(m->t.err.status, MP_LUA, &m->t.err, "it is 400");
    assert_int_equal(m->t.err.index, 400);
    assert_int_equal(m->t.err.line, 2);
    assert_true(m->to[100] == 9);
    assert_works(*data);
    end_masked(m, data);
}

/* An integer array that one float turns into a float one. */
static int32_t integer_code(mp_frame *f)
{
    for (int64_t i = 0; i < f->count; i++) {
        int64_t x;
        memcpy(&x, f->at[0] + i * f->steps[0], sizeof x);
        if (x == 600) {
            f->failed = i / 4 * 4;
            return MP_NATIVE_FAILED;
        }
        memcpy(f->at[1] + i * f->steps[1], &x, sizeof x);
    }
    return MP_NATIVE_DONE;
}

static void an_open_output_may_turn_into_floats(void **data)
{
    int64_t x[COUNT];
    double to[COUNT];
    test t;
    begin(&t, integer_code, "function(x) return x == 600 and 0.5 or x end");
    for (int i = 0; i < COUNT; i++)
        x[i] = i;
    mp_view in = vector(x, MP_INT64, COUNT), out = vector(to, MP_INT64, COUNT);
    t.args[0].view = &in;
    t.spec.nargs = 1;
    t.spec.nouts = 1;
    t.spec.outs = &out;
    t.spec.open = 1;
    mp_job *job = start(&t, *data);
    assert_true(mp_job_native(job));
    assert_true(mp_job_wait(job, -1));
    assert_int_equal(mp_job_kind(job, 0), MP_KIND_FLOAT);
    assert_ok(end_job(job, &t.err), &t.err);
    for (int i = 0; i < COUNT; i++)
        assert_true(to[i] == (i == 600 ? 0.5 : i));
    end(&t, data);
}

/* ---- stopping ----------------------------------------------------------- */

static void a_stop_reaches_the_code(void **data)
{
    masked *m = begin_masked(ADD);
    m->t.fake.code = endless_code;
    mp_job *job = start(&m->t, *data);
    await_running(job);
    mp_job_stop(job, MP_CANCELLED);
    assert_fails(end_job(job, &m->t.err), MP_CANCELLED, &m->t.err, "");
    m->t.options.timeout = 0.01;
    job = start(&m->t, *data);
    assert_fails(end_job(job, &m->t.err), MP_TIMEOUT, &m->t.err, "0.01 s");
    assert_int_equal(m->t.fake.compiled, 1);
    assert_works(*data);
    end_masked(m, data);
}

/* The interpreter does not end either. */
static void a_stop_reaches_a_replay(void **data)
{
    masked *m = begin_masked("function(x, y) if x < 0 then while true do end "
                             "end return x end");
    m->x[400] = -400;
    m->t.options.timeout = 0.02;
    assert_true(run(&m->t, *data));
    assert_fails(m->t.err.status, MP_TIMEOUT, &m->t.err, "0.02 s");
    assert_works(*data);
    end_masked(m, data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(rows_of_every_shape_are_run),
        POOL_TEST(arrays_move_with_the_item),
        POOL_TEST(one_item_and_none_will_do),
        POOL_TEST(values_arrive_as_bits),
        POOL_TEST(what_fails_is_interpreted),
        POOL_TEST(an_error_is_the_interpreter_s),
        POOL_TEST(an_open_output_may_turn_into_floats),
        POOL_TEST(a_stop_reaches_the_code),
        POOL_TEST(a_stop_reaches_a_replay),
        POOL_TEST(many_results_go_past_the_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
