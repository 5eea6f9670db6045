/* Arrays in Lua: a lightuserdata that is not a pointer but a handle into the
 * worker's table of views, checked on each use.
 *
 * A handle holds slot, generation and, for a[i] of an array of higher rank,
 * the path into it. A generation is never used twice for a slot while a
 * handle of it can be told apart, so a handle that outlives its call, or that
 * was made up, is an error and never a memory error.
 *
 * To Lua an array of rank 0 is its element at a[1], with #a and a:size() 1,
 * so that code for rank 1 works on it; a:rank() is 0. */
#ifndef MP_BUFFER_ARRAY_H
#define MP_BUFFER_ARRAY_H

#include <lua.h>

#include "moonpool.h"

typedef struct mp_arrays mp_arrays;

/* All for the worker's thread only. */
mp_status mp_arrays_new(mp_arrays **out, mp_error *err);
void mp_arrays_free(mp_arrays *arrays);

/* Makes room for `count` slots; MP_VALUE past the limit of 1024. */
mp_status mp_arrays_reserve(mp_arrays *arrays, int count, mp_error *err);

/* Puts a view into a reserved slot; what was there becomes stale. The view is
 * copied. Returns the handle, to be pushed with lua_pushlightuserdata(). */
void *mp_arrays_bind(mp_arrays *arrays, int slot, const mp_view *view);

/* Points a bound slot at other memory of the same shape: a new handle, and
 * the old one becomes stale. */
void *mp_arrays_move(mp_arrays *arrays, int slot, char *data);

/* All handles become stale. */
void mp_arrays_clear(mp_arrays *arrays);

/* The slot of the whole array that the Lua value at `index` is a valid handle
 * of, or -1. Never raises. */
int mp_arrays_slot(mp_arrays *arrays, lua_State *L, int index);

/* Gives all lightuserdata of a state the metatable of arrays. The state's
 * `arrays` must be set. A body for mp_state_options.open. [-0, +0, m] */
int mp_array_open(lua_State *L);

#endif
