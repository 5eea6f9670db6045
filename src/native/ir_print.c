/* Printing the intermediate representation, and checking it. */
#include <inttypes.h>
#include <stdlib.h>

#include "native/ir.h"

/* ---- printing ----------------------------------------------------------- */

static void print_const(const mp_node *node, FILE *to)
{
    switch (node->type) {
    case MP_TYPE_NIL:
        fprintf(to, " nil");
        break;
    case MP_TYPE_BOOL:
        fprintf(to, " %s", node->as.b ? "true" : "false");
        break;
    case MP_TYPE_INT:
        fprintf(to, " %" PRId64, node->as.i);
        break;
    case MP_TYPE_FLOAT:
        fprintf(to, " %.17g", node->as.f);
        break;
    case MP_TYPE_NONE:
    case MP_TYPE_ANY:
    case MP_TYPE_ARRAY:
    case MP_TYPE_REF:
        fprintf(to, " ?");
        break;
    }
}

static void print_ref(const mp_constant *constant, FILE *to)
{
    static const char *const kinds[] = {
        [MP_CONST_NIL] = "nil",         [MP_CONST_BOOL] = "boolean",
        [MP_CONST_INT] = "integer",     [MP_CONST_FLOAT] = "float",
        [MP_CONST_STRING] = "string",   [MP_CONST_BUILTIN] = "builtin",
        [MP_CONST_CLOSURE] = "closure", [MP_CONST_TABLE] = "table",
        [MP_CONST_OWN] = "own",         [MP_CONST_MADE] = "made",
        [MP_CONST_OPAQUE] = "opaque",
    };
    fprintf(to, " %s", kinds[constant->kind]);
    if (constant->kind == MP_CONST_STRING)
        fprintf(to, " \"%s\"", constant->as.s);
    else if (constant->kind == MP_CONST_OWN)
        fprintf(to, " %d", ((const mp_own *)constant)->id);
    else if (constant->name != NULL)
        fprintf(to, " %s", constant->name);
}

/* What an operation has besides its arguments. */
static void print_extra(const mp_node *node, FILE *to)
{
    if (node->op == MP_OP_CONST)
        print_const(node, to);
    else if (node->op == MP_OP_REF)
        print_ref(node->as.constant, to);
    else if (node->op == MP_OP_PARAM || node->op == MP_OP_RESULT)
        fprintf(to, " %d", node->as.index);
    else if (node->op == MP_OP_BUILTIN)
        fprintf(to, " %s", mp__builtin_name(node->as.builtin));
    else if (node->op == MP_OP_TINDEX && node->as.b)
        fprintf(to, " or error");
}

static void print_id(const mp_node *node, FILE *to)
{
    if (node != NULL)
        fprintf(to, " %%%d", node->id);
    else
        fprintf(to, " -");
}

static void print_node(const mp_node *node, FILE *to)
{
    fprintf(to, "  ");
    if (node->type != MP_TYPE_NONE)
        fprintf(to, "%%%d: %s = ", node->id, mp__ir_type_name(node->type));
    fprintf(to, "%s", mp__ir_name(node->op));
    print_extra(node, to);
    for (int k = 0; k < node->nargs; k++)
        print_id(node->args[k], to);
    if (node->type == MP_TYPE_ARRAY)
        fprintf(to, " rank %d", node->rank);
    if (node->shape == MP_SHAPE_VARYING)
        fprintf(to, " varying");
    else if (node->shape == MP_SHAPE_LINEAR)
        fprintf(to, " linear %" PRId64, node->step);
    if (node->inside)
        fprintf(to, " inside");
    if (node->mask != NULL)
        fprintf(to, " if %%%d", node->mask->id);
    if (node->line > 0)
        fprintf(to, " ; line %d", node->line);
    fprintf(to, "\n");
}

static void print_end(const mp_block *block, FILE *to)
{
    switch (block->end) {
    case MP_END_NONE:
        fprintf(to, "  end?\n");
        break;
    case MP_END_JUMP:
        fprintf(to, "  jump b%d\n", block->next[0]->id);
        break;
    case MP_END_BRANCH:
        fprintf(to, "  branch");
        print_id(block->cond, to);
        fprintf(to, " b%d b%d\n", block->next[0]->id, block->next[1]->id);
        break;
    case MP_END_RETURN:
        fprintf(to, "  return\n");
        break;
    }
}

static void print_block(const mp_block *block, FILE *to)
{
    fprintf(to, "b%d:", block->id);
    for (int k = 0; k < block->npreds; k++)
        fprintf(to, " b%d", block->preds[k]->id);
    if (block->header == block)
        fprintf(to, " loop");
    if (block->mask != NULL)
        fprintf(to, " if %%%d", block->mask->id);
    fprintf(to, "\n");
    for (const mp_node *node = block->first; node != NULL; node = node->next)
        print_node(node, to);
    print_end(block, to);
}

void mp__ir_print(const mp_func *func, FILE *to)
{
    for (int k = 0; k < func->norder; k++)
        print_block(func->order[k], to);
}

/* ---- checking ----------------------------------------------------------- */

static void demand(bool holds, const mp_func *func, const char *what, int id)
{
    if (holds)
        return;
    fprintf(stderr, "the representation is broken: %s (%d)\n", what, id);
    mp__ir_print(func, stderr);
    abort();
}

/* Whether the value of `node` is there at the end of `block`. */
static bool reaches(const mp_node *node, const mp_block *block)
{
    return node->block != NULL && mp__ir_dominates(node->block, block);
}

/* `mark` is set on the nodes of the block that have been seen. */
static void check_use(const mp_func *func, const mp_node *user,
                      const mp_node *used)
{
    demand(used != NULL, func, "an argument is missing", user->id);
    demand(used->block != NULL, func, "a used node has no place", used->id);
    demand(used->type != MP_TYPE_NONE, func, "a use of no value", user->id);
    demand(used->block == user->block ? used->mark : reaches(used, user->block),
           func, "a use before its definition", user->id);
}

static void check_phi(const mp_func *func, const mp_node *phi)
{
    const mp_block *block = phi->block;
    demand(phi->previous == NULL || phi->previous->op == MP_OP_PHI, func,
           "a PHI after other nodes", phi->id);
    demand(phi->nargs == block->npreds, func, "a PHI of another arity",
           phi->id);
    for (int k = 0; k < phi->nargs; k++)
        demand(phi->args[k] != NULL && reaches(phi->args[k], block->preds[k]),
               func, "an input of a PHI that does not reach it", phi->id);
}

static void check_node(const mp_func *func, const mp_node *node)
{
    int arity = mp__ir_arity(node->op);
    demand(arity < 0 || node->nargs == arity, func, "a wrong arity", node->id);
    demand(node->next == NULL || node->next->previous == node, func,
           "a broken list", node->id);
    if (node->op == MP_OP_PHI) {
        check_phi(func, node);
        return;
    }
    for (int k = 0; k < node->nargs; k++)
        check_use(func, node, node->args[k]);
    if (node->mask != NULL)
        check_use(func, node, node->mask);
}

static bool has_pred(const mp_block *block, const mp_block *pred)
{
    for (int k = 0; k < block->npreds; k++) {
        if (block->preds[k] == pred)
            return true;
    }
    return false;
}

static void check_end(const mp_func *func, const mp_block *block)
{
    demand(block->end != MP_END_NONE, func, "a block without an end",
           block->id);
    for (int k = 0; k < mp__ir_nexts(block); k++)
        demand(has_pred(block->next[k], block), func,
               "an edge that only one side knows", block->id);
    if (block->end == MP_END_BRANCH)
        demand(block->cond != NULL && reaches(block->cond, block), func,
               "a branch without a condition", block->id);
    demand(block->end != MP_END_RETURN || block == func->exit, func,
           "a second return", block->id);
}

void mp__ir_verify(const mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        demand(block->order == k, func, "an order that is not up to date",
               block->id);
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            demand(node->block == block, func, "a node in two blocks",
                   node->id);
            check_node(func, node);
            node->mark = true;
        }
        check_end(func, block);
        for (mp_node *node = block->first; node != NULL; node = node->next)
            node->mark = false;
    }
}
