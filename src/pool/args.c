/* A job's own copy of its arguments. */
#include "pool/args.h"

#include <stdlib.h>
#include <string.h>

#include "buffer/view.h"

static mp_status count_args(int count, const mp_arg *arg, int *nviews,
                            size_t *bytes, mp_error *err)
{
    if (count < 0 || count > MP_MAX_ARGS)
        return mp_error_set(err, MP_VALUE,
                            "%d arguments: a kernel takes at most %d", count,
                            MP_MAX_ARGS);
    *nviews = 0;
    for (int i = 0; i < count; i++) {
        if (arg[i].view != NULL) {
            ++*nviews;
            mp_status status = mp_view_check(arg[i].view, err);
            if (status != MP_OK)
                return status;
        } else if (arg[i].value.kind == MP_KIND_STRING) {
            *bytes += arg[i].value.as.s.size;
        }
    }
    return MP_OK;
}

static void copy_args(mp_args *args, const mp_arg *arg)
{
    char *free_bytes = args->strings;
    mp_view *free_view = args->views;
    for (int i = 0; i < args->count; i++) {
        args->arg[i] = arg[i];
        if (arg[i].view != NULL) {
            mp_view_assign(free_view, arg[i].view);
            args->arg[i].view = free_view++;
        } else if (arg[i].value.kind == MP_KIND_STRING) {
            size_t size = arg[i].value.as.s.size;
            if (size > 0)
                memcpy(free_bytes, arg[i].value.as.s.data, size);
            args->arg[i].value.as.s.data = free_bytes;
            free_bytes += size;
        }
    }
}

mp_status mp_args_init(mp_args *args, int count, const mp_arg *arg,
                       mp_error *err)
{
    *args = (mp_args){0};
    size_t bytes = 1;
    mp_status status = count_args(count, arg, &args->nviews, &bytes, err);
    if (status != MP_OK) {
        *args = (mp_args){0};
        return status;
    }
    args->count = count;
    args->arg = calloc((size_t)count + 1, sizeof *args->arg);
    args->views = calloc((size_t)args->nviews + 1, sizeof *args->views);
    args->strings = malloc(bytes);
    if (args->arg == NULL || args->views == NULL || args->strings == NULL) {
        mp_args_destroy(args);
        return mp_error_set(err, MP_NO_MEMORY, "no memory for the arguments");
    }
    copy_args(args, arg);
    return MP_OK;
}

void mp_args_destroy(mp_args *args)
{
    free(args->arg);
    free(args->views);
    free(args->strings);
    *args = (mp_args){0};
}

void mp_args_push_value(lua_State *L, mp_value value)
{
    switch (value.kind) {
    case MP_KIND_NIL:
        lua_pushnil(L);
        break;
    case MP_KIND_BOOL:
        lua_pushboolean(L, value.as.b);
        break;
    case MP_KIND_INT:
        lua_pushinteger(L, value.as.i);
        break;
    case MP_KIND_FLOAT:
        lua_pushnumber(L, value.as.f);
        break;
    case MP_KIND_STRING:
        lua_pushlstring(L, value.as.s.data, value.as.s.size);
        break;
    }
}

mp_value mp_args_to_value(lua_State *L, int index)
{
    mp_value value = {.kind = MP_KIND_STRING};
    int type = lua_type(L, index);
    if (type == LUA_TNUMBER && lua_isinteger(L, index)) {
        value.kind = MP_KIND_INT;
        value.as.i = lua_tointeger(L, index);
    } else if (type == LUA_TNUMBER) {
        value.kind = MP_KIND_FLOAT;
        value.as.f = lua_tonumber(L, index);
    } else if (type == LUA_TBOOLEAN) {
        value.kind = MP_KIND_BOOL;
        value.as.b = lua_toboolean(L, index) != 0;
    } else if (type == LUA_TNIL || type == LUA_TNONE) {
        value.kind = MP_KIND_NIL;
    }
    return value;
}
