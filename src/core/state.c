/* One worker's Lua state. */
#include "core/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "core/kernel.h"
#include "core/luaerror.h"
#include "core/sandbox.h"

/* ---- protected calls ---------------------------------------------------- */

/* The longest text of a limit, and its NUL. */
#define LIMIT_TEXT 32

/* Writes a number of bytes as whoever set a limit thinks of it. */
static const char *limit_text(size_t limit, char *text)
{
    if (limit % 1024 == 0)
        snprintf(text, LIMIT_TEXT, "%zu KiB", limit / 1024);
    else
        snprintf(text, LIMIT_TEXT, "%zu byte%s", limit, limit == 1 ? "" : "s");
    return text;
}

static mp_status memory_error(const mp_state *state, mp_error *err)
{
    char text[LIMIT_TEXT];
    if (state->memory.starved)
        return mp_error_set(err, MP_LUA_MEMORY,
                            "not enough memory: the process has no more");
    return mp_error_set(err, MP_LUA_MEMORY,
                        "not enough memory: the limit of %s of Lua memory a "
                        "worker is reached (see memory_limit)",
                        limit_text(state->memory.limit, text));
}

/* Whether the error is about memory: what ran out of it in a coroutine or
 * while a kernel was compiled has been raised again as an ordinary error. */
static bool is_memory_error(lua_State *L, const mp_state *state)
{
    return state->memory.refused && lua_type(L, 1) == LUA_TSTRING &&
           strstr(lua_tostring(L, 1), "not enough memory") != NULL;
}

/* The message handler of mp_state_call(): runs while the stack still shows
 * where the error happened. [-1, +1, m] */
static int on_error(lua_State *L)
{
    mp_state *state = mp_state_of(L);
    /* A stop says nothing that its sender does not know, and must not wait
     * for a __tostring. */
    if (state->err == NULL || mp_guard_stopping(state->guard))
        return 1;
    if (is_memory_error(L, state))
        memory_error(state, state->err);
    else
        mp_luaerror_take(L, 1, state->err);
    return 1;
}

/* What lua_pcall() returned, as an error. */
static mp_status conclude(mp_state *state, int code, mp_error *err)
{
    mp_status stop = (mp_status)atomic_load_explicit(&state->guard->stop,
                                                     memory_order_relaxed);
    if (stop != MP_OK)
        return mp_error_set(err, stop, "%s", mp_status_text(stop));
    if (err->status == MP_OK && code == LUA_ERRMEM)
        memory_error(state, err);
    else if (err->status == MP_OK)
        mp_error_set(err, MP_LUA, "an error while handling an error");
    return err->status;
}

/* What protected_call() returns when an escape ended it. */
#define ESCAPED (-1)

/* lua_pcall() with `nargs` arguments, no results and the message handler at
 * `handler`, which an escape can leave. */
static int protected_call(mp_state *state, int nargs, int handler)
{
    mp_escape *escape = &state->guard->escape;
    if (sigsetjmp(escape->place, 0) != 0) {
        state->torn = true;
        mp_escape_open(escape);
        return ESCAPED;
    }
    escape->on = 1;
    int code = lua_pcall(state->L, nargs, 0, handler);
    escape->on = 0;
    return code;
}

mp_status mp_state_call(mp_state *state, lua_CFunction body, void *ud,
                        mp_error *err)
{
    lua_State *L = state->L;
    int top = lua_gettop(L);
    mp_error *outer = state->err;
    mp_error unused;
    if (err == NULL)
        err = &unused;
    err->status = MP_OK;
    err->index = -1;
    err->line = 0;
    err->kernel[0] = '\0';
    err->traceback[0] = '\0';
    state->err = err;
    state->memory.refused = false;
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, ud);
    int code = protected_call(state, 1, top + 1);
    state->err = outer;
    if (!state->torn)
        lua_settop(L, top);
    return code == LUA_OK ? MP_OK : conclude(state, code, err);
}

/* ---- life --------------------------------------------------------------- */

static int open_state(lua_State *L)
{
    const mp_state_options *options = lua_touserdata(L, 1);
    mp_sandbox_open(L, options->sandbox);
    if (options->open != NULL)
        options->open(L);
    /* The first reference that is given up makes an entry in the registry.
     * Made here it needs no memory when a kernel that ran out is forgotten. */
    lua_pushboolean(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, luaL_ref(L, LUA_REGISTRYINDEX));
    return 0;
}

mp_status mp_state_new(const mp_state_options *options, mp_guard *guard,
                       mp_state **out, mp_error *err)
{
    mp_state *state = calloc(1, sizeof *state);
    if (state == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a Lua state");
    mp_memory_init(&state->memory, options->memory_limit);
    if (options->fail_after != 0)
        state->memory.fail_after = options->fail_after;
    state->guard = guard;
    state->worker = options->worker;
    state->arrays = options->arrays;
    state->L = lua_newstate(mp_memory_alloc, &state->memory);
    if (state->L == NULL) {
        char text[LIMIT_TEXT];
        bool starved = state->memory.starved;
        free(state);
        if (starved)
            return mp_error_set(err, MP_NO_MEMORY, "no memory for a Lua state");
        return mp_error_set(err, MP_LUA_MEMORY,
                            "a memory limit of %s is too small for a Lua "
                            "state: take 1 MiB or more",
                            limit_text(options->memory_limit, text));
    }
    *(mp_state **)lua_getextraspace(state->L) = state;
    mp_status status = mp_state_call(state, open_state, (void *)options, err);
    if (status != MP_OK) {
        mp_state_free(state);
        return status;
    }
    *out = state;
    return MP_OK;
}

void mp_state_free(mp_state *state)
{
    if (state == NULL)
        return;
    if (!state->torn)
        lua_close(state->L);
    mp_memory_discard(&state->memory);
    for (int i = 0; i < state->nloaded; i++)
        mp_kernel_release(state->loaded[i].kernel);
    free(state);
}

/* ---- loading ------------------------------------------------------------ */

/* Pushes the kernel's chunk with the table on the top as its _ENV, which it
 * replaces. [-1, +1, e] */
static void load_chunk(lua_State *L, const mp_kernel *kernel)
{
    const mp_guard *guard = mp_state_of(L)->guard;
    int code = mp_kernel_load(L, kernel, guard);
    mp_guard_poll(L);
    if (code != LUA_OK)
        lua_error(L);
    lua_insert(L, -2);
    lua_setupvalue(L, -2, 1);
}

static int run_setup(lua_State *L)
{
    const mp_kernel *setup = lua_touserdata(L, 1);
    mp_sandbox_push_base(L);
    load_chunk(L, setup);
    lua_call(L, 0, 0);
    return 0;
}

mp_status mp_state_setup(mp_state *state, const mp_kernel *setup, mp_error *err)
{
    return mp_state_call(state, run_setup, (void *)setup, err);
}

static mp_loaded *find(mp_state *state, const mp_kernel *kernel)
{
    for (int i = 0; i < state->nloaded; i++) {
        if (mp_kernel_equal(state->loaded[i].kernel, kernel))
            return &state->loaded[i];
    }
    return NULL;
}

static void unload(mp_state *state, mp_loaded *loaded)
{
    luaL_unref(state->L, LUA_REGISTRYINDEX, loaded->function);
    mp_kernel_release(loaded->kernel);
    *loaded = state->loaded[--state->nloaded];
}

static mp_loaded *oldest(mp_state *state)
{
    mp_loaded *best = &state->loaded[0];
    for (int i = 1; i < state->nloaded; i++) {
        /* Differences, so that a stamp that wraps around does no harm. */
        if (state->clock - state->loaded[i].used > state->clock - best->used)
            best = &state->loaded[i];
    }
    return best;
}

/* Runs the kernel's chunk and pushes the function that it returns.
 * [-0, +1, e] */
static void push_function(lua_State *L, const mp_kernel *kernel)
{
    int top = lua_gettop(L);
    mp_sandbox_push_environment(L);
    load_chunk(L, kernel);
    lua_call(L, 0, LUA_MULTRET);
    int count = lua_gettop(L) - top;
    if (count == 1 && lua_isfunction(L, -1))
        return;
    if (count == 1 && !lua_isnil(L, -1))
        luaL_error(L, "a kernel must return one function, this returned a %s",
                   luaL_typename(L, -1));
    luaL_error(L, "a kernel must return one function, this returned %s",
               count == 0   ? "nothing"
               : count == 1 ? "nil"
                            : "several values");
}

void mp_state_push_kernel(lua_State *L, mp_kernel *kernel)
{
    mp_state *state = mp_state_of(L);
    mp_loaded *loaded = find(state, kernel);
    if (loaded == NULL) {
        luaL_checkstack(L, 8, NULL);
        push_function(L, kernel);
        lua_pushvalue(L, -1);
        int function = luaL_ref(L, LUA_REGISTRYINDEX);
        if (state->nloaded == MP_STATE_KERNELS)
            unload(state, oldest(state));
        loaded = &state->loaded[state->nloaded++];
        loaded->kernel = mp_kernel_retain(kernel);
        loaded->function = function;
    } else {
        lua_rawgeti(L, LUA_REGISTRYINDEX, loaded->function);
    }
    loaded->used = ++state->clock;
}

void mp_state_forget(mp_state *state, const mp_kernel *kernel)
{
    mp_loaded *loaded = find(state, kernel);
    if (loaded != NULL)
        unload(state, loaded);
}
