/* Checks a prototype's code. */
#include "native/proto_check.h"

#include "native/opcode.h"

typedef struct checker {
    mp_unit *unit;
    const mp_proto *proto;
    int pc;
    mp_opcode op;
    uint32_t code;
} checker;

static void expect(const checker *c, bool good, const char *what)
{
    if (good)
        return;
    int line = c->proto->lines != NULL ? c->proto->lines[c->pc] : 0;
    mp__unit_refuse(c->unit, line, NULL,
                    "the bytecode is not sound: instruction %d has a wrong %s",
                    c->pc + 1, what);
}

/* `count` registers from `first` on. */
static void expect_registers(const checker *c, int first, int count)
{
    expect(c, first >= 0 && count >= 0 && first + count <= c->proto->nregisters,
           "register");
}

/* ---- what stands beside an instruction ---------------------------------- */

/* Whether an instruction leaves an open number of values to the next. */
static bool is_open(uint32_t code)
{
    mp_opcode op = mp_code_op(code);
    return op == MP_OPCODE_TAILCALL ||
           (op == MP_OPCODE_CALL && mp_code_c(code) == 0) ||
           (op == MP_OPCODE_VARARG && mp_code_b(code) == 0);
}

/* Whether it takes them from the one before. */
static bool takes_open(uint32_t code)
{
    mp_opcode op = mp_code_op(code);
    return (op == MP_OPCODE_CALL || op == MP_OPCODE_TAILCALL ||
            op == MP_OPCODE_RETURN || op == MP_OPCODE_SETLIST) &&
           mp_code_b(code) == 0;
}

static bool takes_extra(uint32_t code)
{
    mp_opcode op = mp_code_op(code);
    return op == MP_OPCODE_LOADKX ||
           (op == MP_OPCODE_SETLIST && mp_code_c(code) == 0);
}

static void expect_target(const checker *c, int target)
{
    expect(c, target >= 0 && target < c->proto->ncode, "target");
    uint32_t code = c->proto->code[target];
    expect(c, mp_code_op(code) != MP_OPCODE_EXTRAARG && !takes_open(code),
           "target");
}

static void expect_next(const checker *c, mp_opcode op)
{
    int next = c->pc + 1;
    expect(c, next < c->proto->ncode && mp_code_op(c->proto->code[next]) == op,
           "successor");
}

/* Whether the instruction fits the one before and the one after. The last one
 * is a RETURN, so that each other has one after it. */
static void check_neighbours(const checker *c)
{
    uint32_t before = c->pc > 0 ? c->proto->code[c->pc - 1] : 0;
    expect(c, takes_open(c->code) == (c->pc > 0 && is_open(before)),
           "predecessor");
    expect(c,
           (c->op == MP_OPCODE_EXTRAARG) == (c->pc > 0 && takes_extra(before)),
           "predecessor");
    if (c->pc == c->proto->ncode - 1)
        expect(c, c->op == MP_OPCODE_RETURN, "place at the end");
}

/* ---- fields ------------------------------------------------------------- */

static void check_field(const checker *c, mp_field_use use, int value)
{
    const mp_proto *proto = c->proto;
    switch (use) {
    case MP_USE_NONE:
    case MP_USE_NUMBER:
        break;
    case MP_USE_REGISTER:
        expect_registers(c, value, 1);
        break;
    case MP_USE_RK:
        if (!mp_rk_is_constant(value))
            expect_registers(c, value, 1);
        else
            expect(c, mp_rk_constant(value) < proto->nconstants, "constant");
        break;
    case MP_USE_CONSTANT:
        expect(c, value < proto->nconstants, "constant");
        break;
    case MP_USE_UPVALUE:
        expect(c, value < proto->nupvalues, "upvalue");
        break;
    case MP_USE_PROTO:
        expect(c, value < proto->nprotos, "prototype");
        break;
    case MP_USE_JUMP:
        expect_target(c, c->pc + 1 + value);
        break;
    }
}

static void check_fields(const checker *c)
{
    mp_opcode op = c->op;
    int a = mp_code_a(c->code);
    switch (mp__opcode_mode(op)) {
    case MP_MODE_ABC:
        /* A RETURN of nothing names a register that need not exist. */
        if (op != MP_OPCODE_RETURN)
            check_field(c, mp__opcode_a(op), a);
        check_field(c, mp__opcode_b(op), mp_code_b(c->code));
        check_field(c, mp__opcode_c(op), mp_code_c(c->code));
        break;
    case MP_MODE_ABX:
        check_field(c, mp__opcode_a(op), a);
        check_field(c, mp__opcode_b(op), mp_code_bx(c->code));
        break;
    case MP_MODE_ASBX:
        check_field(c, mp__opcode_a(op), a);
        check_field(c, mp__opcode_b(op), mp_code_sbx(c->code));
        break;
    case MP_MODE_AX:
        break;
    }
}

/* The upvalues of the function that a CLOSURE makes. */
static void check_captures(const checker *c)
{
    const mp_proto *inner = c->proto->protos[mp_code_bx(c->code)];
    for (int i = 0; i < inner->nupvalues; i++) {
        const mp_upvalue *upvalue = &inner->upvalues[i];
        if (upvalue->instack)
            expect_registers(c, upvalue->index, 1);
        else
            expect(c, upvalue->index < c->proto->nupvalues, "upvalue");
    }
}

/* A count field: one more than there are, 0 for those up to the top. */
static int counted(int field)
{
    return field == 0 ? 0 : field - 1;
}

/* What an instruction needs beyond single fields. Long, since it names every
 * opcode. NOLINTNEXTLINE(readability-function-size) */
static void check_ranges(const checker *c)
{
    int a = mp_code_a(c->code);
    int b = mp_code_b(c->code);
    int k = mp_code_c(c->code);
    switch (c->op) {
    case MP_OPCODE_LOADKX: {
        uint32_t extra = c->proto->code[c->pc + 1];
        expect_next(c, MP_OPCODE_EXTRAARG);
        expect(c, mp_code_ax(extra) < c->proto->nconstants, "constant");
        break;
    }
    case MP_OPCODE_LOADBOOL:
        if (k != 0)
            expect_target(c, c->pc + 2);
        break;
    case MP_OPCODE_LOADNIL:
        expect_registers(c, a, b + 1);
        break;
    case MP_OPCODE_NEWTABLE:
        expect(c, b <= 0xFF && k <= 0xFF, "size");
        break;
    case MP_OPCODE_SELF:
        expect_registers(c, a, 2);
        break;
    case MP_OPCODE_CONCAT:
        expect(c, b < k, "register");
        break;
    case MP_OPCODE_JMP:
        /* A - 1 is the first register whose upvalues are closed. */
        expect_registers(c, counted(a), 0);
        break;
    case MP_OPCODE_EQ:
    case MP_OPCODE_LT:
    case MP_OPCODE_LE:
    case MP_OPCODE_TEST:
    case MP_OPCODE_TESTSET:
        expect_next(c, MP_OPCODE_JMP);
        expect_target(c, c->pc + 2);
        break;
    case MP_OPCODE_CALL:
        expect_registers(c, a, 1 + counted(b));
        expect_registers(c, a, counted(k));
        break;
    case MP_OPCODE_TAILCALL:
        expect_registers(c, a, 1 + counted(b));
        expect(c, k == 0, "count");
        expect_next(c, MP_OPCODE_RETURN);
        break;
    case MP_OPCODE_RETURN:
        if (b != 1)
            expect_registers(c, a, b == 0 ? 1 : counted(b));
        break;
    case MP_OPCODE_FORLOOP:
    case MP_OPCODE_FORPREP:
        expect_registers(c, a, 4);
        break;
    case MP_OPCODE_TFORCALL:
        /* The function and its two arguments are copied behind its state. */
        expect(c, k > 0, "count");
        expect_registers(c, a, 3 + (k < 3 ? 3 : k));
        expect_next(c, MP_OPCODE_TFORLOOP);
        break;
    case MP_OPCODE_TFORLOOP:
        expect_registers(c, a, 2);
        break;
    case MP_OPCODE_SETLIST:
        expect_registers(c, a, 1 + b);
        if (k == 0)
            expect_next(c, MP_OPCODE_EXTRAARG);
        break;
    case MP_OPCODE_CLOSURE:
        check_captures(c);
        break;
    case MP_OPCODE_VARARG:
        expect_registers(c, a, counted(b));
        break;
    case MP_OPCODE_MOVE:
    case MP_OPCODE_LOADK:
    case MP_OPCODE_GETUPVAL:
    case MP_OPCODE_GETTABUP:
    case MP_OPCODE_GETTABLE:
    case MP_OPCODE_SETTABUP:
    case MP_OPCODE_SETUPVAL:
    case MP_OPCODE_SETTABLE:
    case MP_OPCODE_ADD:
    case MP_OPCODE_SUB:
    case MP_OPCODE_MUL:
    case MP_OPCODE_MOD:
    case MP_OPCODE_POW:
    case MP_OPCODE_DIV:
    case MP_OPCODE_IDIV:
    case MP_OPCODE_BAND:
    case MP_OPCODE_BOR:
    case MP_OPCODE_BXOR:
    case MP_OPCODE_SHL:
    case MP_OPCODE_SHR:
    case MP_OPCODE_UNM:
    case MP_OPCODE_BNOT:
    case MP_OPCODE_NOT:
    case MP_OPCODE_LEN:
    case MP_OPCODE_EXTRAARG:
    case MP_NOPCODES:
        break;
    }
}

void mp__proto_check(mp_unit *unit, const mp_proto *proto)
{
    checker c = {.unit = unit, .proto = proto};
    if (proto->ncode == 0)
        mp__unit_refuse(unit, proto->line, NULL,
                        "the bytecode is not sound: a function has none");
    expect_registers(&c, 0, proto->nparams);
    /* First, for the rest looks at instructions around one. */
    for (c.pc = 0; c.pc < proto->ncode; c.pc++)
        expect(&c, (proto->code[c.pc] & 0x3F) < MP_NOPCODES, "opcode");
    for (c.pc = 0; c.pc < proto->ncode; c.pc++) {
        c.code = proto->code[c.pc];
        c.op = mp_code_op(c.code);
        check_neighbours(&c);
        check_fields(&c);
        check_ranges(&c);
    }
}
