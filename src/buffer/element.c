/* Elements: bytes of a dtype to values and back.
 *
 * Everything is written for the host's byte order. A swapped element is turned
 * round in a buffer of its own first, or last. An element may stand at any
 * address, so its bytes are copied and never read through a typed pointer. */
#include "buffer/element.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "buffer/half.h"

/* load_int8() and so on: the C value of an element. */
#define DEFINE_LOAD(name, text, type, size, code)                              \
    _Static_assert(sizeof(type) == (size), "the size of " #text);              \
    static inline type load_##text(const char *at)                             \
    {                                                                          \
        type value;                                                            \
        memcpy(&value, at, sizeof value);                                      \
        return value;                                                          \
    }
MP_DTYPE_TABLE(DEFINE_LOAD)
#undef DEFINE_LOAD

static void copy_reversed(char *to, const char *from, int size)
{
    for (int i = 0; i < size; i++)
        to[i] = from[size - 1 - i];
}

/* ---- reading ------------------------------------------------------------ */

#define UINT64_TEXT                                                            \
    "the uint64 value %s is past Lua's largest integer: view the array as "    \
    "int64"

static int raise_uint64(lua_State *L, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    return luaL_error(L, UINT64_TEXT, digits);
}

static void push_native(lua_State *L, mp_dtype dtype, const char *at)
{
    switch (dtype) {
    case MP_BOOL:
        lua_pushboolean(L, load_bool(at) != 0);
        break;
    case MP_INT8:
        lua_pushinteger(L, load_int8(at));
        break;
    case MP_UINT8:
        lua_pushinteger(L, load_uint8(at));
        break;
    case MP_INT16:
        lua_pushinteger(L, load_int16(at));
        break;
    case MP_UINT16:
        lua_pushinteger(L, load_uint16(at));
        break;
    case MP_INT32:
        lua_pushinteger(L, load_int32(at));
        break;
    case MP_UINT32:
        lua_pushinteger(L, load_uint32(at));
        break;
    case MP_INT64:
        lua_pushinteger(L, load_int64(at));
        break;
    case MP_UINT64:
        if (load_uint64(at) > INT64_MAX)
            raise_uint64(L, load_uint64(at));
        lua_pushinteger(L, (lua_Integer)load_uint64(at));
        break;
    case MP_FLOAT16:
        lua_pushnumber(L, mp_half_to_double(load_float16(at)));
        break;
    case MP_FLOAT32:
        lua_pushnumber(L, (double)load_float32(at));
        break;
    case MP_FLOAT64:
        lua_pushnumber(L, load_float64(at));
        break;
    }
}

void mp_element_push(lua_State *L, mp_dtype dtype, bool swapped, const char *at)
{
    char native[8];
    if (swapped) {
        copy_reversed(native, at, mp_dtype_size(dtype));
        at = native;
    }
    push_native(L, dtype, at);
}

static mp_value int_value(int64_t value)
{
    return (mp_value){.kind = MP_KIND_INT, .as.i = value};
}

static mp_value float_value(double value)
{
    return (mp_value){.kind = MP_KIND_FLOAT, .as.f = value};
}

/* The value of an element; a uint64 wraps. */
static mp_value get_native(mp_dtype dtype, const char *at)
{
    switch (dtype) {
    case MP_BOOL:
        return (mp_value){.kind = MP_KIND_BOOL, .as.b = load_bool(at) != 0};
    case MP_INT8:
        return int_value(load_int8(at));
    case MP_UINT8:
        return int_value(load_uint8(at));
    case MP_INT16:
        return int_value(load_int16(at));
    case MP_UINT16:
        return int_value(load_uint16(at));
    case MP_INT32:
        return int_value(load_int32(at));
    case MP_UINT32:
        return int_value(load_uint32(at));
    case MP_INT64:
        return int_value(load_int64(at));
    case MP_UINT64:
        return int_value((int64_t)load_uint64(at));
    case MP_FLOAT16:
        return float_value(mp_half_to_double(load_float16(at)));
    case MP_FLOAT32:
        return float_value((double)load_float32(at));
    case MP_FLOAT64:
        return float_value(load_float64(at));
    }
    return (mp_value){.kind = MP_KIND_NIL};
}

mp_status mp_element_get(mp_dtype dtype, bool swapped, const char *at,
                         mp_value *out, mp_error *err)
{
    char native[8];
    if (swapped) {
        copy_reversed(native, at, mp_dtype_size(dtype));
        at = native;
    }
    mp_value value = get_native(dtype, at);
    if (dtype == MP_UINT64 && value.as.i < 0) {
        char digits[24];
        snprintf(digits, sizeof digits, "%" PRIu64, (uint64_t)value.as.i);
        return mp_error_set(err, MP_VALUE, UINT64_TEXT, digits);
    }
    *out = value;
    return MP_OK;
}

/* ---- storing ------------------------------------------------------------ */

/* What the integer dtypes can hold, and in how many bytes. */
static const struct {
    int64_t least;
    uint64_t most;
    int size;
} ranges[] = {
    [MP_INT8] = {INT8_MIN, INT8_MAX, 1},    [MP_UINT8] = {0, UINT8_MAX, 1},
    [MP_INT16] = {INT16_MIN, INT16_MAX, 2}, [MP_UINT16] = {0, UINT16_MAX, 2},
    [MP_INT32] = {INT32_MIN, INT32_MAX, 4}, [MP_UINT32] = {0, UINT32_MAX, 4},
    [MP_INT64] = {INT64_MIN, INT64_MAX, 8}, [MP_UINT64] = {0, UINT64_MAX, 8},
};
_Static_assert(sizeof ranges / sizeof ranges[0] == MP_UINT64 + 1,
               "a range for each integer dtype");

/* Stores the low bytes of an integer. */
static void store_bits(char *at, int size, uint64_t bits)
{
    switch (size) {
    case 1:
        *at = (char)bits;
        break;
    case 2:
        memcpy(at, &(uint16_t){(uint16_t)bits}, 2);
        break;
    case 4:
        memcpy(at, &(uint32_t){(uint32_t)bits}, 4);
        break;
    case 8:
        memcpy(at, &bits, 8);
        break;
    }
}

static mp_misfit store_bool(mp_dtype dtype, char *at, bool value)
{
    if (dtype != MP_BOOL)
        return MP_MISFIT_TYPE;
    *at = value ? 1 : 0;
    return MP_FITS;
}

/* A float32 is rounded from the integer at once: by way of a double it would
 * be rounded twice. Of a float16 that is true as well, because integers past
 * 2^53, the only ones that a double rounds, are infinite as a float16. */
static mp_misfit store_int(mp_dtype dtype, char *at, int64_t value)
{
    switch (dtype) {
    case MP_BOOL:
        return MP_MISFIT_TYPE;
    case MP_INT8:
    case MP_UINT8:
    case MP_INT16:
    case MP_UINT16:
    case MP_INT32:
    case MP_UINT32:
    case MP_INT64:
    case MP_UINT64:
        if (value < ranges[dtype].least ||
            (value > 0 && (uint64_t)value > ranges[dtype].most))
            return MP_MISFIT_RANGE;
        store_bits(at, ranges[dtype].size, (uint64_t)value);
        break;
    case MP_FLOAT16:
        memcpy(at, &(uint16_t){mp_half_from_double((double)value)}, 2);
        break;
    case MP_FLOAT32:
        memcpy(at, &(float){(float)value}, 4);
        break;
    case MP_FLOAT64:
        memcpy(at, &(double){(double)value}, 8);
        break;
    }
    return MP_FITS;
}

/* A float goes into an integer dtype only as the integer that it is. */
static mp_misfit store_float_as_int(mp_dtype dtype, char *at, double value)
{
    if (value >= -0x1p63 && value < 0x1p63) {
        int64_t integer = (int64_t)value;
        if ((double)integer != value)
            return MP_MISFIT_FRACTION;
        return store_int(dtype, at, integer);
    }
    if (!isfinite(value))
        return MP_MISFIT_FRACTION;
    if (dtype != MP_UINT64 || value < 0 || value >= 0x1p64)
        return MP_MISFIT_RANGE;
    store_bits(at, 8, (uint64_t)value);
    return MP_FITS;
}

static mp_misfit store_float(mp_dtype dtype, char *at, double value)
{
    switch (dtype) {
    case MP_BOOL:
        return MP_MISFIT_TYPE;
    case MP_INT8:
    case MP_UINT8:
    case MP_INT16:
    case MP_UINT16:
    case MP_INT32:
    case MP_UINT32:
    case MP_INT64:
    case MP_UINT64:
        return store_float_as_int(dtype, at, value);
    case MP_FLOAT16:
        memcpy(at, &(uint16_t){mp_half_from_double(value)}, 2);
        break;
    case MP_FLOAT32:
        memcpy(at, &(float){(float)value}, 4);
        break;
    case MP_FLOAT64:
        memcpy(at, &value, 8);
        break;
    }
    return MP_FITS;
}

static mp_misfit store_native(lua_State *L, int index, mp_dtype dtype, char *at)
{
    if (lua_isinteger(L, index))
        return store_int(dtype, at, lua_tointegerx(L, index, NULL));
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        return store_float(dtype, at, lua_tonumberx(L, index, NULL));
    case LUA_TBOOLEAN:
        return store_bool(dtype, at, lua_toboolean(L, index));
    default:
        return MP_MISFIT_TYPE;
    }
}

mp_misfit mp_element_store(lua_State *L, int index, mp_dtype dtype,
                           bool swapped, char *at)
{
    if (!swapped)
        return store_native(L, index, dtype, at);
    char native[8];
    mp_misfit misfit = store_native(L, index, dtype, native);
    if (misfit == MP_FITS)
        copy_reversed(at, native, mp_dtype_size(dtype));
    return misfit;
}

static mp_misfit set_native(mp_dtype dtype, char *at, mp_value value)
{
    switch (value.kind) {
    case MP_KIND_BOOL:
        return store_bool(dtype, at, value.as.b);
    case MP_KIND_INT:
        return store_int(dtype, at, value.as.i);
    case MP_KIND_FLOAT:
        return store_float(dtype, at, value.as.f);
    case MP_KIND_NIL:
    case MP_KIND_STRING:
        break;
    }
    return MP_MISFIT_TYPE;
}

mp_misfit mp_element_set(mp_dtype dtype, bool swapped, char *at, mp_value value)
{
    if (!swapped)
        return set_native(dtype, at, value);
    char native[8];
    mp_misfit misfit = set_native(dtype, native, value);
    if (misfit == MP_FITS)
        copy_reversed(at, native, mp_dtype_size(dtype));
    return misfit;
}

/* ---- saying why not ----------------------------------------------------- */

/* Writes a float as Lua does, but with all its digits where fewer would read
 * as another number, and with a point where the locale has a comma. */
static void float_text(double value, char *text, size_t size)
{
    if (isnan(value)) {
        snprintf(text, size, "nan");
        return;
    }
    snprintf(text, size, "%.14g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, size, "%.17g", value);
    char *comma = strchr(text, ',');
    if (comma != NULL)
        *comma = '.';
}

/* What is stored, as words of "cannot store ... in uint8". */
static void value_text(mp_value value, char *text, size_t size)
{
    switch (value.kind) {
    case MP_KIND_NIL:
        snprintf(text, size, "nil");
        break;
    case MP_KIND_BOOL:
        snprintf(text, size, "a boolean");
        break;
    case MP_KIND_INT:
        snprintf(text, size, "%" PRId64, value.as.i);
        break;
    case MP_KIND_FLOAT:
        float_text(value.as.f, text, size);
        break;
    case MP_KIND_STRING:
        snprintf(text, size, "a string");
        break;
    }
}

static void describe(const char *what, mp_misfit misfit, mp_dtype dtype,
                     char *text, size_t size)
{
    const char *name = mp_dtype_name(dtype);
    switch (misfit) {
    case MP_FITS:
        snprintf(text, size, "%s fits in %s", what, name);
        break;
    case MP_MISFIT_TYPE:
        snprintf(text, size, "cannot store %s in %s: not a %s", what, name,
                 dtype == MP_BOOL ? "boolean" : "number");
        break;
    case MP_MISFIT_FRACTION:
        snprintf(text, size, "cannot store %s in %s: not an integer", what,
                 name);
        break;
    case MP_MISFIT_RANGE:
        snprintf(text, size,
                 "cannot store %s in %s: out of range (%" PRId64 " to %" PRIu64
                 ")",
                 what, name, ranges[dtype].least, ranges[dtype].most);
        break;
    }
}

void mp_misfit_describe_value(mp_value value, mp_misfit misfit, mp_dtype dtype,
                              char *text, size_t size)
{
    char what[40];
    value_text(value, what, sizeof what);
    describe(what, misfit, dtype, text, size);
}

void mp_misfit_describe(lua_State *L, int index, mp_misfit misfit,
                        mp_dtype dtype, char *text, size_t size)
{
    mp_value value = {.kind = MP_KIND_NIL};
    char what[40];
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            value = int_value(lua_tointegerx(L, index, NULL));
        else
            value = float_value(lua_tonumberx(L, index, NULL));
        value_text(value, what, sizeof what);
        break;
    case LUA_TNONE:
    case LUA_TNIL:
        value_text(value, what, sizeof what);
        break;
    case LUA_TLIGHTUSERDATA:
        snprintf(what, sizeof what, "an array");
        break;
    default:
        snprintf(what, sizeof what, "a %s", luaL_typename(L, index));
        break;
    }
    describe(what, misfit, dtype, text, size);
}
