/* Maps on the interpreted tier: each worker keeps the function and what is
 * the same for all items on its Lua stack, and calls it once an item. */
#include <string.h>

#include <lauxlib.h>

#include "buffer/element.h"
#include "core/state.h"
#include "pool/chunks.h"
#include "pool/invoke.h"
#include "pool/mapjob.h"
#include "pool/worker.h"

/* ---- one item, in Lua --------------------------------------------------- */

/* Stack indices of a session: its argument, the function, then the uniform
 * values at FIRST + number of the argument. */
enum { FUNCTION = 2, FIRST = 3 };

typedef struct session {
    mp_map_job *map;
    mp_chunks chunks;
    mp_arrays *arrays;
    char *at[2 * MP_MAX_ARGS + 1];     /* of the item */
    int64_t step[2 * MP_MAX_ARGS + 1]; /* to the next one */
} session;

/* [-0, +1, e] */
static void push_operand(lua_State *L, const session *s,
                         const mp_map_operand *in, int k)
{
    switch (in->role) {
    case MP_UNIFORM:
        lua_pushvalue(L, FIRST + k);
        break;
    case MP_ELEMENT:
        mp_element_push(L, in->dtype, in->swapped, s->at[in->at]);
        break;
    case MP_ARRAY:
        lua_pushlightuserdata(
            L, mp_arrays_move(s->arrays, in->slot, s->at[in->at]));
        break;
    }
}

/* Pushes the function and all arguments; returns how many those are.
 * [-0, +n+1, e] */
static int push_call(lua_State *L, const session *s)
{
    const mp_map_job *map = s->map;
    int pushed = map->nin;
    lua_pushvalue(L, FUNCTION);
    for (int k = 0; k < map->nin; k++)
        push_operand(L, s, &map->in[k], k);
    for (int k = 0; k < map->nout; k++) {
        if (map->out[k].role == MP_ARRAY) {
            push_operand(L, s, &map->out[k], k);
            pushed++;
        }
    }
    return pushed;
}

/* Stores a result of an open output, which holds either integers or the bits
 * of floats. */
static void store_open(lua_State *L, int index, mp_map_job *map, int k,
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
    mp_map_job *map = s->map;
    int index = base;
    if (!lua_isnil(L, base + map->nreturned))
        mp__invoke_bad_count(L, map->nreturned);
    for (int k = 0; k < map->nout; k++) {
        const mp_map_operand *out = &map->out[k];
        if (out->role == MP_ARRAY)
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
    const mp_map_job *map = s->map;
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

static void bind_core(const session *s, const mp_map_operand *o)
{
    if (o->role == MP_ARRAY)
        mp_arrays_bind(s->arrays, o->slot, o->core);
}

/* Function and uniform values onto the stack, arrays into their slots.
 * [-0, +n, e] */
static void begin_session(lua_State *L, session *s)
{
    mp_map_job *map = s->map;
    const mp_args *args = &map->job.args;
    mp__invoke_reserve(L, s->chunks.worker, map->narrays,
                       2 * map->nin + 2 * map->nout + LUA_MINSTACK);
    mp__invoke_push(L, map->job.kernel, map->nin + map->nout - map->nreturned);
    for (int k = 0; k < map->nin; k++) {
        bind_core(s, &map->in[k]);
        if (map->in[k].role == MP_UNIFORM)
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

mp_status mp__map_interpret(mp_worker *worker, mp_job *job, mp_error *err)
{
    session s = {.map = (mp_map_job *)job, .arrays = worker->arrays};
    mp__chunks_init(&s.chunks, worker, job);
    return mp__invoke_session(&s.chunks, map_session, &s, err);
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
    const mp_map_job *map = s->map;
    lua_pushvalue(L, FUNCTION);
    for (int k = 0; k < map->nin; k++) {
        if (map->in[k].role == MP_UNIFORM)
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

static void keep_results(lua_State *L, mp_map_job *map, int base)
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
    mp_map_job *map = s->map;
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
        memcpy(s->at, cursor.at, (size_t)map->loop.noperands * sizeof *s->at);
        lua_call(L, push_call(L, s), LUA_MULTRET);
    }
    keep_results(L, map, base);
    mp__chunks_next(&s->chunks);
    return 0;
}

mp_status mp__map_interpret_probe(mp_worker *worker, mp_job *job, mp_error *err)
{
    session s = {.map = (mp_map_job *)job, .arrays = worker->arrays};
    mp__chunks_init(&s.chunks, worker, job);
    return mp__invoke_session(&s.chunks, probe_session, &s, err);
}
