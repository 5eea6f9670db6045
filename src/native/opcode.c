/* Opcodes: the instructions of Lua 5.3's virtual machine, and their fields. */
#include "native/opcode.h"

static const struct {
    const char *name;
    mp_opcode_mode mode;
    mp_field_use a, b, c;
} opcodes[] = {
#define ROW(name, mode, a, b, c)                                               \
    {#name, MP_MODE_##mode, MP_USE_##a, MP_USE_##b, MP_USE_##c},
    MP_OPCODE_TABLE(ROW)
#undef ROW
};

_Static_assert(MP_NOPCODES == 47, "Lua 5.3 has 47 opcodes");

const char *mp__opcode_name(mp_opcode op)
{
    return opcodes[op].name;
}

mp_opcode_mode mp__opcode_mode(mp_opcode op)
{
    return opcodes[op].mode;
}

mp_field_use mp__opcode_a(mp_opcode op)
{
    return opcodes[op].a;
}

mp_field_use mp__opcode_b(mp_opcode op)
{
    return opcodes[op].b;
}

mp_field_use mp__opcode_c(mp_opcode op)
{
    return opcodes[op].c;
}

int64_t mp__opcode_size(int field)
{
    return field < 8 ? field : (int64_t)((field & 7) + 8) << ((field >> 3) - 1);
}
