/* Value numbering: a node that computes what another one has computed already,
 * on all ways that lead to it, becomes that.
 *
 * That goes for checks too: where the first one has let it pass, so does the
 * second. Loads see the same memory as long as nothing is stored; only where a
 * kernel stores nothing at all is that known from block to block. */
#include <string.h>

#include "native/fold.h"

typedef struct entry {
    struct entry *next;
    mp_node *node;
    int epoch;
} entry;

typedef struct numbering {
    mp_func *func;
    entry **buckets;
    size_t last;  /* bucket; one less than a power of two */
    mp_node **by; /* what nodes become, by id */
    bool stores;  /* the kernel has some, in memory of one kind or another */
    int epoch;    /* loads of the same one see the same memory */
    bool changed;
} numbering;

static bool is_store(const mp_node *node)
{
    return node->op == MP_OP_STORE || node->op == MP_OP_TSTORE;
}

static bool has_store(const mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        const mp_node *node = func->order[k]->first;
        for (; node != NULL; node = node->next) {
            if (is_store(node))
                return true;
        }
    }
    return false;
}

static bool is_commutative(const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_ADD:
    case MP_OP_MUL:
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_EQ:
    case MP_OP_AND:
    case MP_OP_OR:
        return true;
    }
    return false;
}

/* What tells nodes of the same operation and arguments apart. */
static uint64_t extra_of(const mp_node *node)
{
    uint64_t bits = 0;
    switch ((int)node->op) {
    case MP_OP_CONST:
        if (node->type == MP_TYPE_BOOL)
            return node->as.b;
        if (node->type == MP_TYPE_INT)
            return (uint64_t)node->as.i;
        if (node->type == MP_TYPE_FLOAT)
            memcpy(&bits, &node->as.f, sizeof bits);
        return bits;
    case MP_OP_REF:
        return (uintptr_t)node->as.constant;
    case MP_OP_PARAM:
        return (uint64_t)node->as.index;
    case MP_OP_BUILTIN:
        return (uint64_t)node->as.builtin;
    case MP_OP_PHI:
        return (uint64_t)node->block->id;
    }
    return 0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

/* The sum of arguments does not see their order. */
static uint64_t hash_of(const mp_node *node)
{
    uint64_t hash = mix((uint64_t)node->op, (uint64_t)node->type);
    uint64_t sum = 0;
    for (int k = 0; k < node->nargs; k++)
        sum += mix(0, (uint64_t)node->args[k]->id + 1);
    return mix(mix(hash, sum), extra_of(node));
}

static bool same_args(const mp_node *a, const mp_node *b)
{
    bool same = true;
    for (int k = 0; k < a->nargs; k++)
        same &= a->args[k] == b->args[k];
    if (!same && is_commutative(a))
        same = a->args[0] == b->args[1] && a->args[1] == b->args[0];
    return same;
}

static bool same(const mp_node *a, const mp_node *b)
{
    return a->op == b->op && a->type == b->type && a->nargs == b->nargs &&
           same_args(a, b) && extra_of(a) == extra_of(b);
}

/* Whether two nodes that are the same have the same value. */
static bool is_value(const mp_node *node)
{
    if (mp__ir_effects(node->op) & MP_EFFECT_W)
        return false;
    return node->type != MP_TYPE_NONE && node->op != MP_OP_ENTRY_MASK;
}

/* Whether what a node reads may be written to. */
static bool is_memory(const mp_func *func, const mp_node *node)
{
    return node->op == MP_OP_TLOAD ||
           (node->op == MP_OP_LOAD && !mp__ir_is_fixed(func, node));
}

/* The same value as an earlier one's that is there now, or NULL. Remembers it
 * otherwise. */
static mp_node *find(numbering *n, mp_node *node)
{
    entry **bucket = &n->buckets[hash_of(node) & n->last];
    for (const entry *e = *bucket; e != NULL; e = e->next) {
        if (same(e->node, node) &&
            (e->epoch == n->epoch || !is_memory(n->func, node)) &&
            mp__ir_dominates(e->node->block, node->block))
            return e->node;
    }
    entry *made = mp__unit_alloc(n->func->unit, sizeof *made);
    *made = (entry){.next = *bucket, .node = node, .epoch = n->epoch};
    *bucket = made;
    return NULL;
}

static mp_node *become(const numbering *n, mp_node *node)
{
    while (n->by[node->id] != NULL)
        node = n->by[node->id];
    return node;
}

static void number_block(numbering *n, mp_block *block)
{
    mp_node *next;
    n->epoch += n->stores;
    for (mp_node *node = block->first; node != NULL; node = next) {
        next = node->next;
        for (int k = 0; k < node->nargs; k++)
            node->args[k] = become(n, node->args[k]);
        n->epoch += is_store(node);
        mp_node *known = is_value(node) ? find(n, node) : NULL;
        if (known == NULL)
            continue;
        n->by[node->id] = known;
        mp__ir_remove(node);
        n->changed = true;
    }
}

/* Constants of all blocks go to the entry, where all can see them. */
static void gather_constants(mp_func *func)
{
    for (int k = 1; k < func->norder; k++) {
        mp_node *next;
        for (mp_node *node = func->order[k]->first; node != NULL; node = next) {
            next = node->next;
            if (node->op != MP_OP_CONST && node->op != MP_OP_REF)
                continue;
            mp__ir_remove(node);
            mp__ir_prepend(func->entry, node);
        }
    }
}

bool mp__fold_number(mp_func *func)
{
    gather_constants(func);
    numbering n = {.func = func, .stores = has_store(func)};
    for (n.last = 63; n.last < (size_t)func->nnodes; n.last = 2 * n.last + 1)
        continue;
    n.buckets = mp__unit_alloc(func->unit, (n.last + 1) * sizeof *n.buckets);
    n.by = mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof(mp_node *));
    for (int k = 0; k < func->norder; k++)
        number_block(&n, func->order[k]);
    if (n.changed)
        mp__ir_replace_all(func, n.by);
    return n.changed;
}
