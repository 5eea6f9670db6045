/* The binary interface between the pool and compiled code. */
#ifndef MP_NATIVE_ABI_H
#define MP_NATIVE_ABI_H

#include <stdint.h>

#include "native/spec.h"

/* Bytes of a line of the cache, for code and caller alike: to cross one, or to
 * store a part of one, takes longer. */
#define MP_CACHE_LINE 64

/* An array argument. `data` is that of an ARRAY; a CORE's is in frame->at. */
typedef struct mp_frame_array {
    char *data;
    int64_t extents[MP_NATIVE_RANK];
    int64_t strides[MP_NATIVE_RANK]; /* in bytes */
} mp_frame_array;

/* Everything a call of compiled code gets. All of it is the caller's; the
 * code writes to the outputs, the array elements and `failed` only. */
typedef struct mp_frame {
    int64_t count; /* items, in a row; at least 1 */
    /* ELEMENT and CORE parameters in their order, then outputs, then `where`:
     * the address of item 0 and the distance to the next in bytes. */
    char *const *at;
    const int64_t *steps;
    /* UNIFORM and ACC parameters in their order, 8 bytes each: an int64, the
     * bits of a double, or 0 and 1. An ACC is spec->lanes of them: items are
     * folded into one after the other, and again from the first. They are
     * written back. */
    uint64_t *scalars;
    const mp_frame_array *arrays;  /* ARRAY and CORE parameters, likewise */
    int64_t index[MP_NATIVE_RANK]; /* RUN: of item 0, from 1; the last counts */
    const int *stop; /* not 0: leave soon; written by other threads */
    int64_t failed;  /* MP_NATIVE_FAILED: the first item of the vector */
    int64_t line;    /* MP_NATIVE_FAILED: where, as far as is known */
    /* MAP and RUN, not 0: results may be stored past the caches, and the caller
     * lets a fence follow. A map's packed outputs begin at a line then. */
    int64_t bypass;
} mp_frame;

/* What compiled code returns. On FAILED items before frame->failed are done,
 * of those from there on nothing is known: the interpreter runs them again,
 * and raises what is wrong. */
typedef enum mp_native_result {
    MP_NATIVE_DONE,
    MP_NATIVE_STOPPED,
    MP_NATIVE_FAILED,
} mp_native_result;

typedef int32_t (*mp_native_code)(mp_frame *frame);

#endif
