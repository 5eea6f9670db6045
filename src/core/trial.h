/* Trials: a kernel's chunk, run once in a sandboxed state of its own, so that
 * what its function holds can be looked at. */
#ifndef MP_CORE_TRIAL_H
#define MP_CORE_TRIAL_H

#include <lua.h>

#include "moonpool.h"

typedef struct mp_trial mp_trial;

/* Makes a state, runs `setup` (or NULL) and the kernel's chunk in it, on a
 * thread of its own, with little time and memory. MP_VALUE where what they
 * found depends on the worker, on its number or on random numbers; or where the
 * chunk looks at what the setup has defined and other kernels can change. On
 * success `*out` is the caller's, to free; on failure it is untouched, and the
 * line in `err` is one of the kernel's or 0. Call from any thread, which
 * waits. */
mp_status mp_trial_run(const mp_kernel *kernel, const mp_kernel *setup,
                       mp_trial **out, mp_error *err);
void mp_trial_free(mp_trial *trial);

/* The state, with nothing on the stack but the kernel's function. No Lua code
 * must run in it any more, and no call that can raise an error. */
lua_State *mp_trial_lua(mp_trial *trial);

/* Pushes the name, such as "math.sin", of the function at `index` where it is
 * one of the sandbox's libraries, whatever the kernel calls it; else nil. The
 * stack must have room for two values. [-0, +1, -] */
void mp_trial_push_name(lua_State *L, int index);

#endif
