/* Folding: what is known before the kernel runs is not computed when it runs.
 *
 *     %1: float = const 2
 *     %2: float = const 0.5          %1: float = const 2
 *     %3: float = div %1 %2          %3: float = const 4
 *     %4: float = mul %0 %3          %4: float = mul %0 %3
 *
 * Nothing here changes a bit of a result: x + 0.0 stays, since it is 0 where x
 * is -0. Exponents are the exception that fold_power.c explains. */
#include "native/fold.h"

#include <stdarg.h>
#include <string.h>

#include "native/datum.h"
#include "native/passes.h"
#include "native/prune.h"

/* Each round finds what the one before has laid bare; few need more. */
#define MOST_ROUNDS 10

typedef struct folding {
    mp_func *func;
    int count;    /* nodes that there were when the round began */
    mp_node **by; /* what those become, by id; or NULL */
    bool changed;
} folding;

/* ---- making ------------------------------------------------------------- */

static mp_node *make_const(mp_func *func, mp_type type)
{
    mp_node *node = mp__ir_node(func, MP_OP_CONST, 0, 0, NULL);
    node->type = type;
    return mp__ir_prepend(func->entry, node);
}

mp_node *mp__fold_int(mp_func *func, int64_t value)
{
    mp_node *node = make_const(func, MP_TYPE_INT);
    node->as.i = value;
    return node;
}

mp_node *mp__fold_float(mp_func *func, double value)
{
    mp_node *node = make_const(func, MP_TYPE_FLOAT);
    node->as.f = value;
    return node;
}

mp_node *mp__fold_bool(mp_func *func, bool value)
{
    mp_node *node = make_const(func, MP_TYPE_BOOL);
    node->as.b = value;
    return node;
}

mp_node *mp__fold_make(mp_node *before, mp_func *func, mp_op op, mp_type type,
                       int nargs, ...)
{
    mp_node *node = mp__ir_node(func, op, before->line, nargs, NULL);
    va_list args;
    va_start(args, nargs);
    for (int k = 0; k < nargs; k++)
        node->args[k] = va_arg(args, mp_node *);
    va_end(args);
    node->type = type;
    return mp__ir_insert(before, node);
}

bool mp__fold_is_int(const mp_node *node, int64_t value)
{
    return mp__ir_is_const_int(node) && node->as.i == value;
}

bool mp__fold_is_float(const mp_node *node, double value)
{
    uint64_t bits, wanted;
    memcpy(&bits, &node->as.f, sizeof bits);
    memcpy(&wanted, &value, sizeof wanted);
    return node->op == MP_OP_CONST && node->type == MP_TYPE_FLOAT &&
           bits == wanted;
}

/* ---- constants ---------------------------------------------------------- */

static mp_datum datum_of(const mp_node *node)
{
    mp_datum datum = {.type = node->type};
    if (node->type == MP_TYPE_BOOL)
        datum.as.b = node->as.b;
    else if (node->type == MP_TYPE_INT)
        datum.as.i = node->as.i;
    else
        datum.as.f = node->as.f;
    return datum;
}

static mp_node *node_of(mp_func *func, mp_datum datum)
{
    if (datum.type == MP_TYPE_BOOL)
        return mp__fold_bool(func, datum.as.b);
    if (datum.type == MP_TYPE_INT)
        return mp__fold_int(func, datum.as.i);
    return mp__fold_float(func, datum.as.f);
}

static mp_node *fold_item(mp_func *func, const mp_node *node)
{
    const mp_table *table = node->args[0]->as.constant->as.table;
    int64_t index = node->args[1]->as.i;
    if (node->args[1]->op != MP_OP_CONST || index < 1 || index > table->nitems)
        return NULL;
    const mp_constant *item = table->items[index - 1];
    if (item->kind != MP_CONST_INT)
        return mp__fold_float(func, item->as.f);
    if (node->type == MP_TYPE_FLOAT)
        return mp__fold_float(func, (double)item->as.i);
    return mp__fold_int(func, item->as.i);
}

/* A constant where all arguments are, or NULL. */
static mp_node *fold_constant(mp_func *func, const mp_node *node)
{
    mp_datum args[3], result;
    if (node->op == MP_OP_PHI || node->nargs < 1 || node->nargs > 3)
        return NULL;
    for (int k = 0; k < node->nargs; k++) {
        const mp_node *arg = node->args[k];
        if (arg->op != MP_OP_CONST || arg->type == MP_TYPE_NIL)
            return NULL;
        args[k] = datum_of(arg);
    }
    return mp__datum_apply(node, args, &result) ? node_of(func, result) : NULL;
}

/* ---- a round ------------------------------------------------------------ */

static mp_node *become(const folding *f, mp_node *node)
{
    while (node->id < f->count && f->by[node->id] != NULL)
        node = f->by[node->id];
    return node;
}

static void replace(folding *f, mp_node *node, mp_node *by)
{
    f->by[node->id] = by;
    mp__ir_remove(node);
    f->changed = true;
}

static mp_node *simplify(mp_func *func, mp_node *node)
{
    mp_node *made = fold_constant(func, node);
    if (made == NULL && node->op == MP_OP_ITEM)
        made = fold_item(func, node);
    if (made == NULL && node->op == MP_OP_POW)
        made = mp__fold_power(func, node);
    return made != NULL ? made : mp__fold_identity(func, node);
}

static void fold_block(folding *f, mp_block *block)
{
    mp_node *next;
    for (mp_node *node = block->first; node != NULL; node = next) {
        next = node->next;
        for (int k = 0; k < node->nargs; k++)
            node->args[k] = become(f, node->args[k]);
        mp_node *made = simplify(f->func, node);
        if (made != NULL)
            replace(f, node, made);
    }
}

static mp_node **make_map(mp_func *func)
{
    return mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof(mp_node *));
}

/* What is made in a round is left alone until the next. */
static bool fold_nodes(mp_func *func)
{
    folding f = {.func = func, .count = func->nnodes, .by = make_map(func)};
    for (int k = 0; k < func->norder; k++)
        fold_block(&f, func->order[k]);
    if (!f.changed)
        return false;
    mp_node **by = make_map(func);
    for (int id = 0; id < f.count; id++)
        by[id] = f.by[id];
    mp__ir_replace_all(func, by);
    return true;
}

static bool prune_branches(mp_func *func)
{
    bool changed = false;
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        if (block->end != MP_END_BRANCH)
            continue;
        if (block->cond->op == MP_OP_NOT) {
            mp_block *then = block->next[0];
            block->next[0] = block->next[1];
            block->next[1] = then;
            block->cond = block->cond->args[0];
        }
        if (block->cond->op != MP_OP_CONST)
            continue;
        mp__prune_branch(block, block->cond->as.b ? 0 : 1);
        changed = true;
    }
    if (changed)
        mp__prune_finish(func);
    return changed;
}

static bool fold_once(mp_func *func)
{
    bool changed = fold_nodes(func);
    changed |= prune_branches(func);
    changed |= mp__prune_phis(func);
    changed |= mp__fold_branch(func);
    changed |= mp__fold_merge(func);
    changed |= mp__fold_number(func);
    mp__ir_sweep(func);
    return changed;
}

void mp__fold_run(mp_func *func)
{
    int rounds = 0;
    while (rounds++ < MOST_ROUNDS && fold_once(func)) {
    }
    bool changed = mp__fold_hoist(func);
    if (mp__fold_bounds(func)) {
        fold_once(func);
        changed = mp__fold_hoist(func);
    }
    if (changed)
        fold_once(func);
}
