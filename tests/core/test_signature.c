/* Generalized-ufunc signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/signature.h"

static mp_signature *parse(const char *text)
{
    mp_error err;
    mp_signature *s = NULL;
    mp_status status = mp_signature_parse(text, &s, &err);
    if (status != MP_OK)
        fail_msg("\"%s\": %s", text, err.message);
    return s;
}

static void refuse(const char *text, const char *why)
{
    mp_error err;
    mp_signature *s = (mp_signature *)&err;
    if (mp_signature_parse(text, &s, &err) != MP_VALUE)
        fail_msg("\"%s\" was taken", text);
    assert_ptr_equal(s, &err);
    if (strstr(err.message, why) == NULL)
        fail_msg("\"%s\": %s", text, err.message);
}

static void operands_and_names(void **data)
{
    (void)data;
    mp_signature *s = parse("(m,n),(n)->(m)");
    assert_int_equal(s->nin, 2);
    assert_int_equal(s->nout, 1);
    assert_int_equal(s->nnames, 2);
    assert_string_equal(s->names[0], "m");
    assert_string_equal(s->names[1], "n");
    assert_int_equal(s->operand[0].ndim, 2);
    assert_int_equal(s->operand[0].dim[0].name, 0);
    assert_int_equal(s->operand[0].dim[1].name, 1);
    assert_int_equal(s->operand[1].ndim, 1);
    assert_int_equal(s->operand[1].dim[0].name, 1);
    assert_int_equal(s->operand[2].dim[0].name, 0);
    free(s);
}

static void scalars_and_no_inputs(void **data)
{
    (void)data;
    mp_signature *s = parse("(),(n)->(),()");
    assert_int_equal(s->nin, 2);
    assert_int_equal(s->nout, 2);
    assert_int_equal(s->operand[0].ndim, 0);
    assert_int_equal(s->operand[3].ndim, 0);
    free(s);
    s = parse("->(n)");
    assert_int_equal(s->nin, 0);
    assert_int_equal(s->nout, 1);
    free(s);
}

static void fixed_sizes(void **data)
{
    (void)data;
    mp_signature *s = parse("(3),(n,2)->(3)");
    assert_int_equal(s->nnames, 1);
    assert_int_equal(s->operand[0].dim[0].name, -1);
    assert_int_equal(s->operand[0].dim[0].fixed, 3);
    assert_int_equal(s->operand[1].dim[1].fixed, 2);
    free(s);
}

static void space_is_free(void **data)
{
    (void)data;
    mp_signature *s = parse(" ( m , n2 ) ,\t( n2 )\n->( m ) ");
    assert_int_equal(s->nin, 2);
    assert_string_equal(s->names[1], "n2");
    free(s);
}

static void names_that_begin_alike_differ(void **data)
{
    (void)data;
    mp_signature *s = parse("(ab),(a),(abc),(_1)->(ab)");
    assert_int_equal(s->nnames, 4);
    assert_int_equal(s->operand[0].dim[0].name, s->operand[4].dim[0].name);
    free(s);
}

static void what_is_wrong_is_said(void **data)
{
    (void)data;
    refuse("", "no '->' at position 1");
    refuse("(n)", "no '->' at position 4");
    refuse("(n)-", "no '->'");
    refuse("(n)-(n)", "no '->'");
    refuse("(n)>(n)", "no '->' at position 4");
    refuse("(n)->", "no output");
    refuse("(n->(n)", "no ')' at position 3");
    refuse("(n)->(n", "no ')'");
    refuse("(n,)->(n)", "no dimension name");
    refuse("(,n)->(n)", "no dimension name");
    refuse("(-1)->()", "no dimension name");
    refuse("(n),->(n)", "no '('");
    refuse("(n)->(n),", "no '('");
    refuse("(n)->(n)x", "something unexpected at position 9");
    refuse("(n)->(n)->(n)", "something unexpected");
    refuse("n->n", "no '->' at position 1");
    refuse("(n?)->(n)", "optional or broadcast");
    refuse("(n|1)->(n)", "optional or broadcast");
    refuse("(n m)->(n)", "no ')'");
}

static void limits_are_said(void **data)
{
    (void)data;
    refuse("(aaaaaaaaaaaaaaaa)->()", "more than 15 characters");
    refuse("(99999999999999999999)->()", "too large");
    free(parse("(aaaaaaaaaaaaaaa,9007199254740992)->()"));
    char text[1024] = "";
    for (int i = 0; i < 33; i++) {
        char dim[8];
        snprintf(dim, sizeof dim, "%sn%d", i == 0 ? "(" : ",", i);
        strcat(text, dim);
    }
    strcat(text, ")->()");
    refuse(text, "more than 32 names");
    strcpy(text, "(n");
    for (int i = 0; i < 64; i++)
        strcat(text, ",n");
    strcat(text, ")->()");
    refuse(text, "more than 64 dimensions");
}

static void operands_are_limited(void **data)
{
    (void)data;
    char text[1024] = "()";
    for (int i = 0; i < 62; i++)
        strcat(text, ",()");
    size_t size = strlen(text);
    strcat(text, "->()");
    mp_signature *s = parse(text);
    assert_int_equal(s->nin, 63);
    free(s);
    strcpy(text + size, ",()->()");
    refuse(text, "more than 64 operands");
    strcpy(text + size, ",(),()->()");
    refuse(text, "more than 64 operands");
}

/* Whatever the bytes, parsing ends, and either way is clean. */
static void random_text_is_survived(void **data)
{
    (void)data;
    static const char alphabet[] = "(),->nm1 ?|";
    uint64_t seed = 42;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t size = 0;
        do {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            text[size++] = alphabet[(seed >> 33) % (sizeof alphabet)];
        } while (size < sizeof text - 1 && text[size - 1] != '\0');
        text[size] = '\0';
        mp_signature *s = NULL;
        mp_error err;
        if (mp_signature_parse(text, &s, &err) == MP_OK)
            assert_true(s->nout > 0);
        else
            assert_null(s);
        free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_and_names),
        cmocka_unit_test(scalars_and_no_inputs),
        cmocka_unit_test(fixed_sizes),
        cmocka_unit_test(space_is_free),
        cmocka_unit_test(names_that_begin_alike_differ),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(limits_are_said),
        cmocka_unit_test(operands_are_limited),
        cmocka_unit_test(random_text_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
