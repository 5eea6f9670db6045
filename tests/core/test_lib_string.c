/* The string library, pattern matching and format apart, against stock
 * Lua's. */
#include "lib_fixture.h"

static void test_simple_functions(void **data)
{
    static const char *const lines[] = {
        "('abc'):byte()",
        "('abc'):byte(2)",
        "('abc'):byte(1, -1)",
        "('abc'):byte(-2, 9)",
        "('abc'):byte(4)",
        "('\\0\\255'):byte(1, 2)",
        "string.byte()",
        "string.byte({})",
        "string.byte('x', 'y')",
        "string.char()",
        "string.char(97, 0, 255)",
        "string.char(256)",
        "string.char(-1)",
        "string.char('97')",
        "('abc'):len(), #'', ('a\\0b'):len()",
        "string.len(12)",
        "string.len()",
        "('aBc1\\0\\xE4'):lower(), ('aBc1\\0\\xE4'):upper()",
        "string.lower(), 1",
        "string.upper(nil)",
        "string.upper(12.5)",
        "('abc\\0d'):reverse(), (''):reverse()",
        "string.reverse(true)",
        "('hello'):sub(2, 3), ('hello'):sub(-3), ('hello'):sub(2)",
        "('hello'):sub(0), ('hello'):sub(9), ('hello'):sub(3, 2)",
        "('hello'):sub(math.mininteger, math.maxinteger)",
        "('hello'):sub(1.5)",
        "('hello'):sub('2', 3.0)",
        "string.dump == nil or string.dump ~= nil",
        NULL,
    };
    expect_same_all(*data, lines);
}

static void test_rep(void **data)
{
    static const char *const lines[] = {
        "('ab'):rep(3)",
        "('ab'):rep(3, ',')",
        "('ab'):rep(1, ',')",
        "('ab'):rep(0, ',')",
        "('ab'):rep(-1)",
        "(''):rep(5)",
        "(''):rep(5, ',')",
        "('a'):rep(5, '')",
        "('ab'):rep(math.maxinteger)",
        "('ab'):rep(math.maxinteger, 'x')",
        "('a'):rep(2^31)",
        "('ab'):rep(2^30)",
        "('a'):rep(1.5)",
        "('a'):rep('3')",
        "('a'):rep()",
        "string.rep()",
        "string.rep({}, 3)",
        "('ab'):rep(math.mininteger)",
        "('abc'):rep(30000, '--')",
        "('abcdefg'):rep(20001)",
        "('x'):rep(100000, ('yz'):rep(50)):byte(1, 300)",
        "#('abc'):rep(100000), ('abc'):rep(100000):sub(-5)",
        "(('abc'):rep(100000, 'xy'):gsub('abcxy', ''))",
        NULL,
    };
    expect_same_all(*data, lines);
    expect(*data, "return (''):rep(10^15), (''):rep(math.maxinteger, '')",
           "string 0 \nstring 0 \n");
}

static void test_pack(void **data)
{
    static const char *const lines[] = {
        "string.pack('b', 5), string.pack('<i4', -2), string.pack('>I3', 7)",
        "string.pack('b', 300)",
        "string.pack('i17', 1)",
        "string.pack('!4 b i4', 1, 2)",
        "string.pack('<!8 b Xi8 i8', 1, 2)",
        "string.pack('s1', 'hello')",
        "string.pack('s1', ('x'):rep(300))",
        "string.pack('z', 'hello')",
        "string.pack('z', 'he\\0llo')",
        "string.pack('c5', 'abc')",
        "string.pack('c5c2', 'abc', 'z')",
        "string.pack('c0', '')",
        "string.pack('c2', 'abc')",
        "string.pack('c', 'abc')",
        "string.pack('c5', 12)",
        "string.pack('c5', {})",
        "string.pack('c5')",
        "string.pack('b c4 x c3 Xi4 z', 1, 'a', 'b', 'c')",
        "string.pack('!4 Xc4 c4', 'a')",
        "string.pack('<d', 1.5), string.pack('>f', 0.1), string.pack('n', 1)",
        "string.pack('j', 1.5)",
        "string.pack('y', 1)",
        "string.pack('!17', 1)",
        "string.pack(1)",
        "string.pack()",
        "string.pack('=I2 h H l L T B', 1, 2, 3, 4, 5, 6, 7)",
        "string.packsize('<i4 b !8 d'), string.packsize('c100')",
        "string.packsize('s')",
        "string.packsize('z')",
        "string.packsize('c2147483647c2147483647')",
        "string.unpack('<i4', '\\1\\0\\0\\0')",
        "string.unpack('<i4', '\\1\\0\\0')",
        "string.unpack('z', 'abc\\0def')",
        "string.unpack('z', 'abc')",
        "string.unpack('s1', '\\3abcd')",
        "string.unpack('c3', 'abcd', 2)",
        "string.unpack('c3', 'abcd', -3)",
        "string.unpack('c3', 'abcd', 9)",
        "string.unpack('<i16', ('\\255'):rep(16))",
        "string.unpack('<i16', ('\\127'):rep(16))",
        "string.unpack('b b b', '\\1\\2\\3')",
        NULL,
    };
    expect_same_all(*data, lines);
}

static void test_pack_pads_long(void **data)
{
    expect(*data,
           "local s = string.pack('b c1000000', 1, 'xyz') "
           "return #s, s:sub(1, 5), (s:find('[^%z]', 5))",
           "number 1000001\nstring 5 \1xyz");
}

static void test_format_limit(void **data)
{
    expect(*data, "return string.pack((' '):rep(2^20 + 1))",
           "error string 51 test:1: bad argument #1 to 'pack' (format too "
           "long)\n");
}

static void test_metatable(void **data)
{
    expect_ok(*data, "assert(getmetatable('') == false)"
                     "assert(not pcall(setmetatable, '', {}))"
                     "assert(string.dump == nil)"
                     "assert(('x').rep == string.rep)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_functions),
        cmocka_unit_test(test_rep),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_pack_pads_long),
        cmocka_unit_test(test_format_limit),
        cmocka_unit_test(test_metatable),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
