/* Turns what Lua code raised into an error record. */
#include "core/luaerror.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "core/lib/lib.h"
#include "core/text.h"

/* Takes "chunk:line: " off the front of `text`, into `err`. */
static const char *take_position(const char *text, const char *chunk,
                                 mp_error *err)
{
    size_t size = strlen(chunk);
    if (strncmp(text, chunk, size) != 0 || text[size] != ':' ||
        !isdigit((unsigned char)text[size + 1]))
        return text;
    char *end;
    long line = strtol(text + size + 1, &end, 10);
    if (end[0] != ':' || end[1] != ' ')
        return text;
    err->line = (int)line;
    return end + 2;
}

void mp_luaerror_syntax(lua_State *L, mp_error *err)
{
    char chunk[sizeof err->kernel];
    memcpy(chunk, err->kernel, sizeof chunk);
    const char *text = lua_tostring(L, -1);
    mp_error_set(err, MP_SYNTAX, "%s", "");
    memcpy(err->kernel, chunk, sizeof chunk);
    text = take_position(text == NULL ? "" : text, chunk, err);
    mp_text_copy(err->message, sizeof err->message, text, strlen(text));
}

/* A message handler inside the message handler, for errors in __tostring.
 * [-1, +1, e] */
static int describe(lua_State *L)
{
    mp_lib_tolstring(L, 1, NULL);
    return 1;
}

/* Writes the error value to `err->message`. */
static void take_message(lua_State *L, int index, mp_error *err)
{
    size_t size;
    const char *text = NULL;
    int top = lua_gettop(L);
    if (lua_type(L, index) == LUA_TSTRING) {
        text = lua_tolstring(L, index, &size);
    } else if (lua_type(L, index) == LUA_TNIL) {
        mp_error_set(err, MP_LUA, "the error value is nil");
    } else if (luaL_getmetafield(L, index, "__tostring") != LUA_TNIL ||
               lua_type(L, index) == LUA_TNUMBER) {
        lua_pushcfunction(L, describe);
        lua_pushvalue(L, index);
        if (lua_pcall(L, 1, 1, 0) == LUA_OK)
            text = lua_tolstring(L, -1, &size);
    }
    if (text != NULL) {
        mp_error_set(err, MP_LUA, "%s", "");
        mp_text_copy(err->message, sizeof err->message, text, size);
    } else if (err->status == MP_OK) {
        mp_error_set(err, MP_LUA, "the error value is a %s",
                     luaL_typename(L, index));
    }
    lua_settop(L, top);
}

/* Finds the Lua function nearest to the error and takes its position off the
 * front of the message. */
static void take_place(lua_State *L, mp_error *err)
{
    lua_Debug ar;
    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline <= 0)
            continue;
        mp_text_copy(err->kernel, sizeof err->kernel, ar.short_src,
                     strlen(ar.short_src));
        err->line = ar.currentline;
        const char *text = take_position(err->message, ar.short_src, err);
        memmove(err->message, text, strlen(text) + 1);
        return;
    }
}

void mp_luaerror_take(lua_State *L, int index, mp_error *err)
{
    err->status = MP_OK;
    take_message(L, index, err);
    take_place(L, err);
    luaL_traceback(L, L, NULL, 1);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    mp_text_copy(err->traceback, sizeof err->traceback, text, size);
    lua_pop(L, 1);
}
