/* What a kernel sees: the base environment of a state, and an environment of
 * its own for each kernel on top of it. */
#ifndef MP_CORE_SANDBOX_H
#define MP_CORE_SANDBOX_H

#include <stdbool.h>

#include <lua.h>

/* Makes the base environment of a new state: the sandboxed libraries, or all
 * of Lua's with ours on top. [-0, +0, m] */
void mp_sandbox_open(lua_State *L, bool sandbox);

/* Pushes the base environment, where the setup runs. [-0, +1, -] */
void mp_sandbox_push_base(lua_State *L);

/* Pushes the table that holds the globals which the setup has added, and which
 * kernels read through to. [-0, +1, -] */
void mp_sandbox_push_shared(lua_State *L);

/* Pushes the metatable of all kernels' environments, whose `__index` is the
 * table above. [-0, +1, -] */
void mp_sandbox_push_metatable(lua_State *L);

/* Pushes a new environment for a kernel: shallow copies of the libraries, so
 * that it can change none but its own, over the base. [-0, +1, m] */
void mp_sandbox_push_environment(lua_State *L);

#endif
