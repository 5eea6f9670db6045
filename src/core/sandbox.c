/* What a kernel sees.
 *
 * Four tables, kept in the registry under the addresses of the constants
 * below:
 *   base      the globals that the setup sees: the libraries, over a table
 *             for what the setup adds;
 *   shared    that table; without the sandbox it is base;
 *   names     a list of the base's names that came from the libraries;
 *   metatable of every kernel's environment, locked: __index is the table of
 *             what the setup adds.
 *
 * An environment has copies of what `names` lists, one level deep, instead of
 * read-only proxies: a copy is made once for a kernel and a worker,
 * a proxy costs two failed look-ups for each math.sqrt. */
#include "core/sandbox.h"

#include <lauxlib.h>
#include <lualib.h>

#include "core/lib/lib.h"

/* Their addresses are the registry keys; the values are for nobody. */
static const char BASE = 0, SHARED = 0, NAMES = 0, METATABLE = 0;

static void set_registry(lua_State *L, const char *key)
{
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

static void get_registry(lua_State *L, const char *key)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, key);
}

/* Sets all fields of the table on the top in the one below it; pops the
 * former. [-1, +0, m] */
static void copy_fields(lua_State *L)
{
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5);
    }
    lua_pop(L, 1);
}

static const luaL_Reg libraries[] = {
    {"coroutine", mp_lib_coroutine},
    {"math", mp_lib_math},
    {"num", mp_lib_num},
    {"string", mp_lib_string},
    {"table", mp_lib_table},
    {"utf8", mp_lib_utf8},
    {NULL, NULL},
};

/* The own libraries, into the table on the top. [-0, +0, m] */
static void add_libraries(lua_State *L)
{
    mp_lib_base(L);
    copy_fields(L);
    for (const luaL_Reg *lib = libraries; lib->name != NULL; lib++) {
        lib->func(L);
        lua_setfield(L, -2, lib->name);
    }
}

/* A list of the keys of the table on the top. [-0, +1, m] */
static void push_names(lua_State *L)
{
    lua_newtable(L);
    lua_Integer n = 0;
    lua_pushnil(L);
    while (lua_next(L, -3) != 0) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, ++n);
    }
}

/* Replaces the table on the top by a metatable whose owner reads through to
 * it. [-1, +1, m] */
static void push_reader(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

/* Pushes a table that takes the new globals of the base on the top. A kernel
 * reads through to it, not to the base: where it has set `math` or `_G` to nil
 * it must not find those that it shares with all others. [-0, +1, m] */
static void push_shared(lua_State *L)
{
    lua_newtable(L);
    lua_pushvalue(L, -1);
    push_reader(L);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -3);
}

void mp_sandbox_open(lua_State *L, bool sandbox)
{
    if (sandbox) {
        lua_newtable(L);
        add_libraries(L);
        push_names(L);
        set_registry(L, &NAMES);
        lua_pushvalue(L, -1);
        lua_setfield(L, -2, "_G");
        push_shared(L);
    } else {
        /* Trusted code may share and change the libraries as in plain Lua;
         * what has to know about stops is ours here too. */
        luaL_openlibs(L);
        lua_pushglobaltable(L);
        mp_lib_base(L);
        copy_fields(L);
        mp_lib_coroutine(L);
        lua_setfield(L, -2, "coroutine");
        mp_lib_num(L);
        lua_setfield(L, -2, "num");
        lua_newtable(L);
        set_registry(L, &NAMES);
        lua_pushvalue(L, -1);
    }
    lua_pushvalue(L, -1);
    set_registry(L, &SHARED);
    push_reader(L);
    set_registry(L, &METATABLE);
    set_registry(L, &BASE);
}

void mp_sandbox_push_base(lua_State *L)
{
    get_registry(L, &BASE);
}

void mp_sandbox_push_shared(lua_State *L)
{
    get_registry(L, &SHARED);
}

void mp_sandbox_push_metatable(lua_State *L)
{
    get_registry(L, &METATABLE);
}

void mp_sandbox_push_environment(lua_State *L)
{
    lua_createtable(L, 0, 48);
    int env = lua_gettop(L);
    get_registry(L, &BASE);
    get_registry(L, &NAMES);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, env + 2, i);
        lua_pushvalue(L, -1);
        lua_rawget(L, env + 1);
        if (lua_istable(L, -1)) {
            lua_newtable(L);
            lua_insert(L, -2);
            copy_fields(L);
        }
        lua_rawset(L, env);
    }
    lua_settop(L, env);
    lua_pushvalue(L, env);
    lua_setfield(L, env, "_G");
    get_registry(L, &METATABLE);
    lua_setmetatable(L, env);
}
