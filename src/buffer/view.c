/* Views: typed, strided windows on memory. */
#include "buffer/view.h"

#include <stdlib.h>
#include <string.h>

#include "buffer/element.h"
#include "buffer/loop.h"

static mp_status check_ndim(int ndim, mp_error *err)
{
    if (ndim < 0 || ndim > MP_MAX_NDIM)
        return mp_error_set(err, MP_VALUE,
                            "an array cannot have %d dimensions (0 to %d)",
                            ndim, MP_MAX_NDIM);
    return MP_OK;
}

/* The number of elements of extents that are not negative; false where it, or
 * the bytes of as many elements, overflow. */
static bool count_elements(int ndim, const int64_t *shape, int itemsize,
                           int64_t *out)
{
    bool fits = true;
    int64_t bytes = itemsize;
    *out = 0;
    for (int d = 0; d < ndim; d++) {
        if (shape[d] == 0)
            return true;
        if (__builtin_mul_overflow(bytes, shape[d], &bytes))
            fits = false;
    }
    *out = fits ? bytes / itemsize : 0;
    return fits;
}

/* The bytes before and after `data` that a view with elements covers; false
 * where they overflow. */
static bool view_reach(const mp_view *view, int64_t *before, int64_t *after)
{
    *before = 0;
    *after = mp_dtype_size(view->dtype);
    for (int d = 0; d < view->ndim; d++) {
        int64_t step;
        if (__builtin_mul_overflow(view->strides[d], view->shape[d] - 1, &step))
            return false;
        if (step < 0 ? __builtin_sub_overflow(*before, step, before)
                     : __builtin_add_overflow(*after, step, after))
            return false;
    }
    return true;
}

static mp_status check_shape(int ndim, const int64_t *shape, mp_error *err)
{
    if (check_ndim(ndim, err) != MP_OK)
        return MP_VALUE;
    for (int d = 0; d < ndim; d++)
        if (shape[d] < 0)
            return mp_error_set(err, MP_VALUE,
                                "an extent of an array is negative");
    return MP_OK;
}

mp_status mp_view_init(mp_view *view, void *data, mp_dtype dtype, int ndim,
                       const int64_t *shape, mp_error *err)
{
    if (check_shape(ndim, shape, err) != MP_OK)
        return MP_VALUE;
    int64_t size;
    if (!count_elements(ndim, shape, mp_dtype_size(dtype), &size))
        return mp_error_set(err, MP_VALUE, "the array is too large");
    view->data = data;
    view->dtype = dtype;
    view->swapped = false;
    view->readonly = false;
    view->ndim = ndim;
    int64_t stride = mp_dtype_size(dtype);
    for (int d = ndim - 1; d >= 0; d--) {
        view->shape[d] = shape[d];
        view->strides[d] = stride;
        /* The strides of an array without elements mean nothing, but its
         * other extents may be too large to multiply. */
        if (size > 0)
            stride *= shape[d];
    }
    return MP_OK;
}

mp_status mp_view_check(const mp_view *view, mp_error *err)
{
    if (check_shape(view->ndim, view->shape, err) != MP_OK)
        return MP_VALUE;
    int64_t size, before, after;
    if (!count_elements(view->ndim, view->shape, 1, &size) ||
        (size > 0 && !view_reach(view, &before, &after)))
        return mp_error_set(err, MP_VALUE, "the array is too large");
    return MP_OK;
}

int64_t mp_view_size(const mp_view *view)
{
    int64_t size;
    count_elements(view->ndim, view->shape, 1, &size);
    return size;
}

char *mp_view_at(const mp_view *view, int64_t index)
{
    int64_t offset = 0;
    for (int d = view->ndim - 1; d >= 0 && index > 0; d--) {
        offset += index % view->shape[d] * view->strides[d];
        index /= view->shape[d];
    }
    return view->data + offset;
}

static mp_status check_index(const mp_view *view, int64_t index, mp_error *err)
{
    int64_t size = mp_view_size(view);
    if (index < 0 || index >= size)
        return mp_error_set(err, MP_VALUE,
                            "index %lld is out of bounds of an array of %lld",
                            (long long)index, (long long)size);
    return MP_OK;
}

mp_status mp_view_get(const mp_view *view, int64_t index, mp_value *out,
                      mp_error *err)
{
    if (check_index(view, index, err) != MP_OK)
        return MP_VALUE;
    return mp_element_get(view->dtype, view->swapped, mp_view_at(view, index),
                          out, err);
}

mp_status mp_view_set(const mp_view *view, int64_t index, mp_value value,
                      mp_error *err)
{
    if (check_index(view, index, err) != MP_OK)
        return MP_VALUE;
    if (view->readonly)
        return mp_error_set(err, MP_VALUE, "the array is read-only");
    mp_misfit misfit = mp_element_set(view->dtype, view->swapped,
                                      mp_view_at(view, index), value);
    if (misfit == MP_FITS)
        return MP_OK;
    char text[160];
    mp_misfit_describe_value(value, misfit, view->dtype, text, sizeof text);
    return mp_error_set(err, MP_VALUE, "%s", text);
}

/* The greatest common divisor of `gcd` and the strides along which the view
 * has more than one element. */
static uint64_t stride_gcd(const mp_view *view, uint64_t gcd)
{
    for (int d = 0; d < view->ndim; d++) {
        if (view->shape[d] == 1)
            continue;
        uint64_t a = (uint64_t)view->strides[d], b = gcd;
        if (view->strides[d] < 0)
            a = -a;
        while (b != 0) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        gcd = a;
    }
    return gcd;
}

/* Whether the elements of two views fall into different places of a period
 * that all strides have in common, as those of x[::2] and x[1::2] do. */
static bool interleaved(const mp_view *a, const mp_view *b)
{
    uint64_t period = stride_gcd(a, stride_gcd(b, 0));
    if (period == 0)
        return false;
    uint64_t start_a = (uintptr_t)a->data % period;
    uint64_t start_b = (uintptr_t)b->data % period;
    uint64_t ahead = (start_b + period - start_a) % period;
    return ahead >= (uint64_t)mp_dtype_size(a->dtype) &&
           period - ahead >= (uint64_t)mp_dtype_size(b->dtype);
}

bool mp_view_overlap(const mp_view *a, const mp_view *b)
{
    if (mp_view_size(a) == 0 || mp_view_size(b) == 0)
        return false;
    int64_t before_a, after_a, before_b, after_b;
    if (!view_reach(a, &before_a, &after_a) ||
        !view_reach(b, &before_b, &after_b))
        return true;
    uintptr_t start_a = (uintptr_t)a->data, start_b = (uintptr_t)b->data;
    return start_a - (uintptr_t)before_a < start_b + (uintptr_t)after_b &&
           start_b - (uintptr_t)before_b < start_a + (uintptr_t)after_a &&
           !interleaved(a, b);
}

bool mp_view_same(const mp_view *a, const mp_view *b)
{
    if (a->data != b->data || a->ndim != b->ndim ||
        mp_dtype_size(a->dtype) != mp_dtype_size(b->dtype))
        return false;
    for (int d = 0; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d] ||
            (a->shape[d] > 1 && a->strides[d] != b->strides[d]))
            return false;
    return true;
}

bool mp_view_self_overlap(const mp_view *view)
{
    if (mp_view_size(view) == 0)
        return false;
    uint64_t stride[MP_MAX_NDIM], extent[MP_MAX_NDIM];
    int n = 0;
    for (int d = 0; d < view->ndim; d++) {
        if (view->shape[d] == 1)
            continue;
        /* Inserted so that strides grow; their sign does not matter. */
        uint64_t size = (uint64_t)view->strides[d];
        if (view->strides[d] < 0)
            size = -size;
        int k = n++;
        for (; k > 0 && stride[k - 1] > size; k--) {
            stride[k] = stride[k - 1];
            extent[k] = extent[k - 1];
        }
        stride[k] = size;
        extent[k] = (uint64_t)view->shape[d];
    }
    /* What the dimensions of smaller stride cover must end before the next
     * step of a larger one. */
    uint64_t covered = (uint64_t)mp_dtype_size(view->dtype);
    for (int k = 0; k < n; k++) {
        if (stride[k] < covered)
            return true;
        covered += stride[k] * (extent[k] - 1);
    }
    return false;
}

/* Copies the elements of a merged loop over a view, in their order. */
static void copy_elements(const mp_loop *loop, size_t itemsize, char *to)
{
    int64_t stride = loop->operands[0].strides[loop->ndim - 1];
    mp_cursor cursor;
    mp_cursor_seek(loop, &cursor, 0);
    for (int64_t done = 0; done < loop->size;) {
        int64_t run = mp_cursor_run(loop, &cursor);
        const char *from = cursor.at[0];
        if (stride == (int64_t)itemsize) {
            memcpy(to, from, (size_t)run * itemsize);
            to += (size_t)run * itemsize;
        } else {
            for (int64_t i = 0; i < run; i++, to += itemsize)
                memcpy(to, from + i * stride, itemsize);
        }
        mp_cursor_advance(loop, &cursor, run);
        done += run;
    }
}

mp_status mp_view_copy(const mp_view *view, mp_view *out, char **block,
                       mp_error *err)
{
    mp_view copy;
    mp_loop loop = {0};
    mp_shape shape = {.ndim = view->ndim};
    memcpy(shape.extent, view->shape, (size_t)view->ndim * sizeof(int64_t));
    size_t itemsize = (size_t)mp_dtype_size(view->dtype);
    mp_status status =
        mp_view_init(&copy, NULL, view->dtype, view->ndim, view->shape, err);
    if (status != MP_OK)
        return status;
    status = mp_loop_init(&loop, &shape, 1, err);
    if (status != MP_OK)
        return status;
    copy.data = malloc(loop.size > 0 ? (size_t)loop.size * itemsize : 1);
    if (copy.data == NULL) {
        mp_loop_destroy(&loop);
        return mp_error_set(err, MP_NO_MEMORY, "no memory to copy an array");
    }
    copy.swapped = view->swapped;
    copy.readonly = view->readonly;
    mp_loop_operand(&loop, 0, view, view->ndim);
    mp_loop_merge(&loop);
    if (loop.size > 0)
        copy_elements(&loop, itemsize, copy.data);
    mp_loop_destroy(&loop);
    *block = copy.data;
    *out = copy;
    return MP_OK;
}
