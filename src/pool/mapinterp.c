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

/* One operand on its way through a row of items. */
typedef struct feed {
    mp_role role;
    mp_dtype dtype;
    bool swapped;
    bool plain;   /* an element that is a float64 in the host's byte order */
    bool open;    /* an output that holds integers or the bits of floats */
    int place;    /* UNIFORM: stack index; ARRAY: slot */
    char *at;     /* of the item */
    int64_t step; /* to the next one */
} feed;

typedef struct session {
    mp_map_job *map;
    mp_chunks chunks;
    mp_arrays *arrays;
    int nargs;             /* of the call: inputs, and outputs to fill */
    int nreturned;         /* by the call */
    feed in[MP_MAX_ARGS];  /* parallel to map->in */
    feed out[MP_MAX_ARGS]; /* parallel to map->out */
    feed where;            /* if map->where is one */
} session;

/* [-0, +1, e] */
static void push_feed(lua_State *L, const session *s, const feed *f)
{
    switch (f->role) {
    case MP_UNIFORM:
        lua_pushvalue(L, f->place);
        break;
    case MP_ELEMENT:
        if (f->swapped)
            mp_element_push(L, f->dtype, true, f->at);
        else
            mp_element_push_native(L, f->dtype, f->at);
        break;
    case MP_ARRAY:
        lua_pushlightuserdata(L, mp_arrays_move(s->arrays, f->place, f->at));
        break;
    }
}

/* Pushes the function and all arguments, and steps the inputs.
 * [-0, +n+1, e] */
static inline void push_call(lua_State *L, session *s, int nin, int nout)
{
    lua_pushvalue(L, FUNCTION);
    for (feed *f = s->in; f < s->in + nin; f++) {
        if (f->plain) {
            double value;
            memcpy(&value, f->at, sizeof value);
            lua_pushnumber(L, value);
        } else {
            push_feed(L, s, f);
        }
        f->at += f->step;
    }
    for (const feed *f = s->out; s->nargs > nin && f < s->out + nout; f++) {
        if (f->role == MP_ARRAY)
            push_feed(L, s, f);
    }
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

/* Stores the value at `index` into output `k`. [-0, +0, e] */
static void store_result(lua_State *L, int index, session *s, int k, int nth)
{
    const feed *out = &s->out[k];
    mp_misfit misfit;
    if (out->open) {
        store_open(L, index, s->map, k, out->at, s->chunks.at);
        return;
    }
    if (out->swapped)
        misfit = mp_element_store(L, index, out->dtype, true, out->at);
    else
        misfit = mp_element_store_native(L, index, out->dtype, out->at);
    if (misfit != MP_FITS)
        bad_store(L, index, nth, misfit, out->dtype);
}

/* Takes what the call left at `base` and above, and steps the outputs.
 * [-n, +0, e] */
static inline void take_results(lua_State *L, session *s, int base, int nout)
{
    int nth = 0;
    if (lua_gettop(L) != base + s->nreturned - 1)
        mp__invoke_bad_count(L, lua_gettop(L) - base + 1, s->nreturned);
    for (int k = 0; k < nout; k++) {
        feed *f = &s->out[k];
        if (f->plain && lua_type(L, base + nth) == LUA_TNUMBER) {
            double value = lua_tonumber(L, base + nth++);
            memcpy(f->at, &value, sizeof value);
        } else if (f->role == MP_ELEMENT) {
            store_result(L, base + nth, s, k, nth + 1);
            nth++;
        }
        f->at += f->step;
    }
    lua_settop(L, base - 1);
}

/* ---- a chunk, in Lua ---------------------------------------------------- */

/* Whether to leave an item out; if so, steps over it. */
static bool skip(session *s)
{
    bool selected = *s->where.at != 0;
    s->where.at += s->where.step;
    if (selected)
        return false;
    for (int k = 0; k < s->map->nin; k++)
        s->in[k].at += s->in[k].step;
    for (int k = 0; k < s->map->nout; k++)
        s->out[k].at += s->out[k].step;
    return true;
}

/* Items in a row at constant strides. [-0, +0, e] */
static void run_row(lua_State *L, session *s, int64_t count)
{
    mp_random *random = &mp_state_of(L)->random;
    int nin = s->map->nin, nout = s->map->nout;
    int base = lua_gettop(L) + 1;
    bool masked = s->map->where >= 0;
    for (int64_t end = s->chunks.at + count; s->chunks.at < end;
         s->chunks.at++) {
        if (masked && skip(s))
            continue;
        random->item = (uint64_t)s->chunks.at;
        push_call(L, s, nin, nout);
        lua_call(L, s->nargs, LUA_MULTRET);
        take_results(L, s, base, nout);
    }
}

static void place_feed(feed *f, const mp_map_operand *o,
                       const mp_cursor *cursor)
{
    if (o->role != MP_UNIFORM)
        f->at = cursor->at[o->at];
}

/* Points all operands at the cursor's item. */
static void place_feeds(session *s, const mp_cursor *cursor)
{
    const mp_map_job *map = s->map;
    for (int k = 0; k < map->nin; k++)
        place_feed(&s->in[k], &map->in[k], cursor);
    for (int k = 0; k < map->nout; k++)
        place_feed(&s->out[k], &map->out[k], cursor);
    if (map->where >= 0)
        s->where.at = cursor->at[map->where];
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
        place_feeds(s, &cursor);
        run_row(L, s, count);
        if (s->chunks.at < s->chunks.hi)
            mp_cursor_advance(loop, &cursor, count);
    }
}

/* Prepares an operand; an array gets its slot. */
static void begin_feed(session *s, feed *f, const mp_map_operand *o,
                       int stack_index)
{
    const mp_loop *loop = &s->map->loop;
    *f = (feed){.role = o->role, .dtype = o->dtype, .swapped = o->swapped};
    f->plain = o->role == MP_ELEMENT && o->dtype == MP_FLOAT64 && !o->swapped;
    f->place = o->role == MP_UNIFORM ? stack_index : o->slot;
    if (o->role != MP_UNIFORM)
        f->step = loop->operands[o->at].strides[loop->ndim - 1];
    if (o->role == MP_ARRAY)
        mp_arrays_bind(s->arrays, o->slot, o->core);
}

/* Function and uniform values onto the stack, arrays into their slots.
 * [-0, +n, e] */
static void begin_session(lua_State *L, session *s)
{
    const mp_map_job *map = s->map;
    const mp_args *args = &map->job.args;
    const mp_loop *loop = &map->loop;
    s->nreturned = map->nreturned;
    s->nargs = map->nin + map->nout;
    for (int k = 0; k < map->nout; k++)
        s->nargs -= map->out[k].role == MP_ELEMENT;
    mp__invoke_reserve(L, s->chunks.worker, map->narrays,
                       map->nin + s->nargs + map->nreturned + LUA_MINSTACK);
    mp__invoke_push(L, map->job.kernel, s->nargs);
    for (int k = 0; k < map->nin; k++) {
        begin_feed(s, &s->in[k], &map->in[k], FIRST + k);
        if (map->in[k].role == MP_UNIFORM)
            mp_args_push_value(L, args->arg[k].value);
        else
            lua_pushnil(L);
    }
    for (int k = 0; k < map->nout; k++) {
        begin_feed(s, &s->out[k], &map->out[k], 0);
        s->out[k].open = map->floats[k] != NULL;
    }
    if (map->where >= 0)
        s->where.step = loop->operands[map->where].strides[loop->ndim - 1];
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

/* ---- items that compiled code could not do ------------------------------ */

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

mp_status mp__map_replay(const mp_chunks *chunks, int64_t lo, int64_t hi,
                         mp_error *err)
{
    mp_job *job = chunks->job;
    session s = {.map = (mp_map_job *)job, .chunks = *chunks};
    s.chunks.lo = lo;
    s.chunks.hi = hi;
    s.chunks.at = lo;
    return mp__worker_in_lua(chunks->worker, job, replay, &s, err);
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
    if (fixed && count != map->nreturned)
        mp__invoke_bad_count(L, count, map->nreturned);
    if (!fixed && (count == 0 || count > MP_MAX_ARGS))
        mp__invoke_bad_count(L, count, count == 0 ? 1 : MP_MAX_ARGS);
    for (int k = 0; k < count; k++) {
        mp_value value = mp_args_to_value(L, base + 1 + k);
        if (value.kind == MP_KIND_NIL || value.kind == MP_KIND_STRING)
            mp__invoke_bad_result(L, base + 1 + k, k + 1);
        map->job.results[k] = value;
    }
    map->job.nresults = count;
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
        place_feeds(s, &cursor);
        push_call(L, s, map->nin, map->nout);
        lua_call(L, s->nargs, LUA_MULTRET);
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
