/* Pattern matching against stock Lua's: chosen cases, and thousands of random
 * patterns and subjects. */
#include "lib_fixture.h"

static void test_find(void **data)
{
    static const char *const lines[] = {
        "('hello world'):find('wor')",
        "('hello world'):find('o', 6)",
        "('hello world'):find('o', -3)",
        "('hello world'):find('', 12), ('hello'):find('', 99)",
        "('hello'):find('', 6)",
        "('hello'):find('l', math.mininteger)",
        "('hello'):find('l', math.maxinteger)",
        "('a.b'):find('.', 1, true), ('a.b'):find('%.')",
        "('a\\0b'):find('\\0'), ('a\\0b'):find('\\0b'), ('a\\0'):find('%z')",
        "('a\\0b%c'):find('\\0b%', 1, true)",
        "('a\\0.b'):find('\\0.')",
        "('hello'):find('(l)(l)')",
        "('hello'):find('()ll()')",
        "('hello'):find('^h'), ('hello'):find('^e'), ('hello'):find('^', 3)",
        "('hello'):find('^e', 2)",
        "('hello'):find('o$'), ('hello'):find('l$'), ('$a'):find('$a')",
        "('a$b'):find('$b'), ('a^b'):find('a^')",
        "string.find()",
        "string.find('x')",
        "string.find('x', {})",
        "string.find('x', 'x', 'y')",
        "string.find(123, 2)",
        "('aaab'):find('a-b'), ('aaab'):find('a*b'), ('aaab'):find('a+b')",
        "('b'):find('a?b'), ('ab'):find('a?b'), ('aab'):find('^a?b')",
        "('x]y'):find('[]]'), ('x]y'):find('[^]]'), ('x-y'):find('[a-]')",
        "('x-y'):find('[%-]'), ('b'):find('[a-c]'), ('b'):find('[^a-c]')",
        "('%'):find('[%%]'), ('5'):find('[%a%d]'), ('_'):find('[%w_]')",
        "(']'):find('[%]]'), ('^'):find('[x^]'), ('a-'):find('[a%-z]+')",
        "('b'):find('[b'), 1",
        "('b'):find('[b%'), 1",
        "('b'):find('[^'), 1",
        "('b'):find('['), 1",
        "('b'):find('[]'), 1",
        "('b'):find('b%'), 1",
        "('b'):find('%'), 1",
        "('b'):find('(b'), 1",
        "('b'):find('b)'), 1",
        "('b'):find('(b))'), 1",
        "('b'):find('%1'), 1",
        "('b'):find('(b%1)'), 1",
        "('bb'):find('(b)%1'), ('bc'):find('(b)%1'), ('b'):find('()%1')",
        "('b'):find('(b)%2'), 1",
        "('b'):find('(b)%0'), 1",
        "('x(a(b)c)y'):find('%b()'), ('x(a(b)c'):find('%b()')",
        "('aaa'):find('%baa'), ('x'):find('%b')",
        "('x'):find('%bx')",
        "('x'):find('%f')",
        "('x'):find('%fx')",
        "('THE (quick) fox'):find('%f[%a]%a+%f[%A]')",
        "('the fox'):find('%f[%a]', 2), ('x'):find('%f[%z]')",
        "('x'):find(('()'):rep(32)), 1",
        "('x'):find(('()'):rep(33)), 1",
        "('x'):find(('(x'):rep(33)), 1",
        "('x'):rep(300):find(('x?'):rep(150))",
        "('x'):rep(300):find(('x?'):rep(199)), 1",
        "('x'):rep(300):find(('x?'):rep(200)), 1",
        "('x'):rep(300):find(('x?'):rep(500)), 1",
        "('x'):find(('('):rep(20) .. ('x?'):rep(300)), 1",
        "('a,b'):match('([^,]*),([^,]*)')",
        "('key = val'):match('^(%w+)%s*=%s*(%w+)$')",
        "('2024-01-31'):match('(%d+)-(%d+)-(%d+)')",
        "('x'):match('y'), ('x'):match('()'), (''):match('.*')",
        "('x'):match('(x)()', 1)",
        "('x'):match('x', 3), ('x'):match('', 2)",
        "('\\xE9\\xFF'):match('[\\xE0-\\xFF]+')",
        "('a\\nb'):match('a.b'), ('ab\\0cd'):match('b.c')",
        "('aXb'):match('%u'), ('aXb'):match('%U+'), ('a1'):match('%X')",
        NULL,
    };
    expect_same_all(*data, lines);
}

/* Each character against each letter as a class. */
static void test_classes(void **data)
{
    expect_same(*data, "local out = {} for class = 0, 255 do "
                       "  local p = '%' .. string.char(class) "
                       "  if not p:find('[1-9bf]', 2) then for c = 0, 255 do "
                       "    local s = string.char(c) "
                       "    out[#out + 1] = (pcall(string.find, s, p) and "
                       "      s:find(p) and 'y' or 'n') .. "
                       "      (s:find('[' .. p .. ']') and 'y' or 'n') "
                       "  end end end return table.concat(out)");
}

static void test_gsub(void **data)
{
    static const char *const lines[] = {
        "('hello world'):gsub('o', '0')",
        "('hello world'):gsub('o', '0', 1)",
        "('hello'):gsub('', '-')",
        "('hello'):gsub('', '-', 3)",
        "('hello'):gsub('l*', 'x')",
        "('hello'):gsub('^h', 'x'), ('hhh'):gsub('^h', 'x')",
        "('hello'):gsub('^', 'x')",
        "('hello'):gsub('$', 'x')",
        "('abc'):gsub('%w', '%0%0'), ('abc'):gsub('%w', '%1')",
        "('abc'):gsub('%w', '%2')",
        "('abc'):gsub('(%w)', '%2')",
        "('abc'):gsub('(%w)(%w)', '%2%1')",
        "('abc'):gsub('()', '%1')",
        "('abc'):gsub('b', '%%')",
        "('abc'):gsub('b', '%')",
        "('abc'):gsub('b', '%x')",
        "('abc'):gsub('z', '%x')",
        "('abc'):gsub('b', 'x%')",
        "('abc'):gsub('b', 5), ('abc'):gsub('b', 1.5)",
        "('abc'):gsub('b', '\\0%0\\0')",
        "('abc'):gsub('%w', {a = 1, b = true, c = false})",
        "('abc'):gsub('%w', {a = '<%0>', b = 2.5})",
        "('abc'):gsub('%w', {b = {}})",
        "('abc'):gsub('(%w)(%w)', {a = 'x', b = 'y'})",
        "('abc'):gsub('()%w', {'x', [3] = 'z'})",
        "('abc'):gsub('%w', setmetatable({}, {__index = function(t, k) "
        "return k .. k end}))",
        "('abc'):gsub('%w', function(c) return c:upper() end)",
        "('abc'):gsub('(%w)(%w)', function(a, b) return b .. a end)",
        "('abc'):gsub('%w', function() end)",
        "('abc'):gsub('%w', function() return false end)",
        "('abc'):gsub('%w', function() return true end)",
        "('abc'):gsub('%w', function() return {} end)",
        "('abc'):gsub('%w', function() error('no') end)",
        "('abc'):gsub('%w', function() error({}) end)",
        "('abc'):gsub('b')",
        "('abc'):gsub('b', true)",
        "('abc'):gsub('b', 'x', 'y')",
        "('abc'):gsub('b', 'x', -1), ('abc'):gsub('b', 'x', 0)",
        "('abc'):gsub('b', 'x', math.maxinteger)",
        "('abc'):gsub('(b', 'x')",
        "('abc'):gsub('%f[%w]%w+', string.upper)",
        "('abc def'):gsub('%w+', '%0 %0', 1)",
        "('x = 1'):gsub('%s*=%s*', '=')",
        "('abc'):gsub(('x?'):rep(300), '')",
        "('a'):rep(5000):gsub('a', 'bc')",
        "('ab'):rep(5000):gsub('b', function() return 'xyz' end)",
        "('a'):rep(5000):gsub('.', '%0%0%0')",
        NULL,
    };
    expect_same_all(*data, lines);
}

static void test_gmatch(void **data)
{
    static const char *const chunks[] = {
        "local t = {} for w in ('one two'):gmatch('%a+') do t[#t + 1] = w end"
        " return table.unpack(t)",
        "local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do "
        "t[#t + 1] = k .. v end return table.unpack(t)",
        "local t = {} for p in ('abc'):gmatch('()') do t[#t + 1] = p end "
        "return table.unpack(t)",
        "local t = {} for p in ('abc'):gmatch('b*') do t[#t + 1] = p end "
        "return table.unpack(t)",
        "local t = {} for p in ('^a^a'):gmatch('^a') do t[#t + 1] = p end "
        "return table.unpack(t)",
        "local f = ('ab'):gmatch('.') return f(), f(), f(), f(), f()",
        "local f = ('ab'):gmatch('a(') return pcall(f)",
        "return string.gmatch()",
        "return string.gmatch('x')",
        "return string.gmatch('x', {})",
        "local f = string.gmatch(121, 1) return f(), f(), f()",
        NULL,
    };
    for (const char *const *c = chunks; *c != NULL; c++)
        expect_same(*data, *c);
}

/* Stock Lua overflows the C stack here. */
static void test_gmatch_again_after_too_complex(void **data)
{
    expect_ok(*data, "local f = ('x'):rep(1000):gmatch(('x?'):rep(1000)) "
                     "for i = 1, 1000 do "
                     "  local ok, message = pcall(f) "
                     "  assert(not ok and message == 'pattern too complex') "
                     "end");
}

/* Long needles, which are looked for in another way, with periods or not. */
static void test_long_needles(void **data)
{
    expect_ok(
        *data,
        "local function check(s, n) "
        "  local a, b = s:find(n, 1, true) "
        "  if a then assert(b - a + 1 == #n and s:sub(a, b) == n) end "
        "  return a end "
        "for _, unit in ipairs{'a', 'ab', 'aab', 'abb', 'abcab', 'zyxz'} do "
        "  local n = unit:rep(70000 // #unit + 1) "
        "  assert(check(n, n) == 1 and not check(n, n .. 'a')) "
        "  assert(not check(n, 'q' .. n:sub(2)) and not check(n, n:sub(2) "
        "    .. 'q')) "
        "  for _, needle in ipairs{n .. 'q', 'q' .. n, n .. 'q' .. n, "
        "    n:sub(2) .. 'q' .. unit, n .. unit:reverse() .. 'q'} do "
        "    assert(check(n .. needle .. n, needle)) "
        "    assert(check(needle, needle) == 1) "
        "    assert(check('b' .. needle, needle) == 2) "
        "    assert(not check(n .. n .. needle:sub(1, -2), needle)) "
        "  end end");
}

/* Short ones take that way too where limits are shrunk. */
static void test_random_needles(void **data)
{
    expect_same(*data, "local seed, out = 1, {} local function random(n) "
                       "  seed = (seed * 1103515245 + 12345) % 2147483648 "
                       "  return seed // 65536 % n end "
                       "local function make(n) local t = {} for i = 1, n do "
                       "  t[i] = random(2) == 0 and 'a' or 'b' end "
                       "  return table.concat(t) end "
                       "for i = 1, 5000 do "
                       "  local n = make(1 + random(8)):rep(1 + random(3)) "
                       "  local s = make(random(30)) if random(2) == 0 then "
                       "    s = s .. n:sub(1 + random(3)) .. n end "
                       "  out[i] = tostring(s:find(n, 1, true)) end "
                       "return table.concat(out, ' ')");
}

static void test_plain_find(void **data)
{
    static const char *const chunks[] = {
        "local s = ('ab'):rep(400000) .. 'c' .. ('ab'):rep(10) "
        "return s:find('abc', 1, true), s:find('bcab', 5, true), "
        "s:find(('ab'):rep(1000) .. 'c', 1, true)",
        "local s = ('a'):rep(300000) "
        "return s:find(s, 1, true), s:find(s .. 'a', 1, true), "
        "s:find(s, 2, true)",
        "local s = ('x'):rep(262143) .. 'yz' .. ('x'):rep(262143) .. 'zy' "
        "return s:find('yz'), s:find('zy'), s:find('zyx')",
        "return ('a'):find('', 1, true), (''):find('', 1, true), "
        "(''):find('a', 1, true)",
        NULL,
    };
    for (const char *const *c = chunks; *c != NULL; c++)
        expect_same(*data, *c);
}

/* ---- random patterns ---------------------------------------------------- */

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

static const char *const pieces[] = {
    "a",    "b",    "c",     ".",     "%a",   "%d",     "%s",     "%W",
    "[ab]", "[^a]", "[a-c]", "[%d,]", "%b()", "%f[%w]", "%f[^b]", "%1",
    "%2",   "^",    "$",     ",",     "%(",   "%.",     "]",      "[]]",
};
static const char *const suffixes[] = {"", "", "", "*", "+", "-", "?"};

static const char *pick(unsigned *seed, const char *const *of, size_t count)
{
    return of[next_random(seed) % count];
}
#define PICK(seed, of) pick(seed, of, sizeof(of) / sizeof(of)[0])

/* Writes a pattern; often, not always, a valid one. */
static void make_pattern(unsigned *seed, char *out, size_t size)
{
    int open = 0;
    size_t used = 0;
    unsigned count = 1 + next_random(seed) % 6;
    out[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        const char *start = next_random(seed) % 5 == 0 ? "(" : "";
        open += *start != '\0';
        const char *end = open > 0 && next_random(seed) % 3 == 0 ? ")" : "";
        open -= *end != '\0';
        used += (size_t)snprintf(out + used, size - used, "%s%s%s%s", start,
                                 PICK(seed, pieces), PICK(seed, suffixes), end);
    }
    for (; open > 0 && next_random(seed) % 20 != 0; open--)
        used += (size_t)snprintf(out + used, size - used, ")");
}

static void make_subject(unsigned *seed, char *out)
{
    static const char letters[] = "aaabbc1,() .]";
    unsigned size = next_random(seed) % 16;
    for (unsigned i = 0; i < size; i++)
        *out++ = letters[next_random(seed) % (sizeof letters - 1)];
    *out = '\0';
}

static void test_random(void **data)
{
    static const char format[] =
        "local s, p, t = [==[%s]==], [==[%s]==], {} "
        "local function add(...) t[#t + 1] = table.concat({...}, ';') end "
        "local function both(...) add(tostring((...)), select(2, ...)) end "
        "both(pcall(string.find, s, p)) both(pcall(string.match, s, p, 2)) "
        "both(pcall(string.gsub, s, p, '<%%1>')) "
        "both(pcall(string.gsub, s, p, '[%%0]', 2)) "
        "both(pcall(function() local n = 0 for a, b in s:gmatch(p) do "
        "  add(a, b) n = n + 1 if n > 50 then break end end end)) "
        "return table.concat(t, '\\n')";
    unsigned seed = 20240607;
    for (int i = 0; i < 4000; i++) {
        char pattern[256], subject[32], source[2048];
        make_pattern(&seed, pattern, sizeof pattern);
        make_subject(&seed, subject);
        snprintf(source, sizeof source, format, subject, pattern);
        expect_same(*data, source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_gsub),
        cmocka_unit_test(test_gmatch),
        cmocka_unit_test(test_gmatch_again_after_too_complex),
        cmocka_unit_test(test_plain_find),
        cmocka_unit_test(test_long_needles),
        cmocka_unit_test(test_random_needles),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
