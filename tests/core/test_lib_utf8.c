/* The utf8 library against stock Lua's. */
#include "lib_fixture.h"

static void test_same_as_stock(void **data)
{
    static const char *const lines[] = {
        "utf8.char(72, 228, 8364, 128512), utf8.char(), utf8.charpattern",
        "utf8.char(-1)",
        "utf8.codepoint('h\\u{E4}', 1, -1)",
        "utf8.codepoint('\\x80')",
        "utf8.len('h\\u{E4}\\u{20AC}\\u{1F600}'), utf8.len('')",
        "utf8.len('abc', 4), utf8.len('abc', 2), utf8.len('abc', -2, -2)",
        "utf8.len('abc', 5)",
        "utf8.len('abc', 0)",
        "utf8.len('abc', 1, 4)",
        "utf8.len('abc', 3, 1), utf8.len('abc', 1, -9)",
        "utf8.len('ab\\x80'), utf8.len('\\xC3'), utf8.len('\\xC0\\x80')",
        "utf8.len('\\xED\\xA0\\x80'), utf8.len('\\xF4\\x90\\x80\\x80')",
        "utf8.len('\\xF8\\x88\\x80\\x80\\x80'), utf8.len('\\xFF')",
        "utf8.len('\\xE0\\x80\\x80'), utf8.len('\\xF0\\x80\\x80\\x80')",
        "utf8.len('\\u{E4}\\u{E4}', 2)",
        "utf8.len()",
        "utf8.len({})",
        "utf8.len('x', 'y')",
        "utf8.offset('a\\u{E4}b', 1), utf8.offset('a\\u{E4}b', 2)",
        "utf8.offset('a\\u{E4}b', 3), utf8.offset('a\\u{E4}b', 4)",
        "utf8.offset('a\\u{E4}b', 5), utf8.offset('a\\u{E4}b', -1)",
        "utf8.offset('a\\u{E4}b', -3), utf8.offset('a\\u{E4}b', -4)",
        "utf8.offset('a\\u{E4}b', 0, 3), utf8.offset('a\\u{E4}b', 0, 1)",
        "utf8.offset('a\\u{E4}b', 0), utf8.offset('a\\u{E4}b', 0, 5)",
        "utf8.offset('a\\u{E4}b', 1, 3)",
        "utf8.offset('a\\u{E4}b', -1, 3)",
        "utf8.offset('abc', 1, 5)",
        "utf8.offset('abc', 1, 4), utf8.offset('abc', 1, -4)",
        "utf8.offset('abc', 1, -3), utf8.offset('abc', 2, -1)",
        "utf8.offset('', 1), utf8.offset('', 0), utf8.offset('', -1)",
        "utf8.offset('\\x80\\x80', 0, 2)",
        "utf8.offset('abc', math.maxinteger)",
        "utf8.offset('abc', math.mininteger)",
        "utf8.offset()",
        "utf8.offset('x')",
        "utf8.codes()",
        "utf8.codes({})",
        "utf8.codes('')('', 0)",
        "utf8.codes('')('ab', 0), (utf8.codes('')('ab', 1))",
        "utf8.codes('')('ab', 2)",
        "utf8.codes('')('ab', 3)",
        "utf8.codes('')('ab', math.maxinteger)",
        "utf8.codes('')('ab', -5)",
        "utf8.codes('')('a\\x80', 0)",
        "utf8.codes('')('\\x80', 0)",
        "utf8.codes('')('ab')",
        "utf8.codes('')()",
        NULL,
    };
    expect_same_all(*data, lines);
}

static void test_codes(void **data)
{
    static const char *const chunks[] = {
        "local t = {} for p, c in utf8.codes('h\\u{E4}\\u{20AC}x') do "
        "t[#t + 1] = p .. ':' .. c end return table.concat(t, ' ')",
        "local t = {} local ok, m = pcall(function() "
        "  for p, c in utf8.codes('ab\\xFFcd') do t[#t + 1] = p end end) "
        "return ok, m, #t",
        NULL,
    };
    for (const char *const *c = chunks; *c != NULL; c++)
        expect_same(*data, *c);
}

/* All strings of up to three bytes out of those where something changes. */
static void test_all_short_strings(void **data)
{
    expect_same(
        *data,
        "local bytes = {0, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, "
        "  0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xF7, "
        "  0xF8, 0xFF} "
        "local out = {} "
        "local function try(s) "
        "  local n, at = utf8.len(s) out[#out + 1] = tostring(n) .. "
        "    tostring(at) .. tostring(utf8.offset(s, -1)) .. "
        "    tostring(select(2, pcall(utf8.offset, s, 2))) .. "
        "    tostring(select(2, pcall(utf8.codes(s), s, 0))) end "
        "for _, a in ipairs(bytes) do try(string.char(a)) "
        "  for _, b in ipairs(bytes) do try(string.char(a, b)) "
        "    for _, c in ipairs(bytes) do "
        "      try(string.char(a, b, c)) "
        "      try(string.char(a, b, c, 0x80)) end end end "
        "return table.concat(out, ' ')");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_stock),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_all_short_strings),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
