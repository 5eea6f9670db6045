/* A kernel's chunk, run once: what it gives, what it may not depend on, and
 * that nothing it does takes long. */
#include <time.h>

#include "core/trial.h"
#include "fixture.h"

static mp_status try(const char *source, const char *setup, mp_trial **out,
                     mp_error *err)
{
    mp_kernel *kernel = make_kernel(source);
    mp_kernel *before = setup != NULL ? make_kernel(setup) : NULL;
    *out = NULL;
    mp_status status = mp_trial_run(kernel, before, out, err);
    mp_kernel_release(kernel);
    mp_kernel_release(before);
    return status;
}

static void expect(const char *source, const char *setup)
{
    mp_trial *trial;
    mp_error err;
    if (try(source, setup, &trial, &err) != MP_OK)
        fail_msg("%s: %s", source, err.message);
    lua_State *L = mp_trial_lua(trial);
    assert_int_equal(lua_gettop(L), 1);
    assert_true(lua_isfunction(L, 1));
    mp_trial_free(trial);
}

static void expect_error(const char *source, const char *setup,
                         mp_status wanted, const char *text)
{
    mp_trial *trial;
    mp_error err;
    mp_status status = try(source, setup, &trial, &err);
    if (status != wanted || strstr(err.message, text) == NULL)
        fail_msg("%s: status %d, %s", source, status, err.message);
    assert_int_equal(err.status, wanted);
    assert_null(trial);
}

static void a_function_is_given(void **data)
{
    (void)data;
    expect("function(x) return x end", NULL);
    expect("local t = {} for i = 1, 10 do t[i] = math.sin(i) end "
           "return function(x) return t[x] end",
           NULL);
    expect("local f = half return function(x) return f / 2 end",
           "half = 0.5 root = math.sqrt");
    expect("local f = math.sqrt(4) return function(x) return half(x) end",
           "function half(x) return x / 2 end");
    expect("local x = num.random(1, 2) return function() return x end", NULL);
    expect("math.randomseed(0) return function() return num.worker() end",
           NULL);
    mp_trial_free(NULL);
}

static void what_depends_on_the_worker_is_refused(void **data)
{
    (void)data;
    static const char worker[] = "depends on the worker: it uses num.worker";
    static const char random[] = "depends on the worker: it uses math.random";
    const char *kernel = "function() return x end";
    expect_error("local w = num.worker() return function() return w end", NULL,
                 MP_VALUE, worker);
    expect_error("local r = math.random() return function() return r end", NULL,
                 MP_VALUE, random);
    expect_error("local r = math.random() math.randomseed(0) "
                 "return function() return r end",
                 NULL, MP_VALUE, random);
    expect_error("pcall(function() error(num.worker()) end) "
                 "return function() end",
                 NULL, MP_VALUE, worker);
    expect_error(kernel, "x = num.worker()", MP_VALUE, worker);
    expect_error(kernel, "x = math.random(6)", MP_VALUE, random);
    expect_error(kernel, "x = coroutine.wrap(math.random)()", MP_VALUE, random);
}

/* Another kernel may have changed it before the chunk runs, or its function is
 * called for the second time. */
static void what_the_setup_may_change_is_refused(void **data)
{
    (void)data;
    static const char text[] = "depends on the pool's setup";
    static const char next[] = "local n = 0 function next_id() n = n + 1 "
                               "return n end";
    expect_error("local id = next_id() return function() return id end", next,
                 MP_VALUE, text);
    expect_error("local c = T.c return function() return c end", "T = {c = 5}",
                 MP_VALUE, text);
    expect_error("local c = unit return function() return c end",
                 "unit = 1 function use(x) unit = x end", MP_VALUE, text);
    expect_error("pcall(function() error(T) end) return function() end",
                 "T = {}", MP_VALUE, text);
    expect_error("function() return math.id() end",
                 "function math.id() return 1 end", MP_VALUE, text);
    expect_error("function() end", "function tostring() end", MP_VALUE, text);
    expect("mine = 1 local c = mine return function() return c end", "T = {}");
}

static void errors_say_where(void **data)
{
    (void)data;
    mp_trial *trial;
    mp_error err;
    expect_error("\nlocal x = nil + 1 return function() end", NULL, MP_LUA,
                 "the kernel's chunk fails: attempt to perform arithmetic");
    assert_int_equal(
        try("\nlocal x = nil + 1 return function() end", NULL, &trial, &err),
        MP_LUA);
    assert_int_equal(err.line, 2);
    assert_string_equal(err.kernel, "kernel");
    expect_error("return 5", NULL, MP_LUA, "must return one function");
    expect_error("function() end", "error('oh')", MP_LUA,
                 "the pool's setup fails: oh");
    expect_error("function() end", "return ('x'):rep(1 << 30)", MP_LUA_MEMORY,
                 "the pool's setup takes more than 64 MiB");
    expect_error("io.open('x') return function() end", NULL, MP_LUA, "'io'");
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* By a hook, by polls in C, and by the escape where there is neither. */
static void nothing_takes_long(void **data)
{
    (void)data;
    static const char *const endless[] = {
        "while true do end",
        "local function f() return pcall(f) end while true do pcall(f) end",
        "coroutine.wrap(function() while true do end end)()",
        "local s = ('x'):rep(30) s:find('.-.-.-.-.-.-.-.-b')",
        "local t = {} for i = 1, 1 << 22 do t[i << 42] = i end",
    };
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        char source[200];
        mp_trial *trial;
        mp_error err;
        snprintf(source, sizeof source, "%s return function() end", endless[i]);
        double before = seconds();
        mp_status status = try(source, NULL, &trial, &err);
        if (status != MP_TIMEOUT && status != MP_LUA_MEMORY)
            fail_msg("%s: status %d, %s", source, status, err.message);
        if (status == MP_TIMEOUT)
            assert_string_equal(err.message,
                                "the kernel's chunk takes too long");
        assert_true(seconds() - before < 5);
    }
}

static const char *name_of(const char *expression)
{
    static char name[64];
    char source[200];
    mp_trial *trial;
    mp_error err;
    snprintf(source, sizeof source,
             "local _ENV = _ENV local f = %s return function() return f end",
             expression);
    if (try(source, NULL, &trial, &err) != MP_OK)
        fail_msg("%s: %s", source, err.message);
    lua_State *L = mp_trial_lua(trial);
    assert_non_null(lua_getupvalue(L, 1, 1));
    mp_trial_push_name(L, -1);
    assert_int_equal(lua_gettop(L), 3);
    snprintf(name, sizeof name, "%s",
             lua_isnil(L, -1) ? "none" : lua_tostring(L, -1));
    mp_trial_free(trial);
    return name;
}

static void functions_of_libraries_have_names(void **data)
{
    (void)data;
    assert_string_equal(name_of("math.sin"), "math.sin");
    assert_string_equal(name_of("num.worker"), "num.worker");
    assert_string_equal(name_of("_G.string.rep"), "string.rep");
    assert_string_equal(name_of("('').rep"), "string.rep");
    assert_string_equal(name_of("pcall"), "pcall");
    assert_string_equal(name_of("coroutine.wrap(pcall)"), "none");
    assert_string_equal(name_of("function() end"), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_is_given),
        cmocka_unit_test(what_depends_on_the_worker_is_refused),
        cmocka_unit_test(what_the_setup_may_change_is_refused),
        cmocka_unit_test(errors_say_where),
        cmocka_unit_test(nothing_takes_long),
        cmocka_unit_test(functions_of_libraries_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
