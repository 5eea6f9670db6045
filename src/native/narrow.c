/* Narrowing: integers that 32 or 16 bits hold in any case.
 *
 * Lua's integers have 64 bits, of which vectors below AVX-512 multiply and
 * shift few, and convert none. Pixels need less:
 *
 *     (alpha * front + (255 - alpha) * back + 127) // 255
 *
 * is at most 255 for bytes, and so are all its parts below 2^16. Such nodes are
 * marked `small`, and a value that fits where it is stored in any case `fits`.
 * What goes round in a loop may be anything.
 *
 * Words have no sign of their own: sums, differences and products of the low
 * bits are the low bits of those. A word of 16 bits is of a range from 0 or
 * above to at most 65535, or else of one with a sign; what depends on the sign
 * asks for `least`. Of 32 bits there are only those with a sign. */
#include "native/builtin.h"
#include "native/corner.h"
#include "native/fact.h"
#include "native/passes.h"

typedef struct narrowing {
    mp_func *func;
    mp_fact *facts;       /* by node */
    mp_corners **corners; /* by node; NULL: not asked for yet */
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

/* ---- sums and products -------------------------------------------------- */

static mp_corners *corners_of(narrowing *n, const mp_node *node)
{
    mp_corners **corners = &n->corners[node->id];
    if (*corners == NULL)
        *corners = mp__corner_variable(n->func->unit, node, n->facts[node->id]);
    return *corners;
}

/* Both of a range and what the corners say of an ADD, SUB or MUL. */
static mp_fact linear_fact(narrowing *n, const mp_node *node, mp_fact range)
{
    if (node->args[0]->type != MP_TYPE_INT)
        return range;
    mp_corners *corners =
        mp__corner_of(n->func->unit, node->op, corners_of(n, node->args[0]),
                      corners_of(n, node->args[1]));
    n->corners[node->id] = corners;
    if (corners == NULL)
        return range;
    return mp__corner_range(corners);
}

/* ---- ranges ------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One or the other; of a < b, as math.min and math.max have it, the lesser or
 * the greater of both. */
static mp_fact select_fact(const narrowing *n, const mp_node *node)
{
    const mp_node *cond = node->args[0], *then = node->args[1];
    const mp_node *other = node->args[2];
    mp_fact a = arg(n, node, 1), b = arg(n, node, 2);
    if (cond->op == MP_OP_LT || cond->op == MP_OP_LE) {
        if (cond->args[0] == then && cond->args[1] == other)
            return mp__fact_ints(least(a.low, b.low), least(a.high, b.high));
        if (cond->args[0] == other && cond->args[1] == then)
            return mp__fact_ints(most(a.low, b.low), most(a.high, b.high));
    }
    return mp__fact_join(a, b);
}

static mp_fact fact_of(narrowing *n, const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_CONST:
        return mp__fact_ints(node->as.i, node->as.i);
    case MP_OP_PARAM:
        return param_fact(n, node);
    case MP_OP_LOAD:
        return dtype_fact(n->func->spec->params[node->args[0]->root].dtype);
    case MP_OP_ADD:
        return linear_fact(n, node,
                           mp__fact_add(arg(n, node, 0), arg(n, node, 1)));
    case MP_OP_SUB:
        return linear_fact(n, node,
                           mp__fact_sub(arg(n, node, 0), arg(n, node, 1)));
    case MP_OP_MUL:
        return linear_fact(n, node,
                           mp__fact_mul(arg(n, node, 0), arg(n, node, 1)));
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
        return select_fact(n, node);
    }
    return any_int();
}

/* ---- what a word is enough for ------------------------------------------ */

static bool is_short(const narrowing *n, mp_fact fact)
{
    if (n->func->word == 16)
        return mp__fact_within(fact, INT16_MIN, INT16_MAX) ||
               mp__fact_within(fact, 0, UINT16_MAX);
    return mp__fact_within(fact, INT32_MIN, INT32_MAX);
}

/* Whether a value can be had as a word. */
static bool is_small(const narrowing *n, const mp_node *node)
{
    return node->type == MP_TYPE_INT &&
           (node->small || (node->shape != MP_SHAPE_VARYING &&
                            is_short(n, n->facts[node->id])));
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
               node->args[1]->as.i >= 0 &&
               node->args[1]->as.i < n->func->word && arg(n, node, 0).low >= 0;
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

static void visit(narrowing *n, mp_node *node)
{
    node->fits = fits(n, node);
    if (node->type != MP_TYPE_INT)
        return;
    mp_fact fact = fact_of(n, node);
    n->facts[node->id] = fact;
    node->least = fact.low;
    node->most = fact.high;
    node->small = node->shape == MP_SHAPE_VARYING && is_short(n, fact) &&
                  can_be_small(n, node);
}

void mp__narrow_run(mp_func *func)
{
    narrowing n = {
        .func = func,
        .facts =
            mp__unit_alloc(func->unit, (size_t)func->nnodes * sizeof *n.facts),
        .corners = mp__unit_alloc(func->unit,
                                  (size_t)func->nnodes * sizeof *n.corners),
    };
    for (int id = 0; id < func->nnodes; id++)
        n.facts[id] = any_int();
    for (int k = 0; k < func->norder; k++) {
        for (mp_node *node = func->order[k]->first; node != NULL;
             node = node->next)
            visit(&n, node);
    }
}
