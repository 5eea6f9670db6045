/* The rest of a map: the last items, of which there are too few for a vector.
 *
 * Code for vectors that has to deal with them too takes LLVM a third longer. So
 * code of a map of elements knows whole vectors only, and the rest is copied to
 * where there is room for one. */
#ifndef MP_NATIVE_REST_H
#define MP_NATIVE_REST_H

#include "native/abi.h"

/* The most operands, and bytes of their vectors: elements count as 8. */
#define MP_REST_OPERANDS 32
#define MP_REST_ROOM 4096

/* How the operands of a map lie, in the frame's order. */
typedef struct mp_rest {
    int noperands; /* 0: the code is for any number of items */
    int ninputs;
    unsigned char sizes[MP_REST_OPERANDS]; /* 0: the same for all items */
} mp_rest;

/* Whether code for `spec`, which is complete, is for whole vectors only, and
 * what is to be known for the rest. */
mp_rest mp__rest_of(const mp_spec *spec);

/* Runs code for all items of a frame. */
mp_native_result mp__rest_run(const mp_rest *rest, int lanes,
                              mp_native_code code, mp_frame *frame);

#endif
