/* The pool's deadlines. */
#include "pool/timer.h"

#include <string.h>

#include "pool/clock.h"
#include "pool/job.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "pool/thread.h"

int mp__timer_init(mp_timer *timer)
{
    timer->waking = MP_NEVER;
    return mp_clock_cond_init(&timer->wake);
}

void mp__timer_error(const mp_job *job, mp_error *err)
{
    /* A timeout of nothing is kept as the shortest there is. */
    mp_error_set(err, MP_TIMEOUT, "stopped after the timeout of %.3g s",
                 job->timeout < 1e-6 ? 0.0 : job->timeout);
}

/* How long a stop has time to take effect, and how often a worker is sent a
 * signal after that, in ns. */
#define PATIENCE INT64_C(30000000)
#define INSISTENCE INT64_C(5000000)

/* The workers that still are at a job that was stopped. */
static void take_out(mp_pool *pool, const mp_job *job)
{
    for (int i = 0; i < pool->nworkers; i++) {
        mp_worker *worker = &pool->workers[i];
        if (worker->job == job)
            mp_escape_send(&worker->guard.escape, worker->thread);
    }
}

/* Stops what is due; the next deadline. With the lock held. */
static int64_t stop_due(mp_timer *timer, mp_pool *pool)
{
    int64_t now = mp_clock_now(), next = MP_NEVER;
    mp_job *following;
    for (mp_job *job = timer->first; job != NULL; job = following) {
        following = job->timed_following;
        /* Whoever waits for its end may free it without the lock. */
        mp__job_retain(job);
        if (job->deadline <= now && mp__job_stopped(job)) {
            take_out(pool, job);
            job->deadline = now + INSISTENCE;
        } else if (job->deadline <= now) {
            mp_error err;
            mp__timer_error(job, &err);
            mp__timer_remove(timer, job);
            mp__queue_stop(pool, job, &err);
        }
        if (job->timed && job->deadline < next)
            next = job->deadline;
        mp__job_release(job);
    }
    return next;
}

static void *run(void *ud)
{
    mp_pool *pool = ud;
    mp_timer *timer = &pool->timer;
    pthread_mutex_lock(&pool->lock);
    while (!timer->ending) {
        timer->waking = stop_due(timer, pool);
        mp_clock_cond_wait(&timer->wake, &pool->lock, timer->waking);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

mp_status mp__timer_start(mp_timer *timer, mp_pool *pool, mp_error *err)
{
    if (timer->started)
        return MP_OK;
    int code = mp__thread_start(&timer->thread, run, pool);
    if (code != 0)
        return mp_error_set(err, MP_THREAD,
                            "cannot start the thread for timeouts: %s",
                            strerror(code));
    timer->started = true;
    return MP_OK;
}

void mp__timer_destroy(mp_timer *timer, mp_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool started = timer->started;
    timer->ending = true;
    pthread_cond_signal(&timer->wake);
    pthread_mutex_unlock(&pool->lock);
    if (started)
        pthread_join(timer->thread, NULL);
    pthread_cond_destroy(&timer->wake);
}

/* Puts the job, which has a deadline, into the list. */
static void insert(mp_timer *timer, mp_job *job)
{
    job->timed = true;
    job->timed_previous = NULL;
    job->timed_following = timer->first;
    if (timer->first != NULL)
        timer->first->timed_previous = job;
    timer->first = job;
    if (job->deadline < timer->waking)
        pthread_cond_signal(&timer->wake);
}

void mp__timer_add(mp_timer *timer, mp_job *job)
{
    if (job->deadline == MP_NEVER)
        job->deadline = mp_clock_after(job->timeout);
    if (job->deadline != MP_NEVER)
        insert(timer, job);
}

void mp__timer_watch(mp_timer *timer, mp_pool *pool, mp_job *job)
{
    mp__timer_remove(timer, job);
    /* Without its thread a stop still works for all but single steps. */
    if (mp__timer_start(timer, pool, NULL) != MP_OK)
        return;
    job->deadline = mp_clock_now() + PATIENCE;
    insert(timer, job);
}

void mp__timer_remove(mp_timer *timer, mp_job *job)
{
    if (!job->timed)
        return;
    job->timed = false;
    if (job->timed_previous != NULL)
        job->timed_previous->timed_following = job->timed_following;
    else
        timer->first = job->timed_following;
    if (job->timed_following != NULL)
        job->timed_following->timed_previous = job->timed_previous;
}
