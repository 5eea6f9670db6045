/* The queue: the jobs of a pool that may have work left, who is at them, and
 * their end.
 *
 * It lies in the mp_pool, whose lock guards it: all of this is called with the
 * lock held, by any thread unless said otherwise. Nothing of it fails. */
#ifndef MP_POOL_QUEUE_H
#define MP_POOL_QUEUE_H

#include "pool/pool.h"

/* Puts a job into the queue, which the pool has admitted, and calls workers.
 * The pool has a reference of its own to it until it has ended; where it has
 * no items, or its deadline has come, that is at once. */
void mp__queue_add(mp_pool *pool, mp_job *job);

/* Worker thread: the next job that has work for this worker, marked active, or
 * NULL. It is there until the worker has called mp__queue_leave(). */
mp_job *mp__queue_take(mp_pool *pool, mp_worker *worker);

/* Whether as many threads are at work as there may be. */
static inline bool mp__queue_full(const mp_pool *pool)
{
    return pool->atwork >= pool->nworkers;
}

/* Somebody begins to work at a job that has items left. */
void mp__queue_enter(mp_pool *pool, mp_job *job);

/* Stops a job that has not ended. `err` says why, and is copied. Where nobody
 * is at the job it ends, and is gone unless the caller has a reference. */
void mp__queue_stop(mp_pool *pool, mp_job *job, const mp_error *err);

/* Who worked at the job has left it. True if `finish` is to be called now, and
 * then this once more; else the job may have ended, as above. */
bool mp__queue_leave(mp_pool *pool, mp_job *job);

#endif
