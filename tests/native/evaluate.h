/* An evaluator of the intermediate representation, after any pass: before
 * `infer` with types found as it goes, as Lua does, after `mask` with several
 * lanes. Library functions are Lua's own. */
#ifndef MP_TESTS_NATIVE_EVALUATE_H
#define MP_TESTS_NATIVE_EVALUATE_H

#include <lauxlib.h>
#include <lua.h>

#include "core/sandbox.h"
#include "values.h"

#define EVAL_LANES 8
#define EVAL_STEPS 200000

/* A value of a lane: a number, boolean or nil, or an array's row. */
typedef struct eval_value {
    mp_value v;
    const mp_view *view; /* not NULL: row number `row` of those of its depth */
    int64_t row;
    int depth;
} eval_value;

/* What an evaluation gets, and gives. */
typedef struct eval {
    const mp_func *func;
    lua_State *L;
    int lanes;
    bool on[EVAL_LANES];                       /* lanes with an item */
    mp_value params[EVAL_LANES][MP_MAX_ARGS];  /* but for arrays */
    mp_view arrays[MP_MAX_ARGS];               /* by parameter */
    mp_value results[EVAL_LANES][MP_MAX_ARGS]; /* out */
    bool failed;                               /* out */
    int line;                                  /* out: of the failure */
    eval_value *values;                        /* [id * lanes + lane] */
    mp_value *items; /* of tables made in the kernel; see eval_item_at() */
    int steps;
} eval;

/* ---- arrays and tables -------------------------------------------------- */

static inline bool eval_index(const eval_value *array, mp_value index,
                              int64_t *flat)
{
    int64_t i, extent = array->view->shape[array->depth];
    if (!eval_to_int(index, &i) || i < 1 || i > extent)
        return false;
    *flat = array->row * extent + i - 1;
    return true;
}

static inline bool eval_row(const eval_value *array, mp_value index,
                            eval_value *out)
{
    *out = *array;
    out->depth++;
    return eval_index(array, index, &out->row);
}

static inline bool eval_load(const eval_value *array, mp_value index,
                             mp_value *out)
{
    int64_t flat;
    return eval_index(array, index, &flat) &&
           mp_view_get(array->view, flat, out, NULL) == MP_OK;
}

static inline bool eval_store(const eval_value *array, mp_value index,
                              mp_value value)
{
    int64_t flat;
    return eval_index(array, index, &flat) && !array->view->readonly &&
           mp_view_set(array->view, flat, value, NULL) == MP_OK;
}

/* A range that is not empty: both ends are in bounds, and in order. */
static inline bool eval_range(const eval_value *array, const mp_value *args)
{
    int64_t flat;
    return args[1].as.i > args[2].as.i ||
           (eval_index(array, args[3], &flat) &&
            eval_index(array, args[4], &flat) && args[3].as.i <= args[4].as.i &&
            args[2].as.i < INT64_MAX);
}

static inline bool eval_item(const mp_table *table, mp_value index,
                             mp_value *out)
{
    int64_t i;
    if (!eval_to_int(index, &i) || i < 1 || i > table->nitems)
        return false;
    const mp_constant *item = table->items[i - 1];
    *out = item->kind == MP_CONST_INT ? eval_int(item->as.i)
                                      : eval_float(item->as.f);
    return true;
}

static inline bool eval_size(const eval_value *array, mp_value dimension,
                             mp_value *out)
{
    int64_t d;
    if (!eval_to_int(dimension, &d) || d < 1 ||
        d > array->view->ndim - array->depth)
        return false;
    *out = eval_int(array->view->shape[array->depth + d - 1]);
    return true;
}

/* ---- tables made in the kernel ------------------------------------------ */

static inline mp_value *eval_item_at(const eval *e, const mp_node *node,
                                     int lane, mp_value index)
{
    const mp_own *own = mp__ir_own(e->func, node->args[0]);
    if (index.kind != MP_KIND_INT || index.as.i < 1 ||
        index.as.i > MP_OWN_ITEMS || own == NULL)
        fail_msg("%%%d, line %d, is outside of its table", node->id,
                 node->line);
    int64_t item = own->id * MP_OWN_ITEMS + index.as.i - 1;
    return &e->items[item * e->lanes + lane];
}

/* An index that must be from 1 to a length. */
static inline bool eval_inside(mp_value index, mp_value length, int more,
                               mp_value *out)
{
    int64_t i, n;
    if (!eval_to_int(index, &i) || !eval_to_int(length, &n) || i < 1 ||
        i > n + more || i > MP_OWN_ITEMS)
        return false;
    *out = eval_int(i);
    return true;
}

/* ---- library functions -------------------------------------------------- */

static inline void eval_push(lua_State *L, mp_value v)
{
    if (v.kind == MP_KIND_INT)
        lua_pushinteger(L, v.as.i);
    else if (v.kind == MP_KIND_FLOAT)
        lua_pushnumber(L, v.as.f);
    else if (v.kind == MP_KIND_BOOL)
        lua_pushboolean(L, v.as.b);
    else
        lua_pushnil(L);
}

static inline mp_value eval_pop(lua_State *L)
{
    mp_value v = eval_nil();
    if (lua_isinteger(L, -1))
        v = eval_int(lua_tointeger(L, -1));
    else if (lua_type(L, -1) == LUA_TNUMBER)
        v = eval_float(lua_tonumber(L, -1));
    else if (lua_isboolean(L, -1))
        v = eval_bool(lua_toboolean(L, -1));
    lua_pop(L, 1);
    return v;
}

static inline bool eval_builtin(lua_State *L, mp_builtin builtin, int nargs,
                                const mp_value *args, mp_value *out)
{
    bool second = builtin == MP_BUILTIN_MATH_MODF_FRACTION;
    char name[64];
    snprintf(name, sizeof name, "%s",
             mp__builtin_name(second ? MP_BUILTIN_MATH_MODF : builtin));
    char *dot = strchr(name, '.');
    *dot = '\0';
    int top = lua_gettop(L);
    mp_sandbox_push_base(L);
    lua_getfield(L, -1, name);
    lua_getfield(L, -1, dot + 1);
    for (int k = 0; k < nargs; k++)
        eval_push(L, args[k]);
    bool good = lua_pcall(L, nargs, second ? 2 : 1, 0) == LUA_OK;
    if (good)
        *out = eval_pop(L);
    lua_settop(L, top);
    return good;
}

/* ---- nodes -------------------------------------------------------------- */

static inline eval_value *eval_slot(const eval *e, const mp_node *node,
                                    int lane)
{
    return &e->values[node->id * e->lanes + lane];
}

static inline mp_value eval_const(const mp_node *node)
{
    if (node->type == MP_TYPE_BOOL)
        return eval_bool(node->as.b);
    if (node->type == MP_TYPE_INT)
        return eval_int(node->as.i);
    if (node->type == MP_TYPE_FLOAT)
        return eval_float(node->as.f);
    return eval_nil();
}

/* What a lane that is off may as well have. */
static inline mp_value eval_garbage(mp_type type)
{
    if (type == MP_TYPE_BOOL)
        return eval_bool(false);
    if (type == MP_TYPE_INT)
        return eval_int(0);
    return type == MP_TYPE_FLOAT ? eval_float(0) : eval_nil();
}

static inline bool eval_any(const eval *e, const mp_node *mask)
{
    bool any = false;
    for (int lane = 0; lane < e->lanes; lane++)
        any |= eval_truth(eval_slot(e, mask, lane)->v);
    return any;
}

/* The result must fit the output, where that has a dtype. */
static inline bool eval_result(eval *e, int index, int lane, mp_value value)
{
    const mp_spec *spec = e->func->spec;
    e->results[lane][index] = value;
    if (spec->form != MP_FORM_MAP || spec->outputs[index].open)
        return value.kind != MP_KIND_NIL;
    uint64_t bits = 0;
    mp_view view;
    int64_t one = 1;
    mp_view_init(&view, &bits, spec->outputs[index].dtype, 1, &one, NULL);
    return mp_view_set(&view, 0, value, NULL) == MP_OK &&
           mp_view_get(&view, 0, &e->results[lane][index], NULL) == MP_OK;
}

/* What inference made a float of may begin as an integer. */
static inline bool eval_widen(const mp_node *node, mp_value *value)
{
    if (node->type == MP_TYPE_FLOAT && value->kind == MP_KIND_INT)
        *value = eval_float((double)value->as.i);
    return true;
}

/* Operations on numbers, booleans and nil; false where they fail. A case for
 * each makes it long. */
static inline bool eval_op(eval *e, const mp_node *node, int lane,
                           const mp_value *args, eval_value *out)
{
    const eval_value *array =
        node->nargs > 0 ? eval_slot(e, node->args[0], lane) : NULL;
    switch (node->op) {
    case MP_OP_CONST:
        out->v = eval_const(node);
        return true;
    case MP_OP_PARAM:
        out->v = e->params[lane][node->as.index];
        out->view =
            node->type == MP_TYPE_ARRAY ? &e->arrays[node->as.index] : NULL;
        return eval_widen(node, &out->v);
    case MP_OP_I2F:
        out->v = eval_float((double)args[0].as.i);
        return args[0].kind == MP_KIND_INT;
    case MP_OP_F2I:
        out->v.kind = MP_KIND_INT;
        return eval_to_int(args[0], &out->v.as.i);
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_DIV:
    case MP_OP_POW:
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return eval_arith(node->op, args[0], args[1], &out->v);
    case MP_OP_UNM:
        /* Not 0 - x, which is another 0. */
        if (args[0].kind == MP_KIND_FLOAT) {
            out->v = eval_float(-args[0].as.f);
            return true;
        }
        return eval_arith(MP_OP_SUB, eval_int(0), args[0], &out->v);
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_SHL:
    case MP_OP_SHR:
        return eval_bits(node->op, args[0], args[1], &out->v);
    case MP_OP_BNOT:
        return eval_bits(MP_OP_BXOR, args[0], eval_int(-1), &out->v);
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return eval_compare(node->op, args[0], args[1], &out->v);
    case MP_OP_NOT:
        out->v = eval_bool(!eval_truth(args[0]));
        return true;
    case MP_OP_TRUTH:
        out->v = eval_bool(eval_truth(args[0]));
        return true;
    case MP_OP_IS_INT:
        out->v = eval_bool(args[0].kind == MP_KIND_INT);
        return true;
    case MP_OP_IS_FLOAT:
        out->v = eval_bool(args[0].kind == MP_KIND_FLOAT);
        return true;
    case MP_OP_SELECT:
        out->v = eval_truth(args[0]) ? args[1] : args[2];
        return true;
    case MP_OP_BUILTIN:
        return eval_builtin(e->L, node->as.builtin, node->nargs, args,
                            &out->v) &&
               eval_widen(node, &out->v);
    case MP_OP_LEN:
        out->v = eval_int(array->view->shape[array->depth]);
        return true;
    case MP_OP_SIZE:
        return eval_size(array, args[1], &out->v);
    case MP_OP_ROW:
        return eval_row(array, args[1], out);
    case MP_OP_LOAD:
        return eval_load(array, args[1], &out->v);
    case MP_OP_STORE:
        return eval_store(array, args[1], args[2]);
    case MP_OP_RANGE:
        return eval_range(array, args);
    case MP_OP_ITEM:
        return eval_item(node->args[0]->as.constant->as.table, args[1],
                         &out->v) &&
               eval_widen(node, &out->v);
    case MP_OP_TLOAD:
        out->v = *eval_item_at(e, node, lane, args[1]);
        return eval_widen(node, &out->v);
    case MP_OP_TSTORE:
        *eval_item_at(e, node, lane, args[1]) = args[2];
        return true;
    case MP_OP_TINDEX:
        return eval_inside(args[0], args[1], 0, &out->v);
    case MP_OP_TGROW:
        return eval_inside(args[1], args[2], 1, &out->v);
    case MP_OP_RESULT:
        return eval_result(e, node->as.index, lane, args[0]);
    case MP_OP_FOR_START:
    case MP_OP_FOR_LIMIT:
    case MP_OP_FOR_TEST:
        return eval_for(node->op, args, &out->v);
    case MP_OP_ENTRY_MASK:
        out->v = eval_bool(e->on[lane]);
        return true;
    case MP_OP_ANY:
        out->v = eval_bool(eval_any(e, node->args[0]));
        return true;
    case MP_OP_AND:
        out->v = eval_bool(eval_truth(args[0]) && eval_truth(args[1]));
        return true;
    case MP_OP_OR:
        out->v = eval_bool(eval_truth(args[0]) || eval_truth(args[1]));
        return true;
    case MP_OP_ANDN:
        out->v = eval_bool(eval_truth(args[0]) && !eval_truth(args[1]));
        return true;
    case MP_OP_EXPECT:
        return eval_truth(args[0]);
    case MP_OP_REF:
    case MP_OP_POLL:
        return true;
    case MP_OP_PHI:
    case MP_OP_TLEN:
    case MP_OP_TROW:
    case MP_NOPS:
        break;
    }
    fail_msg("no value: %s", mp__ir_name(node->op));
    return false;
}

static inline bool eval_has_type(mp_value value, mp_type type)
{
    switch (type) {
    case MP_TYPE_NIL:
        return value.kind == MP_KIND_NIL;
    case MP_TYPE_BOOL:
        return value.kind == MP_KIND_BOOL;
    case MP_TYPE_INT:
        return value.kind == MP_KIND_INT;
    case MP_TYPE_FLOAT:
        return value.kind == MP_KIND_FLOAT;
    case MP_TYPE_NONE:
    case MP_TYPE_ANY:
    case MP_TYPE_ARRAY:
    case MP_TYPE_REF:
        break;
    }
    return true;
}

static inline bool eval_is_on(const eval *e, const mp_node *node, int lane)
{
    return e->on[lane] && (node->mask == NULL ||
                           eval_truth(eval_slot(e, node->mask, lane)->v));
}

static inline void eval_lane(eval *e, const mp_node *node, int lane)
{
    bool on = eval_is_on(e, node, lane);
    bool writes = node->op == MP_OP_STORE || node->op == MP_OP_RESULT ||
                  node->op == MP_OP_TSTORE;
    bool reads = node->op == MP_OP_LOAD || node->op == MP_OP_ROW ||
                 node->op == MP_OP_TLOAD;
    eval_value out = {.v = eval_garbage(node->type)};
    mp_value args[MP_MAX_ARGS];
    assert_true(node->nargs <= MP_MAX_ARGS);
    for (int k = 0; k < node->nargs; k++)
        args[k] = eval_slot(e, node->args[k], lane)->v;
    bool good =
        (!on && (writes || reads)) || eval_op(e, node, lane, args, &out);
    bool typed = eval_has_type(out.v, node->type);
    if (on && good && !typed && mp__ir_node_effects(node) == MP_EFFECT_0)
        fail_msg("%%%d, line %d, is no %s", node->id, node->line,
                 mp__ir_type_name(node->type));
    if (on && !good && reads && node->inside && !e->failed)
        fail_msg("%%%d, line %d, is not inside", node->id, node->line);
    if (on && !(good && typed) && !e->failed) {
        e->failed = true;
        e->line = node->line;
    }
    if (!good || !typed)
        out.v = eval_garbage(node->type);
    if (node->op == MP_OP_ROW && (!good || !on))
        out = *eval_slot(e, node->args[0], lane);
    *eval_slot(e, node, lane) = out;
}

static inline void eval_phis(eval *e, const mp_block *block, int pred)
{
    eval_value taken[256];
    int count = 0, first = 0;
    const mp_node *phi;
    for (phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
         phi = phi->next) {
        for (int lane = 0; lane < e->lanes; lane++) {
            assert_true(count < 256);
            taken[count++] = *eval_slot(e, phi->args[pred], lane);
        }
    }
    for (phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
         phi = phi->next) {
        for (int lane = 0; lane < e->lanes; lane++) {
            *eval_slot(e, phi, lane) = taken[first];
            if (e->on[lane] && e->lanes == 1 &&
                !eval_has_type(taken[first].v, phi->type))
                fail_msg("%%%d is no %s", phi->id, mp__ir_type_name(phi->type));
            first++;
        }
    }
}

/* All lanes that are on must agree. */
static inline bool eval_condition(const eval *e, const mp_block *block)
{
    int first = -1;
    for (int lane = 0; lane < e->lanes; lane++) {
        if (!e->on[lane])
            continue;
        bool truth = eval_truth(eval_slot(e, block->cond, lane)->v);
        if (first >= 0 && truth != (first == 1))
            fail_msg("a branch on %%%d that is not the same in all lanes",
                     block->cond->id);
        first = truth;
    }
    return first == 1;
}

static inline int eval_pred(const mp_block *block, const mp_block *pred)
{
    int k = 0;
    while (block->preds[k] != pred)
        k++;
    return k;
}

/* Runs the function for the lanes that are on, at least one. Stops at the
 * first failure. */
static inline void evaluate(eval *e)
{
    size_t count = (size_t)e->func->nnodes * (size_t)e->lanes;
    e->values = calloc(count, sizeof *e->values);
    assert_non_null(e->values);
    count = (size_t)e->func->nowns * MP_OWN_ITEMS * (size_t)e->lanes + 1;
    e->items = calloc(count, sizeof *e->items);
    assert_non_null(e->items);
    e->failed = false;
    e->steps = 0;
    const mp_block *block = e->func->entry;
    for (;;) {
        for (const mp_node *node = block->first; node != NULL && !e->failed;
             node = node->next) {
            for (int lane = 0; node->op != MP_OP_PHI && lane < e->lanes; lane++)
                eval_lane(e, node, lane);
        }
        if (e->failed || block->end == MP_END_RETURN)
            break;
        if (++e->steps > EVAL_STEPS)
            fail_msg("an evaluation does not end");
        bool jump = block->end == MP_END_JUMP || eval_condition(e, block);
        const mp_block *next = block->next[jump ? 0 : 1];
        eval_phis(e, next, eval_pred(next, block));
        block = next;
    }
    free(e->values);
    e->values = NULL;
    free(e->items);
    e->items = NULL;
}

#endif
