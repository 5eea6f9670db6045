/* The pool: its workers, the queue of jobs, deadlines and ended jobs; queue.h
 * has what is done with the queue.
 *
 * Lock order: mp_pool.lock, then mp_guard.lock or mp_spans.lock. No lock is
 * held while Lua runs or memory of a job is touched. */
#ifndef MP_POOL_POOL_H
#define MP_POOL_POOL_H

#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>

#include "moonpool.h"
#include "pool/idle.h"
#include "pool/timer.h"
#include "pool/worker.h"

struct mp_pool {
    int nworkers;           /* fixed after new */
    size_t memory_limit;    /* fixed after new; bytes a worker, 0: none */
    double timeout;         /* fixed after new; seconds a job, 0: none */
    bool sandbox;           /* fixed after new */
    mp_kernel *setup;       /* fixed after new; owned, or NULL */
    locale_t locale;        /* fixed after new; "C", owned */
    mp_worker *workers;     /* fixed after new; owned, nworkers of them, and
                               a row without a thread: see shortcuts.c and
                               help.c */
    _Atomic int references; /* atomic; the owner's and one a job */

    pthread_mutex_t lock;
    mp_idle idle;          /* called for a new job, or when `stopping` is set */
    pthread_cond_t notify; /* there is a newly ended job, or `wakes` changed */
    _Atomic bool closed;   /* atomic; written under the lock; no new jobs */
    bool stopping;         /* guarded by lock; workers leave */
    _Atomic uint64_t jobs; /* atomic; ever begun */
    int atwork;            /* guarded by lock; threads at jobs: workers, and
                              threads that help */
    uint64_t wakes;        /* guarded by lock; calls of mp_pool_wake() */
    mp_job *first, *last;  /* guarded by lock; jobs that may have work left */
    mp_job *ended_first, *ended_last; /* guarded by lock; see `notify` */
    mp_timer timer;                   /* guarded by lock */
};

/* Bytes of stack that compiled code may take on threads of somebody else's. */
#define MP_CALLER_STACK 8192

/* What threads that call do themselves is counted like a worker's. */
static inline mp_worker *mp__pool_callers(const mp_pool *pool)
{
    return &pool->workers[pool->nworkers];
}

/* A number that no other job has. */
static inline uint64_t mp__pool_number(mp_pool *pool)
{
    /* Relaxed: it orders nothing. */
    return 1 + atomic_fetch_add_explicit(&pool->jobs, 1, memory_order_relaxed);
}

/* Any thread, without the lock: admits a finished description of a job and puts
 * it into the queue. On success `*out` is the caller's; on failure the job is
 * released, `*out` is untouched, and `err` says why. */
mp_status mp__pool_queue(mp_pool *pool, mp_job *job,
                         const mp_job_options *options, mp_job **out,
                         mp_error *err);

mp_pool *mp__pool_retain(mp_pool *pool);
void mp__pool_release(mp_pool *pool);

#endif
