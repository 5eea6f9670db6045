/* What belongs to the pool's setup.
 *
 * A kernel's own globals, upvalues and tables do not change once its chunk has
 * run, for whatever writes to them is not compiled. The setup's are shared by
 * all kernels of a worker: one of them, interpreted, may write to a table of
 * the setup's, or call a function of it that changes its upvalues, and each
 * worker has its own. So nothing that can be reached from the setup's globals
 * is taken for a constant. */
#include "native/build.h"

#define MOST_THINGS 2000

bool mp__build_is_shared(const mp_builder *b, const void *thing)
{
    for (int k = 0; k < b->shared.count; k++) {
        if (b->shared.things[k] == thing)
            return true;
    }
    return false;
}

typedef struct walk {
    mp_builder *b;
    int count;
    const mp_constant **todo;
} walk;

/* Whether it is seen for the first time. */
static bool enlist(walk *w, const void *thing)
{
    mp_shared *shared = &w->b->shared;
    if (mp__build_is_shared(w->b, thing))
        return false;
    if (shared->count == MOST_THINGS)
        mp__unit_refuse(w->b->unit, w->b->line,
                        "define what the kernel uses in its source",
                        "the pool's setup has too many tables and functions");
    MP_UNIT_PUSH(w->b->unit, shared->things, shared->count, thing);
    return true;
}

static void push(walk *w, const mp_constant *constant)
{
    MP_UNIT_PUSH(w->b->unit, w->todo, w->count, constant);
}

/* With what is beyond it. */
static void push_table(walk *w, const mp_table *table)
{
    while (table != NULL) {
        for (int k = 0; k < table->nitems; k++)
            push(w, table->items[k]);
        for (int k = 0; k < table->nfields; k++)
            push(w, table->fields[k].value);
        table = table->beyond;
        if (table != NULL && !enlist(w, table))
            table = NULL;
    }
}

static void push_closure(walk *w, const mp_closure *closure)
{
    for (int k = 0; k < closure->proto->nupvalues; k++)
        push(w, closure->upvalues[k]);
}

void mp__build_learn_shared(mp_builder *b, const mp_table *setup)
{
    walk w = {.b = b};
    enlist(&w, setup);
    push_table(&w, setup);
    while (w.count > 0) {
        const mp_constant *constant = w.todo[--w.count];
        if (constant->kind == MP_CONST_CLOSURE &&
            enlist(&w, constant->as.closure))
            push_closure(&w, constant->as.closure);
        else if (constant->kind == MP_CONST_TABLE &&
                 enlist(&w, constant->as.table))
            push_table(&w, constant->as.table);
    }
}
