/* Hoisting: checks whose arguments do not change in a loop are made before it,
 * and so are loads where the loop stores nothing. LLVM moves what cannot fail
 * by itself, but nothing across a check.
 *
 * A loop that is not entered, or leaves before the check, makes none; made too
 * early one may fail where Lua goes on. Then the interpreter runs the items,
 * which is slow but right, so that only what is done in each full round is
 * moved, and nothing where something may have been stored before. */
#include "native/fold.h"

typedef struct hoist {
    mp_func *func;
    bool *stores;      /* by block: a header's loop has one */
    bool *stored_once; /* by block: one may have run before it */
    bool rereads;      /* so that nothing may fail after it */
} hoist;

static bool has_store(const mp_block *block)
{
    for (const mp_node *n = block->first; n != NULL; n = n->next) {
        if (n->op == MP_OP_STORE)
            return true;
    }
    return false;
}

static void find_stores(hoist *h)
{
    bool stored = false;
    for (int k = 0; k < h->func->norder; k++) {
        const mp_block *block = h->func->order[k], *header = block->header;
        h->stored_once[block->id] = stored;
        if (!has_store(block))
            continue;
        stored = true;
        for (; header != NULL; header = header->outer)
            h->stores[header->id] = true;
    }
}

/* Whether storing may have come before the end of a block that is outside of
 * its own loop's. */
static bool after_store(const hoist *h, const mp_block *block)
{
    const mp_block *header = block->header;
    bool stored = h->stored_once[block->id] || has_store(block);
    for (; header != NULL; header = header->outer)
        stored |= h->stores[header->id];
    return stored;
}

/* The block that leads into a loop and nowhere else, or NULL. */
static mp_block *find_entry(const mp_block *header)
{
    mp_block *entry = NULL;
    for (int k = 0; k < header->npreds; k++) {
        mp_block *pred = header->preds[k];
        if (mp__ir_in_loop(pred, header))
            continue;
        if (entry != NULL)
            return NULL;
        entry = pred;
    }
    return entry != NULL && entry->end == MP_END_JUMP ? entry : NULL;
}

/* Whether each round that is not the last goes through a block. */
static bool in_each_round(const mp_block *block, const mp_block *header)
{
    for (int k = 0; k < header->npreds; k++) {
        if (mp__ir_in_loop(header->preds[k], header) &&
            !mp__ir_dominates(block, header->preds[k]))
            return false;
    }
    return true;
}

static bool is_invariant(const mp_node *node, const mp_block *header)
{
    for (int k = 0; k < node->nargs; k++) {
        if (mp__ir_in_loop(node->args[k]->block, header))
            return false;
    }
    return true;
}

static bool can_move(const hoist *h, const mp_node *node,
                     const mp_block *header, const mp_block *entry)
{
    mp_effects effects = mp__ir_node_effects(node);
    if (node->op == MP_OP_PHI || node->type == MP_TYPE_NONE ||
        node->op == MP_OP_TLOAD || effects & MP_EFFECT_W ||
        !is_invariant(node, header))
        return false;
    if (effects & MP_EFFECT_R && h->stores[header->id] &&
        !mp__ir_is_fixed(h->func, node))
        return false;
    return !(effects & MP_EFFECT_C) || !h->rereads || !after_store(h, entry);
}

static bool move_out(const hoist *h, mp_block *block, const mp_block *header)
{
    bool changed = false;
    mp_block *entry = find_entry(header);
    if (entry == NULL || !in_each_round(block, header))
        return false;
    mp_node *next;
    for (mp_node *node = block->first; node != NULL; node = next) {
        next = node->next;
        if (!can_move(h, node, header, entry))
            continue;
        mp__ir_remove(node);
        mp__ir_append(entry, node);
        changed = true;
    }
    return changed;
}

/* From inner loops to outer ones. */
bool mp__fold_hoist(mp_func *func)
{
    hoist h = {.func = func, .rereads = mp__ir_rereads(func)};
    size_t size = (size_t)func->nblocks * sizeof(bool);
    bool changed = false;
    h.stores = mp__unit_alloc(func->unit, size);
    h.stored_once = mp__unit_alloc(func->unit, size);
    find_stores(&h);
    for (int k = func->norder - 1; k >= 0; k--) {
        const mp_block *header = func->order[k];
        if (header->header != header)
            continue;
        for (int i = k; i < func->norder; i++) {
            if (!mp__ir_in_loop(func->order[i], header))
                break;
            changed |= move_out(&h, func->order[i], header);
        }
    }
    return changed;
}
