/* Branches: those that need not be.
 *
 *     if x > 0 then y = 1 end        y = select(x > 0, 1, y)
 *     if a and b then                one branch, on the AND of both
 *
 * A lane's mask costs more than a value that is not used, and a branch that
 * goes one way for one lane and another way for the next becomes a mask. */
#include "native/fold.h"

/* What is computed on both ways at most, in nodes. */
#define MOST_NODES 10

static int find_pred(const mp_block *block, const mp_block *pred)
{
    int k = 0;
    while (block->preds[k] != pred)
        k++;
    return k;
}

/* ---- values instead of branches ----------------------------------------- */

/* Where one way of a branch leads, past a block that has nothing in it. */
static mp_block *target(const mp_block *block, int way)
{
    mp_block *next = block->next[way];
    bool empty =
        next->first == NULL && next->npreds == 1 && next->end == MP_END_JUMP;
    return empty ? next->next[0] : next;
}

static bool select_values(mp_func *func, mp_block *block)
{
    mp_block *to = target(block, 0);
    if (to != target(block, 1) || to == block)
        return false;
    /* With two edges between the same blocks PHIs cannot tell which is which.
     */
    if (block->next[0] == block->next[1])
        return false;
    mp_block *last[2];
    for (int way = 0; way < 2; way++)
        last[way] = block->next[way] == to ? block : block->next[way];
    int then = find_pred(to, last[0]), other = find_pred(to, last[1]);
    mp_node *phi = to->first;
    for (; phi != NULL && phi->op == MP_OP_PHI; phi = phi->next) {
        if (phi->args[then] == phi->args[other])
            continue;
        mp_node *args[] = {block->cond, phi->args[then], phi->args[other]};
        mp_node *made = mp__ir_node(func, MP_OP_SELECT, block->line, 3, args);
        made->type = phi->type;
        mp__ir_append(block, made);
        phi->args[then] = made;
    }
    to->preds[then] = block;
    mp__ir_drop_pred(to, other);
    block->end = MP_END_JUMP;
    block->next[0] = to;
    block->next[1] = NULL;
    block->cond = NULL;
    return true;
}

/* ---- two branches in one ------------------------------------------------ */

static bool is_cheap(const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_I2F:
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_UNM:
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_BNOT:
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
    case MP_OP_NOT:
    case MP_OP_SELECT:
    case MP_OP_AND:
    case MP_OP_OR:
    case MP_OP_ANDN:
    case MP_OP_LEN:
        return true;
    }
    return false;
}

static bool can_join(const mp_block *block)
{
    int count = 0;
    if (block->npreds != 1 || block->end != MP_END_BRANCH)
        return false;
    for (const mp_node *n = block->first; n != NULL; n = n->next) {
        if (!is_cheap(n) || ++count > MOST_NODES)
            return false;
    }
    return true;
}

/* Whether a block cannot tell from which of two it was entered. */
static bool same_inputs(const mp_block *block, const mp_block *a,
                        const mp_block *b)
{
    int i = find_pred(block, a), k = find_pred(block, b);
    const mp_node *phi = block->first;
    for (; phi != NULL && phi->op == MP_OP_PHI; phi = phi->next) {
        if (phi->args[i] != phi->args[k])
            return false;
    }
    return true;
}

static mp_node *join(mp_func *func, mp_block *block, mp_op op, mp_node *a,
                     mp_node *b)
{
    return mp__ir_add(func, block, op, block->line, 2, a, b);
}

/* Makes one branch of that of `block` and of the one that way `to` of it leads
 * to, whose way `out` leads where the other one of `block` does. */
static void join_branches(mp_func *func, mp_block *block, int to, int out)
{
    mp_block *second = block->next[to];
    mp_block *outside = block->next[1 - to], *inside = second->next[1 - out];
    while (second->first != NULL) {
        mp_node *node = second->first;
        mp__ir_remove(node);
        mp__ir_append(block, node);
    }
    mp_node *a = block->cond, *b = second->cond;
    mp__ir_drop_pred(outside, find_pred(outside, second));
    inside->preds[find_pred(inside, second)] = block;
    second->end = MP_END_NONE;
    second->cond = NULL;
    block->next[0] = inside;
    block->next[1] = outside;
    if (to == 0) {
        block->cond =
            join(func, block, out == 0 ? MP_OP_ANDN : MP_OP_AND, a, b);
    } else if (out == 1) {
        block->cond = join(func, block, MP_OP_ANDN, b, a);
    } else {
        block->cond = join(func, block, MP_OP_OR, a, b);
        block->next[0] = outside;
        block->next[1] = inside;
    }
}

static bool try_join(mp_func *func, mp_block *block)
{
    for (int to = 0; to < 2; to++) {
        mp_block *second = block->next[to], *outside = block->next[1 - to];
        if (second == block || second == outside || !can_join(second))
            continue;
        for (int out = 0; out < 2; out++) {
            if (second->next[out] != outside ||
                second->next[1 - out] == outside ||
                !same_inputs(outside, block, second))
                continue;
            join_branches(func, block, to, out);
            return true;
        }
    }
    return false;
}

/* ---- all ---------------------------------------------------------------- */

/* Tries it on all branches, from the end, so that chains become one. */
static bool try_all(mp_func *func, bool (*attempt)(mp_func *, mp_block *))
{
    bool changed = false;
    for (int k = func->norder - 1; k >= 0; k--) {
        mp_block *block = func->order[k];
        while (block->end == MP_END_BRANCH && attempt(func, block))
            changed = true;
    }
    return changed;
}

/* Conditions first: once they have become values they cannot be joined. */
bool mp__fold_branch(mp_func *func)
{
    bool changed = try_all(func, try_join);
    changed |= try_all(func, select_values);
    if (changed)
        mp__ir_order(func);
    return changed;
}
