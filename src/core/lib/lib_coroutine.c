/* Coroutines that a stop passes through. */
#include <lauxlib.h>

#include "core/guard.h"
#include "core/lib/lib.h"
#include "core/state.h"

#define STACK_OVERFLOW "C stack overflow"

static lua_State *check_coroutine(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argcheck(L, co != NULL, 1, "thread expected");
    return co;
}

static const char *status_of(lua_State *L, lua_State *co)
{
    lua_Debug frame;
    if (L == co)
        return "running";
    switch (lua_status(co)) {
    case LUA_YIELD:
        return "suspended";
    case LUA_OK:
        if (lua_getstack(co, 0, &frame))
            return "normal";
        /* With a function on its stack it has not started yet. */
        return lua_gettop(co) == 0 ? "dead" : "suspended";
    default:
        return "dead";
    }
}

/* Leaves a message for which resume fails. [-0, +1, m] */
static bool resume_refused(lua_State *L, lua_State *co, int nargs)
{
    /* lua_resume() makes these messages too, but on the stack of `co`, where
     * running out of memory would unwind more than this call. */
    const char *status = status_of(L, co);
    if (*status == 'd')
        lua_pushliteral(L, "cannot resume dead coroutine");
    else if (*status != 's')
        lua_pushliteral(L, "cannot resume non-suspended coroutine");
    else if (!lua_checkstack(co, nargs))
        lua_pushliteral(L, "too many arguments to resume");
    else
        return false;
    return true;
}

/* Resumes `co` with the `nargs` values on the top. Returns how many values it
 * gave, which replace them, or -1 and leaves an error value. [-n, +m, v] */
static int resume(lua_State *L, lua_State *co, int nargs)
{
    if (resume_refused(L, co, nargs))
        return -1;
    mp_guard *guard = mp_state_of(L)->guard;
    lua_xmove(L, co, nargs);
    mp_guard_switch(guard, co);
    int status = lua_resume(co, L, nargs);
    mp_guard_switch(guard, L);
    mp_guard_poll(L);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(co, L, 1);
        return -1;
    }
    int nresults = lua_gettop(co);
    if (!lua_checkstack(L, nresults + 1)) {
        lua_pop(co, nresults);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, nresults);
    return nresults;
}

static int coroutine_resume(lua_State *L)
{
    lua_State *co = check_coroutine(L);
    int nresults = resume(L, co, lua_gettop(L) - 1);
    lua_pushboolean(L, nresults >= 0);
    if (nresults < 0)
        nresults = 1;
    lua_insert(L, -(nresults + 1));
    return nresults + 1;
}

/* What coroutine.wrap() returns, with the coroutine as its upvalue. */
static int wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int nresults = resume(L, co, lua_gettop(L));
    if (nresults >= 0)
        return nresults;
    if (lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int coroutine_create(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static int coroutine_wrap(lua_State *L)
{
    coroutine_create(L);
    lua_pushcclosure(L, wrapped, 1);
    return 1;
}

static int coroutine_yield(lua_State *L)
{
    return lua_yield(L, lua_gettop(L));
}

static int coroutine_status(lua_State *L)
{
    lua_pushstring(L, status_of(L, check_coroutine(L)));
    return 1;
}

static int coroutine_isyieldable(lua_State *L)
{
    lua_pushboolean(L, lua_isyieldable(L));
    return 1;
}

static int coroutine_running(lua_State *L)
{
    int is_main = lua_pushthread(L);
    lua_pushboolean(L, is_main);
    return 2;
}

static const luaL_Reg functions[] = {
    {"create", coroutine_create}, {"isyieldable", coroutine_isyieldable},
    {"resume", coroutine_resume}, {"running", coroutine_running},
    {"status", coroutine_status}, {"wrap", coroutine_wrap},
    {"yield", coroutine_yield},   {NULL, NULL},
};

int mp_lib_coroutine(lua_State *L)
{
    /* lua_resume() makes this string when the nesting is too deep. Kept
     * alive it is found, not allocated, so that cannot fail. */
    lua_pushliteral(L, STACK_OVERFLOW);
    lua_pushboolean(L, 1);
    lua_rawset(L, LUA_REGISTRYINDEX);
    luaL_newlib(L, functions);
    return 1;
}
