/* Tables made in the kernel: which indices are sure to be within them, and how
 * much memory they need.
 *
 * An index that may be anything is expected to be that of an item that there
 * is, as in a histogram, but where the table may be empty, or is appended to by
 * v[#v + 1]. */
#include "native/infer.h"

typedef struct tables {
    mp_infer *infer;
    mp_node **by; /* what nodes become, by id */
} tables;

static mp_node *resolve(const tables *t, mp_node *node)
{
    while (t->by[node->id] != NULL)
        node = t->by[node->id];
    return node;
}

/* Calls `visit` for all nodes. */
static void each(tables *t, void (*visit)(tables *t, mp_node *node))
{
    const mp_func *func = t->infer->func;
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *n = func->order[k]->first; n != NULL; n = n->next)
            visit(t, n);
    }
}

/* ---- items -------------------------------------------------------------- */

static void check_item(const mp_infer *infer, const mp_node *node)
{
    if (node->op == MP_OP_TLOAD && mp__infer_items(infer, node).may == 0)
        mp__unit_refuse(infer->unit, node->line,
                        "it is nil; write something first",
                        "a table is read that nothing was written to");
    if (node->op != MP_OP_TSTORE)
        return;
    unsigned may = mp__infer_fact(infer, node->args[2]).may;
    if (may & ~(unsigned)(MP_MAY_NUMBER | MP_MAY_BOOL))
        mp__unit_refuse(infer->unit, node->line,
                        "store a number, or index it by constants alone",
                        "a table's item may be %s",
                        may & MP_MAY_NIL ? "nil" : "no number");
    may = mp__infer_items(infer, node).may;
    if (may & MP_MAY_NUMBER && may & MP_MAY_BOOL)
        mp__unit_refuse(infer->unit, node->line,
                        "use two tables, or index it by constants alone",
                        "a table has numbers and booleans");
}

void mp__infer_check_tables(const mp_infer *infer)
{
    for (int k = 0; k < infer->func->norder; k++) {
        const mp_node *n = infer->func->order[k]->first;
        for (; n != NULL; n = n->next)
            check_item(infer, n);
    }
}

/* ---- indices ------------------------------------------------------------ */

/* Whether a TGROW may append an item. */
static bool grows(const mp_infer *infer, const mp_node *node)
{
    mp_fact index = mp__infer_here(infer, node->args[1], node->block);
    if (mp__ir_own(infer->func, node->args[0])->grows ||
        mp__infer_fact(infer, node->args[2]).low < 1)
        return true;
    return mp__fact_only(index, MP_MAY_INT) && index.high <= MP_OWN_ITEMS;
}

mp_fact mp__infer_index(const mp_infer *infer, const mp_node *node)
{
    bool grow = node->op == MP_OP_TGROW;
    mp_fact index = mp__infer_here(infer, node->args[grow], node->block);
    mp_fact length = mp__infer_fact(infer, node->args[1 + grow]);
    if (index.may == 0 || length.may == 0)
        return mp__fact_none();
    bool whole = mp__fact_only(index, MP_MAY_INT);
    int64_t most = length.high < MP_OWN_ITEMS ? length.high : MP_OWN_ITEMS;
    if (grow && grows(infer, node) && most < MP_OWN_ITEMS &&
        !(whole && index.low > most + 1))
        most++;
    int64_t low = whole && index.low > 1 ? index.low : 1;
    int64_t high = whole && index.high < most ? index.high : most;
    /* What never passes may be anything. */
    if (low > high)
        return mp__fact_ints(1, most > 1 ? most : 1);
    return mp__fact_ints(low, high);
}

/* Whether an index is at most the length, whatever that is: v[i - 1] where i
 * is the length + 1. */
static bool is_below(const mp_node *index, const mp_node *length)
{
    if (index == length)
        return true;
    if (index->op != MP_OP_SUB || !mp__ir_is_const_int(index->args[1]))
        return false;
    const mp_node *from = index->args[0];
    int64_t less = index->args[1]->as.i;
    if (from == length)
        return less >= 0;
    return from->op == MP_OP_ADD && from->args[0] == length &&
           mp__ir_is_const_int(from->args[1]) && less >= from->args[1]->as.i &&
           from->args[1]->as.i >= 0;
}

/* Whether it is from 1 to the length in any case. */
static bool is_inside(const tables *t, const mp_node *node, mp_node *index,
                      mp_node *length)
{
    mp_fact fact = mp__infer_here(t->infer, index, node->block);
    if (!mp__fact_only(fact, MP_MAY_INT) || fact.low < 1)
        return false;
    return fact.high <= mp__infer_fact(t->infer, length).low ||
           is_below(resolve(t, index), resolve(t, length));
}

static void expect_possible(const tables *t, const mp_node *node,
                            const mp_node *index, int64_t most)
{
    mp_fact fact = mp__infer_here(t->infer, index, node->block);
    if (mp__fact_only(fact, MP_MAY_INT) && (fact.low > most || fact.high < 1))
        mp__unit_refuse(t->infer->unit, node->line,
                        "fill it from 1 on, without gaps",
                        "a table's index is outside of what it has");
}

/* What becomes of a TGROW that does not grow: of a length after it, which is
 * the length before. */
static void drop_length(tables *t, const mp_node *grow, mp_node *length)
{
    const mp_func *func = t->infer->func;
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *n = func->order[k]->first; n != NULL; n = n->next) {
            if (n->op == MP_OP_SELECT && n->args[1] == grow &&
                n->args[2] == length)
                t->by[n->id] = length;
        }
    }
}

static void settle_index(tables *t, mp_node *node)
{
    if (node->op == MP_OP_TINDEX) {
        mp_node *index = node->args[0], *length = node->args[1];
        expect_possible(t, node, index, mp__infer_fact(t->infer, length).high);
        if (is_inside(t, node, index, length))
            t->by[node->id] = index;
    } else if (node->op == MP_OP_TGROW) {
        mp_node *index = node->args[1], *length = node->args[2];
        int64_t most = mp__infer_fact(t->infer, length).high;
        bool growing = grows(t->infer, node);
        expect_possible(t, node, index,
                        growing && most < MP_OWN_ITEMS ? most + 1 : most);
        bool inside = is_inside(t, node, index, length);
        if (growing && !inside)
            return;
        drop_length(t, node, length);
        if (inside) {
            t->by[node->id] = index;
            return;
        }
        node->op = MP_OP_TINDEX;
        node->args[0] = index;
        node->args[1] = length;
        node->nargs = 2;
    }
}

/* ---- memory ------------------------------------------------------------- */

static void measure(tables *t, mp_node *node)
{
    if (node->op != MP_OP_TSTORE)
        return;
    mp_infer *infer = t->infer;
    mp_own *own = mp__ir_own(infer->func, node->args[0]);
    mp_fact index = mp__infer_here(infer, node->args[1], node->block);
    if (index.high > MP_OWN_ITEMS)
        mp__unit_refuse(
            infer->unit, node->line, "use an array that is an argument",
            "a table made in the kernel gets more than %d items", MP_OWN_ITEMS);
    if (index.high > own->size)
        own->size = (int)index.high;
}

static void check_memory(const mp_infer *infer)
{
    const mp_func *func = infer->func;
    int items = 0;
    for (int k = 0; k < func->nowns; k++) {
        items += func->owns[k]->size;
        if (items > MP_OWN_ALL_ITEMS)
            mp__unit_refuse(infer->unit, func->owns[k]->line,
                            "use arrays that are arguments",
                            "the tables made in the kernel have more than %d "
                            "items together",
                            MP_OWN_ALL_ITEMS);
    }
}

void mp__infer_table(mp_infer *infer)
{
    mp_func *func = infer->func;
    if (func->nowns == 0)
        return;
    size_t size = (size_t)func->nnodes;
    tables t = {infer, mp__unit_alloc(infer->unit, size * sizeof(mp_node *))};
    each(&t, settle_index);
    mp__ir_replace_all(func, t.by);
    for (int k = 0; k < func->norder; k++) {
        mp_node *next;
        for (mp_node *n = func->order[k]->first; n != NULL; n = next) {
            next = n->next;
            if (t.by[n->id] != NULL)
                mp__ir_remove(n);
        }
    }
    each(&t, measure);
    check_memory(infer);
}
