/* The libraries that a sandboxed kernel sees. Stock Lua 5.3's own are used
 * where nothing can go wrong in them; what can run for long without a hook,
 * swallow a stop, show an address or reach out of the sandbox is ours.
 *
 * Each mp_lib_*() pushes one new table with the library's functions. They
 * assume a state made by mp_state_new(), whose guard they poll. */
#ifndef MP_CORE_LIB_LIB_H
#define MP_CORE_LIB_LIB_H

#include <lua.h>

/* [-0, +1, m] all of them */
int mp_lib_base(lua_State *L); /* assert ... xpcall, _VERSION */
int mp_lib_coroutine(lua_State *L);
int mp_lib_math(lua_State *L); /* stock, with the state's own random */
int mp_lib_num(lua_State *L);  /* C99's math.h and random numbers */
int mp_lib_string(lua_State *L);
int mp_lib_table(lua_State *L);
int mp_lib_utf8(lua_State *L);

/* tostring() without addresses: pushes a string for the value at `index`,
 * honouring __tostring and __name. [-0, +1, e] */
const char *mp_lib_tolstring(lua_State *L, int index, size_t *size);

#endif
