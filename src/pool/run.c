/* Run: a kernel over an index space, with whole arrays to read and write. */
#include <lauxlib.h>

#include "buffer/loop.h"
#include "core/state.h"
#include "pool/chunks.h"
#include "pool/invoke.h"
#include "pool/pool.h"
#include "pool/runjob.h"

/* Stack indices of a session: its argument, the function, the arguments. */
enum { FUNCTION = 2, FIRST = 3 };

typedef struct session {
    const mp_run_job *run;
    mp_chunks chunks;
    mp_arrays *arrays;
} session;

/* Pushes what every item gets: arrays bound once a session, and values.
 * [-0, +n, e] */
static void push_arguments(lua_State *L, const session *s)
{
    const mp_args *args = &s->run->job.args;
    int slot = 0;
    for (int k = 0; k < args->count; k++) {
        if (args->arg[k].view != NULL)
            lua_pushlightuserdata(
                L, mp_arrays_bind(s->arrays, slot++, args->arg[k].view));
        else
            mp_args_push_value(L, args->arg[k].value);
    }
}

void mp__run_unravel(const mp_shape *extent, int64_t flat, int64_t *index)
{
    for (int d = extent->ndim - 1; d > 0; d--) {
        index[d] = flat % extent->extent[d] + 1;
        flat /= extent->extent[d];
    }
    index[0] = flat + 1;
}

static void step(const mp_shape *extent, int64_t *index)
{
    int d = extent->ndim - 1;
    while (d > 0 && index[d] == extent->extent[d])
        index[d--] = 1;
    index[d]++;
}

/* [-0, +0, e] */
static void run_chunk(lua_State *L, session *s)
{
    const mp_shape *extent = &s->run->extent;
    mp_random *random = &mp_state_of(L)->random;
    int count = s->run->job.args.count;
    int64_t index[MP_RUN_NDIM];
    mp__run_unravel(extent, s->chunks.lo, index);
    for (; s->chunks.at < s->chunks.hi; s->chunks.at++) {
        random->item = (uint64_t)s->chunks.at;
        lua_pushvalue(L, FUNCTION);
        for (int d = 0; d < extent->ndim; d++)
            lua_pushinteger(L, index[d]);
        for (int k = 0; k < count; k++)
            lua_pushvalue(L, FIRST + k);
        lua_call(L, extent->ndim + count, 0);
        step(extent, index);
    }
}

/* Function and arguments onto the stack. [-0, +n, e] */
static void begin_session(lua_State *L, const session *s)
{
    const mp_args *args = &s->run->job.args;
    int nargs = s->run->extent.ndim + args->count;
    mp__invoke_reserve(L, s->chunks.worker, args->nviews,
                       2 * nargs + LUA_MINSTACK);
    mp__invoke_push(L, s->run->job.kernel, nargs);
    push_arguments(L, s);
}

static int run_session(lua_State *L)
{
    session *s = lua_touserdata(L, 1);
    begin_session(L, s);
    while (mp__chunks_next(&s->chunks))
        run_chunk(L, s);
    return 0;
}

static mp_status run_work(mp_worker *worker, mp_job *job, mp_error *err)
{
    session s = {.run = (mp_run_job *)job, .arrays = worker->arrays};
    mp__chunks_init(&s.chunks, worker, job);
    return mp__invoke_session(&s.chunks, run_session, &s, err);
}

static int replay_session(lua_State *L)
{
    session *s = lua_touserdata(L, 1);
    begin_session(L, s);
    run_chunk(L, s);
    return 0;
}

static mp_status replay(mp_worker *worker, mp_job *job, void *ud, mp_error *err)
{
    session *s = ud;
    (void)job;
    s->arrays = worker->arrays;
    return mp__invoke_session(&s->chunks, replay_session, s, err);
}

mp_status mp__run_replay(const mp_chunks *chunks, int64_t lo, int64_t hi,
                         mp_error *err)
{
    mp_job *job = chunks->job;
    session s = {.run = (mp_run_job *)job, .chunks = *chunks};
    s.chunks.lo = lo;
    s.chunks.hi = hi;
    s.chunks.at = lo;
    return mp__worker_in_lua(chunks->worker, job, replay, &s, err);
}

static const mp_job_ops run_ops = {.work = run_work};
static const mp_job_ops native_ops = {.work = mp__run_native,
                                      .stateless = true};

mp_status mp_run_start(mp_pool *pool, const mp_run_spec *spec,
                       const mp_job_options *options, mp_job **out,
                       mp_error *err)
{
    int ndim = spec->extent.ndim;
    int64_t size;
    if (ndim < 1 || ndim > MP_RUN_NDIM)
        return mp_error_set(err, MP_VALUE,
                            "an extent of %d dimensions: give 1 to %d", ndim,
                            MP_RUN_NDIM);
    for (int d = 0; d < ndim; d++) {
        if (spec->extent.extent[d] < 0)
            return mp_error_set(err, MP_VALUE,
                                "an extent of %lld: it must not be negative",
                                (long long)spec->extent.extent[d]);
    }
    mp_status status = mp_shape_size(&spec->extent, &size, err);
    if (status != MP_OK)
        return status;
    mp_job *job;
    status = mp__job_new(sizeof(mp_run_job), &run_ops, pool, spec->kernel,
                         spec->nargs, spec->args, options, &job, err);
    if (status != MP_OK)
        return status;
    mp_run_job *run = (mp_run_job *)job;
    run->extent = spec->extent;
    job->end = size;
    status = mp__run_choose(run, options, err);
    if (status != MP_OK) {
        mp__job_release(job);
        return status;
    }
    if (mp__job_compiled(job))
        job->ops = &native_ops;
    return mp__pool_queue(pool, job, options, out, err);
}
