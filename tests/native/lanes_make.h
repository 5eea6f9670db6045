/* Random functions in the intermediate representation for lanes.h: branches,
 * loops in loops with several ways out and round, gotos, early returns; each
 * loop ends after a few iterations. The same seed makes the same function. */
#ifndef MP_TESTS_NATIVE_LANES_MAKE_H
#define MP_TESTS_NATIVE_LANES_MAKE_H

#include "lanes.h"

/* ---- random graphs ------------------------------------------------------ */

typedef struct lanes_maker {
    mp_func *func;
    uint64_t random;
    int budget; /* blocks left */
    int nloops, nlabels;
    struct {
        mp_block *header, *after;
    } loops[8];
    mp_block *labels[8];
    mp_block *exit;
} lanes_maker;

static inline int lanes_below(lanes_maker *m, int limit)
{
    return (int)(lanes_random(&m->random) % (uint64_t)limit);
}

static inline mp_block *lanes_block(lanes_maker *m)
{
    m->budget--;
    return mp__ir_block(m->func, 0);
}

/* Conditions come later. */
static inline void lanes_branch(lanes_maker *m, mp_block *from, mp_block *a,
                                mp_block *b)
{
    if (lanes_below(m, 2))
        mp__ir_branch(m->func, from, NULL, a, b);
    else
        mp__ir_branch(m->func, from, NULL, b, a);
}

/* Somewhere to go from here: out of loops, round again, forward. */
static inline mp_block *lanes_somewhere(lanes_maker *m)
{
    int kind = lanes_below(m, 8);
    if (kind < 4 && m->nloops > 0)
        return m->loops[m->nloops - 1 - lanes_below(m, 10) % m->nloops].after;
    if (kind < 5 && m->nloops > 0)
        return m->loops[lanes_below(m, m->nloops)].header;
    if (kind < 7 && m->nlabels > 0)
        return m->labels[lanes_below(m, m->nlabels)];
    return m->exit;
}

static inline mp_block *lanes_list(lanes_maker *m, mp_block *at, int depth);

static inline mp_block *lanes_if(lanes_maker *m, mp_block *at, int depth)
{
    mp_block *then = lanes_block(m), *other = lanes_block(m);
    mp_block *join = lanes_block(m);
    bool has_else = lanes_below(m, 2);
    lanes_branch(m, at, then, has_else ? other : join);
    then = lanes_list(m, then, depth + 1);
    bool reached = then != NULL || !has_else;
    if (then != NULL)
        mp__ir_jump(m->func, then, join);
    if (has_else) {
        other = lanes_list(m, other, depth + 1);
        if (other != NULL)
            mp__ir_jump(m->func, other, join);
        reached |= other != NULL;
    }
    return reached ? join : NULL;
}

/* Each loop has a test at its head; lanes_fill() makes it end it. */
static inline mp_block *lanes_loop(lanes_maker *m, mp_block *at, int depth)
{
    mp_block *header = lanes_block(m), *body = lanes_block(m);
    mp_block *after = lanes_block(m);
    mp__ir_jump(m->func, at, header);
    mp__ir_branch(m->func, header, NULL, body, after);
    m->loops[m->nloops].header = header;
    m->loops[m->nloops++].after = after;
    int labels = m->nlabels; /* gotos may leave the loop */
    body = lanes_list(m, body, depth + 1);
    m->nlabels = labels;
    m->nloops--;
    if (body != NULL)
        mp__ir_jump(m->func, body, header);
    return after;
}

static inline mp_block *lanes_labelled(lanes_maker *m, mp_block *at, int depth)
{
    mp_block *label = lanes_block(m);
    m->labels[m->nlabels++] = label;
    at = lanes_list(m, at, depth + 1);
    m->nlabels--;
    if (at != NULL)
        mp__ir_jump(m->func, at, label);
    return label;
}

static inline mp_block *lanes_leave(lanes_maker *m, mp_block *at)
{
    if (lanes_below(m, 5) == 0) {
        mp__ir_jump(m->func, at, lanes_somewhere(m));
        return NULL;
    }
    mp_block *next = lanes_block(m);
    lanes_branch(m, at, lanes_somewhere(m), next);
    return next;
}

/* Statements from `at` on; NULL: their end is not reached. */
static inline mp_block *lanes_list(lanes_maker *m, mp_block *at, int depth)
{
    int count = 1 + lanes_below(m, 3);
    for (int k = 0; k < count && at != NULL && m->budget > 0; k++) {
        int kind = lanes_below(m, depth < 5 ? 8 : 2);
        if (kind < 3)
            at = lanes_leave(m, at);
        else if (kind < 5)
            at = lanes_if(m, at, depth);
        else if (kind < 7 && m->nloops < 3)
            at = lanes_loop(m, at, depth);
        else if (m->nlabels < 8)
            at = lanes_labelled(m, at, depth);
    }
    return at;
}

/* ---- random values ------------------------------------------------------ */

static inline bool lanes_is_counter(const mp_node *node)
{
    return node->op == MP_OP_PHI && node->as.index == 1;
}

/* A random value of a type that is there at the end of a block so far, or
 * NULL; `plain`: likely one that is uniform. */
static inline mp_node *lanes_pick(lanes_maker *m, mp_block *block, mp_type type,
                                  bool plain)
{
    mp_node *picked = NULL;
    int seen = 0;
    for (; block != NULL; block = block->idom) {
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            bool good =
                !plain || lanes_is_counter(node) || node->op == MP_OP_CONST ||
                (node->op == MP_OP_PARAM && node->as.index == LANES_UNIFORM);
            if (good && node->type == type && node->rank < 2 &&
                lanes_below(m, ++seen) == 0)
                picked = node;
        }
    }
    return picked;
}

static inline mp_node *lanes_add(lanes_maker *m, mp_block *block, mp_op op,
                                 mp_type type, mp_node *a, mp_node *b)
{
    mp_node *node = mp__ir_add(m->func, block, op, 0, b != NULL ? 2 : 1, a, b);
    node->type = type;
    return node;
}

static inline mp_node *lanes_cond(lanes_maker *m, mp_block *block)
{
    static const mp_op ops[] = {MP_OP_LT, MP_OP_LE, MP_OP_EQ};
    bool plain = lanes_below(m, 5) < 2;
    mp_node *cond = lanes_pick(m, block, MP_TYPE_BOOL, false);
    if (cond != NULL && !plain && lanes_below(m, 3) == 0)
        return cond;
    mp_node *a = lanes_pick(m, block, MP_TYPE_INT, plain);
    mp_node *b = lanes_pick(m, block, MP_TYPE_INT, plain);
    cond = lanes_add(m, block, ops[lanes_below(m, 3)], MP_TYPE_BOOL, a, b);
    if (lanes_below(m, 4) == 0)
        cond = lanes_add(m, block, MP_OP_NOT, MP_TYPE_BOOL, cond, NULL);
    return cond;
}

static inline void lanes_store(lanes_maker *m, mp_block *block)
{
    mp_node *array = lanes_pick(m, block, MP_TYPE_ARRAY, false);
    mp__ir_add(m->func, block, MP_OP_STORE, 0, 3, array,
               lanes_pick(m, block, MP_TYPE_INT, false),
               lanes_pick(m, block, MP_TYPE_INT, false));
}

static inline void lanes_row(lanes_maker *m, mp_block *block)
{
    mp_node *matrix = m->func->entry->first;
    while (matrix->op != MP_OP_PARAM || matrix->as.index != LANES_MATRIX)
        matrix = matrix->next;
    mp_node *row = lanes_add(m, block, MP_OP_ROW, MP_TYPE_ARRAY, matrix,
                             lanes_pick(m, block, MP_TYPE_INT, false));
    row->rank = 1;
    row->root = LANES_MATRIX;
}

static inline void lanes_value_in(lanes_maker *m, mp_block *block)
{
    static const mp_op ops[] = {MP_OP_ADD, MP_OP_SUB, MP_OP_MUL, MP_OP_BAND,
                                MP_OP_SHL};
    bool plain = lanes_below(m, 4) == 0;
    mp_node *a = lanes_pick(m, block, MP_TYPE_INT, plain);
    mp_node *b = lanes_pick(m, block, MP_TYPE_INT, plain);
    int kind = lanes_below(m, 12);
    if (kind < 2)
        lanes_store(m, block);
    else if (kind == 2)
        lanes_row(m, block);
    else if (kind == 3)
        lanes_add(m, block, MP_OP_LOAD, MP_TYPE_INT,
                  lanes_pick(m, block, MP_TYPE_ARRAY, false), a);
    else if (kind == 4)
        lanes_add(m, block, MP_OP_MOD, MP_TYPE_INT, a, b);
    else if (kind == 5)
        lanes_add(m, block, MP_OP_BNOT, MP_TYPE_INT, a, NULL);
    else if (kind == 6)
        mp__ir_add(m->func, block, MP_OP_SELECT, 0, 3, lanes_cond(m, block), a,
                   b)
            ->type = MP_TYPE_INT;
    else
        lanes_add(m, block, ops[lanes_below(m, 5)], MP_TYPE_INT, a, b);
}

static inline void lanes_phi(lanes_maker *m, mp_block *block, mp_type type)
{
    mp_node *phi =
        mp__ir_add(m->func, block, MP_OP_PHI, 0, block->npreds, NULL);
    for (int k = 0; k < block->npreds; k++)
        phi->args[k] = NULL;
    phi->type = type;
    phi->as.index = 0;
}

/* The head of a loop counts how often it runs, and stops at some number. */
static inline void lanes_head(lanes_maker *m, mp_block *block)
{
    mp_node *counter = block->first;
    mp_node *one = mp__ir_int(m->func, block, 1);
    mp_node *seven = mp__ir_int(m->func, block, 3);
    mp_node *more = lanes_add(m, block, MP_OP_ADD, MP_TYPE_INT, counter, one);
    for (int k = 0; k < block->npreds; k++) {
        bool round = mp__ir_dominates(block, block->preds[k]);
        counter->args[k] = round ? more : m->func->entry->first;
    }
    mp_node *bound = lanes_pick(m, block, MP_TYPE_INT, lanes_below(m, 3) > 0);
    bound = lanes_add(m, block, MP_OP_BAND, MP_TYPE_INT, bound, seven);
    block->cond = lanes_add(m, block, MP_OP_LE, MP_TYPE_BOOL, counter, bound);
}

static inline void lanes_fill(lanes_maker *m, mp_block *block)
{
    bool header = block->header == block;
    if (header) {
        lanes_phi(m, block, MP_TYPE_INT);
        block->first->as.index = 1;
    }
    for (int k = 0; block->npreds > 1 && k < lanes_below(m, 3); k++)
        lanes_phi(m, block, lanes_below(m, 4) ? MP_TYPE_INT : MP_TYPE_BOOL);
    if (header)
        lanes_head(m, block);
    for (int k = lanes_below(m, 4); k > 0; k--)
        lanes_value_in(m, block);
    if (block->end == MP_END_BRANCH && !header)
        block->cond = lanes_cond(m, block);
    if (lanes_below(m, 4) == 0)
        lanes_store(m, block);
}

static inline void lanes_close(lanes_maker *m, const mp_block *block)
{
    for (mp_node *phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
         phi = phi->next) {
        for (int k = 0; k < block->npreds; k++) {
            mp_block *pred = block->preds[k];
            if (phi->args[k] == NULL)
                phi->args[k] =
                    lanes_pick(m, pred, phi->type, lanes_below(m, 3) == 0);
            if (phi->args[k] == NULL) /* of the entry, a boolean */
                phi->args[k] = lanes_pick(m, pred, phi->type, false);
        }
    }
}

static inline void lanes_params(lanes_maker *m, mp_block *entry)
{
    mp__ir_int(m->func, entry, 0);
    mp__ir_int(m->func, entry, 2);
    mp__ir_bool(m->func, entry, true);
    for (int k = 0; k < 5; k++) {
        mp_node *param = mp__ir_add(m->func, entry, MP_OP_PARAM, 0, 0);
        param->as.index = k;
        param->type = k < LANES_ROW ? MP_TYPE_INT : MP_TYPE_ARRAY;
        param->rank = k < LANES_ROW ? 0 : k - LANES_ROW + 1;
        param->root = k;
    }
}

/* A random function of up to about `size` blocks. */
static inline mp_func *lanes_make(mp_unit *unit, mp_spec *spec, uint64_t seed,
                                  int size)
{
    lanes_maker m = {
        .func = mp__ir_func(unit, spec),
        .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
        .budget = size,
    };
    for (int k = 0; k < 8; k++)
        lanes_random(&m.random);
    mp_func *func = m.func;
    func->entry = lanes_block(&m);
    m.exit = lanes_block(&m);
    mp_block *at = func->entry;
    for (int k = 0; k < 4 && at != NULL; k++)
        at = lanes_list(&m, at, 0);
    if (at != NULL)
        mp__ir_jump(func, at, m.exit);
    mp__ir_return(func, m.exit);
    mp__ir_order(func);
    lanes_params(&m, func->entry);
    for (int k = 0; k < func->norder; k++)
        lanes_fill(&m, func->order[k]);
    for (int k = 0; k < func->norder; k++)
        lanes_close(&m, func->order[k]);
    if (func->exit->order >= 0)
        mp__ir_add(func, func->exit, MP_OP_RESULT, 0, 1,
                   lanes_pick(&m, func->exit, MP_TYPE_INT, false));
    return func;
}

#endif
