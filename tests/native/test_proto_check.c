/* Code that Lua's compiler cannot have made is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "native/constant.h"
#include "native/opcode.h"
#include "native/proto_check.h"

#define ABC(op, a, b, c)                                                       \
    ((uint32_t)MP_OPCODE_##op | (uint32_t)(a) << 6 | (uint32_t)(c) << 14 |     \
     (uint32_t)(b) << 23)
#define ABX(op, a, bx)                                                         \
    ((uint32_t)MP_OPCODE_##op | (uint32_t)(a) << 6 | (uint32_t)(bx) << 14)
#define ASBX(op, a, sbx) ABX(op, a, (sbx) + 0x1FFFF)
#define AX(op, ax) ((uint32_t)MP_OPCODE_##op | (uint32_t)(ax) << 6)
#define K(index) (0x100 | (index))
#define END ABC(RETURN, 0, 1, 0)

/* Checks code of a function that has 5 registers, 2 parameters, 3 constants,
 * 2 upvalues and a function inside, whose upvalues are register 4 and upvalue
 * 1. */
static void check(mp_unit *unit, void *ud)
{
    mp_constant constants[3] = {{.kind = MP_CONST_NIL}};
    mp_upvalue upvalues[2] = {{true, 0, ""}, {true, 1, ""}};
    mp_upvalue captures[2] = {{true, 4, ""}, {false, 1, ""}};
    mp_proto inside = {.nupvalues = 2, .upvalues = captures};
    mp_proto *protos[] = {&inside};
    uint32_t *code = ud;
    mp_proto proto = {.line = 1,
                      .nparams = 2,
                      .nregisters = 5,
                      .code = code,
                      .nconstants = 3,
                      .constants = constants,
                      .nupvalues = 2,
                      .upvalues = upvalues,
                      .nprotos = 1,
                      .protos = protos};
    while (code[proto.ncode] != UINT32_MAX)
        proto.ncode++;
    mp__proto_check(unit, &proto);
}

typedef struct code_case {
    const char *text; /* of the refusal, NULL where there is none */
    uint32_t code[6]; /* up to UINT32_MAX */
} code_case;

#define CASE(text, ...)                                                        \
    {                                                                          \
        text,                                                                  \
        {                                                                      \
            __VA_ARGS__, UINT32_MAX                                            \
        }                                                                      \
    }

static void run(const code_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mp_unit unit;
        code_case c = cases[i];
        mp__unit_init(&unit, 1000);
        mp_status status = mp__unit_run(&unit, check, c.code);
        if (c.text == NULL && status != MP_OK)
            fail_msg("case %zu: %s", i, unit.refusal.what);
        if (c.text != NULL &&
            (status != MP_VALUE || strstr(unit.refusal.what, c.text) == NULL))
            fail_msg("case %zu: %s, not: %s", i, unit.refusal.what, c.text);
        mp__unit_destroy(&unit);
    }
}

#define RUN(cases) run(cases, sizeof(cases) / sizeof *(cases))

static void fields_are_in_range(void **data)
{
    (void)data;
    static const code_case cases[] = {
        CASE(NULL, ABC(MOVE, 4, 4, 0), END),
        CASE("1 has a wrong register", ABC(MOVE, 5, 4, 0), END),
        CASE("1 has a wrong register", ABC(MOVE, 4, 5, 0), END),
        CASE(NULL, ABX(LOADK, 4, 2), END),
        CASE("constant", ABX(LOADK, 4, 3), END),
        CASE("constant", ABX(LOADK, 4, 0x3FFFF), END),
        CASE(NULL, ABC(GETTABUP, 0, 1, K(2)), END),
        CASE("constant", ABC(GETTABUP, 0, 1, K(3)), END),
        CASE("upvalue", ABC(GETTABUP, 0, 2, K(2)), END),
        CASE("upvalue", ABC(GETUPVAL, 0, 2, 0), END),
        CASE("upvalue", ABC(SETUPVAL, 0, 2, 0), END),
        CASE("upvalue", ABC(SETTABUP, 2, 0, 0), END),
        CASE("register", ABC(SETTABUP, 1, 5, 0), END),
        CASE("register", ABC(SETTABUP, 1, 0, 5), END),
        CASE(NULL, ABC(ADD, 0, K(2), 4), END),
        CASE("constant", ABC(ADD, 0, K(0xFF), 4), END),
        CASE("register", ABC(ADD, 0, K(2), 0xFF), END),
        CASE("size", ABC(NEWTABLE, 0, 0x1FF, 0), END),
        CASE("2 has a wrong opcode", ABC(MOVE, 0, 0, 0), 47, END),
        CASE("opcode", 63, END),
        CASE(NULL, ABX(CLOSURE, 0, 0), END),
        CASE("prototype", ABX(CLOSURE, 0, 1), END),
    };
    RUN(cases);
}

static void ranges_of_registers_end_in_time(void **data)
{
    (void)data;
    static const code_case cases[] = {
        CASE(NULL, ABC(LOADNIL, 3, 1, 0), END),
        CASE("register", ABC(LOADNIL, 3, 2, 0), END),
        CASE(NULL, ABC(SELF, 3, 0, 0), END),
        CASE("register", ABC(SELF, 4, 0, 0), END),
        CASE(NULL, ABC(CONCAT, 0, 0, 4), END),
        CASE("register", ABC(CONCAT, 0, 4, 0), END),
        CASE("register", ABC(CONCAT, 0, 0, 5), END),
        CASE(NULL, ABC(CALL, 2, 3, 4), END),
        CASE("register", ABC(CALL, 2, 4, 4), END),
        CASE("register", ABC(CALL, 2, 3, 5), END),
        CASE(NULL, ABC(CALL, 2, 0x1, 0x1), END),
        CASE("register", ABC(CALL, 2, 0x1FF, 0x1), END),
        CASE(NULL, ABC(RETURN, 2, 4, 0)),
        CASE("register", ABC(RETURN, 2, 5, 0)),
        CASE(NULL, ABC(RETURN, 5, 1, 0)),
        CASE(NULL, ABC(VARARG, 3, 3, 0), END),
        CASE("register", ABC(VARARG, 3, 4, 0), END),
        CASE(NULL, ABC(SETLIST, 0, 4, 1), END),
        CASE("register", ABC(SETLIST, 0, 5, 1), END),
        CASE(NULL, ASBX(FORPREP, 1, 0), ASBX(FORLOOP, 1, -1), END),
        CASE("register", ASBX(FORPREP, 2, 0), ASBX(FORLOOP, 1, -1), END),
        CASE("register", ASBX(FORPREP, 1, 0), ASBX(FORLOOP, 2, -1), END),
        CASE("register", ABC(TFORCALL, 0, 0, 1), ASBX(TFORLOOP, 0, -1), END),
        CASE(NULL, ASBX(JMP, 5, 0), END),
        CASE("register", ASBX(JMP, 7, 0), END),
    };
    RUN(cases);
}

static void jumps_stay_inside(void **data)
{
    (void)data;
    static const code_case cases[] = {
        CASE(NULL, ASBX(JMP, 0, -1), END),
        CASE("target", ASBX(JMP, 0, -2), END),
        CASE("target", ASBX(JMP, 0, 1), END),
        CASE("target", ASBX(JMP, 0, 0x20000), END),
        CASE("target", ASBX(JMP, 0, -0x1FFFF), END),
        CASE(NULL, ABC(LOADBOOL, 0, 1, 1), END, END),
        CASE("target", ABC(LOADBOOL, 0, 1, 1), END),
        CASE(NULL, ABC(TEST, 0, 0, 0), ASBX(JMP, 0, 0), END),
        CASE("successor", ABC(TEST, 0, 0, 0), END, END),
        CASE("successor", ABC(EQ, 0, 0, 0), END, END),
        CASE("end", ABC(TEST, 0, 0, 0)),
        CASE("target", ABC(TEST, 0, 0, 0), ASBX(JMP, 0, 0)),
        CASE("end", END, ABC(MOVE, 0, 0, 0)),
        CASE("end", ASBX(FORPREP, 0, 0), ASBX(FORLOOP, 0, -1)),
        CASE("target", ASBX(FORPREP, 0, -2), END),
        CASE("target", ASBX(FORLOOP, 0, 1), END),
    };
    RUN(cases);
}

static void pairs_stand_together(void **data)
{
    (void)data;
    static const code_case cases[] = {
        CASE(NULL, ABX(LOADKX, 0, 0), AX(EXTRAARG, 2), END),
        CASE("constant", ABX(LOADKX, 0, 0), AX(EXTRAARG, 3), END),
        CASE("predecessor", AX(EXTRAARG, 2), END),
        CASE("predecessor", ABX(LOADKX, 0, 0), AX(EXTRAARG, 2), AX(EXTRAARG, 2),
             END),
        CASE("successor", ABX(LOADKX, 0, 0), ABC(MOVE, 0, 0, 0), END),
        CASE("target", ASBX(JMP, 0, 1), ABX(LOADKX, 0, 0), AX(EXTRAARG, 2),
             END),
        CASE(NULL, ABC(SETLIST, 0, 2, 0), AX(EXTRAARG, 700000), END),
        CASE("successor", ABC(SETLIST, 0, 2, 0), END),
        CASE("predecessor", ABC(SETLIST, 0, 2, 1), AX(EXTRAARG, 1), END),
        CASE(NULL, ABC(CALL, 1, 1, 0), ABC(CALL, 0, 0, 1), END),
        CASE("predecessor", ABC(CALL, 0, 0, 1), END),
        CASE("predecessor", ABC(CALL, 1, 1, 0), END),
        CASE("predecessor", ABC(VARARG, 1, 0, 0), ABC(MOVE, 0, 0, 0), END),
        CASE("predecessor", ABC(RETURN, 0, 0, 0)),
        CASE("predecessor", ABC(VARARG, 1, 0, 0), ABC(RETURN, 1, 2, 0)),
        CASE(NULL, ABC(VARARG, 1, 0, 0), ABC(RETURN, 0, 0, 0), END),
        CASE("target", ASBX(JMP, 0, 1), ABC(VARARG, 1, 0, 0),
             ABC(RETURN, 1, 0, 0), END),
        CASE(NULL, ABC(TAILCALL, 0, 1, 0), ABC(RETURN, 0, 0, 0)),
        CASE("count", ABC(TAILCALL, 0, 1, 2), ABC(RETURN, 0, 0, 0)),
        CASE("successor", ABC(TAILCALL, 0, 1, 0), ABC(CALL, 0, 0, 1), END),
    };
    RUN(cases);
}

static void check_proto(mp_unit *unit, void *ud)
{
    mp__proto_check(unit, ud);
}

static void expect_refused(mp_proto *proto, int line, const char *text)
{
    mp_unit unit;
    mp__unit_init(&unit, 1000);
    assert_int_equal(mp__unit_run(&unit, check_proto, proto), MP_VALUE);
    if (strstr(unit.refusal.what, text) == NULL)
        fail_msg("%s, not: %s", unit.refusal.what, text);
    assert_int_equal(unit.refusal.line, line);
    mp__unit_destroy(&unit);
}

static void functions_fit_what_is_around_them(void **data)
{
    (void)data;
    uint32_t code[] = {ABX(CLOSURE, 0, 0), END};
    int lines[] = {12, 13};
    mp_upvalue capture = {true, 1, ""};
    mp_proto inside = {.nupvalues = 1, .upvalues = &capture};
    mp_proto *protos[] = {&inside};
    mp_proto proto = {.line = 11,
                      .nregisters = 1,
                      .ncode = 2,
                      .code = code,
                      .lines = lines,
                      .nprotos = 1,
                      .protos = protos};
    expect_refused(&proto, 12, "wrong register");
    capture.instack = false;
    expect_refused(&proto, 12, "wrong upvalue");
    proto.nparams = 2;
    expect_refused(&proto, 12, "wrong register");
    proto.ncode = 0;
    expect_refused(&proto, 11, "a function has none");
}

static void a_number_in_eight_bits_is_understood(void **data)
{
    (void)data;
    assert_true(mp__opcode_size(0) == 0);
    assert_true(mp__opcode_size(7) == 7);
    assert_true(mp__opcode_size(8) == 8);
    assert_true(mp__opcode_size(15) == 15);
    assert_true(mp__opcode_size(16) == 16);
    assert_true(mp__opcode_size(17) == 18);
    assert_true(mp__opcode_size(0xFF) == (int64_t)15 << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_in_range),
        cmocka_unit_test(ranges_of_registers_end_in_time),
        cmocka_unit_test(jumps_stay_inside),
        cmocka_unit_test(pairs_stand_together),
        cmocka_unit_test(functions_fit_what_is_around_them),
        cmocka_unit_test(a_number_in_eight_bits_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
