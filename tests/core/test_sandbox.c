/* What a kernel sees: nothing that leaves the sandbox, and nothing of another
 * kernel's. */
#include "fixture.h"

#include <lualib.h>

#include "core/sandbox.h"

/* ---- walking a graph of values ------------------------------------------ */

/* Finds what can be reached from a value by any means, debug library and
 * private metatables included: stricter than what a kernel can do. */
typedef struct walk {
    lua_State *L;
    int seen;    /* stack index of a table: value -> true */
    int ignored; /* stack index of a table of values not to enter, or 0 */
    int tables;  /* found */
    int functions;
    void (*visit)(lua_State *L, void *ud); /* the value is on the top */
    void *ud;
} walk;

static void walk_value(walk *w);

/* Replaces the value on the top by nothing. */
static void walk_table(walk *w)
{
    lua_State *L = w->L;
    w->tables++;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        walk_value(w);
        lua_pushvalue(L, -1);
        walk_value(w);
    }
}

static void walk_function(walk *w)
{
    w->functions++;
    for (int i = 1; lua_getupvalue(w->L, -1, i) != NULL; i++)
        walk_value(w);
}

static void walk_value(walk *w)
{
    lua_State *L = w->L;
    luaL_checkstack(L, 20, NULL);
    int type = lua_type(L, -1);
    bool skip = type == LUA_TNIL || type == LUA_TNUMBER || type == LUA_TBOOLEAN;
    for (int k = 0; k < 2 && !skip; k++) {
        int table = k == 0 ? w->seen : w->ignored;
        if (table == 0)
            continue;
        lua_pushvalue(L, -1);
        skip = lua_rawget(L, table) != LUA_TNIL;
        lua_pop(L, 1);
    }
    if (!skip) {
        lua_pushvalue(L, -1);
        lua_pushboolean(L, 1);
        lua_rawset(L, w->seen);
        if (w->visit != NULL)
            w->visit(L, w->ud);
        if (lua_getmetatable(L, -1))
            walk_value(w);
        if (lua_istable(L, -1))
            walk_table(w);
        else if (lua_isfunction(L, -1))
            walk_function(w);
        else if (lua_isthread(L, -1))
            fail_msg("a coroutine can be reached");
        else if (lua_type(L, -1) == LUA_TUSERDATA)
            fail_msg("a userdata can be reached");
    }
    lua_pop(L, 1);
}

/* Walks what is on the top, which it pops. */
static walk walk_all(lua_State *L, int ignored,
                     void (*visit)(lua_State *L, void *ud), void *ud)
{
    lua_newtable(L);
    lua_insert(L, -2);
    walk w = {.L = L,
              .seen = lua_gettop(L) - 1,
              .ignored = ignored,
              .visit = visit,
              .ud = ud};
    walk_value(&w);
    lua_remove(L, w.seen);
    return w;
}

/* ---- what must not be there --------------------------------------------- */

static const char *const forbidden[] = {
    "io.open",
    "io.read",
    "io.popen",
    "io.lines",
    "io.write",
    "io.close",
    "io.input",
    "io.output",
    "io.tmpfile",
    "io.type",
    "io.flush",
    "os.execute",
    "os.exit",
    "os.remove",
    "os.rename",
    "os.getenv",
    "os.setlocale",
    "os.tmpname",
    "os.time",
    "os.date",
    "os.clock",
    "os.difftime",
    "debug.debug",
    "debug.gethook",
    "debug.getinfo",
    "debug.getlocal",
    "debug.getmetatable",
    "debug.getregistry",
    "debug.getupvalue",
    "debug.getuservalue",
    "debug.sethook",
    "debug.setlocal",
    "debug.setmetatable",
    "debug.setupvalue",
    "debug.setuservalue",
    "debug.traceback",
    "debug.upvalueid",
    "debug.upvaluejoin",
    "package.loadlib",
    "package.searchpath",
    "string.dump",
    "_G.load",
    "_G.loadfile",
    "_G.dofile",
    "_G.require",
    "_G.collectgarbage",
    "_G.print",
    "_G.pcall",
    "_G.xpcall",
    "_G.setmetatable",
    "_G.tostring",
    "coroutine.resume",
    "coroutine.wrap",
    "coroutine.create",
    "string.find",
    "string.match",
    "string.gmatch",
    "string.gsub",
    "string.rep",
    "string.format",
    "table.insert",
    "table.remove",
    "table.move",
    "table.concat",
    "table.unpack",
    "table.sort",
    "math.random",
    "math.randomseed",
};

enum { FORBIDDEN = sizeof forbidden / sizeof *forbidden };

/* The C functions of stock Lua behind those names. */
static void find_forbidden(lua_CFunction *functions)
{
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    for (int i = 0; i < FORBIDDEN; i++) {
        char library[16] = "";
        const char *dot = strchr(forbidden[i], '.');
        memcpy(library, forbidden[i], (size_t)(dot - forbidden[i]));
        lua_getglobal(L, library);
        lua_getfield(L, -1, dot + 1);
        functions[i] = lua_tocfunction(L, -1);
        assert_non_null(functions[i]);
        lua_settop(L, 0);
    }
    lua_close(L);
}

static void check_allowed(lua_State *L, void *ud)
{
    const lua_CFunction *functions = ud;
    lua_CFunction found = lua_tocfunction(L, -1);
    for (int i = 0; found != NULL && i < FORBIDDEN; i++) {
        if (found == functions[i])
            fail_msg("%s can be reached", forbidden[i]);
    }
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    assert_false(lua_rawequal(L, -1, -2));
    lua_pop(L, 1);
}

static void nothing_forbidden_can_be_reached(void **data)
{
    core_fixture *f = *data;
    lua_State *L = f->state->L;
    lua_CFunction functions[FORBIDDEN];
    find_forbidden(functions);
    mp_sandbox_push_environment(L);
    walk w = walk_all(L, 0, check_allowed, functions);
    assert_true(w.tables > 10);
    assert_true(w.functions > 80);
    mp_sandbox_push_base(L);
    walk_all(L, 0, check_allowed, functions);
    lua_pushliteral(L, "");
    walk_all(L, 0, check_allowed, functions);
    assert_int_equal(lua_gettop(L), 0);
}

/* The same from the inside, as a kernel's author would try. */
static void a_kernel_finds_no_way_out(void **data)
{
    core_expect(
        *data,
        "function() local bad = {} "
        "for w in ('io os debug package load loadstring loadfile dofile "
        "require dump collectgarbage newproxy module setfenv getfenv "
        "print'):gmatch('%a+') do bad[w] = true end "
        "local seen, count = {}, 0 "
        "local function walk(t) if seen[t] then return end seen[t] = true "
        "for k, v in pairs(t) do count = count + 1 "
        "assert(not bad[k], k) assert(type(v) ~= 'userdata') "
        "if type(v) == 'table' then walk(v) end end "
        "local m = getmetatable(t) if m then walk(m) end end "
        "walk(_G) walk(_ENV) assert(count > 80) "
        "for name in pairs(bad) do assert(_G[name] == nil, name) "
        "assert(string[name] == nil and ('')[name] == nil) end return 1 end",
        1);
}

/* ---- isolation ---------------------------------------------------------- */

static void count_tables(lua_State *L, void *ud)
{
    if (lua_istable(L, -1))
        ++*(int *)ud;
}

/* Adds the metatable of the value on the top to the table at 1. */
static void ignore_metatable(lua_State *L)
{
    assert_true(lua_getmetatable(L, -1));
    lua_pushboolean(L, 1);
    lua_rawset(L, 1);
}

/* But for the base and the metatable of strings, which both are out of a
 * kernel's reach, no table of one environment is in another. */
static void environments_share_no_table(void **data)
{
    core_fixture *f = *data;
    lua_State *L = f->state->L;
    int tables = 0;
    lua_newtable(L); /* 1: all that the first environment reaches */
    lua_pushliteral(L, "");
    ignore_metatable(L);
    lua_pop(L, 1);
    mp_sandbox_push_environment(L);
    ignore_metatable(L);
    walk first = {.L = L, .seen = 1};
    walk_value(&first);
    assert_int_equal(first.tables, 7);
    mp_sandbox_push_environment(L);
    walk second = walk_all(L, 1, count_tables, &tables);
    assert_int_equal(second.tables, first.tables);
    assert_int_equal(tables, first.tables);
    lua_settop(L, 0);
}

static void kernels_see_nothing_of_each_other(void **data)
{
    core_expect(*data,
                "x = 1 _G.y = 2 math.floor = nil string.len = nil "
                "num.extra = 5 table = nil _ENV.z = 3 pcall = error "
                "return function() return x + y + z end",
                6);
    core_expect(*data,
                "return function() assert(x == nil and y == nil and z == nil) "
                "assert(num.extra == nil) assert(pcall ~= error) "
                "assert(('abc'):len() == 3) "
                "return math.floor(3.5) + string.len('ab') + "
                "#table.pack(1, 2, 3) end",
                8);
}

/* What lies under a name that a kernel has set to nil is not the original,
 * which it could change for all. */
static void nothing_lies_under_a_kernels_globals(void **data)
{
    core_expect(*data,
                "function() local names = {} "
                "for name in pairs(_G) do names[#names + 1] = name end "
                "local env = _G "
                "local type, assert = type, assert "
                "for i = 1, #names do env[names[i]] = nil end "
                "for i = 1, #names do "
                "  assert(type(env[names[i]]) == 'nil', names[i]) end "
                "return #names end",
                25);
    core_expect(*data,
                "function() assert(_G._G == _G) assert(math.floor(2.5) == 2) "
                "return ('abc'):len() end",
                3);
}

static void an_environment_is_the_kernels_own(void **data)
{
    core_expect(*data,
                "n = 0 return function() n = n + 1 assert(_G.n == n) "
                "assert(_ENV == _G and _G._G == _G) return n end",
                1);
    core_expect(*data,
                "n = 0 return function() n = n + 1 assert(_G.n == n) "
                "assert(_ENV == _G and _G._G == _G) return n end",
                2);
}

static void metatables_are_locked(void **data)
{
    core_expect(*data,
                "function() assert(getmetatable('') == false) "
                "assert(getmetatable(_G) == false) return 1 end",
                1);
    core_expect_error(*data, "function() setmetatable(_G, {}) end",
                      "protected metatable");
    core_expect_error(*data, "function() getmetatable('').__index = 1 end",
                      "index a boolean");
    core_expect_error(*data, "function() setmetatable('', {}) end",
                      "table expected");
    core_expect_error(*data, "function() getmetatable(_G).__index.x = 1 end",
                      "index a boolean");
    core_expect(*data,
                "function() string.upper = function() return 'no' end "
                "assert(('a'):upper() == 'A') return 1 end",
                1);
    core_expect(*data,
                "function() assert(getmetatable(1) == nil) "
                "assert(getmetatable(print) == nil) "
                "assert(getmetatable(math.sin) == nil) return 1 end",
                1);
}

static void finalizers_are_refused(void **data)
{
    core_expect_error(*data,
                      "function() setmetatable({}, {__gc = function() end}) "
                      "end",
                      "__gc");
    core_expect_error(*data, "function() setmetatable({}, {__gc = false}) end",
                      "__gc");
    /* What is added later is never looked at. */
    core_expect(*data,
                "function() local m = {} local hit = 0 for i = 1, 1000 do "
                "setmetatable({('x'):rep(1000)}, m) m.__gc = function() "
                "hit = 1 end m.__gc = nil end "
                "local t = setmetatable({}, m) m.__gc = error "
                "t = nil for i = 1, 1e5 do local x = {i} end return hit end",
                0);
}

/* ---- the setup ---------------------------------------------------------- */

static void set_up(core_fixture *f, const char *source)
{
    mp_error err;
    mp_kernel *setup = make_kernel(source);
    mp_guard_enter(&f->guard, f->state->L, f);
    if (mp_state_setup(f->state, setup, &err) != MP_OK)
        fail_msg("%s", err.message);
    mp_guard_leave(&f->guard);
    mp_kernel_release(setup);
}

static void kernels_read_through_to_the_setup(void **data)
{
    set_up(*data, "scale = 10 function twice(x) return 2 * x end");
    core_expect(*data, "return function() return twice(scale) end", 20);
    core_expect(*data, "scale = 1 return function() return twice(scale) end",
                2);
    core_expect(*data, "return function() return _G.scale end", 10);
    core_expect(*data,
                "return function() return rawget(_G, 'scale') == nil "
                "and 1 end",
                1);
}

static void the_setup_may_change_what_kernels_get(void **data)
{
    set_up(*data, "math.tau = 6 string.len = nil math.floor = nil");
    core_expect(*data,
                "return function() assert(string.len == nil) "
                "assert(math.floor == nil) return math.tau end",
                6);
}

/* ---- without a sandbox -------------------------------------------------- */

static void trusted_code_gets_all_of_lua(void **data)
{
    (void)data;
    core_fixture f;
    core_open(&f, (mp_state_options){.worker = 1, .sandbox = false});
    core_expect(&f,
                "return function() assert(io.open and os.time and require "
                "and debug.getinfo and load and string.dump) "
                "assert(num.erf(0) == 0) return load('return 4')() end",
                4);
    core_expect(&f, "shared = 1 return function() return 1 end", 1);
    core_expect_error(&f, "return function() error('x', 0) end", "x");
    core_close(&f);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, core_setup, core_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_forbidden_can_be_reached),
        TEST(a_kernel_finds_no_way_out),
        TEST(environments_share_no_table),
        TEST(kernels_see_nothing_of_each_other),
        TEST(an_environment_is_the_kernels_own),
        TEST(nothing_lies_under_a_kernels_globals),
        TEST(metatables_are_locked),
        TEST(finalizers_are_refused),
        TEST(kernels_read_through_to_the_setup),
        TEST(the_setup_may_change_what_kernels_get),
        TEST(trusted_code_gets_all_of_lua),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
