/* Bounds: in a loop that counts, indices that count with it are checked once,
 * before it.
 *
 *     for i = first, last do           range a, first, last, first+1, last+1
 *       s = s + a[i + 1]         =>    for i = first, last do
 *     end                                s = s + a[i + 1]   -- inside
 *
 * The loop must end by its count alone, and the access be done in each round:
 * then the check fails where one in the loop would. The steps are of 1, and
 * the index is the counter plus what does not change in the loop. */
#include "native/fold.h"

/* Sums within an index. */
#define DEEPEST 4

typedef struct counted {
    mp_func *func;
    mp_block *header;
    mp_block *entry;
    mp_node *counter; /* from `first` to `last` in the loop's body */
    mp_node *first;   /* NULL: not made yet */
    mp_node *last;
} counted;

static bool is_outside(const counted *c, const mp_node *node)
{
    return !mp__ir_in_loop(node->block, c->header);
}

/* Whether the loop is left by the branch at its head only. */
static bool has_one_exit(const mp_func *func, const mp_block *header)
{
    for (int k = header->order + 1; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        if (!mp__ir_in_loop(block, header))
            break;
        for (int i = 0; i < mp__ir_nexts(block); i++) {
            if (!mp__ir_in_loop(block->next[i], header))
                return false;
        }
    }
    return header->end == MP_END_BRANCH &&
           mp__ir_in_loop(header->next[0], header) &&
           !mp__ir_in_loop(header->next[1], header);
}

/* The block before a loop, which leads to nothing else, or NULL. */
static mp_block *find_entry(const mp_block *header)
{
    if (header->npreds != 2)
        return NULL;
    int back = mp__ir_in_loop(header->preds[0], header) ? 0 : 1;
    mp_block *entry = header->preds[1 - back];
    if (!mp__ir_in_loop(header->preds[back], header) ||
        mp__ir_in_loop(entry, header) || entry->end != MP_END_JUMP)
        return NULL;
    return entry;
}

/* As `for` is lowered: a PHI plus 1, which goes round, is at most the limit. */
static bool find_counter(counted *c)
{
    const mp_node *test = c->header->cond;
    if (test->op != MP_OP_LE || test->args[0]->type != MP_TYPE_INT ||
        test->args[1]->type != MP_TYPE_INT || !is_outside(c, test->args[1]))
        return false;
    mp_node *counter = test->args[0];
    if (counter->op != MP_OP_ADD || counter->block != c->header ||
        !mp__fold_is_int(counter->args[1], 1))
        return false;
    const mp_node *phi = counter->args[0];
    if (phi->op != MP_OP_PHI || phi->block != c->header)
        return false;
    int back = c->header->preds[0] == c->entry ? 1 : 0;
    c->counter = counter;
    c->last = test->args[1];
    return phi->args[back] == counter;
}

static mp_node *append(counted *c, mp_op op, mp_node *a, mp_node *b)
{
    mp_node *args[2] = {a, b};
    mp_node *node = mp__ir_node(c->func, op, c->header->line, 2, args);
    node->type = MP_TYPE_INT;
    return mp__ir_append(c->entry, node);
}

static mp_node *first_of(counted *c)
{
    int from = c->header->preds[0] == c->entry ? 0 : 1;
    mp_node *before = c->counter->args[0]->args[from];
    if (c->first != NULL)
        return c->first;
    if (before->op == MP_OP_CONST && before->as.i < INT64_MAX)
        c->first = mp__fold_int(c->func, before->as.i + 1);
    else
        c->first = append(c, MP_OP_ADD, before, mp__fold_int(c->func, 1));
    return c->first;
}

/* Whether a value is the counter plus or minus what does not change. */
static bool counts(const counted *c, const mp_node *node, int depth)
{
    if (node == c->counter)
        return true;
    if (depth == DEEPEST || (node->op != MP_OP_ADD && node->op != MP_OP_SUB))
        return false;
    if (is_outside(c, node->args[1]))
        return counts(c, node->args[0], depth + 1);
    return node->op == MP_OP_ADD && is_outside(c, node->args[0]) &&
           counts(c, node->args[1], depth + 1);
}

/* That value before the loop, with another one for the counter. */
static mp_node *rebuild(counted *c, mp_node *node, mp_node *counter)
{
    if (node == c->counter)
        return counter;
    if (is_outside(c, node))
        return node;
    mp_node *a = rebuild(c, node->args[0], counter);
    return append(c, node->op, a, rebuild(c, node->args[1], counter));
}

static bool is_access(const mp_node *node)
{
    return node->op == MP_OP_LOAD || node->op == MP_OP_STORE ||
           node->op == MP_OP_ROW;
}

/* Whether indices from `first` to `last` are those of an array's own length. */
static bool is_all(const mp_node *array, const mp_node *first,
                   const mp_node *last)
{
    return last->op == MP_OP_LEN && last->args[0] == array &&
           first->op == MP_OP_CONST && first->as.i >= 1;
}

static void check_before(counted *c, mp_node *node)
{
    mp_node *args[5] = {node->args[0], first_of(c), c->last};
    args[3] = rebuild(c, node->args[1], args[1]);
    args[4] = rebuild(c, node->args[1], args[2]);
    node->inside = true;
    if (is_all(args[0], args[3], args[4]))
        return;
    mp__ir_append(c->entry,
                  mp__ir_node(c->func, MP_OP_RANGE, node->line, 5, args));
}

static bool visit_block(counted *c, mp_block *block)
{
    bool changed = false;
    const mp_block *end = c->header->preds[0] == c->entry ? c->header->preds[1]
                                                          : c->header->preds[0];
    if (block == c->header || !mp__ir_dominates(block, end))
        return false;
    for (mp_node *node = block->first; node != NULL; node = node->next) {
        if (!is_access(node) || node->inside || !is_outside(c, node->args[0]) ||
            !counts(c, node->args[1], 0))
            continue;
        check_before(c, node);
        changed = true;
    }
    return changed;
}

static bool visit_loop(mp_func *func, mp_block *header)
{
    counted c = {.func = func, .header = header, .entry = find_entry(header)};
    bool changed = false;
    if (c.entry == NULL || !has_one_exit(func, header) || !find_counter(&c))
        return false;
    for (int k = header->order; k < func->norder; k++) {
        if (!mp__ir_in_loop(func->order[k], header))
            break;
        changed |= visit_block(&c, func->order[k]);
    }
    return changed;
}

bool mp__fold_bounds(mp_func *func)
{
    bool changed = false;
    for (int k = func->norder - 1; k >= 0; k--) {
        if (func->order[k]->header == func->order[k])
            changed |= visit_loop(func, func->order[k]);
    }
    return changed;
}
