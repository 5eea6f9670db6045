/* A vector of items: its elements are loaded, and its results stored. */
#include <string.h>

#include "native/emit.h"

/* ---- the elements of a vector ------------------------------------------- */

/* Where item %i of an operand lies. */
static const char *item_address(mp_emit *e, int operand, mp_layout layout,
                                mp_dtype dtype)
{
    const char *offset = "0";
    if (layout == MP_LAYOUT_PACKED)
        offset = mp__emit_let(e, "mul i64 %%i, %d", mp_dtype_size(dtype));
    else if (layout == MP_LAYOUT_STRIDED)
        offset = mp__emit_let(e, "mul i64 %%i, %%step%d", operand);
    return mp__emit_let(e, "getelementptr i8, ptr %%at%d, i64 %s", operand,
                        offset);
}

static bool is_element(const mp_emit *e, const mp_node *node, mp_layout layout)
{
    if (node->op != MP_OP_PARAM)
        return false;
    const mp_param *param = &e->spec->params[node->as.index];
    return param->kind == MP_PARAM_ELEMENT && param->layout == layout;
}

/* Packed elements, of all lanes or the last ones. */
static const char *load_packed(mp_emit *e, const mp_node *node, bool rest)
{
    int param = node->as.index;
    mp_dtype dtype = e->spec->params[param].dtype;
    const char *from =
        item_address(e, mp__emit_operand(e, param), MP_LAYOUT_PACKED, dtype);
    return mp__emit_load_packed(e, from, dtype, rest ? "%left" : NULL);
}

/* The same of all parameters; `name` says which way this is. */
static void each_packed(mp_emit *e, const char *name, bool rest)
{
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (!is_element(e, node, MP_LAYOUT_PACKED))
            continue;
        const char *value = load_packed(e, node, rest);
        const char *type =
            mp__emit_raw_type(e, e->spec->params[node->as.index].dtype, true);
        mp__emit_line(e, "%%%s%d = bitcast %s %s to %s", name, node->id, type,
                      value, type);
    }
}

static void join_packed(mp_emit *e, const char *rest)
{
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (!is_element(e, node, MP_LAYOUT_PACKED))
            continue;
        mp_dtype dtype = e->spec->params[node->as.index].dtype;
        e->raw[node->id] = mp__emit_let(
            e, "phi %s [ %%f%d, %%fast ], [ %%r%d, %%%s ]",
            mp__emit_raw_type(e, dtype, true), node->id, node->id, rest);
    }
}

/* Offsets of the lanes' elements; lanes without an item have item %i's. */
static const char *lane_offsets(mp_emit *e, int operand)
{
    if (e->whole)
        return mp__write_text(e->unit, "%%off%d", operand);
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    return mp__emit_let(e, "select %s %s, %s %%off%d, %s zeroinitializer",
                        mp__emit_vector_of(e, "i1"),
                        mp__emit_to_bits(e, "%lanes"), type, operand, type);
}

/* The lanes that have an item, as bits. */
static const char *lane_bits(mp_emit *e)
{
    return mp__emit_to_bits(e, e->whole ? e->on : "%lanes");
}

static const char *load_strided(mp_emit *e, int operand, mp_dtype dtype)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *from = item_address(e, operand, MP_LAYOUT_STRIDED, dtype);
    if (e->lanes == 1)
        return mp__emit_let(e, "load %s, ptr %s, align 1", element, from);
    const char *helper = mp__write_text(e->unit, "gather.%s", element);
    const char *offsets = lane_offsets(e, operand);
    return mp__emit_let(e, "call %s %s(ptr %s, %s %s, %s %s)",
                        mp__emit_raw_type(e, dtype, true),
                        mp__emit_helper(e, helper, true), from,
                        mp__emit_type(e, MP_TYPE_INT, true), offsets,
                        mp__emit_vector_of(e, "i1"), lane_bits(e));
}

/* The items that `where` selects; goes on to the next vector if there are
 * none. */
static void select_items(mp_emit *e)
{
    int operand = mp__emit_operand(e, e->spec->nparams) + e->spec->noutputs;
    const char *raw = load_strided(e, operand, MP_BOOL);
    const char *type = mp__emit_raw_type(e, MP_BOOL, true);
    const char *on = mp__emit_let(e, "icmp ne %s %s, %s", type, raw,
                                  e->lanes == 1 ? "0" : "zeroinitializer");
    on = mp__emit_of_bits(e, on, e->lanes > 1);
    if (e->lanes > 1)
        on = mp__emit_let(e, "and %s %s, %%lanes",
                          mp__emit_type(e, MP_TYPE_BOOL, true), on);
    const char *some = mp__emit_any(e, on);
    const char *body = mp__emit_new_label(e);
    mp__emit_branch(e, some, body, "next");
    mp__emit_label(e, body);
    e->on = on;
    e->full = mp__emit_all(e, on);
}

/* %lanes and %whole: the lanes that have an item, and whether all do. */
static void find_lanes(mp_emit *e)
{
    const char *type = mp__emit_type(e, MP_TYPE_BOOL, true);
    const char *ints = mp__emit_type(e, MP_TYPE_INT, true);
    mp__emit_line(e, "%%last = add i64 %%i, %d", e->lanes);
    mp__emit_line(e, "%%whole = icmp sle i64 %%last, %%count");
    mp__emit_likely(e, "%whole", "fast", "rest");
    mp__emit_label(e, "fast");
    each_packed(e, "f", false);
    const char *ones =
        mp__emit_splat(e, e->bits ? "i1" : "i64", e->bits ? "true" : "-1");
    mp__emit_jump(e, "items");
    mp__emit_label(e, "rest");
    mp__emit_line(e, "%%left = sub i64 %%count, %%i");
    each_packed(e, "r", true);
    const char *left = mp__emit_splat(e, "i64", "%left");
    const char *some =
        mp__emit_let(e, "icmp slt %s %s, %s", ints, mp__emit_iota(e), left);
    some = mp__emit_of_bits(e, some, true);
    mp__emit_jump(e, "items");
    mp__emit_label(e, "items");
    join_packed(e, "rest");
    mp__emit_line(e, "%%lanes = phi %s [ %s, %%fast ], [ %s, %%rest ]", type,
                  ones, some);
}

static const char *param_value(mp_emit *e, const mp_node *node)
{
    int param = node->as.index;
    const mp_param *p = &e->spec->params[param];
    switch (p->kind) {
    case MP_PARAM_ELEMENT:
        return mp__emit_widen(e, node, e->raw[node->id], p->dtype,
                              p->layout != MP_LAYOUT_SAME && e->lanes > 1);
    case MP_PARAM_UNIFORM:
        return mp__write_text(e->unit, "%%u%d", param);
    case MP_PARAM_ARRAY:
    case MP_PARAM_CORE:
        return "0";
    case MP_PARAM_INDEX:
        if (p->dim < e->spec->ndim - 1)
            return mp__write_text(e->unit, "%%index%d", p->dim);
        return mp__emit_let(e, "add i64 %%index%d, %%i", p->dim);
    case MP_PARAM_ACC:
        break;
    }
    const char *type = p->scalar == MP_KIND_FLOAT ? "double" : "i64";
    type = mp__emit_vector_of(e, type);
    const char *value = mp__emit_let(e, "load %s, ptr %%acc%d", type, param);
    if (p->scalar != MP_KIND_BOOL)
        return value;
    value = mp__emit_let(e, "icmp ne %s %s, %s", type, value,
                         e->lanes == 1 ? "0" : "zeroinitializer");
    return mp__emit_of_bits(e, value, e->lanes > 1);
}

void mp__emit_param(mp_emit *e, const mp_node *node)
{
    const mp_param *p = &e->spec->params[node->as.index];
    if (node->type == MP_TYPE_NIL || node->type == MP_TYPE_REF)
        return;
    int operand = mp__emit_operand(e, node->as.index);
    bool each = p->kind == MP_PARAM_ACC;
    if (p->kind == MP_PARAM_CORE && p->layout != MP_LAYOUT_SAME)
        mp__emit_core_param(e, node->as.index);
    if (p->kind == MP_PARAM_ELEMENT) {
        each = p->layout != MP_LAYOUT_SAME;
        if (p->layout == MP_LAYOUT_STRIDED)
            e->raw[node->id] = load_strided(e, operand, p->dtype);
        else if (!each || e->lanes == 1 || e->whole)
            e->raw[node->id] =
                mp__emit_let(e, "load %s, ptr %s, align 1",
                             mp__emit_raw_type(e, p->dtype, each && e->whole),
                             item_address(e, operand, p->layout, p->dtype));
    }
    bool wide = each && e->lanes > 1;
    if (p->kind == MP_PARAM_ELEMENT)
        e->raw[node->id] =
            mp__emit_swap(e, e->raw[node->id], p->dtype, p->swapped, wide);
    mp__emit_set(e, node, param_value(e, node), wide);
}

static void each_param(mp_emit *e)
{
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (node->op == MP_OP_PARAM && !e->once[node->id])
            mp__emit_param(e, node);
    }
}

void mp__emit_elements(mp_emit *e)
{
    e->item = "%i";
    e->on = "true";
    e->full = "true";
    if (e->twice)
        return;
    if (e->lanes > 1 && !e->whole && !e->split) {
        find_lanes(e);
        e->full = "%whole";
    }
    if (e->lanes > 1)
        e->on = e->partial ? "%lanes"
                           : mp__emit_splat(e, e->bits ? "i1" : "i64",
                                            e->bits ? "true" : "-1");
    if (e->spec->masked)
        select_items(e);
    e->entry = e->lanes > 1 && e->partial && !e->split ? e->on : NULL;
    each_param(e);
}

/* ---- twice -------------------------------------------------------------- */

/* What has more nodes takes LLVM longer than it gains. */
#define MOST_NODES 64

bool mp__emit_is_twice(const mp_emit *e)
{
    const mp_spec *spec = e->spec;
    if (spec->form != MP_FORM_REDUCE || e->lanes == 1 || e->func->norder != 1 ||
        e->func->nnodes > MOST_NODES)
        return false;
    for (int k = 0; k < spec->nparams; k++) {
        if (spec->params[k].kind == MP_PARAM_ELEMENT &&
            spec->params[k].layout == MP_LAYOUT_STRIDED)
            return false;
    }
    return true;
}

/* One of the two ways, for the lanes `on`: all, or those of the rest. */
static void emit_way(mp_emit *e, const mp_block *block, const char *on,
                     bool rest, void (*body)(mp_emit *, const mp_block *))
{
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (is_element(e, node, MP_LAYOUT_PACKED))
            e->raw[node->id] = load_packed(e, node, rest);
    }
    e->on = on;
    e->full = rest ? "false" : "true";
    e->entry = rest ? on : NULL;
    e->nresults = 0;
    each_param(e);
    body(e, block);
}

void mp__emit_twice(mp_emit *e, const mp_block *block,
                    void (*body)(mp_emit *, const mp_block *))
{
    const char *whole = mp__emit_new_label(e), *rest = mp__emit_new_label(e);
    int64_t cost = e->cost;
    const char *last = mp__emit_let(e, "add i64 %%i, %d", e->lanes);
    mp__emit_likely(e, mp__emit_let(e, "icmp sle i64 %s, %%count", last), whole,
                    rest);
    mp__emit_label(e, whole);
    emit_way(e, block,
             mp__emit_splat(e, e->bits ? "i1" : "i64", e->bits ? "true" : "-1"),
             false, body);
    mp__emit_label(e, rest);
    e->cost = cost;
    mp__emit_line(e, "%%left = sub i64 %%count, %%i");
    const char *some = mp__emit_let(
        e, "icmp slt %s %s, %s", mp__emit_type(e, MP_TYPE_INT, true),
        mp__emit_iota(e), mp__emit_splat(e, "i64", "%left"));
    emit_way(e, block, mp__emit_of_bits(e, some, true), true, body);
}

/* ---- results ------------------------------------------------------------ */

static void store_strided(mp_emit *e, const char *raw, const char *to,
                          int operand, mp_dtype dtype)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *helper = mp__write_text(e->unit, "scatter.%s", element);
    const char *bits =
        e->spec->masked ? mp__emit_to_bits(e, e->on) : lane_bits(e);
    mp__emit_line(e, "call void %s(ptr %s, %s %%off%d, %s %s, %s %s)",
                  mp__emit_helper(e, helper, true), to,
                  mp__emit_type(e, MP_TYPE_INT, true), operand,
                  mp__emit_vector_of(e, "i1"), bits,
                  mp__emit_raw_type(e, dtype, true), raw);
}

static void store_output(mp_emit *e, int k, const char *raw)
{
    const mp_output *output = &e->spec->outputs[k];
    int operand = mp__emit_operand(e, e->spec->nparams) + k;
    const char *to = item_address(e, operand, output->layout, output->dtype);
    if (e->lanes == 1)
        mp__emit_line(e, "store %s %s, ptr %s, align 1",
                      mp__emit_raw_type(e, output->dtype, false), raw, to);
    else if (output->layout == MP_LAYOUT_PACKED)
        mp__emit_store_packed(e, raw, to, output->dtype);
    else
        store_strided(e, raw, to, operand, output->dtype);
}

/* The parameter that is accumulator `k`. */
static int acc_param(const mp_spec *spec, int k)
{
    int param = 0;
    while (spec->params[param].kind != MP_PARAM_ACC || k-- > 0)
        param++;
    return param;
}

/* %lanes as bits, worked out where it is needed: whole vectors, which are most
 * of them, have no use for it then. */
static const char *lanes_left(mp_emit *e)
{
    const char *left = mp__emit_let(e, "sub i64 %%count, %%i");
    left = mp__emit_splat(e, "i64", left);
    return mp__emit_let(e, "icmp slt %s %s, %s",
                        mp__emit_type(e, MP_TYPE_INT, true), mp__emit_iota(e),
                        left);
}

/* Lanes without an item keep what they have. */
static void store_acc(mp_emit *e, const mp_node *node)
{
    int param = acc_param(e->spec, node->as.index);
    bool wide = e->lanes > 1;
    const mp_node *value = node->args[0];
    mp_kind kind = e->spec->params[param].scalar;
    const char *type =
        mp__emit_vector_of(e, kind == MP_KIND_FLOAT ? "double" : "i64");
    const char *bits = mp__emit_vector_of(e, "i1");
    const char *x;
    if (kind == MP_KIND_BOOL)
        x = mp__emit_let(e, "zext %s %s to %s", bits,
                         mp__emit_bits(e, value, wide), type);
    else if (kind == MP_KIND_FLOAT)
        x = mp__emit_real(e, value, wide);
    else
        x = mp__emit_use(e, value, wide);
    if (wide && strcmp(e->full, "true") != 0) {
        const char *from = e->label;
        const char *part = mp__emit_new_label(e);
        const char *done = mp__emit_new_label(e);
        mp__emit_likely(e, e->full, done, part);
        mp__emit_label(e, part);
        const char *old = mp__emit_let(e, "load %s, ptr %%acc%d", type, param);
        const char *kept = mp__emit_let(e, "select %s %s, %s %s, %s %s", bits,
                                        lanes_left(e), type, x, type, old);
        mp__emit_jump(e, done);
        mp__emit_label(e, done);
        x = mp__emit_let(e, "phi %s [ %s, %%%s ], [ %s, %%%s ]", type, x, from,
                         kept, part);
    }
    mp__emit_line(e, "store %s %s, ptr %%acc%d", type, x, param);
}

void mp__emit_results(mp_emit *e)
{
    const char **raw =
        mp__unit_alloc(e->unit, ((size_t)e->nresults + 1) * sizeof *raw);
    bool map = e->spec->form == MP_FORM_MAP;
    /* Nothing is stored before all checks are done: an output may lie where
     * an input does, and the interpreter reads it again after a failure. */
    for (int k = 0; map && k < e->nresults; k++) {
        const mp_node *node = e->results[k];
        const mp_output *output = &e->spec->outputs[node->as.index];
        raw[k] = mp__emit_narrow(e, node, node->args[0], output->dtype,
                                 e->lanes > 1);
        raw[k] = mp__emit_swap(e, raw[k], output->dtype, output->swapped,
                               e->lanes > 1);
    }
    for (int k = 0; k < e->nresults; k++) {
        if (map)
            store_output(e, e->results[k]->as.index, raw[k]);
        else
            store_acc(e, e->results[k]);
    }
}
