/* Finding values by walking back from their uses: M. Braun et al., "Simple and
 * Efficient Construction of Static Single Assignment Form" (2013). */
#include "native/mask_values.h"

/* Blocks where paths join that one search goes through, each a C call. */
#define MOST_DEPTH 4000

struct mp_place {
    mp_node **place;
    mp_block *block;
    mp_node *before;
    mp_place *next;
};

mp_values *mp__values_new(mp_func *func)
{
    mp_values *values = mp__unit_alloc(func->unit, sizeof *values);
    values->func = func;
    return values;
}

/* ---- variables ---------------------------------------------------------- */

mp_var *mp__values_find(const mp_values *values, const mp_node *name)
{
    return name->id < values->nids ? values->of[name->id] : NULL;
}

mp_var *mp__values_add(mp_values *values, mp_node *name)
{
    mp_unit *unit = values->func->unit;
    mp_var *var = mp__unit_alloc(unit, sizeof *var);
    var->name = name;
    var->shape = name->shape;
    var->step = name->step;
    while (values->nids <= name->id)
        MP_UNIT_PUSH(unit, values->of, values->nids, NULL);
    values->of[name->id] = var;
    MP_UNIT_PUSH(unit, values->vars, values->count, var);
    return var;
}

void mp__values_define(mp_values *values, mp_var *var, mp_node *def)
{
    MP_UNIT_PUSH(values->func->unit, var->defs, var->ndefs, def);
}

void mp__values_use(mp_values *values, mp_var *var, mp_node **place,
                    mp_block *block, mp_node *before)
{
    mp_place *use = mp__unit_alloc(values->func->unit, sizeof *use);
    *use = (mp_place){place, block, before, var->places};
    var->places = use;
}

/* ---- where there is none ------------------------------------------------ */

/* Zero, of the variable's type and as if of its shape: nobody looks at it,
 * but for masks, which are false where they were not computed. */
static mp_node *zero(mp_values *values, const mp_var *var)
{
    mp_func *func = values->func;
    mp_type type = var->name->type;
    bool is_linear = var->shape == MP_SHAPE_LINEAR;
    for (int k = 0; k < values->nzeros; k++) {
        mp_node *node = values->zeros[k];
        if (node->type == type && node->step == (is_linear ? var->step : 0))
            return node;
    }
    if (type == MP_TYPE_ARRAY || type == MP_TYPE_REF)
        mp__unit_refuse(func->unit, var->name->line,
                        "index it where it is chosen",
                        "which array it is differs from item to item");
    mp_node *node = mp__ir_node(func, MP_OP_CONST, 0, 0, NULL);
    node->type = type;
    if (is_linear) {
        node->shape = var->shape;
        node->step = var->step;
    }
    if (func->entry->first != NULL)
        mp__ir_insert(func->entry->first, node);
    else
        mp__ir_append(func->entry, node);
    MP_UNIT_PUSH(func->unit, values->zeros, values->nzeros, node);
    return node;
}

/* What goes round all definitions comes by a block that dominates them. */
static bool is_unset(const mp_var *var, const mp_block *block)
{
    if (var->unset != NULL)
        return mp__ir_dominates(block, var->unset);
    const mp_block *home = var->defs[0]->block;
    return block != home && mp__ir_dominates(block, home);
}

/* ---- walking back ------------------------------------------------------- */

static mp_node *at_end(mp_values *values, const mp_var *var, mp_block *block);

/* A PHI that turned out to be but another value has left its block and has
 * that as its only argument. */
static mp_node *resolve(mp_node *node)
{
    while (node->op == MP_OP_PHI && node->block == NULL && node->nargs == 1)
        node = node->args[0];
    return node;
}

static void simplify(mp_node *phi)
{
    mp_node *same = NULL;
    for (int k = 0; k < phi->nargs; k++) {
        mp_node *value = resolve(phi->args[k]);
        phi->args[k] = value;
        if (value == phi || value == same)
            continue;
        if (same != NULL)
            return;
        same = value;
    }
    if (same == NULL)
        return;
    mp__ir_remove(phi);
    phi->nargs = 1;
    phi->args[0] = same;
}

static mp_node *make_phi(mp_values *values, const mp_var *var, mp_block *block)
{
    mp_node *phi = mp__ir_node(values->func, MP_OP_PHI, var->name->line,
                               block->npreds, NULL);
    phi->type = var->name->type;
    phi->rank = var->name->rank;
    phi->root = var->name->root;
    phi->name = var->name->name;
    phi->shape = var->shape;
    phi->step = var->step;
    if (block->first != NULL)
        return mp__ir_insert(block->first, phi);
    return mp__ir_append(block, phi);
}

static void remember(mp_values *values, const mp_var *var,
                     const mp_block *block, mp_node *value)
{
    values->stamps[block->id] = var;
    values->starts[block->id] = value;
}

static mp_node *at_join(mp_values *values, const mp_var *var, mp_block *block)
{
    if (++values->depth > MOST_DEPTH)
        mp__unit_refuse(values->func->unit, block->line, NULL,
                        "there are too many branches in one another");
    mp_node *phi = make_phi(values, var, block);
    remember(values, var, block, phi);
    for (int k = 0; k < block->npreds; k++)
        phi->args[k] = at_end(values, var, block->preds[k]);
    simplify(phi);
    values->depth--;
    return resolve(phi);
}

static mp_node *at_start(mp_values *values, const mp_var *var, mp_block *block)
{
    if (values->stamps[block->id] == var)
        return resolve(values->starts[block->id]);
    mp_node *value;
    if (block->npreds == 0)
        value = zero(values, var);
    else if (block->npreds == 1)
        value = at_end(values, var, block->preds[0]);
    else
        return at_join(values, var, block);
    remember(values, var, block, value);
    return value;
}

static mp_node *at_end(mp_values *values, const mp_var *var, mp_block *block)
{
    for (;; block = block->preds[0]) {
        for (int k = var->ndefs - 1; k >= 0; k--) {
            if (var->defs[k]->block == block)
                return var->defs[k];
        }
        if (is_unset(var, block))
            return zero(values, var);
        if (block->npreds != 1 || values->stamps[block->id] == var)
            return at_start(values, var, block);
    }
}

static bool is_def(const mp_var *var, const mp_node *node)
{
    for (int k = 0; k < var->ndefs; k++) {
        if (var->defs[k] == node)
            return true;
    }
    return false;
}

static bool has_def(const mp_var *var, const mp_block *block)
{
    for (int k = 0; k < var->ndefs; k++) {
        if (var->defs[k]->block == block)
            return true;
    }
    return false;
}

static mp_node *at_place(mp_values *values, const mp_var *var,
                         const mp_place *use)
{
    if (use->before == NULL)
        return at_end(values, var, use->block);
    if (has_def(var, use->block)) {
        for (mp_node *node = use->before->previous; node != NULL;
             node = node->previous) {
            if (is_def(var, node))
                return node;
        }
    }
    return at_start(values, var, use->block);
}

void mp__values_rebuild(mp_values *values)
{
    mp_func *func = values->func;
    size_t size = (size_t)func->nblocks;
    values->stamps = mp__unit_alloc(func->unit, size * sizeof *values->stamps);
    values->starts = mp__unit_alloc(func->unit, size * sizeof *values->starts);
    for (int k = 0; k < values->count; k++) {
        const mp_var *var = values->vars[k];
        for (mp_place *use = var->places; use != NULL; use = use->next)
            *use->place = at_place(values, var, use);
    }
    /* What was made for one variable may have left its block since. */
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *node = func->order[k]->first; node != NULL;
             node = node->next) {
            for (int i = 0; i < node->nargs; i++)
                node->args[i] = resolve(node->args[i]);
            if (node->mask != NULL)
                node->mask = resolve(node->mask);
        }
        mp_block *block = func->order[k];
        if (block->cond != NULL)
            block->cond = resolve(block->cond);
        if (block->mask != NULL)
            block->mask = resolve(block->mask);
    }
}

/* ---- uses --------------------------------------------------------------- */

void mp__values_each(mp_func *func,
                     void (*visit)(void *ud, mp_node **place, mp_block *block,
                                   mp_node *before),
                     void *ud)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            bool phi = node->op == MP_OP_PHI;
            for (int i = 0; i < node->nargs; i++)
                visit(ud, &node->args[i], phi ? block->preds[i] : block,
                      phi ? NULL : node);
            if (node->mask != NULL)
                visit(ud, &node->mask, block, node);
        }
        if (block->end == MP_END_BRANCH)
            visit(ud, &block->cond, block, NULL);
    }
}

mp_node *mp__values_copy_row(mp_func *func, const mp_node *row, mp_block *block,
                             mp_node *before)
{
    mp_node *copy =
        mp__ir_node(func, row->op, row->line, row->nargs, row->args);
    copy->type = row->type;
    copy->rank = row->rank;
    copy->root = row->root;
    copy->shape = row->shape;
    copy->step = row->step;
    copy->mask = block->mask;
    return before != NULL ? mp__ir_insert(before, copy)
                          : mp__ir_append(block, copy);
}
