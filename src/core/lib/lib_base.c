/* The basic functions. */
#include <lauxlib.h>
#include <lualib.h>

#include "core/guard.h"
#include "core/lib/lib.h"
#include "core/lib/stock.h"
#include "core/state.h"

/* Ends a pcall or xpcall: `extra` is how many values lie below its results.
 * A stop passes through as if there was no pcall. */
static int finish_call(lua_State *L, int status, lua_KContext extra)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        mp_guard_poll(L);
        lua_pushboolean(L, 0);
        lua_pushvalue(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)extra;
}

static int base_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status =
        lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_call);
    return finish_call(L, status, 0);
}

/* The message handler behind xpcall, with the kernel's own as its upvalue.
 * While an error from a hook is handled no hook fires, so that the kernel's
 * handler could run for ever: a stop must not get there. */
static int handle(lua_State *L)
{
    if (mp_guard_stopping(mp_state_of(L)->guard))
        return 1;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int base_xpcall(lua_State *L)
{
    int nargs = lua_gettop(L) - 2;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    int status = lua_pcallk(L, nargs, LUA_MULTRET, 2, 2, finish_call);
    return finish_call(L, status, 2);
}

/* A finalizer would run without hooks, at a moment of nobody's choosing. Lua
 * looks for __gc when a metatable is set and never again, so this is the only
 * place to refuse it. */
static int base_setmetatable(lua_State *L)
{
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, type == LUA_TNIL || type == LUA_TTABLE, 2,
                  "nil or table expected");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "__gc is not available in the sandbox");
        lua_settop(L, 2);
    }
    lua_setmetatable(L, 1);
    return 1;
}

static int base_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    mp_lib_tolstring(L, 1, NULL);
    return 1;
}

static const char *const stock_names[] = {
    "_VERSION", "assert", "error",    "getmetatable", "ipairs",
    "next",     "pairs",  "rawequal", "rawget",       "rawlen",
    "rawset",   "select", "tonumber", "type",         NULL,
};

static const luaL_Reg functions[] = {
    {"pcall", base_pcall},
    {"setmetatable", base_setmetatable},
    {"tostring", base_tostring},
    {"xpcall", base_xpcall},
    {NULL, NULL},
};

int mp_lib_base(lua_State *L)
{
    lua_newtable(L);
    mp__stock_copy(L, luaopen_base, stock_names);
    luaL_setfuncs(L, functions, 0);
    return 1;
}
