/* The order of blocks, dominators and loops.
 *
 * Dominators: K. D. Cooper, T. J. Harvey and K. Kennedy, "A Simple, Fast
 * Dominance Algorithm" (2001). Loops are natural loops: an edge to a block
 * that dominates its source leads back to a header. */
#include "native/ir.h"

/* ---- reverse post-order ------------------------------------------------- */

typedef struct walk {
    mp_block **stack;
    int *at; /* the next edge of each block on the stack */
    int depth;
} walk;

/* All blocks that can be reached, in post-order, into `order`; returns how
 * many. `order` in the blocks is -1 for those that were not seen, -2 while
 * they are on the stack. */
static int post_order(mp_func *func, mp_block **order)
{
    size_t size = (size_t)func->nblocks;
    walk w = {
        .stack = mp__unit_alloc(func->unit, size * sizeof *w.stack),
        .at = mp__unit_alloc(func->unit, size * sizeof *w.at),
    };
    int count = 0;
    w.stack[w.depth++] = func->entry;
    func->entry->order = -2;
    while (w.depth > 0) {
        mp_block *block = w.stack[w.depth - 1];
        if (w.at[w.depth - 1] == mp__ir_nexts(block)) {
            order[count++] = block;
            w.depth--;
            continue;
        }
        mp_block *next = block->next[w.at[w.depth - 1]++];
        if (next->order != -1)
            continue;
        next->order = -2;
        w.at[w.depth] = 0;
        w.stack[w.depth++] = next;
    }
    return count;
}

static void number(mp_func *func)
{
    for (int k = 0; k < func->norder; k++)
        func->order[k]->order = k;
}

/* Blocks that an earlier call has ordered but that are out of reach now keep
 * no order. */
static void find_order(mp_func *func)
{
    size_t size = (size_t)func->nblocks;
    for (int k = 0; k < func->norder; k++)
        func->order[k]->order = -1;
    mp_block **order = mp__unit_alloc(func->unit, size * sizeof(mp_block *));
    func->norder = post_order(func, order);
    for (int i = 0, j = func->norder - 1; i < j; i++, j--) {
        mp_block *swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    func->order = order;
    number(func);
}

static void drop_unreachable(mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        for (int i = block->npreds - 1; i >= 0; i--) {
            if (block->preds[i]->order < 0)
                mp__ir_drop_pred(block, i);
        }
    }
}

/* ---- dominators --------------------------------------------------------- */

static mp_block *intersect(mp_block *a, mp_block *b)
{
    while (a != b) {
        while (a->order > b->order)
            a = a->idom;
        while (b->order > a->order)
            b = b->idom;
    }
    return a;
}

static void find_dominators(mp_func *func)
{
    for (int k = 0; k < func->norder; k++)
        func->order[k]->idom = NULL;
    func->entry->idom = func->entry; /* while this runs */
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = 1; k < func->norder; k++) {
            mp_block *block = func->order[k], *idom = NULL;
            for (int i = 0; i < block->npreds; i++) {
                mp_block *pred = block->preds[i];
                if (pred->idom != NULL)
                    idom = idom == NULL ? pred : intersect(idom, pred);
            }
            if (idom != block->idom) {
                block->idom = idom;
                changed = true;
            }
        }
    }
    func->entry->idom = NULL;
}

bool mp__ir_dominates(const mp_block *a, const mp_block *b)
{
    while (b != NULL && b->order > a->order)
        b = b->idom;
    return a == b;
}

/* ---- loops -------------------------------------------------------------- */

/* Whether an edge from predecessor k leads back to a loop's header. */
static bool leads_back(mp_func *func, const mp_block *block, int k)
{
    const mp_block *pred = block->preds[k];
    if (pred->order < block->order)
        return false;
    if (!mp__ir_dominates(block, pred))
        mp__unit_refuse(func->unit, block->line,
                        "write it with while, repeat or for",
                        "goto makes a loop that is entered in two places");
    return true;
}

/* Gives all blocks of a loop its header; an inner loop does the same later. */
static void fill_loop(mp_func *func, mp_block *header)
{
    mp_block **stack = NULL;
    int depth = 0;
    mp_block *outer = header->header;
    header->outer = outer;
    header->header = header;
    header->depth++;
    for (int k = 0; k < header->npreds; k++) {
        if (leads_back(func, header, k))
            MP_UNIT_PUSH(func->unit, stack, depth, header->preds[k]);
    }
    while (depth > 0) {
        mp_block *block = stack[--depth];
        if (block->header == header)
            continue;
        block->header = header;
        block->depth++;
        for (int k = 0; k < block->npreds; k++)
            MP_UNIT_PUSH(func->unit, stack, depth, block->preds[k]);
    }
}

static void find_loops(mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        block->header = block->outer = NULL;
        block->depth = 0;
    }
    /* Outer loops come first in this order. */
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        bool header = false;
        for (int i = 0; i < block->npreds; i++)
            header |= leads_back(func, block, i);
        if (header)
            fill_loop(func, block);
    }
}

bool mp__ir_in_loop(const mp_block *block, const mp_block *header)
{
    const mp_block *h = block->header;
    while (h != NULL && h != header)
        h = h->outer;
    return h != NULL;
}

bool mp__ir_has_loops(const mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        if (func->order[k]->depth > 0)
            return true;
    }
    return false;
}

/* Puts the blocks of a loop one behind the other, those of inner loops too;
 * `header` NULL: all blocks. What is in between leaves the loop and can as
 * well come after it. */
static void place(mp_func *func, mp_block *header, mp_block **to, int *count)
{
    int first = header != NULL ? header->order : 0;
    for (int k = first; k < func->norder; k++) {
        mp_block *block = func->order[k];
        if (block->mark || (header != NULL && !mp__ir_in_loop(block, header)))
            continue;
        if (block->header == block && block != header) {
            place(func, block, to, count);
        } else {
            block->mark = true;
            to[(*count)++] = block;
        }
    }
}

void mp__ir_order(mp_func *func)
{
    find_order(func);
    drop_unreachable(func);
    find_dominators(func);
    find_loops(func);
    size_t size = (size_t)func->norder;
    mp_block **to = mp__unit_alloc(func->unit, size * sizeof(mp_block *));
    int count = 0;
    place(func, NULL, to, &count);
    func->order = to;
    number(func);
    for (int k = 0; k < func->norder; k++)
        func->order[k]->mark = false;
}
