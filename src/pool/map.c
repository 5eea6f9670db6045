/* Map: a kernel over all items of a loop, elementwise or by signature.
 *
 * The interpreted tier: each worker keeps the function and what is the same
 * for all items on its Lua stack, and calls the function once an item. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "buffer/element.h"
#include "buffer/loop.h"
#include "buffer/view.h"
#include "core/kernel.h"
#include "pool/chunks.h"
#include "pool/invoke.h"
#include "pool/job.h"
#include "pool/plan.h"
#include "pool/pool.h"

/* How an argument reaches the kernel. */
typedef enum role {
    UNIFORM, /* the same value for all items */
    ELEMENT, /* one element an item */
    ARRAY,   /* the core dimensions of an item, as a Lua array */
} role;

typedef struct operand {
    role role;
    mp_dtype dtype;
    bool swapped;
    int at;        /* ELEMENT, ARRAY: index into the loop's operands */
    int slot;      /* ARRAY: slot of the worker's arrays */
    mp_view *core; /* ARRAY: owned; the core dimensions of item 0 */
} operand;

typedef struct map_job {
    mp_job job;
    mp_plan plan;
    mp_loop loop;
    int nin;
    operand in[MP_MAX_ARGS];   /* parallel to job.args */
    int nout;
    operand out[MP_MAX_ARGS];  /* ELEMENT: a returned value */
    int nreturned;             /* outputs that are returned */
    int narrays;               /* slots in use */
    int where;                 /* index into the loop's operands, or -1 */
    char *copies[MP_MAX_ARGS + 1]; /* owned; inputs that an output overlaps */
    char *floats[MP_MAX_ARGS]; /* owned; open output k: which items are floats */
    _Atomic int any_float[MP_MAX_ARGS]; /* atomic; of open output k */
} map_job;

/* ---- one item, in Lua --------------------------------------------------- */

/* Stack indices of a session: its argument, the function, then the uniform
 * values at FIRST + number of the argument. */
enum { FUNCTION = 2, FIRST = 3 };

typedef struct session {
    map_job *map;
    mp_chunks chunks;
    mp_arrays *arrays;
    char *at[2 * MP_MAX_ARGS + 1];      /* of the item */
    int64_t step[2 * MP_MAX_ARGS + 1];  /* to the next one */
} session;

/* [-0, +1, e] */
static void push_operand(lua_State *L, const session *s, const operand *in,
                         int k)
{
    switch (in->role) {
    case UNIFORM:
        lua_pushvalue(L, FIRST + k);
        break;
    case ELEMENT:
        mp_element_push(L, in->dtype, in->swapped, s->at[in->at]);
        break;
    case ARRAY:
        lua_pushlightuserdata(
            L, mp_arrays_move(s->arrays, in->slot, s->at[in->at]));
        break;
    }
}

/* Pushes the function and all arguments; returns how many those are.
 * [-0, +n+1, e] */
static int push_call(lua_State *L, const session *s)
{
    const map_job *map = s->map;
    int pushed = map->nin;
    lua_pushvalue(L, FUNCTION);
    for (int k = 0; k < map->nin; k++)
        push_operand(L, s, &map->in[k], k);
    for (int k = 0; k < map->nout; k++) {
        if (map->out[k].role == ARRAY) {
            push_operand(L, s, &map->out[k], k);
            pushed++;
        }
    }
    return pushed;
}

/* Stores a result of an open output, which holds either integers or the bits
 * of floats. */
static void store_open(lua_State *L, int index, map_job *map, int k,
                       char *at, int64_t item)
{
    if (lua_type(L, index) != LUA_TNUMBER) {
        luaL_error(L, "the kernel returned numbers before and %s now",
                   mp__invoke_typename(L, index));
    } else if (lua_isinteger(L, index)) {
        lua_Integer value = lua_tointeger(L, index);
        memcpy(at, &value, sizeof value);
    } else {
        lua_Number value = lua_tonumber(L, index);
        memcpy(at, &value, sizeof value);
        map->floats[k][item] = 1;
        /* Relaxed: read after the job's end. */
        atomic_store_explicit(&map->any_float[k], 1, memory_order_relaxed);
    }
}

static int bad_store(lua_State *L, int index, int nth, mp_misfit misfit,
                     mp_dtype dtype)
{
    char text[256];
    if (misfit == MP_MISFIT_TYPE && lua_type(L, index) != LUA_TNUMBER &&
        lua_type(L, index) != LUA_TBOOLEAN)
        return mp__invoke_bad_result(L, index, nth);
    mp_misfit_describe(L, index, misfit, dtype, text, sizeof text);
    return luaL_error(L, "%s", text);
}

/* Stores what the call left at `base` and above. [-n, +0, e] */
static void store_results(lua_State *L, session *s, int base)
{
    map_job *map = s->map;
    int index = base;
    if (!lua_isnil(L, base + map->nreturned))
        mp__invoke_bad_count(L, map->nreturned);
    for (int k = 0; k < map->nout; k++) {
        const operand *out = &map->out[k];
        if (out->role == ARRAY)
            continue;
        char *at = s->at[out->at];
        if (map->floats[k] != NULL) {
            store_open(L, index, map, k, at, s->chunks.at);
        } else {
            mp_misfit misfit =
                mp_element_store(L, index, out->dtype, out->swapped, at);
            if (misfit != MP_FITS)
                bad_store(L, index, index - base + 1, misfit, out->dtype);
        }
        index++;
    }
    lua_settop(L, base - 1);
}

/* ---- a chunk, in Lua ---------------------------------------------------- */

static bool selected(const session *s)
{
    return s->map->where < 0 || *s->at[s->map->where] != 0;
}

/* Items in a row at constant strides. [-0, +0, e] */
static void run_row(lua_State *L, session *s, int64_t count)
{
    const map_job *map = s->map;
    mp_random *random = &mp_state_of(L)->random;
    int base = lua_gettop(L) + 1;
    for (int64_t n = 0; n < count; n++) {
        if (selected(s)) {
            random->item = (uint64_t)s->chunks.at;
            int nargs = push_call(L, s);
            lua_call(L, nargs, map->nreturned + 1);
            store_results(L, s, base);
        }
        s->chunks.at++;
        for (int k = 0; k < map->loop.noperands; k++)
            s->at[k] += s->step[k];
    }
}

/* [-0, +0, e] */
static void run_chunk(lua_State *L, session *s)
{
    const mp_loop *loop = &s->map->loop;
    mp_cursor cursor;
    mp_cursor_seek(loop, &cursor, s->chunks.lo);
    while (s->chunks.at < s->chunks.hi) {
        int64_t count = mp_cursor_run(loop, &cursor);
        if (count > s->chunks.hi - s->chunks.at)
            count = s->chunks.hi - s->chunks.at;
        memcpy(s->at, cursor.at, (size_t)loop->noperands * sizeof *s->at);
        run_row(L, s, count);
        if (s->chunks.at < s->chunks.hi)
            mp_cursor_advance(loop, &cursor, count);
    }
}

static void bind_core(const session *s, const operand *o)
{
    if (o->role == ARRAY)
        mp_arrays_bind(s->arrays, o->slot, o->core);
}

/* Function and uniform values onto the stack, arrays into their slots.
 * [-0, +n, e] */
static void begin_session(lua_State *L, session *s)
{
    map_job *map = s->map;
    const mp_args *args = &map->job.args;
    mp__invoke_reserve(L, s->chunks.worker, map->narrays,
                       2 * map->nin + 2 * map->nout + LUA_MINSTACK);
    mp__invoke_push(L, map->job.kernel,
                    map->nin + map->nout - map->nreturned);
    for (int k = 0; k < map->nin; k++) {
        bind_core(s, &map->in[k]);
        if (map->in[k].role == UNIFORM)
            mp_args_push_value(L, args->arg[k].value);
        else
            lua_pushnil(L);
    }
    for (int k = 0; k < map->nout; k++)
        bind_core(s, &map->out[k]);
    for (int k = 0; k < map->loop.noperands; k++)
        s->step[k] = map->loop.operands[k].strides[map->loop.ndim - 1];
}

static int map_session(lua_State *L)
{
    session *s = lua_touserdata(L, 1);
    begin_session(L, s);
    while (mp__chunks_next(&s->chunks))
        run_chunk(L, s);
    return 0;
}

static mp_status map_work(mp_worker *worker, mp_job *job, mp_error *err)
{
    session s = {.map = (map_job *)job, .arrays = worker->arrays};
    mp__chunks_init(&s.chunks, worker, job);
    mp_status status = mp__worker_call(worker, map_session, &s, err);
    mp_arrays_clear(worker->arrays);
    if (status != MP_OK) {
        err->index = s.chunks.at;
        mp__chunks_abort(&s.chunks);
    }
    return status;
}

/* ---- open outputs ------------------------------------------------------- */

/* Turns the integers of output `k` into floats, since there are others. */
static void widen(map_job *map, int k)
{
    const operand *out = &map->out[k];
    mp_cursor cursor;
    for (int64_t i = 0; i < map->plan.size; i++) {
        if (map->floats[k][i])
            continue;
        int64_t integer;
        mp_cursor_seek(&map->loop, &cursor, i);
        memcpy(&integer, cursor.at[out->at], sizeof integer);
        double number = (double)integer;
        memcpy(cursor.at[out->at], &number, sizeof number);
    }
}

static mp_status map_finish(mp_worker *worker, mp_job *job, mp_error *err)
{
    (void)worker;
    (void)err;
    map_job *map = (map_job *)job;
    for (int k = 0; k < map->nout; k++) {
        if (atomic_load_explicit(&map->any_float[k], memory_order_relaxed))
            widen(map, k);
    }
    return MP_OK;
}

mp_kind mp_job_kind(const mp_job *job, int k)
{
    const map_job *map = (const map_job *)job;
    if (map->plan.size == 0)
        return MP_KIND_NIL;
    return atomic_load_explicit(&map->any_float[k], memory_order_relaxed)
               ? MP_KIND_FLOAT
               : MP_KIND_INT;
}

static mp_status make_open(map_job *map, const mp_map_spec *spec,
                           mp_error *err)
{
    for (int k = 0; k < spec->nouts; k++) {
        if (((spec->open >> k) & 1) == 0)
            continue;
        if (spec->outs[k].dtype != MP_INT64 || spec->outs[k].swapped)
            return mp_error_set(err, MP_TYPE,
                                "open output %d must be an int64 array",
                                k + 1);
        map->floats[k] = calloc((size_t)map->plan.size + 1, 1);
        if (map->floats[k] == NULL)
            return mp_error_set(err, MP_NO_MEMORY,
                                "no memory for %lld results",
                                (long long)map->plan.size);
    }
    return MP_OK;
}

/* ---- probing ------------------------------------------------------------ */

/* Stands in for an element where there is none. [-0, +1, -] */
static void push_sample(lua_State *L, mp_dtype dtype)
{
    if (dtype == MP_BOOL)
        lua_pushboolean(L, 1);
    else if (dtype < MP_FLOAT16)
        lua_pushinteger(L, 1);
    else
        lua_pushnumber(L, 1);
}

/* Calls the kernel with samples. An error in it only says that nothing is
 * known about the result. [-0, +n, e] */
static void call_with_samples(lua_State *L, const session *s)
{
    const map_job *map = s->map;
    lua_pushvalue(L, FUNCTION);
    for (int k = 0; k < map->nin; k++) {
        if (map->in[k].role == UNIFORM)
            lua_pushvalue(L, FIRST + k);
        else
            push_sample(L, map->in[k].dtype);
    }
    int function = lua_gettop(L) - map->nin;
    int code = map->plan.signature != NULL
                   ? LUA_ERRRUN
                   : lua_pcall(L, map->nin, LUA_MULTRET, 0);
    mp_guard_poll(L);
    if (code != LUA_OK || lua_gettop(L) < function) {
        lua_settop(L, function - 1);
        int count = map->plan.signature != NULL ? map->nreturned : 1;
        for (int k = 0; k < count; k++)
            lua_pushnumber(L, 0);
    }
}

static void keep_results(lua_State *L, map_job *map, int base)
{
    int count = lua_gettop(L) - base;
    bool fixed = map->plan.signature != NULL;
    if (count > (fixed ? map->nreturned : MP_MAX_ARGS))
        mp__invoke_bad_count(L, fixed ? map->nreturned : MP_MAX_ARGS);
    if (!fixed && count == 0)
        luaL_error(L, "the kernel returned nothing");
    for (int k = 0; k < (fixed ? map->nreturned : count); k++) {
        mp_value value = mp_args_to_value(L, base + 1 + k);
        if (value.kind == MP_KIND_NIL || value.kind == MP_KIND_STRING)
            mp__invoke_bad_result(L, base + 1 + k, k + 1);
        map->job.results[k] = value;
    }
    map->job.nresults = fixed ? map->nreturned : count;
}

static int probe_session(lua_State *L)
{
    session *s = lua_touserdata(L, 1);
    map_job *map = s->map;
    begin_session(L, s);
    int base = lua_gettop(L);
    if (!mp__chunks_next(&s->chunks))
        return 0;
    if (map->job.first < 0) {
        s->chunks.at = -1;
        call_with_samples(L, s);
    } else {
        mp_cursor cursor;
        s->chunks.at = map->job.first;
        mp_state_of(L)->random.item = (uint64_t)map->job.first;
        mp_cursor_seek(&map->loop, &cursor, map->job.first);
        memcpy(s->at, cursor.at,
               (size_t)map->loop.noperands * sizeof *s->at);
        lua_call(L, push_call(L, s), LUA_MULTRET);
    }
    keep_results(L, map, base);
    mp__chunks_next(&s->chunks);
    return 0;
}

static mp_status probe_work(mp_worker *worker, mp_job *job, mp_error *err)
{
    session s = {.map = (map_job *)job, .arrays = worker->arrays};
    mp__chunks_init(&s.chunks, worker, job);
    mp_status status = mp__worker_call(worker, probe_session, &s, err);
    mp_arrays_clear(worker->arrays);
    if (status != MP_OK) {
        err->index = s.chunks.at;
        mp__chunks_abort(&s.chunks);
    }
    return status;
}

/* The first item that `where` selects, or -1. */
static int64_t first_selected(const map_job *map)
{
    if (map->where < 0)
        return map->plan.size > 0 ? 0 : -1;
    const mp_loop *loop = &map->loop;
    int64_t stride = loop->operands[map->where].strides[loop->ndim - 1];
    mp_cursor cursor;
    for (int64_t i = 0; i < map->plan.size;) {
        mp_cursor_seek(loop, &cursor, i);
        int64_t count = mp_cursor_run(loop, &cursor);
        for (int64_t n = 0; n < count; n++) {
            if (cursor.at[map->where][n * stride] != 0)
                return i + n;
        }
        i += count;
    }
    return -1;
}

/* ---- making a job ------------------------------------------------------- */

static void map_destroy(mp_job *job)
{
    map_job *map = (map_job *)job;
    mp_loop_destroy(&map->loop);
    for (int k = 0; k < MP_MAX_ARGS; k++) {
        free(map->in[k].core);
        free(map->out[k].core);
        free(map->copies[k]);
        free(map->floats[k]);
    }
    free(map->copies[MP_MAX_ARGS]);
}

static const mp_job_ops map_ops = {map_work, map_finish, map_destroy};
static const mp_job_ops probe_ops = {probe_work, NULL, map_destroy};

/* Fills one operand that is an array. */
static mp_status lay(map_job *map, operand *o, const mp_view *view, int ncore,
                     int *noperands, mp_error *err)
{
    o->dtype = view->dtype;
    o->swapped = view->swapped;
    o->at = (*noperands)++;
    o->role = ncore > 0 ? ARRAY : ELEMENT;
    mp_loop_operand(&map->loop, o->at, view, view->ndim - ncore);
    if (ncore == 0)
        return MP_OK;
    o->slot = map->narrays++;
    o->core = malloc(sizeof *o->core);
    if (o->core == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a job");
    *o->core = *view;
    o->core->ndim = ncore;
    for (int d = 0; d < ncore; d++) {
        o->core->shape[d] = view->shape[view->ndim - ncore + d];
        o->core->strides[d] = view->strides[view->ndim - ncore + d];
    }
    return MP_OK;
}

/* Puts a copy in the place of an input that an output overlaps, unless each
 * element is read just where its result is written. */
static mp_status separate(map_job *map, const mp_map_spec *spec,
                          mp_view *view, int ncore, char **block,
                          mp_error *err)
{
    for (int k = 0; k < spec->nouts; k++) {
        const mp_view *out = &spec->outs[k];
        int nout = mp__plan_ncore_out(&map->plan, k);
        if (!mp_view_overlap(view, out) ||
            (ncore == 0 && nout == 0 && mp_view_same(view, out)))
            continue;
        mp_view copy;
        mp_status status = mp_view_copy(view, &copy, block, err);
        if (status == MP_OK)
            *view = copy;
        return status;
    }
    return MP_OK;
}

static mp_status lay_inputs(map_job *map, const mp_map_spec *spec,
                            int *noperands, mp_error *err)
{
    map->nin = spec->nargs;
    for (int k = 0; k < spec->nargs; k++) {
        if (spec->args[k].view == NULL)
            continue;
        int ncore = mp__plan_ncore_in(&map->plan, k);
        mp_view view = *spec->args[k].view;
        mp_status status =
            separate(map, spec, &view, ncore, &map->copies[k], err);
        if (ncore > 0)
            view.readonly = true; /* What comes in is not for writing. */
        if (status == MP_OK)
            status = lay(map, &map->in[k], &view, ncore, noperands, err);
        if (status != MP_OK)
            return status;
    }
    map->where = -1;
    if (spec->where == NULL)
        return MP_OK;
    mp_view view = *spec->where;
    mp_status status =
        separate(map, spec, &view, 0, &map->copies[MP_MAX_ARGS], err);
    if (status == MP_OK) {
        map->where = (*noperands)++;
        mp_loop_operand(&map->loop, map->where, &view, view.ndim);
    }
    return status;
}

static mp_status lay_outputs(map_job *map, const mp_map_spec *spec,
                             bool partial, int *noperands, mp_error *err)
{
    const mp_signature *s = map->plan.signature;
    map->nout = spec->nouts;
    for (int i = 0; i < spec->nouts; i++) {
        int k = mp__plan_output(&map->plan, i, partial);
        int ncore = mp__plan_ncore_out(&map->plan, k);
        mp_status status =
            lay(map, &map->out[i], &spec->outs[i], ncore, noperands, err);
        if (status != MP_OK)
            return status;
        map->nreturned += ncore == 0;
    }
    for (int k = 0; partial && s != NULL && k < s->nout; k++)
        map->nreturned += mp__plan_ncore_out(&map->plan, k) == 0;
    return MP_OK;
}

static mp_status lay_operands(map_job *map, const mp_map_spec *spec,
                              bool partial, mp_error *err)
{
    int noperands = spec->nouts + (spec->where != NULL);
    for (int k = 0; k < spec->nargs; k++)
        noperands += spec->args[k].view != NULL;
    mp_status status =
        mp_loop_init(&map->loop, &map->plan.loop, noperands, err);
    if (status != MP_OK)
        return status;
    int used = 0;
    status = lay_inputs(map, spec, &used, err);
    if (status == MP_OK)
        status = lay_outputs(map, spec, partial, &used, err);
    if (status == MP_OK)
        mp_loop_merge(&map->loop);
    return status;
}

/* A job with everything but its items and results. */
static mp_status new_map(mp_pool *pool, const mp_map_spec *spec, bool probe,
                         const mp_job_options *options, map_job **out,
                         mp_error *err)
{
    mp_job *job;
    mp_plan plan;
    mp_status status = mp__plan_init(&plan, spec, probe, err);
    if (status != MP_OK)
        return status;
    status = mp__job_new(sizeof(map_job), probe ? &probe_ops : &map_ops, pool,
                         spec->kernel, spec->nargs, spec->args, options, &job,
                         err);
    if (status != MP_OK)
        return status;
    map_job *map = (map_job *)job;
    map->plan = plan;
    status = lay_operands(map, spec, probe, err);
    if (status != MP_OK) {
        mp__job_release(job);
        return status;
    }
    *out = map;
    return MP_OK;
}

mp_status mp_map_start(mp_pool *pool, const mp_map_spec *spec,
                       const mp_job_options *options, mp_job **out,
                       mp_error *err)
{
    map_job *map;
    mp_status status = new_map(pool, spec, false, options, &map, err);
    if (status != MP_OK)
        return status;
    status = make_open(map, spec, err);
    if (status != MP_OK) {
        mp__job_release(&map->job);
        return status;
    }
    map->job.end = map->plan.size;
    atomic_init(&map->job.next, spec->first < 0 ? 0 : spec->first);
    return mp__pool_queue(pool, &map->job, options, out, err);
}

mp_status mp_map_probe(mp_pool *pool, const mp_map_spec *spec,
                       const mp_job_options *options, mp_job **out,
                       mp_error *err)
{
    map_job *map;
    mp_status status = new_map(pool, spec, true, options, &map, err);
    if (status != MP_OK)
        return status;
    status = mp__job_results(&map->job, MP_MAX_ARGS, err);
    if (status != MP_OK) {
        mp__job_release(&map->job);
        return status;
    }
    map->job.nresults = 0;
    map->job.end = 1;
    map->job.first = first_selected(map);
    return mp__pool_queue(pool, &map->job, options, out, err);
}
