/* How the source calls what is in a register: for messages only. */
#include <stdio.h>

#include "native/build.h"
#include "native/opcode.h"

/* The instruction that has put into a register what is there at `pc`, as far
 * as that is plain to see, or -1. */
static int find_writer(const mp_activation *act, int reg)
{
    const mp_cfg *cfg = act->cfg;
    for (int k = 0; k < cfg->nblocks; k++) {
        const mp_cfg_block *block = &cfg->blocks[k];
        if (act->pc < block->start || act->pc >= block->end)
            continue;
        for (int pc = act->pc - 1; pc >= block->start; pc--) {
            mp_registers written = {{0}};
            mp__registers_written(act->proto, pc, false, &written);
            if (mp_registers_has(&written, reg))
                return pc;
        }
    }
    return -1;
}

/* The string constant of an RK field, or NULL. */
static const char *key_text(const mp_proto *proto, int rk)
{
    if (!mp_rk_is_constant(rk))
        return NULL;
    const mp_constant *key = &proto->constants[mp_rk_constant(rk)];
    return key->kind == MP_CONST_STRING ? key->as.s : NULL;
}

static const char *find_name(const mp_activation *act, int reg)
{
    const mp_proto *proto = act->proto;
    const char *local = mp__proto_local(proto, reg, act->pc);
    if (local != NULL)
        return local;
    int pc = find_writer(act, reg);
    if (pc < 0)
        return NULL;
    uint32_t code = proto->code[pc];
    mp_opcode op = mp_code_op(code);
    if (op == MP_OPCODE_MOVE)
        return mp__proto_local(proto, mp_code_b(code), pc);
    if (op == MP_OPCODE_GETUPVAL)
        return proto->upvalues[mp_code_b(code)].name;
    if (op == MP_OPCODE_GETTABUP || op == MP_OPCODE_GETTABLE ||
        op == MP_OPCODE_SELF)
        return key_text(proto, mp_code_c(code));
    return NULL;
}

const char *mp__build_quote(mp_builder *b, const char *name)
{
    char text[64];
    int most = (int)sizeof text - 3;
    int size = snprintf(text, sizeof text, "'%.*s'", most, name);
    return mp__unit_copy(b->unit, text, (size_t)size);
}

const char *mp__build_name(mp_builder *b, const mp_activation *act, int reg,
                           const char *otherwise)
{
    const char *name = find_name(act, reg);
    /* The compiler's own variables are called "(for index)" and so on. */
    if (name == NULL || name[0] == '\0' || name[0] == '(')
        return otherwise;
    return mp__build_quote(b, name);
}

const char *mp__build_upvalue_name(mp_builder *b, const mp_activation *act,
                                   int index)
{
    const char *name = act->proto->upvalues[index].name;
    return name[0] != '\0' ? mp__build_quote(b, name) : "an upvalue";
}
