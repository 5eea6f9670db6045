/* The rest of a map: vectors that are not there as a whole. */
#include "fixture.h"
#include "native/rest.h"

#define LANES 8

static const mp_spec two_to_one = {
    .form = MP_FORM_MAP,
    .lanes = LANES,
    .nparams = 3,
    .params = {{.kind = MP_PARAM_ELEMENT, .dtype = MP_INT32},
               {.kind = MP_PARAM_UNIFORM, .scalar = MP_KIND_INT},
               {.kind = MP_PARAM_ELEMENT,
                .dtype = MP_UINT8,
                .layout = MP_LAYOUT_STRIDED}},
    .noutputs = 1,
    .outputs = {{.dtype = MP_INT64, .layout = MP_LAYOUT_STRIDED}},
};

/* What the code below saw. */
static _Thread_local struct {
    int calls;
    int64_t items;
} seen;

/* In place of compiled code: adds an int32 to a uint8. Whatever it is given,
 * it is whole vectors; where the sum is 100, it fails. */
static int32_t add(mp_frame *f)
{
    seen.calls++;
    seen.items += f->count;
    assert_int_equal(f->count % LANES, 0);
    for (int64_t i = 0; i < f->count; i += LANES) {
        int64_t sums[LANES];
        for (int64_t j = 0; j < LANES; j++) {
            int32_t a;
            memcpy(&a, f->at[0] + 4 * (i + j), sizeof a);
            sums[j] = a + *(unsigned char *)(f->at[1] + (i + j) * f->steps[1]);
            f->failed = i;
            f->line = 7;
            if (sums[j] == 100)
                return MP_NATIVE_FAILED;
        }
        for (int64_t j = 0; j < LANES; j++)
            memcpy(f->at[2] + (i + j) * f->steps[2], &sums[j], sizeof *sums);
    }
    return MP_NATIVE_DONE;
}

#define MOST 40

typedef struct test {
    int32_t a[MOST];
    unsigned char b[2 * MOST];
    int64_t out[2 * MOST];
    char *at[3];
    int64_t steps[3];
    mp_frame frame;
    mp_rest rest;
} test;

static void begin(test *t, int64_t count)
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < MOST; i++) {
        t->a[i] = 1000 * i;
        t->b[2 * i] = (unsigned char)i;
        t->b[2 * i + 1] = 100;
    }
    t->at[0] = (char *)t->a;
    t->at[1] = (char *)t->b;
    t->at[2] = (char *)t->out;
    t->steps[0] = 4;
    t->steps[1] = 2;
    t->steps[2] = 16;
    t->frame = (mp_frame){
        .count = count, .at = t->at, .steps = t->steps, .failed = -1};
    t->rest = mp__rest_of(&two_to_one);
    seen.calls = 0;
    seen.items = 0;
}

static mp_native_result run(test *t)
{
    return mp__rest_run(&t->rest, LANES, add, &t->frame);
}

static void any_number_of_items_is_done(void **data)
{
    (void)data;
    test t;
    for (int64_t count = 1; count <= MOST; count++) {
        begin(&t, count);
        assert_int_equal(run(&t), MP_NATIVE_DONE);
        assert_int_equal(t.frame.count, count);
        assert_int_equal(seen.calls, (count >= LANES) + (count % LANES > 0));
        for (int64_t i = 0; i < MOST; i++) {
            assert_int_equal(t.out[2 * i], i < count ? 1001 * i : 0);
            assert_int_equal(t.out[2 * i + 1], 0);
        }
    }
}

static void a_failure_is_where_its_vector_begins(void **data)
{
    (void)data;
    test t;
    for (int64_t bad = 0; bad < 21; bad++) {
        begin(&t, 21);
        t.a[bad] = 100 - t.b[2 * bad];
        assert_int_equal(run(&t), MP_NATIVE_FAILED);
        assert_int_equal(t.frame.count, 21);
        assert_int_equal(t.frame.failed, bad / LANES * LANES);
        assert_int_equal(t.frame.line, 7);
        for (int64_t i = 0; i < 21; i++)
            assert_int_equal(t.out[2 * i], i < t.frame.failed ? 1001 * i : 0);
    }
}

static void what_lies_behind_the_items_is_not_looked_at(void **data)
{
    (void)data;
    test t;
    begin(&t, 3);
    for (int i = 3; i < MOST; i++)
        t.a[i] = 100 - i;
    assert_int_equal(run(&t), MP_NATIVE_DONE);
}

static int32_t stop(mp_frame *f)
{
    seen.items += f->count;
    return MP_NATIVE_STOPPED;
}

static void it_stops_before_the_rest(void **data)
{
    (void)data;
    test t;
    begin(&t, 21);
    assert_int_equal(mp__rest_run(&t.rest, LANES, stop, &t.frame),
                     MP_NATIVE_STOPPED);
    assert_int_equal(seen.items, 16);
}

static void other_code_does_it_itself(void **data)
{
    (void)data;
    mp_spec spec = two_to_one;
    spec.lanes = 1;
    assert_int_equal(mp__rest_of(&spec).noperands, 0);
    spec = two_to_one;
    spec.masked = true;
    assert_int_equal(mp__rest_of(&spec).noperands, 0);
    spec = two_to_one;
    spec.form = MP_FORM_REDUCE;
    assert_int_equal(mp__rest_of(&spec).noperands, 0);
    spec = two_to_one;
    spec.params[2].kind = MP_PARAM_CORE;
    assert_int_equal(mp__rest_of(&spec).noperands, 0);
    spec = two_to_one;
    spec.noutputs = MP_REST_OPERANDS;
    assert_int_equal(mp__rest_of(&spec).noperands, 0);
    spec.noutputs = MP_REST_OPERANDS - 2;
    assert_int_equal(mp__rest_of(&spec).noperands, MP_REST_OPERANDS);
    spec.lanes = 64;
    assert_int_equal(mp__rest_of(&spec).noperands, 0);

    test t;
    begin(&t, 16);
    t.rest.noperands = 0;
    assert_int_equal(run(&t), MP_NATIVE_DONE);
    assert_int_equal(seen.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_items_is_done),
        cmocka_unit_test(a_failure_is_where_its_vector_begins),
        cmocka_unit_test(what_lies_behind_the_items_is_not_looked_at),
        cmocka_unit_test(it_stops_before_the_rest),
        cmocka_unit_test(other_code_does_it_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
