/* The shape of a reduction. */
#include "pool/fold.h"

#include "buffer/view.h"
#include "pool/combine.h"

/* A fold is cut into so many blocks, but that those of a longer fold are no
 * shorter than the row before allows. This depends on nothing but the fold's
 * length, so the order of combination does too. The kernel of a short fold may
 * be slow: there should be some blocks for each worker. Where a long one only
 * waits for memory, a short block has not got it flowing when it ends. */
static const struct {
    int64_t nblocks, most; /* elements a block */
} cuts[] = {
    {64, 4096},
    {128, 131072},
    {4096, INT64_MAX},
};

#define LONG_BLOCK 1024

/* Rounded up. An array that repeats one element may have 2^63 - 1 of them. */
static int64_t divide_up(int64_t length, int64_t by)
{
    return length / by + (length % by != 0);
}

/* Long blocks have whole vectors only, but for the last one. */
static int64_t block_size(int64_t length)
{
    int64_t size = 1;
    for (int k = 0;; k++) {
        int64_t wanted = divide_up(length, cuts[k].nblocks);
        if (wanted > size)
            size = wanted;
        if (size <= cuts[k].most)
            break;
        size = cuts[k].most;
    }
    return size < LONG_BLOCK ? size : divide_up(size, MP_LANES) * MP_LANES;
}

static mp_status broadcast(const mp_reduce_spec *spec, mp_shape *shape,
                           mp_error *err)
{
    shape->ndim = 0;
    bool any = false;
    for (int k = 0; k < spec->nargs; k++) {
        const mp_view *view = spec->args[k].view;
        if (view == NULL)
            continue;
        any = true;
        mp_status status = mp_view_check(view, err);
        if (status == MP_OK)
            status = mp_shape_broadcast(shape, view, view->ndim, err);
        if (status != MP_OK)
            return status;
    }
    return any ? MP_OK
               : mp_error_set(err, MP_TYPE,
                              "a reduction needs an array to reduce");
}

/* Marks the dimensions to fold. */
static mp_status choose_axes(const mp_reduce_spec *spec, int ndim, bool *folded,
                             mp_error *err)
{
    for (int d = 0; d < ndim; d++)
        folded[d] = spec->whole;
    for (int i = 0; !spec->whole && i < spec->naxes; i++) {
        int axis = spec->axes[i];
        if (axis < 0 || axis >= ndim)
            return mp_error_set(err, MP_VALUE,
                                "axis %d is out of bounds for %d dimensions",
                                axis, ndim);
        if (folded[axis])
            return mp_error_set(err, MP_VALUE, "axis %d is given twice", axis);
        folded[axis] = true;
    }
    return MP_OK;
}

static void append(mp_fold *fold, const mp_shape *shape, int d)
{
    fold->order[fold->common.ndim] = d;
    fold->common.extent[fold->common.ndim++] = shape->extent[d];
}

mp_status mp__fold_init(mp_fold *fold, const mp_reduce_spec *spec,
                        mp_error *err)
{
    mp_shape shape;
    bool folded[MP_MAX_NDIM];
    mp_status status = broadcast(spec, &shape, err);
    if (status == MP_OK)
        status = choose_axes(spec, shape.ndim, folded, err);
    if (status != MP_OK)
        return status;
    fold->ndim = shape.ndim;
    fold->common.ndim = fold->kept.ndim = 0;
    mp_shape rest = {.ndim = 0};
    for (int d = 0; d < shape.ndim; d++) {
        if (!folded[d]) {
            append(fold, &shape, d);
            fold->kept.extent[fold->kept.ndim++] = shape.extent[d];
        }
    }
    for (int d = 0; d < shape.ndim; d++) {
        if (folded[d]) {
            append(fold, &shape, d);
            rest.extent[rest.ndim++] = shape.extent[d];
        }
    }
    status = mp_shape_size(&fold->kept, &fold->nkept, err);
    if (status == MP_OK)
        status = mp_shape_size(&rest, &fold->length, err);
    if (status != MP_OK)
        return status;
    bool whole = spec->combine == MP_COMBINE_NONE;
    fold->block = whole ? fold->length : block_size(fold->length);
    fold->nblocks =
        whole || fold->length == 0 ? 1 : divide_up(fold->length, fold->block);
    fold->lanes = mp__combine_is_operator(spec->combine) ? MP_LANES : 1;
    return MP_OK;
}

void mp__fold_range(const mp_fold *fold, int64_t item, int64_t *lo, int64_t *hi)
{
    int64_t start = item / fold->nblocks * fold->length;
    int64_t first = item % fold->nblocks * fold->block;
    int64_t left = fold->length - first;
    *lo = start + first;
    *hi = *lo + (left < fold->block ? left : fold->block);
}

void mp__fold_arrange(const mp_fold *fold, const mp_view *view, mp_view *out)
{
    *out = *view;
    out->ndim = fold->ndim;
    int missing = fold->ndim - view->ndim;
    for (int i = 0; i < fold->ndim; i++) {
        int d = fold->order[i] - missing;
        bool stretched = d < 0 || view->shape[d] == 1;
        out->shape[i] = fold->common.extent[i];
        out->strides[i] = stretched ? 0 : view->strides[d];
    }
}

int64_t mp__fold_flat(const mp_fold *fold, int64_t index)
{
    int64_t extent[MP_MAX_NDIM] = {0}, at[MP_MAX_NDIM] = {0};
    for (int i = fold->ndim - 1; i >= 0; i--) {
        extent[fold->order[i]] = fold->common.extent[i];
        at[fold->order[i]] = index % fold->common.extent[i];
        index /= fold->common.extent[i];
    }
    int64_t flat = 0;
    for (int d = 0; d < fold->ndim; d++)
        flat = flat * extent[d] + at[d];
    return flat;
}

mp_status mp_reduce_shape(const mp_reduce_spec *spec, mp_shape *out,
                          mp_error *err)
{
    mp_fold fold;
    mp_status status = mp__fold_init(&fold, spec, err);
    if (status == MP_OK)
        *out = fold.kept;
    return status;
}
