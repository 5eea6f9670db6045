/* Stops Lua code that runs on a worker, from any other thread, at no cost
 * while nobody wants it stopped.
 *
 * Lua's count hook costs 47 to 128 % when it stands, so it is armed only when
 * a deadline has passed or a cancel came in: mp_guard_stop() sets `stop` and
 * arms the hook on the coroutine that runs. The hook raises, and from then on
 * every own library function that could swallow the error (pcall, xpcall,
 * coroutine.*) sees `stop` and raises again, until the worker's outermost
 * protected call returns. No hook fires inside C, so each C function of the
 * libraries that can take long calls mp_guard_poll() now and then.
 *
 * A coroutine may only be switched to through mp_guard_switch(): the lock
 * keeps the coroutine that is being armed from being collected meanwhile. */
#ifndef MP_CORE_GUARD_H
#define MP_CORE_GUARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <lua.h>

#include "core/escape.h"
#include "moonpool.h"

typedef struct mp_guard {
    pthread_mutex_t lock;
    lua_State *running; /* guarded by lock; written by the worker only */
    const void *task;   /* guarded by lock */
    _Atomic int stop;   /* atomic; an mp_status, MP_OK: go on */
    mp_escape escape;   /* see there */
} mp_guard;

mp_status mp_guard_init(mp_guard *guard, mp_error *err);
void mp_guard_destroy(mp_guard *guard);

/* Worker thread: from now on `L` works for `task`, which may have been stopped
 * before: look after entering. Leaving forgets the stop and the hook. */
void mp_guard_enter(mp_guard *guard, lua_State *L, const void *task);
void mp_guard_leave(mp_guard *guard);

/* Any thread: stops the worker with `why` if it works for `task` just now. */
void mp_guard_stop(mp_guard *guard, const void *task, mp_status why);

/* Whether the code that runs must end. Any thread. */
static inline bool mp_guard_stopping(const mp_guard *guard)
{
    /* Relaxed: the flag carries no data, and a late look costs one poll. */
    return atomic_load_explicit(&guard->stop, memory_order_relaxed) != MP_OK;
}

/* Worker thread: `to` runs from now on; returns what ran before. */
lua_State *mp_guard_switch(mp_guard *guard, lua_State *to);

/* Raises the error that ends the task; never returns. [-0, +0, v] */
int mp_guard_raise(lua_State *L);

/* Raises if the task must end: for loops in C, and for the own pcall and its
 * like after a protected call has failed. [-0, +0, v] */
void mp_guard_poll(lua_State *L);

#endif
