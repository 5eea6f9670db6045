/* Views: against what going through all elements one by one finds. */
#include "buffer/view.h"

#include "buffer/fixture.h"

/* The address of element `flat`, by counting. */
static char *reference_at(const mp_view *view, int64_t flat)
{
    int64_t index[MP_MAX_NDIM] = {0};
    for (; flat > 0; flat--) {
        int d = view->ndim - 1;
        while (++index[d] == view->shape[d])
            index[d--] = 0;
    }
    char *at = view->data;
    for (int d = 0; d < view->ndim; d++)
        at += index[d] * view->strides[d];
    return at;
}

/* How many bytes of two views, or of two elements of one, are the same. */
static int64_t reference_shared(const mp_view *a, const mp_view *b)
{
    int64_t shared = 0;
    int size_a = mp_dtype_size(a->dtype), size_b = mp_dtype_size(b->dtype);
    for (int64_t i = 0; i < mp_view_size(a); i++) {
        for (int64_t j = 0; j < mp_view_size(b); j++) {
            if (a == b && i == j)
                continue;
            char *x = reference_at(a, i), *y = reference_at(b, j);
            shared += x < y + size_b && y < x + size_a;
        }
    }
    return shared;
}

static void test_init(void **state)
{
    (void)state;
    char data[24 * 8];
    mp_view view;
    const int64_t shape[] = {2, 3, 4};
    assert_int_equal(mp_view_init(&view, data, MP_FLOAT64, 3, shape, NULL),
                     MP_OK);
    assert_ptr_equal(view.data, data);
    assert_int_equal(mp_view_size(&view), 24);
    assert_int_equal(view.strides[0], 96);
    assert_int_equal(view.strides[1], 32);
    assert_int_equal(view.strides[2], 8);
    assert_ptr_equal(mp_view_at(&view, 23), data + sizeof data - 8);
    assert_int_equal(mp_view_init(&view, data, MP_INT8, 0, NULL, NULL), MP_OK);
    assert_int_equal(mp_view_size(&view), 1);
    const int64_t empty[] = {INT64_MAX, 0, INT64_MAX};
    assert_int_equal(mp_view_init(&view, NULL, MP_INT64, 3, empty, NULL),
                     MP_OK);
    assert_int_equal(mp_view_size(&view), 0);
    assert_int_equal(mp_view_check(&view, NULL), MP_OK);
}

static void check_init_fails(mp_dtype dtype, int ndim, const int64_t *shape,
                             const char *message)
{
    mp_view view;
    mp_error err;
    assert_int_equal(mp_view_init(&view, NULL, dtype, ndim, shape, &err),
                     MP_VALUE);
    assert_string_equal(err.message, message);
}

static void test_init_fails(void **state)
{
    (void)state;
    const int64_t negative[] = {3, -1}, large[] = {INT64_C(1) << 60, 8};
    int64_t ones[MP_MAX_NDIM + 1];
    for (int d = 0; d <= MP_MAX_NDIM; d++)
        ones[d] = 1;
    check_init_fails(MP_BOOL, 2, negative, "an extent of an array is negative");
    check_init_fails(MP_BOOL, 2, large, "the array is too large");
    check_init_fails(MP_FLOAT64, 1, large, "the array is too large");
    check_init_fails(MP_BOOL, -1, ones,
                     "an array cannot have -1 dimensions (0 to 64)");
    check_init_fails(MP_BOOL, MP_MAX_NDIM + 1, ones,
                     "an array cannot have 65 dimensions (0 to 64)");
    mp_view view;
    assert_int_equal(mp_view_init(&view, NULL, MP_INT8, 64, ones, NULL), MP_OK);
    assert_int_equal(mp_view_size(&view), 1);
}

static void test_check(void **state)
{
    (void)state;
    mp_view view = {.dtype = MP_FLOAT64, .ndim = 1};
    view.shape[0] = INT64_C(1) << 62;
    assert_int_equal(mp_view_check(&view, NULL), MP_OK);
    assert_int_equal(mp_view_size(&view), INT64_C(1) << 62);
    view.strides[0] = 2;
    assert_int_equal(mp_view_check(&view, NULL), MP_VALUE);
    view.strides[0] = INT64_MIN;
    assert_int_equal(mp_view_check(&view, NULL), MP_VALUE);
    view.shape[0] = 1;
    assert_int_equal(mp_view_check(&view, NULL), MP_OK);
    view.shape[0] = -1;
    assert_int_equal(mp_view_check(&view, NULL), MP_VALUE);
    view.ndim = 65;
    assert_int_equal(mp_view_check(&view, NULL), MP_VALUE);
}

static void test_at(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 500; round++) {
        char *block;
        mp_view view = random_view(&seed, 4, MP_INT32, &block);
        assert_int_equal(mp_view_check(&view, NULL), MP_OK);
        for (int64_t k = 0; k < mp_view_size(&view); k++)
            assert_ptr_equal(mp_view_at(&view, k), reference_at(&view, k));
        free(block);
    }
}

static void test_get_set(void **state)
{
    (void)state;
    uint8_t data[4] = {1, 2, 3, 4};
    mp_view view;
    mp_value value;
    mp_error err;
    const int64_t shape[] = {4};
    assert_int_equal(mp_view_init(&view, data, MP_UINT8, 1, shape, NULL),
                     MP_OK);
    assert_int_equal(mp_view_get(&view, 3, &value, &err), MP_OK);
    assert_int_equal(value.kind, MP_KIND_INT);
    assert_int_equal(value.as.i, 4);
    assert_int_equal(mp_view_get(&view, 4, &value, &err), MP_VALUE);
    assert_string_equal(err.message,
                        "index 4 is out of bounds of an array of 4");
    assert_int_equal(mp_view_get(&view, -1, &value, &err), MP_VALUE);
    value.as.i = 200;
    assert_int_equal(mp_view_set(&view, 1, value, &err), MP_OK);
    assert_int_equal(data[1], 200);
    value.as.i = 256;
    assert_int_equal(mp_view_set(&view, 1, value, &err), MP_VALUE);
    assert_string_equal(err.message, "cannot store 256 in uint8: out of range "
                                     "(0 to 255)");
    value = (mp_value){.kind = MP_KIND_STRING, .as.s = {"7", 1}};
    assert_int_equal(mp_view_set(&view, 1, value, &err), MP_VALUE);
    assert_string_equal(err.message,
                        "cannot store a string in uint8: not a number");
    view.readonly = true;
    assert_int_equal(mp_view_set(&view, 1, value, &err), MP_VALUE);
    assert_string_equal(err.message, "the array is read-only");
    assert_int_equal(mp_view_set(&view, 9, value, &err), MP_VALUE);
    assert_int_equal(data[1], 200);
}

static void test_self_overlap(void **state)
{
    (void)state;
    uint64_t seed = 4;
    int overlapping = 0;
    for (int round = 0; round < 2000; round++) {
        char *block;
        mp_view view = random_view(&seed, 4, MP_INT16, &block);
        if (view.ndim > 0)
            random_transpose(&seed, &view);
        bool shared = reference_shared(&view, &view) > 0;
        overlapping += shared;
        assert_int_equal(mp_view_self_overlap(&view), shared);
        free(block);
    }
    assert_in_range(overlapping, 200, 1800);
}

/* Strides that no slicing makes: never a false "no". */
static void test_exotic_self_overlap(void **state)
{
    (void)state;
    uint64_t seed = 5;
    char block[256];
    for (int round = 0; round < 3000; round++) {
        mp_view view = {.data = block + 128, .dtype = MP_INT16, .ndim = 3};
        for (int d = 0; d < 3; d++) {
            view.shape[d] = random_int(&seed, 1, 3);
            view.strides[d] = random_int(&seed, -20, 20);
        }
        if (reference_shared(&view, &view) > 0)
            assert_true(mp_view_self_overlap(&view));
    }
}

static void test_overlap(void **state)
{
    (void)state;
    uint64_t seed = 6;
    int apart = 0;
    for (int round = 0; round < 1000; round++) {
        char *block;
        mp_view a = random_view(&seed, 3, MP_INT32, &block);
        mp_view b = a;
        b.data += random_int(&seed, -100, 100);
        b.dtype = MP_UINT8;
        if (reference_shared(&a, &b) > 0)
            assert_true(mp_view_overlap(&a, &b));
        assert_int_equal(mp_view_overlap(&a, &b), mp_view_overlap(&b, &a));
        apart += !mp_view_overlap(&a, &b);
        free(block);
    }
    assert_in_range(apart, 100, 900);
}

static void test_overlap_neighbours(void **state)
{
    (void)state;
    char block[64];
    mp_view a, b;
    const int64_t shape[] = {4}, empty[] = {0};
    mp_view_init(&a, block, MP_INT64, 1, shape, NULL);
    mp_view_init(&b, block + 32, MP_INT64, 1, shape, NULL);
    assert_false(mp_view_overlap(&a, &b));
    b.data--;
    assert_true(mp_view_overlap(&a, &b));
    /* Backwards from its last element it ends where it began. */
    b.data = block + 56;
    b.strides[0] = -8;
    assert_false(mp_view_overlap(&a, &b));
    b.data--;
    assert_true(mp_view_overlap(&a, &b));
    mp_view_init(&b, block, MP_INT64, 1, empty, NULL);
    assert_false(mp_view_overlap(&a, &b));
    assert_false(mp_view_self_overlap(&b));
}

/* x[::2] and x[1::2] cover the same bounds and share nothing. */
static void test_overlap_interleaved(void **state)
{
    (void)state;
    char block[128];
    const int64_t shape[] = {4};
    mp_view even, odd;
    mp_view_init(&even, block, MP_INT64, 1, shape, NULL);
    even.strides[0] = 16;
    odd = even;
    odd.data += 8;
    assert_false(mp_view_overlap(&even, &odd));
    odd.strides[0] = -16;
    odd.data = block + 56;
    assert_false(mp_view_overlap(&even, &odd));
    odd.data--;
    assert_true(mp_view_overlap(&even, &odd));
    odd.data += 2;
    assert_true(mp_view_overlap(&even, &odd));
}

static void test_same(void **state)
{
    (void)state;
    char block[64];
    mp_view a, b;
    const int64_t shape[] = {4, 1};
    mp_view_init(&a, block, MP_INT32, 2, shape, NULL);
    b = a;
    b.dtype = MP_FLOAT32;
    b.strides[1] = 0;
    assert_true(mp_view_same(&a, &b));
    b.dtype = MP_INT16;
    assert_false(mp_view_same(&a, &b));
    b = a;
    b.strides[0] = 8;
    assert_false(mp_view_same(&a, &b));
    b = a;
    b.shape[0] = 3;
    assert_false(mp_view_same(&a, &b));
    b = a;
    b.data++;
    assert_false(mp_view_same(&a, &b));
    b = a;
    b.ndim = 1;
    assert_false(mp_view_same(&a, &b));
}

static void test_copy(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 1000; round++) {
        char *block, *copied;
        mp_dtype dtype = (mp_dtype)random_int(&seed, 0, DTYPES - 1);
        size_t size = (size_t)mp_dtype_size(dtype);
        mp_view view = random_view(&seed, 4, dtype, &block), copy;
        view.swapped = round & 1;
        view.readonly = round & 2;
        if (view.ndim > 0)
            random_transpose(&seed, &view);
        assert_int_equal(mp_view_copy(&view, &copy, &copied, NULL), MP_OK);
        assert_ptr_equal(copy.data, copied);
        assert_int_equal(copy.dtype, view.dtype);
        assert_int_equal(copy.swapped, view.swapped);
        assert_int_equal(copy.readonly, view.readonly);
        assert_int_equal(copy.ndim, view.ndim);
        assert_memory_equal(copy.shape, view.shape,
                            (size_t)view.ndim * sizeof(int64_t));
        for (int64_t k = 0; k < mp_view_size(&view); k++)
            assert_memory_equal(copied + (size_t)k * size,
                                reference_at(&view, k), size);
        free(copied);
        free(block);
    }
}

static void test_copy_fails(void **state)
{
    (void)state;
    mp_view view = {.dtype = MP_INT64, .ndim = 1}, copy;
    char *block = NULL;
    view.shape[0] = INT64_C(1) << 59;
    assert_int_equal(mp_view_copy(&view, &copy, &block, NULL), MP_NO_MEMORY);
    view.shape[0] = INT64_C(1) << 62;
    assert_int_equal(mp_view_copy(&view, &copy, &block, NULL), MP_VALUE);
    assert_null(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_init_fails),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_at),
        cmocka_unit_test(test_get_set),
        cmocka_unit_test(test_self_overlap),
        cmocka_unit_test(test_exotic_self_overlap),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_overlap_neighbours),
        cmocka_unit_test(test_overlap_interleaved),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_copy_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
