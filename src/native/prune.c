/* Pruning the control-flow graph. */
#include "native/prune.h"

/* The number among its predecessors of an edge from `from` to `to`; of two,
 * the one that stands for the way. */
static int find_pred(const mp_block *from, const mp_block *to, int way)
{
    int found = -1;
    for (int k = 0; k < to->npreds; k++) {
        if (to->preds[k] != from)
            continue;
        if (found < 0 || way == 1)
            found = k;
    }
    return found;
}

void mp__prune_branch(mp_block *block, int way)
{
    bool same = block->next[0] == block->next[1];
    mp_block *never = block->next[1 - way];
    mp__ir_drop_pred(never, find_pred(block, never, same ? 1 - way : 0));
    block->end = MP_END_JUMP;
    block->next[0] = block->next[way];
    block->next[1] = NULL;
    block->cond = NULL;
}

/* ---- PHIs --------------------------------------------------------------- */

static mp_node *become(mp_node *const *by, mp_node *node)
{
    while (by[node->id] != NULL)
        node = by[node->id];
    return node;
}

/* The value that a PHI has on all ways, or NULL. */
static mp_node *only_value(mp_node *const *by, mp_node *phi)
{
    mp_node *value = NULL;
    for (int k = 0; k < phi->nargs; k++) {
        mp_node *arg = become(by, phi->args[k]);
        if (arg == phi || arg == value)
            continue;
        if (value != NULL)
            return NULL;
        value = arg;
    }
    return value;
}

static bool collect_phis(mp_func *func, mp_node **by)
{
    bool found = false;
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        mp_node *next;
        for (mp_node *phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
             phi = next) {
            next = phi->next;
            mp_node *value = only_value(by, phi);
            if (value == NULL)
                continue;
            by[phi->id] = value;
            mp__ir_remove(phi);
            found = true;
        }
    }
    return found;
}

bool mp__prune_phis(mp_func *func)
{
    mp_node **by =
        mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof(mp_node *));
    bool found = false;
    while (collect_phis(func, by))
        found = true;
    if (found)
        mp__ir_replace_all(func, by);
    return found;
}

/* ---- loops without an end ----------------------------------------------- */

/* Marks all blocks from which the exit can be reached. */
static void mark_ending(mp_func *func)
{
    mp_block **stack = NULL;
    int depth = 0;
    func->exit->mark = true;
    MP_UNIT_PUSH(func->unit, stack, depth, func->exit);
    while (depth > 0) {
        const mp_block *block = stack[--depth];
        for (int k = 0; k < block->npreds; k++) {
            mp_block *pred = block->preds[k];
            if (pred->mark)
                continue;
            pred->mark = true;
            MP_UNIT_PUSH(func->unit, stack, depth, pred);
        }
    }
}

static void check_ending(mp_func *func)
{
    const mp_block *endless = NULL;
    if (func->exit->order >= 0)
        mark_ending(func);
    for (int k = 0; k < func->norder; k++) {
        if (!func->order[k]->mark && endless == NULL)
            endless = func->order[k];
        func->order[k]->mark = false;
    }
    if (endless != NULL)
        mp__unit_refuse(func->unit, endless->line, "give it a way out",
                        "a loop never ends");
}

void mp__prune_finish(mp_func *func)
{
    mp__ir_order(func);
    check_ending(func);
    mp__prune_phis(func);
}
