/* Lanes: whether a kernel runs faster one item after the other, or twice as
 * many at once.
 *
 * Arithmetic is four times as fast in vectors. Elements at an index of its own
 * for each item are not: they are fetched one by one, and put together. Where
 * most of a kernel is that, as in
 *
 *     for k = start[i] + 1, start[i + 1] do
 *       sum = sum + value[k] * x[column[k] + 1]
 *     end
 *
 * it runs with one lane. Where all values are small
 * integers or float32 (native/narrow.c, native/single.c) it runs with twice or
 * four times as many. What it comes to is estimated both
 * ways, from what `diverge` has found, in quarters of the time of a scalar
 * instruction. The choice depends on the kernel and its types alone. */
#include "native/passes.h"

/* Rounds of a loop, for want of knowledge, and loops within loops that count.
 */
#define ROUNDS 8
#define DEEPEST 4

/* In a loop that items leave one by one some lanes have nothing to do. */
#define IDLE(cost) ((cost) + (cost) / 2)

typedef struct estimate {
    int64_t vector; /* for one item of many */
    int64_t scalar;
    bool scattered; /* an access is made lane by lane */
} estimate;

/* Of what is the same for all items, or so far apart, as a vector. */
#define SHARED 0

static void add(estimate *e, int vector, int scalar)
{
    e->vector += vector;
    e->scalar += scalar;
}

/* Whether the elements lie one behind the other, or are one. */
static bool is_plain(const mp_func *func, const mp_node *node)
{
    const mp_node *array = node->args[0], *index = node->args[1];
    if (array->shape == MP_SHAPE_LINEAR && index->shape == MP_SHAPE_UNIFORM)
        return func->spec->params[array->root].layout == MP_LAYOUT_PACKED;
    if (array->type == MP_TYPE_ARRAY && array->shape != MP_SHAPE_UNIFORM)
        return false;
    if (index->shape == MP_SHAPE_UNIFORM)
        return node->op != MP_OP_STORE;
    return array->type == MP_TYPE_ARRAY && index->shape == MP_SHAPE_LINEAR &&
           index->step == 1 && func->spec->params[array->root].packed;
}

static void add_access(estimate *e, const mp_func *func, const mp_node *node)
{
    int scalar = node->inside ? 4 : 6;
    if (is_plain(func, node)) {
        add(e, 1, scalar);
        return;
    }
    e->scattered = true;
    add(e, node->op == MP_OP_STORE ? 28 : 22, scalar);
}

static void add_arithmetic(estimate *e, const mp_node *node)
{
    bool integer = node->type == MP_TYPE_INT;
    switch ((int)node->op) {
    case MP_OP_CONST:
    case MP_OP_REF:
    case MP_OP_PARAM:
    case MP_OP_PHI:
    case MP_OP_RESULT:
    case MP_OP_POLL:
        return;
    case MP_OP_DIV:
        add(e, 6, 20);
        return;
    case MP_OP_POW:
        add(e, 30, 80);
        return;
    case MP_OP_IDIV:
    case MP_OP_MOD:
        add(e, 12, 40);
        return;
    case MP_OP_MUL:
        add(e, integer ? 4 : 1, 4);
        return;
    case MP_OP_BUILTIN:
        add(e, 16, 50);
        return;
    default:
        add(e, 1, 4);
    }
}

static void add_node(estimate *e, const mp_func *func, const mp_node *node)
{
    bool row = node->op == MP_OP_ROW;
    if (node->op == MP_OP_LOAD || node->op == MP_OP_STORE ||
        node->op == MP_OP_ITEM)
        add_access(e, func, node);
    else if (node->shape != MP_SHAPE_VARYING)
        add(e, SHARED, node->op == MP_OP_CONST || row ? 0 : 4);
    else
        add_arithmetic(e, node);
}

/* Whether items leave a loop one by one. */
static bool is_uneven(const mp_func *func, const mp_block *header)
{
    for (int k = header->order; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        if (!mp__ir_in_loop(block, header))
            break;
        if (block->end == MP_END_BRANCH &&
            block->cond->shape == MP_SHAPE_VARYING &&
            (!mp__ir_in_loop(block->next[0], header) ||
             !mp__ir_in_loop(block->next[1], header)))
            return true;
    }
    return false;
}

static void add_block(estimate *all, const mp_func *func, const mp_block *block)
{
    estimate one = {.scattered = all->scattered};
    int64_t rounds = 1;
    for (const mp_node *node = block->first; node != NULL; node = node->next)
        add_node(&one, func, node);
    for (int depth = 0; depth < block->depth && depth < DEEPEST; depth++)
        rounds *= ROUNDS;
    if (block->header != NULL && is_uneven(func, block->header))
        one.vector = IDLE(one.vector);
    all->vector += rounds * one.vector;
    all->scalar += rounds * one.scalar;
    all->scattered = one.scattered;
}

/* Whether a boolean is made of words or float32. */
static bool is_choice(const mp_node *node)
{
    if (node->op != MP_OP_LT && node->op != MP_OP_LE && node->op != MP_OP_EQ)
        return false;
    return node->single || (node->args[0]->type == MP_TYPE_INT &&
                            node->args[1]->type == MP_TYPE_INT);
}

/* Whether what varies about a node are so many bits; of a run only elements
 * that lie one behind the other. */
static bool is_short(const mp_func *func, const mp_node *node, int bits)
{
    bool run = func->spec->form == MP_FORM_RUN;
    if (node->op == MP_OP_RESULT)
        return true;
    if (node->op == MP_OP_STORE)
        return run && is_plain(func, node);
    if (node->op == MP_OP_LOAD && !(run && is_plain(func, node)))
        return false;
    return node->small || (bits == 32 && node->single) || is_choice(node);
}

/* Whether all that varies has so many bits; without a loop or a branch. */
static bool is_all_short(mp_func *func, int bits)
{
    bool some = false;
    if (func->norder != 1)
        return false;
    func->word = bits;
    mp__narrow_run(func);
    mp__single_run(func);
    for (const mp_node *n = func->entry->first; n != NULL; n = n->next) {
        if (n->shape != MP_SHAPE_VARYING && n->op != MP_OP_STORE)
            continue;
        if (!is_short(func, n, bits))
            return false;
        some |= n->op != MP_OP_RESULT && n->op != MP_OP_STORE;
    }
    return some;
}

/* A register holds twice as many words of 32 bits as of what lanes are counted
 * for, and four times as many of 16. */
static void widen(mp_func *func)
{
    if (is_all_short(func, 16))
        func->spec->lanes *= 4;
    else if (is_all_short(func, 32))
        func->spec->lanes *= 2;
    else
        func->word = 32;
}

void mp__lanes_run(mp_func *func)
{
    estimate all = {.scattered = false};
    if (!func->spec->any_lanes || func->spec->lanes == 1)
        return;
    for (int k = 0; k < func->norder; k++)
        add_block(&all, func, func->order[k]);
    if (all.scattered && all.vector > all.scalar) {
        func->spec->lanes = 1;
        mp__diverge_run(func);
    } else if (func->spec->form != MP_FORM_REDUCE) {
        widen(func);
    }
}
