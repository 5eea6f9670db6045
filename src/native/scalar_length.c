/* Lengths of tables in memory: what is known of them before there are types.
 *
 *     for i = 1, 8 do v[i] = x end
 *
 * Before each round of such a loop the length is i - 1, if it was 0 before the
 * loop; so the index is always the length + 1, and behind the loop the length
 * is 8. v[i + 1], from 0 to 7, is the same. What is not seen here is checked
 * when the kernel runs. */
#include "native/scalar.h"

typedef struct lengths {
    mp_func *func;
    int count;
    const mp_growth *growths;
    mp_node **by; /* what nodes become, by id */
    int nids;
    bool changed;
} lengths;

/* What a node has become, or NULL. */
static mp_node *other(const lengths *l, const mp_node *node)
{
    return l->by != NULL && node->id < l->nids ? l->by[node->id] : NULL;
}

static mp_node *resolve(const lengths *l, mp_node *node)
{
    for (mp_node *by = other(l, node); by != NULL; by = other(l, by))
        node = by;
    return node;
}

static void become(lengths *l, const mp_node *node, mp_node *by)
{
    while (l->by == NULL || l->nids <= node->id)
        MP_UNIT_PUSH(l->func->unit, l->by, l->nids, NULL);
    l->by[node->id] = by;
    l->changed = true;
}

static bool is_gone(const lengths *l, const mp_node *node)
{
    return other(l, node) != NULL;
}

/* ---- constants ---------------------------------------------------------- */

/* Both are known. */
static void store_known(lengths *l, const mp_growth *g, mp_node *length,
                        mp_node *key)
{
    int64_t index = key->as.i;
    if (index < 1 || index > length->as.i + 1)
        mp__unit_refuse(l->func->unit, g->grow->line,
                        "fill it from 1 on, without gaps",
                        "a table gets item %lld while it has %lld, and is "
                        "indexed by computed values or measured",
                        (long long)index, (long long)length->as.i);
    become(l, g->grow, key);
    become(l, g->length, index > length->as.i ? key : length);
}

/* A store where another has been since the length changed. */
static bool store_again(lengths *l, const mp_growth *g, const mp_node *length,
                        const mp_node *key)
{
    for (int k = 0; k < l->count; k++) {
        const mp_growth *other = &l->growths[k];
        if (other->length != length || resolve(l, other->grow->args[1]) != key)
            continue;
        become(l, g->grow, other->grow);
        become(l, g->length, other->length);
        return true;
    }
    return false;
}

/* A PHI of the same constant on all ways. */
static void join_known(lengths *l, mp_node *phi)
{
    mp_node *known = NULL;
    for (int k = 0; k < phi->nargs; k++) {
        mp_node *arg = resolve(l, phi->args[k]);
        if (arg == phi)
            continue;
        if (!mp__ir_is_const_int(arg) ||
            (known != NULL && known->as.i != arg->as.i))
            return;
        known = arg;
    }
    if (known != NULL)
        become(l, phi, known);
}

/* ---- loops that fill ---------------------------------------------------- */

typedef struct filling {
    mp_block *header;
    mp_node *length;     /* PHI */
    mp_node *index;      /* PHI: the same, but for the offset */
    int64_t offset;      /* of keys from the index */
    int64_t first, last; /* keys */
} filling;

/* What a PHI of a loop's header begins with, if all it gets in the loop is
 * `next`; or NULL. */
static mp_node *begin_of(const lengths *l, const mp_node *phi,
                         const mp_node *next)
{
    mp_node *begin = NULL;
    for (int k = 0; k < phi->nargs; k++) {
        mp_node *arg = resolve(l, phi->args[k]);
        bool inside = mp__ir_in_loop(phi->block->preds[k], phi->block);
        if (inside && arg != next)
            return NULL;
        if (!inside && begin != NULL && arg != begin)
            return NULL;
        if (!inside)
            begin = arg;
    }
    return begin;
}

static bool is_sum(const mp_node *node, mp_op op)
{
    return node->op == op && mp__ir_is_const_int(node->args[1]);
}

static bool is_index(const filling *f, const mp_node *node)
{
    return is_sum(node, MP_OP_ADD) && node->args[1]->as.i == 1 &&
           node->args[0]->op == MP_OP_PHI && node->args[0]->block == f->header;
}

/* The index that a key is, but for a constant. */
static mp_node *strip_offset(filling *f, mp_node *key)
{
    if (is_index(f, key))
        return key;
    if (is_sum(key, MP_OP_ADD))
        f->offset = key->args[1]->as.i;
    else if (is_sum(key, MP_OP_SUB) && key->args[1]->as.i > INT32_MIN)
        f->offset = -key->args[1]->as.i;
    else
        return key;
    return key->args[0];
}

static bool is_small(const mp_node *node)
{
    return mp__ir_is_const_int(node) && node->as.i > INT32_MIN &&
           node->as.i < INT32_MAX;
}

/* Whether a key is the index of a loop that counts up by 1 from one constant
 * to another; `f->header` is known. */
static bool counts(const lengths *l, filling *f, mp_node *key)
{
    mp_node *next = strip_offset(f, key);
    if (!is_index(f, next) || f->offset < INT32_MIN || f->offset > INT32_MAX)
        return false;
    mp_node *index = next->args[0];
    const mp_node *start = begin_of(l, index, next);
    if (start == NULL || start->op != MP_OP_FOR_START ||
        !is_small(start->args[0]) || !is_small(start->args[1]) ||
        !mp__ir_is_const_int(start->args[2]) || start->args[2]->as.i != 1)
        return false;
    f->index = index;
    f->first = start->args[0]->as.i + f->offset;
    f->last = start->args[1]->as.i + f->offset;
    return true;
}

/* The length, made of the index. */
static mp_node *length_of(lengths *l, const filling *f)
{
    if (f->offset == 0)
        return f->index;
    mp_node *offset = mp__ir_node(l->func, MP_OP_CONST, 0, 0, NULL);
    offset->type = MP_TYPE_INT;
    offset->as.i = f->offset;
    mp__ir_prepend(l->func->entry, offset);
    mp_node *args[] = {f->index, offset};
    return mp__ir_prepend(f->header,
                          mp__ir_node(l->func, MP_OP_ADD, 0, 2, args));
}

/* Whether a loop is left by its test alone. */
static bool ends_in_test(const lengths *l, const mp_block *header)
{
    for (int k = 0; k < l->func->norder; k++) {
        const mp_block *block = l->func->order[k];
        if (block == header || !mp__ir_in_loop(block, header))
            continue;
        for (int i = 0; i < mp__ir_nexts(block); i++) {
            if (!mp__ir_in_loop(block->next[i], header))
                return false;
        }
    }
    return header->cond != NULL && header->cond->op == MP_OP_FOR_TEST;
}

/* Behind the loop the length is what the last round has made it. */
static void set_behind(lengths *l, const filling *f)
{
    mp_func *func = l->func;
    mp_node *last = mp__ir_node(func, MP_OP_CONST, 0, 0, NULL);
    last->type = MP_TYPE_INT;
    last->as.i = f->last < f->first ? f->first - 1 : f->last;
    mp__ir_prepend(func->entry, last);
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        for (mp_node *n = block->first; n != NULL; n = n->next) {
            for (int i = 0; i < n->nargs; i++) {
                const mp_block *at =
                    n->op == MP_OP_PHI ? block->preds[i] : block;
                if (n->args[i] == f->length && !mp__ir_in_loop(at, f->header))
                    n->args[i] = last;
            }
        }
    }
}

static bool store_filling(lengths *l, const mp_growth *g, mp_node *length,
                          mp_node *key)
{
    filling f = {.header = length->block, .length = length};
    if (length->op != MP_OP_PHI || f.header->header != f.header ||
        !counts(l, &f, key))
        return false;
    const mp_node *begin = begin_of(l, length, g->length);
    if (begin == NULL || !mp__ir_is_const_int(begin) ||
        begin->as.i != f.first - 1)
        return false;
    if (f.last > MP_OWN_ITEMS)
        mp__unit_refuse(
            l->func->unit, g->grow->line, "use an array that is an argument",
            "a table made in the kernel gets more than %d items", MP_OWN_ITEMS);
    if (ends_in_test(l, f.header))
        set_behind(l, &f);
    become(l, g->grow, key);
    become(l, g->length, key);
    become(l, length, length_of(l, &f));
    return true;
}

/* ---- all ---------------------------------------------------------------- */

static void look_at(lengths *l, const mp_growth *g)
{
    if (is_gone(l, g->length))
        return;
    mp_node *length = resolve(l, g->grow->args[2]);
    mp_node *key = resolve(l, g->grow->args[1]);
    if (mp__ir_is_const_int(length) && mp__ir_is_const_int(key))
        store_known(l, g, length, key);
    else if (!store_again(l, g, length, key))
        store_filling(l, g, length, key);
}

static void join_all(lengths *l)
{
    for (int k = 0; k < l->func->norder; k++) {
        mp_node *phi = l->func->order[k]->first;
        for (; phi != NULL && phi->op == MP_OP_PHI; phi = phi->next) {
            if (!is_gone(l, phi))
                join_known(l, phi);
        }
    }
}

void mp__scalar_lengths(mp_func *func, int count, const mp_growth *growths)
{
    lengths l = {.func = func, .count = count, .growths = growths};
    do {
        l.changed = false;
        for (int k = 0; k < count; k++)
            look_at(&l, &growths[k]);
        join_all(&l);
    } while (l.changed);
    mp_node **by =
        mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof *by);
    for (int k = 0; k < l.nids; k++)
        by[k] = l.by[k];
    mp__ir_replace_all(func, by);
    for (int k = 0; k < count; k++) {
        if (by[growths[k].grow->id] != NULL)
            mp__ir_remove(growths[k].grow);
        if (by[growths[k].length->id] != NULL)
            mp__ir_remove(growths[k].length);
    }
}
