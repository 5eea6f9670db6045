/* The plan of a level: which regions lose their branches.
 *
 * A branch that varies heads a region: all that can be reached before the
 * branch's post-dominator. A region that has a second entrance grows until it
 * has one. In a region a uniform branch can stay one, if what is between it
 * and its own post-dominator has no other entrance: an island. */
#include "native/mask_level.h"

/* Islands in islands; beyond, branches are masked. */
#define MOST_DEPTH 100

typedef struct planner {
    mp_levels *levels;
    mp_unit *unit;
    mp_level *level;
    int nregions;
    mp_region **regions;
    int serial; /* of the plan in its level */
    int depth;
} planner;

/* ---- what is between two parts ------------------------------------------ */

typedef struct span {
    int count;
    int *parts;
} span;

/* All parts that can be reached from `head` before `stop`, without the two,
 * in no order. */
static span between(planner *p, int head, int stop)
{
    mp_level *level = p->level;
    span found = {0, NULL};
    int stamp = ++level->stamp;
    for (int at = -1; at < found.count; at++) {
        const mp_part *part = &level->parts[at < 0 ? head : found.parts[at]];
        for (int i = 0; i < part->nouts; i++) {
            int to = part->outs[i].part;
            if (to == stop || to == level->nparts ||
                level->parts[to].stamp == stamp)
                continue;
            level->parts[to].stamp = stamp;
            MP_UNIT_PUSH(p->unit, found.parts, found.count, to);
        }
    }
    return found;
}

static int common_dominator(const mp_level *level, int a, int b)
{
    while (!mp__mask_dominates(level, a, b))
        a = level->parts[a].idom;
    return a;
}

static int common_postdominator(const mp_level *level, int a, int b)
{
    while (!mp__mask_postdominates(level, a, b))
        a = level->parts[a].ipdom;
    return a;
}

/* ---- regions ------------------------------------------------------------ */

/* Grows a region to one that another is part of, too. */
static void take_in(const planner *p, mp_region *region, int part)
{
    if (part == p->level->nparts || p->level->parts[part].plan != p->serial ||
        p->level->parts[part].region < 0)
        return;
    const mp_region *other = p->regions[p->level->parts[part].region];
    region->head = common_dominator(p->level, region->head, other->head);
    region->stop = common_postdominator(p->level, region->stop, other->stop);
}

/* Grows a region until it has one entrance and is apart from all others, or
 * around them. */
static span close_region(planner *p, mp_region *region)
{
    for (;;) {
        span inside = between(p, region->head, region->stop);
        int head = region->head, stop = region->stop;
        take_in(p, region, head);
        take_in(p, region, stop);
        for (int k = 0; k < inside.count; k++) {
            int part = inside.parts[k];
            take_in(p, region, part);
            region->head = common_dominator(p->level, region->head, part);
        }
        if (region->head == head && region->stop == stop)
            return inside;
        region->stop = common_postdominator(
            p->level, p->level->parts[region->head].ipdom, region->stop);
    }
}

/* A region is part of a greater one now. */
static void swallow(planner *p, mp_part *part)
{
    if (part->heads >= 0)
        p->regions[part->heads] = NULL;
    part->heads = -1;
}

/* Makes the region of a part from which lanes part. */
static void add_region(planner *p, int part)
{
    mp_part *parts = p->level->parts;
    mp_region *region = mp__unit_alloc(p->unit, sizeof *region);
    region->head = part;
    region->stop = parts[part].ipdom;
    span inside = close_region(p, region);
    swallow(p, &parts[region->head]);
    for (int k = 0; k < inside.count; k++) {
        swallow(p, &parts[inside.parts[k]]);
        parts[inside.parts[k]].region = p->nregions;
    }
    parts[region->head].heads = p->nregions;
    MP_UNIT_PUSH(p->unit, p->regions, p->nregions, region);
}

/* ---- islands ------------------------------------------------------------ */

static mp_plan *make_plan(mp_levels *levels, mp_level *level, span list,
                          int depth);

/* Whether a uniform branch can stay one: what is up to its post-dominator is
 * entered by it only. Stamps that. */
static bool is_island(planner *p, int at)
{
    const mp_part *part = &p->level->parts[at];
    if (p->depth >= MOST_DEPTH || part->varying || part->inner != NULL ||
        part->nouts < 2 || part->ipdom == p->level->nparts)
        return false;
    span inside = between(p, at, part->ipdom);
    for (int k = 0; k < inside.count; k++) {
        if (!mp__mask_dominates(p->level, at, inside.parts[k]))
            return false;
    }
    return true;
}

/* Tries to make an island of step k and some of those that follow. */
static void try_island(planner *p, mp_region *region, int k)
{
    mp_part *parts = p->level->parts;
    int at = region->steps[k].part;
    if (!is_island(p, at))
        return;
    span list = {0, NULL};
    MP_UNIT_PUSH(p->unit, list.parts, list.count, at);
    for (int i = k + 1; i < region->nsteps; i++) {
        int part = region->steps[i].part;
        if (parts[part].stamp == p->level->stamp)
            MP_UNIT_PUSH(p->unit, list.parts, list.count, part);
    }
    mp_plan *island = make_plan(p->levels, p->level, list, p->depth + 1);
    if (island->regions[0] != NULL &&
        island->regions[0]->stop == parts[at].ipdom)
        return; /* all of it is masked anyway */
    region->steps[k].island = island;
    for (int i = 1; i < list.count; i++)
        parts[list.parts[i]].taken = true;
}

static void find_islands(planner *p, mp_region *region)
{
    mp_part *parts = p->level->parts;
    int count = 0;
    for (int k = 0; k < region->nsteps; k++) {
        mp_part *part = &parts[region->steps[k].part];
        if (part->taken) {
            part->taken = false;
            continue;
        }
        try_island(p, region, k);
        region->steps[count++] = region->steps[k];
    }
    region->nsteps = count;
}

/* ---- plans -------------------------------------------------------------- */

/* What no region is around stays as it is; the rest become steps. */
static void sort_out(planner *p, span list, mp_plan *plan)
{
    for (int k = 0; k < list.count; k++) {
        const mp_part *part = &p->level->parts[list.parts[k]];
        mp_step step = {.part = list.parts[k]};
        if (part->region >= 0) {
            mp_region *region = p->regions[part->region];
            MP_UNIT_PUSH(p->unit, region->steps, region->nsteps, step);
            continue;
        }
        mp_region *heads = part->heads >= 0 ? p->regions[part->heads] : NULL;
        int count = plan->count;
        MP_UNIT_PUSH(p->unit, plan->regions, count, heads);
        MP_UNIT_PUSH(p->unit, plan->parts, plan->count, step.part);
    }
}

/* `list`: parts in their order, of which the first dominates the others. */
static mp_plan *make_plan(mp_levels *levels, mp_level *level, span list,
                          int depth)
{
    planner p = {
        .levels = levels,
        .unit = levels->func->unit,
        .level = level,
        .serial = ++level->plans,
        .depth = depth,
    };
    mp_plan *plan = mp__unit_alloc(p.unit, sizeof *plan);
    for (int k = 0; k < list.count; k++) {
        mp_part *part = &level->parts[list.parts[k]];
        part->plan = p.serial;
        part->region = part->heads = -1;
    }
    for (int k = 0; k < list.count; k++) {
        const mp_part *part = &level->parts[list.parts[k]];
        if (part->varying && part->region < 0 && part->heads < 0)
            add_region(&p, list.parts[k]);
    }
    sort_out(&p, list, plan);
    for (int k = 0; k < plan->count; k++) {
        if (plan->regions[k] != NULL)
            find_islands(&p, plan->regions[k]);
    }
    return plan;
}

/* ---- where lanes meet --------------------------------------------------- */

/* Counts a way into what follows a part. What follows a loop has no other
 * way in. */
static void count_ways(mp_level *level, const mp_part *part)
{
    for (int k = 0; k < part->nouts && part->inner == NULL; k++) {
        if (part->outs[k].part < level->nparts)
            level->parts[part->outs[k].part].ways++;
    }
}

static void note_blend(mp_levels *levels, const mp_part *part)
{
    if (part->ways > 1)
        levels->blends[part->block->id] = true;
}

static void find_blends(mp_levels *levels, mp_level *level,
                        const mp_plan *plan);

static void find_region_blends(mp_levels *levels, mp_level *level,
                               const mp_region *region)
{
    mp_part *parts = level->parts;
    mp_part *stop = region->stop < level->nparts ? &parts[region->stop] : NULL;
    for (int k = 0; k < region->nsteps; k++)
        parts[region->steps[k].part].ways = 0;
    if (stop != NULL)
        stop->ways = 0;
    count_ways(level, &parts[region->head]);
    for (int k = 0; k < region->nsteps; k++) {
        const mp_step *step = &region->steps[k];
        if (step->island != NULL)
            parts[parts[step->part].ipdom].ways++;
        else
            count_ways(level, &parts[step->part]);
    }
    for (int k = 0; k < region->nsteps; k++)
        note_blend(levels, &parts[region->steps[k].part]);
    if (stop != NULL)
        note_blend(levels, stop);
    for (int k = 0; k < region->nsteps; k++) {
        if (region->steps[k].island != NULL)
            find_blends(levels, level, region->steps[k].island);
    }
}

static void find_blends(mp_levels *levels, mp_level *level, const mp_plan *plan)
{
    for (int k = 0; k < plan->count; k++) {
        if (plan->regions[k] != NULL)
            find_region_blends(levels, level, plan->regions[k]);
    }
}

/* ---- all ---------------------------------------------------------------- */

/* Whether lanes may take different edges. Those out of a loop can lead to the
 * same block. A condition that a divergent loop has left behind differs from
 * lane to lane, whatever it was in there. */
static bool is_varying(const mp_levels *levels, const mp_part *part)
{
    const mp_block *block = part->block;
    if (part->inner == NULL)
        return block->end == MP_END_BRANCH &&
               (block->cond->shape != MP_SHAPE_UNIFORM ||
                mp__mask_leaves(levels, block->cond->block, block));
    for (int k = 1; k < part->nouts; k++) {
        if (part->outs[k].to != part->outs[0].to)
            return part->inner->divergent;
    }
    return false;
}

/* Plans loops before what is around them and before what comes after them:
 * whether lanes leave them together matters there. */
static void plan_level(mp_levels *levels, mp_level *level)
{
    span list = {0, NULL};
    for (int k = 0; k < level->nparts; k++) {
        if (level->parts[k].inner != NULL)
            plan_level(levels, level->parts[k].inner);
        level->parts[k].varying = is_varying(levels, &level->parts[k]);
        MP_UNIT_PUSH(levels->func->unit, list.parts, list.count, k);
    }
    level->plan = make_plan(levels, level, list, 0);
    level->divergent = false;
    for (int k = 0; k < level->plan->count; k++) {
        const mp_region *region = level->plan->regions[k];
        if (region != NULL && region->stop == level->nparts)
            level->divergent = true;
    }
    find_blends(levels, level, level->plan);
}

void mp__mask_plan(mp_levels *levels)
{
    for (int k = 0; k < levels->func->nblocks; k++)
        levels->blends[k] = false;
    plan_level(levels, levels->all[0]);
}
