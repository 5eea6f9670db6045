/* Levels: their parts, edges, dominators and post-dominators. */
#include "native/mask_level.h"

/* Loops in loops; each costs stack in `mask`. */
#define MOST_DEPTH 200

/* ---- parts -------------------------------------------------------------- */

static mp_level *add_level(mp_levels *levels, mp_block *header)
{
    mp_unit *unit = levels->func->unit;
    mp_level *level = mp__unit_alloc(unit, sizeof *level);
    level->header = header;
    MP_UNIT_PUSH(unit, levels->all, levels->count, level);
    return level;
}

static mp_part *add_part(mp_levels *levels, mp_level *level, mp_block *block)
{
    mp_part part = {.block = block};
    MP_UNIT_PUSH(levels->func->unit, level->parts, level->nparts, part);
    return &level->parts[level->nparts - 1];
}

static void place(mp_levels *levels, mp_level *level, mp_block *block)
{
    levels->places[block->id].level = level;
    levels->places[block->id].part = level->nparts;
    add_part(levels, level, block);
}

/* A loop becomes a part of the level around it and a level of its own. */
static void place_loop(mp_levels *levels, mp_level *around, mp_block *header)
{
    if (header->depth > MOST_DEPTH)
        mp__unit_refuse(levels->func->unit, header->line, NULL,
                        "there are more than %d loops in one another",
                        MOST_DEPTH);
    mp_level *level = add_level(levels, header);
    level->parent = around;
    level->index = around->nparts;
    add_part(levels, around, header)->inner = level;
    place(levels, level, header);
}

static void place_all(mp_levels *levels)
{
    mp_func *func = levels->func;
    mp_level *top = add_level(levels, NULL);
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        const mp_block *around =
            block->header == block ? block->outer : block->header;
        mp_level *level =
            around != NULL ? levels->places[around->id].level : top;
        if (block->header == block)
            place_loop(levels, level, block);
        else
            place(levels, level, block);
    }
}

/* ---- edges -------------------------------------------------------------- */

/* The part of a level that a block is, or is in. */
static int part_of(const mp_levels *levels, const mp_level *level,
                   const mp_block *block)
{
    const mp_level *at = levels->places[block->id].level;
    int part = levels->places[block->id].part;
    while (at != level) {
        part = at->index;
        at = at->parent;
    }
    return part;
}

/* Adds an edge to the level of its source, and to those around that as far as
 * it leaves loops. */
static void add_out(mp_levels *levels, mp_block *from, mp_block *to)
{
    mp_out out = {.from = from, .to = to};
    while (to->preds[out.pred] != from)
        out.pred++;
    for (mp_level *level = levels->places[from->id].level; level != NULL;
         level = level->parent) {
        mp_part *part = &level->parts[part_of(levels, level, from)];
        bool leaves =
            level->header != NULL && !mp__ir_in_loop(to, level->header);
        bool back = to == level->header;
        out.part = leaves || back ? level->nparts : part_of(levels, level, to);
        MP_UNIT_PUSH(levels->func->unit, part->outs, part->nouts, out);
        if (!leaves)
            return;
    }
}

static void add_outs(mp_levels *levels)
{
    mp_func *func = levels->func;
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        for (int i = 0; i < mp__ir_nexts(block); i++)
            add_out(levels, block, block->next[i]);
    }
}

static void check_ends(const mp_levels *levels)
{
    for (int k = 1; k < levels->count; k++) {
        const mp_level *level = levels->all[k];
        if (level->parent->parts[level->index].nouts == 0)
            mp__unit_refuse(levels->func->unit, level->header->line, NULL,
                            "this loop never ends");
    }
}

/* ---- dominators --------------------------------------------------------- */

static int common_dominator(const mp_level *level, int a, int b)
{
    while (a != b) {
        if (a > b)
            a = level->parts[a].idom;
        else
            b = level->parts[b].idom;
    }
    return a;
}

static int common_postdominator(const mp_level *level, int a, int b)
{
    while (a != b) {
        if (a < b)
            a = level->parts[a].ipdom;
        else
            b = level->parts[b].ipdom;
    }
    return a;
}

/* A level has no cycles, so one pass each way finds them. */
static void find_dominators(mp_level *level)
{
    int end = level->nparts;
    for (int k = 0; k < end; k++)
        level->parts[k].idom = -1;
    for (int k = 0; k < end; k++) {
        for (int i = 0; i < level->parts[k].nouts; i++) {
            int to = level->parts[k].outs[i].part;
            if (to == end)
                continue;
            int *idom = &level->parts[to].idom;
            *idom = *idom < 0 ? k : common_dominator(level, *idom, k);
        }
    }
    for (int k = end - 1; k >= 0; k--) {
        mp_part *part = &level->parts[k];
        part->ipdom = part->nouts > 0 ? part->outs[0].part : end;
        for (int i = 1; i < part->nouts; i++)
            part->ipdom =
                common_postdominator(level, part->ipdom, part->outs[i].part);
    }
}

/* Numbers the two trees so that those below a part have numbers in a range.
 * The end of the level is the root of one, "nothing" that of the other. */
static void number(mp_unit *unit, mp_level *level)
{
    int n = level->nparts;
    int *below = mp__unit_alloc(unit, ((size_t)n + 1) * 2 * sizeof *below);
    int *used = below + n + 1; /* numbers given to children */
    for (int k = n - 1; k > 0; k--)
        below[level->parts[k].idom] += below[k] + 1;
    for (int k = 0; k < n; k++) {
        mp_part *part = &level->parts[k];
        int up = part->idom;
        part->dom.first = up < 0 ? 0 : level->parts[up].dom.first + ++used[up];
        part->dom.last = part->dom.first + below[k];
        if (up >= 0)
            used[up] += below[k];
    }
    for (int k = 0; k <= n; k++)
        below[k] = used[k] = 0;
    for (int k = 0; k < n; k++)
        below[level->parts[k].ipdom] += below[k] + 1;
    for (int k = n - 1; k >= 0; k--) {
        mp_part *part = &level->parts[k];
        int up = part->ipdom;
        part->pdom.first =
            (up == n ? 0 : level->parts[up].pdom.first) + ++used[up];
        part->pdom.last = part->pdom.first + below[k];
        used[up] += below[k];
    }
}

bool mp__mask_dominates(const mp_level *level, int a, int b)
{
    const mp_part *over = &level->parts[a], *under = &level->parts[b];
    return over->dom.first <= under->dom.first &&
           under->dom.first <= over->dom.last;
}

bool mp__mask_postdominates(const mp_level *level, int a, int b)
{
    if (a == level->nparts || b == level->nparts)
        return a == level->nparts;
    const mp_part *over = &level->parts[a], *under = &level->parts[b];
    return over->pdom.first <= under->pdom.first &&
           under->pdom.first <= over->pdom.last;
}

/* ---- all ---------------------------------------------------------------- */

mp_levels *mp__mask_levels(mp_func *func)
{
    size_t nblocks = (size_t)func->nblocks;
    mp_levels *levels = mp__unit_alloc(func->unit, sizeof *levels);
    levels->func = func;
    levels->places =
        mp__unit_alloc(func->unit, nblocks * sizeof *levels->places);
    levels->blends = mp__unit_alloc(func->unit, nblocks);
    place_all(levels);
    add_outs(levels);
    check_ends(levels);
    for (int k = 0; k < levels->count; k++) {
        find_dominators(levels->all[k]);
        number(func->unit, levels->all[k]);
    }
    return levels;
}

bool mp__mask_leaves(const mp_levels *levels, const mp_block *from,
                     const mp_block *to)
{
    for (const mp_block *h = from->header; h != NULL; h = h->outer) {
        if (mp__ir_in_loop(to, h))
            return false;
        if (levels->places[h->id].level->divergent)
            return true;
    }
    return false;
}
