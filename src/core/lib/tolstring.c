/* tostring() without addresses. */
#include <lauxlib.h>

#include "core/lib/lib.h"

const char *mp_lib_tolstring(lua_State *L, int index, size_t *size)
{
    index = lua_absindex(L, index);
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "'__tostring' must return a string");
        return lua_tolstring(L, -1, size);
    }
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING:
        return luaL_tolstring(L, index, size);
    default:
        break;
    }
    /* Stock Lua adds the address, which would tell a kernel's author where
     * things lie in the process. */
    int name = luaL_getmetafield(L, index, "__name");
    if (name != LUA_TSTRING) {
        /* Callers may have a buffer right below what this pushes. */
        if (name != LUA_TNIL)
            lua_pop(L, 1);
        lua_pushstring(L, luaL_typename(L, index));
    }
    return lua_tolstring(L, -1, size);
}
