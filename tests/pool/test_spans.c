/* The last chunks that a worker ran, as mp_pool_trace() shows them. */
#include "fixture.h"

#include "pool/spans.h"

static mp_spans *make_spans(void)
{
    mp_spans *spans = calloc(1, sizeof *spans);
    assert_non_null(spans);
    assert_int_equal(mp_spans_init(spans), 0);
    return spans;
}

static void free_spans(mp_spans *spans)
{
    mp_spans_destroy(spans);
    free(spans);
}

static void the_latest_are_kept_oldest_first(void **data)
{
    enum { EXTRA = 3 };
    mp_spans *spans = make_spans();
    mp_span *out = calloc(MP_SPANS + 1, sizeof *out);
    assert_non_null(out);
    assert_int_equal(mp_spans_copy(spans, 5, out, MP_SPANS + 1), 0);
    for (int i = 0; i < MP_SPANS + EXTRA; i++) {
        mp_spans_add(spans, &(mp_record){.job = (uint64_t)i,
                                         .lo = i,
                                         .hi = i + 1,
                                         .start = 1000000000,
                                         .end = 2500000000});
        int held = i + 1 < MP_SPANS ? i + 1 : MP_SPANS;
        assert_int_equal(mp_spans_copy(spans, 5, out, 1), 1);
        assert_int_equal(out[0].lo, i);
        if (i % 500 == 0)
            assert_int_equal(mp_spans_copy(spans, 5, out, MP_SPANS + 1), held);
    }
    assert_int_equal(mp_spans_copy(spans, 5, out, MP_SPANS + 1), MP_SPANS);
    for (int i = 0; i < MP_SPANS; i++) {
        assert_int_equal(out[i].lo, i + EXTRA);
        assert_int_equal(out[i].job, i + EXTRA);
        assert_int_equal(out[i].worker, 5);
        assert_string_equal(out[i].kernel, "");
        assert_true(out[i].start == 1 && out[i].end == 2.5);
    }
    assert_int_equal(mp_spans_copy(spans, 5, out, 0), 0);
    free(out);
    free_spans(spans);
    (void)data;
}

/* A span has its kernel's name, and outlives it. */
static void names_outlive_kernels(void **data)
{
    mp_spans *spans = make_spans();
    mp_span out[2];
    for (int i = 0; i < 100; i++) {
        mp_kernel *kernel = make_kernel("function() end");
        mp_spans_add(spans, &(mp_record){.kernel = kernel});
        mp_spans_add(spans, &(mp_record){.kernel = kernel});
        mp_kernel_release(kernel);
    }
    assert_int_equal(mp_spans_copy(spans, 0, out, 2), 2);
    assert_string_equal(out[0].kernel, "kernel");
    free_spans(spans);
    (void)data;
}

static void a_pool_shows_what_ran(void **data)
{
    int64_t cells[64] = {0}, items = 0;
    mp_error err;
    mp_pool *pool = make_pool(1);
    mp_span out[128];
    mp_view view = vector(cells, MP_INT64, 64);
    assert_ok(map_one(pool, "function(x) return x end", &view, &view, &err),
              &err);
    int count = mp_pool_trace(pool, 0, out, 128);
    assert_true(count >= 1);
    for (int i = 0; i < count; i++) {
        assert_string_equal(out[i].kernel, "kernel");
        assert_true(out[i].lo < out[i].hi);
        assert_true(out[i].start <= out[i].end);
        assert_true(i == 0 || out[i - 1].end <= out[i].end);
        assert_int_equal(out[i].job, 1);
        items += out[i].hi - out[i].lo;
    }
    assert_int_equal(out[count - 1].hi, 64);
    assert_int_equal(items, MP_SPANS < 64 ? MP_SPANS : 64);
    mp_pool_free(pool);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_are_kept_oldest_first),
        cmocka_unit_test(names_outlive_kernels),
        cmocka_unit_test(a_pool_shows_what_ran),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
