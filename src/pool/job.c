/* Jobs: their life, and what a caller can ask of them. */
#include "pool/job.h"

#include <stdlib.h>
#include <string.h>

#include "pool/clock.h"
#include "pool/help.h"
#include "pool/pool.h"
#include "pool/queue.h"

/* ---- life --------------------------------------------------------------- */

static void destroy(mp_job *job)
{
    if (job->ops->destroy != NULL)
        job->ops->destroy(job);
    mp_args_destroy(&job->args);
    mp_native_release(job->native);
    mp_kernel_release(job->kernel);
    pthread_cond_destroy(&job->ended);
    free(job->taken);
    free(job->results);
    free(job);
}

static void apply_options(mp_job *job, const mp_job_options *options)
{
    job->timeout = job->pool->timeout;
    if (options == NULL)
        return;
    if (options->timeout != 0)
        job->timeout = options->timeout;
    if (options->after != NULL) {
        job->timeout = options->after->timeout;
        job->deadline = options->after->deadline;
    }
    job->notify = options->notify;
    job->attended = options->attended;
    job->tag = options->tag;
}

/* Where items are elements no line of the caches is in two shares. */
#define ELEMENTS 1024

mp_status mp__job_new(size_t size, const mp_job_ops *ops, mp_pool *pool,
                      mp_kernel *kernel, int nargs, const mp_arg *args,
                      const mp_job_options *options, mp_job **out,
                      mp_error *err)
{
    mp_job *job = calloc(1, size);
    if (job == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a job");
    int code = mp_clock_cond_init(&job->ended);
    if (code != 0) {
        free(job);
        return mp_error_set(err, MP_NO_MEMORY, "cannot make a condition: %s",
                            strerror(code));
    }
    mp_status status = mp_args_init(&job->args, nargs, args, err);
    if (status != MP_OK) {
        pthread_cond_destroy(&job->ended);
        free(job);
        return status;
    }
    job->ops = ops;
    job->pool = mp__pool_retain(pool);
    job->kernel = kernel != NULL ? mp_kernel_retain(kernel) : NULL;
    atomic_init(&job->references, 1);
    job->deadline = MP_NEVER;
    job->grain = ELEMENTS;
    job->first = -1;
    job->error.index = -1;
    apply_options(job, options);
    *out = job;
    return MP_OK;
}

mp_job *mp__job_retain(mp_job *job)
{
    /* Relaxed: who retains holds a reference already. */
    atomic_fetch_add_explicit(&job->references, 1, memory_order_relaxed);
    return job;
}

void mp__job_release(mp_job *job)
{
    /* Release, then acquire: the last one sees what the others did. */
    if (atomic_fetch_sub_explicit(&job->references, 1, memory_order_acq_rel) !=
        1)
        return;
    mp_pool *pool = job->pool;
    destroy(job);
    mp__pool_release(pool);
}

/* Fewer are not shared. */
#define LEAST_GRAINS 32

void mp__job_share(mp_job *job)
{
    int count = 1;
    if (job->ops->stateless && mp__job_compiled(job) &&
        job->end >= LEAST_GRAINS * job->grain)
        count = job->pool->nworkers;
    if (count > MP_SHARES)
        count = MP_SHARES;
    int64_t at = atomic_load_explicit(&job->next, memory_order_relaxed);
    int64_t size = (job->end - at) / count / job->grain * job->grain;
    job->nshares = count;
    job->kept = count > 1 && job->attended && mp__help_fits(job) ? 1 : 0;
    for (int k = 0; k < count; k++) {
        atomic_init(&job->shares[k].next, at);
        at = k == count - 1 ? job->end : at + size;
        job->shares[k].end = at;
    }
}

int mp__job_begin_share(mp_job *job, int worker, bool helps)
{
    int wanted = helps ? 0 : job->kept + worker % (job->nshares - job->kept);
    /* Relaxed: nothing but speed depends on it. */
    for (int k = 0; k < job->nshares; k++) {
        int number = (wanted + k) % job->nshares;
        if (!atomic_exchange_explicit(&job->shares[number].begun, true,
                                      memory_order_relaxed))
            return number;
    }
    return wanted;
}

mp_status mp__job_results(mp_job *job, int64_t count, mp_error *err)
{
    job->results = calloc((size_t)count + 1, sizeof *job->results);
    if (job->results == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for %lld results",
                            (long long)count);
    job->nresults = count;
    return MP_OK;
}

void mp_job_abandon(mp_job *job)
{
    if (job != NULL)
        destroy(job);
}

/* Whether it has ended, without the lock: then its end can be read as well. */
static bool is_over(const mp_job *job)
{
    /* Acquire: what was written until then. */
    return atomic_load_explicit(&job->over, memory_order_acquire);
}

/* Out of the pool's list of ended jobs. */
static void unlist(mp_pool *pool, mp_job *job)
{
    pthread_mutex_lock(&pool->lock);
    if (job->listed) {
        mp_job **at = &pool->ended_first;
        mp_job *before = NULL;
        while (*at != job) {
            before = *at;
            at = &before->ended_following;
        }
        *at = job->ended_following;
        if (pool->ended_last == job)
            pool->ended_last = before;
        job->listed = false;
    }
    pthread_mutex_unlock(&pool->lock);
}

void mp_job_free(mp_job *job)
{
    if (job == NULL)
        return;
    if (!is_over(job)) {
        mp_job_stop(job, MP_CANCELLED);
        mp_job_wait(job, -1);
    }
    if (job->notify)
        unlist(job->pool, job);
    mp__job_release(job);
}

/* ---- waiting and stopping ----------------------------------------------- */

bool mp_job_wait(mp_job *job, double seconds)
{
    int64_t deadline = mp_clock_after(seconds);
    mp__help(job, deadline);
    if (is_over(job))
        return true; /* The worker that has ended it may hold the lock still. */
    pthread_mutex_lock(&job->pool->lock);
    while (job->phase != MP_ENDED &&
           (deadline == MP_NEVER || mp_clock_now() < deadline))
        mp_clock_cond_wait(&job->ended, &job->pool->lock, deadline);
    bool ended = job->phase == MP_ENDED;
    pthread_mutex_unlock(&job->pool->lock);
    return ended;
}

void mp_job_stop(mp_job *job, mp_status status)
{
    mp_error err;
    if (status == MP_TIMEOUT)
        mp__timer_error(job, &err);
    else
        mp_error_set(&err, status, "%s", mp_status_text(status));
    mp_pool *pool = job->pool; /* Whoever waits for its end may free the job. */
    pthread_mutex_lock(&pool->lock);
    mp__queue_stop(pool, job, &err);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- questions ---------------------------------------------------------- */

mp_phase mp_job_phase(const mp_job *job)
{
    pthread_mutex_lock(&job->pool->lock);
    mp_phase phase = job->phase;
    pthread_mutex_unlock(&job->pool->lock);
    return phase;
}

void mp_job_progress(const mp_job *job, int64_t *done, int64_t *total)
{
    *done = atomic_load_explicit(&job->done, memory_order_relaxed);
    *total = job->end;
}

mp_status mp_job_status(const mp_job *job)
{
    return job->error.status;
}

const mp_error *mp_job_error(const mp_job *job)
{
    return &job->error;
}

const mp_value *mp_job_results(const mp_job *job, int64_t *count)
{
    *count = job->nresults;
    return job->results;
}

int64_t mp_job_first(const mp_job *job)
{
    return job->first;
}

bool mp_job_native(const mp_job *job)
{
    return mp__job_compiled(job);
}

const mp_refusal *mp_job_refusal(const mp_job *job)
{
    bool refused = job->native != NULL && job->native->code == NULL;
    return refused ? &job->native->refusal : NULL;
}

uintptr_t mp_job_tag(const mp_job *job)
{
    return job->tag;
}
