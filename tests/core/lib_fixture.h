/* For the tests of src/core/lib: runs the same Lua in a sandboxed state and in
 * a stock one, and compares what comes out. */
#ifndef MP_TESTS_LIB_FIXTURE_H
#define MP_TESTS_LIB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/sandbox.h"
#include "core/state.h"

/* A test that hangs is killed after so many seconds. */
#define DEADLINE 50

typedef struct fixture {
    mp_guard guard;
    mp_state *ours;
    lua_State *stock;
} fixture;

static inline int fixture_setup(void **data)
{
    fixture *f = calloc(1, sizeof *f);
    mp_error err;
    mp_state_options options = {
        .worker = 3, .memory_limit = (size_t)512 << 20, .sandbox = true};
    alarm(DEADLINE);
    assert_non_null(f);
    assert_int_equal(mp_guard_init(&f->guard, &err), MP_OK);
    assert_int_equal(mp_state_new(&options, &f->guard, &f->ours, &err), MP_OK);
    f->stock = luaL_newstate();
    assert_non_null(f->stock);
    luaL_openlibs(f->stock);
    *data = f;
    return 0;
}

static inline int fixture_teardown(void **data)
{
    fixture *f = *data;
    lua_close(f->stock);
    mp_state_free(f->ours);
    mp_guard_destroy(&f->guard);
    free(f);
    return 0;
}

/* ---- running ------------------------------------------------------------ */

/* What a chunk gave: each value on a line of its own, with its type. */
typedef struct outcome {
    char *text; /* to be freed */
    size_t size;
} outcome;

static inline void write_value(lua_State *L, int index, FILE *out)
{
    size_t size;
    const char *s;
    fprintf(out, "%s ", luaL_typename(L, index));
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        fprintf(out, "%d\n", lua_toboolean(L, index));
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            fprintf(out, "%lld\n", lua_tointeger(L, index));
        else
            fprintf(out, "%a\n", lua_tonumber(L, index));
        break;
    case LUA_TSTRING:
        s = lua_tolstring(L, index, &size);
        fprintf(out, "%zu ", size);
        fwrite(s, 1, size, out);
        fputc('\n', out);
        break;
    default:
        fputc('\n', out);
    }
}

/* Runs the chunk on the top of the stack and writes its results or error. */
static inline void run_chunk(lua_State *L, FILE *out)
{
    int top = lua_gettop(L) - 1;
    if (lua_pcall(L, 0, LUA_MULTRET, 0) != LUA_OK)
        fputs("error ", out);
    for (int i = top + 1; i <= lua_gettop(L); i++)
        write_value(L, i, out);
    lua_settop(L, top);
}

typedef struct chunk {
    const char *source;
    FILE *out;
} chunk;

/* A body for mp_state_call(). */
static inline int run_ours(lua_State *L)
{
    chunk *c = lua_touserdata(L, 1);
    if (luaL_loadbufferx(L, c->source, strlen(c->source), "=test", "t"))
        return lua_error(L);
    mp_sandbox_push_base(L);
    lua_setupvalue(L, -2, 1);
    run_chunk(L, c->out);
    mp_guard_poll(L);
    return 0;
}

/* Runs a chunk in the sandbox; the status is that of the call as a whole. */
static inline mp_status fixture_run(fixture *f, const char *source,
                                    outcome *result)
{
    static const int task = 0;
    mp_error err;
    chunk c = {source, open_memstream(&result->text, &result->size)};
    assert_non_null(c.out);
    mp_guard_enter(&f->guard, f->ours->L, &task);
    mp_status status = mp_state_call(f->ours, run_ours, &c, &err);
    mp_guard_leave(&f->guard);
    fclose(c.out);
    return status;
}

/* ---- checks ------------------------------------------------------------- */

/* What a chunk returns in the sandbox. */
static inline void expect(fixture *f, const char *source, const char *text)
{
    outcome ours;
    assert_int_equal(fixture_run(f, source, &ours), MP_OK);
    if (strcmp(ours.text, text) != 0)
        print_message("in: %s\n", source);
    assert_string_equal(ours.text, text);
    free(ours.text);
}

/* That a chunk, which asserts for itself, raises nothing. */
static inline void expect_ok(fixture *f, const char *source)
{
    expect(f, source, "");
}

/* That a chunk gives the same in the sandbox as in stock Lua. */
static inline void expect_same(fixture *f, const char *source)
{
    outcome ours, stock;
    assert_int_equal(fixture_run(f, source, &ours), MP_OK);
    FILE *out = open_memstream(&stock.text, &stock.size);
    assert_non_null(out);
    assert_int_equal(
        luaL_loadbufferx(f->stock, source, strlen(source), "=test", "t"),
        LUA_OK);
    run_chunk(f->stock, out);
    fclose(out);
    if (ours.size != stock.size ||
        memcmp(ours.text, stock.text, ours.size) != 0)
        fail_msg("%s\nours:  %s\nstock: %s", source, ours.text, stock.text);
    free(ours.text);
    free(stock.text);
}

/* The same for expressions, up to a NULL. */
static inline void expect_same_all(fixture *f, const char *const *lines)
{
    for (; *lines != NULL; lines++) {
        char source[1024];
        int size = snprintf(source, sizeof source, "return %s", *lines);
        assert_in_range(size, 0, (int)sizeof source - 1);
        expect_same(f, source);
    }
}

/* ---- stopping ----------------------------------------------------------- */

typedef struct stopper {
    fixture *f;
    const void *task;
    _Atomic bool done; /* atomic */
} stopper;

/* Stops the task after a while, and again in case that came too early. */
static inline void *stop_soon(void *data)
{
    stopper *s = data;
    const struct timespec pause = {0, 10000000};
    while (!atomic_load(&s->done)) {
        nanosleep(&pause, NULL);
        mp_guard_stop(&s->f->guard, s->task, MP_TIMEOUT);
    }
    return NULL;
}

/* That a chunk which would run for ever, or for minutes, ends when it is
 * stopped, and that the state can be used after that. */
static inline void expect_stops(fixture *f, const char *source)
{
    static const int task = 0;
    mp_error err;
    outcome result;
    stopper s = {.f = f, .task = &task};
    pthread_t thread;
    chunk c = {source, open_memstream(&result.text, &result.size)};
    assert_non_null(c.out);
    mp_guard_enter(&f->guard, f->ours->L, &task);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &s), 0);
    mp_status status = mp_state_call(f->ours, run_ours, &c, &err);
    atomic_store(&s.done, true);
    pthread_join(thread, NULL);
    mp_guard_leave(&f->guard);
    fclose(c.out);
    if (status != MP_TIMEOUT)
        fail_msg("%s\nended by itself: %s%s", source, err.message, result.text);
    free(result.text);
    expect(f, "return 1 + 1, ('x'):rep(3)", "number 2\nstring 3 xxx\n");
}

static inline void expect_stops_all(fixture *f, const char *const *lines)
{
    for (; *lines != NULL; lines++)
        expect_stops(f, *lines);
}

#endif
