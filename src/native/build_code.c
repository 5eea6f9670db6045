/* Instructions that lead to the next one. */
#include "native/build.h"
#include "native/opcode.h"

mp_node *mp__build_register(mp_builder *b, const mp_activation *act, int reg)
{
    mp_node *cell = mp__build_read_cell(b, act, reg);
    if (cell != NULL)
        return cell;
    mp_node *node = act->regs[reg];
    if (node == NULL)
        mp__unit_refuse(b->unit, b->line, NULL,
                        "the bytecode is not sound: instruction %d reads a "
                        "register that nobody has written",
                        act->pc + 1);
    return node;
}

mp_node *mp__build_rk(mp_builder *b, const mp_activation *act, int rk)
{
    if (!mp_rk_is_constant(rk))
        return mp__build_register(b, act, rk);
    return mp__build_constant(b, &act->proto->constants[mp_rk_constant(rk)]);
}

void mp__build_room(mp_builder *b, mp_activation *act, int count)
{
    if (count <= act->proto->nregisters)
        return;
    mp_node **regs = mp__unit_alloc(b->unit, (size_t)count * sizeof *regs);
    for (int k = 0; k < act->proto->nregisters; k++)
        regs[k] = act->regs[k];
    act->regs = regs;
}

static mp_node *binary(mp_builder *b, const mp_activation *act, mp_op op)
{
    uint32_t code = act->proto->code[act->pc];
    mp_node *x = mp__build_rk(b, act, mp_code_b(code));
    mp_node *y = mp__build_rk(b, act, mp_code_c(code));
    mp__build_expect_value(b, x, "arithmetic on");
    mp__build_expect_value(b, y, "arithmetic on");
    return mp__ir_add(b->func, b->at, op, b->line, 2, x, y);
}

static mp_node *unary(mp_builder *b, const mp_activation *act, mp_op op)
{
    uint32_t code = act->proto->code[act->pc];
    mp_node *x = mp__build_register(b, act, mp_code_b(code));
    mp__build_expect_value(b, x, "arithmetic on");
    return mp__ir_add(b->func, b->at, op, b->line, 1, x);
}

/* ---- reading and writing ------------------------------------------------ */

static mp_node *get_global(mp_builder *b, const mp_activation *act,
                           uint32_t code)
{
    mp_node *table = mp__build_upvalue(b, act, mp_code_b(code));
    mp_node *key = mp__build_rk(b, act, mp_code_c(code));
    return mp__build_index(b, table, key,
                           mp__build_upvalue_name(b, act, mp_code_b(code)));
}

static mp_node *get_field(mp_builder *b, const mp_activation *act,
                          uint32_t code)
{
    mp_node *object = mp__build_register(b, act, mp_code_b(code));
    mp_node *key = mp__build_rk(b, act, mp_code_c(code));
    const char *name =
        mp__build_name(b, act, mp_code_b(code), "what is indexed");
    return mp__build_index(b, object, key, name);
}

static void set_field(mp_builder *b, const mp_activation *act, uint32_t code)
{
    mp_node *object = mp__build_register(b, act, mp_code_a(code));
    mp_node *key = mp__build_rk(b, act, mp_code_b(code));
    mp_node *value = mp__build_rk(b, act, mp_code_c(code));
    const char *name =
        mp__build_name(b, act, mp_code_a(code), "what is indexed");
    mp__build_store(b, object, key, value, name);
}

/* Upvalues hold the environment and arrays too. */
static void set_upvalue_field(mp_builder *b, const mp_activation *act,
                              uint32_t code)
{
    mp_node *object = mp__build_upvalue(b, act, mp_code_a(code));
    mp_node *key = mp__build_rk(b, act, mp_code_b(code));
    const char *name = mp__build_upvalue_name(b, act, mp_code_a(code));
    const char *text = mp__build_text(key);
    if (object->type == MP_TYPE_REF && text != NULL &&
        mp__ir_own(b->func, object) == NULL)
        mp__unit_refuse(b->unit, b->line,
                        "return the value, or write it to an array",
                        "'%s' is written, which is not the kernel's own", text);
    mp__build_store(b, object, key, mp__build_rk(b, act, mp_code_c(code)),
                    name);
}

/* R(A+1) = R(B); R(A) = R(B)[RK(C)]. */
static void get_method(mp_builder *b, mp_activation *act, uint32_t code)
{
    int a = mp_code_a(code);
    mp_node *object = mp__build_register(b, act, mp_code_b(code));
    mp_node *method = mp__build_is_string(object) ? mp__build_string_method(b)
                                                  : get_field(b, act, code);
    act->regs[a + 1] = object;
    act->regs[a] = method;
}

/* ---- ranges of registers ------------------------------------------------ */

static void set_nil(mp_builder *b, mp_activation *act, int first, int count)
{
    for (int k = 0; k < count; k++)
        act->regs[first + k] = mp__build_nil(b);
}

static void get_varargs(mp_builder *b, mp_activation *act, uint32_t code)
{
    int a = mp_code_a(code), counted = mp_code_b(code);
    int count = counted == 0 ? act->nvarargs : counted - 1;
    mp__build_room(b, act, a + count);
    for (int k = 0; k < count; k++)
        act->regs[a + k] =
            k < act->nvarargs ? act->varargs[k] : mp__build_nil(b);
    act->top = a + count;
}

static void call(mp_builder *b, mp_activation *act, uint32_t code)
{
    int a = mp_code_a(code), counted = mp_code_b(code);
    int nargs = counted == 0 ? act->top - a - 1 : counted - 1;
    int results = mp_code_c(code);
    bool open = results == 0 || mp_code_op(code) == MP_OPCODE_TAILCALL;
    mp__build_call(b, act, a, nargs, open ? MP_BUILD_OPEN : results - 1);
}

/* ------------------------------------------------------------------------- */

_Noreturn static void refuse(mp_builder *b, const char *hint, const char *what)
{
    mp__unit_refuse(b->unit, b->line, hint, "%s not compiled", what);
}

/* Long for a case for each opcode. NOLINTNEXTLINE(readability-function-size) */
void mp__build_instruction(mp_builder *b, mp_activation *act)
{
    const mp_proto *proto = act->proto;
    uint32_t code = proto->code[act->pc];
    int a = mp_code_a(code);
    mp_node **regs = act->regs;
    switch (mp_code_op(code)) {
    case MP_OPCODE_MOVE:
        regs[a] = mp__build_register(b, act, mp_code_b(code));
        break;
    case MP_OPCODE_LOADK:
        regs[a] = mp__build_constant(b, &proto->constants[mp_code_bx(code)]);
        break;
    case MP_OPCODE_LOADKX: {
        int index = mp_code_ax(proto->code[++act->pc]);
        regs[a] = mp__build_constant(b, &proto->constants[index]);
        break;
    }
    case MP_OPCODE_LOADBOOL:
        regs[a] = mp__build_bool(b, mp_code_b(code) != 0);
        break;
    case MP_OPCODE_LOADNIL:
        set_nil(b, act, a, mp_code_b(code) + 1);
        break;
    case MP_OPCODE_GETUPVAL:
        regs[a] = mp__build_upvalue(b, act, mp_code_b(code));
        break;
    case MP_OPCODE_GETTABUP:
        regs[a] = get_global(b, act, code);
        break;
    case MP_OPCODE_GETTABLE:
        regs[a] = get_field(b, act, code);
        break;
    case MP_OPCODE_SETTABLE:
        set_field(b, act, code);
        break;
    case MP_OPCODE_SETTABUP:
        set_upvalue_field(b, act, code);
        break;
    case MP_OPCODE_SELF:
        get_method(b, act, code);
        break;
    case MP_OPCODE_NEWTABLE:
        regs[a] = mp__build_own(b);
        break;
    case MP_OPCODE_SETLIST:
        mp__build_items(b, act, code);
        break;
    case MP_OPCODE_ADD:
        regs[a] = binary(b, act, MP_OP_ADD);
        break;
    case MP_OPCODE_SUB:
        regs[a] = binary(b, act, MP_OP_SUB);
        break;
    case MP_OPCODE_MUL:
        regs[a] = binary(b, act, MP_OP_MUL);
        break;
    case MP_OPCODE_MOD:
        regs[a] = binary(b, act, MP_OP_MOD);
        break;
    case MP_OPCODE_POW:
        regs[a] = binary(b, act, MP_OP_POW);
        break;
    case MP_OPCODE_DIV:
        regs[a] = binary(b, act, MP_OP_DIV);
        break;
    case MP_OPCODE_IDIV:
        regs[a] = binary(b, act, MP_OP_IDIV);
        break;
    case MP_OPCODE_BAND:
        regs[a] = binary(b, act, MP_OP_BAND);
        break;
    case MP_OPCODE_BOR:
        regs[a] = binary(b, act, MP_OP_BOR);
        break;
    case MP_OPCODE_BXOR:
        regs[a] = binary(b, act, MP_OP_BXOR);
        break;
    case MP_OPCODE_SHL:
        regs[a] = binary(b, act, MP_OP_SHL);
        break;
    case MP_OPCODE_SHR:
        regs[a] = binary(b, act, MP_OP_SHR);
        break;
    case MP_OPCODE_UNM:
        regs[a] = unary(b, act, MP_OP_UNM);
        break;
    case MP_OPCODE_BNOT:
        regs[a] = unary(b, act, MP_OP_BNOT);
        break;
    case MP_OPCODE_NOT:
        regs[a] = mp__build_not(b, mp__build_register(b, act, mp_code_b(code)));
        break;
    case MP_OPCODE_LEN:
        regs[a] = mp__build_length(
            b, mp__build_register(b, act, mp_code_b(code)),
            mp__build_name(b, act, mp_code_b(code), "what '#' is applied to"));
        break;
    case MP_OPCODE_CALL:
    case MP_OPCODE_TAILCALL:
        call(b, act, code);
        break;
    case MP_OPCODE_CLOSURE:
        mp__build_closure(b, act, a, proto->protos[mp_code_bx(code)]);
        break;
    case MP_OPCODE_VARARG:
        get_varargs(b, act, code);
        break;
    case MP_OPCODE_JMP:
        break;
    case MP_OPCODE_SETUPVAL:
        mp__build_set_upvalue(b, act, mp_code_b(code),
                              mp__build_register(b, act, a));
        break;
    case MP_OPCODE_CONCAT:
        regs[a] = mp__build_concat(b, act, mp_code_b(code), mp_code_c(code));
        break;
    case MP_OPCODE_TFORCALL:
    case MP_OPCODE_TFORLOOP:
        refuse(b, "write for i = 1, n do", "a 'for' loop with 'in' is");
    case MP_OPCODE_EQ:
    case MP_OPCODE_LT:
    case MP_OPCODE_LE:
    case MP_OPCODE_TEST:
    case MP_OPCODE_TESTSET:
    case MP_OPCODE_RETURN:
    case MP_OPCODE_FORLOOP:
    case MP_OPCODE_FORPREP:
    case MP_OPCODE_EXTRAARG:
    case MP_NOPCODES:
        refuse(b, NULL, "this instruction is");
    }
}
