/* Text in buffers of a fixed size: the cut never splits a character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"

/* Characters of 1, 2, 3 and 4 bytes. */
static const char mixed[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\x99z";

/* How many bytes of `text` make whole characters. */
static size_t whole(const char *text, size_t size)
{
    size_t end = 0;
    while (end < size) {
        unsigned char c = (unsigned char)text[end];
        size_t length = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if (end + length > size)
            break;
        end += length;
    }
    return end;
}

static void format(char *to, size_t capacity, const char *pattern, ...)
{
    va_list args;
    va_start(args, pattern);
    mp_text_format(to, capacity, pattern, args);
    va_end(args);
}

static void copy_keeps_what_fits(void **data)
{
    (void)data;
    char to[32];
    mp_text_copy(to, sizeof to, mixed, sizeof mixed - 1);
    assert_string_equal(to, mixed);
    mp_text_copy(to, sizeof mixed, mixed, sizeof mixed - 1);
    assert_string_equal(to, mixed);
    mp_text_copy(to, sizeof to, "", 0);
    assert_string_equal(to, "");
}

static void copy_cuts_between_characters(void **data)
{
    (void)data;
    for (size_t capacity = 1; capacity < sizeof mixed; capacity++) {
        char to[32];
        memset(to, '#', sizeof to);
        mp_text_copy(to, capacity, mixed, sizeof mixed - 1);
        size_t wanted = whole(mixed, capacity - 1);
        assert_int_equal(strlen(to), wanted);
        assert_memory_equal(to, mixed, wanted);
        assert_int_equal(to[capacity], '#');
    }
}

static void copy_takes_any_bytes(void **data)
{
    (void)data;
    char bytes[64], to[64];
    for (int fill = 0; fill < 256; fill++) {
        memset(bytes, fill, sizeof bytes);
        for (size_t capacity = 1; capacity <= sizeof to; capacity++) {
            mp_text_copy(to, capacity, bytes, sizeof bytes);
            size_t size = capacity - 1;
            while (size > 0 && to[size] != '\0')
                size--;
            assert_int_equal(to[size], 0);
            assert_true(capacity - 1 - size < 4);
        }
    }
    mp_text_copy(to, sizeof to, "a\0b", 3);
    assert_memory_equal(to, "a\0b", 4);
}

static void format_cuts_between_characters(void **data)
{
    (void)data;
    char to[32];
    format(to, sizeof to, "%s %d", mixed, 7);
    assert_string_equal(to, "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\x99z 7");
    for (size_t capacity = 1; capacity < sizeof mixed; capacity++) {
        memset(to, '#', sizeof to);
        format(to, capacity, "%s", mixed);
        size_t size = strlen(to);
        assert_true(size < capacity);
        assert_int_equal(whole(to, size), size);
        assert_memory_equal(to, mixed, size);
        assert_int_equal(to[capacity], '#');
    }
}

static void format_keeps_ascii_to_the_last_byte(void **data)
{
    (void)data;
    char to[6];
    format(to, sizeof to, "%s", "abcdefgh");
    assert_string_equal(to, "abcde");
    format(to, sizeof to, "%s", "abcde");
    assert_string_equal(to, "abcde");
    format(to, 1, "%s", "abcde");
    assert_string_equal(to, "");
}

static void format_takes_any_bytes(void **data)
{
    (void)data;
    char to[8];
    for (int fill = 1; fill < 256; fill++) {
        char bytes[16] = {0};
        memset(bytes, fill, sizeof bytes - 1);
        format(to, sizeof to, "%s", bytes);
        assert_true(strlen(to) < sizeof to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_keeps_what_fits),
        cmocka_unit_test(copy_cuts_between_characters),
        cmocka_unit_test(copy_takes_any_bytes),
        cmocka_unit_test(format_cuts_between_characters),
        cmocka_unit_test(format_keeps_ascii_to_the_last_byte),
        cmocka_unit_test(format_takes_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
