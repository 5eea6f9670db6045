/* The last chunks that a worker ran, for mp_pool_trace(). */
#ifndef MP_POOL_SPANS_H
#define MP_POOL_SPANS_H

#include <pthread.h>

#include "moonpool.h"

/* How many chunks are remembered a worker. */
#ifdef MP_HARD
#define MP_SPANS 2
#else
#define MP_SPANS 2048
#endif

typedef struct mp_record {
    uint64_t job;
    const mp_kernel *kernel; /* only for mp_spans_add() */
    int64_t lo, hi;
    bool native;
    int64_t start, end; /* ns of the monotonic clock */
} mp_record;

/* A ring: the worker writes, anyone reads. */
typedef struct mp_spans {
    pthread_mutex_t lock;
    uint64_t count;           /* guarded by lock; ever written */
    mp_record ring[MP_SPANS]; /* guarded by lock */
    char names[MP_SPANS][sizeof((mp_span *)NULL)->kernel]; /* likewise */
} mp_spans;

/* Returns 0 or an error number. `spans` is zeroed. */
int mp_spans_init(mp_spans *spans);
void mp_spans_destroy(mp_spans *spans);

/* Notes a chunk. Of the kernel its name is kept, and no more: it may hold code
 * that nobody is going to call again. */
void mp_spans_add(mp_spans *spans, const mp_record *record);

/* Copies the latest spans, oldest first; returns how many. */
int mp_spans_copy(mp_spans *spans, int worker, mp_span *out, int capacity);

#endif
