/* A run's two ways: where all lanes of a vector have an item and all its
 * elements are within bounds, as they are but at the end of a row,
 *
 *     b0:  the indices; all within bounds?
 *     l0:    then loads, arithmetic and stores, without another check of those
 *     l1:    else the same in the lanes that have an item, with all checks
 *
 * Code without a loop or a branch is there twice for it. What each element is
 * loaded by is part of the instruction that uses it then, and the masks are
 * worked out where they are needed. */
#include <string.h>

#include "native/emit.h"

/* Whether a node can be worked out before both ways: an index. */
static bool is_index(const mp_emit *e, const mp_node *node)
{
    if (mp__ir_effects(node->op) != MP_EFFECT_0 || node->op == MP_OP_PARAM ||
        node->type != MP_TYPE_INT || node->shape == MP_SHAPE_VARYING ||
        e->once[node->id])
        return false;
    for (int k = 0; k < node->nargs; k++) {
        const mp_node *arg = node->args[k];
        if (arg->op != MP_OP_PARAM && !e->once[arg->id] && !e->early[arg->id])
            return false;
    }
    return true;
}

/* Whether a node loads or stores a run. */
static bool is_access(const mp_emit *e, const mp_node *node)
{
    return (node->op == MP_OP_LOAD || node->op == MP_OP_STORE) &&
           mp__emit_is_run(e, node);
}

/* Whether there are accesses, for all lanes, and all their indices are worked
 * out before. */
static bool has_accesses(const mp_emit *e)
{
    bool some = false;
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (!is_access(e, node))
            continue;
        const mp_node *index = node->args[1];
        if (node->mask != NULL || (index->op != MP_OP_PARAM &&
                                   !e->once[index->id] && !e->early[index->id]))
            return false;
        some = true;
    }
    return some;
}

bool mp__emit_splits(mp_emit *e)
{
    const mp_spec *spec = e->spec;
    mp_node *node = e->func->entry->first;
    if (spec->form != MP_FORM_RUN || e->func->norder != 1 || e->lanes == 1 ||
        spec->masked)
        return false;
    for (; node != NULL; node = node->next)
        e->early[node->id] = is_index(e, node);
    if (has_accesses(e))
        return true;
    memset(e->early, 0, (size_t)e->func->nnodes * sizeof *e->early);
    return false;
}

/* Whether an access before `node` is of the same index and as long a row. */
static bool is_known(const mp_emit *e, const mp_node *node)
{
    const mp_node *other = node->block->first;
    for (; other != node; other = other->next) {
        if (is_access(e, other) && other->args[1] == node->args[1] &&
            other->args[0]->root == node->args[0]->root)
            return true;
    }
    return false;
}

/* Whether all lanes have an item, and all elements of those are within
 * bounds. */
static const char *is_all_inside(mp_emit *e, const mp_block *block)
{
    const char *all = "%whole";
    for (const mp_node *n = block->first; n != NULL; n = n->next) {
        if (!is_access(e, n) || is_known(e, n))
            continue;
        all = mp__emit_let(e, "and i1 %s, %s", all, mp__emit_run_inside(e, n));
    }
    return all;
}

static const char *ones(mp_emit *e)
{
    return mp__emit_splat(e, e->bits ? "i1" : "i64", e->bits ? "true" : "-1");
}

/* The lanes that have an item. */
static const char *lanes_left(mp_emit *e)
{
    const char *left = mp__emit_let(e, "sub i64 %%count, %%i");
    left = mp__emit_splat(e, "i64", left);
    left = mp__emit_let(e, "icmp slt %s %s, %s",
                        mp__emit_type(e, MP_TYPE_INT, true), mp__emit_iota(e),
                        left);
    return mp__emit_of_bits(e, left, true);
}

void mp__emit_split(mp_emit *e, const mp_block *block,
                    void (*body)(mp_emit *, const mp_block *))
{
    const char *fast = mp__emit_new_label(e), *slow = mp__emit_new_label(e);
    int64_t cost = e->cost;
    for (const mp_node *n = block->first; n != NULL; n = n->next) {
        if (e->early[n->id])
            mp__emit_op(e, n);
    }
    mp__emit_likely(e, is_all_inside(e, block), fast, slow);
    mp__emit_label(e, fast);
    e->way = MP_WAY_INSIDE;
    e->on = ones(e);
    e->full = "true";
    e->entry = NULL;
    body(e, block);
    mp__emit_label(e, slow);
    e->cost = cost;
    e->way = MP_WAY_CHECKED;
    e->on = lanes_left(e);
    e->full = "%whole";
    e->entry = e->on;
    body(e, block);
    e->way = MP_WAY_EITHER;
}
