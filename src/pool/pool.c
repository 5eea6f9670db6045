/* The pool: its life, its queue, and the end of jobs. */
#include "pool/pool.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "pool/clock.h"
#include "pool/help.h"
#include "pool/job.h"

/* ---- life --------------------------------------------------------------- */

#define DEFAULT_MEMORY_LIMIT ((size_t)256 * 1024 * 1024)
#define MAX_WORKERS 4096

void mp_pool_options_init(mp_pool_options *options)
{
    *options = (mp_pool_options){
        .memory_limit = DEFAULT_MEMORY_LIMIT,
        .sandbox = true,
    };
}

mp_pool *mp__pool_retain(mp_pool *pool)
{
    /* Relaxed: who retains holds a reference already. */
    atomic_fetch_add_explicit(&pool->references, 1, memory_order_relaxed);
    return pool;
}

void mp__pool_release(mp_pool *pool)
{
    /* Release, then acquire: the last one sees what the others did. */
    if (atomic_fetch_sub_explicit(&pool->references, 1, memory_order_acq_rel) !=
        1)
        return;
    mp_spans_destroy(&mp__pool_callers(pool)->spans);
    pthread_cond_destroy(&pool->notify);
    mp__idle_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->lock);
    mp_kernel_release(pool->setup);
    free(pool->workers);
    free(pool);
}

static mp_status check_options(const mp_pool_options *options, mp_error *err)
{
    if (options->workers < 0 || options->workers > MAX_WORKERS)
        return mp_error_set(err, MP_VALUE, "%d workers: there must be 1 to %d",
                            options->workers, MAX_WORKERS);
    if (!(options->timeout >= 0))
        return mp_error_set(err, MP_VALUE,
                            "a timeout of %g s: it must not be negative",
                            options->timeout);
    return MP_OK;
}

/* Everything that can be missing but the threads. */
static mp_status init_parts(mp_pool *pool, const mp_pool_options *options,
                            mp_error *err)
{
    size_t rows = (size_t)pool->nworkers + 1;
    pool->workers = calloc(rows, sizeof *pool->workers);
    pool->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (pool->workers == NULL || pool->locale == (locale_t)0)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a pool");
    if (options->setup == NULL)
        return MP_OK;
    mp_kernel_options named = {.name = "setup"};
    return mp_kernel_new(options->setup, options->setup_size, &named,
                         &pool->setup, err);
}

/* It is held for moments: who misses it tries again before it sleeps. */
static int init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;
    int code = pthread_mutexattr_init(&attr);
    if (code != 0)
        return code;
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
    code = pthread_mutex_init(lock, &attr);
    pthread_mutexattr_destroy(&attr);
    return code;
}

static mp_status init_locks(mp_pool *pool, mp_error *err)
{
    int code = init_lock(&pool->lock);
    if (code != 0)
        goto fail;
    code = mp__idle_init(&pool->idle, pool->nworkers);
    if (code != 0)
        goto fail_lock;
    code = mp_clock_cond_init(&pool->notify);
    if (code != 0)
        goto fail_idle;
    code = mp_spans_init(&mp__pool_callers(pool)->spans);
    if (code != 0)
        goto fail_notify;
    code = mp__timer_init(&pool->timer);
    if (code == 0)
        return MP_OK;
    mp_spans_destroy(&mp__pool_callers(pool)->spans);
fail_notify:
    pthread_cond_destroy(&pool->notify);
fail_idle:
    mp__idle_destroy(&pool->idle);
fail_lock:
    pthread_mutex_destroy(&pool->lock);
fail:
    return mp_error_set(err, MP_NO_MEMORY, "cannot make a lock: %s",
                        strerror(code));
}

static void free_parts(mp_pool *pool)
{
    if (pool->locale != (locale_t)0)
        freelocale(pool->locale);
    mp_kernel_release(pool->setup);
    free(pool->workers);
    free(pool);
}

/* Ends the first `nworkers` workers and the timer. */
static void stop_threads(mp_pool *pool, int nworkers)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    atomic_store_explicit(&pool->closed, true, memory_order_relaxed);
    mp__idle_call_all(&pool->idle);
    pthread_cond_broadcast(&pool->notify);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < nworkers; i++)
        mp__worker_join(&pool->workers[i]);
    mp__timer_destroy(&pool->timer, pool);
    freelocale(pool->locale);
}

mp_status mp_pool_new(const mp_pool_options *options, mp_pool **out,
                      mp_error *err)
{
    mp_status status = check_options(options, err);
    if (status != MP_OK)
        return status;
    mp_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a pool");
    pool->nworkers =
        options->workers > 0 ? options->workers : mp_worker_count(NULL);
    pool->memory_limit = options->memory_limit;
    pool->timeout = options->timeout;
    pool->sandbox = options->sandbox;
    atomic_init(&pool->references, 1);
    status = init_parts(pool, options, err);
    if (status == MP_OK)
        status = init_locks(pool, err);
    if (status != MP_OK) {
        free_parts(pool);
        return status;
    }
    mp__pool_callers(pool)->pool = pool;
    for (int i = 0; i < pool->nworkers; i++) {
        status = mp__worker_start(&pool->workers[i], pool, i, err);
        if (status != MP_OK) {
            stop_threads(pool, i);
            mp__pool_release(pool);
            return status;
        }
    }
    *out = pool;
    return MP_OK;
}

void mp_pool_close(mp_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_store_explicit(&pool->closed, true, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
}

void mp_pool_free(mp_pool *pool)
{
    if (pool == NULL)
        return;
    mp_pool_close(pool);
    mp_pool_cancel(pool);
    stop_threads(pool, pool->nworkers);
    mp__pool_release(pool);
}

void mp_pool_abandon(mp_pool *pool)
{
    /* Its threads are gone and its locks may be taken for ever: there is
     * nothing that could be done with it. */
    (void)pool;
}

/* ---- the queue, with the lock held -------------------------------------- */

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

/* The job has ended: tells everybody, and gives up the pool's reference. */
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

void mp__pool_enter(mp_pool *pool, mp_job *job)
{
    pool->atwork++;
    job->active++;
    if (job->phase == MP_WAITING) {
        job->phase = MP_RUNNING;
        if (job->timeout > 0 && !job->timed)
            mp__timer_add(&pool->timer, job);
    }
}

mp_job *mp__pool_take(mp_pool *pool, mp_worker *worker)
{
    mp_job *following;
    if (mp__pool_full(pool))
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
        mp__pool_enter(pool, job);
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

void mp__pool_stop(mp_pool *pool, mp_job *job, const mp_error *err)
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

bool mp__pool_leave(mp_pool *pool, mp_job *job)
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

/* ---- queueing ----------------------------------------------------------- */

static mp_status admit(mp_pool *pool, mp_job *job, bool lazy, mp_error *err)
{
    if (atomic_load_explicit(&pool->closed, memory_order_relaxed))
        return mp_error_set(err, MP_CLOSED,
                            "the pool is closed: it takes no more jobs");
    if (job->timeout > 0) {
        mp_status status = mp__timer_start(&pool->timer, pool, err);
        if (status != MP_OK)
            return status;
        if (!lazy || job->deadline != MP_NEVER)
            mp__timer_add(&pool->timer, job);
    }
    job->id = mp__pool_number(pool);
    return MP_OK;
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

mp_status mp__pool_queue(mp_pool *pool, mp_job *job,
                         const mp_job_options *options, mp_job **out,
                         mp_error *err)
{
    if (job->pinned) {
        job->end = pool->nworkers;
        job->taken = calloc((size_t)pool->nworkers, 1);
        if (job->taken == NULL) {
            mp__job_release(job);
            return mp_error_set(err, MP_NO_MEMORY, "no memory for a job");
        }
    }
    mp__job_share(job);
    bool lazy = options != NULL && options->lazy_deadline;
    pthread_mutex_lock(&pool->lock);
    mp_status status = admit(pool, job, lazy, err);
    if (status != MP_OK) {
        pthread_mutex_unlock(&pool->lock);
        mp__job_release(job);
        return status;
    }
    *out = job;
    if (mp__job_exhausted(job)) {
        end(pool, job); /* No items: it has ended before it began. */
    } else {
        mp__job_retain(job); /* The pool's reference. */
        append(pool, job);
        if (job->deadline <= mp_clock_now()) {
            mp_error late;
            mp__timer_error(job, &late);
            mp__pool_stop(pool, job, &late);
        } else {
            call_workers(pool, job);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return MP_OK;
}

void mp_pool_cancel(mp_pool *pool)
{
    mp_error err;
    mp_error_set(&err, MP_CANCELLED, "%s", mp_status_text(MP_CANCELLED));
    pthread_mutex_lock(&pool->lock);
    while (pool->first != NULL)
        mp__pool_stop(pool, pool->first, &err);
    for (int i = 0; i < pool->nworkers; i++) {
        if (pool->workers[i].job != NULL)
            mp__pool_stop(pool, pool->workers[i].job, &err);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* ---- ended jobs --------------------------------------------------------- */

mp_job *mp_pool_next_ended(mp_pool *pool, double seconds)
{
    int64_t deadline = mp_clock_after(seconds);
    mp__pool_retain(pool); /* It may be freed while this waits. */
    pthread_mutex_lock(&pool->lock);
    uint64_t wakes = pool->wakes;
    while (pool->ended_first == NULL && !pool->stopping &&
           pool->wakes == wakes &&
           (deadline == MP_NEVER || mp_clock_now() < deadline))
        mp_clock_cond_wait(&pool->notify, &pool->lock, deadline);
    mp_job *job = pool->ended_first;
    if (job != NULL) {
        pool->ended_first = job->ended_following;
        if (pool->ended_first == NULL)
            pool->ended_last = NULL;
        job->listed = false;
    }
    pthread_mutex_unlock(&pool->lock);
    mp__pool_release(pool);
    return job;
}

void mp_pool_wake(mp_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->wakes++;
    pthread_cond_broadcast(&pool->notify);
    pthread_mutex_unlock(&pool->lock);
}

/* ---- questions ---------------------------------------------------------- */

int mp_pool_workers(const mp_pool *pool)
{
    return pool->nworkers;
}

static int64_t get(const _Atomic int64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void mp_pool_stats(const mp_pool *pool, int worker, mp_worker_stats *out)
{
    const mp_worker *w = &pool->workers[worker];
    *out = (mp_worker_stats){
        .chunks = get(&w->chunks),
        .items = get(&w->items),
        .native = get(&w->native),
        .busy = (double)get(&w->busy) * 1e-9,
        .memory = get(&w->memory),
        .memory_peak = get(&w->peak),
        .states = get(&w->states),
    };
}

int mp_pool_trace(const mp_pool *pool, int worker, mp_span *out, int capacity)
{
    return mp_spans_copy(&pool->workers[worker].spans, worker, out, capacity);
}
