/* The libraries when memory runs out: at each single allocation in turn. */
#include "lib_fixture.h"

/* Runs a chunk again and again, with one more allocation granted each time,
 * until it gets through. */
static void expect_survives(fixture *f, const char *source)
{
    for (size_t n = 0;; n++) {
        outcome result;
        assert_in_range(n, 0, 20000);
        f->ours->memory.fail_after = n;
        mp_status status = fixture_run(f, source, &result);
        f->ours->memory.fail_after = SIZE_MAX;
        bool done = status == MP_OK && result.size == 0;
        free(result.text);
        assert_true(status == MP_OK || status == MP_LUA_MEMORY);
        if (done)
            break;
    }
    expect(f, "return 1 + 1", "number 2\n");
}

static void test_each_allocation_fails_once(void **data)
{
    static const char *const chunks[] = {
        "('x'):rep(5000, ','):gsub('x', '%0%0')",
        "for a, b in ('k=v, k=v'):gmatch('(%w)=(%w)') do "
        "  ('x'):format(a .. b) end",
        "string.format('%s %q %99.99f', ('x'):rep(3000), ('\\0'):rep(3000), "
        "  1e308)",
        "string.pack('z s4 c5000', ('x'):rep(3000), ('x'):rep(3000), 'x')",
        "('x'):rep(3000):upper():lower():reverse()",
        "table.concat({('x'):rep(3000), 2, 3.5}, ', ')",
        "local t = {} for i = 1, 50 do table.insert(t, 1, i .. 'x') end "
        "table.sort(t) table.unpack(t) table.move(t, 1, 50, 2)",
        "local co = coroutine.wrap(function(...) "
        "  coroutine.yield(...) coroutine.yield(table.unpack({}, 1, 500)) "
        "end) co(table.unpack({}, 1, 500)) co()",
        "local function nest(n) if n > 0 then "
        "  coroutine.wrap(nest)(n - 1) end end nest(20)",
        "tostring(setmetatable({}, {__name = 'x' .. 1.5}))",
        NULL,
    };
    for (const char *const *c = chunks; *c != NULL; c++)
        expect_survives(*data, *c);
}

/* An error about memory is one that pcall catches. */
static void test_pcall_goes_on(void **data)
{
    expect_ok(*data, "for i = 1, 20 do "
                     "  local ok, message = pcall(string.rep, 'x', 2^31 - 1) "
                     "  assert(not ok and message:find('memory')) end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails_once),
        cmocka_unit_test(test_pcall_goes_on),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
