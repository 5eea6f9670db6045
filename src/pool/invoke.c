/* Calling a kernel's function from a worker. */
#include "pool/invoke.h"

#include <lauxlib.h>

#include "core/state.h"
#include "pool/worker.h"

mp_status mp__invoke_session(mp_chunks *chunks, lua_CFunction session, void *ud,
                             mp_error *err)
{
    mp_worker *worker = chunks->worker;
    mp_status status = mp_state_call(worker->state, session, ud, err);
    mp_arrays_clear(worker->arrays);
    if (status != MP_OK) {
        err->index = chunks->at;
        mp__chunks_abort(chunks);
    }
    return status;
}

void mp__invoke_push(lua_State *L, mp_kernel *kernel, int nargs)
{
    mp_random *random = &mp_state_of(L)->random;
    mp_state_push_kernel(L, kernel);
    random->last = UINT64_MAX; /* Each item has a stream of its own. */
    lua_Debug ar;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">u", &ar);
    if (!ar.isvararg && ar.nparams < nargs)
        luaL_error(L, "the kernel takes %d argument%s, %d given", ar.nparams,
                   ar.nparams == 1 ? "" : "s", nargs);
}

void mp__invoke_reserve(lua_State *L, struct mp_worker *worker, int count,
                        int stack)
{
    mp_error err;
    luaL_checkstack(L, stack, "too many arguments");
    if (count > 0 && mp_arrays_reserve(worker->arrays, count, &err) != MP_OK)
        luaL_error(L, "%s", err.message);
}

const char *mp__invoke_typename(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return "nil";
    case LUA_TBOOLEAN:
        return "a boolean";
    case LUA_TNUMBER:
        return "a number";
    case LUA_TSTRING:
        return "a string";
    case LUA_TTABLE:
        return "a table";
    case LUA_TFUNCTION:
        return "a function";
    case LUA_TLIGHTUSERDATA:
        return "an array";
    case LUA_TTHREAD:
        return "a coroutine";
    default:
        return "a userdata";
    }
}

int mp__invoke_bad_result(lua_State *L, int index, int nth)
{
    return luaL_error(
        L, "result %d of the kernel is %s, not a number or a boolean", nth,
        mp__invoke_typename(L, index));
}

int mp__invoke_bad_count(lua_State *L, int got, int wanted)
{
    return luaL_error(L, "the kernel returned %d value%s, %d wanted", got,
                      got == 1 ? "" : "s", wanted);
}
