/* Blocks that always follow one another become one, so that what they have in
 * common is found, and no mask is made between them. */
#include "native/fold.h"

static bool is_tail(const mp_block *block)
{
    return block->npreds == 1 && block->preds[0]->end == MP_END_JUMP &&
           block->preds[0] != block &&
           (block->first == NULL || block->first->op != MP_OP_PHI);
}

static void rename_pred(mp_block *block, const mp_block *from, mp_block *to)
{
    for (int k = 0; k < block->npreds; k++) {
        if (block->preds[k] == from)
            block->preds[k] = to;
    }
}

static void append(mp_func *func, mp_block *block, mp_block *tail)
{
    while (tail->first != NULL) {
        mp_node *node = tail->first;
        mp__ir_remove(node);
        mp__ir_append(block, node);
    }
    block->end = tail->end;
    block->cond = tail->cond;
    for (int k = 0; k < 2; k++)
        block->next[k] = tail->next[k];
    for (int k = 0; k < mp__ir_nexts(tail); k++)
        rename_pred(tail->next[k], tail, block);
    tail->npreds = 0;
    if (func->exit == tail)
        func->exit = block;
}

bool mp__fold_merge(mp_func *func)
{
    bool changed = false;
    /* From the end, so that a chain of blocks grows together. */
    for (int k = func->norder - 1; k > 0; k--) {
        mp_block *block = func->order[k];
        if (!is_tail(block))
            continue;
        append(func, block->preds[0], block);
        changed = true;
    }
    if (changed)
        mp__ir_order(func);
    return changed;
}
