/* Rounding: math.floor() and its like give an integer, or a float where no
 * integer is large enough. Native code has one type for it. As an integer it
 * is checked, and the interpreter takes over where it does not fit; but where
 * all that uses it converts it to a float, it may be one at once, and always
 * fits. Uses that have been found not to matter count too: that may have been
 * found because it is an integer. */
#include "native/builtin_type.h"
#include "native/infer.h"

static bool may_be_float(const mp_infer *infer, const mp_node *node)
{
    return (mp__infer_fact(infer, node).may & MP_MAY_FLOAT) != 0;
}

/* Whether it rounds what is a float in any case. */
static bool is_rounding(const mp_infer *infer, const mp_node *node)
{
    return node->op == MP_OP_BUILTIN &&
           mp__builtin_type(node->as.builtin) == MP_BUILTIN_ROUND &&
           mp__fact_only(mp__infer_fact(infer, node->args[0]), MP_MAY_FLOAT);
}

static bool is_float_dtype(mp_dtype dtype)
{
    return dtype == MP_FLOAT16 || dtype == MP_FLOAT32 || dtype == MP_FLOAT64;
}

static bool takes_result(const mp_infer *infer, int index)
{
    const mp_output *output = &infer->func->spec->outputs[index];
    if (output->open)
        return (infer->results[index].may & MP_MAY_FLOAT) != 0;
    return is_float_dtype(output->dtype);
}

/* Whether argument k of `user`, an integer that is the value of a float, may
 * be that float. */
static bool takes_float(const mp_infer *infer, const mp_node *user, int k)
{
    const mp_spec *spec = infer->func->spec;
    switch ((int)user->op) {
    case MP_OP_DIV:
    case MP_OP_POW:
        return true;
    case MP_OP_PHI:
    case MP_OP_SELECT:
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return may_be_float(infer, user);
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return may_be_float(infer, user->args[1 - k]);
    case MP_OP_TSTORE:
        return k == 2 && (mp__infer_items(infer, user).may & MP_MAY_FLOAT) != 0;
    case MP_OP_STORE:
        return k == 2 &&
               is_float_dtype(spec->params[user->args[0]->root].dtype);
    case MP_OP_RESULT:
        return spec->form == MP_FORM_MAP && takes_result(infer, user->as.index);
    case MP_OP_BUILTIN:
        switch (mp__builtin_type(user->as.builtin)) {
        case MP_BUILTIN_REAL:
        case MP_BUILTIN_TEST:
            return true;
        case MP_BUILTIN_SAME:
            return may_be_float(infer, user);
        case MP_BUILTIN_CHOICE:
        case MP_BUILTIN_ROUND:
        case MP_BUILTIN_CONVERT:
        case MP_BUILTIN_RANDOM:
        case MP_BUILTIN_UNSIGNED:
            return false;
        }
    }
    return false;
}

void mp__infer_round(mp_infer *infer)
{
    const mp_func *func = infer->func;
    bool *whole = mp__unit_alloc(infer->unit, (size_t)func->nnodes);
    for (int k = 0; k < func->norder; k++) {
        for (const mp_node *n = func->order[k]->first; n != NULL; n = n->next) {
            for (int i = 0; i < n->nargs; i++)
                whole[n->args[i]->id] |= !takes_float(infer, n, i);
        }
    }
    for (int k = 0; k < func->norder; k++) {
        for (const mp_node *n = func->order[k]->first; n != NULL; n = n->next) {
            if (is_rounding(infer, n) && !whole[n->id])
                mp__infer_learn(infer, n, mp__fact_of(MP_MAY_FLOAT));
        }
    }
}
