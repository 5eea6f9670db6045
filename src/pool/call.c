/* Call: one call of any Lua function, on one worker or once on each. And
 * set-up, which is a call of nothing: it makes each worker build its state. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "buffer/view.h"
#include "core/state.h"
#include "pool/chunks.h"
#include "pool/convert.h"
#include "pool/invoke.h"
#include "pool/job.h"
#include "pool/pool.h"

typedef struct call_job {
    mp_job job;
    char *message; /* owned; the arguments */
    size_t size;
    int nviews;
    mp_view *views;      /* owned */
    mp_message *results; /* owned; one a worker, or just one */
} call_job;

typedef struct session {
    call_job *call;
    mp_chunks chunks;
    mp_worker *worker;
    void **arrays; /* handles of the views */
} session;

/* The place for the results of this worker. */
static mp_message *results_of(const call_job *call, const mp_worker *worker)
{
    return &call->results[call->job.pinned ? worker->index : 0];
}

static int call_session(lua_State *L)
{
    session *s = lua_touserdata(L, 1);
    call_job *call = s->call;
    size_t limit = mp_state_of(L)->memory.limit;
    mp_reader reader = {call->message, call->message + call->size};
    mp__invoke_reserve(L, s->worker, call->nviews, LUA_MINSTACK);
    for (int k = 0; k < call->nviews; k++)
        s->arrays[k] = mp_arrays_bind(s->worker->arrays, k, &call->views[k]);
    if (!mp__chunks_next(&s->chunks))
        return 0;
    s->chunks.at = -1; /* A call has no elements. */
    /* The stream of math.random differs from call to call. */
    mp_state_of(L)->random.item = call->job.id << 16;
    mp_state_push_kernel(L, call->job.kernel);
    int function = lua_gettop(L);
    int nargs = mp__convert_push(L, &reader, s->arrays, call->nviews);
    lua_call(L, nargs, LUA_MULTRET);
    mp__convert_pull(L, function, results_of(call, s->worker), limit);
    mp__chunks_next(&s->chunks);
    return 0;
}

static mp_status call_work(mp_worker *worker, mp_job *job, mp_error *err)
{
    call_job *call = (call_job *)job;
    session s = {.call = call, .worker = worker};
    s.arrays = calloc((size_t)call->nviews + 1, sizeof *s.arrays);
    if (s.arrays == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a call");
    mp__chunks_init(&s.chunks, worker, job);
    mp_status status = mp__invoke_session(&s.chunks, call_session, &s, err);
    free(s.arrays);
    return status;
}

static void call_destroy(mp_job *job)
{
    call_job *call = (call_job *)job;
    int count = job->pinned ? mp_pool_workers(job->pool) : 1;
    for (int k = 0; call->results != NULL && k < count; k++)
        mp_message_destroy(&call->results[k]);
    free(call->results);
    free(call->views);
    free(call->message);
}

static const mp_job_ops call_ops = {.work = call_work, .destroy = call_destroy};

const char *mp_job_message(const mp_job *job, int worker, size_t *size)
{
    const mp_message *message = &((const call_job *)job)->results[worker];
    *size = message->size;
    return message->data;
}

static mp_status fill(call_job *call, const mp_call_spec *spec, mp_error *err)
{
    call->job.pinned = spec->broadcast;
    int count = spec->broadcast ? mp_pool_workers(call->job.pool) : 1;
    call->results = calloc((size_t)count, sizeof *call->results);
    call->message = malloc(spec->size + 1);
    call->views = calloc((size_t)spec->nviews + 1, sizeof *call->views);
    if (call->results == NULL || call->message == NULL || call->views == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a call");
    call->size = spec->size;
    memcpy(call->message, spec->message, spec->size);
    call->nviews = spec->nviews;
    for (int k = 0; k < spec->nviews; k++) {
        mp_status status = mp_view_check(&spec->views[k], err);
        if (status != MP_OK)
            return status;
        call->views[k] = spec->views[k];
    }
    return MP_OK;
}

mp_status mp_call_start(mp_pool *pool, const mp_call_spec *spec,
                        const mp_job_options *options, mp_job **out,
                        mp_error *err)
{
    mp_job *job;
    mp_status status = mp__job_new(sizeof(call_job), &call_ops, pool,
                                   spec->kernel, 0, NULL, options, &job, err);
    if (status != MP_OK)
        return status;
    job->end = 1;
    status = fill((call_job *)job, spec, err);
    if (status != MP_OK) {
        mp__job_release(job);
        return status;
    }
    return mp__pool_queue(pool, job, options, out, err);
}

/* The state is there already when this is called. */
static mp_status setup_work(mp_worker *worker, mp_job *job, mp_error *err)
{
    (void)err;
    mp_chunks chunks;
    mp__chunks_init(&chunks, worker, job);
    while (mp__chunks_next(&chunks))
        continue;
    return MP_OK;
}

static const mp_job_ops setup_ops = {.work = setup_work};

mp_status mp_setup_start(mp_pool *pool, const mp_job_options *options,
                         mp_job **out, mp_error *err)
{
    mp_job *job;
    mp_status status = mp__job_new(sizeof(mp_job), &setup_ops, pool, NULL, 0,
                                   NULL, options, &job, err);
    if (status != MP_OK)
        return status;
    job->pinned = true;
    return mp__pool_queue(pool, job, options, out, err);
}
