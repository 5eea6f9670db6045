/* Types and operands of the emitted text. */
#include <inttypes.h>
#include <string.h>

#include "native/emit.h"

/* ---- types -------------------------------------------------------------- */

bool mp__emit_is_wide(const mp_emit *e, const mp_node *node)
{
    return e->lanes > 1 && node->shape == MP_SHAPE_VARYING;
}

const char *mp__emit_vector_of(mp_emit *e, const char *element)
{
    if (e->lanes == 1)
        return element;
    return mp__write_text(e->unit, "<%d x %s>", e->lanes, element);
}

const char *mp__emit_type(mp_emit *e, mp_type type, bool wide)
{
    const char *element = "i64";
    if (type == MP_TYPE_FLOAT)
        element = "double";
    else if (type == MP_TYPE_BOOL && (!wide || e->bits))
        element = "i1";
    return wide ? mp__emit_vector_of(e, element) : element;
}

const char *mp__emit_raw_type(mp_emit *e, mp_dtype dtype, bool wide)
{
    const char *element = "i8";
    switch (dtype) {
    case MP_BOOL:
    case MP_INT8:
    case MP_UINT8:
        break;
    case MP_INT16:
    case MP_UINT16:
    case MP_FLOAT16:
        element = "i16";
        break;
    case MP_INT32:
    case MP_UINT32:
        element = "i32";
        break;
    case MP_INT64:
    case MP_UINT64:
        element = "i64";
        break;
    case MP_FLOAT32:
        element = "float";
        break;
    case MP_FLOAT64:
        element = "double";
        break;
    }
    return wide ? mp__emit_vector_of(e, element) : element;
}

/* ---- constants ---------------------------------------------------------- */

const char *mp__emit_int(mp_emit *e, int64_t value)
{
    return mp__write_text(e->unit, "%" PRId64, value);
}

const char *mp__emit_float(mp_emit *e, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mp__write_text(e->unit, "0x%016" PRIX64, bits);
}

const char *mp__emit_splat(mp_emit *e, const char *element, const char *value)
{
    if (e->lanes == 1)
        return value;
    const char *one =
        mp__emit_let(e, "insertelement <%d x %s> poison, %s %s, i64 0",
                     e->lanes, element, element, value);
    return mp__emit_let(e,
                        "shufflevector <%d x %s> %s, <%d x %s> poison, "
                        "<%d x i32> zeroinitializer",
                        e->lanes, element, one, e->lanes, element, e->lanes);
}

const char *mp__emit_iota(mp_emit *e)
{
    if (e->lanes == 1)
        return "0";
    mp_writer text = {.unit = e->unit};
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&text, "%si64 %d", lane == 0 ? "<" : ", ", lane);
    mp__write(&text, ">");
    return text.text;
}

static const char *constant(mp_emit *e, const mp_node *node)
{
    switch (node->type) {
    case MP_TYPE_FLOAT:
        return mp__emit_float(e, node->as.f);
    case MP_TYPE_BOOL:
        return node->as.b ? "true" : "false";
    case MP_TYPE_INT:
    case MP_TYPE_NONE:
    case MP_TYPE_ANY:
    case MP_TYPE_NIL:
    case MP_TYPE_ARRAY:
    case MP_TYPE_REF:
        break;
    }
    return mp__emit_int(e, node->as.i);
}

/* ---- booleans ----------------------------------------------------------- */

const char *mp__emit_to_bits(mp_emit *e, const char *mask)
{
    if (e->lanes == 1 || e->bits)
        return mask;
    return mp__emit_let(e, "icmp slt %s %s, zeroinitializer",
                        mp__emit_type(e, MP_TYPE_BOOL, true), mask);
}

const char *mp__emit_of_bits(mp_emit *e, const char *bits, bool wide)
{
    if (!wide || e->bits)
        return bits;
    return mp__emit_let(e, "sext %s %s to %s", mp__emit_vector_of(e, "i1"),
                        bits, mp__emit_type(e, MP_TYPE_BOOL, true));
}

const char *mp__emit_any(mp_emit *e, const char *mask)
{
    if (e->lanes == 1)
        return mask;
    return mp__emit_let(e, "call i1 %s(%s %s)",
                        mp__emit_helper(e, "mp.any", true),
                        mp__emit_type(e, MP_TYPE_BOOL, true), mask);
}

const char *mp__emit_all(mp_emit *e, const char *mask)
{
    if (e->lanes == 1)
        return mask;
    return mp__emit_let(e, "call i1 %s(%s %s)",
                        mp__emit_helper(e, "mp.all", true),
                        mp__emit_type(e, MP_TYPE_BOOL, true), mask);
}

/* ---- what nodes are ----------------------------------------------------- */

/* The vector of a value that is the same in all lanes, or so many apart. */
static const char *spread(mp_emit *e, const mp_node *node, const char *value)
{
    if (node->type == MP_TYPE_BOOL && !e->bits) {
        const char *word = mp__emit_let(e, "sext i1 %s to i64", value);
        return mp__emit_splat(e, "i64", word);
    }
    const char *element = mp__emit_type(e, node->type, false);
    const char *vector = mp__emit_splat(e, element, value);
    if (node->shape != MP_SHAPE_LINEAR)
        return vector;
    if (node->type == MP_TYPE_ARRAY)
        return mp__emit_let(e, "add <%d x i64> %s, %s", e->lanes, vector,
                            mp__emit_apart(e, node));
    mp_writer steps = {.unit = e->unit};
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&steps, "%si64 %" PRId64, lane == 0 ? "<" : ", ",
                  (int64_t)((uint64_t)lane * (uint64_t)node->step));
    return mp__emit_let(e, "add <%d x i64> %s, %s>", e->lanes, vector,
                        steps.text);
}

void mp__emit_set(mp_emit *e, const mp_node *node, const char *value, bool wide)
{
    if (e->lanes == 1 || !wide) {
        e->scalars[node->id] = value;
        if (e->lanes == 1)
            e->vectors[node->id] = value;
        else if (e->wanted[node->id])
            e->vectors[node->id] = spread(e, node, value);
        return;
    }
    e->vectors[node->id] = value;
    /* What is the same in all lanes may have been worked out in each. */
    if (node->shape != MP_SHAPE_VARYING) {
        const char *lane =
            mp__emit_let(e, "extractelement %s %s, i64 0",
                         mp__emit_type(e, node->type, true), value);
        if (node->type == MP_TYPE_BOOL && !e->bits)
            lane = mp__emit_let(e, "icmp slt i64 %s, 0", lane);
        e->scalars[node->id] = lane;
    }
}

const char *mp__emit_spread(mp_emit *e, const mp_node *node)
{
    const char *vector = mp__emit_use(e, node, true);
    if (vector != NULL || e->lanes == 1)
        return vector;
    return spread(e, node, mp__emit_use(e, node, false));
}

const char *mp__emit_use(mp_emit *e, const mp_node *node, bool wide)
{
    if (wide && e->lanes > 1)
        return e->vectors[node->id];
    if (node->op == MP_OP_CONST)
        return constant(e, node);
    return e->scalars[node->id];
}

const char *mp__emit_bits(mp_emit *e, const mp_node *node, bool wide)
{
    const char *value = mp__emit_use(e, node, wide);
    return wide ? mp__emit_to_bits(e, value) : value;
}

const char *mp__emit_mask(mp_emit *e, const mp_node *node)
{
    return node->mask == NULL ? e->entry : mp__emit_use(e, node->mask, true);
}

/* Whether an int came from an element of at most 32 bits, whose conversion is
 * a matter of one instruction. */
static bool is_short(mp_emit *e, const mp_node *node, mp_dtype *dtype)
{
    const mp_spec *spec = e->spec;
    if (e->raw[node->id] == NULL)
        return false;
    int param = node->op == MP_OP_PARAM ? node->as.index : node->args[0]->root;
    *dtype = spec->params[param].dtype;
    return mp_dtype_size(*dtype) <= 4;
}

static bool is_unsigned(mp_dtype dtype)
{
    return dtype == MP_UINT8 || dtype == MP_UINT16 || dtype == MP_UINT32;
}

const char *mp__emit_real(mp_emit *e, const mp_node *node, bool wide)
{
    mp_dtype dtype;
    if (node->type == MP_TYPE_FLOAT)
        return mp__emit_use(e, node, wide);
    if (node->op == MP_OP_CONST && !wide)
        return mp__emit_float(e, (double)node->as.i);
    if (wide && mp__emit_is_wide(e, node) && is_short(e, node, &dtype))
        return mp__emit_let(e, "%s %s %s to %s",
                            is_unsigned(dtype) ? "uitofp" : "sitofp",
                            mp__emit_raw_type(e, dtype, true), e->raw[node->id],
                            mp__emit_type(e, MP_TYPE_FLOAT, true));
    if (wide && node->small && mp__emit_is_wide(e, node))
        return mp__emit_let(e, "%s %s %s to %s",
                            mp__emit_has_sign(e, node) ? "sitofp" : "uitofp",
                            mp__emit_words(e), mp__emit_small(e, node),
                            mp__emit_type(e, MP_TYPE_FLOAT, true));
    const char *value = mp__emit_use(e, node, wide);
    const char *from = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *to = mp__emit_type(e, MP_TYPE_FLOAT, wide);
    if (!wide || e->spec->isa == MP_ISA_AVX512)
        return mp__emit_let(e, "sitofp %s %s to %s", from, value, to);
    return mp__emit_let(e, "call %s %s(%s %s)", to,
                        mp__emit_helper(e, "mp.i2f", true), from, value);
}
