/* What the tests of src/core share: cmocka, kernels, and a sandboxed state. */
#ifndef MP_TESTS_CORE_FIXTURE_H
#define MP_TESTS_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>

#include "core/guard.h"
#include "core/kernel.h"
#include "core/state.h"
#include "moonpool.h"

/* The caller's, to release. */
static inline mp_kernel *make_kernel(const char *source)
{
    mp_error err;
    mp_kernel *kernel;
    if (mp_kernel_new(source, strlen(source), NULL, &kernel, &err) != MP_OK)
        fail_msg("%s: %s", source, err.message);
    return kernel;
}

/* A kernel of that source must not be made; `err` says why. */
static inline void refuse_kernel(const char *source, mp_error *err,
                                 mp_status wanted)
{
    mp_kernel *kernel = NULL;
    if (mp_kernel_new(source, strlen(source), NULL, &kernel, err) != wanted)
        fail_msg("%s: status %d, %s", source, err->status, err->message);
    assert_null(kernel);
}

typedef struct core_fixture {
    mp_guard guard;
    mp_state *state;
} core_fixture;

static inline void core_open(core_fixture *f, mp_state_options options)
{
    mp_error err;
    assert_int_equal(mp_guard_init(&f->guard, &err), MP_OK);
    if (mp_state_new(&options, &f->guard, &f->state, &err) != MP_OK)
        fail_msg("%s", err.message);
}

static inline void core_close(core_fixture *f)
{
    mp_state_free(f->state);
    mp_guard_destroy(&f->guard);
}

static inline int core_setup(void **data)
{
    core_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    core_open(f, (mp_state_options){.worker = 1,
                                    .memory_limit = (size_t)256 << 20,
                                    .sandbox = true});
    *data = f;
    return 0;
}

static inline int core_teardown(void **data)
{
    core_close(*data);
    free(*data);
    return 0;
}

/* One call of a kernel without arguments. */
typedef struct core_call {
    mp_kernel *kernel;
    lua_Integer result; /* its result, where that is an integer */
} core_call;

/* A body for mp_state_call(). */
static inline int core_body(lua_State *L)
{
    core_call *call = lua_touserdata(L, 1);
    mp_state_push_kernel(L, call->kernel);
    lua_call(L, 0, 1);
    call->result = lua_tointeger(L, -1);
    return 0;
}

static inline mp_status core_run(core_fixture *f, const char *source,
                                 lua_Integer *result, mp_error *err)
{
    core_call call = {.kernel = make_kernel(source)};
    mp_guard_enter(&f->guard, f->state->L, &call);
    mp_status status = mp_state_call(f->state, core_body, &call, err);
    mp_guard_leave(&f->guard);
    mp_kernel_release(call.kernel);
    *result = call.result;
    return status;
}

/* The kernel must return that integer. */
static inline void core_expect(core_fixture *f, const char *source,
                               lua_Integer wanted)
{
    mp_error err;
    lua_Integer result;
    if (core_run(f, source, &result, &err) != MP_OK)
        fail_msg("%s: %s", source, err.message);
    if (result != wanted)
        fail_msg("%s gave %lld", source, (long long)result);
}

/* The kernel must raise an error that has `text` in it. */
static inline void core_expect_error(core_fixture *f, const char *source,
                                     const char *text)
{
    mp_error err;
    lua_Integer result;
    if (core_run(f, source, &result, &err) != MP_LUA)
        fail_msg("%s: status %d", source, err.status);
    if (strstr(err.message, text) == NULL)
        fail_msg("%s: %s", source, err.message);
}

#endif
