/* Singles: floats that are computed in 32 bits.
 *
 * Lua's floats have 64 bits. Of two float32 a sum, difference, product or
 * quotient that is rounded to float32 at once has the same bits whether it was
 * rounded to float64 before, and so has a square root: 53 bits are more than
 * twice 24 and one. So where such an operation's result is only stored as a
 * float32,
 *
 *     out[i] = a[i] * b[i]
 *
 * it is one of 32 bits, with twice as many in a vector. Where the result goes
 * on to another operation this changes bits, and a kernel has to allow that:
 * with `fastmath` all operations are of 32 bits whose operands come from
 * float32, float16, small integers and constants that are float32, and whose
 * results end in a float32 or float16. What decides anything else, or goes
 * round in a loop, stays as it is. */
#include <float.h>
#include <math.h>

#include "native/builtin.h"
#include "native/passes.h"

/* Integers up to it are float32. */
#define EXACT (INT64_C(1) << 24)

typedef enum level {
    NONE,    /* float64 */
    ROUNDED, /* what comes of float32, but has more bits */
    WHOLE,   /* a float32 in any case */
} level;

typedef struct singling {
    mp_func *func;
    level *levels; /* by node */
    bool *kept;    /* by node: some use of it takes no float32 */
} singling;

static level level_of(const singling *s, const mp_node *node)
{
    return s->levels[node->id];
}

static level lesser(level a, level b)
{
    return a < b ? a : b;
}

/* ---- what a value comes of ---------------------------------------------- */

static level of_dtype(mp_dtype dtype)
{
    return dtype == MP_FLOAT32 || dtype == MP_FLOAT16 ? WHOLE : NONE;
}

static level of_param(const singling *s, const mp_node *node)
{
    const mp_param *param = &s->func->spec->params[node->as.index];
    return param->kind == MP_PARAM_ELEMENT ? of_dtype(param->dtype) : NONE;
}

static level of_const(const mp_node *node)
{
    double value = node->as.f;
    return fabs(value) <= (double)FLT_MAX && (double)(float)value == value
               ? WHOLE
               : NONE;
}

static level of_int(const mp_node *node)
{
    return node->least >= -EXACT && node->most <= EXACT ? WHOLE : NONE;
}

/* An operation that rounds. */
static level of_rounding(const singling *s, const mp_node *node, int nargs)
{
    level least = s->func->spec->fastmath ? ROUNDED : WHOLE;
    for (int k = 0; k < nargs; k++) {
        if (level_of(s, node->args[k]) < least)
            return NONE;
    }
    return ROUNDED;
}

/* x^2 is a product; x^3 is two. */
static level of_power(const singling *s, const mp_node *node)
{
    const mp_node *by = node->args[1];
    if (s->func->spec->strict || by->op != MP_OP_CONST)
        return NONE;
    double n = by->type == MP_TYPE_FLOAT ? by->as.f : (double)by->as.i;
    bool two = n == 2, more = n == 3 || n == 4;
    if (!two && (!more || !s->func->spec->fastmath))
        return NONE;
    return of_rounding(s, node, 1);
}

static level of_builtin(const singling *s, const mp_node *node)
{
    if (node->as.builtin == MP_BUILTIN_MATH_ABS)
        return level_of(s, node->args[0]);
    if (node->as.builtin == MP_BUILTIN_MATH_SQRT)
        return of_rounding(s, node, 1);
    return NONE;
}

static level find_level(const singling *s, const mp_node *node)
{
    if (node->type == MP_TYPE_INT)
        return of_int(node);
    if (node->type != MP_TYPE_FLOAT)
        return NONE;
    switch ((int)node->op) {
    case MP_OP_CONST:
        return of_const(node);
    case MP_OP_PARAM:
        return of_param(s, node);
    case MP_OP_LOAD:
        return of_dtype(s->func->spec->params[node->args[0]->root].dtype);
    case MP_OP_I2F:
    case MP_OP_UNM:
        return level_of(s, node->args[0]);
    case MP_OP_SELECT:
        return lesser(level_of(s, node->args[1]), level_of(s, node->args[2]));
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_DIV:
        return of_rounding(s, node, 2);
    case MP_OP_POW:
        return of_power(s, node);
    case MP_OP_BUILTIN:
        return of_builtin(s, node);
    }
    return NONE;
}

/* ---- what becomes of it ------------------------------------------------- */

static bool is_comparison(const mp_node *node)
{
    return node->op == MP_OP_LT || node->op == MP_OP_LE || node->op == MP_OP_EQ;
}

/* The dtype of what a node stores, of argument `k`. */
static bool stores(const singling *s, const mp_node *node, int k,
                   mp_dtype *dtype)
{
    const mp_spec *spec = s->func->spec;
    if (node->op == MP_OP_RESULT && spec->form == MP_FORM_MAP) {
        *dtype = spec->outputs[node->as.index].dtype;
        return true;
    }
    if (node->op != MP_OP_STORE || k != 2)
        return false;
    *dtype = spec->params[node->args[0]->root].dtype;
    return true;
}

/* Whether argument `k` of a node may have 32 bits. Rounding twice, to float32
 * and then to float16, is not rounding once. */
static bool takes_single(const singling *s, const mp_node *node, int k)
{
    mp_dtype dtype;
    bool whole = level_of(s, node->args[k]) == WHOLE;
    if (stores(s, node, k, &dtype))
        return dtype == MP_FLOAT32 ||
               (dtype == MP_FLOAT16 && (whole || s->func->spec->fastmath));
    return node->single && (node->op != MP_OP_SELECT || k != 0);
}

/* A comparison of float32 is that of the float64 they are; of what is rounded
 * it may choose between values that are rounded, and nothing else. */
static bool compares(const singling *s, const mp_node *node)
{
    level a = level_of(s, node->args[0]), b = level_of(s, node->args[1]);
    if (node->args[0]->type != MP_TYPE_FLOAT &&
        node->args[1]->type != MP_TYPE_FLOAT)
        return false;
    if (a == WHOLE && b == WHOLE)
        return true;
    return s->func->spec->fastmath && a != NONE && b != NONE &&
           !s->kept[node->id];
}

static void visit(const singling *s, mp_node *node)
{
    node->single = is_comparison(node)
                       ? compares(s, node)
                       : node->type == MP_TYPE_FLOAT &&
                             level_of(s, node) != NONE && !s->kept[node->id];
    for (int k = 0; k < node->nargs; k++) {
        const mp_node *value = node->args[k];
        bool chosen = is_comparison(value) && node->op == MP_OP_SELECT &&
                      k == 0 && node->single;
        if (!chosen && !takes_single(s, node, k))
            s->kept[value->id] = true;
    }
    if (node->mask != NULL)
        s->kept[node->mask->id] = true;
}

void mp__single_run(mp_func *func)
{
    size_t count = (size_t)func->nnodes;
    singling s = {
        .func = func,
        .levels = mp__unit_alloc(func->unit, count * sizeof *s.levels),
        .kept = mp__unit_alloc(func->unit, count * sizeof *s.kept),
    };
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *n = func->order[k]->first; n != NULL; n = n->next)
            s.levels[n->id] = find_level(&s, n);
    }
    /* Uses come after what they use, but for what goes round in loops: PHIs,
     * which are none. */
    for (int k = 0; k < func->norder; k++) {
        mp_node *n = func->order[k]->first;
        for (; n != NULL && n->op == MP_OP_PHI; n = n->next)
            visit(&s, n);
        if (func->order[k]->cond != NULL)
            s.kept[func->order[k]->cond->id] = true;
    }
    for (int k = func->norder - 1; k >= 0; k--) {
        for (mp_node *n = func->order[k]->last; n != NULL; n = n->previous)
            visit(&s, n);
    }
}
