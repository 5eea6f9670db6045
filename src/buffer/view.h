/* Views: what is true of the memory that they cover. */
#ifndef MP_BUFFER_VIEW_H
#define MP_BUFFER_VIEW_H

#include <stddef.h>
#include <string.h>

#include "moonpool.h"

/* MP_VALUE where ndim, an extent or the size is out of bounds. */
mp_status mp_view_check(const mp_view *view, mp_error *err);

/* The address of the element with flat index `index` in C order. */
char *mp_view_at(const mp_view *view, int64_t index);

/* `*to` = `*from`, but for the room of dimensions that it does not have: that
 * is most of a view, and in no cache. */
static inline void mp_view_assign(mp_view *to, const mp_view *from)
{
    memcpy(to, from, offsetof(mp_view, shape));
    for (int d = 0; d < from->ndim; d++) {
        to->shape[d] = from->shape[d];
        to->strides[d] = from->strides[d];
    }
}

/* Whether two views may share a byte: judged by the bounds of what they cover
 * and by what their strides have in common, so never false where they do. */
bool mp_view_overlap(const mp_view *a, const mp_view *b);

/* Whether two views put the same elements at the same places. */
bool mp_view_same(const mp_view *a, const mp_view *b);

/* Whether two different elements of the view share memory, which an output
 * must not have: exact for views made by slicing and broadcasting, and on the
 * safe side (true) for exotic ones. */
bool mp_view_self_overlap(const mp_view *view);

/* Copies a view to a new C-contiguous block of the same dtype. The block is
 * the caller's, to free(); `*out` is a view of it. */
mp_status mp_view_copy(const mp_view *view, mp_view *out, char **block,
                       mp_error *err);

#endif
