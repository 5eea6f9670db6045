/* A run's two ways: where all lanes of a vector have an item and all its
 * elements are within bounds, as they are but at the end of a row,
 *
 *     entry: from which item to which are all elements within bounds?
 *     b0:  the vector is in between, and other indices within bounds?
 *     l0:    then loads, arithmetic and stores, without another check of those
 *     l1:    else the same in the lanes that have an item, if those are in
 *            between, and with all other checks
 *
 * Code without a loop or a branch is there twice for it. What each element is
 * loaded by is part of the instruction that uses it then, and the masks are
 * worked out where they are needed. */
#include <string.h>

#include "native/abi.h"
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

static const char *more_or_less(mp_emit *e, const char *which, const char *a,
                                const char *b)
{
    mp__emit_declare(
        e,
        mp__write_text(e->unit, "declare i64 @llvm.%s.i64(i64, i64)", which));
    return mp__emit_let(e, "call i64 @llvm.%s.i64(i64 %s, i64 %s)", which, a,
                        b);
}

/* A row of so many vectors at least is worth beginning where its stores do. */
#define LONG_ROW 16

/* How many items before the first one a vector begins whose store, at that
 * element, begins a line of the cache: what crosses lines takes twice as long
 * to be stored. */
static const char *items_before(mp_emit *e, const mp_node *store,
                                const char *start)
{
    int size = mp_dtype_size(e->spec->params[store->args[0]->root].dtype);
    int items =
        MP_CACHE_LINE / size < e->lanes ? MP_CACHE_LINE / size : e->lanes;
    const char *from = mp__emit_let(e, "ptrtoint ptr %s to i64",
                                    mp__emit_run_from(e, store, start));
    from = mp__emit_let(e, "udiv i64 %s, %d", from, size);
    from = mp__emit_let(e, "and i64 %s, %d", from, items - 1);
    const char *worth =
        mp__emit_let(e, "icmp sge i64 %%count, %d", LONG_ROW * e->lanes);
    return mp__emit_let(e, "select i1 %s, i64 %s, i64 0", worth, from);
}

/* %first and %span: vectors that begin at one of so many items from there on
 * have an item in all lanes, and elements within bounds. Items from %first on
 * and before %until have these. Numbers that wrap around leave no such item,
 * since a row has less than 2^62 of them. */
const char *mp__emit_split_once(mp_emit *e)
{
    const char *lo = "0", *past = "%count", *before = NULL;
    const char *hi = mp__emit_let(e, "sub i64 %%count, %d", e->lanes - 1);
    for (const mp_node *n = e->func->entry->first; n != NULL; n = n->next) {
        if (!is_access(e, n) || is_known(e, n))
            continue;
        const char *start = mp__emit_run_start(e, n);
        if (start == NULL)
            continue;
        const char *from = mp__emit_let(e, "sub i64 0, %s", start);
        const char *to =
            mp__emit_let(e, "sub i64 %%limit%d, %s", n->args[0]->root, start);
        const char *end =
            mp__emit_let(e, "sub i64 %s, %s", mp__emit_bound(e, n), start);
        e->ranged[n->id] = true;
        lo = more_or_less(e, "smax", lo, from);
        hi = more_or_less(e, "smin", hi, to);
        past = more_or_less(e, "smin", past, end);
        if (before == NULL && n->op == MP_OP_STORE && e->once[n->args[0]->id])
            before = items_before(e, n, start);
    }
    const char *some = mp__emit_let(e, "icmp slt i64 %s, %s", lo, hi);
    const char *span = mp__emit_let(e, "sub i64 %s, %s", hi, lo);
    mp__emit_line(e, "%%first = add i64 %s, 0", lo);
    mp__emit_line(e, "%%span = select i1 %s, i64 %s, i64 0", some, span);
    mp__emit_line(e, "%%until = add i64 %s, 0", past);
    return before == NULL ? "0" : mp__emit_let(e, "sub i64 0, %s", before);
}

/* Whether all lanes have an item, and all elements of those are within
 * bounds. */
static const char *is_all_inside(mp_emit *e, const mp_block *block)
{
    const char *all = mp__emit_let(e, "sub i64 %%i, %%first");
    all = mp__emit_let(e, "icmp ult i64 %s, %%span", all);
    for (const mp_node *n = block->first; n != NULL; n = n->next) {
        if (!is_access(e, n) || is_known(e, n) || e->ranged[n->id])
            continue;
        all = mp__emit_let(e, "and i1 %s, %s", all, mp__emit_run_inside(e, n));
    }
    return all;
}

static const char *ones(mp_emit *e)
{
    return mp__emit_splat(e, e->bits ? "i1" : "i64", e->bits ? "true" : "-1");
}

/* The lanes that have an item: at the end of a row, and at its beginning. */
static const char *lanes_left(mp_emit *e)
{
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    const char *item = mp__emit_splat(e, "i64", "%i");
    const char *count = mp__emit_splat(e, "i64", "%count");
    item = mp__emit_let(e, "add %s %s, %s", type, item, mp__emit_iota(e));
    item = mp__emit_let(e, "icmp ult %s %s, %s", type, item, count);
    return mp__emit_of_bits(e, item, true);
}

/* Checks %first and %until for the lanes that have an item, in place of each
 * access. */
static void check_range(mp_emit *e, const mp_block *block)
{
    const mp_node *n = block->first;
    while (n != NULL && !e->ranged[n->id])
        n = n->next;
    if (n == NULL)
        return;
    const char *end = mp__emit_let(e, "add i64 %%i, %d", e->lanes);
    end = more_or_less(e, "smin", end, "%count");
    const char *low = mp__emit_let(e, "icmp slt i64 %s, %%first", e->item);
    const char *high = mp__emit_let(e, "icmp sgt i64 %s, %%until", end);
    mp__emit_check(e, n, mp__emit_let(e, "or i1 %s, %s", low, high), false);
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
    e->item = "%i";
    e->full = "true";
    e->entry = NULL;
    body(e, block);
    mp__emit_label(e, slow);
    e->cost = cost;
    e->way = MP_WAY_CHECKED;
    e->on = lanes_left(e);
    e->item = more_or_less(e, "smax", "%i", "0");
    e->full = "false";
    e->entry = e->on;
    check_range(e, block);
    body(e, block);
    e->way = MP_WAY_EITHER;
}
