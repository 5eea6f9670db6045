/* Tables made in the kernel: memory of each lane's own.
 *
 * An item is a vector with a place for each lane, so that an index that is the
 * same for all lanes is that of a vector. Lanes that are off keep what they
 * have. Booleans are words, all of whose bits are set or none. */
#include "native/emit.h"

static const char *element_of(const mp_own *own)
{
    return own->type == MP_TYPE_FLOAT ? "double" : "i64";
}

static const char *ints(mp_emit *e, bool wide)
{
    return mp__emit_type(e, MP_TYPE_INT, wide);
}

static const char *bits_of(mp_emit *e, bool wide)
{
    return wide ? mp__emit_vector_of(e, "i1") : "i1";
}

static bool is_uniform(const mp_emit *e, const mp_node *node)
{
    return e->lanes == 1 || node->shape == MP_SHAPE_UNIFORM;
}

static const char *operand(mp_emit *e, const mp_node *node, bool wide)
{
    return wide ? mp__emit_spread(e, node) : mp__emit_use(e, node, false);
}

static const char *constant(mp_emit *e, int64_t value, bool wide)
{
    const char *text = mp__emit_int(e, value);
    return wide ? mp__emit_splat(e, "i64", text) : text;
}

/* %own3 is where item 1 is, %own3.0 where item 0 would be. */
void mp__emit_tables(mp_emit *e)
{
    for (int k = 0; k < e->func->nowns; k++) {
        const mp_own *own = e->func->owns[k];
        if (own->size == 0)
            continue;
        const char *item = mp__emit_vector_of(e, element_of(own));
        mp__emit_line(e, "%%own%d = alloca [%d x %s], align 64", k, own->size,
                      item);
        mp__emit_line(e, "%%own%d.0 = getelementptr %s, ptr %%own%d, i64 -1", k,
                      item, k);
    }
}

/* ---- indices ------------------------------------------------------------ */

/* Leaves where an index is not from 1 to the length, or one past it. */
void mp__emit_table_index(mp_emit *e, const mp_node *node)
{
    bool grow = node->op == MP_OP_TGROW;
    const mp_node *index = node->args[grow], *length = node->args[1 + grow];
    bool wide = !is_uniform(e, index) || !is_uniform(e, length);
    const char *type = ints(e, wide);
    const char *most = operand(e, length, wide);
    const char *from0 =
        mp__emit_let(e, "sub %s %s, %s", type, operand(e, index, wide),
                     constant(e, 1, wide));
    const char *bad = mp__emit_let(e, "icmp %s %s %s, %s", grow ? "ugt" : "uge",
                                   type, from0, most);
    if (grow) {
        const mp_own *own = mp__ir_own(e->func, node->args[0]);
        const char *past = mp__emit_let(e, "icmp uge %s %s, %s", type, from0,
                                        constant(e, own->size, wide));
        bad = mp__emit_let(e, "or %s %s, %s", bits_of(e, wide), bad, past);
    }
    mp__emit_check(e, node, bad, wide);
    bool wide_index = mp__emit_is_wide(e, index);
    mp__emit_set(e, node, mp__emit_use(e, index, wide_index), wide_index);
}

/* ---- items -------------------------------------------------------------- */

/* Where all lanes have the same index. Where no lane runs it may be anything,
 * but what is there must be harmless. */
static const char *item_at(mp_emit *e, const mp_node *node, const mp_own *own)
{
    const mp_node *index = node->args[1];
    const char *at = mp__emit_use(e, index, false);
    if (node->mask != NULL && index->op != MP_OP_CONST) {
        const char *from0 = mp__emit_let(e, "sub i64 %s, 1", at);
        const char *inside =
            mp__emit_let(e, "icmp ult i64 %s, %d", from0, own->size);
        at = mp__emit_let(e, "select i1 %s, i64 %s, i64 1", inside, at);
    }
    return mp__emit_let(e, "getelementptr %s, ptr %%own%d.0, i64 %s",
                        mp__emit_vector_of(e, element_of(own)), own->id, at);
}

/* In bytes, of each lane's place. */
static const char *offsets(mp_emit *e, const mp_node *node)
{
    const char *type = ints(e, true);
    const char *from0 =
        mp__emit_let(e, "sub %s %s, %s", type,
                     mp__emit_spread(e, node->args[1]), constant(e, 1, true));
    const char *items = mp__emit_let(e, "mul %s %s, %s", type, from0,
                                     constant(e, 8 * (int64_t)e->lanes, true));
    const char *lanes = mp__emit_let(e, "mul %s %s, %s", type, mp__emit_iota(e),
                                     constant(e, 8, true));
    return mp__emit_let(e, "add %s %s, %s", type, items, lanes);
}

/* The lanes that an access is for, as bits. */
static const char *access_bits(mp_emit *e, const mp_node *node)
{
    const char *mask = mp__emit_mask(e, node);
    return mp__emit_to_bits(e, mask == NULL ? e->on : mask);
}

static void load(mp_emit *e, const mp_node *node, const mp_own *own)
{
    bool wide = e->lanes > 1;
    const char *element = element_of(own);
    const char *type = mp__emit_vector_of(e, element), *raw;
    if (is_uniform(e, node->args[1])) {
        const char *from = item_at(e, node, own);
        raw = mp__emit_let(e, "load %s, ptr %s, align 8", type, from);
    } else {
        const char *helper = mp__write_text(e->unit, "gather.%s", element);
        const char *from = offsets(e, node);
        const char *bits = access_bits(e, node);
        raw = mp__emit_let(e, "call %s %s(ptr %%own%d, %s %s, %s %s)", type,
                           mp__emit_helper(e, helper, true), own->id,
                           ints(e, true), from, bits_of(e, true), bits);
    }
    if (node->type == MP_TYPE_BOOL) {
        raw = mp__emit_let(e, "icmp ne %s %s, %s", type, raw,
                           wide ? "zeroinitializer" : "0");
        raw = mp__emit_of_bits(e, raw, wide);
    }
    mp__emit_set(e, node, raw, wide);
}

/* A value as it is kept. */
static const char *raw_of(mp_emit *e, const mp_node *value)
{
    bool wide = e->lanes > 1;
    if (value->type != MP_TYPE_BOOL)
        return mp__emit_use(e, value, wide);
    const char *bits = mp__emit_bits(e, value, wide);
    return mp__emit_let(e, "sext %s %s to %s", bits_of(e, wide), bits,
                        ints(e, wide));
}

static void store(mp_emit *e, const mp_node *node, const mp_own *own)
{
    bool wide = e->lanes > 1;
    const char *element = element_of(own);
    const char *type = mp__emit_vector_of(e, element);
    const char *raw = raw_of(e, node->args[2]);
    if (!is_uniform(e, node->args[1])) {
        const char *helper = mp__write_text(e->unit, "scatter.%s", element);
        const char *to = offsets(e, node);
        const char *bits = access_bits(e, node);
        mp__emit_line(e, "call void %s(ptr %%own%d, %s %s, %s %s, %s %s)",
                      mp__emit_helper(e, helper, true), own->id, ints(e, true),
                      to, bits_of(e, true), bits, type, raw);
        return;
    }
    const char *to = item_at(e, node, own);
    if (node->mask != NULL) {
        const char *old = mp__emit_let(e, "load %s, ptr %s, align 8", type, to);
        const char *bits = mp__emit_bits(e, node->mask, wide);
        raw = mp__emit_let(e, "select %s %s, %s %s, %s %s", bits_of(e, wide),
                           bits, type, raw, type, old);
    }
    mp__emit_line(e, "store %s %s, ptr %s, align 8", type, raw, to);
}

void mp__emit_table_op(mp_emit *e, const mp_node *node)
{
    const mp_own *own = mp__ir_own(e->func, node->args[0]);
    if (node->op == MP_OP_TLOAD)
        load(e, node, own);
    else
        store(e, node, own);
}
