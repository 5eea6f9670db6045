/* One worker's Lua state: its life, its kernels, and that no allocation that
 * fails does harm. */
#include "fixture.h"

#include <stdio.h>

/* ---- protected calls ---------------------------------------------------- */

static int return_much(lua_State *L)
{
    for (int i = 0; i < 10; i++)
        lua_pushinteger(L, i);
    return 10;
}

static int raise_text(lua_State *L)
{
    return luaL_error(L, "%s", (const char *)lua_touserdata(L, 1));
}

static void a_call_leaves_the_stack_as_it_was(void **data)
{
    core_fixture *f = *data;
    mp_error err;
    char text[] = "oh";
    lua_State *L = f->state->L;
    lua_pushinteger(L, 77);
    assert_int_equal(mp_state_call(f->state, return_much, NULL, &err), MP_OK);
    assert_int_equal(lua_gettop(L), 1);
    assert_int_equal(mp_state_call(f->state, raise_text, text, &err), MP_LUA);
    assert_string_equal(err.message, "oh");
    assert_int_equal(err.index, -1);
    assert_int_equal(lua_gettop(L), 1);
    assert_int_equal(mp_state_call(f->state, raise_text, text, NULL), MP_LUA);
    assert_int_equal(lua_tointeger(L, 1), 77);
    lua_settop(L, 0);
}

static void a_limit_is_kept(void **data)
{
    (void)data;
    core_fixture f;
    mp_error err;
    lua_Integer result;
    core_open(&f, (mp_state_options){
                      .worker = 1, .memory_limit = 1 << 20, .sandbox = true});
    static const char *const hogs[] = {
        "function() local t = {} while true do t[#t + 1] = {} end end",
        "function() local s = 'x' while true do s = s .. s end end",
        "function() return #('x'):rep(1 << 30) end",
        "function() coroutine.wrap(function() local t = {} while true do "
        "t[#t + 1] = {} end end)() end",
        "hoard = {} return function() for i = 1, 1e9 do hoard[i] = i end end",
        "function() local ok, e = pcall(function() local t = {} while true do "
        "t[#t + 1] = ('x'):rep(100) .. #t end end) error(e) end",
    };
    for (size_t i = 0; i < sizeof hogs / sizeof *hogs; i++) {
        mp_status status = core_run(&f, hogs[i], &result, &err);
        if (status != MP_LUA_MEMORY)
            fail_msg("%s: %d %s", hogs[i], status, err.message);
        assert_true(mp_memory_peak(&f.state->memory) <= 1 << 20);
        mp_kernel *kernel = make_kernel(hogs[i]);
        mp_state_forget(f.state, kernel);
        mp_kernel_release(kernel);
        lua_gc(f.state->L, LUA_GCCOLLECT, 0);
        core_expect(&f, "function() return 5 end", 5);
    }
    core_close(&f);
}

static void a_limit_below_a_states_need_is_said(void **data)
{
    (void)data;
    mp_guard guard;
    mp_error err;
    mp_state *state = NULL;
    assert_int_equal(mp_guard_init(&guard, &err), MP_OK);
    for (size_t limit = 1; limit < 8000; limit += 97) {
        mp_state_options options = {.memory_limit = limit, .sandbox = true};
        assert_int_equal(mp_state_new(&options, &guard, &state, &err),
                         MP_LUA_MEMORY);
        assert_true(strlen(err.message) > 0);
        assert_null(state);
    }
    mp_state_free(NULL);
    mp_guard_destroy(&guard);
}

static void the_worker_has_a_number(void **data)
{
    (void)data;
    core_fixture f;
    core_open(&f, (mp_state_options){.worker = 7, .sandbox = true});
    core_expect(&f, "function() return num.worker() end", 7);
    core_close(&f);
}

/* A limit is named as it was given: 1000 bytes are not 0 KiB. */
static void a_limit_is_named_exactly(void **data)
{
    static const struct {
        size_t limit;
        const char *text;
    } cases[] = {{1, "a memory limit of 1 byte is too small"},
                 {1000, "a memory limit of 1000 bytes is too small"},
                 {1024, "a memory limit of 1 KiB is too small"},
                 {1025, "a memory limit of 1025 bytes is too small"},
                 {5000, "the limit of 5000 bytes of Lua memory"},
                 {5120, "the limit of 5 KiB of Lua memory"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mp_guard guard;
        mp_error err;
        mp_state *state = NULL;
        mp_state_options options = {.memory_limit = cases[i].limit};
        assert_int_equal(mp_guard_init(&guard, &err), MP_OK);
        assert_int_equal(mp_state_new(&options, &guard, &state, &err),
                         MP_LUA_MEMORY);
        if (strstr(err.message, cases[i].text) == NULL)
            fail_msg("%zu: %s", cases[i].limit, err.message);
        mp_guard_destroy(&guard);
    }
    (void)data;
}

static void a_lack_is_no_limit(void **data)
{
    core_fixture f;
    mp_error err;
    lua_Integer result;
    core_open(&f, (mp_state_options){.worker = 1, .sandbox = true});
    /* As if malloc() had failed. */
    f.state->memory.fail_after = 0;
    f.state->memory.starved = true;
    assert_int_equal(core_run(&f, "function() end", &result, &err),
                     MP_LUA_MEMORY);
    assert_string_equal(err.message,
                        "not enough memory: the process has no more");
    core_close(&f);
    (void)data;
}

/* ---- loading ------------------------------------------------------------ */

static void a_kernel_must_be_one_function(void **data)
{
    core_expect_error(*data, "x = 1", "returned nothing");
    core_expect_error(*data, "return", "returned nothing");
    core_expect_error(*data, "return 1", "returned a number");
    core_expect_error(*data, "return nil", "returned nil");
    core_expect_error(*data, "return {}", "returned a table");
    core_expect_error(*data, "local function f() end return f, f",
                      "several values");
    core_expect_error(*data, "return setmetatable({}, {__call = error})",
                      "returned a table");
}

static void a_chunk_runs_once(void **data)
{
    const char *source = "local n = 0 return function() n = n + 1 return n end";
    for (int i = 1; i <= 5; i++)
        core_expect(*data, source, i);
    core_fixture *f = *data;
    assert_int_equal(f->state->nloaded, 1);
    mp_kernel *kernel = make_kernel(source);
    mp_state_forget(f->state, kernel);
    mp_state_forget(f->state, kernel);
    assert_int_equal(f->state->nloaded, 0);
    mp_kernel_release(kernel);
    core_expect(*data, source, 1);
}

static void the_least_recently_used_kernel_goes(void **data)
{
    core_fixture *f = *data;
    const char *first = "local n = 0 return function() n = n + 1 return n end";
    core_expect(f, first, 1);
    f->state->clock = UINT32_MAX - 2;
    core_expect(f, first, 2);
    for (int i = 0; i < MP_STATE_KERNELS * 3; i++) {
        char source[64];
        snprintf(source, sizeof source, "function() return %d end", i);
        core_expect(f, source, i);
        assert_true(f->state->nloaded <= MP_STATE_KERNELS);
        if (i < MP_STATE_KERNELS - 1)
            core_expect(f, first, i + 3); /* It stays while it is used. */
    }
    core_expect(f, first, 1);
}

static void a_failed_chunk_is_not_kept(void **data)
{
    core_fixture *f = *data;
    for (int i = 0; i < 3; i++)
        core_expect_error(f, "error('no')", "no");
    assert_int_equal(f->state->nloaded, 0);
}

static void many_loads_take_no_memory(void **data)
{
    core_fixture *f = *data;
    size_t before = 0;
    for (int i = 0; i < 600; i++) {
        char source[64];
        snprintf(source, sizeof source, "function() return %d end", i);
        core_expect(f, source, i);
        if (i == 300) {
            lua_gc(f->state->L, LUA_GCCOLLECT, 0);
            before = mp_memory_used(&f->state->memory);
        }
    }
    lua_gc(f->state->L, LUA_GCCOLLECT, 0);
    assert_true(mp_memory_used(&f->state->memory) < before + 4096);
}

static void a_setup_that_fails_says_where(void **data)
{
    core_fixture *f = *data;
    mp_error err;
    mp_kernel *setup = make_kernel("x = 1\nerror('not today')");
    mp_guard_enter(&f->guard, f->state->L, f);
    assert_int_equal(mp_state_setup(f->state, setup, &err), MP_LUA);
    mp_guard_leave(&f->guard);
    assert_int_equal(err.line, 2);
    assert_string_equal(err.message, "not today");
    mp_kernel_release(setup);
}

/* It happens after a kernel ran out of memory, outside any protected call. */
static void forgetting_needs_no_memory(void **data)
{
    (void)data;
    static const char keys[9];
    for (size_t used = 0; used < sizeof keys; used++) {
        core_fixture f;
        core_open(&f, (mp_state_options){.worker = 1, .sandbox = true});
        for (size_t k = 0; k < used; k++) {
            lua_pushboolean(f.state->L, 1);
            lua_rawsetp(f.state->L, LUA_REGISTRYINDEX, &keys[k]);
        }
        mp_kernel *kernel = make_kernel("function() return 1 end");
        core_expect(&f, "function() return 1 end", 1);
        f.state->memory.fail_after = 0;
        mp_state_forget(f.state, kernel);
        assert_int_equal(f.state->nloaded, 0);
        assert_int_equal(lua_gettop(f.state->L), 0);
        mp_kernel_release(kernel);
        core_close(&f);
    }
}

/* ---- the n-th allocation fails, for all n ------------------------------- */

static void while_the_state_is_made(void **data)
{
    (void)data;
    mp_guard guard;
    mp_error err;
    assert_int_equal(mp_guard_init(&guard, &err), MP_OK);
    for (int sandbox = 0; sandbox <= 1; sandbox++) {
        mp_status status = MP_LUA_MEMORY;
        size_t n = 1;
        for (; status != MP_OK; n++) {
            mp_state *state = NULL;
            mp_state_options options = {
                .worker = 1, .sandbox = sandbox != 0, .fail_after = n};
            status = mp_state_new(&options, &guard, &state, &err);
            assert_true(status == MP_OK || status == MP_LUA_MEMORY);
            assert_int_equal(state != NULL, status == MP_OK);
            mp_state_free(state);
        }
        assert_true(n > 100);
    }
    mp_guard_destroy(&guard);
}

/* Runs the kernel with the n-th allocation failing; whatever comes of it, the
 * state works afterwards. */
static mp_status run_short(core_fixture *f, const char *source, size_t n,
                           mp_error *err)
{
    lua_Integer result;
    f->state->memory.fail_after = n;
    mp_status status = core_run(f, source, &result, err);
    /* What a worker does after a failure must not need memory either. */
    mp_kernel *kernel = make_kernel(source);
    f->state->memory.fail_after = 0;
    mp_state_forget(f->state, kernel);
    lua_gc(f->state->L, LUA_GCCOLLECT, 0);
    f->state->memory.fail_after = SIZE_MAX;
    mp_kernel_release(kernel);
    assert_int_equal(lua_gettop(f->state->L), 0);
    core_expect(f, "function() return 11 end", 11);
    return status;
}

/* Until all allocations succeed the status must be MP_LUA_MEMORY, or `wanted`
 * where a failure was survived; in the end it is `wanted`. */
static void run_all_short(const char *source, mp_status wanted)
{
    bool seen = false;
    for (size_t n = 0;; n++) {
        core_fixture f;
        mp_error err;
        core_open(&f, (mp_state_options){.worker = 1, .sandbox = true});
        mp_status status = run_short(&f, source, n, &err);
        bool refused = f.state->memory.refused;
        core_close(&f);
        seen = seen || status == MP_LUA_MEMORY;
        if (status != wanted && status != MP_LUA_MEMORY)
            fail_msg("%s, allocation %zu: %d %s", source, n, status,
                     err.message);
        if (status != MP_OK)
            assert_true(strlen(err.message) > 0);
        if (!refused)
            break;
        assert_true(n < 2000);
    }
    assert_true(seen);
}

static void while_a_kernel_loads(void **data)
{
    (void)data;
    run_all_short("local a, b, c = 1, 'two', {3} "
                  "local function f(x) return x .. b end "
                  "return function() return f(a) .. c[1] end",
                  MP_OK);
    run_all_short("error('while it loads ' .. tostring({}))", MP_LUA);
    run_all_short("return 5", MP_LUA);
}

static void while_a_kernel_runs(void **data)
{
    (void)data;
    run_all_short("function() local t = {} for i = 1, 50 do t[i] = 'x' .. i "
                  "end table.sort(t) return #table.concat(t) end",
                  MP_OK);
    run_all_short("function() local co = coroutine.wrap(function(a) "
                  "local b = coroutine.yield(a .. 'x') return b .. 'y' end) "
                  "co('p') return #co('q') end",
                  MP_OK);
    run_all_short("function() return #('a,b,c'):gsub('%a', function(c) "
                  "return c .. c end):rep(3):format(1):upper() .. "
                  "utf8.char(8364) end",
                  MP_OK);
    run_all_short("local function f(n) if n == 0 then return 0 end "
                  "return 1 + f(n - 1) end return function() return f(500) "
                  "end",
                  MP_OK);
}

/* pcall may see the failure and go on: then any end is a clean one. */
static void while_a_kernel_catches(void **data)
{
    (void)data;
    run_all_short("function() local ok, e = pcall(function() "
                  "return ('x'):rep(100) .. 'y' end) "
                  "local ok2, e2 = xpcall(function() error('a' .. 1) end, "
                  "function(m) return m .. '!' end) "
                  "local ok3 = coroutine.resume(coroutine.create(function() "
                  "return {} end)) return 1 end",
                  MP_OK);
}

static void while_an_error_is_converted(void **data)
{
    (void)data;
    run_all_short("function() error('plain') end", MP_LUA);
    run_all_short("function() error(setmetatable({}, {__tostring = function() "
                  "return ('x'):rep(50) .. 'y' end})) end",
                  MP_LUA);
    run_all_short("local function f(n) if n == 0 then error({}) end "
                  "f(n - 1) return 1 end return function() f(50) end",
                  MP_LUA);
    run_all_short("function() error(12.5) end", MP_LUA);
}

static void while_the_setup_runs(void **data)
{
    (void)data;
    mp_status status = MP_LUA_MEMORY;
    mp_kernel *setup = make_kernel("local t = {} for i = 1, 30 do t[i] = 'x' "
                                   ".. i end data = table.concat(t)");
    for (size_t n = 0; status != MP_OK; n++) {
        core_fixture f;
        mp_error err;
        core_open(&f, (mp_state_options){.worker = 1, .sandbox = true});
        f.state->memory.fail_after = n;
        mp_guard_enter(&f.guard, f.state->L, &f);
        status = mp_state_setup(f.state, setup, &err);
        mp_guard_leave(&f.guard);
        assert_true(status == MP_OK || status == MP_LUA_MEMORY);
        core_close(&f);
    }
    mp_kernel_release(setup);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, core_setup, core_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_leaves_the_stack_as_it_was),
        cmocka_unit_test(a_limit_is_kept),
        cmocka_unit_test(a_limit_below_a_states_need_is_said),
        cmocka_unit_test(a_limit_is_named_exactly),
        cmocka_unit_test(a_lack_is_no_limit),
        cmocka_unit_test(the_worker_has_a_number),
        TEST(a_kernel_must_be_one_function),
        TEST(a_chunk_runs_once),
        TEST(the_least_recently_used_kernel_goes),
        TEST(a_failed_chunk_is_not_kept),
        TEST(many_loads_take_no_memory),
        TEST(a_setup_that_fails_says_where),
        cmocka_unit_test(forgetting_needs_no_memory),
        cmocka_unit_test(while_the_state_is_made),
        cmocka_unit_test(while_a_kernel_loads),
        cmocka_unit_test(while_a_kernel_runs),
        cmocka_unit_test(while_a_kernel_catches),
        cmocka_unit_test(while_an_error_is_converted),
        cmocka_unit_test(while_the_setup_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
