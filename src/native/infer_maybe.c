/* Numbers that are nil on some ways: `local best; for ... best = d ... end`.
 *
 *     %3 = phi nil %2               %3 = phi nil %2
 *     %4 = add %3 %1                %5 = phi 0 %2
 *                                   %6 = eq %3 nil
 *                                   %7 = not %6
 *                                   expect %7
 *                                   %4 = add %5 %1
 *
 * Where a number is needed nil raises an error, so that it is expected not to
 * be there; `infer_truth` makes a boolean of whether it is. */
#include "native/infer.h"

typedef struct maybe {
    mp_infer *infer;
    mp_node **numbers; /* of nodes: the same with a number for nil, or NULL */
} maybe;

static bool is_choice(const mp_node *node)
{
    return node->op == MP_OP_PHI || node->op == MP_OP_SELECT;
}

/* The first argument of a PHI or SELECT that is a value. */
static int first_value(const mp_node *node)
{
    return node->op == MP_OP_SELECT;
}

static bool is_nil(const mp_node *node)
{
    return node->op == MP_OP_CONST && node->type == MP_TYPE_NIL;
}

/* ---- what is one -------------------------------------------------------- */

static bool look(const mp_infer *infer, const mp_node *node, bool *seen)
{
    unsigned may = mp__infer_fact(infer, node).may;
    if ((may & ~(unsigned)MP_MAY_NUMBER) == 0 || is_nil(node) || seen[node->id])
        return true;
    if ((may & ~(unsigned)(MP_MAY_NUMBER | MP_MAY_NIL)) != 0 ||
        !is_choice(node))
        return false;
    seen[node->id] = true;
    for (int k = first_value(node); k < node->nargs; k++) {
        if (!look(infer, node->args[k], seen))
            return false;
    }
    return true;
}

bool mp__infer_is_maybe(const mp_infer *infer, const mp_node *node)
{
    unsigned may = mp__infer_fact(infer, node).may;
    if (!(may & MP_MAY_NIL) || !(may & MP_MAY_NUMBER))
        return false;
    bool *seen = mp__unit_alloc(infer->unit, (size_t)infer->func->nnodes);
    return look(infer, node, seen);
}

/* ---- numbers ------------------------------------------------------------ */

static mp_fact number_fact(const mp_infer *infer, const mp_node *node)
{
    mp_fact fact = mp__infer_fact(infer, node);
    fact.may &= MP_MAY_NUMBER;
    return fact;
}

/* One that is not worse to have than those that there are. */
static mp_node *some_number(mp_infer *infer, mp_fact fact)
{
    return fact.may & MP_MAY_FLOAT ? mp__infer_float(infer, 0)
                                   : mp__infer_int(infer, fact.low);
}

static mp_node *number_of(maybe *m, mp_node *node, mp_fact around)
{
    mp_infer *infer = m->infer;
    if (is_nil(node))
        return some_number(infer, around);
    mp_fact fact = number_fact(infer, node);
    if (!is_choice(node) || fact.may == mp__infer_fact(infer, node).may)
        return node;
    if (fact.may == 0)
        fact = around;
    mp_node **known = &m->numbers[node->id];
    if (*known != NULL)
        return *known;
    mp_node *made =
        mp__ir_node(infer->func, node->op, node->line, node->nargs, node->args);
    made->name = node->name;
    *known = mp__ir_insert(node, made);
    mp__infer_learn(infer, made, fact);
    for (int k = first_value(node); k < node->nargs; k++)
        made->args[k] = number_of(m, node->args[k], fact);
    return made;
}

/* ---- uses --------------------------------------------------------------- */

/* Whether an argument has to be a number. */
static bool wants_number(const mp_node *user, int k)
{
    switch ((int)user->op) {
    case MP_OP_PHI:
    case MP_OP_SELECT:
    case MP_OP_TRUTH:
    case MP_OP_IS_INT:
    case MP_OP_IS_FLOAT:
    case MP_OP_NOT:
    case MP_OP_EQ:
        return false;
    case MP_OP_STORE:
    case MP_OP_LOAD:
    case MP_OP_ROW:
        return k > 0;
    }
    return true;
}

/* Whether nil as argument k is sure to raise an error. */
static bool raises_nil(const mp_node *user, int k)
{
    if (user->op == MP_OP_LOAD || user->op == MP_OP_STORE ||
        user->op == MP_OP_ROW)
        return true;
    if (user->op == MP_OP_BUILTIN)
        return k < mp__builtin_least(user->as.builtin);
    return (user->op >= MP_OP_ADD && user->op <= MP_OP_BNOT) ||
           user->op == MP_OP_LT || user->op == MP_OP_LE;
}

static void expect(maybe *m, mp_node *user, int k)
{
    mp_infer *infer = m->infer;
    mp_node *value = user->args[k];
    mp_fact fact = number_fact(infer, value);
    mp_node *nil = mp__ir_node(infer->func, MP_OP_CONST, 0, 0, NULL);
    nil->type = MP_TYPE_NIL;
    mp__ir_prepend(infer->func->entry, nil);
    mp__infer_learn(infer, nil, mp__fact_of(MP_MAY_NIL));
    mp_node *is =
        mp__infer_make(infer, user, MP_OP_EQ, user->line, 2, value, nil);
    mp_node *is_not = mp__infer_make(infer, user, MP_OP_NOT, user->line, 1, is);
    mp_node *made =
        mp__infer_make(infer, user, MP_OP_EXPECT, user->line, 1, is_not);
    made->as.b = raises_nil(user, k);
    user->args[k] = number_of(m, value, fact);
    if (user->op == MP_OP_RESULT)
        infer->results[user->as.index].may &= ~(unsigned)MP_MAY_NIL;
}

void mp__infer_maybe(mp_infer *infer)
{
    mp_func *func = infer->func;
    int count = func->nnodes;
    maybe m = {.infer = infer,
               .numbers = mp__unit_alloc(infer->unit,
                                         (size_t)count * sizeof(mp_node *))};
    for (int b = 0; b < func->norder; b++) {
        mp_node *next;
        for (mp_node *node = func->order[b]->first; node != NULL; node = next) {
            next = node->next;
            for (int k = 0; node->id < count && k < node->nargs; k++) {
                if (node->args[k]->id < count && wants_number(node, k) &&
                    mp__infer_is_maybe(infer, node->args[k]))
                    expect(&m, node, k);
            }
        }
    }
}
