/* Conditions: all of them become booleans.
 *
 * A value that is nil on one way and true on the other has no type, but
 * whether it is nil is a boolean, made beside it:
 *
 *     %3 = phi nil true             %3 = phi nil true
 *     branch (truth %3)             %4: bool = phi false true
 *                                   branch %4
 *
 * and the first is dropped where nothing else uses it. */
#include "native/infer.h"

/* What is asked of a value. */
typedef enum question {
    IS_TRUTHY, /* neither nil nor false */
    IS_NIL,
    IS_TRUE,
    IS_FALSE,
    NQUESTIONS
} question;

typedef struct truths {
    mp_infer *infer;
    mp_node **answers; /* NQUESTIONS for each node, or NULL */
    mp_node **by;      /* what nodes become */
    int count;         /* nodes that there were when this began */
} truths;

/* The kinds of values for which the answer is yes. */
static unsigned yes_of(question asked)
{
    switch (asked) {
    case IS_TRUTHY:
        return ~(unsigned)(MP_MAY_NIL | MP_MAY_FALSE);
    case IS_NIL:
        return MP_MAY_NIL;
    case IS_TRUE:
        return MP_MAY_TRUE;
    case IS_FALSE:
        return MP_MAY_FALSE;
    case NQUESTIONS:
        break;
    }
    return 0;
}

static mp_node *answer(truths *t, mp_node *node, question asked);

/* A PHI or SELECT of the answers instead of the values. */
static mp_node *answer_choice(truths *t, mp_node *node, question asked)
{
    mp_node *made = mp__ir_node(t->infer->func, node->op, node->line,
                                node->nargs, node->args);
    made->name = node->name;
    mp__ir_insert(node, made);
    t->answers[node->id * NQUESTIONS + (int)asked] = made;
    mp__infer_learn(t->infer, made, mp__fact_of(MP_MAY_BOOL));
    for (int k = node->op == MP_OP_SELECT; k < node->nargs; k++)
        made->args[k] = answer(t, node->args[k], asked);
    return made;
}

static mp_node *answer_new(truths *t, mp_node *node, question asked)
{
    mp_infer *infer = t->infer;
    unsigned may = mp__infer_fact(infer, node).may, yes = yes_of(asked);
    if ((may & yes) == 0 || (may & ~yes) == 0)
        return mp__infer_bool(infer, (may & yes) != 0);
    if ((may & ~(unsigned)MP_MAY_BOOL) == 0)
        return asked == IS_FALSE ? mp__infer_after(infer, MP_OP_NOT, node)
                                 : node;
    if (node->op == MP_OP_PHI || node->op == MP_OP_SELECT)
        return answer_choice(t, node, asked);
    mp__unit_refuse(infer->unit, node->line, NULL,
                    "a condition on a value of several types");
}

static mp_node *answer(truths *t, mp_node *node, question asked)
{
    mp_node **known = &t->answers[node->id * NQUESTIONS + (int)asked];
    if (*known == NULL)
        *known = answer_new(t, node, asked);
    return *known;
}

/* ---- what asks ---------------------------------------------------------- */

static bool single(mp_fact fact, unsigned may)
{
    return fact.may == may;
}

/* The question that comparing with a value of this fact asks, or none. */
static question asked_by(mp_fact fact)
{
    if (single(fact, MP_MAY_NIL))
        return IS_NIL;
    if (single(fact, MP_MAY_TRUE))
        return IS_TRUE;
    return single(fact, MP_MAY_FALSE) ? IS_FALSE : NQUESTIONS;
}

static mp_node *lower_equal(truths *t, mp_node *node)
{
    mp_fact a = mp__infer_fact(t->infer, node->args[0]);
    mp_fact b = mp__infer_fact(t->infer, node->args[1]);
    if (mp__fact_only(mp__fact_join(a, b), MP_MAY_NUMBER))
        return NULL;
    if (asked_by(b) != NQUESTIONS)
        return answer(t, node->args[0], asked_by(b));
    if (asked_by(a) != NQUESTIONS)
        return answer(t, node->args[1], asked_by(a));
    if (mp__fact_only(mp__fact_join(a, b), MP_MAY_BOOL))
        return NULL;
    mp__unit_refuse(t->infer->unit, node->line,
                    "test for nil, and for what it is, one after the other",
                    "a comparison with a value that may be of several types");
}

/* A number that may be missing is of its kind where it is not. */
static mp_node *lower_kind(truths *t, const mp_node *node)
{
    mp_node *value = node->args[0];
    unsigned may = mp__infer_fact(t->infer, value).may;
    if (may & MP_MAY_INT && may & MP_MAY_FLOAT)
        mp__unit_refuse(t->infer->unit, node->line,
                        "write its numbers as floats, 0.0 for 0",
                        "what math.type is asked of is an integer here and a "
                        "float there");
    if (may & MP_MAY_TRUE)
        mp__unit_refuse(t->infer->unit, node->line,
                        "give it one type on all ways",
                        "what math.type is asked of may be a boolean");
    return answer(t, value, IS_TRUTHY);
}

/* What a node becomes, or NULL. */
static mp_node *lower(truths *t, mp_node *node)
{
    if (node->op == MP_OP_TRUTH)
        return answer(t, node->args[0], IS_TRUTHY);
    if (node->op == MP_OP_IS_INT || node->op == MP_OP_IS_FLOAT)
        return lower_kind(t, node);
    if (node->op == MP_OP_NOT)
        node->args[0] = answer(t, node->args[0], IS_TRUTHY);
    return node->op == MP_OP_EQ ? lower_equal(t, node) : NULL;
}

/* A constant for a node that is always the same, or NULL. */
static mp_node *constant_for(truths *t, const mp_node *node)
{
    mp_fact fact = mp__infer_fact(t->infer, node);
    if (node->op == MP_OP_CONST ||
        mp__ir_node_effects(node) & (MP_EFFECT_C | MP_EFFECT_W))
        return NULL;
    if (single(fact, MP_MAY_TRUE) || single(fact, MP_MAY_FALSE))
        return mp__infer_bool(t->infer, fact.may == MP_MAY_TRUE);
    if (single(fact, MP_MAY_INT) && fact.low == fact.high)
        return mp__infer_int(t->infer, fact.low);
    return NULL;
}

static void lower_block(truths *t, mp_block *block)
{
    for (mp_node *node = block->first; node != NULL; node = node->next) {
        if (node->id >= t->count)
            continue;
        t->by[node->id] = constant_for(t, node);
        if (t->by[node->id] == NULL)
            t->by[node->id] = lower(t, node);
    }
    if (block->end == MP_END_BRANCH)
        block->cond = answer(t, block->cond, IS_TRUTHY);
}

void mp__infer_truth(mp_infer *infer)
{
    mp_func *func = infer->func;
    size_t count = (size_t)func->nnodes;
    truths t = {
        .infer = infer,
        .count = func->nnodes,
        .answers =
            mp__unit_alloc(infer->unit, count * NQUESTIONS * sizeof(mp_node *)),
    };
    t.by = mp__unit_alloc(infer->unit, count * sizeof(mp_node *));
    for (int k = 0; k < func->norder; k++)
        lower_block(&t, func->order[k]);
    /* New nodes stand for themselves. */
    mp_node **by =
        mp__unit_alloc(infer->unit, (size_t)func->nnodes * sizeof(mp_node *));
    for (size_t k = 0; k < count; k++)
        by[k] = t.by[k];
    mp__ir_replace_all(func, by);
    mp__ir_sweep(func);
}
