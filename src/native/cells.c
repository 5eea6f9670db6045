/* Which locals functions within them assign. */
#include "native/cells.h"

#include "native/opcode.h"

/* Whether a function, or one within it, assigns that upvalue of its own. */
static bool assigns(const mp_proto *proto, int upvalue)
{
    for (int pc = 0; pc < proto->ncode; pc++) {
        uint32_t code = proto->code[pc];
        if (mp_code_op(code) == MP_OPCODE_SETUPVAL &&
            mp_code_b(code) == upvalue)
            return true;
    }
    for (int k = 0; k < proto->nprotos; k++) {
        const mp_proto *inner = proto->protos[k];
        for (int i = 0; i < inner->nupvalues; i++) {
            if (!inner->upvalues[i].instack &&
                inner->upvalues[i].index == upvalue && assigns(inner, i))
                return true;
        }
    }
    return false;
}

static void add(mp_unit *unit, mp_cells *cells, int reg, const mp_local *local)
{
    for (int k = 0; k < cells->count; k++) {
        if (cells->cells[k].reg == reg && cells->cells[k].start == local->start)
            return;
    }
    mp_cell cell = {reg, local->start, local->end, local->name};
    MP_UNIT_PUSH(unit, cells->cells, cells->count, cell);
}

mp_cells mp__cells_find(mp_unit *unit, const mp_proto *proto)
{
    mp_cells cells = {0};
    for (int pc = 0; pc < proto->ncode; pc++) {
        uint32_t code = proto->code[pc];
        if (mp_code_op(code) != MP_OPCODE_CLOSURE)
            continue;
        const mp_proto *inner = proto->protos[mp_code_bx(code)];
        for (int k = 0; k < inner->nupvalues; k++) {
            int reg = inner->upvalues[k].index;
            if (!inner->upvalues[k].instack || !assigns(inner, k))
                continue;
            /* The scope of a local function begins right behind. */
            int at = pc + (reg == mp_code_a(code));
            const mp_local *local = mp__proto_find_local(proto, reg, at);
            if (local != NULL)
                add(unit, &cells, reg, local);
        }
    }
    return cells;
}
