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
    mp_kernel *kernel; /* retained */
    int64_t lo, hi;
    int64_t start, end; /* ns of the monotonic clock */
} mp_record;

/* A ring: the worker writes, anyone reads. */
typedef struct mp_spans {
    pthread_mutex_t lock;
    uint64_t count;           /* guarded by lock; ever written */
    mp_record ring[MP_SPANS]; /* guarded by lock */
} mp_spans;

/* Returns 0 or an error number. `spans` is zeroed. */
int mp_spans_init(mp_spans *spans);
void mp_spans_destroy(mp_spans *spans);

/* Notes a chunk; the kernel of `record` is retained here. */
void mp_spans_add(mp_spans *spans, const mp_record *record);

/* Copies the latest spans, oldest first; returns how many. */
int mp_spans_copy(mp_spans *spans, int worker, mp_span *out, int capacity);

#endif
