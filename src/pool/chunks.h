/* Chunks: how a worker takes a job's items, a few at a time. The size adapts
 * so that a chunk takes about half a millisecond: dispatch costs little, and
 * uneven work balances. */
#ifndef MP_POOL_CHUNKS_H
#define MP_POOL_CHUNKS_H

#include "moonpool.h"
#include "pool/clock.h"
#include "pool/spread.h"

struct mp_worker;

typedef struct mp_chunks {
    struct mp_worker *worker;
    mp_job *job;
    int share;      /* the number of the one it takes of first */
    int64_t lo, hi; /* the chunk at hand, empty before the first */
    int64_t size;   /* of the next one, if there is that much left */
    int64_t grain;  /* sizes are multiples of it */
    int part;       /* of a worker's share of what is left a chunk is at most */
    int64_t start;  /* when the chunk at hand was taken, monotonic ns */
    int64_t until;  /* who helps takes none after that; MP_NEVER: a worker */
    mp_spread spread;
    int64_t at; /* the item at hand, for errors; the body sets it */
} mp_chunks;

void mp__chunks_init(mp_chunks *chunks, struct mp_worker *worker, mp_job *job);

/* Starts with chunks of `first` items, all of a multiple of `grain`; `even`:
 * items take about the same time. */
void mp__chunks_begin_with(mp_chunks *chunks, int64_t first, int64_t grain,
                           bool even);

/* Notes the chunk at hand as done and takes the next one; false when there is
 * none, or the job is stopped. Raises nothing. */
bool mp__chunks_next(mp_chunks *chunks);

/* After an error in the middle of a chunk: notes the time it took. */
void mp__chunks_abort(mp_chunks *chunks);

/* Whether who takes them has no Lua state, and helps for a while. */
static inline bool mp__chunks_helps(const mp_chunks *chunks)
{
    return chunks->until != MP_NEVER;
}

/* Who helps has a worker do the chunk at hand from item `lo` on, and takes no
 * other one. */
void mp__chunks_hand_over(mp_chunks *chunks, int64_t lo);

#endif
