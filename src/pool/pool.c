/* The pool: its life, how jobs come into it, and news of those that ended. */
#include "pool/pool.h"

#include <stdlib.h>
#include <string.h>

#include "pool/clock.h"
#include "pool/job.h"
#include "pool/queue.h"

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
    mp__queue_add(pool, job);
    pthread_mutex_unlock(&pool->lock);
    return MP_OK;
}

void mp_pool_cancel(mp_pool *pool)
{
    mp_error err;
    mp_error_set(&err, MP_CANCELLED, "%s", mp_status_text(MP_CANCELLED));
    pthread_mutex_lock(&pool->lock);
    while (pool->first != NULL)
        mp__queue_stop(pool, pool->first, &err);
    for (int i = 0; i < pool->nworkers; i++) {
        if (pool->workers[i].job != NULL)
            mp__queue_stop(pool, pool->workers[i].job, &err);
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
