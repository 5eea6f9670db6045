/* Calls of error and assert: checks, and no code behind them.
 *
 *     if x < 0 then                  %1 = lt %0 0
 *       error("negative")            %2 = not %1
 *     end                            expect %2
 *     return math.sqrt(x)            %3 = builtin math.sqrt %0
 *
 * Where a check fails the interpreter runs the items again, and raises the
 * error with its message, so that messages need no code: see build_string.c. A
 * block that ends in an error goes, and so does what leads nowhere else: the
 * branch that does becomes a check of its condition. */
#include <string.h>

#include "native/build.h"
#include "native/prune.h"

static mp_node *add_expect(mp_builder *b, mp_block *block, mp_node *cond,
                           int line)
{
    mp_node *node = mp__ir_add(b->func, block, MP_OP_EXPECT, line, 1, cond);
    node->tested = true;
    return node;
}

static void raise(mp_builder *b)
{
    mp_raise raise = {.from = b->at, .line = b->line};
    MP_UNIT_PUSH(b->unit, b->raises, b->nraises, raise);
    b->dead = true;
}

bool mp__build_raise(mp_builder *b, const char *name, int nargs,
                     mp_node *const *args)
{
    if (strcmp(name, "error") == 0) {
        raise(b);
        return true;
    }
    if (strcmp(name, "assert") != 0)
        return false;
    if (nargs == 0)
        mp__unit_refuse(b->unit, b->line, NULL,
                        "assert without an argument raises an error");
    mp_node *cond = mp__build_truth(b, args[0]);
    if (cond->op != MP_OP_CONST)
        add_expect(b, b->at, cond, b->line);
    else if (!cond->as.b)
        raise(b);
    return true;
}

/* ---- blocks that end in one --------------------------------------------- */

/* Makes a branch that leads to `dead` one way go the other. */
static void check_branch(mp_builder *b, mp_block *from, const mp_block *dead,
                         int line)
{
    int way = from->next[0] == dead;
    mp_node *cond = from->cond;
    if (from->next[1 - way] == from->next[way]) {
        mp__prune_branch(from, 0);
        return;
    }
    if (way == 1)
        cond = mp__ir_add(b->func, from, MP_OP_NOT, line, 1, cond);
    mp__prune_branch(from, way);
    add_expect(b, from, cond, line);
}

/* Takes a block away from all that leads to it. */
static void cut(mp_builder *b, mp_block *dead, int line)
{
    if (dead == b->func->entry)
        mp__unit_refuse(b->unit, line, "it runs interpreted, and raises there",
                        "the kernel always raises an error");
    while (dead->npreds > 0) {
        mp_block *from = dead->preds[0];
        if (from->end == MP_END_BRANCH) {
            check_branch(b, from, dead, line);
            continue;
        }
        mp__ir_drop_pred(dead, 0);
        from->end = MP_END_NONE;
        from->next[0] = NULL;
        cut(b, from, line);
    }
}

void mp__build_cut(mp_builder *b)
{
    for (int k = 0; k < b->nraises; k++)
        cut(b, b->raises[k].from, b->raises[k].line);
}
