/* Turns what Lua code raised into an error record. */
#ifndef MP_CORE_LUAERROR_H
#define MP_CORE_LUAERROR_H

#include <lua.h>

#include "moonpool.h"

/* Fills `err` from a compiler's message, "name:line: text", on the top of the
 * stack. [-0, +0, -] */
void mp_luaerror_syntax(lua_State *L, mp_error *err);

/* Fills `err` from the error value at `index`: message, chunk, line and
 * traceback. For use in a message handler, while the stack still shows where
 * it happened. The message is there before anything is allocated, so it
 * survives an out-of-memory error on the way. [-0, +0, m] */
void mp_luaerror_take(lua_State *L, int index, mp_error *err);

#endif
