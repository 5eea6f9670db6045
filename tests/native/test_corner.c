/* Corners: ranges of sums and products of several integers. */
#include "fixture.h"
#include "native/corner.h"

typedef struct box {
    mp_unit unit;
    mp_node nodes[8];
    mp_corners *variables[8];
} box;

/* Eight variables from 0 to 255. */
static void fill(box *b)
{
    for (int k = 0; k < 8; k++) {
        b->nodes[k].id = k;
        b->variables[k] = mp__corner_variable(&b->unit, &b->nodes[k],
                                              mp__fact_ints(0, UINT8_MAX));
    }
}

static mp_corners *constant(box *b, int64_t value)
{
    return mp__corner_variable(&b->unit, &b->nodes[0],
                               mp__fact_ints(value, value));
}

static void is(const mp_corners *corners, int64_t low, int64_t high)
{
    assert_non_null(corners);
    mp_fact range = mp__corner_range(corners);
    assert_int_equal(range.low, low);
    assert_int_equal(range.high, high);
}

static void blend(mp_unit *unit, void *ud)
{
    box *b = ud;
    fill(b);
    mp_corners **v = b->variables;
    mp_corners *front = mp__corner_of(unit, MP_OP_MUL, v[0], v[1]);
    mp_corners *rest =
        mp__corner_of(unit, MP_OP_SUB, constant(b, UINT8_MAX), v[0]);
    mp_corners *back = mp__corner_of(unit, MP_OP_MUL, v[2], rest);
    is(front, 0, 65025);
    is(rest, 0, 255);
    is(mp__corner_of(unit, MP_OP_ADD, front, back), 0, 65025);
    is(mp__corner_of(unit, MP_OP_SUB, front, back), -65025, 65025);
    is(mp__corner_of(unit, MP_OP_SUB, v[0], v[0]), 0, 0);
}

static void nothing_to_say(mp_unit *unit, void *ud)
{
    box *b = ud;
    fill(b);
    mp_corners **v = b->variables;
    /* A square is not linear. */
    assert_null(mp__corner_of(unit, MP_OP_MUL, v[0], v[0]));
    assert_null(mp__corner_of(unit, MP_OP_ADD, constant(b, INT64_MAX), v[0]));
    assert_null(mp__corner_of(unit, MP_OP_SUB, constant(b, INT64_MIN), v[0]));
    assert_null(mp__corner_of(unit, MP_OP_MUL, constant(b, INT64_MAX), v[0]));
    is(mp__corner_of(unit, MP_OP_SUB, constant(b, INT64_MAX), v[0]),
       INT64_MAX - 255, INT64_MAX);
    /* Too many variables. */
    mp_corners *sum = v[0];
    for (int k = 1; k < 6; k++)
        sum = mp__corner_of(unit, MP_OP_ADD, sum, v[k]);
    is(sum, 0, 6 * 255);
    assert_null(mp__corner_of(unit, MP_OP_ADD, sum, v[6]));
    is(mp__corner_of(unit, MP_OP_SUB, sum, v[3]), 0, 5 * 255);
}

static void run(void (*what)(mp_unit *, void *))
{
    box b = {.variables = {NULL}};
    mp__unit_init(&b.unit, 1024 * 1024);
    assert_int_equal(mp__unit_run(&b.unit, what, &b), MP_OK);
    mp__unit_destroy(&b.unit);
}

static void sums_and_products(void **data)
{
    (void)data;
    run(blend);
}

static void limits(void **data)
{
    (void)data;
    run(nothing_to_say);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
