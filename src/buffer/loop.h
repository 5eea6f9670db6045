/* Loops over several arrays at once: broadcasting, merging of dimensions, and
 * a cursor that walks any range of the flat index space. */
#ifndef MP_BUFFER_LOOP_H
#define MP_BUFFER_LOOP_H

#include "moonpool.h"

/* Widens `shape` to what it and the first `ndim` dimensions of `view`
 * broadcast to, by NumPy's rule; MP_VALUE where they do not. Start with a
 * shape of rank 0. */
mp_status mp_shape_broadcast(mp_shape *shape, const mp_view *view, int ndim,
                             mp_error *err);

/* The number of items; MP_VALUE past INT64_MAX. */
mp_status mp_shape_size(const mp_shape *shape, int64_t *out, mp_error *err);

/* "(3, 4)" into `text`; returns `text`. */
const char *mp_shape_text(const mp_shape *shape, char *text, size_t size);

/* Where the elements of one operand lie. */
typedef struct mp_operand {
    char *data;
    mp_dtype dtype;
    bool swapped;
    int64_t strides[MP_MAX_NDIM]; /* of the loop's dimensions, in bytes */
} mp_operand;

typedef struct mp_loop {
    int ndim; /* at least 1 after mp_loop_merge() */
    int64_t extent[MP_MAX_NDIM];
    int64_t size; /* number of items */
    int noperands;
    mp_operand *operands; /* owned */
} mp_loop;

mp_status mp_loop_init(mp_loop *loop, const mp_shape *shape, int noperands,
                       mp_error *err);
void mp_loop_destroy(mp_loop *loop);

/* Lays operand `k` over the first `ndim` dimensions of `view`, which broadcast
 * to the loop's shape. */
void mp_loop_operand(mp_loop *loop, int k, const mp_view *view, int ndim);

/* Merges neighbouring dimensions where every operand allows it and drops
 * those of extent 1; the flat order of items stays. Call once, after the
 * last operand. */
void mp_loop_merge(mp_loop *loop);

/* A place in a loop: the address of each operand's element. */
typedef struct mp_cursor {
    int64_t index[MP_MAX_NDIM];
    char *at[2 * MP_MAX_ARGS + 1];
} mp_cursor;

/* Goes to item `flat`, below loop->size. */
void mp_cursor_seek(const mp_loop *loop, mp_cursor *cursor, int64_t flat);

/* How many items, this one included, follow in a row at the constant stride
 * operands[k].strides[ndim - 1]. */
static inline int64_t mp_cursor_run(const mp_loop *loop,
                                    const mp_cursor *cursor)
{
    int last = loop->ndim - 1;
    return loop->extent[last] - cursor->index[last];
}

/* Goes on by `count` items, at most mp_cursor_run() of them. */
void mp_cursor_advance(const mp_loop *loop, mp_cursor *cursor, int64_t count);

#endif
