/* Arrays: rows, elements and extents.
 *
 * An array is the offset in bytes of its first element from that of the
 * parameter whose row it is. Of an array without elements all extents that
 * indices are compared with are 0, and so are its strides, and its data is a
 * place that can be read: what runs for no lane at all finds it harmless. */
#include <string.h>

#include "native/abi.h"
#include "native/emit.h"

static const char *ints(mp_emit *e, bool wide)
{
    return mp__emit_type(e, MP_TYPE_INT, wide);
}

static const char *bits_of(mp_emit *e, bool wide)
{
    return wide ? mp__emit_vector_of(e, "i1") : "i1";
}

static const mp_param *param_of(const mp_emit *e, const mp_node *array)
{
    return &e->spec->params[array->root];
}

/* ---- before the first item ---------------------------------------------- */

static void load_dimension(mp_emit *e, int param, int array, int d)
{
    size_t base = sizeof(mp_frame_array) * (size_t)array;
    size_t extent = base + offsetof(mp_frame_array, extents) + 8 * (size_t)d;
    size_t stride = base + offsetof(mp_frame_array, strides) + 8 * (size_t)d;
    const char *from =
        mp__emit_let(e, "getelementptr i8, ptr %%arrays, i64 %zu", extent);
    mp__emit_line(e, "%%extent%d.%d = load i64, ptr %s", param, d, from);
    from = mp__emit_let(e, "getelementptr i8, ptr %%arrays, i64 %zu", stride);
    mp__emit_line(e, "%%distance%d.%d = load i64, ptr %s", param, d, from);
}

static void load_array(mp_emit *e, int param, int array)
{
    const mp_param *p = &e->spec->params[param];
    const char *empty = "false";
    for (int d = 0; d < p->rank; d++) {
        load_dimension(e, param, array, d);
        const char *none =
            mp__emit_let(e, "icmp eq i64 %%extent%d.%d, 0", param, d);
        empty = mp__emit_let(e, "or i1 %s, %s", empty, none);
    }
    for (int d = 0; d < p->rank; d++) {
        mp__emit_line(e,
                      "%%bound%d.%d = select i1 %s, i64 0, i64 %%extent%d.%d",
                      param, d, empty, param, d);
        mp__emit_line(
            e, "%%stride%d.%d = select i1 %s, i64 0, i64 %%distance%d.%d",
            param, d, empty, param, d);
    }
    if (p->kind == MP_PARAM_CORE) {
        mp__emit_core_base(e, param, empty);
        return;
    }
    const char *from =
        mp__emit_let(e, "getelementptr i8, ptr %%arrays, i64 %zu",
                     sizeof(mp_frame_array) * (size_t)array +
                         offsetof(mp_frame_array, data));
    const char *data = mp__emit_let(e, "load ptr, ptr %s", from);
    mp__emit_line(e, "%%data%d = select i1 %s, ptr %%frame, ptr %s", param,
                  empty, data);
    if (e->lanes == 1)
        return;
    /* The first lane's index from 0 must be below this for all lanes to be
     * within bounds. */
    const char *rest = mp__emit_let(e, "sub i64 %%bound%d.%d, %d", param,
                                    p->rank - 1, e->lanes - 1);
    const char *some = mp__emit_let(e, "icmp sgt i64 %s, 0", rest);
    mp__emit_line(e, "%%limit%d = select i1 %s, i64 %s, i64 0", param, some,
                  rest);
}

void mp__emit_arrays(mp_emit *e)
{
    int arrays = 0;
    for (int k = 0; k < e->spec->nparams; k++) {
        mp_param_kind kind = e->spec->params[k].kind;
        if (kind == MP_PARAM_ARRAY || kind == MP_PARAM_CORE)
            load_array(e, k, arrays++);
    }
}

/* ---- indices ------------------------------------------------------------ */

/* The dimension that an index of an array is for. */
static int dimension(const mp_emit *e, const mp_node *array)
{
    return param_of(e, array)->rank - array->rank;
}

/* Bytes from one index of an array to the next. */
const char *mp__emit_stride(mp_emit *e, const mp_node *array)
{
    const mp_param *p = param_of(e, array);
    int d = dimension(e, array);
    if (p->packed && d == p->rank - 1)
        return mp__emit_int(e, mp_dtype_size(p->dtype));
    return mp__write_text(e->unit, "%%stride%d.%d", array->root, d);
}

const char *mp__emit_bound(mp_emit *e, const mp_node *node)
{
    const mp_node *array = node->args[0];
    return mp__write_text(e->unit, "%%bound%d.%d", array->root,
                          dimension(e, array));
}

static const char *spread(mp_emit *e, const char *value, bool wide)
{
    return wide ? mp__emit_splat(e, "i64", value) : value;
}

/* Of a run the vectors are made on the way that is rarely gone. */
static const char *operand(mp_emit *e, const mp_node *node, bool wide)
{
    return wide ? mp__emit_spread(e, node) : mp__emit_use(e, node, false);
}

/* What one element is read of for all lanes is checked even so where there may
 * be no lane: the loop's last round may be for none. */
const char *mp__emit_offset(mp_emit *e, const mp_node *node, bool wide)
{
    const mp_node *array = node->args[0];
    const char *type = ints(e, wide);
    const char *bound = mp__emit_bound(e, node);
    const char *from0 =
        mp__emit_let(e, "sub %s %s, %s", type, operand(e, node->args[1], wide),
                     spread(e, "1", wide));
    bool masked = !wide && node->mask != NULL;
    bool ranged = e->ranged[node->id] && e->way == MP_WAY_CHECKED;
    if ((!node->inside && !ranged) || masked) {
        const char *bad = mp__emit_let(e, "icmp uge %s %s, %s", type, from0,
                                       spread(e, bound, wide));
        mp__emit_check(e, node, bad, wide);
        if (masked)
            from0 = mp__emit_let(e, "select i1 %s, i64 0, i64 %s", bad, from0);
    }
    const char *offset =
        mp__emit_let(e, "mul %s %s, %s", type, from0,
                     spread(e, mp__emit_stride(e, array), wide));
    return mp__emit_let(e, "add %s %s, %s", type, offset,
                        operand(e, array, wide));
}

static bool is_uniform(const mp_emit *e, const mp_node *node)
{
    return e->lanes == 1 || node->shape == MP_SHAPE_UNIFORM;
}

/* The lanes that an access is for, as bits. */
const char *mp__emit_access_bits(mp_emit *e, const mp_node *node)
{
    const char *mask = mp__emit_mask(e, node);
    return mp__emit_to_bits(e, mask == NULL ? e->on : mask);
}

/* ---- loads -------------------------------------------------------------- */

const char *mp__emit_gather(mp_emit *e, const mp_node *node, const char *kind,
                            const char *base, const char *offsets,
                            const char *element)
{
    const char *helper = mp__write_text(e->unit, "gather.%s%s", kind, element);
    const char *bits = mp__emit_access_bits(e, node);
    return mp__emit_let(e, "call %s %s(ptr %s, %s %s, %s %s)",
                        mp__emit_vector_of(e, element),
                        mp__emit_helper(e, helper, true), base, ints(e, true),
                        offsets, bits_of(e, true), bits);
}

const char *mp__emit_data(mp_emit *e, const mp_node *array)
{
    return mp__write_text(e->unit, "%%data%d", array->root);
}

/* Where an access is that a scalar offset tells. */
static const char *address_of(mp_emit *e, const mp_node *node)
{
    const char *offset = mp__emit_offset(e, node, false);
    return mp__emit_let(e, "getelementptr i8, ptr %s, i64 %s",
                        mp__emit_data(e, node->args[0]), offset);
}

static void load(mp_emit *e, const mp_node *node)
{
    const mp_node *array = node->args[0];
    mp_dtype dtype = param_of(e, array)->dtype;
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *raw;
    bool wide = true;
    if (is_uniform(e, array) && is_uniform(e, node->args[1])) {
        wide = false;
        raw = mp__emit_let(e, "load %s, ptr %s, align 1", element,
                           address_of(e, node));
    } else if (mp__emit_is_run(e, node)) {
        raw = mp__emit_load_run(e, node, dtype);
    } else if (mp__emit_moves(e, node)) {
        raw = mp__emit_core_load(e, node, address_of(e, node));
    } else {
        const char *offsets = mp__emit_offset(e, node, true);
        raw = mp__emit_gather(e, node, "", mp__emit_data(e, array), offsets,
                              element);
    }
    raw = mp__emit_swap(e, raw, dtype, param_of(e, array)->swapped, wide);
    if (wide)
        e->raw[node->id] = raw;
    mp__emit_set(e, node, mp__emit_widen(e, node, raw, dtype, wide), wide);
}

/* ---- stores ------------------------------------------------------------- */

void mp__emit_scatter(mp_emit *e, const char *kind, const char *base,
                      const char *offsets, const char *element,
                      const char *bits, const char *raw)
{
    const char *helper = mp__write_text(e->unit, "scatter.%s%s", kind, element);
    mp__emit_line(e, "call void %s(ptr %s, %s %s, %s %s, %s %s)",
                  mp__emit_helper(e, helper, true), base, ints(e, true),
                  offsets, bits_of(e, true), bits,
                  mp__emit_vector_of(e, element), raw);
}

/* One lane: the mask is a condition. */
static void store_one(mp_emit *e, const mp_node *node, mp_dtype dtype)
{
    const char *go_on = mp__emit_new_label(e);
    const char *offset = mp__emit_offset(e, node, false);
    const char *raw = mp__emit_narrow(e, node, node->args[2], dtype, false);
    raw = mp__emit_swap(e, raw, dtype, param_of(e, node->args[0])->swapped,
                        false);
    if (node->mask != NULL) {
        const char *body = mp__emit_new_label(e);
        mp__emit_branch(e, mp__emit_use(e, node->mask, true), body, go_on);
        mp__emit_label(e, body);
    }
    const char *to = mp__emit_let(e, "getelementptr i8, ptr %s, i64 %s",
                                  mp__emit_data(e, node->args[0]), offset);
    mp__emit_line(e, "store %s %s, ptr %s, align 1",
                  mp__emit_raw_type(e, dtype, false), raw, to);
    mp__emit_jump(e, go_on);
    mp__emit_label(e, go_on);
}

static void store(mp_emit *e, const mp_node *node)
{
    const mp_node *array = node->args[0];
    mp_dtype dtype = param_of(e, array)->dtype;
    if (e->lanes == 1) {
        store_one(e, node, dtype);
        return;
    }
    const char *raw = mp__emit_narrow(e, node, node->args[2], dtype, true);
    raw = mp__emit_swap(e, raw, dtype, param_of(e, array)->swapped, true);
    if (mp__emit_is_run(e, node)) {
        mp__emit_store_run(e, node, raw, dtype);
        return;
    }
    if (mp__emit_moves(e, node)) {
        mp__emit_core_store(e, node, address_of(e, node), raw);
        return;
    }
    const char *offsets = mp__emit_offset(e, node, true);
    const char *bits = mp__emit_access_bits(e, node);
    mp__emit_scatter(e, "", mp__emit_data(e, array), offsets,
                     mp__emit_raw_type(e, dtype, false), bits, raw);
}

/* ---- ranges ------------------------------------------------------------- */

/* `limit` is compared too: a loop to the last integer there is goes on behind
 * it, from the first one. */
static void range(mp_emit *e, const mp_node *node)
{
    bool wide = mp__emit_is_wide(e, node);
    const char *type = ints(e, wide), *bits = bits_of(e, wide), *value[5];
    const mp_node *array = node->args[0];
    for (int k = 1; k < 5; k++)
        value[k] = mp__emit_use(e, node->args[k], wide);
    const char *one = spread(e, "1", wide);
    const char *bound = mp__write_text(e->unit, "%%bound%d.%d", array->root,
                                       dimension(e, array));
    const char *most = spread(e, mp__emit_int(e, INT64_MAX), wide);
    const char *runs =
        mp__emit_let(e, "icmp sle %s %s, %s", type, value[1], value[2]);
    const char *first = mp__emit_let(e, "sub %s %s, %s", type, value[3], one);
    const char *last = mp__emit_let(e, "sub %s %s, %s", type, value[4], one);
    const char *turned =
        mp__emit_let(e, "icmp ugt %s %s, %s", type, first, last);
    const char *far = mp__emit_let(e, "icmp uge %s %s, %s", type, last,
                                   spread(e, bound, wide));
    const char *endless =
        mp__emit_let(e, "icmp eq %s %s, %s", type, value[2], most);
    const char *bad = mp__emit_let(e, "or %s %s, %s", bits, turned, far);
    bad = mp__emit_let(e, "or %s %s, %s", bits, bad, endless);
    bad = mp__emit_let(e, "and %s %s, %s", bits, bad, runs);
    mp__emit_check(e, node, bad, wide);
}

/* ---- extents and rows --------------------------------------------------- */

/* a:size(d): of dimension d, from 1. */
static void size_of(mp_emit *e, const mp_node *node)
{
    const mp_node *array = node->args[0], *dim = node->args[1];
    int first = dimension(e, array);
    bool wide = mp__emit_is_wide(e, node);
    const char *type = ints(e, wide), *d = mp__emit_use(e, dim, wide);
    const char *below =
        mp__emit_let(e, "sub %s %s, %s", type, d, spread(e, "1", wide));
    const char *rank = mp__emit_int(e, array->rank);
    const char *bad = mp__emit_let(e, "icmp uge %s %s, %s", type, below,
                                   spread(e, rank, wide));
    mp__emit_check(e, node, bad, wide);
    const char *value = "0";
    for (int k = 0; k < array->rank; k++) {
        const char *extent = spread(
            e, mp__write_text(e->unit, "%%extent%d.%d", array->root, first + k),
            wide);
        if (k == 0) {
            value = extent;
            continue;
        }
        const char *is = mp__emit_let(e, "icmp eq %s %s, %s", type, below,
                                      spread(e, mp__emit_int(e, k), wide));
        value = mp__emit_let(e, "select %s %s, %s %s, %s %s", bits_of(e, wide),
                             is, type, extent, type, value);
    }
    mp__emit_set(e, node, value, wide);
}

static void length_of(mp_emit *e, const mp_node *node)
{
    const mp_node *array = node->args[0];
    const char *extent = mp__write_text(e->unit, "%%extent%d.%d", array->root,
                                        dimension(e, array));
    bool wide = mp__emit_is_wide(e, node);
    mp__emit_set(e, node, spread(e, extent, wide), wide);
}

/* ---- all ---------------------------------------------------------------- */

void mp__emit_array_op(mp_emit *e, const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_LEN:
        length_of(e, node);
        break;
    case MP_OP_SIZE:
        size_of(e, node);
        break;
    case MP_OP_ROW: {
        bool narrow =
            mp__emit_moves(e, node)
                ? !mp__emit_is_wide(e, node)
                : is_uniform(e, node->args[0]) && is_uniform(e, node->args[1]);
        mp__emit_set(e, node, mp__emit_offset(e, node, !narrow), !narrow);
        break;
    }
    case MP_OP_LOAD:
        load(e, node);
        break;
    case MP_OP_STORE:
        store(e, node);
        break;
    case MP_OP_RANGE:
        range(e, node);
        break;
    case MP_OP_ITEM:
        mp__emit_item(e, node);
        break;
    }
}
