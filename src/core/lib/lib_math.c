/* Stock Lua's math, but for its random numbers: those of C's library are
 * shared by all threads. */
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/lib/lib.h"
#include "core/lib/stock.h"
#include "core/state.h"

/* A number from 0 to `limit`, each as likely: bits past the highest one of
 * the limit are cut off, and what is still above it is thrown away. */
static lua_Unsigned random_below(mp_random *random, lua_Unsigned limit)
{
    lua_Unsigned mask = limit;
    for (int shift = 1; shift < 64; shift *= 2)
        mask |= mask >> shift;
    lua_Unsigned number;
    do
        number = mp_random_next(random) & mask;
    while (number > limit);
    return number;
}

static int math_random(lua_State *L)
{
    mp_random *random = &mp_state_of(L)->random;
    lua_Integer low = 1, high;
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, (double)(mp_random_next(random) >> 11) * 0x1p-53);
        return 1;
    case 1:
        high = luaL_checkinteger(L, 1);
        break;
    case 2:
        low = luaL_checkinteger(L, 1);
        high = luaL_checkinteger(L, 2);
        break;
    default:
        return luaL_error(L, "wrong number of arguments");
    }
    luaL_argcheck(L, low <= high, 1, "interval is empty");
    luaL_argcheck(L, low >= 0 || high <= LUA_MAXINTEGER + low, 1,
                  "interval too large");
    lua_Unsigned limit = (lua_Unsigned)high - (lua_Unsigned)low;
    lua_Unsigned number = (lua_Unsigned)low + random_below(random, limit);
    lua_pushinteger(L, (lua_Integer)number);
    return 1;
}

static int math_randomseed(lua_State *L)
{
    mp_random *random = &mp_state_of(L)->random;
    int exact;
    lua_Number number = luaL_checknumber(L, 1);
    lua_Integer seed = lua_tointegerx(L, 1, &exact);
    if (!exact)
        memcpy(&seed, &number, sizeof seed);
    random->seed = (uint64_t)seed;
    random->last = random->item;
    random->draw = 0;
    return 0;
}

static const char *const stock_names[] = {
    "abs", "acos",       "asin", "atan", "ceil", "cos", "deg",
    "exp", "floor",      "fmod", "huge", "log",  "max", "maxinteger",
    "min", "mininteger", "modf", "pi",   "rad",  "sin", "sqrt",
    "tan", "tointeger",  "type", "ult",  NULL,
};

static const luaL_Reg functions[] = {
    {"random", math_random},
    {"randomseed", math_randomseed},
    {NULL, NULL},
};

int mp_lib_math(lua_State *L)
{
    lua_newtable(L);
    mp__stock_copy(L, luaopen_math, stock_names);
    luaL_setfuncs(L, functions, 0);
    return 1;
}
