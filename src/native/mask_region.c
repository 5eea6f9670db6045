/* Regions: blocks one behind the other, each for the lanes that come to it.
 *
 * What is expensive is skipped where no lane comes to it; a loop has to be,
 * since what it would do for none could have no end. */
#include "native/mask_lay.h"

/* A test and a branch, some of them wrongly predicted, in units of simple
 * operations. */
#define COST_OF_SKIP 24
#define COST_OF_BUILTIN 40
#define COST_OF_LOOP 1000

/* Part of a region that is skipped if no lane comes to its first step. */
typedef struct skip {
    int last; /* step */
    int cost;
    mp_block *over;
    int nsure; /* masks that were sure before */
} skip;

typedef struct walker {
    mp_lay *lay;
    mp_level *level;
    const mp_region *region;
    mp_block *at;     /* the block that is last so far */
    mp_node *test;    /* the condition of going on, or NULL */
    mp_block *other;  /* where it goes if not */
    int turn;         /* the step that only lanes which stay in the loop run */
    const int *costs; /* of all steps before each */
    int nskips;
    skip *skips;
} walker;

/* ---- sure masks --------------------------------------------------------- */

bool mp__mask_sure(const mp_lay *lay, const mp_node *mask)
{
    for (int k = lay->nsure - 1; k >= 0; k--) {
        if (lay->sure[k] == mask)
            return true;
    }
    return mask == NULL;
}

void mp__mask_push_sure(mp_lay *lay, mp_node *mask)
{
    MP_UNIT_PUSH(lay->func->unit, lay->sure, lay->nsure, mask);
}

/* ---- costs -------------------------------------------------------------- */

/* 0: that of most builtins. */
static const unsigned char builtin_costs[MP_NBUILTINS] = {
    [MP_BUILTIN_MATH_ABS] = 2,  [MP_BUILTIN_MATH_CEIL] = 2,
    [MP_BUILTIN_MATH_DEG] = 2,  [MP_BUILTIN_MATH_FLOOR] = 2,
    [MP_BUILTIN_MATH_MAX] = 2,  [MP_BUILTIN_MATH_MIN] = 2,
    [MP_BUILTIN_MATH_RAD] = 2,  [MP_BUILTIN_MATH_TOINTEGER] = 2,
    [MP_BUILTIN_MATH_ULT] = 2,  [MP_BUILTIN_MATH_SQRT] = 8,
    [MP_BUILTIN_NUM_CLAMP] = 2, [MP_BUILTIN_NUM_COPYSIGN] = 2,
    [MP_BUILTIN_NUM_FMA] = 2,   [MP_BUILTIN_NUM_ISFINITE] = 2,
    [MP_BUILTIN_NUM_ISINF] = 2, [MP_BUILTIN_NUM_ISNAN] = 2,
    [MP_BUILTIN_NUM_LERP] = 2,  [MP_BUILTIN_NUM_RINT] = 2,
    [MP_BUILTIN_NUM_ROUND] = 2, [MP_BUILTIN_NUM_SIGN] = 2,
    [MP_BUILTIN_NUM_TRUNC] = 2,
};

static int node_cost(const mp_node *node)
{
    if (node->op == MP_OP_BUILTIN) {
        int cost = builtin_costs[node->as.builtin];
        return cost > 0 ? cost : COST_OF_BUILTIN;
    }
    if (node->op == MP_OP_DIV)
        return 8;
    if (node->op == MP_OP_POW)
        return 40;
    if (node->op == MP_OP_IDIV || node->op == MP_OP_MOD)
        return node->type == MP_TYPE_FLOAT ? 16 : 30;
    if (node->op == MP_OP_LOAD || node->op == MP_OP_STORE ||
        node->op == MP_OP_ITEM)
        return 10;
    if (node->op == MP_OP_TLOAD || node->op == MP_OP_TSTORE)
        return node->args[1]->shape == MP_SHAPE_UNIFORM ? 3 : 10;
    return 1;
}

static int part_cost(const mp_part *part)
{
    if (part->inner != NULL)
        return COST_OF_LOOP;
    int cost = 0;
    for (const mp_node *node = part->block->first; node != NULL;
         node = node->next)
        cost += node_cost(node);
    return cost;
}

static int plan_cost(const mp_level *level, const mp_plan *plan);

static int step_cost(const mp_level *level, const mp_step *step)
{
    if (step->island != NULL)
        return plan_cost(level, step->island);
    return part_cost(&level->parts[step->part]);
}

static int plan_cost(const mp_level *level, const mp_plan *plan)
{
    int cost = 0;
    for (int k = 0; k < plan->count; k++) {
        const mp_region *region = plan->regions[k];
        cost += part_cost(&level->parts[plan->parts[k]]);
        for (int i = 0; region != NULL && i < region->nsteps; i++)
            cost += step_cost(level, &region->steps[i]);
    }
    return cost;
}

/* A running sum: of all steps before each, and of all. */
static const int *find_costs(mp_lay *lay, const mp_level *level,
                             const mp_region *region)
{
    size_t size = (size_t)region->nsteps + 1;
    int *costs = mp__unit_alloc(lay->func->unit, size * sizeof *costs);
    for (int k = 0; k < region->nsteps; k++)
        costs[k + 1] = costs[k] + step_cost(level, &region->steps[k]);
    return costs;
}

/* ---- the chain ---------------------------------------------------------- */

/* Goes on in a block, if the test before it holds. */
static void go(walker *w, mp_block *to)
{
    mp_func *func = w->lay->func;
    if (w->test != NULL)
        mp__ir_branch(func, w->at, w->test, to, w->other);
    else
        mp__ir_jump(func, w->at, to);
    w->test = NULL;
    w->at = to;
}

static mp_node *add_any(walker *w, mp_node *mask)
{
    return mp__ir_add(w->lay->func, w->at, MP_OP_ANY, 0, 1,
                      mp__mask_node(w->lay, mask));
}

static int span_cost(const walker *w, int first, int last)
{
    return w->costs[last + 1] - w->costs[first];
}

/* Whether it is worth a test to skip what costs that much. In what is skipped
 * already the next test comes where no more than half is left: a hundred early
 * returns, one after the other, are not worth a hundred tests, nor PHIs for
 * all that has been found so far at the end of each. */
static bool is_worth(const walker *w, int cost)
{
    if (w->nskips > 0 && cost > w->skips[w->nskips - 1].cost / 2)
        return false;
    return cost >= COST_OF_SKIP;
}

/* Skips step k, and those that follow which its lanes alone can come to, if
 * that is worth it; a loop in any case. */
static void try_skip(walker *w, int k, mp_node *mask)
{
    const mp_region *region = w->region;
    int last = k;
    while (last + 1 < region->nsteps && last + 1 != w->turn &&
           mp__mask_dominates(w->level, region->steps[k].part,
                              region->steps[last + 1].part))
        last++;
    if (!is_worth(w, span_cost(w, k, last))) {
        if (span_cost(w, k, k) < COST_OF_LOOP)
            return;
        last = k;
    }
    mp_block *over = mp__ir_block(w->lay->func, 0);
    over->mask = w->level->parts[region->head].mask;
    w->test = add_any(w, mask);
    w->other = over;
    skip s = {last, span_cost(w, k, last), over, w->lay->nsure};
    MP_UNIT_PUSH(w->lay->func->unit, w->skips, w->nskips, s);
    mp__mask_push_sure(w->lay, mask);
}

/* Ends what was skipped before step k. */
static void end_skips(walker *w, int k)
{
    while (w->nskips > 0 && w->skips[w->nskips - 1].last < k) {
        skip s = w->skips[--w->nskips];
        go(w, s.over);
        w->lay->nsure = s.nsure;
    }
}

/* ---- edges -------------------------------------------------------------- */

/* An edge of a part, for the lanes `mask` of those that have come to it. */
static void deliver(walker *w, int part, int slot, const mp_out *out,
                    mp_node *mask, mp_node **values)
{
    mp_lay *lay = w->lay;
    mp_arrival arrival = {
        .mask = mask, .part = part, .slot = slot, .values = values};
    if (out->part == w->level->nparts && out->to != w->level->header) {
        mp_node *run = mp__mask_node(lay, w->level->parts[part].mask);
        mp__mask_leave(lay, w->level, w->at, run, mp__mask_node(lay, mask),
                       out->to, values);
    } else {
        mp__mask_arrive(lay, out->to, arrival);
    }
}

static void deliver_ways(walker *w, int part, const mp_ways *ways)
{
    for (int k = 0; k < ways->count; k++)
        deliver(w, part, k, ways->all[k].out, ways->all[k].mask,
                ways->all[k].values);
}

static void deliver_outs(walker *w, int index)
{
    mp_lay *lay = w->lay;
    const mp_part *part = &w->level->parts[index];
    mp_node *masks[2] = {part->mask, NULL};
    if (part->nouts == 2) {
        mp_node *cond = mp__mask_resolve(lay, lay->laid[part->block->id].cond);
        mp_node *mask = mp__mask_node(lay, part->mask);
        bool negated = cond->op == MP_OP_NOT;
        if (negated)
            cond = cond->args[0];
        masks[negated] = mp__mask_add(lay, w->at, MP_OP_AND, mask, cond);
        masks[!negated] = mp__mask_add(lay, w->at, MP_OP_ANDN, mask, cond);
    }
    for (int k = 0; k < part->nouts && k < 2; k++)
        deliver(w, index, k, &part->outs[k], masks[k],
                mp__mask_values(lay, &part->outs[k]));
}

/* ---- steps -------------------------------------------------------------- */

/* An island's branches stay, and meet again in a block of their own. */
static void lay_island(walker *w, const mp_step *step)
{
    mp_lay *lay = w->lay;
    const mp_part *part = &w->level->parts[step->part];
    mp_block *stop = w->level->parts[part->ipdom].block;
    mp_block *via = mp__ir_block(lay->func, stop->line);
    via->mask = part->mask;
    mp_laid before = mp__mask_catch(lay, stop, via);
    mp__mask_lay(lay, w->level, step->island, part->mask);
    mp_arrivals caught = mp__mask_release(lay, stop, &before);
    mp_arrival arrival = {.mask = part->mask, .part = step->part};
    arrival.values = mp__mask_join(lay, stop, via, &caught);
    mp__mask_arrive(lay, stop, arrival);
    w->at = via;
}

static void lay_block(walker *w, const mp_step *step)
{
    mp_lay *lay = w->lay;
    const mp_part *part = &w->level->parts[step->part];
    mp_block *block = part->block;
    mp_node *before = block->first;
    while (before != NULL && before->op == MP_OP_PHI)
        before = before->next;
    mp_node **values = mp__mask_blend(lay, w->level, step->part, block, before);
    mp__mask_become(lay, block, values);
    go(w, block);
    mp__mask_set(block, part->mask);
    if (step->island != NULL)
        lay_island(w, step);
    else
        deliver_outs(w, step->part);
}

static void lay_loop(walker *w, const mp_step *step)
{
    const mp_part *part = &w->level->parts[step->part];
    go(w, part->block);
    mp_ways ways =
        mp__mask_loop(w->lay, w->level, step->part, part->mask, true);
    w->at = ways.after;
    deliver_ways(w, step->part, &ways);
}

static void lay_step(walker *w, int k)
{
    const mp_step *step = &w->region->steps[k];
    mp_part *part = &w->level->parts[step->part];
    end_skips(w, k);
    part->mask = mp__mask_lanes(w->lay, w->level, step->part, w->at);
    if (k == w->turn) {
        w->test = add_any(w, part->mask);
        w->other = w->level->after;
        mp__mask_push_sure(w->lay, part->mask);
    } else if (!mp__mask_sure(w->lay, part->mask)) {
        try_skip(w, k, part->mask);
    }
    if (part->inner != NULL)
        lay_loop(w, step);
    else
        lay_block(w, step);
}

/* ---- regions ------------------------------------------------------------ */

/* In a region that lanes leave the loop from: the first step that all lanes
 * run which stay in it, and only they. -1: there is none before the next
 * iteration. */
static int find_turn(const mp_level *level, const mp_region *region)
{
    int at = level->nparts - 1, head = region->head, turn = -1;
    bool found = false;
    for (; !found; at -= !found) {
        for (int k = 0; k < level->parts[at].nouts; k++)
            found |= level->parts[at].outs[k].to == level->header;
    }
    if (at == head)
        return -1;
    for (int up = level->parts[at].idom;
         up != head && mp__mask_postdominates(level, at, up);
         up = level->parts[at].idom)
        at = up;
    for (int k = 0; k < region->nsteps; k++) {
        if (region->steps[k].part == at)
            turn = k;
    }
    return turn;
}

/* Lanes that stay in the loop go round together. */
static void go_round(walker *w)
{
    mp_block *header = w->level->header;
    const mp_arrivals *arrivals = &w->lay->laid[header->id].arrivals;
    if (w->turn < 0) {
        w->test = add_any(w, arrivals->all[0].mask);
        w->other = w->level->after;
    }
    go(w, header);
}

/* Lanes meet where the region stops. */
static void meet(walker *w, const mp_laid *before)
{
    mp_block *stop = w->level->parts[w->region->stop].block;
    mp_node **values =
        mp__mask_blend(w->lay, w->level, w->region->stop, w->at, NULL);
    mp__mask_release(w->lay, stop, before);
    mp__mask_link(w->lay, w->at, stop, values);
}

void mp__mask_region(mp_lay *lay, mp_level *level, const mp_region *region,
                     mp_block *at, const mp_ways *ways)
{
    walker w = {.lay = lay,
                .level = level,
                .region = region,
                .at = at,
                .turn = -1,
                .costs = find_costs(lay, level, region)};
    bool stops = region->stop < level->nparts;
    mp_laid before = {.end = MP_END_NONE};
    if (stops)
        before = mp__mask_catch(lay, level->parts[region->stop].block, NULL);
    else
        w.turn = find_turn(level, region);
    if (ways != NULL)
        deliver_ways(&w, region->head, ways);
    else
        deliver_outs(&w, region->head);
    for (int k = 0; k < region->nsteps; k++)
        lay_step(&w, k);
    end_skips(&w, region->nsteps);
    if (stops)
        meet(&w, &before);
    else
        go_round(&w);
}
