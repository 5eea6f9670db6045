/* The table library, with a look at the guard in each loop: a metamethod can
 * say that a table has 2^53 elements. */
#include <limits.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/lib/lib.h"
#include "core/lib/stock.h"
#include "core/lib/tables.h"
#include "core/lib/ticks.h"

/* ---- arguments ---------------------------------------------------------- */

/* Whether the table on the top has this metamethod; drops what it is. */
static bool has_field(lua_State *L, const char *name)
{
    lua_pushstring(L, name);
    bool has = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 1);
    return has;
}

void mp__table_check(lua_State *L, int arg, int uses)
{
    if (lua_type(L, arg) == LUA_TTABLE)
        return;
    if (!lua_getmetatable(L, arg) ||
        ((uses & MP__TABLE_READ) != 0 && !has_field(L, "__index")) ||
        ((uses & MP__TABLE_WRITE) != 0 && !has_field(L, "__newindex")) ||
        ((uses & MP__TABLE_LENGTH) != 0 && !has_field(L, "__len")))
        luaL_checktype(L, arg, LUA_TTABLE);
    lua_pop(L, 1);
}

lua_Integer mp__table_length(lua_State *L, int arg, int uses)
{
    mp__table_check(L, arg, uses | MP__TABLE_LENGTH);
    return luaL_len(L, arg);
}

/* ---- moving elements ---------------------------------------------------- */

static void spend_field(mp__ticks *ticks)
{
    mp__ticks_spend(ticks, MP__TICKS_FIELD);
}

static int table_insert(lua_State *L)
{
    mp__ticks ticks = mp__ticks_new(L);
    lua_Unsigned end = (lua_Unsigned)mp__table_length(L, 1, MP__TABLE_ALL) + 1;
    lua_Unsigned at = end;
    switch (lua_gettop(L)) {
    case 2:
        break;
    case 3:
        at = (lua_Unsigned)luaL_checkinteger(L, 2);
        luaL_argcheck(L, at - 1 < end, 2, "position out of bounds");
        for (lua_Unsigned i = end; i > at; i--) {
            spend_field(&ticks);
            lua_geti(L, 1, (lua_Integer)(i - 1));
            lua_seti(L, 1, (lua_Integer)i);
        }
        break;
    default:
        return luaL_error(L, "wrong number of arguments to 'insert'");
    }
    lua_seti(L, 1, (lua_Integer)at);
    return 0;
}

static int table_remove(lua_State *L)
{
    mp__ticks ticks = mp__ticks_new(L);
    lua_Integer size = mp__table_length(L, 1, MP__TABLE_ALL);
    lua_Integer at = luaL_optinteger(L, 2, size);
    if (at != size)
        /* Past the greatest integer it wraps around, as in stock Lua. */
        luaL_argcheck(L, 1 <= at && at <= (lua_Integer)((lua_Unsigned)size + 1),
                      1, "position out of bounds");
    lua_geti(L, 1, at);
    for (; at < size; at++) {
        spend_field(&ticks);
        lua_geti(L, 1, at + 1);
        lua_seti(L, 1, at);
    }
    lua_pushnil(L);
    lua_seti(L, 1, at);
    return 1;
}

/* Copies `count` elements from `from` on of argument 1 to `to` on of the
 * value at `target`, the last one first where `backward`. */
static void copy_elements(lua_State *L, lua_Integer from, lua_Integer count,
                          int target, lua_Integer to, bool backward)
{
    mp__ticks ticks = mp__ticks_new(L);
    for (lua_Integer k = 0; k < count; k++) {
        lua_Integer i = backward ? count - 1 - k : k;
        spend_field(&ticks);
        lua_geti(L, 1, from + i);
        lua_seti(L, target, to + i);
    }
}

static int table_move(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);
    lua_Integer to = luaL_checkinteger(L, 4);
    int target = lua_isnoneornil(L, 5) ? 1 : 5;
    mp__table_check(L, 1, MP__TABLE_READ);
    mp__table_check(L, target, MP__TABLE_WRITE);
    if (last >= first) {
        luaL_argcheck(L, first > 0 || last < LUA_MAXINTEGER + first, 3,
                      "too many elements to move");
        lua_Integer count = last - first + 1;
        luaL_argcheck(L, to <= LUA_MAXINTEGER - count + 1, 4,
                      "destination wrap around");
        /* Forward would overwrite what is still to be read. */
        bool backward = to > first && to <= last &&
                        (target == 1 || lua_compare(L, 1, target, LUA_OPEQ));
        copy_elements(L, first, count, target, to, backward);
    }
    lua_pushvalue(L, target);
    return 1;
}

/* ---- concat, unpack ----------------------------------------------------- */

/* Adds element `i` of argument 1. */
static void add_element(luaL_Buffer *b, mp__ticks *ticks, lua_Integer i)
{
    lua_State *L = b->L;
    spend_field(ticks);
    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid value (%s) at index %d in table for 'concat'",
                   luaL_typename(L, -1), (int)i);
    luaL_addvalue(b);
}

static int table_concat(lua_State *L)
{
    mp__ticks ticks = mp__ticks_new(L);
    lua_Integer last = mp__table_length(L, 1, MP__TABLE_READ);
    size_t size;
    const char *separator = luaL_optlstring(L, 2, "", &size);
    lua_Integer i = luaL_optinteger(L, 3, 1);
    last = luaL_optinteger(L, 4, last);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (; i < last; i++) {
        add_element(&b, &ticks, i);
        mp__ticks_bytes(&ticks, size);
        luaL_addlstring(&b, separator, size);
    }
    if (i == last)
        add_element(&b, &ticks, i);
    luaL_pushresult(&b);
    return 1;
}

static int table_unpack(lua_State *L)
{
    mp__ticks ticks = mp__ticks_new(L);
    lua_Integer first = luaL_optinteger(L, 2, 1);
    lua_Integer last = luaL_opt(L, luaL_checkinteger, 3, luaL_len(L, 1));
    if (first > last)
        return 0;
    lua_Unsigned count = (lua_Unsigned)last - (lua_Unsigned)first;
    if (count >= INT_MAX || !lua_checkstack(L, (int)++count))
        return luaL_error(L, "too many results to unpack");
    for (lua_Unsigned k = 0; k < count; k++) {
        spend_field(&ticks);
        lua_geti(L, 1, (lua_Integer)((lua_Unsigned)first + k));
    }
    return (int)count;
}

/* ---- the table ---------------------------------------------------------- */

static const char *const stock_names[] = {"pack", NULL};

static const luaL_Reg functions[] = {
    {"concat", table_concat},
    {"insert", table_insert},
    {"move", table_move},
    {"remove", table_remove},
    {"sort", mp__table_sort},
    {"unpack", table_unpack},
    {NULL, NULL},
};

int mp_lib_table(lua_State *L)
{
    lua_newtable(L);
    mp__stock_copy(L, luaopen_table, stock_names);
    luaL_setfuncs(L, functions, 0);
    return 1;
}
