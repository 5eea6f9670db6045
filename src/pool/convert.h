/* Messages in Lua: arguments of a call become Lua values, its results become
 * a message again. */
#ifndef MP_POOL_CONVERT_H
#define MP_POOL_CONVERT_H

#include <lua.h>

#include "moonpool.h"

/* Pushes the items of the MP_TAG_LIST that the reader is at; returns how many.
 * `arrays` are the handles that MP_TAG_ARRAY items stand for. A table made
 * from a dict remembers it, so that an empty one comes back as a dict.
 * [-0, +n, e] */
int mp__convert_push(lua_State *L, mp_reader *reader, void *const *arrays,
                     int narrays);

/* Appends the values from `first` to the top of the stack as one MP_TAG_LIST.
 * A table is a list where its keys are 1 to n, else a dict. `limit` bounds
 * the message's size in bytes. What was appended stays in `out` when this
 * raises. [-0, +0, e] */
void mp__convert_pull(lua_State *L, int first, mp_message *out, size_t limit);

#endif
