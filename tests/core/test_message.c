/* Messages: items written come back, and no bytes harm the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonpool.h"

/* One item of each kind. */
static void write_all(mp_message *m)
{
    mp_error err;
    assert_int_equal(mp_message_count(m, MP_TAG_LIST, 9, &err), MP_OK);
    assert_int_equal(mp_message_tag(m, MP_TAG_NIL, &err), MP_OK);
    assert_int_equal(mp_message_tag(m, MP_TAG_FALSE, &err), MP_OK);
    assert_int_equal(mp_message_tag(m, MP_TAG_TRUE, &err), MP_OK);
    assert_int_equal(mp_message_int(m, INT64_MIN, &err), MP_OK);
    assert_int_equal(mp_message_float(m, -0.5, &err), MP_OK);
    assert_int_equal(mp_message_string(m, "a\0b", 3, &err), MP_OK);
    assert_int_equal(mp_message_string(m, NULL, 0, &err), MP_OK);
    assert_int_equal(mp_message_count(m, MP_TAG_DICT, 0, &err), MP_OK);
    assert_int_equal(mp_message_count(m, MP_TAG_ARRAY, 7, &err), MP_OK);
}

static mp_item next(mp_reader *reader, mp_tag tag)
{
    mp_item item;
    mp_error err;
    assert_int_equal(mp_message_next(reader, &item, &err), MP_OK);
    assert_int_equal(item.tag, tag);
    return item;
}

static void items_come_back(void **data)
{
    (void)data;
    mp_message m = {0};
    mp_item item;
    mp_error err;
    write_all(&m);
    mp_reader r = {m.data, m.data + m.size};
    assert_int_equal(next(&r, MP_TAG_LIST).as.count, 9);
    next(&r, MP_TAG_NIL);
    next(&r, MP_TAG_FALSE);
    next(&r, MP_TAG_TRUE);
    assert_true(next(&r, MP_TAG_INT).as.i == INT64_MIN);
    assert_true(next(&r, MP_TAG_FLOAT).as.f == -0.5);
    item = next(&r, MP_TAG_STRING);
    assert_int_equal(item.as.s.size, 3);
    assert_memory_equal(item.as.s.data, "a\0b", 3);
    assert_int_equal(next(&r, MP_TAG_STRING).as.s.size, 0);
    assert_int_equal(next(&r, MP_TAG_DICT).as.count, 0);
    assert_int_equal(next(&r, MP_TAG_ARRAY).as.count, 7);
    assert_int_equal(mp_message_next(&r, &item, &err), MP_VALUE);
    mp_message_destroy(&m);
    assert_null(m.data);
    mp_message_destroy(&m);
}

static void an_empty_message_has_no_item(void **data)
{
    (void)data;
    mp_reader r = {NULL, NULL};
    mp_item item;
    mp_error err;
    assert_int_equal(mp_message_next(&r, &item, &err), MP_VALUE);
    assert_non_null(strstr(err.message, "cut off"));
}

/* A block of its own for each length, so that ASan sees one byte too many. */
static void a_cut_is_an_error(void **data)
{
    (void)data;
    mp_message m = {0};
    write_all(&m);
    for (size_t size = 0; size < m.size; size++) {
        char *part = malloc(size + 1);
        assert_non_null(part);
        memcpy(part, m.data, size);
        mp_reader r = {part, part + size};
        mp_item item;
        mp_error err;
        int items = 0;
        while (mp_message_next(&r, &item, &err) == MP_OK)
            items++;
        assert_int_equal(err.status, MP_VALUE);
        assert_true(items < 10);
        free(part);
    }
    mp_message_destroy(&m);
}

static void random_bytes_are_survived(void **data)
{
    (void)data;
    uint64_t seed = 7;
    for (int round = 0; round < 5000; round++) {
        size_t size = (size_t)(round % 40);
        char *bytes = malloc(size + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            /* Mostly small numbers: tags and sizes that look right. */
            uint64_t mask = (seed >> 60) < 12 ? 15 : 255;
            bytes[i] = (char)((seed >> 40) & mask);
        }
        mp_reader r = {bytes, bytes + size};
        mp_item item;
        mp_error err;
        while (mp_message_next(&r, &item, &err) == MP_OK) {
            assert_true(r.at <= r.end);
            if (item.tag == MP_TAG_STRING)
                assert_true(item.as.s.data + item.as.s.size <= r.end);
        }
        free(bytes);
    }
}

static void a_huge_size_is_an_error(void **data)
{
    (void)data;
    mp_message m = {0};
    mp_error err;
    mp_item item;
    assert_int_equal(mp_message_count(&m, MP_TAG_STRING, UINT64_MAX, &err),
                     MP_OK);
    mp_reader r = {m.data, m.data + m.size};
    assert_int_equal(mp_message_next(&r, &item, &err), MP_VALUE);
    mp_message_destroy(&m);
}

static void a_message_grows(void **data)
{
    (void)data;
    mp_message m = {0};
    mp_error err;
    for (int64_t i = 0; i < 10000; i++)
        assert_int_equal(mp_message_int(&m, i, &err), MP_OK);
    mp_reader r = {m.data, m.data + m.size};
    for (int64_t i = 0; i < 10000; i++)
        assert_int_equal(next(&r, MP_TAG_INT).as.i, i);
    assert_ptr_equal(r.at, r.end);
    assert_int_equal(mp_message_string(&m, NULL, SIZE_MAX / 2, &err),
                     MP_NO_MEMORY);
    assert_int_equal(mp_message_string(&m, NULL, SIZE_MAX - 16, &err),
                     MP_NO_MEMORY);
    mp_message_destroy(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_back),
        cmocka_unit_test(an_empty_message_has_no_item),
        cmocka_unit_test(a_cut_is_an_error),
        cmocka_unit_test(random_bytes_are_survived),
        cmocka_unit_test(a_huge_size_is_an_error),
        cmocka_unit_test(a_message_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
