/* Two ways to run a function of the intermediate representation: lane after
 * lane, as written; and all lanes at once, as masked, where what lanes compute
 * that are off is poison. lanes_make.h makes functions for it.
 *
 * Functions have one of each kind of parameter; arrays are not there: what is
 * loaded is a hash of where from, what is stored goes to a trace. */
#ifndef MP_TESTS_NATIVE_LANES_H
#define MP_TESTS_NATIVE_LANES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "native/ir.h"

#define LANES 4
#define LANES_MOST_STEPS 20000
#define LANES_MOST_EVENTS 4000

/* ---- parameters --------------------------------------------------------- */

enum { LANES_ELEMENT, LANES_UNIFORM, LANES_INDEX, LANES_ROW, LANES_MATRIX };

static inline void lanes_spec(mp_spec *spec)
{
    memset(spec, 0, sizeof *spec);
    spec->form = MP_FORM_RUN;
    spec->ndim = 1;
    spec->nparams = 5;
    spec->params[LANES_ELEMENT].kind = MP_PARAM_ELEMENT;
    spec->params[LANES_ELEMENT].layout = MP_LAYOUT_PACKED;
    spec->params[LANES_UNIFORM].kind = MP_PARAM_UNIFORM;
    spec->params[LANES_INDEX].kind = MP_PARAM_INDEX;
    spec->params[LANES_ROW].kind = MP_PARAM_ARRAY;
    spec->params[LANES_ROW].rank = 1;
    spec->params[LANES_MATRIX].kind = MP_PARAM_ARRAY;
    spec->params[LANES_MATRIX].rank = 2;
    spec->lanes = LANES;
}

/* ---- what ran ----------------------------------------------------------- */

typedef struct lanes_event {
    int id; /* of a STORE or RESULT */
    int64_t args[3];
} lanes_event;

typedef struct lanes_trace {
    int count;
    lanes_event events[LANES_MOST_EVENTS];
} lanes_trace;

typedef struct lanes_value {
    int64_t v;
    bool poison;
} lanes_value;

typedef struct lanes_run {
    const mp_func *func;
    int64_t element[LANES], uniform, index;
    bool entry[LANES];
    lanes_value (*values)[LANES]; /* of each node, by id */
    lanes_trace *traces;          /* LANES of them */
    uint64_t random;              /* where branches on poison go */
    int steps;
    const char *wrong; /* what must not be, or NULL */
    int wrong_id;
} lanes_run;

static inline uint64_t lanes_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

static inline int64_t lanes_hash(int64_t a, int64_t b)
{
    uint64_t h = (uint64_t)a * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)b;
    h = (h ^ (h >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
    return (int64_t)(h >> 58) - 8;
}

/* The value of a node without memory of its own; `x` are its arguments. */
static inline int64_t lanes_compute(const mp_node *node, const int64_t *x)
{
    uint64_t a = node->nargs > 0 ? (uint64_t)x[0] : 0;
    uint64_t b = node->nargs > 1 ? (uint64_t)x[1] : 0;
    if (node->op == MP_OP_CONST)
        return node->type == MP_TYPE_BOOL ? node->as.b : node->as.i;
    if (node->op == MP_OP_ADD)
        return (int64_t)(a + b);
    if (node->op == MP_OP_SUB)
        return (int64_t)(a - b);
    if (node->op == MP_OP_MUL)
        return (int64_t)(a * b);
    if (node->op == MP_OP_SHL)
        return (int64_t)(b < 64 ? a << b : 0);
    if (node->op == MP_OP_UNM)
        return (int64_t)(0 - a);
    if (node->op == MP_OP_BNOT)
        return (int64_t)~a;
    if (node->op == MP_OP_BAND)
        return (int64_t)(a & b);
    if (node->op == MP_OP_MOD)
        return b == 0 ? 7 : (int64_t)((a & 63) % (b & 63 ? b & 63 : 1));
    if (node->op == MP_OP_EQ)
        return a == b;
    if (node->op == MP_OP_LT)
        return (int64_t)a < (int64_t)b;
    if (node->op == MP_OP_LE)
        return (int64_t)a <= (int64_t)b;
    if (node->op == MP_OP_NOT)
        return !a;
    if (node->op == MP_OP_AND)
        return x[0] & x[1];
    if (node->op == MP_OP_OR)
        return x[0] | x[1];
    if (node->op == MP_OP_ANDN)
        return a && !b;
    if (node->op == MP_OP_SELECT)
        return a ? x[1] : x[2];
    if (node->op == MP_OP_ROW || node->op == MP_OP_LOAD)
        return lanes_hash(x[0], x[1]);
    fail_msg("no rule for %s", mp__ir_name(node->op));
    return 0;
}

static inline int64_t lanes_param(const lanes_run *run, int index, int lane)
{
    if (index == LANES_ELEMENT)
        return run->element[lane];
    if (index == LANES_UNIFORM)
        return run->uniform;
    if (index == LANES_INDEX)
        return run->index + lane;
    return index * 1000;
}

static inline void lanes_note(lanes_run *run, const mp_node *node, int lane,
                              const int64_t *x)
{
    lanes_trace *trace = &run->traces[lane];
    if (trace->count == LANES_MOST_EVENTS) {
        run->steps = LANES_MOST_STEPS * LANES;
        return;
    }
    lanes_event *event = &trace->events[trace->count++];
    memset(event, 0, sizeof *event);
    event->id = node->id;
    for (int k = 0; k < node->nargs; k++)
        event->args[k] = x[k];
}

static inline bool lanes_is_effect(const mp_node *node)
{
    return node->op == MP_OP_STORE || node->op == MP_OP_RESULT;
}

/* ---- lane after lane ---------------------------------------------------- */

static inline int lanes_pred(const mp_block *block, const mp_block *from)
{
    int k = 0;
    while (block->preds[k] != from)
        k++;
    return k;
}

static inline void lanes_step(lanes_run *run, const mp_node *node, int lane)
{
    int64_t x[3] = {0};
    for (int k = 0; k < node->nargs; k++)
        x[k] = run->values[node->args[k]->id][lane].v;
    if (lanes_is_effect(node))
        lanes_note(run, node, lane, x);
    else if (node->op == MP_OP_PARAM)
        run->values[node->id][lane].v = lanes_param(run, node->as.index, lane);
    else if (node->op != MP_OP_POLL)
        run->values[node->id][lane].v = lanes_compute(node, x);
}

/* All PHIs of a block read before one is written. */
static inline const mp_node *lanes_phis(lanes_run *run, const mp_block *block,
                                        const mp_block *from, int first,
                                        int last)
{
    lanes_value next[64][LANES];
    const mp_node *node = block->first;
    int count = 0;
    for (; node != NULL && node->op == MP_OP_PHI; node = node->next) {
        const mp_node *arg = node->args[lanes_pred(block, from)];
        assert_true(count < 64);
        for (int lane = first; lane < last; lane++)
            next[count][lane] = run->values[arg->id][lane];
        if (last - first > 1 && node->shape != MP_SHAPE_VARYING) {
            if (arg->shape == MP_SHAPE_VARYING) {
                run->wrong = "a PHI that varies more than its shape";
                run->wrong_id = node->id;
            }
            for (int lane = 1; lane < LANES; lane++) {
                next[count][lane] = next[count][0];
                if (node->shape == MP_SHAPE_LINEAR)
                    next[count][lane].v += node->step * lane;
            }
        }
        count++;
    }
    count = 0;
    for (const mp_node *phi = block->first; phi != node; phi = phi->next) {
        for (int lane = first; lane < last; lane++)
            run->values[phi->id][lane] = next[count][lane];
        count++;
    }
    return node;
}

static inline void lanes_run_one(lanes_run *run, int lane)
{
    const mp_block *block = run->func->entry, *from = NULL;
    while (run->steps < LANES_MOST_STEPS) {
        const mp_node *node = lanes_phis(run, block, from, lane, lane + 1);
        for (; node != NULL; node = node->next, run->steps++)
            lanes_step(run, node, lane);
        if (block->end == MP_END_RETURN)
            return;
        from = block;
        bool then =
            block->end == MP_END_JUMP || run->values[block->cond->id][lane].v;
        block = block->next[then ? 0 : 1];
        run->steps++;
    }
}

/* ---- all lanes at once -------------------------------------------------- */

static inline void lanes_complain(lanes_run *run, const char *what,
                                  const mp_node *node)
{
    if (run->wrong == NULL) {
        run->wrong = what;
        run->wrong_id = node->id;
    }
}

/* AND, OR and ANDN are sure of what one argument alone decides. */
static inline bool lanes_decided(const mp_node *node, const lanes_value *x,
                                 int64_t *value)
{
    bool a = x[0].v, b = x[1].v;
    if (node->op == MP_OP_AND || node->op == MP_OP_ANDN) {
        *value = false;
        return (!x[0].poison && !a) ||
               (!x[1].poison && b == (node->op == MP_OP_ANDN));
    }
    *value = true;
    return node->op == MP_OP_OR && ((!x[0].poison && a) || (!x[1].poison && b));
}

static inline lanes_value lanes_poisoned(const mp_node *node,
                                         const lanes_value *x)
{
    int64_t plain[3];
    lanes_value result = {0x5e5e5e5e, true};
    if (node->nargs == 2 && lanes_decided(node, x, &result.v))
        return (lanes_value){result.v, false};
    if (node->op == MP_OP_SELECT && !x[0].poison)
        return x[0].v ? x[1] : x[2];
    for (int k = 0; k < node->nargs; k++) {
        if (x[k].poison)
            return (lanes_value){0x5e5e5e5e, true};
        plain[k] = x[k].v;
    }
    return (lanes_value){lanes_compute(node, plain), false};
}

static inline bool lanes_on(lanes_run *run, const mp_node *node, int lane)
{
    if (node->mask == NULL)
        return run->entry[lane];
    lanes_value on = run->values[node->mask->id][lane];
    if (on.poison)
        lanes_complain(run, "a mask of poison", node);
    return on.v;
}

/* The value of a node in a lane. */
static inline lanes_value lanes_value_of(lanes_run *run, const mp_node *node,
                                         int lane, bool on)
{
    lanes_value x[3] = {{0}};
    for (int k = 0; k < node->nargs; k++) {
        x[k] = run->values[node->args[k]->id][lane];
        if (mp__ir_node_effects(node) != 0 && on && x[k].poison)
            lanes_complain(run, "an effect of poison", node);
    }
    if (node->op == MP_OP_PARAM)
        return (lanes_value){lanes_param(run, node->as.index, lane),
                             node->as.index == LANES_ELEMENT &&
                                 !run->entry[lane]};
    if (node->op == MP_OP_ENTRY_MASK)
        return (lanes_value){run->entry[lane], false};
    if (mp__ir_node_effects(node) != 0 && !on)
        return (lanes_value){0x5e5e5e5e, true};
    if (lanes_is_effect(node)) {
        int64_t plain[3] = {x[0].v, x[1].v, x[2].v};
        lanes_note(run, node, lane, plain);
        return (lanes_value){0, true};
    }
    return lanes_poisoned(node, x);
}

static inline lanes_value lanes_any(lanes_run *run, const mp_node *node)
{
    bool any = false;
    for (int lane = 0; lane < LANES; lane++) {
        lanes_value on = run->values[node->args[0]->id][lane];
        if (on.poison)
            lanes_complain(run, "any of poison", node);
        any |= on.v;
    }
    return (lanes_value){any, false};
}

/* Sums and products of integers may bring LINEAR arguments back together. */
static inline bool lanes_is_sum(const mp_node *node)
{
    return node->op == MP_OP_ADD || node->op == MP_OP_SUB ||
           node->op == MP_OP_MUL || node->op == MP_OP_SHL;
}

static inline void lanes_check_shape(lanes_run *run, const mp_node *node)
{
    bool any_linear = node->shape == MP_SHAPE_LINEAR || lanes_is_sum(node);
    for (int k = 0; k < node->nargs && node->op != MP_OP_ANY; k++) {
        mp_shape_kind kind = node->args[k]->shape;
        if (kind == MP_SHAPE_VARYING ||
            (kind == MP_SHAPE_LINEAR && !any_linear))
            lanes_complain(run, "a shape that its arguments do not have", node);
    }
}

static inline void lanes_step_all(lanes_run *run, const mp_node *node)
{
    lanes_value *to = run->values[node->id];
    if (node->op == MP_OP_POLL)
        return;
    if (node->shape == MP_SHAPE_VARYING || lanes_is_effect(node)) {
        for (int lane = 0; lane < LANES; lane++)
            to[lane] =
                lanes_value_of(run, node, lane, lanes_on(run, node, lane));
        return;
    }
    /* As compiled code does it: by lane 0, whether or not that is on. */
    lanes_check_shape(run, node);
    bool on = false;
    for (int lane = 0; lane < LANES; lane++)
        on |= lanes_on(run, node, lane);
    lanes_value first = node->op == MP_OP_ANY
                            ? lanes_any(run, node)
                            : lanes_value_of(run, node, 0, on);
    for (int lane = 0; lane < LANES; lane++) {
        to[lane] = first;
        if (node->shape == MP_SHAPE_LINEAR)
            to[lane].v = (int64_t)((uint64_t)first.v +
                                   (uint64_t)node->step * (uint64_t)lane);
    }
}

static inline void lanes_run_all(lanes_run *run)
{
    const mp_block *block = run->func->entry, *from = NULL;
    while (run->steps < LANES_MOST_STEPS * LANES && run->wrong == NULL) {
        const mp_node *node = lanes_phis(run, block, from, 0, LANES);
        for (; node != NULL; node = node->next, run->steps++)
            lanes_step_all(run, node);
        if (block->end == MP_END_RETURN)
            return;
        from = block;
        bool then = true;
        if (block->end == MP_END_BRANCH) {
            lanes_value cond = run->values[block->cond->id][0];
            if (block->cond->shape != MP_SHAPE_UNIFORM)
                lanes_complain(run, "a branch that varies", block->cond);
            then = cond.poison ? lanes_random(&run->random) & 1 : cond.v != 0;
        }
        block = block->next[then ? 0 : 1];
        run->steps++;
    }
    if (run->wrong == NULL)
        run->wrong = "too many steps";
}

#endif
