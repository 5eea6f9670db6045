/* The string library. */
#include <limits.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/lib/lib.h"
#include "core/lib/stock.h"
#include "core/lib/strings.h"
#include "core/lib/ticks.h"

/* The longest string that rep makes, as in stock Lua. */
#define MAX_REP ((size_t)INT_MAX)

/* Bytes that are changed or copied between two looks at the guard. */
#define PIECE ((size_t)64 * 1024)

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- lower, upper, reverse ---------------------------------------------- */

/* Pushes argument 1 with the case of the 26 letters from `first` on changed:
 * what the C locale, which workers have, calls letters. */
static int change_case(lua_State *L, unsigned char first)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, size);
    for (size_t i = 0; i < size;) {
        for (size_t stop = min_size(size, i + PIECE); i < stop; i++) {
            bool change = (unsigned char)(s[i] - first) < 26;
            out[i] = (char)(s[i] ^ (change << 5));
        }
        mp_guard_poll(L);
    }
    luaL_pushresultsize(&b, size);
    return 1;
}

static int string_lower(lua_State *L)
{
    return change_case(L, 'A');
}

static int string_upper(lua_State *L)
{
    return change_case(L, 'a');
}

static int string_reverse(lua_State *L)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, size);
    for (size_t i = 0; i < size;) {
        for (size_t stop = min_size(size, i + PIECE); i < stop; i++)
            out[i] = s[size - 1 - i];
        mp_guard_poll(L);
    }
    luaL_pushresultsize(&b, size);
    return 1;
}

/* ---- rep ---------------------------------------------------------------- */

/* Fills `out` up to `total` bytes with repetitions of its first `period`. */
static void repeat(lua_State *L, char *out, size_t period, size_t total)
{
    size_t filled = period;
    while (filled < total) {
        /* Copies of what starts whole periods ago, so that the phase fits. */
        size_t back = filled - filled % period;
        size_t count = min_size(min_size(back, total - filled), PIECE);
        memcpy(out + filled, out + filled - back, count);
        filled += count;
        mp_guard_poll(L);
    }
}

static int string_rep(lua_State *L)
{
    size_t size, separator_size;
    const char *s = luaL_checklstring(L, 1, &size);
    lua_Integer n = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &separator_size);
    size_t period = size + separator_size;
    if (n <= 0 || period == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (period > MAX_REP / (lua_Unsigned)n)
        return luaL_error(L, "resulting string too large");
    size_t total = period * (size_t)n - separator_size;
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, total);
    memcpy(out, s, size);
    if (n > 1) {
        memcpy(out + size, separator, separator_size);
        repeat(L, out, period, total);
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

/* ---- the table ---------------------------------------------------------- */

static const char *const stock_names[] = {"byte", "char", "len", "sub", NULL};

static const luaL_Reg functions[] = {
    {"find", mp__string_find},     {"format", mp__string_format},
    {"gmatch", mp__string_gmatch}, {"gsub", mp__string_gsub},
    {"lower", string_lower},       {"match", mp__string_match},
    {"rep", string_rep},           {"reverse", string_reverse},
    {"upper", string_upper},       {NULL, NULL},
};

/* Gives strings a metatable that no Lua code can get at. The table on the top
 * is what its `__index` finds. [-0, +0, m] */
static void set_metatable(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

int mp_lib_string(lua_State *L)
{
    lua_newtable(L);
    mp__stock_copy(L, luaopen_string, stock_names);
    luaL_setfuncs(L, functions, 0);
    mp__string_add_pack(L);
    set_metatable(L);
    return 1;
}
