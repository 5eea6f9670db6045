/* string.pack, packsize and unpack: stock Lua's, called only with what they
 * are done with soon. */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/lib/stock.h"
#include "core/lib/strings.h"
#include "core/lib/ticks.h"

/* The longest format, which is read in a loop that nothing can stop. */
#define MAX_FORMAT ((size_t)1024 * 1024)

/* Bytes of padding written between two looks at the guard. */
#define PIECE ((size_t)256 * 1024)

static const char *check_format(lua_State *L)
{
    size_t size;
    const char *format = luaL_checklstring(L, 1, &size);
    luaL_argcheck(L, size <= MAX_FORMAT, 1, "format too long");
    return format;
}

/* Calls the stock function that is the upvalue, in the frame that we are in,
 * so that its errors name it as the caller did. */
static int call_stock(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Replaces the string at `arg` by one of `size` bytes with NULs at the end. */
static void pad(lua_State *L, int arg, size_t size)
{
    size_t filled;
    const char *s = lua_tolstring(L, arg, &filled);
    if (s == NULL || filled >= size)
        return;
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, size);
    memcpy(out, s, filled);
    while (filled < size) {
        size_t count = size - filled < PIECE ? size - filled : PIECE;
        memset(out + filled, 0, count);
        filled += count;
        mp_guard_poll(L);
    }
    luaL_pushresultsize(&b, size);
    lua_replace(L, arg);
}

/* Reads the number at `*s`, up to where stock Lua stops reading. */
static size_t read_number(const char **s)
{
    size_t n = 0;
    while (isdigit((unsigned char)**s) && n <= (INT_MAX - 9) / 10)
        n = n * 10 + (size_t)(*(*s)++ - '0');
    return n;
}

/* Stock pack() pads a string for "c2000000000" byte by byte; ours are long
 * enough already. */
static void pad_arguments(lua_State *L, const char *s)
{
    int top = lua_gettop(L), arg = 1;
    while (*s != '\0' && arg < top) {
        char option = *s++;
        /* What follows an X is not packed, it only says how to align. */
        bool aligns = option == 'X' && *s != '\0';
        if (aligns)
            s++;
        size_t size = read_number(&s);
        if (aligns || strchr(" <>=!xX", option) != NULL)
            continue;
        arg++;
        if (option == 'c')
            pad(L, arg, size);
    }
}

static int string_pack(lua_State *L)
{
    pad_arguments(L, check_format(L));
    return call_stock(L);
}

static int string_packsize(lua_State *L)
{
    check_format(L);
    return call_stock(L);
}

static int string_unpack(lua_State *L)
{
    check_format(L);
    return call_stock(L);
}

static const luaL_Reg wrappers[] = {
    {"pack", string_pack},
    {"packsize", string_packsize},
    {"unpack", string_unpack},
};

void mp__string_add_pack(lua_State *L)
{
    static const char *const names[] = {"pack", "packsize", "unpack", NULL};
    lua_newtable(L);
    mp__stock_copy(L, luaopen_string, names);
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
        lua_getfield(L, -1, wrappers[i].name);
        lua_pushcclosure(L, wrappers[i].func, 1);
        lua_setfield(L, -3, wrappers[i].name);
    }
    lua_pop(L, 1);
}
