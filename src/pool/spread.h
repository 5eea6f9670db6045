/* Where workers run. The system's scheduler puts a thread that wakes up, or
 * leaves one that is awake, on a busy CPU at times though another one is idle:
 * for some milliseconds, which is longer than many jobs take. */
#ifndef MP_POOL_SPREAD_H
#define MP_POOL_SPREAD_H

#include <stdint.h>
#include <sys/types.h>

struct mp_worker;

/* What a thread keeps while it works at a job; zeroed is new. */
typedef struct mp_spread {
    int64_t look;     /* when to look next; monotonic ns */
    int64_t interval; /* ns; it doubles */
} mp_spread;

/* A thread at work for a worker's pool, between chunks, at the time `now` and
 * without the lock: from time to time, has idle workers leave its CPU. */
void mp__spread(mp_spread *spread, struct mp_worker *worker, int64_t now);

/* Any thread: has a thread of this process that is on that CPU, or waits for
 * it, go to another one that it may run on, if there is one. Afterwards it may
 * run on the same ones as before. `id` is the system's. */
void mp__spread_push(pid_t id, int cpu);

#endif
