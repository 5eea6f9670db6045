/* Stops Lua code that runs on a worker. */
#include "core/guard.h"

#include <string.h>

#include <lauxlib.h>

#include "core/state.h"

mp_status mp_guard_init(mp_guard *guard, mp_error *err)
{
    int code = pthread_mutex_init(&guard->lock, NULL);
    if (code != 0)
        return mp_error_set(err, MP_NO_MEMORY, "cannot make a mutex: %s",
                            strerror(code));
    guard->running = NULL;
    guard->task = NULL;
    atomic_init(&guard->stop, MP_OK);
    mp_escape_init(&guard->escape, &guard->stop);
    return MP_OK;
}

void mp_guard_destroy(mp_guard *guard)
{
    pthread_mutex_destroy(&guard->lock);
}

/* Runs in the worker as soon as it executes one more VM instruction. A hook
 * that outlived its task (a suspended coroutine keeps its own) takes itself
 * off. [-0, +0, v] */
static void on_count(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (mp_guard_stopping(mp_state_of(L)->guard))
        mp_guard_raise(L);
    lua_sethook(L, NULL, 0, 0);
}

static void arm(lua_State *L)
{
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
}

void mp_guard_enter(mp_guard *guard, lua_State *L, const void *task)
{
    pthread_mutex_lock(&guard->lock);
    guard->running = L;
    guard->task = task;
    pthread_mutex_unlock(&guard->lock);
}

void mp_guard_leave(mp_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    /* The stop was for the task that ends here. Relaxed: under the lock. */
    if (mp_guard_stopping(guard)) {
        atomic_store_explicit(&guard->stop, MP_OK, memory_order_relaxed);
        lua_sethook(guard->running, NULL, 0, 0);
    }
    guard->running = NULL;
    guard->task = NULL;
    pthread_mutex_unlock(&guard->lock);
}

void mp_guard_stop(mp_guard *guard, const void *task, mp_status why)
{
    pthread_mutex_lock(&guard->lock);
    if (guard->task == task && guard->running != NULL) {
        if (!mp_guard_stopping(guard))
            atomic_store_explicit(&guard->stop, (int)why, memory_order_relaxed);
        arm(guard->running);
    }
    pthread_mutex_unlock(&guard->lock);
}

lua_State *mp_guard_switch(mp_guard *guard, lua_State *to)
{
    pthread_mutex_lock(&guard->lock);
    lua_State *from = guard->running;
    guard->running = to;
    pthread_mutex_unlock(&guard->lock);
    /* Not under the lock: an escape may take the thread out of here. */
    if (mp_guard_stopping(guard))
        arm(to);
    return from;
}

int mp_guard_raise(lua_State *L)
{
    /* The value is never looked at, and pushing it allocates nothing. */
    lua_pushboolean(L, 0);
    return lua_error(L);
}

void mp_guard_poll(lua_State *L)
{
    if (mp_guard_stopping(mp_state_of(L)->guard))
        mp_guard_raise(L);
}
