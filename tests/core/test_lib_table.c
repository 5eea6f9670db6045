/* The table library against stock Lua's. */
#include "lib_fixture.h"

/* Helpers that the lines below use. */
#define PRELUDE                                                                \
    "local log = {} "                                                          \
    "local function show(t) local s = {} for i = 0, 12 do "                    \
    "  s[#s + 1] = tostring(rawget(t, i)) end "                                \
    "  return table.concat(s, ',') end "                                       \
    "local function proxy(t) return setmetatable({}, { "                       \
    "  __index = function(_, k) log[#log + 1] = 'r' .. tostring(k) "           \
    "    return t[k] end, "                                                    \
    "  __newindex = function(_, k, v) log[#log + 1] = 'w' .. tostring(k) "     \
    "    t[k] = v end, "                                                       \
    "  __len = function() return #t end}) end "                                \
    "local function len(n) return setmetatable({}, {__len = function() "       \
    "  return n end}) end "                                                    \
    "local t = {1, 2, 3, 4, 5} "

static void expect_same_after_prelude(fixture *f, const char *const *lines)
{
    for (; *lines != NULL; lines++) {
        char source[4096];
        snprintf(source, sizeof source, PRELUDE "%s", *lines);
        expect_same(f, source);
    }
}

static void test_insert_and_remove(void **data)
{
    static const char *const lines[] = {
        "table.insert(t, 6) return show(t)",
        "table.insert(t, 1, 0) return show(t)",
        "table.insert(t, 6, 9) return show(t)",
        "table.insert(t, 3, nil) return show(t)",
        "table.insert(t, 0, 9)",
        "table.insert(t, 7, 9)",
        "table.insert(t, math.mininteger, 9)",
        "table.insert(t, '2', 9) return show(t)",
        "table.insert(t, 1.5, 9)",
        "table.insert(t)",
        "table.insert(t, 1, 2, 3)",
        "table.insert()",
        "table.insert(1, 2)",
        "table.insert(nil, 2)",
        "table.insert('x', 2)",
        "local p = proxy(t) table.insert(p, 2, 'x') "
        "return show(t), table.concat(log, ' ')",
        "local p = proxy(t) local a, b = table.remove(p, 2) "
        "return a, b, show(t), table.concat(log, ' ')",
        "table.insert(len(math.maxinteger), 5) return 1",
        "local p = len(math.maxinteger) table.insert(p, 5) "
        "return rawget(p, math.mininteger)",
        "table.insert(len('x'), 5)",
        "table.insert(len(1.5), 5)",
        "local p = len(3.0) table.insert(p, 5) return show(p)",
        "return table.remove(t), show(t)",
        "return table.remove(t, 1), show(t)",
        "return table.remove(t, 5), show(t)",
        "local t = setmetatable({[math.maxinteger] = 'z'}, "
        "{__len = function() return math.maxinteger end}) "
        "return table.remove(t, math.maxinteger - 1), next(t)",
        "return table.remove(t, 6), show(t)",
        "return table.remove(t, 7)",
        "return table.remove(t, 0)",
        "return table.remove(t, -1)",
        "return table.remove({}), table.remove({}, 0), table.remove({}, 1)",
        "return table.remove({}, 2)",
        "return table.remove({[0] = 'z'}, 0)",
        "return table.remove({[0] = 'z'})",
        "return table.remove({n = 1}, nil)",
        "return table.remove(t, 'x')",
        "return table.remove()",
        "return table.remove(7)",
        "return select('#', table.remove(t)), select('#', table.remove({}))",
        NULL,
    };
    expect_same_after_prelude(*data, lines);
}

static void test_move(void **data)
{
    static const char *const lines[] = {
        "return show(table.move(t, 1, 5, 2))",
        "return show(table.move(t, 2, 5, 1))",
        "return show(table.move(t, 1, 5, 6))",
        "return show(table.move(t, 1, 3, 1, {}))",
        "return show(table.move(t, 1, 3, 2, {}))",
        "return show(table.move(t, 1, 3, 2, t))",
        "return show(table.move(t, 3, 1, 2))",
        "return show(table.move(t, 0, 3, 1))",
        "return show(table.move(t, -2, 3, 1, {}))",
        "return table.move(t, 1, math.maxinteger, 2)",
        "return table.move(t, math.mininteger, 5, 2)",
        "return table.move(t, 0, math.maxinteger, 2)",
        "return table.move(t, 1, 5, math.maxinteger)",
        "table.move(t, 1, 2, math.maxinteger - 1) "
        "return t[math.maxinteger], t[math.maxinteger - 1]",
        "return table.move(t, 1, 5)",
        "return table.move(t, 'a', 5, 1)",
        "return table.move(1, 1, 5, 2)",
        "return table.move(t, 1, 5, 2, 3)",
        "return table.move(t, 1, 0, 2, 3)",
        "local p = proxy(t) table.move(p, 1, 3, 2) "
        "return show(t), table.concat(log, ' ')",
        "local u = {} table.move(proxy(t), 1, 3, 3, proxy(u)) "
        "return show(u), table.concat(log, ' ')",
        "local m = {__eq = function() return true end} setmetatable(t, m) "
        "return show(table.move(t, 1, 3, 2, setmetatable({7, 8, 9}, m)))",
        NULL,
    };
    expect_same_after_prelude(*data, lines);
}

static void test_concat_and_unpack(void **data)
{
    static const char *const lines[] = {
        "return table.concat(t), table.concat(t, ','), table.concat({})",
        "return table.concat(t, ',', 2), table.concat(t, ',', 2, 4)",
        "return table.concat(t, ',', 4, 2), table.concat(t, ',', 5, 5)",
        "return table.concat(t, ',', 5, 7)",
        "return table.concat({'a', 1, 2.5}, 3)",
        "return table.concat({1, {}, 3})",
        "return table.concat({1, nil, 3})",
        "return table.concat({1, 2, true}, ',')",
        "return table.concat(t, {})",
        "return table.concat(t, ',', 'x')",
        "return table.concat()",
        "return table.concat(5)",
        "return table.concat('abc')",
        "local p = proxy(t) return table.concat(p, '-'), "
        "table.concat(log, ' ')",
        "return table.concat(t, '\\0')",
        "return table.concat({[math.maxinteger] = 'x'}, ',', "
        "math.maxinteger, math.maxinteger)",
        "local u = {} for i = 1, 5000 do u[i] = 'abc' .. i end "
        "return table.concat(u, '; ')",
        "return table.unpack(t)",
        "return table.unpack(t, 2)",
        "return table.unpack(t, 2, 3)",
        "return table.unpack(t, 3, 2)",
        "return table.unpack(t, -1, 1)",
        "return table.unpack({}, 1, 3)",
        "return table.unpack(t, 1, 1e8)",
        "return table.unpack(t, 1, math.maxinteger)",
        "return table.unpack(t, math.mininteger, math.maxinteger)",
        "return table.unpack(t, math.maxinteger, math.maxinteger)",
        "return table.unpack(t, 'x')",
        "return table.unpack()",
        "return table.unpack(5)",
        "return table.unpack(5, 1, 2)",
        "return table.unpack('abc'), table.unpack('abc', 1, 0)",
        "return table.unpack(proxy(t))",
        "return select('#', table.unpack({}, 1, 200000))",
        "local p = table.pack(1, nil, 3, nil) return p.n, show(p)",
        "return table.pack().n",
        NULL,
    };
    expect_same_after_prelude(*data, lines);
}

/* ---- sort --------------------------------------------------------------- */

static void test_sort(void **data)
{
    static const char *const lines[] = {
        "table.sort(t) return show(t)",
        "table.sort(t, function(a, b) return a > b end) return show(t)",
        "local u = {'b', 'a', 'c'} table.sort(u) return show(u)",
        "local u = {3, 1.5, 2} table.sort(u) return show(u)",
        "local u = {3, 'x'} table.sort(u)",
        "local u = {3, 'x', 1} table.sort(u)",
        "local u = {{}, {}} table.sort(u)",
        "table.sort(t, 5)",
        "table.sort({1}, 5) return 1",
        "table.sort(t, nil) return show(t)",
        "table.sort()",
        "table.sort('x')",
        "table.sort(len(2^31)) return 1",
        "table.sort(len(-5)) return 1",
        "table.sort(t, function() error('no') end)",
        "table.sort(t, function() error({}) end)",
        "local u = {5, 3, 4, 1, 2} table.sort(proxy(u)) return show(u)",
        "return coroutine.resume(coroutine.create(function() "
        "table.sort(t, coroutine.yield) end))",
        NULL,
    };
    expect_same_after_prelude(*data, lines);
}

/* Sorted, and a permutation: for sizes and shapes of all kinds. */
static void test_sort_sorts(void **data)
{
    expect_ok(*data,
              "local shapes = { "
              "  function(i, n) return i end, function(i, n) return n - i end, "
              "  function(i, n) return math.random(n) end, "
              "  function(i, n) return math.random(3) end, "
              "  function(i, n) return 1 end, "
              "  function(i, n) return i < n / 2 and i or n - i end, "
              "  function(i, n) return i % 2 == 0 and i or -i end} "
              "local orders = {false, function(a, b) return a > b end} "
              "for _, n in ipairs{0, 1, 2, 3, 4, 5, 6, 7, 10, 50, 1000} do "
              "  for _, shape in ipairs(shapes) do "
              "    for _, order in ipairs(orders) do "
              "      local t, count = {}, {} "
              "      for i = 1, n do local x = shape(i, n) t[i] = x "
              "        count[x] = (count[x] or 0) + 1 end "
              "      if order then table.sort(t, order) else table.sort(t) end "
              "      order = order or function(a, b) return a < b end "
              "      assert(#t == n) "
              "      for i = 2, n do assert(not order(t[i], t[i - 1])) end "
              "      for i = 1, n do count[t[i]] = count[t[i]] - 1 end "
              "      for _, c in pairs(count) do assert(c == 0) end "
              "    end end end");
}

/* McIlroy's adversary answers so that any quicksort does badly. */
static void test_sort_is_never_quadratic(void **data)
{
    expect_ok(*data,
              "local n, calls, solid, candidate, gas = 20000, 0, 0, 0 "
              "gas = n + 1 local value, t = {}, {} "
              "for i = 1, n do t[i] = i value[i] = gas end "
              "table.sort(t, function(a, b) calls = calls + 1 "
              "  if value[a] == gas and value[b] == gas then "
              "    local x = a == candidate and a or b "
              "    value[x] = solid solid = solid + 1 end "
              "  if value[a] == gas then candidate = a "
              "  elseif value[b] == gas then candidate = b end "
              "  return value[a] < value[b] end) "
              "for i = 2, n do assert(value[t[i]] >= value[t[i - 1]]) end "
              "assert(calls < 5 * n * 15, calls)");
}

/* An order that contradicts itself: an error or any permutation will do. */
static void test_sort_with_inconsistent_order(void **data)
{
    expect_ok(
        *data,
        "local orders = {function() return true end, "
        "  function() return false end, "
        "  function() return math.random() < 0.5 end, "
        "  function(a, b) return a <= b end, "
        "  function(a, b) return (a - b) % 3 == 1 end} "
        "for _, order in ipairs(orders) do "
        "  for n = 1, 300, 7 do "
        "    local t, seen = {}, {} for i = 1, n do t[i] = i * 37 % 307 end "
        "    local ok, message = pcall(table.sort, t, order) "
        "    assert(ok or message == "
        "      'invalid order function for sorting', message) "
        "    for i = 1, n do assert(not seen[t[i]]) seen[t[i]] = true end "
        "  end end");
}

/* An error in the order function leaves a permutation behind. */
static void test_sort_loses_nothing_on_errors(void **data)
{
    expect_ok(*data, "for fuse = 1, 400, 3 do "
                     "  local t, seen, left = {}, {}, fuse "
                     "  for i = 1, 50 do t[i] = i * 7 % 53 end "
                     "  pcall(table.sort, t, function(a, b) left = left - 1 "
                     "    if left == 0 then error('x') end return a < b end) "
                     "  for i = 1, 50 do assert(not seen[t[i]]) "
                     "    seen[t[i]] = true end end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert_and_remove),
        cmocka_unit_test(test_move),
        cmocka_unit_test(test_concat_and_unpack),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_sort_sorts),
        cmocka_unit_test(test_sort_is_never_quadratic),
        cmocka_unit_test(test_sort_with_inconsistent_order),
        cmocka_unit_test(test_sort_loses_nothing_on_errors),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
