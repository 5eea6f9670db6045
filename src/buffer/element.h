/* Elements of arrays: the one place that knows how a dtype's bytes become a
 * Lua value and back. */
#ifndef MP_BUFFER_ELEMENT_H
#define MP_BUFFER_ELEMENT_H

#include <lua.h>

#include "moonpool.h"

/* Pushes the element at `at`: a boolean, an integer or a float. Raises where
 * a uint64 exceeds Lua's integers. [-0, +1, e] */
void mp_element_push(lua_State *L, mp_dtype dtype, bool swapped,
                     const char *at);

/* Why a value cannot be stored. */
typedef enum mp_misfit {
    MP_FITS,
    MP_MISFIT_TYPE,     /* not a number, or not a boolean */
    MP_MISFIT_FRACTION, /* a float without an integer value */
    MP_MISFIT_RANGE,    /* an integer out of the dtype's range */
} mp_misfit;

/* Stores the Lua value at `index` of the stack, if it fits. Never raises. */
mp_misfit mp_element_store(lua_State *L, int index, mp_dtype dtype,
                           bool swapped, char *at);

/* The same for values outside Lua. */
mp_status mp_element_get(mp_dtype dtype, bool swapped, const char *at,
                         mp_value *out, mp_error *err);
mp_misfit mp_element_set(mp_dtype dtype, bool swapped, char *at,
                         mp_value value);

/* Writes "cannot store 3.5 in uint8: ..." about the Lua value at `index`. */
void mp_misfit_describe(lua_State *L, int index, mp_misfit misfit,
                        mp_dtype dtype, char *text, size_t size);

#endif
