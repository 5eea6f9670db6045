/* What a map iterates over: the shape of its loop, and for a generalized
 * ufunc the sizes of its core dimensions. */
#ifndef MP_POOL_PLAN_H
#define MP_POOL_PLAN_H

#include "core/signature.h"
#include "moonpool.h"

typedef struct mp_plan {
    const mp_signature *signature; /* the kernel's, or NULL */
    mp_shape loop;
    bool partial; /* only outputs with core dimensions are given */
    int64_t size; /* items of the loop */
    int64_t core[MP_SIGNATURE_NAMES]; /* by name; -1: not known */
} mp_plan;

/* Core dimensions of input or output `k`. */
int mp__plan_ncore_in(const mp_plan *plan, int k);
int mp__plan_ncore_out(const mp_plan *plan, int k);

/* Works out and checks shapes. With `partial`, `spec->outs` are only those
 * outputs that have core dimensions, in their order, as in mp_map_probe(). */
mp_status mp__plan_init(mp_plan *plan, const mp_map_spec *spec, bool partial,
                        mp_error *err);

/* The number of the output that spec->outs[i] is. */
int mp__plan_output(const mp_plan *plan, int i);

#endif
