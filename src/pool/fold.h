/* The shape of a reduction: which dimensions are kept and which folded, and
 * how each fold is cut into blocks. */
#ifndef MP_POOL_FOLD_H
#define MP_POOL_FOLD_H

#include "buffer/loop.h"
#include "moonpool.h"

/* Element k of a block of a fold by an operator is folded into accumulator
 * k % MP_LANES, a lane, so that a compiled kernel can keep them in SIMD
 * registers and still give the bits that the interpreted one gives. Of a short
 * block the first lanes have an element each. */
#define MP_LANES 32

typedef struct mp_fold {
    mp_shape kept;          /* the shape of the result */
    int64_t nkept;          /* elements of the result */
    int64_t length;         /* elements that are folded into one */
    int64_t block;          /* elements a block, but for the last one */
    int64_t nblocks;        /* blocks a fold, at least 1 */
    int lanes;              /* MP_LANES or 1 */
    int ndim;               /* of the arguments' common shape */
    int order[MP_MAX_NDIM]; /* kept dimensions, then folded ones */
    mp_shape common;        /* the arguments' common shape, in that order */
} mp_fold;

mp_status mp__fold_init(mp_fold *fold, const mp_reduce_spec *spec,
                        mp_error *err);

/* The elements of block `item`, counted through all folds: flat indices `*lo`
 * to `*hi` - 1 in the fold's order. */
void mp__fold_range(const mp_fold *fold, int64_t item, int64_t *lo,
                    int64_t *hi);

/* The lane of a block's `place`th element, from 0. */
static inline int64_t mp__fold_lane(const mp_fold *fold, int64_t place)
{
    return fold->lanes == 1 ? 0 : place % MP_LANES;
}

/* `view` broadcast to the common shape, its dimensions in the fold's order.
 * The flat index of element j of fold i is then i * length + j. */
void mp__fold_arrange(const mp_fold *fold, const mp_view *view, mp_view *out);

/* The flat index, in C order of the arguments' common shape, of what is at
 * `index` in the fold's order. */
int64_t mp__fold_flat(const mp_fold *fold, int64_t index);

#endif
