/* Coroutines against stock Lua's. */
#include "lib_fixture.h"

static void test_same_as_stock(void **data)
{
    static const char *const chunks[] = {
        "local co = coroutine.create(function(a, b) "
        "  local c = coroutine.yield(a + b) "
        "  local d, e = coroutine.yield(c * 2) return d + e end) "
        "return coroutine.resume(co, 1, 2), coroutine.resume(co, 10), "
        "  coroutine.resume(co, 3, 4)",
        "local co = coroutine.create(function() end) "
        "return coroutine.status(co), coroutine.resume(co), "
        "  coroutine.status(co), coroutine.resume(co)",
        "local co = coroutine.create(function() end) coroutine.resume(co) "
        "return coroutine.resume(co)",
        "local co = coroutine.create(error) "
        "return coroutine.resume(co, 'x')",
        "local co = coroutine.create(function() error({}) end) "
        "return coroutine.resume(co)",
        "local co = coroutine.create(function() error('x') end) "
        "coroutine.resume(co) "
        "return coroutine.status(co), coroutine.resume(co)",
        "local co co = coroutine.create(function() "
        "  return coroutine.status(co), coroutine.resume(co) end) "
        "return coroutine.resume(co)",
        "local outer outer = coroutine.create(function() "
        "  local inner = coroutine.create(function() "
        "    return coroutine.status(outer), coroutine.resume(outer) end) "
        "  return coroutine.resume(inner) end) "
        "return coroutine.resume(outer)",
        "local co, main = coroutine.running() "
        "return coroutine.status(co), main, coroutine.resume(co)",
        "return coroutine.wrap(function() "
        "  local co, main = coroutine.running() "
        "  return coroutine.status(co), main, coroutine.isyieldable() "
        "end)()",
        "return coroutine.isyieldable()",
        "return coroutine.yield(1)",
        "return pcall(coroutine.yield, 1)",
        "local f = coroutine.wrap(function(...) "
        "  for i = 1, 3 do coroutine.yield(i, ...) end end) "
        "return f('a'), f(), f(), f()",
        "local f = coroutine.wrap(function() end) f() f()",
        "local f = coroutine.wrap(function() error('x') end) f()",
        "local f = coroutine.wrap(function() error('x', 0) end) f()",
        "local f = coroutine.wrap(function() error({}) end) f()",
        "local f = coroutine.wrap(function() error(5) end) f()",
        "local f = coroutine.wrap(function() error() end) f()",
        "return coroutine.create()",
        "return coroutine.create(5)",
        "return coroutine.wrap({})",
        "return coroutine.resume()",
        "return coroutine.resume(5)",
        "return coroutine.status({})",
        "return coroutine.status()",
        "local co = coroutine.create(function(...) "
        "  return select('#', ...) end) "
        "return coroutine.resume(co, table.unpack({}, 1, 100000))",
        "local co = coroutine.create(function() "
        "  return table.unpack({}, 1, 100000) end) "
        "return select('#', coroutine.resume(co))",
        "local co = coroutine.create(pcall) "
        "return coroutine.resume(co, coroutine.yield, 'y'), "
        "  coroutine.resume(co, 'z')",
        "local function nest(n) "
        "  return coroutine.wrap(function() "
        "    if n > 0 then return nest(n - 1) end return 'deep' end)() end "
        "return nest(50)",
        "local function nest(n) "
        "  return coroutine.resume(coroutine.create(function() "
        "    return nest(n + 1) end)) end "
        "local ok = nest(0) return ok",
        "for i = 1, 1000 do coroutine.create(function() end) end return 1",
        "local t = setmetatable({}, {__index = function(_, k) "
        "  return coroutine.yield(k) end}) "
        "local f = coroutine.wrap(function() return t.x .. t.y end) "
        "return f(), f('a'), f('b')",
        "local f = coroutine.wrap(function() "
        "  for k in pairs({1, 2}) do coroutine.yield(k) end end) "
        "return f(), f(), f()",
        NULL,
    };
    for (const char *const *c = chunks; *c != NULL; c++)
        expect_same(*data, *c);
}

/* Where stock Lua says that it is dead. */
static void test_wrapped_resumes_itself(void **data)
{
    expect(*data, "local f f = coroutine.wrap(function() f() end) f()",
           "error string 53 test:1: test:1: cannot resume non-suspended "
           "coroutine\n");
}

static void test_deep_nesting_is_an_error(void **data)
{
    expect_ok(*data,
              "local deepest = 0 local function nest(n) deepest = n "
              "  return assert(coroutine.resume(coroutine.create(nest), "
              "    n + 1)) end "
              "local ok, message = pcall(nest, 1) "
              "assert(not ok and message:find('C stack overflow'), message) "
              "assert(deepest > 50 and deepest < 250)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_stock),
        cmocka_unit_test(test_wrapped_resumes_itself),
        cmocka_unit_test(test_deep_nesting_is_an_error),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
