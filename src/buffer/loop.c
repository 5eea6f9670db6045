/* Loops over several arrays at once. */
#include "buffer/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------- */

static mp_status refuse_broadcast(const mp_shape *shape, const mp_view *view,
                                  int ndim, mp_error *err)
{
    mp_shape other = {.ndim = ndim};
    memcpy(other.extent, view->shape, (size_t)ndim * sizeof(int64_t));
    char mine[200], its[200];
    return mp_error_set(err, MP_VALUE,
                        "shapes %s and %s do not broadcast together",
                        mp_shape_text(shape, mine, sizeof mine),
                        mp_shape_text(&other, its, sizeof its));
}

mp_status mp_shape_broadcast(mp_shape *shape, const mp_view *view, int ndim,
                             mp_error *err)
{
    mp_shape wide = {.ndim = ndim > shape->ndim ? ndim : shape->ndim};
    for (int d = 0; d < wide.ndim; d++) {
        int mine = d - (wide.ndim - shape->ndim);
        int its = d - (wide.ndim - ndim);
        int64_t a = mine < 0 ? 1 : shape->extent[mine];
        int64_t b = its < 0 ? 1 : view->shape[its];
        if (a != b && a != 1 && b != 1)
            return refuse_broadcast(shape, view, ndim, err);
        wide.extent[d] = a == 1 ? b : a;
    }
    *shape = wide;
    return MP_OK;
}

mp_status mp_shape_size(const mp_shape *shape, int64_t *out, mp_error *err)
{
    int64_t size = 1;
    bool fits = true;
    for (int d = 0; d < shape->ndim; d++) {
        if (shape->extent[d] == 0) {
            *out = 0;
            return MP_OK;
        }
        if (__builtin_mul_overflow(size, shape->extent[d], &size))
            fits = false;
    }
    if (!fits) {
        char text[200];
        return mp_error_set(err, MP_VALUE, "shape %s has too many items",
                            mp_shape_text(shape, text, sizeof text));
    }
    *out = size;
    return MP_OK;
}

const char *mp_shape_text(const mp_shape *shape, char *text, size_t size)
{
    char number[24];
    size_t used = (size_t)snprintf(text, size, "(");
    for (int d = 0; d < shape->ndim; d++) {
        int length = snprintf(number, sizeof number, "%s%" PRId64,
                              d > 0 ? ", " : "", shape->extent[d]);
        /* Room for ", ...)" must be left. */
        if (used + (size_t)length + 7 > size) {
            snprintf(text + used, size - used, ", ...)");
            return text;
        }
        memcpy(text + used, number, (size_t)length + 1);
        used += (size_t)length;
    }
    snprintf(text + used, size - used, shape->ndim == 1 ? ",)" : ")");
    return text;
}

/* ---- loops -------------------------------------------------------------- */

mp_status mp_loop_init(mp_loop *loop, const mp_shape *shape, int noperands,
                       mp_error *err)
{
    mp_status status = mp_shape_size(shape, &loop->size, err);
    if (status != MP_OK)
        return status;
    size_t count = noperands > 0 ? (size_t)noperands : 1;
    mp_operand *operands = calloc(count, sizeof *operands);
    if (operands == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a loop");
    loop->ndim = shape->ndim;
    memcpy(loop->extent, shape->extent, (size_t)shape->ndim * sizeof(int64_t));
    loop->noperands = noperands;
    loop->operands = operands;
    return MP_OK;
}

void mp_loop_destroy(mp_loop *loop)
{
    free(loop->operands);
    loop->operands = NULL;
    loop->noperands = 0;
}

void mp_loop_operand(mp_loop *loop, int k, const mp_view *view, int ndim)
{
    mp_operand *operand = &loop->operands[k];
    operand->data = view->data;
    operand->dtype = view->dtype;
    operand->swapped = view->swapped;
    for (int d = 0; d < loop->ndim; d++) {
        int its = d - (loop->ndim - ndim);
        bool repeats = its < 0 || view->shape[its] == 1;
        operand->strides[d] = repeats ? 0 : view->strides[its];
    }
}

/* Whether going on from the last item of dimension `inner` leads to the next
 * of dimension `outer`, for every operand. */
static bool can_merge(const mp_loop *loop, int outer, int inner)
{
    for (int k = 0; k < loop->noperands; k++) {
        const int64_t *strides = loop->operands[k].strides;
        int64_t whole;
        if (__builtin_mul_overflow(strides[inner], loop->extent[inner],
                                   &whole) ||
            whole != strides[outer])
            return false;
    }
    return true;
}

static void move_dimension(mp_loop *loop, int to, int from)
{
    loop->extent[to] = loop->extent[from];
    for (int k = 0; k < loop->noperands; k++) {
        int64_t *strides = loop->operands[k].strides;
        strides[to] = strides[from];
    }
}

void mp_loop_merge(mp_loop *loop)
{
    int last = -1; /* the last dimension that is kept */
    for (int d = 0; d < loop->ndim && loop->size > 0; d++) {
        if (loop->extent[d] == 1)
            continue;
        if (last >= 0 && can_merge(loop, last, d)) {
            int64_t extent = loop->extent[last] * loop->extent[d];
            move_dimension(loop, last, d);
            loop->extent[last] = extent;
        } else {
            move_dimension(loop, ++last, d);
        }
    }
    if (last < 0) {
        /* One item, or none: a line of that length. */
        last = 0;
        loop->extent[0] = loop->size;
        for (int k = 0; k < loop->noperands; k++)
            loop->operands[k].strides[0] = 0;
    }
    loop->ndim = last + 1;
}

/* ---- the cursor --------------------------------------------------------- */

void mp_cursor_seek(const mp_loop *loop, mp_cursor *cursor, int64_t flat)
{
    for (int d = loop->ndim - 1; d > 0; d--) {
        cursor->index[d] = flat % loop->extent[d];
        flat /= loop->extent[d];
    }
    cursor->index[0] = flat;
    for (int k = 0; k < loop->noperands; k++) {
        const mp_operand *operand = &loop->operands[k];
        int64_t offset = 0;
        for (int d = 0; d < loop->ndim; d++)
            offset += cursor->index[d] * operand->strides[d];
        cursor->at[k] = operand->data + offset;
    }
}

/* The run has ended: goes to the start of the next one, or from the last run
 * back to the first. */
static void next_run(const mp_loop *loop, mp_cursor *cursor)
{
    int d = loop->ndim - 1;
    cursor->index[d] = 0;
    while (--d >= 0 && ++cursor->index[d] == loop->extent[d])
        cursor->index[d] = 0;
    for (int k = 0; k < loop->noperands; k++) {
        const mp_operand *operand = &loop->operands[k];
        int64_t offset = 0;
        for (int e = 0; e <= d; e++)
            offset += cursor->index[e] * operand->strides[e];
        cursor->at[k] = operand->data + offset;
    }
}

void mp_cursor_advance(const mp_loop *loop, mp_cursor *cursor, int64_t count)
{
    int last = loop->ndim - 1;
    cursor->index[last] += count;
    if (cursor->index[last] == loop->extent[last]) {
        next_run(loop, cursor);
        return;
    }
    for (int k = 0; k < loop->noperands; k++)
        cursor->at[k] += count * loop->operands[k].strides[last];
}
