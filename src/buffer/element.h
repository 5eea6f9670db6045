/* Elements of arrays: the one place that knows how a dtype's bytes become a
 * Lua value and back. */
#ifndef MP_BUFFER_ELEMENT_H
#define MP_BUFFER_ELEMENT_H

#include <string.h>

#include <lua.h>

#include "moonpool.h"

/* Pushes the element at `at`: a boolean, an integer or a float. Raises where
 * a uint64 exceeds Lua's integers. [-0, +1, e] */
void mp_element_push(lua_State *L, mp_dtype dtype, bool swapped,
                     const char *at);

/* The same for an element in the host's byte order; inline for the dtypes that
 * kernels read most. [-0, +1, e] */
static inline void mp_element_push_native(lua_State *L, mp_dtype dtype,
                                          const char *at)
{
    switch (dtype) {
    case MP_FLOAT64: {
        double value;
        memcpy(&value, at, sizeof value);
        lua_pushnumber(L, value);
        return;
    }
    case MP_FLOAT32: {
        float value;
        memcpy(&value, at, sizeof value);
        lua_pushnumber(L, (lua_Number)value);
        return;
    }
    case MP_INT64: {
        int64_t value;
        memcpy(&value, at, sizeof value);
        lua_pushinteger(L, value);
        return;
    }
    case MP_INT32: {
        int32_t value;
        memcpy(&value, at, sizeof value);
        lua_pushinteger(L, value);
        return;
    }
    case MP_UINT8: {
        uint8_t value;
        memcpy(&value, at, sizeof value);
        lua_pushinteger(L, value);
        return;
    }
    case MP_BOOL:
    case MP_INT8:
    case MP_INT16:
    case MP_UINT16:
    case MP_UINT32:
    case MP_UINT64:
    case MP_FLOAT16:
        break;
    }
    mp_element_push(L, dtype, false, at);
}

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

/* The same for an element in the host's byte order; inline for the dtypes that
 * kernels write most. */
static inline mp_misfit mp_element_store_native(lua_State *L, int index,
                                                mp_dtype dtype, char *at)
{
    switch (dtype) {
    case MP_FLOAT64:
        if (lua_type(L, index) == LUA_TNUMBER) {
            double value = lua_tonumberx(L, index, NULL);
            memcpy(at, &value, sizeof value);
            return MP_FITS;
        }
        break;
    case MP_FLOAT32:
        if (lua_type(L, index) == LUA_TNUMBER) {
            /* A larger integer must not be rounded to a double first. */
            double value = lua_tonumberx(L, index, NULL);
            if (value < 0x1p53 && value > -0x1p53) {
                float narrow = (float)value;
                memcpy(at, &narrow, sizeof narrow);
                return MP_FITS;
            }
        }
        break;
    case MP_INT64:
        if (lua_isinteger(L, index)) {
            int64_t value = lua_tointegerx(L, index, NULL);
            memcpy(at, &value, sizeof value);
            return MP_FITS;
        }
        break;
    case MP_INT32:
        if (lua_isinteger(L, index)) {
            int64_t value = lua_tointegerx(L, index, NULL);
            int32_t narrow = (int32_t)value;
            if (narrow != value)
                return MP_MISFIT_RANGE;
            memcpy(at, &narrow, sizeof narrow);
            return MP_FITS;
        }
        break;
    case MP_UINT8:
        if (lua_isinteger(L, index)) {
            int64_t value = lua_tointegerx(L, index, NULL);
            uint8_t narrow = (uint8_t)value;
            if (narrow != value)
                return MP_MISFIT_RANGE;
            memcpy(at, &narrow, sizeof narrow);
            return MP_FITS;
        }
        break;
    case MP_BOOL:
    case MP_INT8:
    case MP_INT16:
    case MP_UINT16:
    case MP_UINT32:
    case MP_UINT64:
    case MP_FLOAT16:
        break;
    }
    return mp_element_store(L, index, dtype, false, at);
}

/* The same for values outside Lua. */
mp_status mp_element_get(mp_dtype dtype, bool swapped, const char *at,
                         mp_value *out, mp_error *err);
mp_misfit mp_element_set(mp_dtype dtype, bool swapped, char *at,
                         mp_value value);

/* Writes "cannot store 3.5 in uint8: ..." about the Lua value at `index`, or
 * about a value outside Lua. */
void mp_misfit_describe(lua_State *L, int index, mp_misfit misfit,
                        mp_dtype dtype, char *text, size_t size);
void mp_misfit_describe_value(mp_value value, mp_misfit misfit, mp_dtype dtype,
                              char *text, size_t size);

#endif
