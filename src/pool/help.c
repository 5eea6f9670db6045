/* Help: a thread that waits for a job takes chunks of it, like a worker.
 *
 * It is awake, and a worker takes its time to wake up. It has no Lua state:
 * what the interpreter is needed for it hands over to a worker. And signals are
 * seen only where it has left: so it takes what has no loops, for a time. */
#include "pool/help.h"

#include "pool/clock.h"
#include "pool/fpu.h"
#include "pool/job.h"
#include "pool/pool.h"
#include "pool/queue.h"

/* For so long at most, in ns; then a worker takes its place. */
#define MOST_HELP INT64_C(50000000)

bool mp__help_fits(const mp_job *job)
{
    return job->ops->stateless && mp__job_compiled(job) &&
           !job->native->loops && job->native->stack <= MP_CALLER_STACK;
}

/* With the lock held: false where there is nothing to do, or no place. */
static bool join(mp_pool *pool, mp_job *job, int64_t deadline)
{
    int64_t latest = mp_clock_now() + MOST_HELP;
    if (!job->attended || job->helped || job->phase == MP_ENDED ||
        mp__job_stopped(job) || mp__job_exhausted(job) || mp__queue_full(pool))
        return false;
    job->helped = true;
    job->help_until = deadline < latest ? deadline : latest;
    mp__queue_enter(pool, job);
    return true;
}

/* With the lock held, also at the end. */
static void part(mp_pool *pool, mp_job *job)
{
    job->helped = false;
    while (mp__queue_leave(pool, job)) {
        /* It was the last one. */
        mp_error err;
        pthread_mutex_unlock(&pool->lock);
        mp_status status = job->ops->finish(mp__pool_callers(pool), job, &err);
        pthread_mutex_lock(&pool->lock);
        if (status != MP_OK)
            mp__queue_stop(pool, job, &err);
    }
    /* There is a place for a worker now. */
    if (pool->first != NULL)
        mp__idle_call_all(&pool->idle);
}

void mp__help(mp_job *job, int64_t deadline)
{
    mp_pool *pool = job->pool;
    pthread_mutex_lock(&pool->lock);
    bool joined = join(pool, job, deadline);
    pthread_mutex_unlock(&pool->lock);
    if (!joined)
        return;
    mp_fpu fpu;
    mp_error err;
    mp_fpu_enter(&fpu);
    mp_status status = job->ops->work(mp__pool_callers(pool), job, &err);
    pthread_mutex_lock(&pool->lock);
    if (status != MP_OK)
        mp__queue_stop(pool, job, &err);
    part(pool, job);
    pthread_mutex_unlock(&pool->lock);
    mp_fpu_leave(&fpu);
    mp__idle_linger(&pool->idle, &job->over);
}

void mp__help_hand_over(mp_job *job, int64_t lo, int64_t hi)
{
    mp_pool *pool = job->pool;
    pthread_mutex_lock(&pool->lock);
    job->attended = false;
    job->handed_lo = lo;
    job->handed_hi = hi;
    atomic_store_explicit(&job->handed, true, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
}

bool mp__help_take_over(mp_job *job, int64_t *lo, int64_t *hi)
{
    /* Relaxed: who sees it too late is not the last one at the job. */
    if (!atomic_load_explicit(&job->handed, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&job->pool->lock);
    bool handed =
        atomic_exchange_explicit(&job->handed, false, memory_order_relaxed);
    *lo = job->handed_lo;
    *hi = job->handed_hi;
    pthread_mutex_unlock(&job->pool->lock);
    return handed;
}
