/* Edges: what they bring to the blocks they lead to. */
#include "native/mask_lay.h"

mp_node *mp__mask_resolve(const mp_lay *lay, mp_node *node)
{
    while (node != NULL && node->id < lay->nby && lay->by[node->id] != NULL)
        node = lay->by[node->id];
    return node;
}

mp_node *mp__mask_node(mp_lay *lay, mp_node *mask)
{
    if (mask != NULL)
        return mask;
    if (lay->entry_mask == NULL) {
        mp_func *func = lay->func;
        lay->entry_mask = mp__ir_prepend(
            func->entry, mp__ir_node(func, MP_OP_ENTRY_MASK, 0, 0, NULL));
        lay->entry_mask->shape = MP_SHAPE_VARYING;
    }
    return lay->entry_mask;
}

mp_node *mp__mask_add(mp_lay *lay, mp_block *block, mp_op op, mp_node *a,
                      mp_node *b)
{
    mp_node *node = mp__ir_add(lay->func, block, op, 0, 2, a, b);
    node->shape = MP_SHAPE_VARYING;
    return node;
}

/* ---- arriving ----------------------------------------------------------- */

mp_node **mp__mask_values(const mp_lay *lay, const mp_out *out)
{
    const mp_laid *laid = &lay->laid[out->to->id];
    size_t size = (size_t)laid->nphis + 1;
    mp_node **values = mp__unit_alloc(lay->func->unit, size * sizeof *values);
    for (int k = 0; k < laid->nphis; k++)
        values[k] = mp__mask_resolve(lay, laid->args[k][out->pred]);
    return values;
}

void mp__mask_arrive(mp_lay *lay, const mp_block *to, mp_arrival arrival)
{
    mp_arrivals *arrivals = &lay->laid[to->id].arrivals;
    MP_UNIT_PUSH(lay->func->unit, arrivals->all, arrivals->count, arrival);
}

mp_laid mp__mask_catch(mp_lay *lay, const mp_block *to, mp_block *via)
{
    mp_laid *laid = &lay->laid[to->id], before = *laid;
    laid->via = via != NULL ? via : laid->via;
    laid->arrivals = (mp_arrivals){0, NULL};
    return before;
}

mp_arrivals mp__mask_release(mp_lay *lay, const mp_block *to,
                             const mp_laid *before)
{
    mp_laid *laid = &lay->laid[to->id];
    mp_arrivals caught = laid->arrivals;
    laid->via = before->via;
    laid->arrivals = before->arrivals;
    return caught;
}

/* ---- real edges --------------------------------------------------------- */

static mp_block *target(const mp_lay *lay, mp_block *to)
{
    mp_block *via = lay->laid[to->id].via;
    return via != NULL ? via : to;
}

void mp__mask_link(mp_lay *lay, mp_block *from, mp_block *to, mp_node **values)
{
    mp__ir_jump(lay->func, from, target(lay, to));
    mp__mask_arrive(lay, to, (mp_arrival){.from = from, .values = values});
}

void mp__mask_link_all(mp_lay *lay, const mp_part *part)
{
    mp_block *block = part->block;
    const mp_laid *laid = &lay->laid[block->id];
    if (laid->end == MP_END_RETURN)
        mp__ir_return(lay->func, block);
    else if (laid->end == MP_END_JUMP)
        mp__ir_jump(lay->func, block, target(lay, laid->next[0]));
    else
        mp__ir_branch(lay->func, block, mp__mask_resolve(lay, laid->cond),
                      target(lay, laid->next[0]), target(lay, laid->next[1]));
    for (int k = 0; k < part->nouts; k++) {
        mp_node **values = mp__mask_values(lay, &part->outs[k]);
        mp__mask_arrive(lay, part->outs[k].to,
                        (mp_arrival){.from = block, .values = values});
    }
}

/* The value that all edges bring a PHI, or NULL if it is not the same. */
static mp_node *same_value(const mp_arrivals *arrivals, int phi)
{
    mp_node *value = arrivals->all[0].values[phi];
    for (int k = 1; k < arrivals->count; k++) {
        if (arrivals->all[k].values[phi] != value)
            return NULL;
    }
    return value;
}

static mp_node **phi_args(const mp_lay *lay, const mp_arrivals *arrivals,
                          int phi)
{
    size_t size = (size_t)arrivals->count;
    mp_node **args = mp__unit_alloc(lay->func->unit, size * sizeof *args);
    for (int k = 0; k < arrivals->count; k++)
        args[k] = arrivals->all[k].values[phi];
    return args;
}

void mp__mask_open(mp_lay *lay, mp_block *block)
{
    const mp_laid *laid = &lay->laid[block->id];
    for (int k = 0; k < laid->nphis; k++) {
        mp_node *phi = laid->phis[k];
        mp_node *same = same_value(&laid->arrivals, k);
        if (same != NULL) {
            /* A name of a variable brings itself. */
            lay->by[phi->id] = same != phi ? same : NULL;
            mp__ir_remove(phi);
            continue;
        }
        phi->nargs = laid->arrivals.count;
        phi->args = phi_args(lay, &laid->arrivals, k);
    }
}

mp_node **mp__mask_join(mp_lay *lay, const mp_block *to, mp_block *via,
                        const mp_arrivals *caught)
{
    const mp_laid *laid = &lay->laid[to->id];
    size_t size = (size_t)laid->nphis + 1;
    mp_node **values = mp__unit_alloc(lay->func->unit, size * sizeof *values);
    for (int k = 0; k < laid->nphis; k++) {
        const mp_node *model = laid->phis[k];
        values[k] = same_value(caught, k);
        if (values[k] != NULL)
            continue;
        mp_node *phi = mp__ir_node(lay->func, MP_OP_PHI, model->line,
                                   caught->count, phi_args(lay, caught, k));
        phi->type = model->type;
        phi->rank = model->rank;
        phi->root = model->root;
        phi->name = model->name;
        phi->shape = model->shape;
        phi->step = model->step;
        values[k] = mp__ir_append(via, phi);
    }
    return values;
}

/* ---- masked edges ------------------------------------------------------- */

mp_node *mp__mask_lanes(mp_lay *lay, mp_level *level, int part, mp_block *at)
{
    const mp_part *to = &level->parts[part];
    const mp_arrivals *arrivals = &lay->laid[to->block->id].arrivals;
    if (arrivals->count == 1)
        return arrivals->all[0].mask;
    if (mp__mask_postdominates(level, part, to->idom))
        return level->parts[to->idom].mask;
    mp_node *mask = mp__mask_node(lay, arrivals->all[0].mask);
    for (int k = 1; k < arrivals->count; k++)
        mask = mp__mask_add(lay, at, MP_OP_OR, mask,
                            mp__mask_node(lay, arrivals->all[k].mask));
    return mask;
}

/* Where SELECTs go. */
typedef struct blender {
    mp_lay *lay;
    mp_block *at;
    mp_node *before;
    const mp_arrivals *arrivals;
    const mp_node *phi;
    int index;        /* of the PHI */
    const int *sides; /* of the arrivals, by which edge of the branch */
} blender;

static mp_node *add_select(const blender *b, mp_node *cond, mp_node *then,
                           mp_node *other)
{
    mp_node *args[] = {cond, then, other};
    if (then == other)
        return then;
    mp_func *func = b->lay->func;
    mp_node *node = mp__ir_node(func, MP_OP_SELECT, b->phi->line, 3, args);
    node->type = b->phi->type;
    node->shape = MP_SHAPE_VARYING;
    if (node->type == MP_TYPE_ARRAY || node->type == MP_TYPE_REF)
        mp__unit_refuse(func->unit, b->phi->line, "index it where it is chosen",
                        "which array it is differs from item to item");
    return b->before != NULL ? mp__ir_insert(b->before, node)
                             : mp__ir_append(b->at, node);
}

static mp_node *value_of(const blender *b, int k)
{
    return b->arrivals->all[k].values[b->index];
}

/* The value that most arrivals of a side bring; -1: of all. */
static mp_node *most_common(const blender *b, int side)
{
    mp_node *best = NULL;
    int most = 0;
    for (int k = 0; k < b->arrivals->count; k++) {
        int count = 0;
        for (int i = 0; i < b->arrivals->count; i++)
            count += value_of(b, i) == value_of(b, k) &&
                     (side < 0 || b->sides[i] == side);
        if (count > most) {
            most = count;
            best = value_of(b, k);
        }
    }
    return best;
}

static mp_node *blend_by_masks(const blender *b, int side)
{
    mp_node *value = most_common(b, side), *common = value;
    for (int k = 0; k < b->arrivals->count; k++) {
        if ((side >= 0 && b->sides[k] != side) || value_of(b, k) == common)
            continue;
        mp_node *mask = mp__mask_node(b->lay, b->arrivals->all[k].mask);
        value = add_select(b, mask, value_of(b, k), value);
    }
    return value;
}

/* Whether a part is entered by one edge, the one from its dominator. */
static bool one_way(const mp_lay *lay, const mp_part *part)
{
    return part->inner != NULL || lay->laid[part->block->id].npreds == 1;
}

/* By which edge of a branch lanes come that arrive: 0, 1, or -1 for both. */
static int side_of(const mp_lay *lay, const mp_level *level, int branch,
                   const mp_arrival *arrival)
{
    if (arrival->part == branch)
        return arrival->slot;
    for (int k = 0; k < 2; k++) {
        int to = level->parts[branch].outs[k].part;
        if (to < level->nparts && one_way(lay, &level->parts[to]) &&
            mp__mask_dominates(level, to, arrival->part))
            return k;
    }
    return -1;
}

/* The condition that tells the edges into a part by two sides, or NULL. */
static mp_node *find_sides(const mp_lay *lay, const mp_level *level, int part,
                           int *sides)
{
    const mp_arrivals *arrivals =
        &lay->laid[level->parts[part].block->id].arrivals;
    int branch = arrivals->all[0].part;
    for (int k = 1; k < arrivals->count; k++) {
        while (!mp__mask_dominates(level, branch, arrivals->all[k].part))
            branch = level->parts[branch].idom;
    }
    const mp_block *block = level->parts[branch].block;
    if (level->parts[branch].inner != NULL ||
        lay->laid[block->id].end != MP_END_BRANCH)
        return NULL;
    int counts[2] = {0, 0};
    for (int k = 0; k < arrivals->count; k++) {
        sides[k] = side_of(lay, level, branch, &arrivals->all[k]);
        if (sides[k] < 0)
            return NULL;
        counts[sides[k]]++;
    }
    if (counts[0] == 0 || counts[1] == 0)
        return NULL;
    return mp__mask_resolve(lay, lay->laid[block->id].cond);
}

mp_node **mp__mask_blend(mp_lay *lay, mp_level *level, int part, mp_block *at,
                         mp_node *before)
{
    const mp_laid *laid = &lay->laid[level->parts[part].block->id];
    mp_unit *unit = lay->func->unit;
    size_t size = (size_t)laid->nphis + 1;
    mp_node **values = mp__unit_alloc(unit, size * sizeof *values);
    size = (size_t)laid->arrivals.count + 1;
    int *sides = mp__unit_alloc(unit, size * sizeof *sides);
    mp_node *cond = find_sides(lay, level, part, sides);
    blender b = {lay, at, before, &laid->arrivals, NULL, 0, sides};
    for (; b.index < laid->nphis; b.index++) {
        b.phi = laid->phis[b.index];
        mp_node *value = same_value(&laid->arrivals, b.index);
        if (value == NULL && cond != NULL)
            value = add_select(&b, cond, blend_by_masks(&b, 0),
                               blend_by_masks(&b, 1));
        else if (value == NULL)
            value = blend_by_masks(&b, -1);
        values[b.index] = value;
    }
    return values;
}

void mp__mask_become(mp_lay *lay, const mp_block *block, mp_node **values)
{
    const mp_laid *laid = &lay->laid[block->id];
    for (int k = 0; k < laid->nphis; k++) {
        mp_node *phi = laid->phis[k];
        lay->by[phi->id] = values[k] != phi ? values[k] : NULL;
        mp__ir_remove(phi);
    }
}

void mp__mask_set(mp_block *block, mp_node *mask)
{
    block->mask = mask;
    for (mp_node *node = block->first; node != NULL; node = node->next) {
        if (node->op != MP_OP_POLL && mp__ir_node_effects(node) != MP_EFFECT_0)
            node->mask = mask;
    }
}
