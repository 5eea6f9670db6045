/* Random functions in the intermediate representation, and two ways to run
 * them: lane after lane, as written; and all lanes at once, as masked, where
 * what lanes compute that are off is poison.
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

/* ---- random graphs ------------------------------------------------------ */

typedef struct lanes_maker {
    mp_func *func;
    uint64_t random;
    int budget; /* blocks left */
    int nloops, nlabels;
    struct {
        mp_block *header, *after;
    } loops[8];
    mp_block *labels[8];
    mp_block *exit;
} lanes_maker;

static inline int lanes_below(lanes_maker *m, int limit)
{
    return (int)(lanes_random(&m->random) % (uint64_t)limit);
}

static inline mp_block *lanes_block(lanes_maker *m)
{
    m->budget--;
    return mp__ir_block(m->func, 0);
}

/* Conditions come later. */
static inline void lanes_branch(lanes_maker *m, mp_block *from, mp_block *a,
                                mp_block *b)
{
    if (lanes_below(m, 2))
        mp__ir_branch(m->func, from, NULL, a, b);
    else
        mp__ir_branch(m->func, from, NULL, b, a);
}

/* Somewhere to go from here: out of loops, round again, forward. */
static inline mp_block *lanes_somewhere(lanes_maker *m)
{
    int kind = lanes_below(m, 8);
    if (kind < 4 && m->nloops > 0)
        return m->loops[m->nloops - 1 - lanes_below(m, 10) % m->nloops].after;
    if (kind < 5 && m->nloops > 0)
        return m->loops[lanes_below(m, m->nloops)].header;
    if (kind < 7 && m->nlabels > 0)
        return m->labels[lanes_below(m, m->nlabels)];
    return m->exit;
}

static inline mp_block *lanes_list(lanes_maker *m, mp_block *at, int depth);

static inline mp_block *lanes_if(lanes_maker *m, mp_block *at, int depth)
{
    mp_block *then = lanes_block(m), *other = lanes_block(m);
    mp_block *join = lanes_block(m);
    bool has_else = lanes_below(m, 2);
    lanes_branch(m, at, then, has_else ? other : join);
    then = lanes_list(m, then, depth + 1);
    bool reached = then != NULL || !has_else;
    if (then != NULL)
        mp__ir_jump(m->func, then, join);
    if (has_else) {
        other = lanes_list(m, other, depth + 1);
        if (other != NULL)
            mp__ir_jump(m->func, other, join);
        reached |= other != NULL;
    }
    return reached ? join : NULL;
}

/* Each loop has a test at its head; lanes_fill() makes it end it. */
static inline mp_block *lanes_loop(lanes_maker *m, mp_block *at, int depth)
{
    mp_block *header = lanes_block(m), *body = lanes_block(m);
    mp_block *after = lanes_block(m);
    mp__ir_jump(m->func, at, header);
    mp__ir_branch(m->func, header, NULL, body, after);
    m->loops[m->nloops].header = header;
    m->loops[m->nloops++].after = after;
    int labels = m->nlabels; /* gotos may leave the loop */
    body = lanes_list(m, body, depth + 1);
    m->nlabels = labels;
    m->nloops--;
    if (body != NULL)
        mp__ir_jump(m->func, body, header);
    return after;
}

static inline mp_block *lanes_labelled(lanes_maker *m, mp_block *at, int depth)
{
    mp_block *label = lanes_block(m);
    m->labels[m->nlabels++] = label;
    at = lanes_list(m, at, depth + 1);
    m->nlabels--;
    if (at != NULL)
        mp__ir_jump(m->func, at, label);
    return label;
}

static inline mp_block *lanes_leave(lanes_maker *m, mp_block *at)
{
    if (lanes_below(m, 5) == 0) {
        mp__ir_jump(m->func, at, lanes_somewhere(m));
        return NULL;
    }
    mp_block *next = lanes_block(m);
    lanes_branch(m, at, lanes_somewhere(m), next);
    return next;
}

/* Statements from `at` on; NULL: their end is not reached. */
static inline mp_block *lanes_list(lanes_maker *m, mp_block *at, int depth)
{
    int count = 1 + lanes_below(m, 3);
    for (int k = 0; k < count && at != NULL && m->budget > 0; k++) {
        int kind = lanes_below(m, depth < 5 ? 8 : 2);
        if (kind < 3)
            at = lanes_leave(m, at);
        else if (kind < 5)
            at = lanes_if(m, at, depth);
        else if (kind < 7 && m->nloops < 3)
            at = lanes_loop(m, at, depth);
        else if (m->nlabels < 8)
            at = lanes_labelled(m, at, depth);
    }
    return at;
}

/* ---- random values ------------------------------------------------------ */

static inline bool lanes_is_counter(const mp_node *node)
{
    return node->op == MP_OP_PHI && node->as.index == 1;
}

/* A random value of a type that is there at the end of a block so far, or
 * NULL; `plain`: likely one that is uniform. */
static inline mp_node *lanes_pick(lanes_maker *m, mp_block *block, mp_type type,
                                  bool plain)
{
    mp_node *picked = NULL;
    int seen = 0;
    for (; block != NULL; block = block->idom) {
        for (mp_node *node = block->first; node != NULL; node = node->next) {
            bool good =
                !plain || lanes_is_counter(node) || node->op == MP_OP_CONST ||
                (node->op == MP_OP_PARAM && node->as.index == LANES_UNIFORM);
            if (good && node->type == type && node->rank < 2 &&
                lanes_below(m, ++seen) == 0)
                picked = node;
        }
    }
    return picked;
}

static inline mp_node *lanes_add(lanes_maker *m, mp_block *block, mp_op op,
                                 mp_type type, mp_node *a, mp_node *b)
{
    mp_node *node = mp__ir_add(m->func, block, op, 0, b != NULL ? 2 : 1, a, b);
    node->type = type;
    return node;
}

static inline mp_node *lanes_cond(lanes_maker *m, mp_block *block)
{
    static const mp_op ops[] = {MP_OP_LT, MP_OP_LE, MP_OP_EQ};
    bool plain = lanes_below(m, 5) < 2;
    mp_node *cond = lanes_pick(m, block, MP_TYPE_BOOL, false);
    if (cond != NULL && !plain && lanes_below(m, 3) == 0)
        return cond;
    mp_node *a = lanes_pick(m, block, MP_TYPE_INT, plain);
    mp_node *b = lanes_pick(m, block, MP_TYPE_INT, plain);
    cond = lanes_add(m, block, ops[lanes_below(m, 3)], MP_TYPE_BOOL, a, b);
    if (lanes_below(m, 4) == 0)
        cond = lanes_add(m, block, MP_OP_NOT, MP_TYPE_BOOL, cond, NULL);
    return cond;
}

static inline void lanes_store(lanes_maker *m, mp_block *block)
{
    mp_node *array = lanes_pick(m, block, MP_TYPE_ARRAY, false);
    mp__ir_add(m->func, block, MP_OP_STORE, 0, 3, array,
               lanes_pick(m, block, MP_TYPE_INT, false),
               lanes_pick(m, block, MP_TYPE_INT, false));
}

static inline void lanes_row(lanes_maker *m, mp_block *block)
{
    mp_node *matrix = m->func->entry->first;
    while (matrix->op != MP_OP_PARAM || matrix->as.index != LANES_MATRIX)
        matrix = matrix->next;
    mp_node *row = lanes_add(m, block, MP_OP_ROW, MP_TYPE_ARRAY, matrix,
                             lanes_pick(m, block, MP_TYPE_INT, false));
    row->rank = 1;
    row->root = LANES_MATRIX;
}

static inline void lanes_value_in(lanes_maker *m, mp_block *block)
{
    static const mp_op ops[] = {MP_OP_ADD, MP_OP_SUB, MP_OP_MUL, MP_OP_BAND,
                                MP_OP_SHL};
    bool plain = lanes_below(m, 4) == 0;
    mp_node *a = lanes_pick(m, block, MP_TYPE_INT, plain);
    mp_node *b = lanes_pick(m, block, MP_TYPE_INT, plain);
    int kind = lanes_below(m, 12);
    if (kind < 2)
        lanes_store(m, block);
    else if (kind == 2)
        lanes_row(m, block);
    else if (kind == 3)
        lanes_add(m, block, MP_OP_LOAD, MP_TYPE_INT,
                  lanes_pick(m, block, MP_TYPE_ARRAY, false), a);
    else if (kind == 4)
        lanes_add(m, block, MP_OP_MOD, MP_TYPE_INT, a, b);
    else if (kind == 5)
        lanes_add(m, block, MP_OP_BNOT, MP_TYPE_INT, a, NULL);
    else if (kind == 6)
        mp__ir_add(m->func, block, MP_OP_SELECT, 0, 3, lanes_cond(m, block), a,
                   b)
            ->type = MP_TYPE_INT;
    else
        lanes_add(m, block, ops[lanes_below(m, 5)], MP_TYPE_INT, a, b);
}

static inline void lanes_phi(lanes_maker *m, mp_block *block, mp_type type)
{
    mp_node *phi =
        mp__ir_add(m->func, block, MP_OP_PHI, 0, block->npreds, NULL);
    for (int k = 0; k < block->npreds; k++)
        phi->args[k] = NULL;
    phi->type = type;
    phi->as.index = 0;
}

/* The head of a loop counts how often it runs, and stops at some number. */
static inline void lanes_head(lanes_maker *m, mp_block *block)
{
    mp_node *counter = block->first;
    mp_node *one = mp__ir_int(m->func, block, 1);
    mp_node *seven = mp__ir_int(m->func, block, 3);
    mp_node *more = lanes_add(m, block, MP_OP_ADD, MP_TYPE_INT, counter, one);
    for (int k = 0; k < block->npreds; k++) {
        bool round = mp__ir_dominates(block, block->preds[k]);
        counter->args[k] = round ? more : m->func->entry->first;
    }
    mp_node *bound = lanes_pick(m, block, MP_TYPE_INT, lanes_below(m, 3) > 0);
    bound = lanes_add(m, block, MP_OP_BAND, MP_TYPE_INT, bound, seven);
    block->cond = lanes_add(m, block, MP_OP_LE, MP_TYPE_BOOL, counter, bound);
}

static inline void lanes_fill(lanes_maker *m, mp_block *block)
{
    bool header = block->header == block;
    if (header) {
        lanes_phi(m, block, MP_TYPE_INT);
        block->first->as.index = 1;
    }
    for (int k = 0; block->npreds > 1 && k < lanes_below(m, 3); k++)
        lanes_phi(m, block, lanes_below(m, 4) ? MP_TYPE_INT : MP_TYPE_BOOL);
    if (header)
        lanes_head(m, block);
    for (int k = lanes_below(m, 4); k > 0; k--)
        lanes_value_in(m, block);
    if (block->end == MP_END_BRANCH && !header)
        block->cond = lanes_cond(m, block);
    if (lanes_below(m, 4) == 0)
        lanes_store(m, block);
}

static inline void lanes_close(lanes_maker *m, const mp_block *block)
{
    for (mp_node *phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
         phi = phi->next) {
        for (int k = 0; k < block->npreds; k++) {
            mp_block *pred = block->preds[k];
            if (phi->args[k] == NULL)
                phi->args[k] =
                    lanes_pick(m, pred, phi->type, lanes_below(m, 3) == 0);
            if (phi->args[k] == NULL) /* of the entry, a boolean */
                phi->args[k] = lanes_pick(m, pred, phi->type, false);
        }
    }
}

static inline void lanes_params(lanes_maker *m, mp_block *entry)
{
    mp__ir_int(m->func, entry, 0);
    mp__ir_int(m->func, entry, 2);
    mp__ir_bool(m->func, entry, true);
    for (int k = 0; k < 5; k++) {
        mp_node *param = mp__ir_add(m->func, entry, MP_OP_PARAM, 0, 0);
        param->as.index = k;
        param->type = k < LANES_ROW ? MP_TYPE_INT : MP_TYPE_ARRAY;
        param->rank = k < LANES_ROW ? 0 : k - LANES_ROW + 1;
        param->root = k;
    }
}

/* A random function of up to about `size` blocks. */
static inline mp_func *lanes_make(mp_unit *unit, mp_spec *spec, uint64_t seed,
                                  int size)
{
    lanes_maker m = {
        .func = mp__ir_func(unit, spec),
        .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
        .budget = size,
    };
    for (int k = 0; k < 8; k++)
        lanes_random(&m.random);
    mp_func *func = m.func;
    func->entry = lanes_block(&m);
    m.exit = lanes_block(&m);
    mp_block *at = func->entry;
    for (int k = 0; k < 4 && at != NULL; k++)
        at = lanes_list(&m, at, 0);
    if (at != NULL)
        mp__ir_jump(func, at, m.exit);
    mp__ir_return(func, m.exit);
    mp__ir_order(func);
    lanes_params(&m, func->entry);
    for (int k = 0; k < func->norder; k++)
        lanes_fill(&m, func->order[k]);
    for (int k = 0; k < func->norder; k++)
        lanes_close(&m, func->order[k]);
    if (func->exit->order >= 0)
        mp__ir_add(func, func->exit, MP_OP_RESULT, 0, 1,
                   lanes_pick(&m, func->exit, MP_TYPE_INT, false));
    return func;
}

#endif
