/* Messages in Lua. */
#include "pool/convert.h"

#include <lauxlib.h>

#include "core/state.h"
#include "pool/worker.h"

/* The metatable of tables that were dicts; its address is the registry key.
 * All kernels of a state share it, so that none may get at it. */
static const char DICT = 0;

/* [-0, +1, m] */
static void push_dict_metatable(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &DICT) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &DICT);
    }
}

/* Raises what becomes MP_LUA_MEMORY: a message is not Lua's memory, but is
 * bounded by the same limit. [-0, +0, v] */
static int raise_full(lua_State *L)
{
    mp_state_of(L)->memory.refused = true;
    return luaL_error(L, "not enough memory for a message");
}

/* [-0, +0, e] */
static void check(lua_State *L, mp_status status, const mp_error *err)
{
    if (status == MP_LUA_MEMORY || status == MP_NO_MEMORY)
        raise_full(L);
    if (status != MP_OK)
        luaL_error(L, "%s", err->message);
}

/* ---- message to Lua ----------------------------------------------------- */

typedef struct source {
    mp_reader *reader;
    void *const *arrays;
    int narrays;
    int depth;
} source;

static void push_item(lua_State *L, source *s);

/* [-0, +1, e] */
static void push_list(lua_State *L, source *s, uint64_t count)
{
    lua_newtable(L);
    for (uint64_t i = 1; i <= count; i++) {
        push_item(L, s);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
}

/* [-0, +1, e] */
static void push_dict(lua_State *L, source *s, uint64_t count)
{
    lua_newtable(L);
    for (uint64_t i = 0; i < count; i++) {
        push_item(L, s);
        push_item(L, s);
        if (lua_isnil(L, -2) || (lua_type(L, -2) == LUA_TNUMBER &&
                                 lua_tonumber(L, -2) != lua_tonumber(L, -2)))
            luaL_error(L, "None and nan cannot be keys of a Lua table");
        lua_rawset(L, -3);
    }
    push_dict_metatable(L);
    lua_setmetatable(L, -2);
}

/* [-0, +1, e] */
static void push_item(lua_State *L, source *s)
{
    mp_item item;
    mp_error err;
    check(L, mp_message_next(s->reader, &item, &err), &err);
    if (++s->depth > MP_MAX_DEPTH)
        luaL_error(L, "more than %d levels of nesting", MP_MAX_DEPTH);
    luaL_checkstack(L, 4, "too many levels of nesting");
    mp_guard_poll(L);
    switch (item.tag) {
    case MP_TAG_NIL:
        lua_pushnil(L);
        break;
    case MP_TAG_FALSE:
    case MP_TAG_TRUE:
        lua_pushboolean(L, item.tag == MP_TAG_TRUE);
        break;
    case MP_TAG_INT:
        lua_pushinteger(L, item.as.i);
        break;
    case MP_TAG_FLOAT:
        lua_pushnumber(L, item.as.f);
        break;
    case MP_TAG_STRING:
        lua_pushlstring(L, item.as.s.data, item.as.s.size);
        break;
    case MP_TAG_LIST:
        push_list(L, s, item.as.count);
        break;
    case MP_TAG_DICT:
        push_dict(L, s, item.as.count);
        break;
    case MP_TAG_ARRAY:
        if (item.as.count >= (uint64_t)s->narrays)
            luaL_error(L, "the message is cut off or broken");
        lua_pushlightuserdata(L, s->arrays[item.as.count]);
        break;
    }
    s->depth--;
}

int mp__convert_push(lua_State *L, mp_reader *reader, void *const *arrays,
                     int narrays)
{
    mp_item list;
    mp_error err;
    source s = {.reader = reader, .arrays = arrays, .narrays = narrays};
    check(L, mp_message_next(reader, &list, &err), &err);
    if (list.tag != MP_TAG_LIST || list.as.count > 200)
        luaL_error(L, "a call takes at most 200 arguments");
    luaL_checkstack(L, (int)list.as.count + 8, "too many arguments");
    for (uint64_t i = 0; i < list.as.count; i++)
        push_item(L, &s);
    return (int)list.as.count;
}

/* ---- Lua to message ----------------------------------------------------- */

typedef struct sink {
    mp_message *out;
    size_t limit;
    int depth;
} sink;

static void pull_value(lua_State *L, int index, sink *s);

/* Whether the table at `index` goes as a list, and how many entries it has.
 * [-0, +0, e] */
static bool is_list(lua_State *L, int index, uint64_t *count)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);
    bool list = true;
    uint64_t entries = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        lua_Integer key = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        list = list && key >= 1 && key <= n;
        if ((++entries & 0xFFF) == 0)
            mp_guard_poll(L);
    }
    *count = entries;
    if (!list || entries != (uint64_t)n)
        return false;
    if (!lua_getmetatable(L, index))
        return true;
    push_dict_metatable(L);
    bool dict = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return !dict;
}

/* [-0, +0, e] */
static void pull_table(lua_State *L, int index, sink *s)
{
    uint64_t count;
    mp_error err;
    bool list = is_list(L, index, &count);
    check(
        L,
        mp_message_count(s->out, list ? MP_TAG_LIST : MP_TAG_DICT, count, &err),
        &err);
    if (list) {
        for (uint64_t i = 1; i <= count; i++) {
            lua_rawgeti(L, index, (lua_Integer)i);
            pull_value(L, lua_gettop(L), s);
            lua_pop(L, 1);
        }
        return;
    }
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        int top = lua_gettop(L);
        if (lua_istable(L, top - 1))
            luaL_error(L, "a result has a table as a key");
        pull_value(L, top - 1, s);
        pull_value(L, top, s);
        lua_pop(L, 1);
    }
}

/* [-0, +0, e] */
static void pull_array(lua_State *L, int index, sink *s)
{
    mp_error err;
    int slot = mp_arrays_slot(mp_state_of(L)->arrays, L, index);
    if (slot < 0)
        luaL_error(L, "a result is a part of an array, or an array of an "
                      "earlier call: return the whole array, or its "
                      "elements in a table");
    check(L, mp_message_count(s->out, MP_TAG_ARRAY, (uint64_t)slot, &err),
          &err);
}

/* [-0, +0, e] */
static mp_status pull_scalar(lua_State *L, int index, sink *s, mp_error *err)
{
    size_t size;
    const char *text;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return mp_message_tag(s->out, MP_TAG_NIL, err);
    case LUA_TBOOLEAN:
        return mp_message_tag(
            s->out, lua_toboolean(L, index) ? MP_TAG_TRUE : MP_TAG_FALSE, err);
    case LUA_TNUMBER:
        return lua_isinteger(L, index)
                   ? mp_message_int(s->out, lua_tointeger(L, index), err)
                   : mp_message_float(s->out, lua_tonumber(L, index), err);
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &size);
        if (size > s->limit - s->out->size)
            return mp_error_set(err, MP_LUA_MEMORY,
                                "the results exceed the memory limit");
        return mp_message_string(s->out, text, size, err);
    default:
        return mp_error_set(err, MP_TYPE,
                            "a result is a %s, which has no "
                            "counterpart outside Lua",
                            luaL_typename(L, index));
    }
}

/* [-0, +0, e] */
static void pull_value(lua_State *L, int index, sink *s)
{
    mp_error err;
    if (++s->depth > MP_MAX_DEPTH)
        luaL_error(L,
                   "a result has more than %d levels of nesting, or "
                   "contains itself",
                   MP_MAX_DEPTH);
    if (s->out->size >= s->limit)
        raise_full(L);
    luaL_checkstack(L, 8, "too many levels of nesting");
    mp_guard_poll(L);
    if (lua_type(L, index) == LUA_TTABLE)
        pull_table(L, index, s);
    else if (lua_type(L, index) == LUA_TLIGHTUSERDATA)
        pull_array(L, index, s);
    else
        check(L, pull_scalar(L, index, s, &err), &err);
    s->depth--;
}

void mp__convert_pull(lua_State *L, int first, mp_message *out, size_t limit)
{
    int last = lua_gettop(L);
    mp_error err;
    sink s = {.out = out, .limit = limit};
    check(L,
          mp_message_count(out, MP_TAG_LIST,
                           (uint64_t)last - (uint64_t)first + 1, &err),
          &err);
    for (int index = first; index <= last; index++)
        pull_value(L, index, &s);
}
