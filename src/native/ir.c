/* Making and changing the intermediate representation. */
#include "native/ir.h"

#include <stdarg.h>

static const struct {
    const char *name;
    int arity;
    mp_type type;
    mp_effects effects;
} ops[] = {
#define OP_ROW(name, text, arity, type, effects)                               \
    {text, arity, MP_TYPE_##type, MP_EFFECT_##effects},
    MP_IR_TABLE(OP_ROW)
#undef OP_ROW
};
_Static_assert(sizeof ops / sizeof ops[0] == MP_NOPS, "a row for each op");

const char *mp__ir_name(mp_op op)
{
    return ops[op].name;
}

int mp__ir_arity(mp_op op)
{
    return ops[op].arity;
}

mp_effects mp__ir_effects(mp_op op)
{
    return ops[op].effects;
}

/* Whether a builtin cannot give a number for some arguments: it has no integer,
 * where one is wanted, or divides by 0. */
static bool builtin_fails(mp_builtin builtin, mp_type type)
{
    if (type != MP_TYPE_INT)
        return false;
    return builtin == MP_BUILTIN_MATH_FLOOR ||
           builtin == MP_BUILTIN_MATH_CEIL || builtin == MP_BUILTIN_MATH_MODF ||
           builtin == MP_BUILTIN_MATH_TOINTEGER ||
           builtin == MP_BUILTIN_MATH_FMOD;
}

/* Whether a node of an operation that can fail never does. */
static bool is_harmless(const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return node->type == MP_TYPE_FLOAT ||
               (mp__ir_is_const_int(node->args[1]) && node->args[1]->as.i != 0);
    case MP_OP_EXPECT:
        return node->args[0]->op == MP_OP_CONST && node->args[0]->as.b;
    case MP_OP_BUILTIN:
        return node->type != MP_TYPE_ANY &&
               !builtin_fails(node->as.builtin, node->type);
    default:
        return false;
    }
}

mp_effects mp__ir_node_effects(const mp_node *node)
{
    return is_harmless(node) ? MP_EFFECT_0 : ops[node->op].effects;
}

const char *mp__ir_type_name(mp_type type)
{
    switch (type) {
    case MP_TYPE_NONE:
        return "none";
    case MP_TYPE_ANY:
        return "any";
    case MP_TYPE_NIL:
        return "nil";
    case MP_TYPE_BOOL:
        return "bool";
    case MP_TYPE_INT:
        return "int";
    case MP_TYPE_FLOAT:
        return "float";
    case MP_TYPE_ARRAY:
        return "array";
    case MP_TYPE_REF:
        return "ref";
    }
    return "?";
}

/* ---- making ------------------------------------------------------------- */

mp_func *mp__ir_func(mp_unit *unit, mp_spec *spec)
{
    mp_func *func = mp__unit_alloc(unit, sizeof *func);
    func->unit = unit;
    func->spec = spec;
    func->word = 32;
    return func;
}

mp_block *mp__ir_block(mp_func *func, int line)
{
    mp_block *block = mp__unit_alloc(func->unit, sizeof *block);
    block->id = func->nblocks++;
    block->line = line;
    block->order = -1;
    return block;
}

mp_node *mp__ir_node(mp_func *func, mp_op op, int line, int nargs,
                     mp_node *const *args)
{
    mp_node *node = mp__unit_alloc(func->unit, sizeof *node);
    node->op = op;
    node->type = ops[op].type;
    node->id = func->nnodes++;
    node->line = line;
    node->nargs = nargs;
    if (nargs > 0) {
        node->args = mp__unit_alloc(func->unit, (size_t)nargs * sizeof *args);
        for (int k = 0; args != NULL && k < nargs; k++)
            node->args[k] = args[k];
    }
    return node;
}

/* Links a node in before `next`, or at the end where that is NULL. */
static mp_node *link_before(mp_block *block, mp_node *next, mp_node *node)
{
    node->block = block;
    node->next = next;
    node->previous = next != NULL ? next->previous : block->last;
    if (node->previous != NULL)
        node->previous->next = node;
    else
        block->first = node;
    if (next != NULL)
        next->previous = node;
    else
        block->last = node;
    return node;
}

mp_node *mp__ir_append(mp_block *block, mp_node *node)
{
    return link_before(block, NULL, node);
}

mp_node *mp__ir_insert(mp_node *before, mp_node *node)
{
    return link_before(before->block, before, node);
}

mp_node *mp__ir_prepend(mp_block *block, mp_node *node)
{
    mp_node *next = block->first;
    while (next != NULL && next->op == MP_OP_PHI)
        next = next->next;
    return link_before(block, next, node);
}

void mp__ir_remove(mp_node *node)
{
    if (node->previous != NULL)
        node->previous->next = node->next;
    else
        node->block->first = node->next;
    if (node->next != NULL)
        node->next->previous = node->previous;
    else
        node->block->last = node->previous;
    node->block = NULL;
    node->previous = node->next = NULL;
}

mp_node *mp__ir_add(mp_func *func, mp_block *block, mp_op op, int line,
                    int nargs, ...)
{
    mp_node *node = mp__ir_node(func, op, line, nargs, NULL);
    va_list args;
    va_start(args, nargs);
    for (int k = 0; k < nargs; k++)
        node->args[k] = va_arg(args, mp_node *);
    va_end(args);
    return mp__ir_append(block, node);
}

mp_node *mp__ir_int(mp_func *func, mp_block *block, int64_t value)
{
    mp_node *node = mp__ir_add(func, block, MP_OP_CONST, 0, 0);
    node->type = MP_TYPE_INT;
    node->as.i = value;
    return node;
}

mp_node *mp__ir_float(mp_func *func, mp_block *block, double value)
{
    mp_node *node = mp__ir_add(func, block, MP_OP_CONST, 0, 0);
    node->type = MP_TYPE_FLOAT;
    node->as.f = value;
    return node;
}

mp_node *mp__ir_bool(mp_func *func, mp_block *block, bool value)
{
    mp_node *node = mp__ir_add(func, block, MP_OP_CONST, 0, 0);
    node->type = MP_TYPE_BOOL;
    node->as.b = value;
    return node;
}

bool mp__ir_is_const_int(const mp_node *node)
{
    return node->op == MP_OP_CONST && node->type == MP_TYPE_INT;
}

mp_own *mp__ir_own(const mp_func *func, const mp_node *node)
{
    if (node->type != MP_TYPE_REF ||
        (node->op != MP_OP_REF && node->op != MP_OP_TROW) ||
        node->as.constant->kind != MP_CONST_OWN)
        return NULL;
    return func->owns[((const mp_own *)node->as.constant)->id];
}

/* ---- edges -------------------------------------------------------------- */

static void add_edge(mp_func *func, mp_block *from, mp_block *to)
{
    MP_UNIT_PUSH(func->unit, to->preds, to->npreds, from);
}

void mp__ir_jump(mp_func *func, mp_block *from, mp_block *to)
{
    from->end = MP_END_JUMP;
    from->next[0] = to;
    from->next[1] = NULL;
    add_edge(func, from, to);
}

void mp__ir_branch(mp_func *func, mp_block *from, mp_node *cond, mp_block *then,
                   mp_block *other)
{
    from->end = MP_END_BRANCH;
    from->cond = cond;
    from->next[0] = then;
    from->next[1] = other;
    add_edge(func, from, then);
    add_edge(func, from, other);
}

void mp__ir_return(mp_func *func, mp_block *block)
{
    block->end = MP_END_RETURN;
    func->exit = block;
}

int mp__ir_nexts(const mp_block *block)
{
    switch (block->end) {
    case MP_END_NONE:
    case MP_END_RETURN:
        return 0;
    case MP_END_JUMP:
        return 1;
    case MP_END_BRANCH:
        return 2;
    }
    return 0;
}

void mp__ir_drop_pred(mp_block *block, int k)
{
    for (mp_node *phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
         phi = phi->next) {
        for (int i = k; i + 1 < phi->nargs; i++)
            phi->args[i] = phi->args[i + 1];
        phi->nargs--;
    }
    for (int i = k; i + 1 < block->npreds; i++)
        block->preds[i] = block->preds[i + 1];
    block->npreds--;
}

/* ---- replacing ---------------------------------------------------------- */

/* What a node has become; chains are followed. */
static mp_node *become(mp_node *const *by, mp_node *node)
{
    while (node != NULL && by[node->id] != NULL)
        node = by[node->id];
    return node;
}

void mp__ir_replace_all(mp_func *func, mp_node *const *by)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            for (int i = 0; i < node->nargs; i++)
                node->args[i] = become(by, node->args[i]);
            node->mask = become(by, node->mask);
        }
        block->cond = become(by, block->cond);
        block->mask = become(by, block->mask);
    }
}

static void replace_in(mp_node **place, const mp_node *node, mp_node *by)
{
    if (*place == node)
        *place = by;
}

void mp__ir_replace(mp_func *func, const mp_node *node, mp_node *by)
{
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        for (mp_node *user = block->first; user != NULL; user = user->next) {
            for (int i = 0; i < user->nargs; i++)
                replace_in(&user->args[i], node, by);
            replace_in(&user->mask, node, by);
        }
        replace_in(&block->cond, node, by);
        replace_in(&block->mask, node, by);
    }
}

/* ---- memory ------------------------------------------------------------- */

/* Whether a node of that kind is about some element of parameter `root`. */
static bool has_access(const mp_func *func, mp_op op, int root)
{
    for (int k = 0; k < func->norder; k++) {
        const mp_node *node = func->order[k]->first;
        for (; node != NULL; node = node->next) {
            if (node->op == op && node->args[0]->root == root)
                return true;
        }
    }
    return false;
}

bool mp__ir_rereads(const mp_func *func)
{
    /* Arrays of a run may be one and the same. */
    if (func->spec->form == MP_FORM_RUN)
        return true;
    for (int k = 0; k < func->spec->nparams; k++) {
        const mp_param *param = &func->spec->params[k];
        if (param->kind == MP_PARAM_CORE && !param->readonly &&
            has_access(func, MP_OP_LOAD, k) && has_access(func, MP_OP_STORE, k))
            return true;
    }
    return false;
}

bool mp__ir_is_fixed(const mp_func *func, const mp_node *load)
{
    const mp_param *param = &func->spec->params[load->args[0]->root];
    return param->kind == MP_PARAM_CORE && param->readonly;
}

/* ---- sweeping ----------------------------------------------------------- */

typedef struct worklist {
    mp_unit *unit;
    mp_node **nodes;
    int count;
} worklist;

static void visit(worklist *work, mp_node *node)
{
    if (node == NULL || node->mark)
        return;
    node->mark = true;
    MP_UNIT_PUSH(work->unit, work->nodes, work->count, node);
}

/* Whether taking an element may fail, used or not: Lua's integers hold half of
 * the uint64. */
static bool is_checked(const mp_func *func, const mp_node *node)
{
    if (node->op != MP_OP_PARAM)
        return false;
    const mp_param *param = &func->spec->params[node->as.index];
    return param->kind == MP_PARAM_ELEMENT && param->dtype == MP_UINT64;
}

void mp__ir_sweep(mp_func *func)
{
    worklist work = {.unit = func->unit};
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            if (mp__ir_node_effects(node) & (MP_EFFECT_C | MP_EFFECT_W) ||
                is_checked(func, node))
                visit(&work, node);
        }
        visit(&work, block->cond);
        visit(&work, block->mask);
    }
    while (work.count > 0) {
        mp_node *node = work.nodes[--work.count];
        for (int i = 0; i < node->nargs; i++)
            visit(&work, node->args[i]);
        visit(&work, node->mask);
    }
    for (int k = 0; k < func->norder; k++) {
        mp_node *next;
        for (mp_node *node = func->order[k]->first; node != NULL; node = next) {
            next = node->next;
            if (node->mark)
                node->mark = false;
            else
                mp__ir_remove(node);
        }
    }
}
