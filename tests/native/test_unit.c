/* A compilation's memory, its limit, and the way out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "native/unit.h"

static void fill(mp_unit *unit, void *ud)
{
    static const size_t sizes[] = {0, 1, 7, 16, 100, 5000, 100000, 2000000};
    (void)ud;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int times = 0; times < 20; times++) {
            char *memory = mp__unit_alloc(unit, sizes[i]);
            assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
            for (size_t at = 0; at < sizes[i]; at++)
                assert_int_equal(memory[at], 0);
            memset(memory, 0xA5, sizes[i]);
        }
    }
}

static void memory_is_zeroed_and_aligned(void **data)
{
    (void)data;
    mp_unit unit;
    mp__unit_init(&unit, (size_t)64 << 20);
    assert_int_equal(mp__unit_run(&unit, fill, NULL), MP_OK);
    assert_true(unit.used >= 20u * 2105124);
    mp__unit_destroy(&unit);
    assert_int_equal(unit.used, 0);
    assert_null(unit.chunks);
}

/* Notes how far it came. */
static void eat(mp_unit *unit, void *ud)
{
    for (;;) {
        mp__unit_alloc(unit, 1000);
        ++*(int *)ud;
    }
}

static void a_limit_is_a_refusal(void **data)
{
    (void)data;
    mp_unit unit;
    int eaten = 0;
    mp__unit_init(&unit, 100 * 1024);
    assert_int_equal(mp__unit_run(&unit, eat, &eaten), MP_VALUE);
    assert_in_range(eaten, 95, 102);
    assert_string_equal(unit.refusal.what,
                        "the kernel takes more than 100 KiB to compile");
    assert_int_equal(unit.refusal.line, 0);
    mp__unit_destroy(&unit);
}

static void ask(mp_unit *unit, void *ud)
{
    mp__unit_alloc(unit, *(size_t *)ud);
}

static void copy_absurdly(mp_unit *unit, void *ud)
{
    mp__unit_copy(unit, "", *(size_t *)ud);
}

static void grow_absurdly(mp_unit *unit, void *ud)
{
    char byte = 0;
    mp__unit_grow(unit, &byte, (SIZE_MAX >> 1) + 1, *(size_t *)ud);
}

static void absurd_sizes_are_refused(void **data)
{
    (void)data;
    mp_unit unit;
    size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        mp__unit_init(&unit, SIZE_MAX);
        assert_int_equal(mp__unit_run(&unit, ask, &sizes[i]), MP_VALUE);
        assert_int_equal(mp__unit_run(&unit, copy_absurdly, &sizes[i]),
                         MP_VALUE);
        assert_int_equal(mp__unit_run(&unit, grow_absurdly, &sizes[i]),
                         MP_VALUE);
        mp__unit_destroy(&unit);
    }
}

static void a_process_without_memory_is_no_refusal(void **data)
{
    (void)data;
    mp_unit unit;
    size_t size = SIZE_MAX / 8;
    mp__unit_init(&unit, SIZE_MAX);
    assert_int_equal(mp__unit_run(&unit, ask, &size), MP_NO_MEMORY);
    mp__unit_destroy(&unit);
}

static void refuse(mp_unit *unit, void *ud)
{
    mp__unit_refuse(unit, 7, ud, "no %s, %d times", "good", 3);
}

static void a_refusal_has_line_text_and_hint(void **data)
{
    (void)data;
    mp_unit unit;
    char hint[] = "try harder";
    mp__unit_init(&unit, 1000);
    assert_int_equal(mp__unit_run(&unit, refuse, hint), MP_VALUE);
    assert_int_equal(unit.refusal.line, 7);
    assert_string_equal(unit.refusal.what, "no good, 3 times");
    assert_string_equal(unit.refusal.hint, "try harder");
    assert_int_equal(mp__unit_run(&unit, refuse, NULL), MP_VALUE);
    assert_string_equal(unit.refusal.hint, "");
    mp__unit_destroy(&unit);
}

static void refuse_at_length(mp_unit *unit, void *ud)
{
    mp__unit_refuse(unit, 0, ud, "%s", (const char *)ud);
}

static void long_text_is_cut(void **data)
{
    (void)data;
    mp_unit unit;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    mp__unit_init(&unit, 1000);
    assert_int_equal(mp__unit_run(&unit, refuse_at_length, text), MP_VALUE);
    assert_int_equal(strlen(unit.refusal.what), sizeof unit.refusal.what - 1);
    assert_int_equal(strlen(unit.refusal.hint), sizeof unit.refusal.hint - 1);
    mp__unit_destroy(&unit);
}

static void push_nothing(mp_unit *unit, void *ud)
{
    (void)unit;
    (void)ud;
}

/* Tidies up after what it calls, and goes on leaving where `ud` says so. */
static void nest(mp_unit *unit, void *ud)
{
    char hint[] = "inside";
    assert_int_equal(mp__unit_run(unit, refuse, hint), MP_VALUE);
    if (*(bool *)ud)
        mp__unit_leave(unit);
    assert_int_equal(mp__unit_run(unit, push_nothing, NULL), MP_OK);
    if (unit->used == 0)
        mp__unit_starve(unit);
}

static void runs_may_nest(void **data)
{
    (void)data;
    mp_unit unit;
    bool leaving = true;
    mp__unit_init(&unit, 1000);
    assert_int_equal(mp__unit_run(&unit, nest, &leaving), MP_VALUE);
    assert_string_equal(unit.refusal.hint, "inside");
    leaving = false;
    assert_int_equal(mp__unit_run(&unit, nest, &leaving), MP_NO_MEMORY);
    unit.used = 1;
    assert_int_equal(mp__unit_run(&unit, nest, &leaving), MP_OK);
    mp__unit_destroy(&unit);
}

static void push_many(mp_unit *unit, void *ud)
{
    (void)ud;
    int count = 0, *array = NULL;
    for (int i = 0; i < 1000; i++)
        MP_UNIT_PUSH(unit, array, count, i * i);
    assert_int_equal(count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(array[i], i * i);
    const char *copy = mp__unit_copy(unit, "a\0bc", 3);
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(mp__unit_copy(unit, NULL, 0), "");
}

static void arrays_grow(void **data)
{
    (void)data;
    mp_unit unit;
    mp__unit_init(&unit, 100000);
    assert_int_equal(mp__unit_run(&unit, push_many, NULL), MP_OK);
    mp__unit_destroy(&unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(a_limit_is_a_refusal),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(a_process_without_memory_is_no_refusal),
        cmocka_unit_test(a_refusal_has_line_text_and_hint),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(runs_may_nest),
        cmocka_unit_test(arrays_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
