/* Workers: threads that own one Lua state each. */
#include "pool/worker.h"

#include <fenv.h>
#include <locale.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "pool/job.h"
#include "pool/pool.h"
#include "pool/queue.h"
#include "pool/thread.h"

/* ---- the Lua state ------------------------------------------------------ */

static void drop_state(mp_worker *worker)
{
    mp_state_free(worker->state);
    worker->state = NULL;
    mp_arrays_free(worker->arrays);
    worker->arrays = NULL;
    atomic_store_explicit(&worker->memory, 0, memory_order_relaxed);
}

static mp_status make_state(mp_worker *worker, mp_error *err)
{
    const mp_pool *pool = worker->pool;
    mp_status status = mp_arrays_new(&worker->arrays, err);
    if (status != MP_OK)
        return status;
    mp_state_options options = {
        .worker = worker->index + 1,
        .memory_limit = pool->memory_limit,
        .sandbox = pool->sandbox,
        .open = mp_array_open,
        .arrays = worker->arrays,
#ifdef MP_HARD
        .fail_after =
            atomic_load_explicit(&worker->fail_after, memory_order_relaxed),
#endif
    };
    status = mp_state_new(&options, &worker->guard, &worker->state, err);
    if (status != MP_OK)
        drop_state(worker);
    else
        atomic_fetch_add_explicit(&worker->states, 1, memory_order_relaxed);
    return status;
}

/* Relaxed: statistics. */
static void note_memory(mp_worker *worker)
{
    const mp_memory *memory = &worker->state->memory;
    atomic_store_explicit(&worker->memory, (int64_t)mp_memory_used(memory),
                          memory_order_relaxed);
    int64_t peak = (int64_t)mp_memory_peak(memory);
    if (peak > atomic_load_explicit(&worker->peak, memory_order_relaxed))
        atomic_store_explicit(&worker->peak, peak, memory_order_relaxed);
}

/* A full collection: protected, since what trusted code made may have
 * finalizers, which can fail. */
static int collect(lua_State *L)
{
    lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}

/* Runs the setup in a new state, and notes what it left. */
static mp_status set_up(mp_worker *worker, mp_error *err)
{
    mp_state *state = worker->state;
    const mp_kernel *setup = worker->pool->setup;
    mp_status status = MP_OK;
    if (setup != NULL)
        status = mp_state_setup(state, setup, err);
    if (setup != NULL && status == MP_OK)
        mp_state_call(state, collect, NULL, NULL);
    worker->base = mp_memory_used(&state->memory);
    return status;
}

/* Whether more than this part of what the setup left free is in use. */
static bool is_full(const mp_worker *worker, size_t part)
{
    const mp_memory *memory = &worker->state->memory;
    size_t used = mp_memory_used(memory);
    return used > worker->base &&
           used - worker->base > (memory->limit - worker->base) / part;
}

/* What a job may leave in a state, so that no other job lacks it: one part in
 * so many. */
#define KEPT_PART 2
#define KEPT_PART_CUT_OFF 4

static bool is_cut_off(mp_status status)
{
    return status != MP_OK && status != MP_LUA;
}

/* At the end of a job's step: what is garbage is not left behind. This is a
 * part of the job still, whose kernel may have prepared it to take for ever. */
static void collect_garbage(mp_worker *worker, const mp_job *job,
                            mp_status status)
{
    if (!is_cut_off(status) && !mp__job_stopped(job) &&
        is_full(worker, KEPT_PART))
        mp_state_call(worker->state, collect, NULL, NULL);
}

/* After a job: gives back what it left behind. A kernel that was cut off is
 * forgotten, and a state in which much is left is replaced; not collected, for
 * nobody would stop that any more. A state for which the process had no memory
 * is replaced too, since everybody else lacks it. */
static void tidy_state(mp_worker *worker, const mp_job *job, mp_status status)
{
    bool cut_off = is_cut_off(status);
    if (cut_off && job->kernel != NULL)
        mp_state_forget(worker->state, job->kernel);
    if (worker->state->memory.starved ||
        is_full(worker, cut_off ? KEPT_PART_CUT_OFF : KEPT_PART))
        drop_state(worker);
}

/* ---- running jobs ------------------------------------------------------- */

mp_status mp__worker_in_lua(mp_worker *worker, mp_job *job,
                            mp_worker_body *body, void *ud, mp_error *err)
{
    mp_status status = MP_OK;
    bool fresh = worker->state == NULL;
    if (fresh)
        status = make_state(worker, err);
    if (status != MP_OK)
        return status;
    /* A state is of no use before all of its setup has run. */
    bool ready = !fresh;
    mp_guard_enter(&worker->guard, worker->state->L, job);
    if (!ready && !mp__job_stopped(job)) {
        status = set_up(worker, err);
        ready = status == MP_OK && !worker->state->torn;
    }
    if (ready && !mp__job_stopped(job)) {
        status = body(worker, job, ud, err);
        collect_garbage(worker, job, status);
    }
    mp_guard_leave(&worker->guard);
    note_memory(worker);
    if (!ready || worker->state->torn)
        drop_state(worker);
    return status;
}

/* One of a job's `work` and `finish`. */
typedef mp_status job_step(mp_worker *worker, mp_job *job, mp_error *err);

static mp_status call_step(mp_worker *worker, mp_job *job, void *ud,
                           mp_error *err)
{
    job_step **step = ud;
    return (*step)(worker, job, err);
}

static mp_status run_step(mp_worker *worker, mp_job *job, job_step *step,
                          mp_error *err)
{
    if (mp__job_compiled(job))
        return step(worker, job, err);
    return mp__worker_in_lua(worker, job, call_step, &step, err);
}

/* With the lock held, also at the end: how many workers are to stay awake. One
 * fewer than there are where a thread that waits helps: it has a CPU too. */
static int run_job(mp_worker *worker, mp_job *job)
{
    mp_pool *pool = worker->pool;
    job_step *step = job->ops->work;
    mp__job_retain(job);
    worker->job = job;
    mp_status status;
    do {
        pthread_mutex_unlock(&pool->lock);
        mp_error err;
        status = run_step(worker, job, step, &err);
        pthread_mutex_lock(&pool->lock);
        if (status != MP_OK)
            mp__queue_stop(pool, job, &err);
        step = job->ops->finish;
    } while (mp__queue_leave(pool, job));
    worker->job = NULL;
    int lively = pool->nworkers - job->attended;
    pthread_mutex_unlock(&pool->lock);
    if (worker->state != NULL)
        tidy_state(worker, job, status);
#ifdef MP_HARD
    if (worker->state != NULL)
        mp_state_call(worker->state, collect, NULL, NULL);
#endif
    mp__job_release(job);
    pthread_mutex_lock(&pool->lock);
    worker->cpu = sched_getcpu();
    return lively;
}

static void *run(void *ud)
{
    mp_worker *worker = ud;
    mp_pool *pool = worker->pool;
    /* Numbers are read and printed as in C, and rounded to nearest, whatever
     * the rest of the process does. */
    uselocale(pool->locale);
    fesetenv(FE_DFL_ENV);
    mp_escape_open(&worker->guard.escape);
    int lively = 0;
    pthread_mutex_lock(&pool->lock);
    worker->id = gettid();
    worker->cpu = sched_getcpu();
    while (!pool->stopping) {
        mp_job *job = mp__queue_take(pool, worker);
        if (job != NULL) {
            lively = run_job(worker, job);
        } else {
            mp__idle_wait(&pool->idle, &pool->lock, lively);
            lively = 0;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (worker->state != NULL)
        drop_state(worker);
    return NULL;
}

/* ---- life --------------------------------------------------------------- */

static void destroy(mp_worker *worker)
{
    mp_spans_destroy(&worker->spans);
    mp_guard_destroy(&worker->guard);
}

mp_status mp__worker_start(mp_worker *worker, mp_pool *pool, int index,
                           mp_error *err)
{
    worker->pool = pool;
    worker->index = index;
    mp_status status = mp_guard_init(&worker->guard, err);
    if (status != MP_OK)
        return status;
    int code = mp_spans_init(&worker->spans);
    if (code != 0) {
        mp_guard_destroy(&worker->guard);
        return mp_error_set(err, MP_NO_MEMORY, "cannot make a mutex: %s",
                            strerror(code));
    }
    code = mp__thread_start(&worker->thread, run, worker);
    if (code != 0) {
        destroy(worker);
        return mp_error_set(err, MP_THREAD,
                            "cannot start worker %d of %d: %s; ask for fewer "
                            "workers or raise the limit on threads",
                            index + 1, pool->nworkers, strerror(code));
    }
    return MP_OK;
}

void mp__worker_join(mp_worker *worker)
{
    pthread_join(worker->thread, NULL);
    destroy(worker);
}
