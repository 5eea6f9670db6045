/* The shape of a reduction, and how each fold is cut into blocks. */
#include "fixture.h"

#include "buffer/view.h"
#include "pool/fold.h"

static mp_fold fold_of(const mp_view *view, mp_combine combine, bool whole,
                       int naxes, const int *axes)
{
    mp_error err;
    mp_fold fold;
    mp_arg arg = {.view = view};
    mp_reduce_spec spec = {.nargs = 1,
                           .args = &arg,
                           .combine = combine,
                           .whole = whole,
                           .naxes = naxes,
                           .axes = axes};
    assert_ok(mp__fold_init(&fold, &spec, &err), &err);
    return fold;
}

/* Blocks cover each fold, none is empty, and there are not too many. */
static void blocks_cover_the_fold(void **data)
{
    static const int64_t lengths[] = {
        0,        1,       2,       63,      64,
        65,       1000,    4096,    65535,   65536,
        65537,    1000000, 4194304, 4194305, INT64_C(1) << 40,
        INT64_MAX};
    char byte = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        mp_view view = {.data = &byte, .dtype = MP_INT8, .ndim = 1};
        view.shape[0] = lengths[i];
        mp_fold fold = fold_of(&view, MP_COMBINE_ADD, true, 0, NULL);
        assert_int_equal(fold.length, lengths[i]);
        assert_int_equal(fold.nkept, 1);
        assert_int_equal(fold.lanes, MP_LANES);
        assert_true(fold.nblocks >= 1 && fold.nblocks <= 4096);
        assert_true(lengths[i] - (fold.nblocks - 1) * fold.block <= fold.block);
        assert_true((fold.nblocks - 1) * fold.block < lengths[i] ||
                    lengths[i] == 0);
        fold = fold_of(&view, MP_COMBINE_KERNEL, true, 0, NULL);
        assert_int_equal(fold.lanes, 1);
        fold = fold_of(&view, MP_COMBINE_NONE, true, 0, NULL);
        assert_int_equal(fold.nblocks, 1);
        assert_int_equal(fold.lanes, 1);
    }
    (void)data;
}

/* The first lanes of a short block have an element each. */
static void lanes_share_the_block(void **data)
{
    mp_fold fold = {.lanes = MP_LANES};
    for (int64_t length = 0; length < 100; length++) {
        int counts[MP_LANES] = {0};
        for (int64_t j = 0; j < length; j++)
            counts[mp__fold_lane(&fold, j)]++;
        for (int lane = 0; lane < MP_LANES; lane++)
            assert_int_equal(counts[lane],
                             (length + MP_LANES - 1 - lane) / MP_LANES);
    }
    fold.lanes = 1;
    assert_int_equal(mp__fold_lane(&fold, 99), 0);
    (void)data;
}

static void folded_dimensions_come_last(void **data)
{
    int64_t cells[24], shape[] = {2, 3, 4};
    mp_view view = block(cells, MP_INT64, 3, shape), out;
    int axes[] = {0};
    for (int i = 0; i < 24; i++)
        cells[i] = i;
    mp_fold fold = fold_of(&view, MP_COMBINE_ADD, false, 1, axes);
    assert_int_equal(fold.kept.ndim, 2);
    assert_int_equal(fold.kept.extent[0], 3);
    assert_int_equal(fold.kept.extent[1], 4);
    assert_int_equal(fold.nkept, 12);
    assert_int_equal(fold.length, 2);
    mp__fold_arrange(&fold, &view, &out);
    assert_int_equal(out.ndim, 3);
    for (int i = 0; i < 24; i++) {
        int64_t value;
        memcpy(&value, mp_view_at(&out, i), sizeof value);
        assert_int_equal(value, i / 2 + 12 * (i % 2));
    }
    (void)data;
}

static void smaller_arguments_are_stretched(void **data)
{
    int64_t row[] = {1, 2, 3}, column[] = {10, 20};
    mp_view a = vector(row, MP_INT64, 3), b = matrix(column, MP_INT64, 2, 1);
    mp_view out;
    mp_error err;
    mp_fold fold;
    mp_arg args[] = {{.view = &a}, {.value = int_value(1)}, {.view = &b}};
    mp_reduce_spec spec = {.nargs = 3, .args = args, .whole = true};
    assert_ok(mp__fold_init(&fold, &spec, &err), &err);
    assert_int_equal(fold.length, 6);
    mp__fold_arrange(&fold, &a, &out);
    assert_int_equal(out.ndim, 2);
    assert_int_equal(out.strides[0], 0);
    assert_int_equal(out.strides[1], 8);
    mp__fold_arrange(&fold, &b, &out);
    assert_int_equal(out.strides[0], 8);
    assert_int_equal(out.strides[1], 0);
    (void)data;
}

static void a_scalar_array_is_a_fold_of_one(void **data)
{
    double number = 1;
    mp_view view = scalar(&number, MP_FLOAT64);
    mp_fold fold = fold_of(&view, MP_COMBINE_ADD, true, 0, NULL);
    assert_int_equal(fold.length, 1);
    assert_int_equal(fold.nkept, 1);
    fold = fold_of(&view, MP_COMBINE_ADD, false, 0, NULL);
    assert_int_equal(fold.length, 1);
    assert_int_equal(fold.kept.ndim, 0);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_cover_the_fold),
        cmocka_unit_test(lanes_share_the_block),
        cmocka_unit_test(folded_dimensions_come_last),
        cmocka_unit_test(smaller_arguments_are_stretched),
        cmocka_unit_test(a_scalar_array_is_a_fold_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
