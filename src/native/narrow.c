/* Narrowing: integers that 32 bits hold in any case.
 *
 * Lua's integers have 64 bits, of which vectors below AVX-512 multiply and
 * shift few, and convert none. Pixels need no more than 32:
 *
 *     (alpha * front + (255 - alpha) * back + 127) // 255
 *
 * is at most 255 for bytes, and so are all its parts below 2^17. Such nodes are
 * marked `small`, and a value that fits where it is stored in any case `fits`.
 * What goes round in a loop may be anything. */
#include "native/builtin.h"
#include "native/fact.h"
#include "native/passes.h"

typedef struct narrowing {
    mp_func *func;
    mp_fact *facts; /* by node */
} narrowing;

static mp_fact any_int(void)
{
    return mp__fact_of(MP_MAY_INT);
}

static mp_fact dtype_fact(mp_dtype dtype)
{
    mp_fact fact = mp__fact_dtype(dtype);
    return mp__fact_only(fact, MP_MAY_INT) ? fact : any_int();
}

static mp_fact arg(const narrowing *n, const mp_node *node, int k)
{
    return n->facts[node->args[k]->id];
}

static mp_fact param_fact(const narrowing *n, const mp_node *node)
{
    const mp_param *param = &n->func->spec->params[node->as.index];
    return param->kind == MP_PARAM_ELEMENT ? dtype_fact(param->dtype)
                                           : any_int();
}

/* Without bits that are neither's. */
static mp_fact bor_fact(mp_fact a, mp_fact b)
{
    int64_t all = 1;
    if (a.low < 0 || b.low < 0 || a.high > INT32_MAX || b.high > INT32_MAX)
        return any_int();
    while (all <= (a.high | b.high))
        all *= 2;
    return mp__fact_ints(0, all - 1);
}

static mp_fact shl_fact(mp_fact a, const mp_node *by)
{
    if (by->op != MP_OP_CONST || by->as.i < 0 || by->as.i > 31)
        return any_int();
    return mp__fact_mul(
        a, mp__fact_ints((int64_t)1 << by->as.i, (int64_t)1 << by->as.i));
}

static mp_fact fact_of(const narrowing *n, const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_CONST:
        return mp__fact_ints(node->as.i, node->as.i);
    case MP_OP_PARAM:
        return param_fact(n, node);
    case MP_OP_LOAD:
        return dtype_fact(n->func->spec->params[node->args[0]->root].dtype);
    case MP_OP_ADD:
        return mp__fact_add(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_SUB:
        return mp__fact_sub(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_MUL:
        return mp__fact_mul(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_UNM:
        return mp__fact_sub(mp__fact_ints(0, 0), arg(n, node, 0));
    case MP_OP_IDIV:
        return mp__fact_idiv(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_MOD:
        return mp__fact_mod(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_BAND:
        return mp__fact_band(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_BOR:
    case MP_OP_BXOR:
        return bor_fact(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_SHL:
        return shl_fact(arg(n, node, 0), node->args[1]);
    case MP_OP_SHR:
        return mp__fact_shr(arg(n, node, 0), arg(n, node, 1));
    case MP_OP_SELECT:
        return mp__fact_join(arg(n, node, 1), arg(n, node, 2));
    }
    return any_int();
}

/* ---- what 32 bits are enough for ---------------------------------------- */

static bool is_short(mp_fact fact)
{
    return mp__fact_within(fact, INT32_MIN, INT32_MAX);
}

/* Whether a value can be had in 32 bits. */
static bool is_small(const narrowing *n, const mp_node *node)
{
    return node->type == MP_TYPE_INT &&
           (node->small ||
            (node->shape != MP_SHAPE_VARYING && is_short(n->facts[node->id])));
}

bool mp__narrow_factor(int64_t most, int64_t by, uint32_t *factor, int *shift)
{
    uint64_t limit = (uint64_t)most, d = (uint64_t)by;
    if (most < 0 || most > INT32_MAX || by < 1 || by > INT32_MAX)
        return false;
    for (int s = 0; s < 32; s++) {
        uint64_t power = (uint64_t)1 << s, m = (power + d - 1) / d;
        if ((m * d - power) * limit < power && m * limit <= UINT32_MAX) {
            *factor = (uint32_t)m;
            *shift = s;
            return true;
        }
    }
    return false;
}

/* By a positive constant, of what has no sign: a product and a shift. */
static bool is_quotient(const narrowing *n, const mp_node *node)
{
    const mp_node *by = node->args[1];
    return by->op == MP_OP_CONST && by->as.i > 0 && arg(n, node, 0).low >= 0;
}

static bool is_power(const mp_node *by)
{
    return by->op == MP_OP_CONST && by->as.i > 0 && by->as.i <= INT32_MAX &&
           (by->as.i & (by->as.i - 1)) == 0;
}

static bool has_small_args(const narrowing *n, const mp_node *node, int first)
{
    for (int k = first; k < node->nargs; k++) {
        if (!is_small(n, node->args[k]))
            return false;
    }
    return true;
}

static bool can_be_small(const narrowing *n, const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_PARAM:
    case MP_OP_LOAD:
        return true;
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_UNM:
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
        return has_small_args(n, node, 0);
    case MP_OP_SHL:
    case MP_OP_SHR:
        return has_small_args(n, node, 0) && node->args[1]->op == MP_OP_CONST &&
               node->args[1]->as.i >= 0 && node->args[1]->as.i < 32 &&
               arg(n, node, 0).low >= 0;
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return has_small_args(n, node, 0) &&
               (is_power(node->args[1]) || is_quotient(n, node));
    case MP_OP_SELECT:
        return has_small_args(n, node, 1);
    }
    return false;
}

/* ---- stores ------------------------------------------------------------- */

static bool fits(const narrowing *n, const mp_node *node)
{
    const mp_spec *spec = n->func->spec;
    mp_dtype dtype;
    int value = 0;
    if (node->op == MP_OP_RESULT && spec->form == MP_FORM_MAP) {
        dtype = spec->outputs[node->as.index].dtype;
    } else if (node->op == MP_OP_STORE) {
        dtype = spec->params[node->args[0]->root].dtype;
        value = 2;
    } else {
        return false;
    }
    if (node->args[value]->type != MP_TYPE_INT || dtype == MP_BOOL ||
        dtype >= MP_FLOAT16)
        return false;
    mp_fact fact = arg(n, node, value);
    if (dtype == MP_UINT64)
        return fact.low >= 0;
    mp_fact room = dtype_fact(dtype);
    return mp__fact_within(fact, room.low, room.high);
}

static void visit(const narrowing *n, mp_node *node)
{
    node->fits = fits(n, node);
    if (node->type != MP_TYPE_INT)
        return;
    mp_fact fact = fact_of(n, node);
    n->facts[node->id] = fact;
    node->most = fact.high;
    node->small = node->shape == MP_SHAPE_VARYING && is_short(fact) &&
                  can_be_small(n, node);
}

void mp__narrow_run(mp_func *func)
{
    narrowing n = {
        .func = func,
        .facts =
            mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof *n.facts),
    };
    for (int id = 0; id < func->nnodes; id++)
        n.facts[id] = any_int();
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *node = func->order[k]->first; node != NULL;
             node = node->next)
            visit(&n, node);
    }
}
