/* The library functions that the native tier knows: each is one that a
 * kernel can call, and with so many arguments. */
#include <stdio.h>

#include "../core/fixture.h"
#include "native/builtin.h"

static void names_lead_back(void **data)
{
    (void)data;
    for (int i = 0; i < MP_NBUILTINS; i++) {
        const char *name = mp__builtin_name((mp_builtin)i);
        assert_int_equal(mp__builtin_find(name), i);
        assert_in_range(mp__builtin_least((mp_builtin)i), 1, 3);
        assert_true(mp__builtin_most((mp_builtin)i) >=
                    mp__builtin_least((mp_builtin)i));
    }
    assert_int_equal(mp__builtin_find("math.sin"), MP_BUILTIN_MATH_SIN);
    assert_int_equal(mp__builtin_find("math.si"), MP_NBUILTINS);
    assert_int_equal(mp__builtin_find(""), MP_NBUILTINS);
    assert_int_equal(mp__builtin_find("math.random"), MP_NBUILTINS);
}

/* Calls each with the least number of ones. */
static void kernels_have_them(void **data)
{
    core_fixture *f = *data;
    static const char *const ones[] = {"", "1", "1, 1", "1, 1, 1"};
    for (int i = 0; i < MP_NBUILTINS; i++) {
        char source[128];
        /* A part of what another one gives has no name in Lua. */
        if (strchr(mp__builtin_name((mp_builtin)i), '#') != NULL)
            continue;
        snprintf(source, sizeof source, "function() %s(%s) return 1 end",
                 mp__builtin_name((mp_builtin)i),
                 ones[mp__builtin_least((mp_builtin)i)]);
        core_expect(f, source, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_back),
        cmocka_unit_test_setup_teardown(kernels_have_them, core_setup,
                                        core_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
