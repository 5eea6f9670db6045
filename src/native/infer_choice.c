/* math.max, math.min and num.clamp choose one of their arguments as it is,
 * an integer or a float: comparisons and SELECTs do the same, and what holds
 * for those holds for them. A NaN compares as nothing does, so the order of
 * arguments matters, and is that of lmathlib.c. */
#include "native/infer.h"

/* `a` < `b` ? `then` : `other`, before `node`. */
static mp_node *choose(mp_func *func, mp_node *node, mp_node *a, mp_node *b,
                       mp_node *then, mp_node *other)
{
    mp_node *less[] = {a, b};
    mp_node *cond = mp__ir_node(func, MP_OP_LT, node->line, 2, less);
    mp__ir_insert(node, cond);
    mp_node *choice[] = {cond, then, other};
    mp_node *made = mp__ir_node(func, MP_OP_SELECT, node->line, 3, choice);
    return mp__ir_insert(node, made);
}

/* What a builtin becomes, or NULL. A maximum of one argument stays, for that
 * has to be a number. */
static mp_node *expand(mp_func *func, mp_node *node)
{
    mp_node *best = node->args[0];
    bool max = node->as.builtin == MP_BUILTIN_MATH_MAX;
    if (node->as.builtin == MP_BUILTIN_NUM_CLAMP) {
        mp_node *low = node->args[1], *high = node->args[2];
        best = choose(func, node, best, low, low, best);
        return choose(func, node, high, best, high, best);
    }
    if ((!max && node->as.builtin != MP_BUILTIN_MATH_MIN) || node->nargs < 2)
        return NULL;
    for (int k = 1; k < node->nargs; k++) {
        mp_node *arg = node->args[k];
        best = max ? choose(func, node, best, arg, arg, best)
                   : choose(func, node, arg, best, arg, best);
    }
    return best;
}

void mp__infer_choice(mp_func *func)
{
    mp_node **old = NULL, **new = NULL;
    int nold = 0, nnew = 0;
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *n = func->order[k]->first; n != NULL; n = n->next) {
            mp_node *made = n->op == MP_OP_BUILTIN ? expand(func, n) : NULL;
            if (made == NULL)
                continue;
            MP_UNIT_PUSH(func->unit, old, nold, n);
            MP_UNIT_PUSH(func->unit, new, nnew, made);
        }
    }
    mp_node **by =
        mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof(mp_node *));
    for (int k = 0; k < nold; k++)
        by[old[k]->id] = new[k];
    mp__ir_replace_all(func, by);
    for (int k = 0; k < nold; k++)
        mp__ir_remove(old[k]);
}
