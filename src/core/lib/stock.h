/* Single functions out of stock Lua's libraries. */
#ifndef MP_CORE_LIB_STOCK_H
#define MP_CORE_LIB_STOCK_H

#include <lua.h>

/* Opens a stock library and copies the fields of these names (up to a NULL)
 * into the table on the top. The rest of the library becomes garbage: neither
 * package.loaded nor the global table hears of it. An error, which only a
 * lack of memory can cause, leaves a state that is good for closing only.
 * [-0, +0, m] */
void mp__stock_copy(lua_State *L, lua_CFunction open, const char *const *names);

#endif
