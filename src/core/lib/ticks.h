/* A countdown to the next look at the guard, for loops in C: a look in every
 * step would cost more than the step. */
#ifndef MP_CORE_LIB_TICKS_H
#define MP_CORE_LIB_TICKS_H

#include <stddef.h>

#include <lua.h>

#include "core/guard.h"

/* How much is spent between two looks; one tick is a few nanoseconds. */
#ifdef MP_HARD
#define MP__TICKS 2
#else
#define MP__TICKS 4096
#endif

/* What the read or write of a table's field costs, metamethods and all. */
#define MP__TICKS_FIELD 64

typedef struct mp__ticks {
    lua_State *L;
    size_t left;
} mp__ticks;

static inline mp__ticks mp__ticks_new(lua_State *L)
{
    return (mp__ticks){L, MP__TICKS};
}

/* Call before work of that cost, or after it; raises if the task must end.
 * [-0, +0, v] */
static inline void mp__ticks_spend(mp__ticks *ticks, size_t cost)
{
    if (cost < ticks->left) {
        ticks->left -= cost;
    } else {
        ticks->left = MP__TICKS;
        mp_guard_poll(ticks->L);
    }
}

/* The same for bytes that are copied, compared or searched. [-0, +0, v] */
static inline void mp__ticks_bytes(mp__ticks *ticks, size_t bytes)
{
    mp__ticks_spend(ticks, bytes / 16 + 1);
}

#endif
