/* Shapes, loops and cursors: against an odometer that goes item by item. */
#include "buffer/loop.h"

#include "buffer/fixture.h"

static mp_view shaped(int ndim, const int64_t *shape)
{
    mp_view view = {.ndim = ndim};
    memcpy(view.shape, shape, (size_t)ndim * sizeof(int64_t));
    return view;
}

static void check_text(int ndim, const int64_t *extent, size_t size,
                       const char *expected)
{
    mp_shape shape = {.ndim = ndim};
    memcpy(shape.extent, extent, (size_t)ndim * sizeof(int64_t));
    char text[64];
    assert_string_equal(mp_shape_text(&shape, text, size), expected);
}

static void test_text(void **state)
{
    (void)state;
    const int64_t shape[] = {3, 4, INT64_MAX};
    check_text(0, shape, 64, "()");
    check_text(1, shape, 64, "(3,)");
    check_text(2, shape, 64, "(3, 4)");
    check_text(3, shape, 64, "(3, 4, 9223372036854775807)");
    check_text(3, shape, 32, "(3, 4, ...)");
    check_text(3, shape, 12, "(3, 4, ...)");
    check_text(3, shape, 11, "(3, ...)");
}

static void check_broadcast(int na, const int64_t *a, int nb, const int64_t *b,
                            const char *expected)
{
    mp_view first = shaped(na, a), second = shaped(nb, b);
    for (int turn = 0; turn < 2; turn++) {
        mp_shape shape = {.ndim = 0};
        const mp_view *left = turn ? &second : &first;
        const mp_view *right = turn ? &first : &second;
        assert_int_equal(mp_shape_broadcast(&shape, left, left->ndim, NULL),
                         MP_OK);
        assert_int_equal(mp_shape_broadcast(&shape, right, right->ndim, NULL),
                         MP_OK);
        char text[64];
        assert_string_equal(mp_shape_text(&shape, text, sizeof text), expected);
    }
}

static void test_broadcast(void **state)
{
    (void)state;
    const int64_t none[] = {0}, one[] = {1}, three[] = {3}, column[] = {4, 1},
                  block[] = {5, 1, 3}, empty[] = {0, 3}, row[] = {1, 3};
    check_broadcast(0, none, 0, none, "()");
    check_broadcast(0, none, 1, three, "(3,)");
    check_broadcast(1, one, 1, none, "(0,)");
    check_broadcast(1, three, 2, column, "(4, 3)");
    check_broadcast(2, column, 3, block, "(5, 4, 3)");
    check_broadcast(2, empty, 2, row, "(0, 3)");
    check_broadcast(2, empty, 1, one, "(0, 3)");
}

static void test_broadcast_fails(void **state)
{
    (void)state;
    const int64_t a[] = {2, 3}, b[] = {4}, none[] = {0, 3};
    mp_view left = shaped(2, a), right = shaped(1, b), empty = shaped(2, none);
    mp_shape shape = {.ndim = 0};
    mp_error err;
    assert_int_equal(mp_shape_broadcast(&shape, &left, 2, NULL), MP_OK);
    assert_int_equal(mp_shape_broadcast(&shape, &right, 1, &err), MP_VALUE);
    assert_string_equal(err.message,
                        "shapes (2, 3) and (4,) do not broadcast together");
    assert_int_equal(shape.ndim, 2);
    assert_int_equal(mp_shape_broadcast(&shape, &empty, 2, &err), MP_VALUE);
    /* Without its core dimension the same view fits. */
    assert_int_equal(mp_shape_broadcast(&shape, &right, 0, &err), MP_OK);
}

static void test_size(void **state)
{
    (void)state;
    mp_shape shape = {.ndim = 3, .extent = {1 << 30, 1 << 30, 4}};
    int64_t size = -1;
    mp_error err;
    assert_int_equal(mp_shape_size(&shape, &size, NULL), MP_OK);
    assert_true(size == INT64_C(1) << 62);
    shape.extent[2] = 8;
    assert_int_equal(mp_shape_size(&shape, &size, &err), MP_VALUE);
    assert_string_equal(err.message, "shape (1073741824, 1073741824, 8) has "
                                     "too many items");
    mp_loop loop;
    assert_int_equal(mp_loop_init(&loop, &shape, 1, NULL), MP_VALUE);
    shape.extent[1] = 0;
    assert_int_equal(mp_shape_size(&shape, &size, NULL), MP_OK);
    assert_int_equal(size, 0);
    shape.ndim = 0;
    assert_int_equal(mp_shape_size(&shape, &size, NULL), MP_OK);
    assert_int_equal(size, 1);
}

#define OPERANDS 3

/* A loop over views that broadcast, and what it is made of. */
typedef struct sample {
    mp_shape shape;
    mp_view view[OPERANDS];
    char *block[OPERANDS];
    mp_loop loop;
} sample;

/* Cuts leading dimensions off a view, and makes others 1. */
static void random_narrow(uint64_t *seed, mp_view *view)
{
    int cut = (int)random_int(seed, 0, view->ndim);
    if (random_int(seed, 0, 1))
        cut = 0;
    view->ndim -= cut;
    memmove(view->shape, view->shape + cut,
            (size_t)view->ndim * sizeof(int64_t));
    memmove(view->strides, view->strides + cut,
            (size_t)view->ndim * sizeof(int64_t));
    for (int d = 0; d < view->ndim; d++)
        if (view->shape[d] > 1 && random_int(seed, 0, 3) == 0)
            view->shape[d] = 1;
}

static void sample_init(sample *s, uint64_t *seed)
{
    mp_view model = random_view(seed, 5, MP_INT16, &s->block[0]);
    s->view[0] = model;
    for (int k = 1; k < OPERANDS; k++) {
        mp_dtype dtype = (mp_dtype)random_int(seed, 0, DTYPES - 1);
        s->block[k] = NULL;
        s->view[k] = model;
        s->view[k].dtype = dtype;
        s->view[k].swapped = k == 2;
        for (int d = 0; d < model.ndim; d++)
            if (random_int(seed, 0, 3) == 0)
                s->view[k].strides[d] = random_int(seed, -50, 50);
        random_narrow(seed, &s->view[k]);
    }
    s->shape.ndim = 0;
    for (int k = 0; k < OPERANDS; k++)
        assert_int_equal(
            mp_shape_broadcast(&s->shape, &s->view[k], s->view[k].ndim, NULL),
            MP_OK);
    assert_int_equal(mp_loop_init(&s->loop, &s->shape, OPERANDS, NULL), MP_OK);
    for (int k = 0; k < OPERANDS; k++)
        mp_loop_operand(&s->loop, k, &s->view[k], s->view[k].ndim);
}

static void sample_destroy(sample *s)
{
    mp_loop_destroy(&s->loop);
    for (int k = 0; k < OPERANDS; k++)
        free(s->block[k]);
}

/* The address of operand `k` at the odometer's index. */
static char *reference_at(const sample *s, int k, const int64_t *index)
{
    const mp_view *view = &s->view[k];
    intptr_t offset = 0;
    for (int d = 0; d < view->ndim; d++)
        if (view->shape[d] > 1)
            offset += index[d + s->shape.ndim - view->ndim] * view->strides[d];
    return view->data + offset;
}

static void check_cursor(const sample *s, const mp_cursor *cursor,
                         const int64_t *index)
{
    for (int k = 0; k < OPERANDS; k++)
        assert_ptr_equal(cursor->at[k], reference_at(s, k, index));
}

static void step(const mp_shape *shape, int64_t *index)
{
    for (int d = shape->ndim - 1; d >= 0; d--) {
        if (++index[d] < shape->extent[d])
            return;
        index[d] = 0;
    }
}

/* Every item by seeking, by single steps and by steps of any size. */
static void walk(const sample *s, uint64_t *seed)
{
    mp_cursor single, wide;
    int64_t index[MP_MAX_NDIM] = {0};
    int64_t wide_flat = 0;
    if (s->loop.size == 0)
        return;
    mp_cursor_seek(&s->loop, &single, 0);
    mp_cursor_seek(&s->loop, &wide, 0);
    for (int64_t flat = 0; flat < s->loop.size; flat++) {
        mp_cursor sought;
        mp_cursor_seek(&s->loop, &sought, flat);
        check_cursor(s, &sought, index);
        check_cursor(s, &single, index);
        assert_in_range(mp_cursor_run(&s->loop, &single), 1,
                        s->loop.size - flat);
        if (flat == wide_flat) {
            int64_t run = mp_cursor_run(&s->loop, &wide);
            check_cursor(s, &wide, index);
            run = random_int(seed, 1, run);
            mp_cursor_advance(&s->loop, &wide, run);
            wide_flat += run;
        }
        mp_cursor_advance(&s->loop, &single, 1);
        step(&s->shape, index);
    }
    check_cursor(s, &single, index);
}

static void test_walk(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (int round = 0; round < 2000; round++) {
        sample s;
        sample_init(&s, &seed);
        if (s.loop.ndim > 0)
            walk(&s, &seed);
        mp_loop_merge(&s.loop);
        assert_true(s.loop.ndim >= 1);
        assert_true(s.loop.ndim <= s.shape.ndim || s.loop.ndim == 1);
        walk(&s, &seed);
        for (int k = 0; k < OPERANDS; k++) {
            assert_int_equal(s.loop.operands[k].dtype, s.view[k].dtype);
            assert_int_equal(s.loop.operands[k].swapped, s.view[k].swapped);
        }
        sample_destroy(&s);
    }
}

/* A loop over one view; merged. */
static void loop_over(mp_loop *loop, const mp_view *view)
{
    mp_shape shape = {.ndim = 0};
    assert_int_equal(mp_shape_broadcast(&shape, view, view->ndim, NULL), MP_OK);
    assert_int_equal(mp_loop_init(loop, &shape, 1, NULL), MP_OK);
    mp_loop_operand(loop, 0, view, view->ndim);
    mp_loop_merge(loop);
}

static void test_merge(void **state)
{
    (void)state;
    char data[24 * 4];
    mp_view view;
    mp_loop loop;
    const int64_t shape[] = {2, 1, 3, 4};
    mp_view_init(&view, data, MP_INT32, 4, shape, NULL);
    loop_over(&loop, &view);
    assert_int_equal(loop.ndim, 1);
    assert_int_equal(loop.extent[0], 24);
    assert_int_equal(loop.operands[0].strides[0], 4);
    mp_loop_destroy(&loop);
    /* Every other column: only the first dimensions still merge. */
    view.shape[3] = 2;
    view.strides[3] = 8;
    view.shape[2] = 2;
    loop_over(&loop, &view);
    assert_int_equal(loop.ndim, 2);
    assert_int_equal(loop.extent[0], 2);
    assert_int_equal(loop.extent[1], 4);
    mp_loop_destroy(&loop);
    view.ndim = 0;
    loop_over(&loop, &view);
    assert_int_equal(loop.ndim, 1);
    assert_int_equal(loop.extent[0], 1);
    assert_int_equal(loop.size, 1);
    mp_loop_destroy(&loop);
}

static void test_empty(void **state)
{
    (void)state;
    mp_view view;
    mp_loop loop;
    const int64_t shape[] = {INT64_MAX, 0, INT64_MAX};
    mp_view_init(&view, NULL, MP_INT32, 3, shape, NULL);
    loop_over(&loop, &view);
    assert_int_equal(loop.size, 0);
    assert_int_equal(loop.ndim, 1);
    assert_int_equal(loop.extent[0], 0);
    mp_loop_destroy(&loop);
    mp_loop_destroy(&loop);
}

/* 64 dimensions of 2 in an order that cannot merge, of which all but 20 have
 * a stride of 0: more items than fit in memory, or in an int. */
static void test_many_dimensions(void **state)
{
    (void)state;
    mp_view view = {.dtype = MP_INT8, .ndim = 62};
    char data[1];
    view.data = data;
    for (int d = 0; d < 62; d++) {
        view.shape[d] = 2;
        view.strides[d] = d % 3 ? 0 : INT64_C(1) << d / 3;
    }
    mp_loop loop;
    loop_over(&loop, &view);
    assert_true(loop.size == INT64_C(1) << 62);
    uint64_t seed = 9;
    for (int round = 0; round < 1000; round++) {
        int64_t flat = random_int(&seed, 0, loop.size - 2);
        mp_cursor cursor;
        mp_cursor_seek(&loop, &cursor, flat);
        for (int i = 0; i < 2; i++, flat++) {
            intptr_t offset = 0;
            for (int d = 0; d < 62; d++)
                offset += (flat >> (61 - d) & 1) * view.strides[d];
            assert_int_equal((intptr_t)cursor.at[0] - (intptr_t)data, offset);
            mp_cursor_advance(&loop, &cursor, 1);
        }
    }
    mp_loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_broadcast_fails),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_many_dimensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
