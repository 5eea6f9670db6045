/* What may give up, and when: where math.floor() has no integer for a result,
 * or a table no item, the interpreter runs the items again. That is no error,
 * so nothing must have been stored by then that running again would change. */
#include "native/builtin_type.h"
#include "native/infer.h"

static bool is_float(const mp_infer *infer, const mp_node *node)
{
    return mp__fact_only(mp__infer_fact(infer, node), MP_MAY_FLOAT);
}

/* ---- what raises anyway ------------------------------------------------- */

static bool is_index(const mp_node *user, int k)
{
    return k == 1 && (user->op == MP_OP_LOAD || user->op == MP_OP_STORE ||
                      user->op == MP_OP_ROW);
}

static bool is_bitwise(const mp_node *user)
{
    return user->op >= MP_OP_BAND && user->op <= MP_OP_BNOT;
}

static bool is_arithmetic(const mp_node *user)
{
    return (user->op >= MP_OP_ADD && user->op <= MP_OP_UNM) ||
           user->op == MP_OP_LT || user->op == MP_OP_LE;
}

/* Whether what it gives is in fact nil where it gives up. */
static bool gives_nil(const mp_node *node)
{
    return node->op == MP_OP_ITEM || node->op == MP_OP_TLOAD;
}

/* Whether `user` comes before anything that could lead elsewhere. */
static bool follows(const mp_node *node, const mp_node *user)
{
    const mp_block *block = node->block;
    for (int steps = 0; block != user->block && steps < 16; steps++) {
        if (block->end != MP_END_JUMP)
            return false;
        block = block->next[0];
    }
    return block == user->block && user->op != MP_OP_PHI;
}

/* A float that is past all integers is still past all indices when a small
 * integer is added. */
static bool moves_little(const mp_infer *infer, const mp_node *user, int k)
{
    const int64_t bound = INT64_C(1) << 53;
    if (user->op != MP_OP_ADD && user->op != MP_OP_SUB)
        return false;
    mp_fact other = mp__infer_fact(infer, user->args[1 - k]);
    return mp__fact_only(other, MP_MAY_INT) &&
           mp__fact_within(other, -bound, bound);
}

static bool raises(const mp_infer *infer, const mp_node *node, int depth);

/* Whether it is sure to raise where argument k is a float past all integers,
 * with small ones added `depth` times; or, of a table's item, nil. */
static bool raises_in(const mp_infer *infer, const mp_node *user, int k,
                      int depth)
{
    if (user->args[k]->op == MP_OP_TINDEX)
        return user->op == MP_OP_TLOAD && raises(infer, user, depth + 1);
    if (gives_nil(user->args[k]))
        return !user->args[k]->tested &&
               (is_index(user, k) || is_bitwise(user) || is_arithmetic(user));
    if (is_index(user, k) || (depth == 0 && is_bitwise(user)))
        return true;
    return depth < 4 && moves_little(infer, user, k) &&
           raises(infer, user, depth + 1);
}

static bool raises(const mp_infer *infer, const mp_node *node, int depth)
{
    const mp_func *func = infer->func;
    for (int k = node->block->order; k < func->norder; k++) {
        const mp_node *user = func->order[k]->first;
        for (; user != NULL; user = user->next) {
            for (int i = 0; i < user->nargs; i++) {
                if (user->args[i] == node && follows(node, user) &&
                    raises_in(infer, user, i, depth))
                    return true;
            }
        }
    }
    return false;
}

/* ---- what is asked for -------------------------------------------------- */

static bool asks(const mp_node *node)
{
    return node->op == MP_OP_TRUTH || node->op == MP_OP_NOT ||
           node->op == MP_OP_EQ;
}

/* Whether one more is found: an argument of a question, or of what joins the
 * values of several ways to one that is asked about. */
static bool find_tested(mp_func *func)
{
    bool found = false;
    for (int b = 0; b < func->norder; b++) {
        mp_block *block = func->order[b];
        if (block->end == MP_END_BRANCH && !block->cond->tested)
            found = block->cond->tested = true;
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            bool joins = node->op == MP_OP_PHI || node->op == MP_OP_SELECT;
            for (int k = 0; k < node->nargs; k++) {
                if ((asks(node) || (joins && node->tested)) &&
                    !node->args[k]->tested)
                    found = node->args[k]->tested = true;
            }
        }
    }
    return found;
}

void mp__infer_tested(mp_infer *infer)
{
    while (find_tested(infer->func))
        ;
}

/* ---- what was stored before --------------------------------------------- */

static bool has_store(const mp_block *block, const mp_node *before)
{
    const mp_node *node = block->first;
    for (; node != NULL && node != before; node = node->next) {
        if (node->op == MP_OP_STORE)
            return true;
    }
    return false;
}

/* Marks the blocks at whose beginning some lane may have stored something:
 * lanes that go different ways do so one after the other, in the order of
 * blocks, and those that stay in a loop come round again. */
static void mark_stored(const mp_infer *infer)
{
    const mp_func *func = infer->func;
    bool *loops = mp__unit_alloc(infer->unit, (size_t)func->nblocks);
    bool stored = false;
    for (int k = 0; k < func->norder; k++) {
        const mp_block *header = func->order[k]->header;
        func->order[k]->mark = stored;
        if (!has_store(func->order[k], NULL))
            continue;
        stored = true;
        for (; header != NULL; header = header->outer)
            loops[header->id] = true;
    }
    for (int k = 0; k < func->norder; k++) {
        const mp_block *header = func->order[k]->header;
        for (; header != NULL; header = header->outer)
            func->order[k]->mark |= loops[header->id];
    }
}

/* Whether it may leave where Lua would go on. */
static bool gives_up(const mp_infer *infer, const mp_node *node)
{
    if (node->op == MP_OP_ITEM) {
        mp_fact index = mp__infer_fact(infer, node->args[1]);
        int64_t items = node->args[0]->as.constant->as.table->nitems;
        return !mp__fact_only(index, MP_MAY_INT) ||
               !mp__fact_within(index, 1, items);
    }
    if (node->op == MP_OP_TINDEX || node->op == MP_OP_TGROW)
        return node->op == MP_OP_TGROW || !node->as.b;
    if (node->op == MP_OP_EXPECT)
        return !node->as.b;
    if (node->op != MP_OP_BUILTIN || !is_float(infer, node->args[0]))
        return false;
    mp_builtin_type type = mp__builtin_type(node->as.builtin);
    return type == MP_BUILTIN_CONVERT ||
           (type == MP_BUILTIN_ROUND && !is_float(infer, node));
}

static void check_node(const mp_infer *infer, const mp_node *node)
{
    if (!gives_up(infer, node) ||
        !(node->block->mark || has_store(node->block, node)) ||
        raises(infer, node, 0))
        return;
    if (node->op == MP_OP_TINDEX || node->op == MP_OP_TGROW)
        mp__unit_refuse(infer->unit, node->line,
                        "use indices that are sure to be inside of the table, "
                        "or do it before the first store",
                        "a table's index behind a store to an array, where it "
                        "may be outside of the table");
    if (node->op == MP_OP_EXPECT && node->tested)
        mp__unit_refuse(infer->unit, node->line,
                        "check it before the first store",
                        "an error behind a store to an array");
    if (node->op == MP_OP_EXPECT)
        mp__unit_refuse(infer->unit, node->line,
                        "give it a number on every way here",
                        "a value that may be nil, behind a store to an array");
    const char *what = node->op == MP_OP_ITEM
                           ? "a table's item"
                           : mp__builtin_name(node->as.builtin);
    mp__unit_refuse(infer->unit, node->line,
                    "compute it before the first store",
                    "%s behind a store, where it may have no integer", what);
}

void mp__infer_late(mp_infer *infer)
{
    const mp_func *func = infer->func;
    if (!mp__ir_rereads(func))
        return;
    mark_stored(infer);
    for (int k = 0; k < func->norder; k++) {
        for (const mp_node *n = func->order[k]->first; n != NULL; n = n->next)
            check_node(infer, n);
    }
    for (int k = 0; k < func->norder; k++)
        func->order[k]->mark = false;
}
