/* Workers: threads that own one Lua state each. They never touch a Python
 * object, and never wait for anything but the pool's lock. */
#ifndef MP_POOL_WORKER_H
#define MP_POOL_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "buffer/array.h"
#include "core/guard.h"
#include "core/state.h"
#include "moonpool.h"
#include "pool/spans.h"

typedef struct mp_worker {
    mp_pool *pool;     /* fixed after new */
    int index;         /* fixed after new; from 0 */
    pthread_t thread;  /* fixed after new */
    mp_guard guard;    /* has its own lock */
    mp_spans spans;    /* has its own lock */
    mp_job *job;       /* guarded by the pool's lock; what it works at */
    pid_t id;          /* guarded by the pool's lock; the system's */
    int cpu;           /* guarded by the pool's lock; where it became idle */
    mp_state *state;   /* worker thread only; NULL until the first job */
    mp_arrays *arrays; /* worker thread only; lives as long as the state */
    size_t base;       /* worker thread only; bytes in use after the setup */

    _Atomic int64_t chunks; /* atomic; see mp_worker_stats */
    _Atomic int64_t items;  /* atomic */
    _Atomic int64_t native; /* atomic */
    _Atomic int64_t busy;   /* atomic; ns */
    _Atomic int64_t memory; /* atomic; bytes, as of the last chunk */
    _Atomic int64_t peak;   /* atomic; bytes */
    _Atomic int64_t states; /* atomic */
#ifdef MP_HARD
    _Atomic size_t fail_after; /* atomic; tests: allocations a state may make */
#endif
} mp_worker;

/* A step of a job's, on a worker. */
typedef mp_status mp_worker_body(mp_worker *worker, mp_job *job, void *ud,
                                 mp_error *err);

/* Starts the thread. `worker` is zeroed; on failure it is as before. */
mp_status mp__worker_start(mp_worker *worker, mp_pool *pool, int index,
                           mp_error *err);

/* Worker thread, of a job that it is at: calls `body` with a Lua state that is
 * ready, and can be stopped. Does not call it where the job is stopped. */
mp_status mp__worker_in_lua(mp_worker *worker, mp_job *job,
                            mp_worker_body *body, void *ud, mp_error *err);

/* Waits for the thread, which leaves when the pool is stopping, and frees
 * what it owned. */
void mp__worker_join(mp_worker *worker);

#endif
