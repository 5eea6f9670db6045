/* Masks: after this pass lanes part no more.
 *
 * Where a branch varies, all blocks up to where its lanes meet again are put
 * one behind the other, each with the mask of the lanes that run it:
 *
 *     b0:  branch c b1 b2           b0:  m1 = and m c
 *     b1:  store a i x                   m2 = andn m c
 *          jump b3                  b1:  store a i x if m1
 *     b2:  jump b3                  b2:
 *     b3:  y = phi x z              b3:  y = select c x z
 *
 * The parts of the pass: mask_plan.c finds what has to be laid out like that,
 * mask_region.c and mask_loop.c do it, mask_edge.c knows how values come to
 * blocks, and mask_values.c finds at the end what has become of values whose
 * block may be skipped, or that were kept for lanes that left a loop. */
#include "native/mask_lay.h"
#include "native/passes.h"

/* ---- taking apart ------------------------------------------------------- */

static void take_phis(mp_lay *lay, mp_laid *laid, const mp_block *block)
{
    for (mp_node *phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
         phi = phi->next) {
        int count = laid->nphis;
        MP_UNIT_PUSH(lay->func->unit, laid->phis, count, phi);
        MP_UNIT_PUSH(lay->func->unit, laid->args, laid->nphis, phi->args);
    }
}

static void take_apart(mp_lay *lay)
{
    mp_func *func = lay->func;
    size_t size = (size_t)func->nblocks;
    lay->laid = mp__unit_alloc(func->unit, size * sizeof *lay->laid);
    lay->nby = func->nnodes;
    size = (size_t)func->nnodes;
    lay->by = mp__unit_alloc(func->unit, size * sizeof(mp_node *));
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        mp_laid *laid = &lay->laid[block->id];
        laid->end = block->end;
        laid->cond = block->cond;
        laid->next[0] = block->next[0];
        laid->next[1] = block->next[1];
        laid->npreds = block->npreds;
        take_phis(lay, laid, block);
        block->end = MP_END_NONE;
        block->cond = NULL;
        block->preds = NULL;
        block->npreds = 0;
    }
}

/* ---- laying out --------------------------------------------------------- */

void mp__mask_lay(mp_lay *lay, mp_level *level, const mp_plan *plan,
                  mp_node *mask)
{
    for (int k = 0; k < plan->count; k++) {
        mp_part *part = &level->parts[plan->parts[k]];
        const mp_region *region = plan->regions[k];
        mp_ways ways = {0, NULL, NULL};
        part->mask = mask;
        if (part->inner != NULL) {
            ways =
                mp__mask_loop(lay, level, plan->parts[k], mask, region != NULL);
        } else if (k > 0) {
            mp__mask_open(lay, part->block);
            mp__mask_set(part->block, mask);
        }
        if (region != NULL && part->inner != NULL)
            mp__mask_region(lay, level, region, ways.after, &ways);
        else if (region != NULL)
            mp__mask_region(lay, level, region, part->block, NULL);
        else if (ways.after != NULL)
            mp__mask_link(lay, ways.after, ways.all[0].out->to,
                          ways.all[0].values);
        else if (part->inner == NULL)
            mp__mask_link_all(lay, part);
    }
}

/* ---- putting right ------------------------------------------------------ */

/* Whether a value is there where it is used. */
static bool is_there(const mp_node *value, const mp_block *block)
{
    return value->block != NULL && mp__ir_dominates(value->block, block);
}

static void visit(void *ud, mp_node **place, mp_block *block, mp_node *before)
{
    mp_lay *lay = ud;
    mp_node *value = *place;
    mp_var *var = mp__values_find(lay->values, value);
    if (var == NULL) {
        if (is_there(value, block))
            return;
        if (value->op == MP_OP_ROW) {
            *place = mp__values_copy_row(lay->func, value, block, before);
            for (int k = 0; k < value->nargs; k++)
                visit(ud, &(*place)->args[k], block, *place);
            if ((*place)->mask != NULL)
                visit(ud, &(*place)->mask, block, *place);
            return;
        }
        var = mp__values_add(lay->values, value);
        mp__values_define(lay->values, var, value);
    }
    mp__values_use(lay->values, var, place, block, before);
}

/* Masks that only blocks have are not computed for them. */
static void sweep(mp_func *func)
{
    size_t size = (size_t)func->norder;
    mp_node **masks = mp__unit_alloc(func->unit, size * sizeof *masks);
    for (int k = 0; k < func->norder; k++) {
        masks[k] = func->order[k]->mask;
        func->order[k]->mask = NULL;
    }
    mp__ir_sweep(func);
    for (int k = 0; k < func->norder; k++) {
        if (masks[k] != NULL && masks[k]->block != NULL)
            func->order[k]->mask = masks[k];
    }
}

static bool lanes_part(const mp_levels *levels)
{
    for (int k = 0; k < levels->count; k++) {
        const mp_plan *plan = levels->all[k]->plan;
        for (int i = 0; i < plan->count; i++) {
            if (plan->regions[i] != NULL)
                return true;
        }
    }
    return false;
}

void mp__mask_run(mp_func *func)
{
    mp_levels *levels = mp__mask_levels(func);
    mp__mask_plan(levels);
    if (!lanes_part(levels))
        return;
    mp__mask_take_along(levels);
    mp_lay lay = {
        .func = func,
        .levels = levels,
        .values = mp__values_new(func),
    };
    take_apart(&lay);
    mp__mask_lay(&lay, levels->all[0], levels->all[0]->plan, NULL);
    mp__ir_order(func);
    size_t size = (size_t)func->nnodes;
    mp_node **by = mp__unit_alloc(func->unit, size * sizeof *by);
    for (int k = 0; k < lay.nby; k++)
        by[k] = lay.by[k];
    mp__ir_replace_all(func, by);
    mp__values_each(func, visit, &lay);
    mp__values_rebuild(lay.values);
    sweep(func);
}
