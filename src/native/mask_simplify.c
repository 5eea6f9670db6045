/* The form of loops that `diverge` and `mask` start from. */
#include "native/mask_level.h"

/* ---- constants ---------------------------------------------------------- */

static bool is_constant(const mp_node *node)
{
    return node->op == MP_OP_CONST || node->op == MP_OP_REF ||
           node->op == MP_OP_PARAM;
}

/* Constants at the beginning of the function are never in a loop that lanes
 * leave, nor in a block that is skipped. */
static void hoist_constants(mp_func *func)
{
    mp_block *entry = func->entry;
    mp_node *before = entry->first, *next;
    while (before != NULL && is_constant(before))
        before = before->next;
    for (int k = 0; k < func->norder; k++) {
        mp_node *first = k == 0 ? before : func->order[k]->first;
        for (mp_node *node = first; node != NULL; node = next) {
            next = node->next;
            if (!is_constant(node))
                continue;
            mp__ir_remove(node);
            if (before != NULL)
                mp__ir_insert(before, node);
            else
                mp__ir_append(entry, node);
        }
    }
}

/* ---- edges -------------------------------------------------------------- */

/* The entry must not be the header of a loop. */
static void make_entry(mp_func *func)
{
    if (func->entry->npreds == 0)
        return;
    mp_block *entry = mp__ir_block(func, func->entry->line);
    mp__ir_jump(func, entry, func->entry);
    func->entry = entry;
}

static bool all_same(const mp_node *phi, const bool *picked)
{
    const mp_node *same = NULL;
    for (int k = 0; k < phi->nargs; k++) {
        if (!picked[k])
            continue;
        if (same != NULL && phi->args[k] != same)
            return false;
        same = phi->args[k];
    }
    return true;
}

/* The value that a PHI gets by some of its edges, in a block of theirs. */
static mp_node *merge_args(mp_func *func, mp_block *block, const mp_node *phi,
                           const bool *picked)
{
    mp_node *merged = NULL;
    if (!all_same(phi, picked)) {
        merged = mp__ir_append(
            block, mp__ir_node(func, MP_OP_PHI, phi->line, phi->nargs, NULL));
        merged->type = phi->type;
        merged->rank = phi->rank;
        merged->root = phi->root;
        merged->name = phi->name;
        merged->nargs = 0;
    }
    mp_node *value = merged;
    for (int k = 0; k < phi->nargs; k++) {
        if (!picked[k])
            continue;
        if (merged != NULL)
            merged->args[merged->nargs++] = phi->args[k];
        else
            value = phi->args[k];
    }
    return value;
}

static void add_arg(mp_func *func, mp_node *phi, mp_node *value)
{
    size_t size = (size_t)phi->nargs + 1;
    mp_node **args = mp__unit_alloc(func->unit, size * sizeof *args);
    for (int k = 0; k < phi->nargs; k++)
        args[k] = phi->args[k];
    args[phi->nargs++] = value;
    phi->args = args;
}

static bool is_phi(const mp_node *node)
{
    return node != NULL && node->op == MP_OP_PHI;
}

/* Sends some of the edges into a block through a new one, `via`. An edge of a
 * branch whose other edge goes the same way is left alone at first: split()
 * has seen to it that there is none. */
static void funnel(mp_func *func, mp_block *to, const bool *picked)
{
    mp_block *via = mp__ir_block(func, to->line);
    for (mp_node *phi = to->first; is_phi(phi); phi = phi->next) {
        mp_node *value = merge_args(func, via, phi, picked);
        add_arg(func, phi, value);
    }
    int npreds = to->npreds;
    for (int k = 0; k < npreds; k++) {
        mp_block *from = to->preds[k];
        if (!picked[k])
            continue;
        from->next[from->next[0] == to ? 0 : 1] = via;
        MP_UNIT_PUSH(func->unit, via->preds, via->npreds, from);
    }
    mp__ir_jump(func, via, to);
    for (int k = npreds - 1; k >= 0; k--) {
        if (picked[k])
            mp__ir_drop_pred(to, k);
    }
}

/* No two edges go from one block to the same other. */
static void split(mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k], *to = block->next[0];
        if (block->end != MP_END_BRANCH || to != block->next[1])
            continue;
        bool *picked = mp__unit_alloc(func->unit, (size_t)to->npreds);
        int i = 0;
        while (to->preds[i] != block)
            i++;
        picked[i] = true;
        funnel(func, to, picked);
    }
}

/* ---- what leaves loops -------------------------------------------------- */

/* Whether the edge goes by a block that does nothing, and which is not the
 * way around an outer loop. */
static bool can_thread(const mp_block *from, const mp_block *via)
{
    if (from->header == NULL || mp__ir_in_loop(via, from->header))
        return false;
    if (via->first != NULL || via->end != MP_END_JUMP)
        return false;
    const mp_block *to = via->next[0];
    return to != via && to->header != to && to != from->next[0] &&
           to != from->next[1];
}

static int pred_of(const mp_block *to, const mp_block *from)
{
    int k = 0;
    while (to->preds[k] != from)
        k++;
    return k;
}

static void thread(mp_func *func, mp_block *from, int slot)
{
    mp_block *via = from->next[slot], *to = via->next[0];
    int k = pred_of(to, via);
    for (mp_node *phi = to->first; is_phi(phi); phi = phi->next)
        add_arg(func, phi, phi->args[k]);
    from->next[slot] = to;
    MP_UNIT_PUSH(func->unit, to->preds, to->npreds, from);
    mp__ir_drop_pred(via, pred_of(via, from));
}

/* `break` as a block of its own would be a second way out of the loop, with
 * lanes of its own to be kept account of. */
static void thread_exits(mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        for (int slot = 0; slot < mp__ir_nexts(block); slot++) {
            while (can_thread(block, block->next[slot]))
                thread(func, block, slot);
        }
    }
    mp__ir_order(func);
}

/* The header of the loop that an edge leaves, or NULL. */
static mp_block *left_by(const mp_block *from, const mp_block *to)
{
    mp_block *header = from->header;
    return header != NULL && !mp__ir_in_loop(to, header) ? header : NULL;
}

/* Picks the predecessors that leave the same loop as the first that does,
 * unless that is all of them. */
static bool pick_exits(const mp_block *to, bool *picked)
{
    const mp_block *left = NULL;
    int count = 0;
    for (int k = 0; k < to->npreds; k++) {
        const mp_block *header = left_by(to->preds[k], to);
        if (left == NULL)
            left = header;
        picked[k] = header != NULL && header == left;
        count += picked[k];
    }
    return count > 0 && count < to->npreds;
}

static void funnel_exits(mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *to = func->order[k];
        for (;;) {
            bool *picked = mp__unit_alloc(func->unit, (size_t)to->npreds + 1);
            if (!pick_exits(to, picked))
                break;
            funnel(func, to, picked);
        }
    }
    mp__ir_order(func);
}

/* Picks what enters a loop, or what leads back to its header. */
static void funnel_header(mp_func *func, mp_block *header, bool back)
{
    bool *picked = mp__unit_alloc(func->unit, (size_t)header->npreds);
    int count = 0;
    for (int k = 0; k < header->npreds; k++) {
        const mp_block *pred = header->preds[k];
        /* What this function has made has no order yet, and enters. */
        bool inside = pred->order >= 0 && mp__ir_in_loop(pred, header);
        picked[k] = inside == back;
        count += picked[k];
    }
    if (count > 1)
        funnel(func, header, picked);
}

static void funnel_headers(mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        if (block->header != block)
            continue;
        funnel_header(func, block, false);
        funnel_header(func, block, true);
    }
    mp__ir_order(func);
}

/* The only value that a PHI can have, or NULL. `by`: what those have become
 * that have had one. */
static mp_node *only_value(const mp_node *phi, mp_node *const *by)
{
    mp_node *only = NULL;
    for (int k = 0; k < phi->nargs; k++) {
        mp_node *value = phi->args[k];
        while (by[value->id] != NULL)
            value = by[value->id];
        if (value == phi || value == only)
            continue;
        if (only != NULL)
            return NULL;
        only = value;
    }
    return only;
}

/* A PHI that is but another name of a value would be kept for each lane that
 * leaves a loop, though that value stays the same in it. Says whether there
 * was one: another may be one without it. */
static bool drop_names(mp_func *func)
{
    size_t size = (size_t)func->nnodes;
    mp_node **by = mp__unit_alloc(func->unit, size * sizeof *by);
    bool found = false;
    for (int k = 0; k < func->norder; k++) {
        mp_node *next;
        for (mp_node *phi = func->order[k]->first; is_phi(phi); phi = next) {
            next = phi->next;
            by[phi->id] = only_value(phi, by);
            if (by[phi->id] == NULL)
                continue;
            mp__ir_remove(phi);
            found = true;
        }
    }
    if (found)
        mp__ir_replace_all(func, by);
    return found;
}

void mp__mask_simplify(mp_func *func)
{
    mp__ir_order(func);
    make_entry(func);
    split(func);
    mp__ir_order(func);
    hoist_constants(func);
    thread_exits(func);
    funnel_exits(func);
    funnel_headers(func);
    while (drop_names(func))
        continue;
}
