/* Arithmetic, comparisons and masks. */
#include <assert.h>

#include "native/emit.h"

static const char *float_type(mp_emit *e, bool wide)
{
    return mp__emit_type(e, MP_TYPE_FLOAT, wide);
}

static const char *int_type(mp_emit *e, bool wide)
{
    return mp__emit_type(e, MP_TYPE_INT, wide);
}

static const char *bits_type(mp_emit *e, bool wide)
{
    return wide ? mp__emit_vector_of(e, "i1") : "i1";
}

/* An int constant as a scalar or vector. */
static const char *constant(mp_emit *e, int64_t value, bool wide)
{
    const char *text = mp__emit_int(e, value);
    return wide ? mp__emit_splat(e, "i64", text) : text;
}

static bool const_int(const mp_node *node, int64_t *value)
{
    if (!mp__ir_is_const_int(node))
        return false;
    *value = node->as.i;
    return true;
}

/* ---- arithmetic --------------------------------------------------------- */

/* `name` of two ints, or "f" and `name` of two floats. */
static const char *basic(mp_emit *e, const mp_node *node, const char *name,
                         bool wide)
{
    if (node->type == MP_TYPE_FLOAT) {
        const char *a = mp__emit_real(e, node->args[0], wide);
        const char *b = mp__emit_real(e, node->args[1], wide);
        return mp__emit_let(e, "f%s%s %s %s, %s", name,
                            e->spec->fastmath ? " reassoc nsz contract" : "",
                            float_type(e, wide), a, b);
    }
    return mp__emit_let(e, "%s %s %s, %s", name, int_type(e, wide),
                        mp__emit_use(e, node->args[0], wide),
                        mp__emit_use(e, node->args[1], wide));
}

static const char *negate(mp_emit *e, const mp_node *node, bool wide)
{
    const char *a = mp__emit_use(e, node->args[0], wide);
    if (node->type == MP_TYPE_FLOAT)
        return mp__emit_let(e, "fneg %s %s", float_type(e, wide), a);
    return mp__emit_let(e, "sub %s %s, %s", int_type(e, wide),
                        wide ? "zeroinitializer" : "0", a);
}

const char *mp__emit_divisor(mp_emit *e, const mp_node *node, bool wide)
{
    int64_t known;
    const char *b = mp__emit_use(e, node->args[1], wide);
    if (const_int(node->args[1], &known) && known != 0)
        return b;
    const char *type = int_type(e, wide);
    const char *zero = mp__emit_let(e, "icmp eq %s %s, %s", type, b,
                                    wide ? "zeroinitializer" : "0");
    mp__emit_check(e, node, zero, wide);
    return mp__emit_let(e, "select %s %s, %s %s, %s %s", bits_type(e, wide),
                        zero, type, constant(e, 1, wide), type, b);
}

/* Floor division and modulo by a power of two need no division. */
static const char *by_power(mp_emit *e, const mp_node *node, bool wide)
{
    int64_t b;
    if (!const_int(node->args[1], &b) || b <= 0 || (b & (b - 1)) != 0)
        return NULL;
    int shift = 0;
    while (((int64_t)1 << shift) < b)
        shift++;
    const char *a = mp__emit_use(e, node->args[0], wide);
    const char *type = int_type(e, wide);
    if (node->op == MP_OP_IDIV)
        return mp__emit_let(e, "ashr %s %s, %s", type, a,
                            constant(e, shift, wide));
    return mp__emit_let(e, "and %s %s, %s", type, a, constant(e, b - 1, wide));
}

static const char *divide_ints(mp_emit *e, const mp_node *node, bool wide)
{
    const char *result = by_power(e, node, wide);
    if (result != NULL)
        return result;
    const char *b = mp__emit_divisor(e, node, wide);
    const char *a = mp__emit_use(e, node->args[0], wide);
    const char *type = int_type(e, wide);
    const char *name = node->op == MP_OP_IDIV ? "mp.idiv" : "mp.imod";
    return mp__emit_let(e, "call %s %s(%s %s, %s %s)", type,
                        mp__emit_helper(e, name, wide), type, a, type, b);
}

static const char *divide(mp_emit *e, const mp_node *node, bool wide)
{
    if (node->type != MP_TYPE_FLOAT)
        return divide_ints(e, node, wide);
    const char *type = float_type(e, wide);
    const char *a = mp__emit_real(e, node->args[0], wide);
    const char *b = mp__emit_real(e, node->args[1], wide);
    if (node->op == MP_OP_MOD)
        return mp__emit_let(e, "call %s %s(%s %s, %s %s)", type,
                            mp__emit_helper(e, "mp.fmod", wide), type, a, type,
                            b);
    const char *quotient = mp__emit_let(e, "fdiv %s %s, %s", type, a, b);
    return mp__emit_intrinsic(e, "floor", 1, &quotient, wide);
}

/* x^n for n of 2 to 4, or NULL. Each product rounds; what pow() makes of it is
 * within as many ulp. */
static const char *small_power(mp_emit *e, const mp_node *node, bool wide)
{
    const mp_node *power = node->args[1];
    if (power->op != MP_OP_CONST || e->spec->strict)
        return NULL;
    double n = power->type == MP_TYPE_FLOAT ? power->as.f : (double)power->as.i;
    if (n != 2 && n != 3 && n != 4)
        return NULL;
    const char *type = float_type(e, wide);
    const char *x = mp__emit_real(e, node->args[0], wide);
    const char *square = mp__emit_let(e, "fmul %s %s, %s", type, x, x);
    if (n == 2)
        return square;
    return mp__emit_let(e, "fmul %s %s, %s", type, square, n == 3 ? x : square);
}

static const char *power(mp_emit *e, const mp_node *node, bool wide)
{
    const char *result = small_power(e, node, wide);
    if (result != NULL)
        return result;
    const char *args[2] = {mp__emit_real(e, node->args[0], wide),
                           mp__emit_real(e, node->args[1], wide)};
    return mp__emit_call(e, "pow", 2, args, wide);
}

/* An int times 2^k, or one more or less: vectors of 64-bit integers are
 * multiplied in eight steps below AVX-512. */
static const char *small_multiple(mp_emit *e, const mp_node *node, bool wide)
{
    int64_t by = 0;
    const mp_node *other = node->args[0];
    if (!const_int(node->args[1], &by)) {
        other = node->args[1];
        if (!const_int(node->args[0], &by))
            return NULL;
    }
    if (!wide || by < 2)
        return NULL;
    int shift = 0;
    while (shift < 62 && ((int64_t)1 << shift) < by - 1)
        shift++;
    int64_t rest = by - ((int64_t)1 << shift);
    if (rest < -1 || rest > 1)
        return NULL;
    const char *type = int_type(e, true);
    const char *x = mp__emit_use(e, other, true);
    const char *value =
        mp__emit_let(e, "shl %s %s, %s", type, x, constant(e, shift, true));
    if (rest == 0)
        return value;
    return mp__emit_let(e, "%s %s %s, %s", rest > 0 ? "add" : "sub", type,
                        value, x);
}

static const char *multiply(mp_emit *e, const mp_node *node, bool wide)
{
    const char *value = NULL;
    if (node->type == MP_TYPE_INT)
        value = small_multiple(e, node, wide);
    return value != NULL ? value : basic(e, node, "mul", wide);
}

/* ---- bits --------------------------------------------------------------- */

/* A shift by a constant: to the left where `by` is positive. */
static const char *shift_by(mp_emit *e, const mp_node *node, int64_t by,
                            bool wide)
{
    const char *type = int_type(e, wide);
    if (by <= -64 || by >= 64)
        return constant(e, 0, wide);
    return mp__emit_let(e, "%s %s %s, %s", by < 0 ? "lshr" : "shl", type,
                        mp__emit_use(e, node->args[0], wide),
                        constant(e, by < 0 ? -by : by, wide));
}

static const char *shift(mp_emit *e, const mp_node *node, bool wide)
{
    int64_t by;
    bool left = node->op == MP_OP_SHL;
    if (const_int(node->args[1], &by)) {
        if (!left)
            by = by == INT64_MIN ? INT64_MAX : -by;
        return shift_by(e, node, by, wide);
    }
    const char *type = int_type(e, wide);
    const char *name = left ? "mp.shl" : "mp.shr";
    return mp__emit_let(e, "call %s %s(%s %s, %s %s)", type,
                        mp__emit_helper(e, name, wide), type,
                        mp__emit_use(e, node->args[0], wide), type,
                        mp__emit_use(e, node->args[1], wide));
}

static const char *invert(mp_emit *e, const mp_node *node, bool wide)
{
    return mp__emit_let(e, "xor %s %s, %s", int_type(e, wide),
                        mp__emit_use(e, node->args[0], wide),
                        constant(e, -1, wide));
}

/* ---- comparisons -------------------------------------------------------- */

/* Whether a double holds the int of a node in any case. */
static bool is_small(const mp_node *node)
{
    int64_t value = 0;
    return const_int(node, &value) && value <= ((int64_t)1 << 53) &&
           value >= -((int64_t)1 << 53);
}

/* An int with a float, exactly. */
static const char *compare_mixed(mp_emit *e, const mp_node *node, bool wide)
{
    const mp_node *a = node->args[0], *b = node->args[1];
    bool int_first = a->type == MP_TYPE_INT;
    const char *name = "mp.eq";
    if (node->op == MP_OP_LT)
        name = int_first ? "mp.lt.if" : "mp.lt.fi";
    else if (node->op == MP_OP_LE)
        name = int_first ? "mp.le.if" : "mp.le.fi";
    return mp__emit_let(e, "call %s %s(%s %s, %s %s)", bits_type(e, wide),
                        mp__emit_helper(e, name, wide), int_type(e, wide),
                        mp__emit_use(e, int_first ? a : b, wide),
                        float_type(e, wide),
                        mp__emit_use(e, int_first ? b : a, wide));
}

static const char *compare_floats(mp_emit *e, const mp_node *node, bool wide)
{
    const char *name = "oeq";
    if (node->op != MP_OP_EQ)
        name = node->op == MP_OP_LT ? "olt" : "ole";
    const char *a = mp__emit_real(e, node->args[0], wide);
    const char *b = mp__emit_real(e, node->args[1], wide);
    return mp__emit_let(e, "fcmp %s %s %s, %s", name, float_type(e, wide), a,
                        b);
}

/* As bits. */
static const char *compare(mp_emit *e, const mp_node *node, bool wide)
{
    const mp_node *a = node->args[0], *b = node->args[1];
    if (a->type == MP_TYPE_FLOAT || b->type == MP_TYPE_FLOAT) {
        if (wide && node->single)
            return mp__emit_single_compare(e, node);
        if (a->type == b->type || is_small(a) || is_small(b))
            return compare_floats(e, node, wide);
        return compare_mixed(e, node, wide);
    }
    if (a->type == MP_TYPE_NIL)
        return wide ? mp__emit_splat(e, "i1", "true") : "true";
    const char *value = wide ? mp__emit_small_compare(e, node) : NULL;
    if (value != NULL)
        return value;
    const char *name = "eq";
    if (node->op != MP_OP_EQ)
        name = node->op == MP_OP_LT ? "slt" : "sle";
    return mp__emit_let(e, "icmp %s %s %s, %s", name,
                        mp__emit_type(e, a->type, wide),
                        mp__emit_use(e, a, wide), mp__emit_use(e, b, wide));
}

/* ---- booleans ----------------------------------------------------------- */

static const char *complement(mp_emit *e, const char *value, bool wide)
{
    const char *type = mp__emit_type(e, MP_TYPE_BOOL, wide);
    const char *ones = "true";
    if (wide)
        ones = e->bits ? mp__emit_splat(e, "i1", "true")
                       : mp__emit_splat(e, "i64", "-1");
    return mp__emit_let(e, "xor %s %s, %s", type, value, ones);
}

static const char *logic(mp_emit *e, const mp_node *node, bool wide)
{
    const char *a = mp__emit_use(e, node->args[0], wide);
    if (node->op == MP_OP_NOT)
        return complement(e, a, wide);
    const char *b = mp__emit_use(e, node->args[1], wide);
    if (node->op == MP_OP_ANDN)
        b = complement(e, b, wide);
    return mp__emit_let(e, "%s %s %s, %s", node->op == MP_OP_OR ? "or" : "and",
                        mp__emit_type(e, MP_TYPE_BOOL, wide), a, b);
}

static const char *choose(mp_emit *e, const mp_node *node, bool wide)
{
    const mp_node *cond = node->args[0];
    bool wide_cond = mp__emit_is_wide(e, cond);
    const char *type = mp__emit_type(e, node->type, wide);
    const char *bits = mp__emit_bits(e, cond, wide_cond);
    const char *then = node->type == MP_TYPE_FLOAT
                           ? mp__emit_real(e, node->args[1], wide)
                           : mp__emit_use(e, node->args[1], wide);
    const char *other = node->type == MP_TYPE_FLOAT
                            ? mp__emit_real(e, node->args[2], wide)
                            : mp__emit_use(e, node->args[2], wide);
    return mp__emit_let(e, "select %s %s, %s %s, %s %s",
                        bits_type(e, wide_cond), bits, type, then, type, other);
}

/* ---- conversions -------------------------------------------------------- */

const char *mp__emit_int_of_float(mp_emit *e, const mp_node *node,
                                  const char *value, bool wide)
{
    const char *type = float_type(e, wide);
    const char *bits = bits_type(e, wide);
    /* What is in lanes that are off must not make it take the slow way. */
    if (wide && node->mask != NULL)
        value =
            mp__emit_let(e, "select %s %s, %s %s, %s zeroinitializer", bits,
                         mp__emit_bits(e, node->mask, true), type, value, type);
    const char *pair =
        mp__emit_let(e, "call { %s, %s } %s(%s %s)", int_type(e, wide), bits,
                     mp__emit_helper(e, "mp.toint", wide), type, value);
    const char *bad = mp__emit_let(e, "extractvalue { %s, %s } %s, 1",
                                   int_type(e, wide), bits, pair);
    mp__emit_check(e, node, bad, wide);
    return mp__emit_let(e, "extractvalue { %s, %s } %s, 0", int_type(e, wide),
                        bits, pair);
}

/* ---- all ---------------------------------------------------------------- */

static const char *value_of(mp_emit *e, const mp_node *node, bool wide)
{
    switch (node->op) {
    case MP_OP_I2F:
        return mp__emit_real(e, node->args[0], wide);
    case MP_OP_F2I:
        return mp__emit_int_of_float(
            e, node, mp__emit_real(e, node->args[0], wide), wide);
    case MP_OP_ADD:
        return basic(e, node, "add", wide);
    case MP_OP_SUB:
        return basic(e, node, "sub", wide);
    case MP_OP_MUL:
        return multiply(e, node, wide);
    case MP_OP_DIV:
        return basic(e, node, "div", wide);
    case MP_OP_POW:
        return power(e, node, wide);
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return divide(e, node, wide);
    case MP_OP_UNM:
        return negate(e, node, wide);
    case MP_OP_BAND:
        return basic(e, node, "and", wide);
    case MP_OP_BOR:
        return basic(e, node, "or", wide);
    case MP_OP_BXOR:
        return basic(e, node, "xor", wide);
    case MP_OP_SHL:
    case MP_OP_SHR:
        return shift(e, node, wide);
    case MP_OP_BNOT:
        return invert(e, node, wide);
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return mp__emit_of_bits(e, compare(e, node, wide), wide);
    case MP_OP_NOT:
    case MP_OP_AND:
    case MP_OP_OR:
    case MP_OP_ANDN:
        return logic(e, node, wide);
    case MP_OP_SELECT:
        return choose(e, node, wide);
    case MP_OP_CONST:
    case MP_OP_REF:
    case MP_OP_PARAM:
    case MP_OP_PHI:
    case MP_OP_TRUTH:
    case MP_OP_IS_INT:
    case MP_OP_IS_FLOAT:
    case MP_OP_BUILTIN:
    case MP_OP_LEN:
    case MP_OP_SIZE:
    case MP_OP_ROW:
    case MP_OP_LOAD:
    case MP_OP_STORE:
    case MP_OP_RANGE:
    case MP_OP_ITEM:
    case MP_OP_TLOAD:
    case MP_OP_TSTORE:
    case MP_OP_TLEN:
    case MP_OP_TROW:
    case MP_OP_TINDEX:
    case MP_OP_TGROW:
    case MP_OP_RESULT:
    case MP_OP_FOR_START:
    case MP_OP_FOR_LIMIT:
    case MP_OP_FOR_TEST:
    case MP_OP_EXPECT:
    case MP_OP_POLL:
    case MP_OP_ENTRY_MASK:
    case MP_OP_ANY:
    case MP_NOPS:
        break;
    }
    assert(false && "an operation that no pass should have left");
    return "0";
}

void mp__emit_op(mp_emit *e, const mp_node *node)
{
    bool wide = mp__emit_is_wide(e, node);
    if (node->op == MP_OP_POLL)
        mp__emit_poll(e, node);
    else if (node->op == MP_OP_EXPECT)
        mp__emit_expect(e, node);
    else if (node->op == MP_OP_ANY)
        mp__emit_any_lane(e, node);
    else if (node->op == MP_OP_ENTRY_MASK)
        mp__emit_set(e, node, e->on, e->lanes > 1);
    else if (node->small && wide)
        mp__emit_small_op(e, node);
    else if (node->single && wide && node->type == MP_TYPE_FLOAT)
        mp__emit_single_op(e, node);
    else
        mp__emit_set(e, node, value_of(e, node, wide), wide);
}
