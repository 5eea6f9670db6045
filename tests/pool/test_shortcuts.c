/* Small maps on the thread that asks for them: what goes there, and what does
 * not. */
#include "shortcuts_fixture.h"

#include <fenv.h>
#include <pthread.h>

/* ---- what goes ---------------------------------------------------------- */

static int32_t thread_code(mp_frame *f)
{
    pthread_t self = pthread_self();
    memcpy(f->at[2], &self, sizeof self);
    return MP_NATIVE_DONE;
}

static void what_is_compiled_runs_on_this_thread(void **data)
{
    test *t = begin(thread_code, ADD);
    pthread_t found, self = pthread_self();
    assert_false(at_once(t, *data));
    assert_int_equal(t->fake.compiled, 0);
    run_job(t, *data);
    memcpy(&found, t->to, sizeof found);
    assert_false(pthread_equal(found, self));
    for (int i = 0; i < 3; i++) {
        t->to[0] = 0;
        assert_true(at_once(t, *data));
        memcpy(&found, t->to, sizeof found);
        assert_true(pthread_equal(found, self));
    }
    assert_int_equal(t->spec.first, COUNT);
    end(t, data);
}

static void it_is_counted(void **data)
{
    test *t = begin(add_code, ADD);
    mp_worker_stats stats;
    mp_span span;
    run_job(t, *data);
    mp_pool_stats(*data, 2, &stats);
    assert_int_equal(stats.items, 0);
    assert_int_equal(mp_pool_trace(*data, 2, &span, 1), 0);
    assert_true(at_once(t, *data));
    mp_pool_stats(*data, 2, &stats);
    assert_int_equal(stats.chunks, 1);
    assert_int_equal(stats.items, COUNT);
    assert_int_equal(stats.native, COUNT);
    assert_int_equal(mp_pool_trace(*data, 2, &span, 1), 1);
    assert_int_equal(span.worker, 2);
    assert_int_equal(span.hi, COUNT);
    assert_int_equal(span.job, 2);
    assert_true(span.native);
    end(t, data);
}

/* Rows of every kind have the code that their job had. */
static void rows_of_every_kind(void **data)
{
    enum { PACKED, STRIDED, BACKWARD, SAME, ZERO, ROWS, KINDS };
    for (int kind = 0; kind < KINDS; kind++) {
        test *t = begin(add_code, ADD);
        double one = 3;
        if (kind == STRIDED)
            t->outs[0].strides[0] = 16;
        if (kind == BACKWARD) {
            t->y.data += 8 * (COUNT - 1);
            t->y.strides[0] = -8;
        }
        if (kind == SAME)
            t->y = scalar(&one, MP_FLOAT64);
        if (kind == ZERO)
            t->y.strides[0] = 0;
        if (kind == ROWS) {
            t->x = matrix(t->a, MP_FLOAT64, 4, COUNT / 4);
            t->y = matrix(t->b, MP_FLOAT64, 4, COUNT / 4);
            t->outs[0] = matrix(t->to, MP_FLOAT64, 4, COUNT / 4);
        }
        run_job(t, *data);
        memset(t->to, 0, sizeof t->to);
        assert_true(at_once(t, *data));
        assert_int_equal(t->fake.compiled, 1);
        for (int i = 0; i < COUNT; i++) {
            double y = kind == BACKWARD ? t->b[COUNT - 1 - i]
                       : kind == SAME   ? one
                       : kind == ZERO   ? t->b[0]
                                        : t->b[i];
            double got = t->to[kind == STRIDED ? 2 * i : i];
            assert_true(got == t->a[i] + 10 * y + 1000);
        }
        end(t, data);
    }
}

static int32_t value_code(mp_frame *f)
{
    for (int64_t i = 0; i < f->count; i++)
        put(f, 1, i, get(f, 0, i) + (double)(int64_t)f->scalars[0]);
    return MP_NATIVE_DONE;
}

static void values_and_single_items(void **data)
{
    test *t = begin(value_code, ADD);
    t->x = scalar(&t->a[3], MP_FLOAT64);
    t->outs[0] = scalar(t->to, MP_FLOAT64);
    t->args[1] = (mp_arg){.value = int_value(40)};
    run_job(t, *data);
    t->to[0] = 0;
    assert_true(at_once(t, *data));
    assert_true(t->to[0] == 43);
    t->args[1].value = int_value(50);
    assert_true(at_once(t, *data));
    assert_true(t->to[0] == 53);
    t->args[1].value = float_value(50);
    assert_false(at_once(t, *data)); /* Not compiled yet. */
    end(t, data);
}

static void types_are_known_before(void **data)
{
    test *t = begin(add_code, ADD);
    mp_shape shape;
    int nouts;
    mp_dtype dtypes[MP_MAX_ARGS];
    mp_refusal why;
    assert_false(mp_shortcuts_types(t->shortcuts, *data, &t->spec, &shape,
                                    &nouts, dtypes));
    assert_ok(mp_map_types(*data, &t->spec, &nouts, dtypes, &why, &t->err),
              &t->err);
    for (int i = 0; i < 2; i++) {
        nouts = 0;
        assert_true(mp_shortcuts_types(t->shortcuts, *data, &t->spec, &shape,
                                       &nouts, dtypes));
        assert_int_equal(nouts, 1);
        assert_int_equal(dtypes[0], MP_FLOAT64);
        assert_int_equal(shape.ndim, 1);
        assert_int_equal(shape.extent[0], COUNT);
    }
    /* The array with most dimensions gives the shape. */
    t->y = matrix(t->b, MP_FLOAT64, 1, 1);
    assert_false(mp_shortcuts_types(t->shortcuts, *data, &t->spec, &shape,
                                    &nouts, dtypes));
    t->x = scalar(t->a, MP_FLOAT64);
    assert_true(mp_shortcuts_types(t->shortcuts, *data, &t->spec, &shape,
                                   &nouts, dtypes));
    assert_int_equal(shape.ndim, 2);
    end(t, data);
}

/* ---- what does not ------------------------------------------------------ */

static void what_lies_otherwise_is_for_a_job(void **data)
{
    test *t = begin(add_code, ADD);
    run_job(t, *data);
    mp_view x = t->x, out = t->outs[0];
    t->x = vector(t->a, MP_FLOAT64, COUNT - 1);
    assert_false(at_once(t, *data));
    t->x = matrix(t->a, MP_FLOAT64, 1, 1);
    assert_false(at_once(t, *data));
    t->x = x;
    t->x.swapped = true;
    assert_false(at_once(t, *data));
    t->x = x;
    t->outs[0].readonly = true;
    assert_false(at_once(t, *data));
    t->outs[0] = out;
    t->outs[0].strides[0] = 0;
    assert_false(at_once(t, *data));
    t->outs[0].strides[0] = 4;
    assert_false(at_once(t, *data));
    t->outs[0] = vector(t->to, MP_FLOAT64, 0);
    assert_false(at_once(t, *data));
    t->outs[0] = matrix(t->to, MP_FLOAT64, 4, COUNT / 4);
    t->x = matrix(t->a, MP_FLOAT64, 4, COUNT / 4);
    t->y = matrix(t->b, MP_FLOAT64, 4, COUNT / 4);
    t->y.strides[0] = 8;
    t->y.strides[1] = 32;
    assert_false(at_once(t, *data));
    end(t, data);
}

static void what_is_asked_for_besides_is_for_a_job(void **data)
{
    test *t = begin(add_code, ADD);
    bool mask[COUNT] = {false};
    mp_view where = vector(mask, MP_BOOL, COUNT);
    run_job(t, *data);
    t->spec.where = &where;
    assert_false(at_once(t, *data));
    t->spec.where = NULL;
    t->spec.nouts = 0;
    assert_false(at_once(t, *data));
    t->spec.nouts = 1;
    t->args[2] = (mp_arg){.value = {.kind = MP_KIND_STRING}};
    t->spec.nargs = 3;
    assert_false(at_once(t, *data));
    t->spec.nargs = 2;
    t->native.isa = MP_ISA_AVX512;
    t->native.lanes = 8;
    assert_false(at_once(t, *data)); /* Not compiled for those. */
    t->native.isa = MP_ISA_SCALAR;
    t->native.lanes = 4;
    assert_true(at_once(t, *data));
    mp_pool_close(*data);
    assert_false(at_once(t, *data));
    end(t, data);
}

static void what_is_large_is_for_a_job(void **data)
{
    enum { LARGE = 100000 };
    test *t = begin(add_code, ADD);
    static double a[LARGE], to[LARGE];
    t->x = vector(a, MP_FLOAT64, LARGE);
    t->y = scalar(t->b, MP_FLOAT64);
    t->outs[0] = vector(to, MP_FLOAT64, LARGE);
    run_job(t, *data);
    assert_false(at_once(t, *data));
    t->x = vector(a, MP_FLOAT64, COUNT);
    t->outs[0] = vector(to, MP_FLOAT64, COUNT);
    assert_true(at_once(t, *data));
    end(t, data);
}

/* Other pools may have other setups, and other kernels of the same text their
 * own code. */
static void a_setup_has_its_own_code(void **data)
{
    test *t = begin(add_code, ADD);
    mp_pool_options options;
    mp_pool *other;
    mp_pool_options_init(&options);
    options.workers = 1;
    options.setup = "answer = 42";
    options.setup_size = strlen(options.setup);
    assert_ok(mp_pool_new(&options, &other, &t->err), &t->err);
    run_job(t, *data);
    assert_true(at_once(t, *data));
    assert_false(at_once(t, other));
    run_job(t, other);
    assert_int_equal(t->fake.compiled, 2);
    assert_true(at_once(t, other));
    assert_true(at_once(t, *data));
    mp_pool_free(other);
    end(t, data);
}

/* ---- memory that is shared ---------------------------------------------- */

static void outputs_may_be_inputs_element_for_element(void **data)
{
    test *t = begin(add_code, ADD);
    run_job(t, *data);
    t->outs[0] = t->x;
    assert_true(at_once(t, *data));
    for (int i = 0; i < COUNT; i++)
        assert_true(t->a[i] == 21 * i + 1000);
    t->outs[0].data += 8;
    t->outs[0].shape[0] = t->x.shape[0] = t->y.shape[0] = COUNT - 1;
    assert_false(at_once(t, *data));
    t->outs[0].data -= 4;
    assert_false(at_once(t, *data));
    /* One element that all items read. */
    t->outs[0] = vector(t->to, MP_FLOAT64, COUNT - 1);
    t->y = scalar(&t->to[5], MP_FLOAT64);
    assert_false(at_once(t, *data));
    end(t, data);
}

static int32_t two_code(mp_frame *f)
{
    for (int64_t i = 0; i < f->count; i++) {
        put(f, 2, i, 1);
        put(f, 3, i, 2);
    }
    return MP_NATIVE_DONE;
}

static void outputs_must_not_share_memory(void **data)
{
    test *t = begin(two_code, "function(x, y) return x, y end");
    t->spec.nouts = 2;
    t->outs[1] = vector(t->to + COUNT, MP_FLOAT64, COUNT);
    run_job(t, *data);
    assert_true(at_once(t, *data));
    assert_true(t->to[0] == 1 && t->to[COUNT] == 2);
    t->outs[1].data -= 8;
    assert_false(at_once(t, *data));
    t->outs[1] = t->outs[0];
    assert_false(at_once(t, *data));
    end(t, data);
}

/* ---- around the code ---------------------------------------------------- */

static int32_t rounding_code(mp_frame *f)
{
    volatile double one = 1, three = 3;
    put(f, 2, 0, fegetround() == FE_TONEAREST ? 1 : 0);
    put(f, 2, 1, one / three);
    return MP_NATIVE_DONE;
}

static void the_thread_keeps_its_rounding(void **data)
{
    test *t = begin(rounding_code, ADD);
    run_job(t, *data);
    for (int kind = 0; kind < 2; kind++) {
        t->to[0] = 0;
        fesetround(kind == 0 ? FE_TONEAREST : FE_UPWARD);
        feclearexcept(FE_ALL_EXCEPT);
        bool done = at_once(t, *data);
        int rounding = fegetround(), flags = fetestexcept(FE_INEXACT);
        fesetround(FE_TONEAREST);
        assert_true(done);
        assert_true(t->to[0] == 1);
        assert_int_equal(rounding, kind == 0 ? FE_TONEAREST : FE_UPWARD);
        assert_int_equal(flags, 0);
    }
    end(t, data);
}

/* There is room for some types; all of them are found again. */
static void many_types_take_turns(void **data)
{
    static const mp_dtype dtypes[] = {
        MP_INT8,   MP_UINT8, MP_INT16,  MP_UINT16,  MP_INT32,
        MP_UINT32, MP_INT64, MP_UINT64, MP_FLOAT32, MP_FLOAT64,
    };
    enum { N = sizeof dtypes / sizeof *dtypes };
    test *t = begin(two_code, ADD);
    t->spec.nouts = 2;
    t->outs[1] = vector(t->to + COUNT, MP_FLOAT64, COUNT);
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < N; k++) {
            t->x = vector(t->a, dtypes[k], COUNT);
            if (!at_once(t, *data)) {
                t->spec.first = 0;
                run_job(t, *data);
                assert_true(at_once(t, *data));
            }
        }
    }
    assert_true(t->fake.compiled >= N);
    end(t, data);
}

/* Each thread with its own set of shortcuts, all of them with the same kernel
 * and pool. */
typedef struct hammer {
    const test *from;
    mp_pool *pool;
    bool done;
} hammer;

static void *hammer_body(void *ud)
{
    hammer *h = ud;
    double to[COUNT];
    mp_error err;
    mp_shortcuts *shortcuts;
    mp_view out = vector(to, MP_FLOAT64, COUNT);
    if (mp_shortcuts_new(&shortcuts, &err) != MP_OK)
        return NULL;
    h->done = true;
    for (int i = 0; i < 500; i++) {
        mp_map_spec spec = h->from->spec;
        mp_job *job = NULL;
        spec.outs = &out;
        spec.first = 0;
        to[COUNT - 1] = 0;
        if (!mp_shortcuts_map(shortcuts, h->pool, &spec, &h->from->native,
                              NULL)) {
            if (mp_map_start(h->pool, &spec, &h->from->options, &job, &err) !=
                MP_OK)
                h->done = false;
            mp_job_wait(job, -1);
            mp_job_free(job);
        }
        h->done = h->done && to[COUNT - 1] == 21 * (COUNT - 1) + 1000;
    }
    mp_shortcuts_free(shortcuts);
    return NULL;
}

static void threads_do_not_meet(void **data)
{
    test *t = begin(add_code, ADD);
    hammer hammers[4];
    pthread_t threads[4];
    mp_worker_stats stats;
    int64_t items = 0;
    run_job(t, *data);
    for (int k = 0; k < 4; k++) {
        hammers[k] = (hammer){t, *data, false};
        assert_int_equal(
            pthread_create(&threads[k], NULL, hammer_body, &hammers[k]), 0);
    }
    for (int k = 0; k < 4; k++) {
        pthread_join(threads[k], NULL);
        assert_true(hammers[k].done);
    }
    for (int w = 0; w < 3; w++) {
        mp_pool_stats(*data, w, &stats);
        items += stats.items;
    }
    assert_int_equal(items, COUNT * (1 + 4 * 500));
    end(t, data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(what_is_compiled_runs_on_this_thread),
        POOL_TEST(it_is_counted),
        POOL_TEST(rows_of_every_kind),
        POOL_TEST(values_and_single_items),
        POOL_TEST(types_are_known_before),
        POOL_TEST(what_lies_otherwise_is_for_a_job),
        POOL_TEST(what_is_asked_for_besides_is_for_a_job),
        POOL_TEST(what_is_large_is_for_a_job),
        POOL_TEST(a_setup_has_its_own_code),
        POOL_TEST(outputs_may_be_inputs_element_for_element),
        POOL_TEST(outputs_must_not_share_memory),
        POOL_TEST(the_thread_keeps_its_rounding),
        POOL_TEST(many_types_take_turns),
        POOL_TEST(threads_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
