/* Tiers: what is compiled and how often, what is kept of it, and what is told
 * where it cannot be. */
#include "map_fixture.h"

/* ---- what is kept ------------------------------------------------------- */

static void code_is_made_once(void **data)
{
    masked *m = begin_masked(ADD);
    for (int i = 0; i < 5; i++)
        assert_true(run(&m->t, *data));
    assert_int_equal(m->t.fake.compiled, 1);
    m->t.native.lanes = 2;
    assert_true(run(&m->t, *data));
    assert_int_equal(m->t.fake.compiled, 2);
    m->t.spec.where = NULL;
    m->t.fake.code = add_code;
    assert_true(run(&m->t, *data));
    assert_int_equal(m->t.fake.compiled, 3);
    end_masked(m, data);
}

/* Only a few specialisations are kept, but all are given back. */
static void the_oldest_code_goes(void **data)
{
    char cells[COUNT] = {0};
    double y[10] = {0}, to[10];
    test t;
    begin(&t, add_code, ADD);
    mp_view out = vector(to, MP_FLOAT64, 10), b = vector(y, MP_FLOAT64, 10);
    t.args[1].view = &b;
    t.spec.nargs = 2;
    t.spec.nouts = 1;
    t.spec.outs = &out;
    int calls = 0;
    for (int lanes = 1; lanes <= 64; lanes *= 2) {
        for (int dtype = 0; dtype <= MP_FLOAT64; dtype++) {
            mp_view a = vector(cells, (mp_dtype)dtype, 10);
            t.args[0].view = &a;
            t.native.lanes = lanes;
            assert_true(run(&t, *data));
            calls++;
        }
    }
    assert_int_equal(t.fake.compiled, calls);
    assert_true(t.fake.released >= calls - 66);
    end(&t, data);
}

static void a_few_items_are_not_worth_it(void **data)
{
    masked *m = begin_masked(ADD);
    mp_kernel *first = m->t.spec.kernel;
    m->t.native.least = 3 * COUNT;
    assert_false(run(&m->t, *data));
    assert_false(run(&m->t, *data));
    assert_int_equal(m->t.fake.compiled, 0);
    assert_true(run(&m->t, *data));
    m->t.spec.kernel = make_kernel(ADD);
    m->t.native.required = true;
    assert_true(run(&m->t, *data));
    assert_int_equal(m->t.fake.compiled, 2);
    mp_kernel_release(first);
    end_masked(m, data);
}

/* ---- refusals ----------------------------------------------------------- */

static void a_refusal_is_kept_and_told(void **data)
{
    masked *m = begin_masked("function(x, y) --[[refuse]] return x + 1 end");
    for (int i = 0; i < 2; i++) {
        mp_job *job = start(&m->t, *data);
        assert_false(mp_job_native(job));
        assert_non_null(mp_job_refusal(job));
        assert_int_equal(mp_job_refusal(job)->line, 7);
        assert_string_equal(mp_job_refusal(job)->what, "it is refused");
        assert_ok(end_job(job, &m->t.err), &m->t.err);
    }
    assert_true(m->to[400] == 401);
    m->t.native.required = true;
    mp_job *job;
    assert_fails(
        mp_map_start(*data, &m->t.spec, &m->t.options, &job, &m->t.err),
        MP_REFUSED, &m->t.err, "cannot be compiled: it is refused");
    assert_int_equal(m->t.err.line, 7);
    assert_string_equal(m->t.err.kernel, "kernel");
    end_masked(m, data);
}

static void a_machine_may_refuse(void **data)
{
    masked *m = begin_masked(ADD);
    m->t.fake.status = MP_VALUE;
    for (int i = 0; i < 2; i++) {
        mp_job *job = start(&m->t, *data);
        assert_string_equal(mp_job_refusal(job)->what, "no executable pages");
        assert_ok(end_job(job, &m->t.err), &m->t.err);
    }
    assert_int_equal(m->t.fake.compiled, 1);
    end_masked(m, data);
}

static void a_compiler_may_fail(void **data)
{
    masked *m = begin_masked(ADD);
    mp_job *job;
    m->t.fake.status = MP_CANCELLED;
    for (int i = 0; i < 2; i++)
        assert_fails(
            mp_map_start(*data, &m->t.spec, &m->t.options, &job, &m->t.err),
            MP_CANCELLED, &m->t.err, "no executable pages");
    assert_int_equal(m->t.fake.compiled, 2);
    m->t.native.lanes = 3;
    assert_fails(
        mp_map_start(*data, &m->t.spec, &m->t.options, &job, &m->t.err),
        MP_VALUE, &m->t.err, "3 lanes");
    end_masked(m, data);
}

static void instructions_that_are_not_there(void **data)
{
    masked *m = begin_masked(ADD);
    mp_job *job;
    m->t.native.isa = MP_ISA_AVX512;
    if (mp_isa_host() < MP_ISA_AVX512)
        assert_fails(
            mp_map_start(*data, &m->t.spec, &m->t.options, &job, &m->t.err),
            MP_VALUE, &m->t.err, "this machine has no avx512");
    assert_int_equal(m->t.fake.compiled, 0);
    end_masked(m, data);
}

static void types_are_told_without_code(void **data)
{
    float x[1] = {0};
    test t;
    begin(&t, add_code, ADD);
    mp_view a = vector(x, MP_FLOAT32, 1);
    t.args[0].view = &a;
    t.args[1].value = int_value(1);
    t.spec.nargs = 2;
    int nouts;
    mp_dtype dtypes[MP_MAX_ARGS];
    mp_refusal why;
    assert_false(mp_map_types_known(*data, &t.spec, &nouts, dtypes));
    for (int i = 0; i < 2; i++) {
        assert_ok(mp_map_types(*data, &t.spec, &nouts, dtypes, &why, &t.err),
                  &t.err);
        assert_int_equal(nouts, 1);
        assert_int_equal(dtypes[0], MP_FLOAT32);
    }
    nouts = 0;
    dtypes[0] = MP_BOOL;
    assert_true(mp_map_types_known(*data, &t.spec, &nouts, dtypes));
    assert_int_equal(nouts, 1);
    assert_int_equal(dtypes[0], MP_FLOAT32);
    t.args[1].value = (mp_value){.kind = MP_KIND_STRING, .as.s = {"text", 4}};
    assert_ok(mp_map_types(*data, &t.spec, &nouts, dtypes, &why, &t.err),
              &t.err);
    assert_int_equal(nouts, -1);
    assert_non_null(strstr(why.what, "strings"));
    nouts = 0;
    assert_true(mp_map_types_known(*data, &t.spec, &nouts, dtypes));
    assert_int_equal(nouts, -1);
    end(&t, data);
}

static void only_known_code_is_asked_for(void **data)
{
    masked *m = begin_masked(ADD);
    mp_job *job = NULL;
    m->t.native.known = true;
    assert_fails(
        mp_map_start(*data, &m->t.spec, &m->t.options, &job, &m->t.err),
        MP_REFUSED, &m->t.err, "not compiled yet");
    assert_int_equal(m->t.fake.compiled, 0);
    m->t.native.known = false;
    assert_true(run(&m->t, *data));
    m->t.native.known = true;
    assert_true(run(&m->t, *data));
    assert_int_equal(m->t.fake.compiled, 1);
    end_masked(m, data);
}

static void the_trace_says_the_tier(void **data)
{
    masked *m = begin_masked(ADD);
    mp_worker_stats stats;
    int64_t native = 0, items = 0;
    mp_span span;
    assert_true(run(&m->t, *data));
    for (int w = 0; w < 2; w++) {
        mp_pool_stats(*data, w, &stats);
        native += stats.native;
        items += stats.items;
        assert_int_equal(stats.states, 0);
        if (mp_pool_trace(*data, w, &span, 1) == 1)
            assert_true(span.native);
    }
    assert_int_equal(native, COUNT);
    assert_int_equal(items, COUNT);
    assert_works(*data);
    end_masked(m, data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(code_is_made_once),
        POOL_TEST(the_oldest_code_goes),
        POOL_TEST(a_few_items_are_not_worth_it),
        POOL_TEST(a_refusal_is_kept_and_told),
        POOL_TEST(a_machine_may_refuse),
        POOL_TEST(a_compiler_may_fail),
        POOL_TEST(instructions_that_are_not_there),
        POOL_TEST(types_are_told_without_code),
        POOL_TEST(only_known_code_is_asked_for),
        POOL_TEST(the_trace_says_the_tier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
