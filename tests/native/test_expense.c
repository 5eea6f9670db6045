/* What compiling costs: lines of text, and what becomes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "native/expense.h"

typedef struct asked {
    const char *ir;
    mp_spec spec;
    size_t cost;
} asked;

static void ask(mp_unit *unit, void *ud)
{
    asked *a = ud;
    a->cost = mp__expense_of(unit, a->ir, strlen(a->ir), &a->spec);
}

static size_t cost_for(const char *ir, mp_isa isa, int lanes)
{
    asked a = {.ir = ir, .spec = {.isa = isa, .lanes = lanes}};
    mp_unit unit;
    mp__unit_init(&unit, (size_t)1 << 20);
    assert_int_equal(mp__unit_run(&unit, ask, &a), MP_OK);
    mp__unit_destroy(&unit);
    return a.cost;
}

static size_t cost_of(const char *ir)
{
    return cost_for(ir, MP_ISA_AVX2, 8);
}

static void lines_are_instructions(void **data)
{
    (void)data;
    assert_int_equal(cost_of(""), 0);
    assert_int_equal(cost_of("declare double @sin(double)\n"), 0);
    assert_int_equal(cost_of("define i32 @kernel(ptr %p) nounwind {\n"
                             "entry:\n"
                             "  %a = fadd double %b, %c\n"
                             "  ret i32 0\n"
                             "}\n"),
                     2);
    /* A text that ends in the midst. */
    assert_int_equal(cost_of("define i32 @kernel(ptr %p) {\n  ret i32 0"), 0);
    assert_int_equal(cost_of("define"), 0);
}

static const char helper[] =
    "define i32 @kernel(ptr %%p) {\n"
    "  %%a = call double @mp.f.v(double %%b)\n"
    "  %%c = call double @mp.f.v(double %%a)\n"
    "  ret i32 0\n"
    "}\n"
    "define internal double @mp.f.v(double %%x) %s nounwind {\n"
    "  %%y = fadd double %%x, %%x\n"
    "  %%z = call double @mp.g.v(double %%y)\n"
    "  ret double %%z\n"
    "}\n"
    "define internal double @mp.g.v(double %%x) alwaysinline {\n"
    "  %%1 = fmul double %%x, %%x\n"
    "  %%2 = fmul double %%1, %%x\n"
    "  ret double %%2\n"
    "}\n";

static void what_is_inlined_is_copied(void **data)
{
    (void)data;
    char text[1000];
    snprintf(text, sizeof text, helper, "alwaysinline");
    assert_int_equal(cost_of(text), 2 * (1 + 3 + 1) + 1);
    snprintf(text, sizeof text, helper, "noinline");
    assert_int_equal(cost_of(text), 2 + 2 + 1 + (1 + 3 + 1));
}

static void what_vectors_lack_is_dear(void **data)
{
    (void)data;
    static const char ir[] = "define i32 @kernel(ptr %p) {\n"
                             "  %a = mul <8 x i64> %b, %c\n"
                             "}\n";
    static const char scalar[] = "define i32 @kernel(ptr %p) {\n"
                                 "  %a = mul i64 %b, %c\n"
                                 "}\n";
    assert_int_equal(cost_of(scalar), 1);
    assert_true(cost_of(ir) > 5);
    assert_true(cost_for(ir, MP_ISA_AVX512, 16) < 5);
    assert_int_equal(cost_for(ir, MP_ISA_AVX2, 32), 4 * cost_of(ir));
    assert_true(cost_for(ir, MP_ISA_SSE2, 4) > cost_of(ir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_instructions),
        cmocka_unit_test(what_is_inlined_is_copied),
        cmocka_unit_test(what_vectors_lack_is_dear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
