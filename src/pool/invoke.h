/* Calling a kernel's function from a worker: what map, run, reduce and call
 * have in common inside Lua. */
#ifndef MP_POOL_INVOKE_H
#define MP_POOL_INVOKE_H

#include <lua.h>

#include "moonpool.h"
#include "pool/chunks.h"

struct mp_worker;

/* Worker thread, in a job's `work`: runs `session(L)`, with `ud` as its
 * lightuserdata argument, in the worker's Lua state, protected and stoppable.
 * At its end all arrays are stale. An error has the index chunks->at. */
mp_status mp__invoke_session(mp_chunks *chunks, lua_CFunction session, void *ud,
                             mp_error *err);

/* Pushes the kernel's function and checks that it takes `nargs` arguments.
 * [-0, +1, e] */
void mp__invoke_push(lua_State *L, mp_kernel *kernel, int nargs);

/* Makes room for `count` arrays and `stack` values. [-0, +0, e] */
void mp__invoke_reserve(lua_State *L, struct mp_worker *worker, int count,
                        int stack);

/* Raises about what the kernel returned. `index` is the value's place on the
 * stack. [-0, +0, v] */
int mp__invoke_bad_result(lua_State *L, int index, int nth);
int mp__invoke_bad_count(lua_State *L, int got, int wanted);

/* The name of a value's type for messages: "a string", "nil". */
const char *mp__invoke_typename(lua_State *L, int index);

#endif
