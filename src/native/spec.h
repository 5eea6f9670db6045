/* Specialisations: what a kernel is compiled for. */
#ifndef MP_NATIVE_SPEC_H
#define MP_NATIVE_SPEC_H

#include "moonpool.h"

typedef enum mp_form {
    MP_FORM_MAP,    /* results are elements of outputs */
    MP_FORM_RUN,    /* no results */
    MP_FORM_REDUCE, /* results are the accumulators */
} mp_form;

typedef enum mp_param_kind {
    MP_PARAM_ELEMENT, /* an element of an operand, another one for each item */
    MP_PARAM_UNIFORM, /* one value for all items */
    MP_PARAM_ARRAY,   /* an array, the same one for all items */
    MP_PARAM_CORE,    /* an array of its own for each item, all of one shape */
    MP_PARAM_INDEX,   /* run: an index of the item, from 1 */
    MP_PARAM_ACC,     /* reduce: an accumulator */
} mp_param_kind;

/* How the elements of an operand lie from item to item. */
typedef enum mp_layout {
    MP_LAYOUT_PACKED,  /* one behind the other */
    MP_LAYOUT_SAME,    /* the same one for all items of a row */
    MP_LAYOUT_STRIDED, /* at a distance known when it runs */
} mp_layout;

typedef struct mp_param {
    mp_param_kind kind;
    mp_kind scalar;   /* UNIFORM and ACC: NIL, BOOL, INT or FLOAT */
    mp_dtype dtype;   /* ELEMENT, ARRAY and CORE */
    bool swapped;     /* likewise: in the other byte order */
    mp_layout layout; /* ELEMENT; CORE: of the arrays' first elements */
    int rank;         /* ARRAY and CORE: 1 to MP_NATIVE_RANK */
    bool packed;      /* ARRAY and CORE: elements of the last dimension are */
    bool readonly;    /* ARRAY and CORE */
    int dim;          /* INDEX: 0 to spec->ndim - 1 */
    bool exact;       /* ACC: begins as an integer that is a float exactly */
    bool mixed;       /* ACC, a FLOAT, set by inference: where it has the value
                         that it began with, it may still be that integer */
} mp_param;

/* The most dimensions of an array in native code. */
#define MP_NATIVE_RANK 3
/* The longest extent of an array, or of a run, in native code: a float holds
 * it, and every index up to it. */
#define MP_NATIVE_EXTENT (INT64_C(1) << 53)

typedef struct mp_output {
    bool open;        /* no dtype is given: inference decides, and sets it */
    mp_dtype dtype;   /* of what is stored */
    bool swapped;     /* in the other byte order */
    mp_layout layout; /* PACKED or STRIDED */
} mp_output;

typedef struct mp_spec {
    mp_form form;
    int ndim;    /* RUN: dimensions of the extent, 1 to MP_NATIVE_RANK */
    int nparams; /* in the order of the kernel's arguments */
    mp_param params[MP_MAX_ARGS + MP_NATIVE_RANK];
    int noutputs; /* MAP; -1: as many as the kernel returns */
    mp_output outputs[MP_MAX_ARGS];
    mp_dtype widest; /* MAP: the dtype of open float outputs */
    bool masked;     /* MAP: some items are left out (`where`) */
    bool strict;
    bool fastmath;
    mp_isa isa;
    int lanes;      /* items at once, a power of two; 1: scalar code */
    bool alone;     /* so few items come in a row that one at once is better */
    bool any_lanes; /* `lanes` may be changed where that is faster */
} mp_spec;

#endif
