/* One worker's Lua state: its memory limit, its guard, its sandbox, and the
 * kernels loaded into it. */
#ifndef MP_CORE_STATE_H
#define MP_CORE_STATE_H

#include <lua.h>

#include "core/guard.h"
#include "core/memory.h"
#include "core/random.h"
#include "moonpool.h"

typedef struct mp_state_options {
    int worker;          /* number of the worker, from 1: num.worker() */
    size_t memory_limit; /* bytes, 0: none */
    bool sandbox;
    lua_CFunction open; /* called once with the new state, or NULL; [0, 0, v] */
    void *arrays;       /* what src/buffer wants to find in the state */
    size_t fail_after;  /* tests: allocations that succeed; 0: all */
} mp_state_options;

/* How many kernels a state keeps loaded; the least recently used goes. */
#ifdef MP_HARD
#define MP_STATE_KERNELS 2
#else
#define MP_STATE_KERNELS 64
#endif

typedef struct mp_loaded {
    mp_kernel *kernel; /* retained */
    int function;      /* reference into the registry */
    unsigned used;     /* stamp of the last use */
} mp_loaded;

typedef struct mp_state {
    lua_State *L; /* the main coroutine */
    mp_memory memory;
    mp_guard *guard; /* borrowed from the worker, which outlives the state */
    mp_random random;
    int worker;
    void *arrays;   /* borrowed; see mp_state_options */
    bool torn;      /* an escape left it: it can only be freed */
    mp_error *err;  /* where mp_state_call() wants an error, or NULL */
    unsigned clock; /* stamp of the latest use of a kernel */
    int nloaded;
    mp_loaded loaded[MP_STATE_KERNELS];
} mp_state;

/* All of mp_state is for the worker's thread only, except guard and the two
 * counters of memory, which have functions of their own. */

/* The state that a Lua state or coroutine belongs to. */
static inline mp_state *mp_state_of(lua_State *L)
{
    return *(mp_state **)lua_getextraspace(L);
}

/* Makes a state and opens the libraries. On success `*out` is the caller's;
 * on failure it is untouched. */
mp_status mp_state_new(const mp_state_options *options, mp_guard *guard,
                       mp_state **out, mp_error *err);
void mp_state_free(mp_state *state);

/* Runs a pool's setup: its globals are what every kernel's environment reads
 * through to. To be called between mp_guard_enter() and mp_guard_leave(). */
mp_status mp_state_setup(mp_state *state, const mp_kernel *setup,
                         mp_error *err);

/* Runs `body(L)` with `ud` as its lightuserdata argument, protected, with a
 * traceback. On failure `err` has message, line and traceback, and the stack
 * is as before. Whatever `body` leaves on the stack is dropped. */
mp_status mp_state_call(mp_state *state, lua_CFunction body, void *ud,
                        mp_error *err);

/* Pushes the kernel's function, loading it first where this state has not
 * seen it: its chunk runs once, in an environment of its own.
 * For use inside a body of mp_state_call(). [-0, +1, e] */
void mp_state_push_kernel(lua_State *L, mp_kernel *kernel);

/* Forgets a kernel, so that what its environment holds can be collected. */
void mp_state_forget(mp_state *state, const mp_kernel *kernel);

#endif
