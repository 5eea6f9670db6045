/* Which registers an instruction reads and writes. */
#include "native/registers.h"

#include "native/opcode.h"

bool mp__registers_join(mp_registers *set, const mp_registers *more)
{
    uint64_t changed = 0;
    for (int k = 0; k < MP_REGISTERS / 64; k++) {
        changed |= more->bits[k] & ~set->bits[k];
        set->bits[k] |= more->bits[k];
    }
    return changed != 0;
}

static void add_range(mp_registers *set, int first, int count)
{
    for (int reg = first; reg < first + count; reg++)
        mp_registers_add(set, reg);
}

/* `field` is one more than how many there are, or 0 for those to the top. */
static void add_counted(const mp_proto *proto, mp_registers *set, int first,
                        int field)
{
    add_range(set, first, field == 0 ? proto->nregisters - first : field - 1);
}

static void add_rk(mp_registers *set, int rk)
{
    if (!mp_rk_is_constant(rk))
        mp_registers_add(set, rk);
}

/* What a CLOSURE captures; a local function that calls itself captures the
 * register that it is put into. */
static void add_captures(const mp_proto *inner, int self, mp_registers *set)
{
    for (int k = 0; k < inner->nupvalues; k++) {
        const mp_upvalue *upvalue = &inner->upvalues[k];
        if (upvalue->instack && upvalue->index != self)
            mp_registers_add(set, upvalue->index);
    }
}

/* Long for a case for each opcode. NOLINTNEXTLINE(readability-function-size) */
void mp__registers_read(const mp_proto *proto, int pc, mp_registers *out)
{
    uint32_t code = proto->code[pc];
    int a = mp_code_a(code), b = mp_code_b(code), c = mp_code_c(code);
    switch (mp_code_op(code)) {
    case MP_OPCODE_MOVE:
    case MP_OPCODE_UNM:
    case MP_OPCODE_BNOT:
    case MP_OPCODE_NOT:
    case MP_OPCODE_LEN:
    case MP_OPCODE_TESTSET:
        mp_registers_add(out, b);
        break;
    case MP_OPCODE_GETTABUP:
        add_rk(out, c);
        break;
    case MP_OPCODE_GETTABLE:
    case MP_OPCODE_SELF:
        mp_registers_add(out, b);
        add_rk(out, c);
        break;
    case MP_OPCODE_SETTABLE:
        mp_registers_add(out, a);
        add_rk(out, b);
        add_rk(out, c);
        break;
    case MP_OPCODE_SETTABUP:
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
    case MP_OPCODE_EQ:
    case MP_OPCODE_LT:
    case MP_OPCODE_LE:
        add_rk(out, b);
        add_rk(out, c);
        break;
    case MP_OPCODE_SETUPVAL:
    case MP_OPCODE_TEST:
        mp_registers_add(out, a);
        break;
    case MP_OPCODE_CONCAT:
        add_range(out, b, c - b + 1);
        break;
    case MP_OPCODE_CALL:
    case MP_OPCODE_TAILCALL:
        mp_registers_add(out, a);
        add_counted(proto, out, a + 1, b);
        break;
    case MP_OPCODE_SETLIST:
        mp_registers_add(out, a);
        add_counted(proto, out, a + 1, b == 0 ? 0 : b + 1);
        break;
    case MP_OPCODE_RETURN:
        add_counted(proto, out, a, b);
        break;
    case MP_OPCODE_FORLOOP:
    case MP_OPCODE_FORPREP:
    case MP_OPCODE_TFORCALL:
        add_range(out, a, 3);
        break;
    case MP_OPCODE_TFORLOOP:
        mp_registers_add(out, a + 1);
        break;
    case MP_OPCODE_CLOSURE:
        add_captures(proto->protos[mp_code_bx(code)], a, out);
        break;
    case MP_OPCODE_LOADK:
    case MP_OPCODE_LOADKX:
    case MP_OPCODE_LOADBOOL:
    case MP_OPCODE_LOADNIL:
    case MP_OPCODE_GETUPVAL:
    case MP_OPCODE_NEWTABLE:
    case MP_OPCODE_JMP:
    case MP_OPCODE_VARARG:
    case MP_OPCODE_EXTRAARG:
    case MP_NOPCODES:
        break;
    }
}

/* A case for each opcode makes it long. */
void mp__registers_written(const mp_proto *proto, int pc, bool always,
                           mp_registers *out)
{
    uint32_t code = proto->code[pc];
    int a = mp_code_a(code), b = mp_code_b(code), c = mp_code_c(code);
    switch (mp_code_op(code)) {
    case MP_OPCODE_MOVE:
    case MP_OPCODE_LOADK:
    case MP_OPCODE_LOADKX:
    case MP_OPCODE_LOADBOOL:
    case MP_OPCODE_GETUPVAL:
    case MP_OPCODE_GETTABUP:
    case MP_OPCODE_GETTABLE:
    case MP_OPCODE_NEWTABLE:
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
    case MP_OPCODE_CONCAT:
    case MP_OPCODE_CLOSURE:
        mp_registers_add(out, a);
        break;
    case MP_OPCODE_TESTSET:
    case MP_OPCODE_TFORLOOP:
        if (!always)
            mp_registers_add(out, a);
        break;
    case MP_OPCODE_LOADNIL:
        add_range(out, a, b + 1);
        break;
    case MP_OPCODE_SELF:
        add_range(out, a, 2);
        break;
    case MP_OPCODE_CALL:
    case MP_OPCODE_TAILCALL:
        add_counted(proto, out, a, c);
        break;
    case MP_OPCODE_VARARG:
        add_counted(proto, out, a, b);
        break;
    case MP_OPCODE_FORPREP:
        add_range(out, a, 3);
        break;
    case MP_OPCODE_FORLOOP:
        mp_registers_add(out, a);
        mp_registers_add(out, a + 3);
        break;
    case MP_OPCODE_TFORCALL:
        add_range(out, a + 3, c);
        break;
    case MP_OPCODE_SETTABUP:
    case MP_OPCODE_SETUPVAL:
    case MP_OPCODE_SETTABLE:
    case MP_OPCODE_JMP:
    case MP_OPCODE_EQ:
    case MP_OPCODE_LT:
    case MP_OPCODE_LE:
    case MP_OPCODE_TEST:
    case MP_OPCODE_RETURN:
    case MP_OPCODE_SETLIST:
    case MP_OPCODE_EXTRAARG:
    case MP_NOPCODES:
        break;
    }
}

int mp__registers_scope(const mp_proto *proto, int reg, int pc)
{
    const mp_local *local = mp__proto_find_local(proto, reg, pc);
    return local != NULL ? local->end : proto->ncode;
}
