/* The utf8 library. */
#include <lauxlib.h>
#include <lualib.h>

#include "core/lib/lib.h"
#include "core/lib/stock.h"
#include "core/lib/ticks.h"

static bool is_continuation(const char *s)
{
    return (*s & 0xC0) == 0x80;
}

/* Decodes the character at `s`, which ends with a NUL at the latest. Returns
 * where it ends, or NULL where it is not valid. */
static const char *decode(const char *s, lua_Integer *code)
{
    /* The least code that needs as many continuation bytes as the index. */
    static const unsigned least[] = {0, 0x80, 0x800, 0x10000};
    unsigned first = (unsigned char)*s++;
    if (first < 0x80) {
        *code = first;
        return s;
    }
    int more = first >= 0xF8   ? 0
               : first >= 0xF0 ? 3
               : first >= 0xE0 ? 2
               : first >= 0xC0 ? 1
                               : 0;
    unsigned value = first & (0x3Fu >> more);
    for (int i = 0; i < more; i++, s++) {
        if (!is_continuation(s))
            return NULL;
        value = value << 6 | ((unsigned char)*s & 0x3Fu);
    }
    if (more == 0 || value < least[more] || value > 0x10FFFF)
        return NULL;
    *code = value;
    return s;
}

/* A position counted from 1, or from the end where it is negative. */
static lua_Integer absolute(lua_Integer position, size_t size)
{
    if (position >= 0)
        return position;
    if ((size_t)0 - (size_t)position > size)
        return 0;
    return (lua_Integer)size + position + 1;
}

static int utf8_len(lua_State *L)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    lua_Integer at = absolute(luaL_optinteger(L, 2, 1), size);
    lua_Integer last = absolute(luaL_optinteger(L, 3, -1), size);
    luaL_argcheck(L, at >= 1 && at <= (lua_Integer)size + 1, 2,
                  "initial position out of string");
    luaL_argcheck(L, last <= (lua_Integer)size, 3,
                  "final position out of string");
    mp__ticks ticks = mp__ticks_new(L);
    lua_Integer count = 0, code;
    for (const char *p = s + at - 1; p - s < last; count++) {
        mp__ticks_spend(&ticks, 1);
        const char *next = decode(p, &code);
        if (next == NULL) {
            lua_pushnil(L);
            lua_pushinteger(L, p - s + 1);
            return 2;
        }
        p = next;
    }
    lua_pushinteger(L, count);
    return 1;
}

/* ---- offset ------------------------------------------------------------- */

/* The offset where the character that byte `i` belongs to starts. */
static lua_Integer start_of(mp__ticks *ticks, const char *s, lua_Integer i)
{
    for (; i > 0 && is_continuation(s + i); i--)
        mp__ticks_spend(ticks, 1);
    return i;
}

/* The offset where the character that starts at `i` ends. */
static lua_Integer end_of(mp__ticks *ticks, const char *s, lua_Integer i)
{
    for (i++; is_continuation(s + i); i++)
        mp__ticks_spend(ticks, 1);
    return i;
}

/* The offset `n` characters from the one at `i`, or -1 where there is none. */
static lua_Integer walk(lua_State *L, const char *s, lua_Integer size,
                        lua_Integer i, lua_Integer n)
{
    mp__ticks ticks = mp__ticks_new(L);
    for (; n < 0 && i > 0; n++) {
        mp__ticks_spend(&ticks, 1);
        i = start_of(&ticks, s, i - 1);
    }
    for (; n > 0 && i < size; n--) {
        mp__ticks_spend(&ticks, 1);
        i = end_of(&ticks, s, i);
    }
    return n == 0 ? i : -1;
}

static int utf8_offset(lua_State *L)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    lua_Integer n = luaL_checkinteger(L, 2);
    lua_Integer i = luaL_optinteger(L, 3, n >= 0 ? 1 : (lua_Integer)size + 1);
    i = absolute(i, size) - 1;
    luaL_argcheck(L, i >= 0 && i <= (lua_Integer)size, 3,
                  "position out of range");
    if (n == 0) {
        mp__ticks ticks = mp__ticks_new(L);
        i = start_of(&ticks, s, i);
    } else {
        if (is_continuation(s + i))
            return luaL_error(L, "initial position is a continuation byte");
        /* The first character is the one at `i` itself. */
        i = walk(L, s, (lua_Integer)size, i, n > 0 ? n - 1 : n);
    }
    if (i >= 0)
        lua_pushinteger(L, i + 1);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- codes -------------------------------------------------------------- */

/* The iterator: from the position of a character to the next one. */
static int next_code(lua_State *L)
{
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    lua_Integer i = lua_tointeger(L, 2);
    mp__ticks ticks = mp__ticks_new(L);
    if (i <= 0)
        i = 0;
    else if (i <= (lua_Integer)size)
        i = end_of(&ticks, s, i - 1);
    if (i >= (lua_Integer)size)
        return 0;
    lua_Integer code;
    const char *next = decode(s + i, &code);
    if (next == NULL || is_continuation(next))
        return luaL_error(L, "invalid UTF-8 code");
    lua_pushinteger(L, i + 1);
    lua_pushinteger(L, code);
    return 2;
}

static int utf8_codes(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_pushcfunction(L, next_code);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

/* ---- the table ---------------------------------------------------------- */

static const char *const stock_names[] = {"char", "charpattern", "codepoint",
                                          NULL};

static const luaL_Reg functions[] = {
    {"codes", utf8_codes},
    {"len", utf8_len},
    {"offset", utf8_offset},
    {NULL, NULL},
};

int mp_lib_utf8(lua_State *L)
{
    lua_newtable(L);
    mp__stock_copy(L, luaopen_utf8, stock_names);
    luaL_setfuncs(L, functions, 0);
    return 1;
}
