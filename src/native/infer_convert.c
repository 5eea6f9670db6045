/* Types and conversions: the end of inference. Each value is of one type by
 * now, and what uses it says which one it wants. */
#include <math.h>

#include "native/builtin_type.h"
#include "native/infer.h"

/* ---- integers ----------------------------------------------------------- */

/* What only takes integers takes floats with an integer's value, and raises
 * for others: a check of its own, which stays where the rest is not used. */
static mp_node *to_int(mp_infer *infer, mp_node *node, mp_node *user)
{
    if (mp__fact_only(mp__infer_fact(infer, node), MP_MAY_INT))
        return node;
    if (node->op == MP_OP_CONST && floor(node->as.f) == node->as.f &&
        node->as.f >= -0x1p63 && node->as.f < 0x1p63)
        return mp__infer_int(infer, (int64_t)node->as.f);
    return mp__infer_make(infer, user, MP_OP_F2I, user->line, 1, node);
}

static void args_to_int(mp_infer *infer, mp_node *node, int first, int last)
{
    for (int k = first; k <= last; k++)
        node->args[k] = to_int(infer, node->args[k], node);
}

static void convert_ints(mp_infer *infer, mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_SHL:
    case MP_OP_SHR:
        args_to_int(infer, node, 0, 1);
        break;
    case MP_OP_BNOT:
        args_to_int(infer, node, 0, 0);
        break;
    case MP_OP_BUILTIN:
        if (mp__builtin_type(node->as.builtin) == MP_BUILTIN_RANDOM ||
            mp__builtin_type(node->as.builtin) == MP_BUILTIN_UNSIGNED)
            args_to_int(infer, node, 0, node->nargs - 1);
        break;
    case MP_OP_SIZE:
    case MP_OP_ROW:
    case MP_OP_LOAD:
    case MP_OP_STORE:
    case MP_OP_ITEM:
    case MP_OP_TGROW:
        args_to_int(infer, node, 1, 1);
        break;
    case MP_OP_TINDEX:
        args_to_int(infer, node, 0, 0);
        break;
    }
}

void mp__infer_integers(mp_infer *infer)
{
    for (int k = 0; k < infer->func->norder; k++) {
        mp_node *node = infer->func->order[k]->first;
        for (; node != NULL; node = node->next)
            convert_ints(infer, node);
    }
}

/* ---- types -------------------------------------------------------------- */

/* NONE: it never is anything. */
static mp_type type_of_fact(mp_fact fact)
{
    if (fact.may & MP_MAY_BOOL)
        return MP_TYPE_BOOL;
    if (fact.may & MP_MAY_NUMBER)
        return fact.may & MP_MAY_FLOAT ? MP_TYPE_FLOAT : MP_TYPE_INT;
    return fact.may & MP_MAY_NIL ? MP_TYPE_NIL : MP_TYPE_NONE;
}

static mp_type type_of(const mp_infer *infer, const mp_node *node)
{
    mp_type type = type_of_fact(mp__infer_fact(infer, node));
    if (type == MP_TYPE_NONE)
        mp__unit_refuse(infer->unit, node->line, NULL,
                        "a value that is never there");
    return type;
}

static void give_types(mp_infer *infer)
{
    for (int k = 0; k < infer->func->nowns; k++)
        infer->func->owns[k]->type = type_of_fact(infer->tables[k]);
    for (int k = 0; k < infer->func->norder; k++) {
        mp_node *node = infer->func->order[k]->first;
        for (; node != NULL; node = node->next) {
            if (node->type == MP_TYPE_ANY ||
                (node->op == MP_OP_BUILTIN && node->type == MP_TYPE_INT))
                node->type = type_of(infer, node);
        }
    }
}

/* ---- conversions -------------------------------------------------------- */

static mp_node *find_converted(const mp_node *node)
{
    mp_node *next = node->op == MP_OP_PHI ? node->block->first : node->next;
    while (next != NULL && next->op == MP_OP_PHI)
        next = next->next;
    if (next != NULL && next->op == MP_OP_I2F && next->args[0] == node)
        return next;
    return NULL;
}

mp_node *mp__infer_to_float(mp_infer *infer, mp_node *node)
{
    if (node->type == MP_TYPE_FLOAT)
        return node;
    if (node->op == MP_OP_CONST)
        return mp__infer_float(infer, (double)node->as.i);
    mp_node *known = find_converted(node);
    return known != NULL ? known : mp__infer_after(infer, MP_OP_I2F, node);
}

static void args_to_float(mp_infer *infer, mp_node *node, int first)
{
    for (int k = first; k < node->nargs; k++)
        node->args[k] = mp__infer_to_float(infer, node->args[k]);
}

static mp_node *convert_builtin(mp_infer *infer, mp_node *node)
{
    mp_node *first = node->args[0];
    bool whole = first->type == MP_TYPE_INT;
    switch (mp__builtin_type(node->as.builtin)) {
    case MP_BUILTIN_REAL:
    case MP_BUILTIN_TEST:
        args_to_float(infer, node, 0);
        break;
    case MP_BUILTIN_SAME:
        if (node->type == MP_TYPE_FLOAT)
            args_to_float(infer, node, 0);
        break;
    case MP_BUILTIN_ROUND:
        return whole ? first : NULL;
    case MP_BUILTIN_CONVERT:
        return whole ? first
                     : mp__infer_make(infer, node, MP_OP_F2I, node->line, 1,
                                      first);
    case MP_BUILTIN_CHOICE:
        return first;
    case MP_BUILTIN_RANDOM:
    case MP_BUILTIN_UNSIGNED:
        break;
    }
    return NULL;
}

/* What a node becomes, or NULL. A case for each operation makes it long. */
static mp_node *convert(mp_infer *infer, mp_node *node)
{
    bool is_float = node->type == MP_TYPE_FLOAT;
    switch (node->op) {
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_DIV:
    case MP_OP_POW:
    case MP_OP_IDIV:
    case MP_OP_MOD:
    case MP_OP_PHI:
        if (is_float)
            args_to_float(infer, node, 0);
        break;
    case MP_OP_SELECT:
        if (is_float)
            args_to_float(infer, node, 1);
        break;
    case MP_OP_TSTORE:
        if (mp__ir_own(infer->func, node->args[0])->type == MP_TYPE_FLOAT)
            args_to_float(infer, node, 2);
        break;
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return mp__infer_compare(infer, node);
    case MP_OP_BUILTIN:
        return convert_builtin(infer, node);
    case MP_OP_CONST:
    case MP_OP_REF:
    case MP_OP_PARAM:
    case MP_OP_I2F:
    case MP_OP_F2I:
    case MP_OP_UNM:
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_SHL:
    case MP_OP_SHR:
    case MP_OP_BNOT:
    case MP_OP_NOT:
    case MP_OP_TRUTH:
    case MP_OP_IS_INT:
    case MP_OP_IS_FLOAT:
    case MP_OP_LEN:
    case MP_OP_SIZE:
    case MP_OP_ROW:
    case MP_OP_LOAD:
    case MP_OP_STORE:
    case MP_OP_ITEM:
    case MP_OP_TLOAD:
    case MP_OP_TLEN:
    case MP_OP_TROW:
    case MP_OP_TINDEX:
    case MP_OP_TGROW:
    case MP_OP_RESULT:
    case MP_OP_FOR_START:
    case MP_OP_FOR_LIMIT:
    case MP_OP_FOR_TEST:
    case MP_OP_EXPECT:
    case MP_OP_POLL:
    case MP_OP_RANGE:
    case MP_OP_ENTRY_MASK:
    case MP_OP_ANY:
    case MP_OP_AND:
    case MP_OP_OR:
    case MP_OP_ANDN:
    case MP_NOPS:
        break;
    }
    return NULL;
}

void mp__infer_convert(mp_infer *infer)
{
    mp_func *func = infer->func;
    int count = func->nnodes;
    mp_node **old =
        mp__unit_alloc(infer->unit, (size_t)count * sizeof(mp_node *));
    give_types(infer);
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *n = func->order[k]->first; n != NULL; n = n->next) {
            if (n->id < count)
                old[n->id] = convert(infer, n);
        }
    }
    mp_node **by =
        mp__unit_alloc(infer->unit, (size_t)func->nnodes * sizeof(mp_node *));
    for (int id = 0; id < count; id++)
        by[id] = old[id];
    mp__ir_replace_all(func, by);
    mp__ir_sweep(func);
}
