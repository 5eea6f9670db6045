/* Cleaning up after the abstract interpretation.
 *
 * A PHI whose inputs are all one node, or itself, is that node: a loop that
 * assigns `x = x`. A PHI that nobody but PHIs uses is a value that the source
 * never reads again; a REF that nobody uses was the name of a field, or a
 * function that is inlined. Other nodes stay, used or not: `infer` still has
 * to see whether they would raise. PHIs that are left must be numbers,
 * booleans or nil. */
#include "native/build.h"

/* ---- trivial ones ------------------------------------------------------- */

static mp_node *resolve(mp_node *const *by, mp_node *node)
{
    while (by[node->id] != NULL)
        node = by[node->id];
    return node;
}

/* The one node that a PHI stands for, or NULL. */
static mp_node *only_input(mp_node *const *by, const mp_node *phi)
{
    mp_node *only = NULL;
    for (int k = 0; k < phi->nargs; k++) {
        mp_node *input = resolve(by, phi->args[k]);
        if (input == phi || input == only)
            continue;
        if (only != NULL)
            return NULL;
        only = input;
    }
    return only;
}

static void replace_trivial(mp_func *func)
{
    mp_node **by =
        mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof(mp_node *));
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = 0; k < func->norder; k++) {
            mp_node *node = func->order[k]->first;
            for (; node != NULL && node->op == MP_OP_PHI; node = node->next) {
                if (by[node->id] != NULL)
                    continue;
                by[node->id] = only_input(by, node);
                changed |= by[node->id] != NULL;
            }
        }
    }
    mp__ir_replace_all(func, by);
}

/* ---- dead ones ---------------------------------------------------------- */

typedef struct marker {
    mp_unit *unit;
    int count;
    mp_node **todo;
} marker;

static bool may_go(const mp_node *node)
{
    return node->op == MP_OP_PHI || node->op == MP_OP_REF ||
           node->op == MP_OP_CONST;
}

static void mark(marker *m, mp_node *node)
{
    if (node == NULL || node->mark || !may_go(node))
        return;
    node->mark = true;
    MP_UNIT_PUSH(m->unit, m->todo, m->count, node);
}

static void mark_used(mp_func *func)
{
    marker m = {.unit = func->unit};
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            for (int i = 0; node->op != MP_OP_PHI && i < node->nargs; i++)
                mark(&m, node->args[i]);
        }
        mark(&m, block->cond);
    }
    while (m.count > 0) {
        const mp_node *node = m.todo[--m.count];
        for (int i = 0; i < node->nargs; i++)
            mark(&m, node->args[i]);
    }
}

/* ---- what is left ------------------------------------------------------- */

static void check(mp_func *func, const mp_node *phi)
{
    const char *name = phi->name != NULL ? phi->name : "a value";
    const char *quote = phi->name != NULL ? "'" : "";
    for (int k = 0; k < phi->nargs; k++) {
        const mp_node *input = phi->args[k];
        if (input->type == MP_TYPE_ARRAY || input->type == MP_TYPE_REF)
            mp__unit_refuse(func->unit, phi->line,
                            "use each of them where it is chosen",
                            "%s%s%s is %s on one way and something else on "
                            "another",
                            quote, name, quote, mp__build_what(input));
    }
}

static void remove_unused(mp_func *func, mp_block *block)
{
    mp_node *next;
    for (mp_node *node = block->first; node != NULL; node = next) {
        next = node->next;
        if (!may_go(node))
            continue;
        if (!node->mark)
            mp__ir_remove(node);
        else if (node->op == MP_OP_PHI)
            check(func, node);
        node->mark = false;
    }
}

void mp__build_prune(mp_func *func)
{
    replace_trivial(func);
    mark_used(func);
    for (int k = 0; k < func->norder; k++)
        remove_unused(func, func->order[k]);
}
