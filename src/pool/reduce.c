/* Reduce: folds of a kernel over blocks of elements, combined in a tree.
 *
 * An item of the job is one block of one fold. Each writes its accumulators
 * to a place of its own; when all are done, one worker combines them. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "buffer/element.h"
#include "core/state.h"
#include "pool/chunks.h"
#include "pool/combine.h"
#include "pool/invoke.h"
#include "pool/pool.h"
#include "pool/reducejob.h"

/* Stack indices of a session: its argument, the function, then the values
 * that are the same for all elements at FIRST + number of the argument. */
enum { FUNCTION = 2, FIRST = 3 };

typedef struct session {
    mp_reduce_job *reduce;
    mp_chunks chunks;
    int64_t lo, hi; /* of a replay: the blocks */
    bool drop;      /* a replay for its error only */
    char *at[MP_MAX_ARGS];
    mp_value lanes[MP_LANES * MP_MAX_ARGS];
} session;

/* ---- folding a block, in Lua -------------------------------------------- */

/* Takes the results above `base` off the stack as accumulators.
 * [-n, +0, e] */
static void take_accumulators(lua_State *L, int base, int naccs, mp_value *accs)
{
    if (lua_gettop(L) != base + naccs)
        mp__invoke_bad_count(L, lua_gettop(L) - base, naccs);
    for (int k = 0; k < naccs; k++) {
        mp_value value = mp_args_to_value(L, base + 1 + k);
        if (value.kind == MP_KIND_NIL || value.kind == MP_KIND_STRING)
            mp__invoke_bad_result(L, base + 1 + k, k + 1);
        accs[k] = value;
    }
    lua_settop(L, base);
}

/* accs = kernel(accs, elements). [-0, +0, e] */
static void fold_element(lua_State *L, session *s, mp_value *accs)
{
    /* No hook fires where the kernel is a C function, such as math.max, and a
     * block may be all of the array. */
    mp_guard_poll(L);
    const mp_reduce_job *r = s->reduce;
    const mp_args *args = &r->job.args;
    int base = lua_gettop(L);
    lua_pushvalue(L, FUNCTION);
    for (int k = 0; k < r->naccs; k++)
        mp_args_push_value(L, accs[k]);
    for (int k = 0; k < args->count; k++) {
        int i = r->operand[k];
        if (i < 0)
            lua_pushvalue(L, FIRST + k);
        else
            mp_element_push(L, r->loop.operands[i].dtype,
                            r->loop.operands[i].swapped, s->at[i]);
    }
    lua_call(L, r->naccs + args->count, LUA_MULTRET);
    take_accumulators(L, base, r->naccs, accs);
}

/* Elements lo to hi of the flat space, a block, into the lanes.
 * [-0, +0, e] */
static void fold_elements(lua_State *L, session *s, int64_t lo, int64_t hi)
{
    const mp_reduce_job *r = s->reduce;
    const mp_loop *loop = &r->loop;
    mp_random *random = &mp_state_of(L)->random;
    mp_cursor cursor;
    int64_t i = lo;
    while (i < hi) {
        mp_cursor_seek(loop, &cursor, i);
        int64_t count = mp_cursor_run(loop, &cursor);
        if (count > hi - i)
            count = hi - i;
        memcpy(s->at, cursor.at, (size_t)loop->noperands * sizeof *s->at);
        for (int64_t n = 0; n < count; n++, i++) {
            int64_t lane = mp__fold_lane(&r->fold, i - lo);
            s->chunks.at = i;
            random->item = (uint64_t)i;
            fold_element(L, s, &s->lanes[lane * r->naccs]);
            for (int k = 0; k < loop->noperands; k++)
                s->at[k] += loop->operands[k].strides[loop->ndim - 1];
        }
    }
}

/* One item: a block of a fold. [-0, +0, e] */
static void fold_block(lua_State *L, session *s, int64_t item)
{
    mp_reduce_job *r = s->reduce;
    const mp_fold *fold = &r->fold;
    size_t group = (size_t)r->naccs * sizeof(mp_value);
    int64_t lo, hi;
    mp__fold_range(fold, item, &lo, &hi);
    int64_t lanes = hi - lo < fold->lanes ? hi - lo : fold->lanes;
    if (lanes == 0)
        lanes = 1;
    for (int64_t lane = 0; lane < lanes; lane++)
        memcpy(&s->lanes[lane * r->naccs], r->init, group);
    fold_elements(L, s, lo, hi);
    mp_error err;
    if (lanes > 1 &&
        mp__combine_tree(r->combine, s->lanes, lanes, r->naccs, &err) != MP_OK)
        luaL_error(L, "%s", err.message);
    if (!s->drop)
        memcpy(&r->partial[item * r->naccs], s->lanes, group);
}

/* Function and arguments onto the stack. [-0, +n, e] */
static void begin_session(lua_State *L, const session *s)
{
    const mp_reduce_job *r = s->reduce;
    const mp_args *args = &r->job.args;
    int nargs = r->naccs + args->count;
    mp__invoke_reserve(L, s->chunks.worker, 0,
                       nargs + args->count + r->naccs + LUA_MINSTACK);
    mp__invoke_push(L, r->job.kernel, nargs);
    for (int k = 0; k < args->count; k++) {
        if (r->operand[k] < 0)
            mp_args_push_value(L, args->arg[k].value);
        else
            lua_pushnil(L);
    }
}

static void fold_blocks(lua_State *L, session *s, int64_t lo, int64_t hi)
{
    for (int64_t item = lo; item < hi; item++)
        fold_block(L, s, item);
}

static int fold_session(lua_State *L)
{
    session *s = lua_touserdata(L, 1);
    begin_session(L, s);
    while (mp__chunks_next(&s->chunks))
        fold_blocks(L, s, s->chunks.lo, s->chunks.hi);
    return 0;
}

static int replay_session(lua_State *L)
{
    session *s = lua_touserdata(L, 1);
    begin_session(L, s);
    fold_blocks(L, s, s->lo, s->hi);
    return 0;
}

/* ---- combining, in Lua where a function does it ------------------------- */

/* a = combine(a, b). [-0, +0, e] */
static void combine_pair(lua_State *L, int naccs, mp_value *a,
                         const mp_value *b)
{
    int base = lua_gettop(L);
    lua_pushvalue(L, FUNCTION);
    for (int k = 0; k < naccs; k++)
        mp_args_push_value(L, a[k]);
    for (int k = 0; k < naccs; k++)
        mp_args_push_value(L, b[k]);
    lua_call(L, 2 * naccs, LUA_MULTRET);
    take_accumulators(L, base, naccs, a);
}

/* The same tree as mp__combine_tree(). */
static int combine_session(lua_State *L)
{
    mp_reduce_job *r = lua_touserdata(L, 1);
    int64_t count = r->fold.nblocks;
    luaL_checkstack(L, 3 * r->naccs + LUA_MINSTACK, NULL);
    mp__invoke_push(L, r->combine_kernel, 2 * r->naccs);
    for (int64_t i = 0; i < r->fold.nkept; i++) {
        mp_value *values = r->partial + i * count * r->naccs;
        for (int64_t width = 1; width < count; width *= 2) {
            mp_guard_poll(L);
            for (int64_t j = 0; j + width < count; j += 2 * width)
                combine_pair(L, r->naccs, values + j * r->naccs,
                             values + (j + width) * r->naccs);
        }
    }
    return 0;
}

static mp_status combine(mp_worker *worker, mp_reduce_job *r, mp_error *err)
{
    if (r->fold.nblocks == 1)
        return MP_OK;
    if (r->combine == MP_COMBINE_KERNEL)
        return mp_state_call(worker->state, combine_session, r, err);
    for (int64_t i = 0; i < r->fold.nkept && !mp__job_stopped(&r->job); i++) {
        mp_status status = mp__combine_tree(
            r->combine, r->partial + i * r->fold.nblocks * r->naccs,
            r->fold.nblocks, r->naccs, err);
        if (status != MP_OK)
            return status;
    }
    return MP_OK;
}

static void put_results(mp_reduce_job *r, int64_t lo, int64_t hi)
{
    for (int64_t i = lo; i < hi; i++)
        memcpy(&r->job.results[i * r->naccs],
               &r->partial[i * r->fold.nblocks * r->naccs],
               (size_t)r->naccs * sizeof(mp_value));
}

mp_status mp__reduce_combine(mp_reduce_job *reduce, int64_t lo, int64_t hi,
                             mp_error *err)
{
    int64_t count = reduce->fold.nblocks;
    for (int64_t i = lo; i < hi; i++) {
        mp_status status = mp__combine_tree(
            reduce->combine, reduce->partial + i * count * reduce->naccs, count,
            reduce->naccs, err);
        if (status != MP_OK)
            return status;
    }
    put_results(reduce, lo, hi);
    return MP_OK;
}

/* ---- the job ------------------------------------------------------------ */

static mp_status run_session(session *s, lua_CFunction body, mp_error *err)
{
    mp_status status = mp__invoke_session(&s->chunks, body, s, err);
    if (status != MP_OK && err->index >= 0)
        err->index = mp__fold_flat(&s->reduce->fold, err->index);
    return status;
}

static mp_status reduce_work(mp_worker *worker, mp_job *job, mp_error *err)
{
    session s = {.reduce = (mp_reduce_job *)job};
    mp__chunks_init(&s.chunks, worker, job);
    return run_session(&s, fold_session, err);
}

static mp_status replay(mp_worker *worker, mp_job *job, void *ud, mp_error *err)
{
    (void)worker;
    (void)job;
    return run_session(ud, replay_session, err);
}

mp_status mp__reduce_replay(const mp_chunks *chunks, int64_t lo, int64_t hi,
                            bool keep, mp_error *err)
{
    mp_job *job = chunks->job;
    session s = {.reduce = (mp_reduce_job *)job, .chunks = *chunks};
    s.lo = lo;
    s.hi = hi;
    s.drop = !keep;
    if (!keep)
        s.chunks.hi = s.chunks.lo; /* whose time is noted already */
    return mp__worker_in_lua(chunks->worker, job, replay, &s, err);
}

static mp_status reduce_finish(mp_worker *worker, mp_job *job, mp_error *err)
{
    mp_reduce_job *r = (mp_reduce_job *)job;
    mp_status status = combine(worker, r, err);
    if (status != MP_OK)
        return status;
    put_results(r, 0, r->fold.nkept);
    return MP_OK;
}

static mp_status finish(mp_worker *worker, mp_job *job, void *ud, mp_error *err)
{
    (void)ud;
    return reduce_finish(worker, job, err);
}

/* A Lua state is needed for a Lua function only. */
static mp_status native_finish(mp_worker *worker, mp_job *job, mp_error *err)
{
    const mp_reduce_job *r = (const mp_reduce_job *)job;
    if (r->across.tile > 0 && r->across.together)
        return MP_OK;
    if (r->combine == MP_COMBINE_KERNEL && r->fold.nblocks > 1)
        return mp__worker_in_lua(worker, job, finish, NULL, err);
    return reduce_finish(worker, job, err);
}

static void reduce_destroy(mp_job *job)
{
    mp_reduce_job *r = (mp_reduce_job *)job;
    mp_loop_destroy(&r->loop);
    mp__across_destroy(&r->across);
    mp_kernel_release(r->combine_kernel);
    free(r->partial);
}

static const mp_job_ops reduce_ops = {
    .work = reduce_work, .finish = reduce_finish, .destroy = reduce_destroy};
static const mp_job_ops along_ops = {.work = mp__reduce_native,
                                     .finish = native_finish,
                                     .destroy = reduce_destroy};
/* Operators need no Lua state. */
static const mp_job_ops short_ops = {.work = mp__reduce_native,
                                     .finish = native_finish,
                                     .destroy = reduce_destroy,
                                     .stateless = true};
static const mp_job_ops across_ops = {.work = mp__reduce_across,
                                      .finish = native_finish,
                                      .destroy = reduce_destroy};

mp_status mp__reduce_check(const mp_reduce_spec *spec, mp_error *err)
{
    if (spec->naccs < 1 || spec->nargs + spec->naccs > MP_MAX_ARGS)
        return mp_error_set(err, MP_VALUE,
                            "%d accumulators and %d arguments: there must be "
                            "1 accumulator, and at most %d together",
                            spec->naccs, spec->nargs, MP_MAX_ARGS);
    for (int k = 0; k < spec->naccs; k++) {
        mp_kind kind = spec->init[k].kind;
        if (kind == MP_KIND_NIL || kind == MP_KIND_STRING)
            return mp_error_set(err, MP_TYPE,
                                "init %d is not a number or a boolean", k + 1);
    }
    return MP_OK;
}

static mp_status lay_operands(mp_reduce_job *r, const mp_reduce_spec *spec,
                              mp_error *err)
{
    mp_status status =
        mp_loop_init(&r->loop, &r->fold.common, r->job.args.nviews, err);
    if (status != MP_OK)
        return status;
    int used = 0;
    for (int k = 0; k < spec->nargs; k++) {
        r->operand[k] = -1;
        if (spec->args[k].view == NULL)
            continue;
        mp_view arranged;
        mp__fold_arrange(&r->fold, spec->args[k].view, &arranged);
        r->operand[k] = used;
        mp_loop_operand(&r->loop, used++, &arranged, arranged.ndim);
    }
    mp_loop_merge(&r->loop);
    return MP_OK;
}

static mp_status fill(mp_reduce_job *r, const mp_reduce_spec *spec,
                      mp_error *err)
{
    r->naccs = spec->naccs;
    memcpy(r->init, spec->init, (size_t)spec->naccs * sizeof *r->init);
    r->combine = spec->combine;
    if (spec->combine == MP_COMBINE_KERNEL)
        r->combine_kernel = mp_kernel_retain(spec->combine_kernel);
    r->job.grain = 1;
    int64_t count;
    if (__builtin_mul_overflow(r->fold.nkept, r->fold.nblocks, &r->job.end) ||
        __builtin_mul_overflow(r->job.end, spec->naccs, &count))
        return mp_error_set(err, MP_VALUE, "the reduction is too large");
    r->partial = calloc((size_t)count + 1, sizeof *r->partial);
    if (r->partial == NULL)
        return mp_error_set(err, MP_NO_MEMORY,
                            "no memory for %lld partial results",
                            (long long)count);
    mp_status status =
        mp__job_results(&r->job, r->fold.nkept * spec->naccs, err);
    return status == MP_OK ? lay_operands(r, spec, err) : status;
}

/* Who helps looks at the clock between blocks: they take no longer, in ns. */
#define SHORT_BLOCK INT64_C(5000000)

static const mp_job_ops *native_ops(const mp_reduce_job *r)
{
    if (r->across.tile > 0)
        return &across_ops;
    bool is_short = r->job.native->worst <= SHORT_BLOCK / (r->fold.block + 1);
    return is_short && mp__combine_is_operator(r->combine) ? &short_ops
                                                           : &along_ops;
}

mp_status mp_reduce_start(mp_pool *pool, const mp_reduce_spec *spec,
                          const mp_job_options *options, mp_job **out,
                          mp_error *err)
{
    mp_fold fold;
    mp_status status = mp__reduce_check(spec, err);
    if (status == MP_OK)
        status = mp__fold_init(&fold, spec, err);
    if (status != MP_OK)
        return status;
    mp_job *job;
    status = mp__job_new(sizeof(mp_reduce_job), &reduce_ops, pool, spec->kernel,
                         spec->nargs, spec->args, options, &job, err);
    if (status != MP_OK)
        return status;
    ((mp_reduce_job *)job)->fold = fold;
    status = fill((mp_reduce_job *)job, spec, err);
    if (status == MP_OK)
        status = mp__reduce_choose((mp_reduce_job *)job, options, err);
    if (status != MP_OK) {
        mp__job_release(job);
        return status;
    }
    if (mp__job_compiled(job))
        job->ops = native_ops((const mp_reduce_job *)job);
    return mp__pool_queue(pool, job, options, out, err);
}
