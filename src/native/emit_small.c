/* Integers of 32 or 16 bits, where `narrow` has found that these are enough:
 * twice or four times as many in a vector, and all instructions for them. */
#include "native/emit.h"
#include "native/passes.h"

static const char *word(const mp_emit *e)
{
    return e->func->word == 16 ? "i16" : "i32";
}

const char *mp__emit_words(mp_emit *e)
{
    return mp__emit_vector_of(e, word(e));
}

static const char *constant(mp_emit *e, int64_t value)
{
    return mp__emit_splat(e, word(e), mp__emit_int(e, value));
}

bool mp__emit_has_sign(const mp_emit *e, const mp_node *node)
{
    return e->func->word == 32 || node->least < 0;
}

/* An element as it is in memory. */
static const char *of_element(mp_emit *e, const mp_node *node)
{
    int param = node->op == MP_OP_PARAM ? node->as.index : node->args[0]->root;
    mp_dtype dtype = e->spec->params[param].dtype;
    const char *raw = e->raw[node->id];
    bool positive = dtype == MP_UINT8 || dtype == MP_UINT16;
    if (mp_dtype_size(dtype) * 8 == e->func->word)
        return raw;
    return mp__emit_let(e, "%s %s %s to %s", positive ? "zext" : "sext",
                        mp__emit_raw_type(e, dtype, true), raw,
                        mp__emit_words(e));
}

/* What is the same in all lanes, or so far apart. */
static const char *of_shared(mp_emit *e, const mp_node *node)
{
    if (node->op == MP_OP_CONST)
        return constant(e, node->as.i);
    if (node->shape == MP_SHAPE_UNIFORM)
        return mp__emit_splat(e, word(e),
                              mp__emit_let(e, "trunc i64 %s to %s",
                                           mp__emit_use(e, node, false),
                                           word(e)));
    return mp__emit_let(e, "trunc %s %s to %s",
                        mp__emit_type(e, MP_TYPE_INT, true),
                        mp__emit_spread(e, node), mp__emit_words(e));
}

const char *mp__emit_small(mp_emit *e, const mp_node *node)
{
    if (!mp__emit_is_wide(e, node))
        return of_shared(e, node);
    if (e->raw[node->id] != NULL)
        return of_element(e, node);
    return e->small[node->id];
}

static const char *two(mp_emit *e, const mp_node *node, const char *op)
{
    const char *a = mp__emit_small(e, node->args[0]);
    const char *b = mp__emit_small(e, node->args[1]);
    return mp__emit_let(e, "%s %s %s, %s", op, mp__emit_words(e), a, b);
}

/* By a constant: of powers of two the bits, of others a product whose high bits
 * are the quotient: of 32 bits where these are enough, or else as LLVM does it,
 * which has an instruction for the high half of 16 bits by 16. */
static const char *divide(mp_emit *e, const mp_node *node)
{
    const char *a = mp__emit_small(e, node->args[0]), *type = mp__emit_words(e);
    int64_t by = node->args[1]->as.i;
    bool power = (by & (by - 1)) == 0;
    uint32_t factor = 1;
    int shift = 0;
    if (power && node->op == MP_OP_MOD)
        return mp__emit_let(e, "and %s %s, %s", type, a, constant(e, by - 1));
    if (power) {
        while (((int64_t)1 << shift) < by)
            shift++;
        return mp__emit_let(e, "%s %s %s, %s",
                            mp__emit_has_sign(e, node->args[0]) ? "ashr"
                                                                : "lshr",
                            type, a, constant(e, shift));
    }
    if (e->func->word == 16 ||
        !mp__narrow_factor(node->args[0]->most, by, &factor, &shift))
        return mp__emit_let(e, "%s %s %s, %s",
                            node->op == MP_OP_IDIV ? "udiv" : "urem", type, a,
                            constant(e, by));
    const char *high =
        mp__emit_let(e, "mul %s %s, %s", type, a, constant(e, factor));
    const char *quotient =
        mp__emit_let(e, "lshr %s %s, %s", type, high, constant(e, shift));
    if (node->op == MP_OP_IDIV)
        return quotient;
    const char *whole =
        mp__emit_let(e, "mul %s %s, %s", type, quotient, constant(e, by));
    return mp__emit_let(e, "sub %s %s, %s", type, a, whole);
}

/* Whether words of a node are compared as those of a sign, or without. */
static bool is_word(const mp_emit *e, const mp_node *node, bool sign)
{
    if (!node->small && node->op != MP_OP_CONST)
        return false;
    if (e->func->word == 32)
        return sign && node->least >= INT32_MIN && node->most <= INT32_MAX;
    if (sign)
        return node->least >= INT16_MIN && node->most <= INT16_MAX;
    return node->least >= 0 && node->most <= UINT16_MAX;
}

const char *mp__emit_small_compare(mp_emit *e, const mp_node *node)
{
    const mp_node *a = node->args[0], *b = node->args[1];
    if (a->type != MP_TYPE_INT || (!a->small && !b->small))
        return NULL;
    bool sign = is_word(e, a, true) && is_word(e, b, true);
    if (!sign && (!is_word(e, a, false) || !is_word(e, b, false)))
        return NULL;
    const char *name = "eq";
    if (node->op != MP_OP_EQ)
        name = mp__write_text(e->unit, "%c%s", sign ? 's' : 'u',
                              node->op == MP_OP_LT ? "lt" : "le");
    const char *x = mp__emit_small(e, a), *y = mp__emit_small(e, b);
    return mp__emit_let(e, "icmp %s %s %s, %s", name, mp__emit_words(e), x, y);
}

static const char *choose(mp_emit *e, const mp_node *node)
{
    const mp_node *cond = node->args[0];
    bool wide = mp__emit_is_wide(e, cond);
    const char *bits = mp__emit_bits(e, cond, wide);
    const char *then = mp__emit_small(e, node->args[1]);
    const char *other = mp__emit_small(e, node->args[2]);
    return mp__emit_let(e, "select %s %s, %s %s, %s %s",
                        wide ? mp__emit_vector_of(e, "i1") : "i1", bits,
                        mp__emit_words(e), then, mp__emit_words(e), other);
}

static const char *value_of(mp_emit *e, const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_ADD:
        return two(e, node, "add");
    case MP_OP_SUB:
        return two(e, node, "sub");
    case MP_OP_MUL:
        return two(e, node, "mul");
    case MP_OP_BAND:
        return two(e, node, "and");
    case MP_OP_BOR:
        return two(e, node, "or");
    case MP_OP_BXOR:
        return two(e, node, "xor");
    case MP_OP_SHL:
        return two(e, node, "shl");
    case MP_OP_SHR:
        return two(e, node, "lshr");
    case MP_OP_UNM:
        return mp__emit_let(e, "sub %s zeroinitializer, %s", mp__emit_words(e),
                            mp__emit_small(e, node->args[0]));
    case MP_OP_SELECT:
        return choose(e, node);
    }
    return divide(e, node);
}

/* Whoever wants 64 bits has them too; LLVM drops what nobody does. */
void mp__emit_small_op(mp_emit *e, const mp_node *node)
{
    const char *value = value_of(e, node);
    e->small[node->id] = value;
    mp__emit_set(e, node,
                 mp__emit_let(e, "%s %s %s to %s",
                              mp__emit_has_sign(e, node) ? "sext" : "zext",
                              mp__emit_words(e), value,
                              mp__emit_type(e, MP_TYPE_INT, true)),
                 true);
}
