/* The error record, and the table of status codes behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "moonpool.h"

static const mp_status all[] = {
#define STATUS(name, text, exception) MP_##name,
    MP_STATUS_TABLE(STATUS)
#undef STATUS
};
#define COUNT (sizeof all / sizeof *all)

static void setting_fills_every_field(void **data)
{
    (void)data;
    mp_error err;
    memset(&err, '#', sizeof err);
    assert_int_equal(mp_error_set(&err, MP_VALUE, "%d of %s", 3, "five"),
                     MP_VALUE);
    assert_int_equal(err.status, MP_VALUE);
    assert_int_equal(err.line, 0);
    assert_int_equal(err.index, -1);
    assert_string_equal(err.kernel, "");
    assert_string_equal(err.message, "3 of five");
    assert_string_equal(err.traceback, "");
}

static void a_record_is_optional(void **data)
{
    (void)data;
    assert_int_equal(mp_error_set(NULL, MP_TIMEOUT, "%s", "unseen"),
                     MP_TIMEOUT);
}

static void a_long_message_is_cut(void **data)
{
    (void)data;
    mp_error err;
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    mp_error_set(&err, MP_LUA, "%s", text);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.traceback, "");
}

static void every_status_has_a_text_of_its_own(void **data)
{
    (void)data;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(all[i], i);
        assert_non_null(mp_status_text(all[i]));
        assert_true(strlen(mp_status_text(all[i])) > 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(mp_status_text(all[i]),
                                    mp_status_text(all[k]));
    }
}

static void every_failure_has_an_exception(void **data)
{
    (void)data;
    assert_null(mp_status_exception(MP_OK));
    for (size_t i = 1; i < COUNT; i++)
        assert_true(strlen(mp_status_exception(all[i])) > 0);
    assert_string_equal(mp_status_exception(MP_LUA), "LuaError");
    assert_string_equal(mp_status_exception(MP_TIMEOUT), "KernelTimeout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_fills_every_field),
        cmocka_unit_test(a_record_is_optional),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(every_status_has_a_text_of_its_own),
        cmocka_unit_test(every_failure_has_an_exception),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
