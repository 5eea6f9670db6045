/* The metatable of arrays: what a[i], a[i] = x, #a, a:size() and their like
 * do.
 *
 * Reading and writing an element is what kernels spend their time on, so both
 * begin with a fast path over numbers that arrays.c worked out beforehand. It
 * tests everything and explains nothing: whatever it does not take goes, from
 * the start, through the slow path, which finds out what is wrong. */
#include "buffer/array.h"

#include <math.h>
#include <string.h>

#include <lauxlib.h>

#include "buffer/element.h"
#include "buffer/handle.h"
#include "buffer/loop.h"
#include "core/state.h"

static const mp_arrays *arrays_of(lua_State *L)
{
    return mp_state_of(L)->arrays;
}

/* ---- checks ------------------------------------------------------------- */

/* The row that the handle at `index` refers to, or an error. [-0, +0, v] */
static mp_row check_row(lua_State *L, int index)
{
    mp_row row;
    if (!lua_islightuserdata(L, index))
        luaL_error(L, "array expected, got %s", luaL_typename(L, index));
    if (!mp__handle_find(arrays_of(L), lua_touserdata(L, index), &row))
        luaL_error(L, "array used after its call ended");
    return row;
}

static int64_t row_extent(const mp_row *row)
{
    return row->slot->view.shape[row->depth];
}

static bool is_leaf(const mp_row *row)
{
    return row->depth == row->slot->view.ndim - 1;
}

/* An index or dimension at `index`, called `what`, as a number from 0 to
 * `extent` - 1, or an error. Strings are no numbers here. [-0, +0, v] */
static int64_t check_index(lua_State *L, int index, const char *what,
                           int64_t extent)
{
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "%s must be an integer, got %s", what,
                   luaL_typename(L, index));
    int exact;
    lua_Integer value = lua_tointegerx(L, index, &exact);
    lua_Number number = lua_tonumberx(L, index, NULL);
    if (!exact)
        luaL_error(L, "%s %f %s", what, number,
                   fabs(number) < 0x1p63 || isnan(number) ? "is not an integer"
                                                          : "out of bounds");
    if (value >= 1 && value <= extent)
        return value - 1;
    if (extent == 0)
        luaL_error(L, "%s %I out of bounds (the array is empty)", what, value);
    return luaL_error(L, "%s %I out of bounds (1 to %I)", what, value,
                      (lua_Integer)extent);
}

/* ---- a[i] --------------------------------------------------------------- */

/* A method of arrays, by its name at index 2. [-0, +1, v] */
static int index_method(lua_State *L)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL)
        luaL_error(L, "array has no method '%s'", lua_tostring(L, 2));
    return 1;
}

/* [-0, +1, v] */
__attribute__((noinline)) static int index_slow(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TSTRING)
        return index_method(L);
    mp_row row = check_row(L, 1);
    const mp_slot *slot = row.slot;
    int64_t at = check_index(L, 2, "array index", row_extent(&row));
    if (is_leaf(&row)) {
        mp_element_push(L, slot->dtype, slot->view.swapped,
                        mp__handle_data(&row) + at * slot->stride);
        return 1;
    }
    if (slot->paths == 1)
        luaL_error(L, "array has too many rows to index");
    uint64_t place = mp__handle_slot(lua_touserdata(L, 1));
    lua_pushlightuserdata(L, mp__handle_row(place, &row, (uint64_t)at));
    return 1;
}

/* __index(array, key). [-0, +1, v] */
static int array_index(lua_State *L)
{
    const mp_arrays *arrays = arrays_of(L);
    const void *handle = lua_touserdata(L, 1);
    uint64_t place = mp__handle_slot(handle);
    if (place >= arrays->count || !lua_isinteger(L, 2))
        return index_slow(L);
    const mp_slot *slot = &arrays->slots[place];
    uint64_t at = (uint64_t)lua_tointegerx(L, 2, NULL) - 1;
    uint64_t path = mp__handle_serial(handle) - slot->serial;
    uint64_t leaf = path - slot->leaf_first;
    if (leaf < slot->leaf_count && at < slot->extent) {
        mp_element_push_native(L, slot->dtype,
                               mp__slot_element(slot, leaf, at));
        return 1;
    }
    if (path < slot->leaf_first) {
        mp_row row = mp__handle_locate(slot, path);
        if (at < (uint64_t)row_extent(&row)) {
            lua_pushlightuserdata(L, mp__handle_row(place, &row, at));
            return 1;
        }
    }
    return index_slow(L);
}

/* ---- a[i] = x ----------------------------------------------------------- */

/* [-0, +0, v] */
__attribute__((noinline)) static int
raise_misfit(lua_State *L, mp_misfit misfit, mp_dtype dtype)
{
    char text[160];
    mp_misfit_describe(L, 3, misfit, dtype, text, sizeof text);
    return luaL_error(L, "%s", text);
}

/* [-0, +0, v] */
__attribute__((noinline)) static int newindex_slow(lua_State *L)
{
    mp_row row = check_row(L, 1);
    const mp_slot *slot = row.slot;
    int64_t at = check_index(L, 2, "array index", row_extent(&row));
    if (!is_leaf(&row))
        return luaL_error(L, "a row of an array cannot be assigned: "
                             "index it further");
    if (slot->readonly)
        return luaL_error(L, "array is read-only");
    mp_misfit misfit =
        mp_element_store(L, 3, slot->dtype, slot->view.swapped,
                         mp__handle_data(&row) + at * slot->stride);
    return misfit == MP_FITS ? 0 : raise_misfit(L, misfit, slot->dtype);
}

/* __newindex(array, key, value). [-0, +0, v] */
static int array_newindex(lua_State *L)
{
    const mp_arrays *arrays = arrays_of(L);
    const void *handle = lua_touserdata(L, 1);
    uint64_t place = mp__handle_slot(handle);
    if (place >= arrays->count || !lua_isinteger(L, 2))
        return newindex_slow(L);
    const mp_slot *slot = &arrays->slots[place];
    uint64_t at = (uint64_t)lua_tointegerx(L, 2, NULL) - 1;
    uint64_t path = mp__handle_serial(handle) - slot->serial;
    uint64_t leaf = path - slot->leaf_first;
    if (leaf >= slot->leaf_count || at >= slot->extent || slot->readonly)
        return newindex_slow(L);
    mp_misfit misfit = mp_element_store_native(
        L, 3, slot->dtype, mp__slot_element(slot, leaf, at));
    return misfit == MP_FITS ? 0 : raise_misfit(L, misfit, slot->dtype);
}

/* ---- #a, methods, tostring ---------------------------------------------- */

/* __len(array). [-0, +1, v] */
static int array_len(lua_State *L)
{
    mp_row row = check_row(L, 1);
    lua_pushinteger(L, row_extent(&row));
    return 1;
}

/* a:size(d): the extent of dimension d, 1 where d is left out. [-0, +1, v] */
static int array_size(lua_State *L)
{
    mp_row row = check_row(L, 1);
    int64_t d = 0;
    if (!lua_isnoneornil(L, 2))
        d = check_index(L, 2, "array dimension",
                        row.slot->view.ndim - row.depth);
    lua_pushinteger(L, row.slot->view.shape[row.depth + (int)d]);
    return 1;
}

/* a:rank(): the number of dimensions. [-0, +1, v] */
static int array_rank(lua_State *L)
{
    mp_row row = check_row(L, 1);
    lua_pushinteger(L, row.slot->rank - row.depth);
    return 1;
}

/* a:dtype(): the name of the dtype. [-0, +1, v] */
static int array_dtype(lua_State *L)
{
    mp_row row = check_row(L, 1);
    lua_pushstring(L, mp_dtype_name(row.slot->dtype));
    return 1;
}

/* __tostring(array): "array<float64>(3, 4)". [-0, +1, v] */
static int array_tostring(lua_State *L)
{
    mp_row row = check_row(L, 1);
    const mp_slot *slot = row.slot;
    mp_shape shape = {.ndim = slot->rank - row.depth};
    memcpy(shape.extent, slot->view.shape + row.depth,
           (size_t)shape.ndim * sizeof(int64_t));
    char text[200];
    lua_pushfstring(L, "array<%s>%s", mp_dtype_name(slot->dtype),
                    mp_shape_text(&shape, text, sizeof text));
    return 1;
}

/* Lua looks __index up for every a[i]. In a table that has room from the start
 * what comes first stays where its hash says, and is found at once; in one
 * that grows it may end anywhere in a chain, at random: a[i] was up to a sixth
 * slower in some states than in others. */
#define METATABLE_NODES 64

int mp_array_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"size", array_size},
        {"rank", array_rank},
        {"dtype", array_dtype},
        {NULL, NULL},
    };
    static const luaL_Reg metamethods[] = {
        {"__newindex", array_newindex},
        {"__len", array_len},
        {"__tostring", array_tostring},
        {NULL, NULL},
    };
    luaL_checkstack(L, 4, NULL);
    lua_pushlightuserdata(L, NULL);
    lua_createtable(L, 0, METATABLE_NODES);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, array_index, 1);
    lua_setfield(L, -2, "__index");
    luaL_setfuncs(L, metamethods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__name");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
    return 0;
}
