/* Elements of arrays to values and back: src/buffer/element.c as LLVM IR. */
#include "native/emit.h"

static bool is_float(mp_dtype dtype)
{
    return dtype == MP_FLOAT16 || dtype == MP_FLOAT32 || dtype == MP_FLOAT64;
}

static bool is_signed(mp_dtype dtype)
{
    return dtype == MP_INT8 || dtype == MP_INT16 || dtype == MP_INT32 ||
           dtype == MP_INT64;
}

static const char *zero(bool wide)
{
    return wide ? "zeroinitializer" : "0";
}

static const char *cast(mp_emit *e, const char *op, const char *from,
                        const char *value, const char *to)
{
    return mp__emit_let(e, "%s %s %s to %s", op, from, value, to);
}

/* ---- byte order --------------------------------------------------------- */

const char *mp__emit_swap(mp_emit *e, const char *raw, mp_dtype dtype,
                          bool swapped, bool wide)
{
    int bits = 8 * mp_dtype_size(dtype), lanes = wide ? e->lanes : 1;
    if (!swapped || bits == 8)
        return raw;
    const char *from = mp__emit_raw_type(e, dtype, wide);
    const char *type = mp__write_text(e->unit, "i%d", bits);
    const char *name = mp__write_text(e->unit, "i%d", bits);
    if (lanes > 1) {
        name = mp__write_text(e->unit, "v%d%s", lanes, type);
        type = mp__emit_vector_of(e, type);
    }
    mp__emit_declare(e, mp__write_text(e->unit, "declare %s @llvm.bswap.%s(%s)",
                                       type, name, type));
    raw = cast(e, "bitcast", from, raw, type);
    raw =
        mp__emit_let(e, "call %s @llvm.bswap.%s(%s %s)", type, name, type, raw);
    return cast(e, "bitcast", type, raw, from);
}

/* ---- reading ------------------------------------------------------------ */

const char *mp__emit_widen(mp_emit *e, const mp_node *node, const char *raw,
                           mp_dtype dtype, bool wide)
{
    const char *from = mp__emit_raw_type(e, dtype, wide);
    const char *i64 = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *real = mp__emit_type(e, MP_TYPE_FLOAT, wide);
    switch (dtype) {
    case MP_BOOL:
        raw = mp__emit_let(e, "icmp ne %s %s, %s", from, raw, zero(wide));
        return mp__emit_of_bits(e, raw, wide);
    case MP_INT8:
    case MP_INT16:
    case MP_INT32:
        return cast(e, "sext", from, raw, i64);
    case MP_UINT8:
    case MP_UINT16:
    case MP_UINT32:
        return cast(e, "zext", from, raw, i64);
    case MP_UINT64: {
        const char *bad =
            mp__emit_let(e, "icmp slt %s %s, %s", i64, raw, zero(wide));
        mp__emit_check(e, node, bad, wide);
        return raw;
    }
    case MP_FLOAT16:
        return mp__emit_let(e, "call %s %s(%s %s)", real,
                            mp__emit_helper(e, "mp.half.load", wide), i64,
                            cast(e, "zext", from, raw, i64));
    case MP_FLOAT32:
        return cast(e, "fpext", from, raw, real);
    case MP_INT64:
    case MP_FLOAT64:
        break;
    }
    return raw;
}

/* ---- storing ------------------------------------------------------------ */

/* A word that is stored as it is: what does not fit has the highest bit. */
static const char *whole(mp_emit *e, const mp_node *store, const char *value,
                         const char *type)
{
    if (!store->fits)
        mp__emit_check(
            e, store,
            mp__emit_let(e, "icmp slt %s %s, zeroinitializer", type, value),
            true);
    return value;
}

/* The low bits of an int, which must be all there is to it. */
static const char *cut(mp_emit *e, const mp_node *store, const char *value,
                       const char *type, mp_dtype dtype, bool wide)
{
    const char *to = mp__emit_raw_type(e, dtype, wide);
    const char *low = cast(e, "trunc", type, value, to);
    if (store->fits)
        return low;
    const char *again =
        cast(e, is_signed(dtype) ? "sext" : "zext", to, low, type);
    const char *bad = mp__emit_let(e, "icmp ne %s %s, %s", type, again, value);
    mp__emit_check(e, store, bad, wide);
    return low;
}

/* Whether the words of an int tell whether it fits where it is stored, as they
 * do not where one above 32767 looks like one below 0. */
static bool tells(const mp_emit *e, const mp_node *store, const mp_node *value,
                  mp_dtype dtype)
{
    int bits = 8 * mp_dtype_size(dtype);
    if (bits >= e->func->word)
        return bits == e->func->word;
    return store->fits || !is_signed(dtype) || mp__emit_has_sign(e, value) ||
           value->most <= INT16_MAX;
}

static const char *store_int(mp_emit *e, const mp_node *store,
                             const mp_node *value, mp_dtype dtype, bool wide)
{
    const char *type = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *from = mp__emit_use(e, value, wide);
    if (dtype == MP_INT64 || (dtype == MP_UINT64 && store->fits))
        return from;
    if (wide && value->small && tells(e, store, value, dtype)) {
        type = mp__emit_words(e);
        from = mp__emit_small(e, value);
        if (8 * mp_dtype_size(dtype) == e->func->word)
            return whole(e, store, from, type);
    }
    if (dtype != MP_UINT64)
        return cut(e, store, from, type, dtype, wide);
    const char *bad =
        mp__emit_let(e, "icmp slt %s %s, %s", type, from, zero(wide));
    mp__emit_check(e, store, bad, wide);
    return from;
}

/* A float as the int that it is, by a helper; `type` is the int's. */
static const char *exact(mp_emit *e, const mp_node *store, const char *value,
                         const char *helper, const char *type, bool wide)
{
    const char *bits = wide ? mp__emit_vector_of(e, "i1") : "i1";
    const char *pair =
        mp__emit_let(e, "call { %s, %s } %s(%s %s)", type, bits,
                     mp__emit_helper(e, helper, wide),
                     mp__emit_type(e, MP_TYPE_FLOAT, wide), value);
    const char *bad =
        mp__emit_let(e, "extractvalue { %s, %s } %s, 1", type, bits, pair);
    mp__emit_check(e, store, bad, wide);
    return mp__emit_let(e, "extractvalue { %s, %s } %s, 0", type, bits, pair);
}

static const char *store_float_as_int(mp_emit *e, const mp_node *store,
                                      const mp_node *value, mp_dtype dtype,
                                      bool wide)
{
    const char *from = mp__emit_use(e, value, wide);
    const char *i64 = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *i32 = mp__emit_raw_type(e, MP_INT32, wide);
    if (dtype == MP_UINT64)
        return exact(e, store, from, "mp.touint", i64, wide);
    if (dtype == MP_INT64)
        return mp__emit_int_of_float(e, store, from, wide);
    if (dtype == MP_UINT32) {
        const char *whole = mp__emit_int_of_float(e, store, from, wide);
        return cut(e, store, whole, i64, dtype, wide);
    }
    const char *word = exact(e, store, from, "mp.to32", i32, wide);
    if (dtype == MP_INT32)
        return word;
    return cut(e, store, word, i32, dtype, wide);
}

static const char *store_as_float(mp_emit *e, const mp_node *value,
                                  mp_dtype dtype, bool wide)
{
    const char *to = mp__emit_raw_type(e, dtype, wide);
    if (dtype == MP_FLOAT32 && value->type == MP_TYPE_INT)
        return mp__emit_let(
            e, "call %s %s(%s %s)", to, mp__emit_helper(e, "mp.i2s", wide),
            mp__emit_type(e, MP_TYPE_INT, wide), mp__emit_use(e, value, wide));
    const char *single = wide ? mp__emit_have_single(e, value) : NULL;
    if (dtype == MP_FLOAT32 && single != NULL)
        return single;
    const char *from = mp__emit_real(e, value, wide);
    const char *real = mp__emit_type(e, MP_TYPE_FLOAT, wide);
    if (dtype == MP_FLOAT64)
        return from;
    if (dtype == MP_FLOAT32)
        return cast(e, "fptrunc", real, from, to);
    const char *i64 = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *bits =
        mp__emit_let(e, "call %s %s(%s %s)", i64,
                     mp__emit_helper(e, "mp.half.store", wide), real, from);
    return cast(e, "trunc", i64, bits, to);
}

const char *mp__emit_narrow(mp_emit *e, const mp_node *store,
                            const mp_node *value, mp_dtype dtype, bool wide)
{
    if (value->type == MP_TYPE_BOOL) {
        const char *bits = mp__emit_bits(e, value, wide);
        return cast(e, "zext", wide ? mp__emit_vector_of(e, "i1") : "i1", bits,
                    mp__emit_raw_type(e, dtype, wide));
    }
    if (is_float(dtype))
        return store_as_float(e, value, dtype, wide);
    if (value->type == MP_TYPE_FLOAT)
        return store_float_as_int(e, store, value, dtype, wide);
    return store_int(e, store, value, dtype, wide);
}
