/* The queue: how a job gets into it, is worked at, and ends.
 *
 * The pool's lock is held in all of it. Whoever waits for a job may free it
 * from its end on, without the lock. */
#include "pool/queue.h"

#include <string.h>

#include "core/text.h"
#include "pool/clock.h"
#include "pool/help.h"
#include "pool/job.h"

static void append(mp_pool *pool, mp_job *job)
{
    job->queued = true;
    job->following = NULL;
    job->previous = pool->last;
    if (pool->last != NULL)
        pool->last->following = job;
    else
        pool->first = job;
    pool->last = job;
}

static void unlink_job(mp_pool *pool, mp_job *job)
{
    if (!job->queued)
        return;
    job->queued = false;
    if (job->previous != NULL)
        job->previous->following = job->following;
    else
        pool->first = job->following;
    if (job->following != NULL)
        job->following->previous = job->previous;
    else
        pool->last = job->previous;
}

/* The job has ended: tells everybody. The pool's reference, if it has one, is
 * the caller's to give up. */
static void end(mp_pool *pool, mp_job *job)
{
    unlink_job(pool, job);
    mp__timer_remove(&pool->timer, job);
    job->phase = MP_ENDED;
    if (job->notify) {
        job->listed = true;
        job->ended_following = NULL;
        if (pool->ended_last != NULL)
            pool->ended_last->ended_following = job;
        else
            pool->ended_first = job;
        pool->ended_last = job;
        pthread_cond_signal(&pool->notify);
    }
    pthread_cond_broadcast(&job->ended);
    /* Release: who sees it reads all of the end, and may free the job, to which
     * the pool still refers. */
    atomic_store_explicit(&job->over, true, memory_order_release);
}

/* Has as many workers come as the job has work for. */
static void call_workers(mp_pool *pool, mp_job *job)
{
    int64_t count =
        job->end - atomic_load_explicit(&job->next, memory_order_relaxed);
    if (count > pool->nworkers)
        count = pool->nworkers;
    job->attended = job->attended && mp__help_fits(job);
    if (job->pinned)
        mp__idle_call_all(&pool->idle);
    else
        mp__idle_call(&pool->idle, (int)count - job->attended);
}

void mp__queue_add(mp_pool *pool, mp_job *job)
{
    if (mp__job_exhausted(job)) {
        end(pool, job); /* No items: it has ended before it began. */
        return;
    }
    mp__job_retain(job); /* The pool's reference. */
    append(pool, job);
    if (job->deadline <= mp_clock_now()) {
        mp_error late;
        mp__timer_error(job, &late);
        mp__queue_stop(pool, job, &late);
    } else {
        call_workers(pool, job);
    }
}

void mp__queue_enter(mp_pool *pool, mp_job *job)
{
    pool->atwork++;
    job->active++;
    if (job->phase == MP_WAITING) {
        job->phase = MP_RUNNING;
        if (job->timeout > 0 && !job->timed)
            mp__timer_add(&pool->timer, job);
    }
}

mp_job *mp__queue_take(mp_pool *pool, mp_worker *worker)
{
    mp_job *following;
    if (mp__queue_full(pool))
        return NULL;
    for (mp_job *job = pool->first; job != NULL; job = following) {
        following = job->following;
        if (job->pinned) {
            if (job->taken[worker->index])
                continue;
            job->taken[worker->index] = 1;
            atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        }
        /* Others are at its last items; one who helps may give some back. */
        if (mp__job_exhausted(job) && !job->helped)
            unlink_job(pool, job);
        if (mp__job_exhausted(job) && !job->pinned)
            continue;
        mp__queue_enter(pool, job);
        return job;
    }
    return NULL;
}

/* Makes `err` the job's error, with the kernel's name where it has none. */
static void keep_error(mp_job *job, const mp_error *err)
{
    job->error = *err;
    if (job->error.kernel[0] == '\0' && job->kernel != NULL)
        mp_text_copy(job->error.kernel, sizeof job->error.kernel,
                     mp_kernel_name(job->kernel),
                     strlen(mp_kernel_name(job->kernel)));
}

void mp__queue_stop(mp_pool *pool, mp_job *job, const mp_error *err)
{
    if (job->phase == MP_ENDED)
        return;
    mp_status before =
        (mp_status)atomic_load_explicit(&job->stop, memory_order_relaxed);
    if (before != MP_OK) {
        /* Of several errors in elements the first element's is kept. */
        if (before == MP_LUA && err->status == MP_LUA &&
            err->index < job->error.index)
            keep_error(job, err);
        return;
    }
    keep_error(job, err);
    atomic_store_explicit(&job->stop, (int)err->status, memory_order_relaxed);
    unlink_job(pool, job);
    if (job->active == 0) {
        end(pool, job);
        mp__job_release(job);
        return;
    }
    for (int i = 0; i < pool->nworkers; i++)
        mp_guard_stop(&pool->workers[i].guard, job, MP_CANCELLED);
    mp__timer_watch(&pool->timer, pool, job);
}

bool mp__queue_leave(mp_pool *pool, mp_job *job)
{
    bool stopped = mp__job_stopped(job);
    if (job->active == 1 && !stopped && !job->finishing &&
        mp__job_exhausted(job) && job->ops->finish != NULL) {
        job->finishing = true;
        return true;
    }
    pool->atwork--;
    /* So that nobody is called for it; one who helps may give some back. */
    if (mp__job_exhausted(job) && !job->helped && !job->pinned)
        unlink_job(pool, job);
    if (--job->active == 0 && (stopped || mp__job_exhausted(job))) {
        end(pool, job);
        mp__job_release(job);
    }
    return false;
}
