/* The guard: Lua code that runs on one thread is stopped from another, and
 * the same state goes on afterwards. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/sandbox.h"

/* Generous: a test that hangs this long has failed. */
#define DEADLINE 50

typedef struct task {
    core_fixture core;
    mp_kernel *kernel;
    _Atomic bool ready; /* atomic; the kernel has called ready() */
    _Atomic bool ended; /* atomic */
    mp_status status;   /* worker until it has ended */
    mp_error err;       /* worker until it has ended */
} task;

/* The kernel says that it runs now. */
static int ready(lua_State *L)
{
    task *t = mp_state_of(L)->arrays;
    atomic_store(&t->ready, true);
    return 0;
}

static int open_ready(lua_State *L)
{
    mp_sandbox_push_base(L);
    lua_pushcfunction(L, ready);
    lua_setfield(L, -2, "ready");
    lua_pop(L, 1);
    return 0;
}

static int setup(void **data)
{
    task *t = calloc(1, sizeof *t);
    assert_non_null(t);
    alarm(DEADLINE);
    core_open(&t->core, (mp_state_options){.worker = 1,
                                           .memory_limit = (size_t)64 << 20,
                                           .sandbox = true,
                                           .open = open_ready,
                                           .arrays = t});
    *data = t;
    return 0;
}

static void *work(void *ud)
{
    task *t = ud;
    core_call call = {.kernel = t->kernel};
    mp_guard_enter(&t->core.guard, t->core.state->L, t);
    t->status = mp_state_call(t->core.state, core_body, &call, &t->err);
    mp_guard_leave(&t->core.guard);
    atomic_store(&t->ended, true);
    return NULL;
}

static pthread_t start(task *t, const char *source)
{
    pthread_t thread;
    t->kernel = make_kernel(source);
    atomic_store(&t->ready, false);
    atomic_store(&t->ended, false);
    assert_int_equal(pthread_create(&thread, NULL, work, t), 0);
    return thread;
}

static void end(task *t, pthread_t thread)
{
    pthread_join(thread, NULL);
    mp_kernel_release(t->kernel);
}

/* Runs for ever after it has said ready(); one stop must end it. */
static void stop_it(task *t, const char *source)
{
    pthread_t thread = start(t, source);
    while (!atomic_load(&t->ready) && !atomic_load(&t->ended))
        usleep(100);
    usleep(1000);
    if (atomic_load(&t->ended))
        fail_msg("%s ended: %s", source, t->err.message);
    mp_guard_stop(&t->core.guard, t, MP_TIMEOUT);
    end(t, thread);
    if (t->status != MP_TIMEOUT)
        fail_msg("%s: %d %s", source, t->status, t->err.message);
    assert_string_equal(t->err.message, mp_status_text(MP_TIMEOUT));
    assert_false(mp_guard_stopping(&t->core.guard));
    core_expect(&t->core,
                "function() local s = 0 for i = 1, 1000 do s = s + i end "
                "return s + select(2, pcall(coroutine.wrap(function() "
                "coroutine.yield(7) end))) end",
                500507);
}

static void loops_are_stopped(void **data)
{
    stop_it(*data, "function() ready() while true do end end");
    stop_it(*data, "function() ready() ::top:: goto top end");
    stop_it(*data, "function() ready() repeat local x = 1 until false end");
    stop_it(*data, "function() ready() for i = 1, 1, 0.0 do end "
                   "for i = 1, math.maxinteger do end end");
    stop_it(*data, "local function f() return f() end "
                   "return function() ready() return f() end");
    stop_it(*data, "ready() while true do end");
    stop_it(*data, "return function() ready() for i in function() return 1 "
                   "end do end end");
}

static void protected_loops_are_stopped(void **data)
{
    stop_it(*data, "function() ready() while true do pcall(function() "
                   "while true do end end) end end");
    stop_it(*data, "function() ready() while true do pcall(error) end end");
    stop_it(*data, "local function f() pcall(f) return f() end "
                   "return function() ready() f() end");
    stop_it(*data, "function() ready() while true do xpcall(function() "
                   "while true do end end, function() while true do end end) "
                   "end end");
    stop_it(*data, "function() ready() while true do xpcall(error, "
                   "function() while true do end end) end end");
    stop_it(*data, "function() while true do pcall(pcall, pcall, function() "
                   "ready() while true do end end) end end");
}

static void coroutine_loops_are_stopped(void **data)
{
    stop_it(*data, "function() local co = coroutine.wrap(function() while "
                   "true do coroutine.yield() end end) ready() "
                   "while true do co() end end");
    stop_it(*data, "function() while true do coroutine.resume("
                   "coroutine.create(function() ready() while true do end "
                   "end)) end end");
    stop_it(*data, "function() ready() while true do coroutine.wrap("
                   "function() end)() end end");
    stop_it(*data, "function() local function nest(n) if n == 0 then ready() "
                   "while true do pcall(function() end) end end "
                   "while true do pcall(coroutine.wrap(nest), n - 1) end end "
                   "nest(20) end");
    stop_it(*data, "function() ready() while true do local co = "
                   "coroutine.create(function() coroutine.yield() end) "
                   "coroutine.resume(co) end end");
    stop_it(*data, "function() local co co = coroutine.wrap(function() "
                   "ready() while true do pcall(coroutine.yield) end end) "
                   "while true do pcall(co) end end");
}

static void metamethods_are_stopped(void **data)
{
    stop_it(*data, "function() local t = setmetatable({}, {__index = "
                   "function() ready() while true do end end}) "
                   "return t.x end");
    stop_it(*data, "function() local t = setmetatable({}, {__tostring = "
                   "function() ready() while true do end end}) error(t) end");
    stop_it(*data, "function() local t = setmetatable({}, {__tostring = "
                   "function() ready() while true do end end}) "
                   "while true do pcall(tostring, t) end end");
    stop_it(*data, "function() local t = setmetatable({}, {__eq = function() "
                   "ready() while true do end end}) "
                   "return t == setmetatable({}, getmetatable(t)) end");
    stop_it(*data, "function() local t = setmetatable({}, {__lt = function() "
                   "ready() while true do end end}) table.sort({t, t, t}) "
                   "end");
}

/* No hook fires inside C: these end because the functions poll. */
static void loops_in_c_are_stopped(void **data)
{
    stop_it(*data, "function() ready() return ('a'):rep(30):find("
                   "('a?'):rep(30) .. ('a'):rep(30)) end");
    stop_it(*data, "function() local s = ('a'):rep(200000) ready() "
                   "while true do pcall(s.find, s, '.-.-.-.-b') end end");
    stop_it(*data, "function() local s = ('a'):rep(1 << 20) .. 'b' "
                   "local t = ('a'):rep(1 << 19) .. 'c' ready() "
                   "while true do s:find(t, 1, true) end end");
    stop_it(*data, "function() ready() return ('x'):rep(1 << 20):gsub('x', "
                   "function() while true do end end) end");
    stop_it(*data, "function() local t = setmetatable({}, {__len = function() "
                   "return 1 << 50 end}) ready() table.insert(t, 1, 1) end");
    stop_it(*data, "function() local t = setmetatable({}, {__len = function() "
                   "return 1 << 50 end, __index = function() return '' end}) "
                   "ready() table.concat(t) end");
    stop_it(*data, "function() ready() table.move(setmetatable({}, {__index = "
                   "function() return nil end}), 1, 1 << 50, 2) end");
    stop_it(*data, "function() local t = {} for i = 1, 100000 do t[i] = i end "
                   "ready() while true do table.sort(t, function(a, b) "
                   "return b < a end) table.sort(t) end end");
    stop_it(*data, "function() local s = ('\\u{7ff}'):rep(1 << 20) ready() "
                   "while true do utf8.len(s) end end");
}

static void work_without_end_is_not_begun(void **data)
{
    task *t = *data;
    core_expect(&t->core, "function() return #('').rep('', 1 << 50) end", 0);
    core_expect_error(&t->core, "function() return ('x'):rep(1 << 62) end",
                      "too large");
}

static void another_tasks_stop_is_ignored(void **data)
{
    task *t = *data;
    int other;
    pthread_t thread = start(t, "function() ready() local s = 0 "
                                "for i = 1, 1e6 do s = s + 1 end end");
    while (!atomic_load(&t->ended))
        mp_guard_stop(&t->core.guard, &other, MP_CANCELLED);
    end(t, thread);
    assert_int_equal(t->status, MP_OK);
}

static void an_idle_worker_is_not_stopped(void **data)
{
    task *t = *data;
    mp_guard *guard = &t->core.guard;
    mp_guard_stop(guard, t, MP_CANCELLED);
    mp_guard_stop(guard, NULL, MP_CANCELLED);
    assert_false(mp_guard_stopping(guard));
    core_expect(&t->core, "function() return 1 end", 1);
}

static void the_first_reason_counts(void **data)
{
    task *t = *data;
    mp_error err;
    mp_guard *guard = &t->core.guard;
    core_call call = {.kernel =
                          make_kernel("function() while true do end end")};
    mp_guard_enter(guard, t->core.state->L, t);
    mp_guard_stop(guard, t, MP_CANCELLED);
    mp_guard_stop(guard, t, MP_TIMEOUT);
    assert_int_equal(mp_state_call(t->core.state, core_body, &call, &err),
                     MP_CANCELLED);
    /* It stays stopped until it leaves. */
    assert_int_equal(mp_state_call(t->core.state, core_body, &call, &err),
                     MP_CANCELLED);
    mp_guard_leave(guard);
    mp_kernel_release(call.kernel);
    assert_null(lua_gethook(t->core.state->L));
    core_expect(&t->core, "function() return 2 end", 2);
}

static void switching_returns_what_ran(void **data)
{
    task *t = *data;
    mp_guard *guard = &t->core.guard;
    lua_State *L = t->core.state->L;
    lua_State *co = lua_newthread(L);
    mp_guard_enter(guard, L, t);
    assert_ptr_equal(mp_guard_switch(guard, co), L);
    mp_guard_stop(guard, t, MP_TIMEOUT);
    assert_non_null(lua_gethook(co));
    assert_null(lua_gethook(L));
    assert_ptr_equal(mp_guard_switch(guard, L), co);
    assert_non_null(lua_gethook(L));
    mp_guard_leave(guard);
    assert_null(lua_gethook(L));
    lua_pop(L, 1);
}

/* A coroutine that yields while it is being armed keeps its hook: the next
 * task that resumes it must not be stopped by that. */
static void an_old_hook_stops_nobody(void **data)
{
    task *t = *data;
    mp_guard *guard = &t->core.guard;
    lua_State *L = t->core.state->L;
    lua_State *co = lua_newthread(L);
    assert_int_equal(luaL_loadstring(co, "for i = 1, 9 do end return 5"),
                     LUA_OK);
    mp_guard_enter(guard, L, t);
    mp_guard_switch(guard, co);
    mp_guard_stop(guard, t, MP_TIMEOUT);
    mp_guard_switch(guard, L);
    mp_guard_leave(guard);
    assert_non_null(lua_gethook(co));
    mp_guard_enter(guard, L, t);
    mp_guard_switch(guard, co);
    assert_int_equal(lua_resume(co, L, 0), LUA_OK);
    mp_guard_switch(guard, L);
    mp_guard_leave(guard);
    assert_int_equal(lua_tointeger(co, -1), 5);
    assert_null(lua_gethook(co));
    lua_pop(L, 1);
}

/* Stops at any moment: while a task starts, runs, switches or ends. */
static void stops_at_random_moments(void **data)
{
    task *t = *data;
    for (int round = 0; round < 150; round++) {
        pthread_t thread = start(
            t, "function() local s = 0 for i = 1, 300 do local ok, x = "
               "pcall(coroutine.wrap(function() return ('x'):rep(i):len() "
               "end)) s = s + x end return s end");
        for (int i = 0; i < round * 7 % 100; i++)
            (void)mp_guard_stopping(&t->core.guard);
        usleep((useconds_t)(round % 10) * 10);
        mp_guard_stop(&t->core.guard, t, MP_CANCELLED);
        end(t, thread);
        assert_true(t->status == MP_OK || t->status == MP_CANCELLED);
        core_expect(&t->core, "function() return 3 end", 3);
    }
}

static int teardown(void **data)
{
    task *t = *data;
    core_close(&t->core);
    free(t);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loops_are_stopped),
        TEST(protected_loops_are_stopped),
        TEST(coroutine_loops_are_stopped),
        TEST(metamethods_are_stopped),
        TEST(loops_in_c_are_stopped),
        TEST(work_without_end_is_not_begun),
        TEST(another_tasks_stop_is_ignored),
        TEST(an_idle_worker_is_not_stopped),
        TEST(the_first_reason_counts),
        TEST(switching_returns_what_ran),
        TEST(an_old_hook_stops_nobody),
        TEST(stops_at_random_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
