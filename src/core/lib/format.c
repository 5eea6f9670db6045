/* string.format: the conversions of stock Lua, without the addresses that its
 * `%s` shows, and with a look at the guard for each of them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "core/lib/lib.h"
#include "core/lib/strings.h"
#include "core/lib/ticks.h"

/* The longest conversion is "%99.99f" of the greatest number: 309 digits, 99
 * decimals, a sign and a point. */
#define MAX_ITEM 512

/* Room for '%', five flags, "99.99", a length modifier and a letter. */
#define MAX_SPEC 32

/* A conversion, from its '%' to the letter. */
typedef struct mp__spec {
    char text[MAX_SPEC]; /* with C's length modifier */
    char letter;
    bool plain; /* nothing between the '%' and the letter */
    bool has_precision;
} mp__spec;

static const char *skip_digits(const char *s)
{
    for (int i = 0; i < 2 && isdigit((unsigned char)*s); i++)
        s++;
    return s;
}

/* Reads the conversion whose '%' is before `s`; returns where it ends. */
static const char *parse_spec(lua_State *L, const char *s, mp__spec *spec)
{
    static const char flags[] = "-+ #0";
    const char *start = s;
    while (*s != '\0' && strchr(flags, *s) != NULL)
        s++;
    if ((size_t)(s - start) >= sizeof flags)
        luaL_error(L, "invalid format (repeated flags)");
    s = skip_digits(s);
    spec->has_precision = *s == '.';
    if (spec->has_precision)
        s = skip_digits(s + 1);
    if (isdigit((unsigned char)*s))
        luaL_error(L, "invalid format (width or precision too long)");
    spec->plain = s == start;
    spec->letter = *s;
    char *text = spec->text;
    *text++ = '%';
    memcpy(text, start, (size_t)(s - start));
    text += s - start;
    if (strchr("diouxX", *s) != NULL) {
        memcpy(text, LUA_INTEGER_FRMLEN, sizeof LUA_INTEGER_FRMLEN - 1);
        text += sizeof LUA_INTEGER_FRMLEN - 1;
    }
    *text++ = *s;
    *text = '\0';
    return s + 1;
}

/* ---- %q ----------------------------------------------------------------- */

/* Adds a string so that Lua reads it back. */
static void add_quoted(luaL_Buffer *b, const char *s, size_t size)
{
    mp__ticks ticks = mp__ticks_new(b->L);
    luaL_addchar(b, '"');
    for (const char *end = s + size; s < end; s++) {
        mp__ticks_spend(&ticks, 1);
        if (*s == '"' || *s == '\\' || *s == '\n') {
            luaL_addchar(b, '\\');
            luaL_addchar(b, *s);
        } else if (iscntrl((unsigned char)*s)) {
            /* Three digits where a digit follows, which would be read as
             * part of the number. */
            bool digit = isdigit((unsigned char)s[1]);
            char text[8];
            snprintf(text, sizeof text, digit ? "\\%03d" : "\\%d",
                     (unsigned char)*s);
            luaL_addstring(b, text);
        } else {
            luaL_addchar(b, *s);
        }
    }
    luaL_addchar(b, '"');
}

static void add_literal_number(luaL_Buffer *b, int arg)
{
    lua_State *L = b->L;
    char text[MAX_ITEM];
    lua_Integer i = lua_tointeger(L, arg);
    if (!lua_isinteger(L, arg))
        snprintf(text, sizeof text, "%a", lua_tonumber(L, arg));
    else if (i == LUA_MININTEGER)
        /* In decimal it would be read as the negation of a float. */
        snprintf(text, sizeof text, "0x%" LUA_INTEGER_FRMLEN "x", i);
    else
        snprintf(text, sizeof text, LUA_INTEGER_FMT, i);
    luaL_addstring(b, text);
}

/* Adds a value as Lua would read it. */
static void add_literal(luaL_Buffer *b, int arg)
{
    lua_State *L = b->L;
    size_t size;
    const char *s;
    switch (lua_type(L, arg)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, arg, &size);
        add_quoted(b, s, size);
        break;
    case LUA_TNUMBER:
        add_literal_number(b, arg);
        break;
    case LUA_TNIL:
    case LUA_TBOOLEAN:
        luaL_tolstring(L, arg, NULL);
        luaL_addvalue(b);
        break;
    default:
        luaL_argerror(L, arg, "value has no literal form");
    }
}

/* ---- the others --------------------------------------------------------- */

/* Adds what tostring() gives for the argument. */
static void add_string(luaL_Buffer *b, const mp__spec *spec, int arg)
{
    lua_State *L = b->L;
    size_t size;
    const char *s = mp_lib_tolstring(L, arg, &size);
    if (!spec->plain) {
        luaL_argcheck(L, size == strlen(s), arg, "string contains zeros");
        /* A string this long is wider than any width. */
        if (spec->has_precision || size < 100) {
            char text[MAX_ITEM];
            snprintf(text, sizeof text, spec->text, s);
            lua_pop(L, 1);
            luaL_addstring(b, text);
            return;
        }
    }
    luaL_addvalue(b);
}

/* Adds argument `arg` in the form that `spec` asks for. */
static void add_item(luaL_Buffer *b, const mp__spec *spec, int arg)
{
    lua_State *L = b->L;
    char text[MAX_ITEM];
    int size;
    switch (spec->letter) {
    case 'c':
        size = snprintf(text, sizeof text, spec->text,
                        (int)luaL_checkinteger(L, arg));
        break;
    case 'd':
    case 'i':
    case 'o':
    case 'u':
    case 'x':
    case 'X':
        size =
            snprintf(text, sizeof text, spec->text, luaL_checkinteger(L, arg));
        break;
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
        size =
            snprintf(text, sizeof text, spec->text, luaL_checknumber(L, arg));
        break;
    case 'q':
        add_literal(b, arg);
        return;
    case 's':
        add_string(b, spec, arg);
        return;
    default:
        luaL_error(L, "invalid option '%%%c' to 'format'", spec->letter);
        return;
    }
    luaL_addlstring(b, text, (size_t)size);
}

int mp__string_format(lua_State *L)
{
    int top = lua_gettop(L), arg = 1;
    size_t size;
    const char *s = luaL_checklstring(L, 1, &size);
    const char *end = s + size;
    mp__ticks ticks = mp__ticks_new(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (;;) {
        const char *percent = memchr(s, '%', (size_t)(end - s));
        if (percent == NULL)
            break;
        mp__ticks_spend(&ticks, 100);
        luaL_addlstring(&b, s, (size_t)(percent - s));
        s = percent + 1;
        if (*s == '%') {
            luaL_addchar(&b, '%');
            s++;
            continue;
        }
        mp__spec spec;
        if (++arg > top)
            luaL_argerror(L, arg, "no value");
        s = parse_spec(L, s, &spec);
        add_item(&b, &spec, arg);
    }
    luaL_addlstring(&b, s, (size_t)(end - s));
    luaL_pushresult(&b);
    return 1;
}
