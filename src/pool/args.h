/* A job's own copy of its arguments: views, and values that are the same for
 * every item. */
#ifndef MP_POOL_ARGS_H
#define MP_POOL_ARGS_H

#include <lua.h>

#include "moonpool.h"

typedef struct mp_args {
    int count;
    int nviews;
    mp_arg *arg;    /* owned; a view's `view` points into `views` */
    mp_view *views; /* owned */
    char *strings;  /* owned; the bytes of all string values */
} mp_args;

/* Copies; MP_VALUE where there are too many or a view is invalid. `args` is
 * zeroed or destroyed before; on failure it is zeroed. */
mp_status mp_args_init(mp_args *args, int count, const mp_arg *arg,
                       mp_error *err);
void mp_args_destroy(mp_args *args);

/* Pushes a value that is no array. [-0, +1, m] */
void mp_args_push_value(lua_State *L, mp_value value);

/* Reads a number or boolean at `index`; anything else that is not nil comes
 * as MP_KIND_STRING without bytes. [-0, +0, -] */
mp_value mp_args_to_value(lua_State *L, int index);

#endif
