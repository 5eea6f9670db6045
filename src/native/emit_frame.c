/* The frame: what compiled code is called with, and gives back. */
#include <assert.h>

#include "native/abi.h"
#include "native/emit.h"

_Static_assert(sizeof(void *) == 8 && sizeof(int) == 4,
               "the emitted text is for 64-bit machines");

/* ---- the frame's fields ------------------------------------------------- */

static const char *at(mp_emit *e, const char *base, size_t offset)
{
    if (offset == 0)
        return base;
    return mp__emit_let(e, "getelementptr i8, ptr %s, i64 %zu", base, offset);
}

/* Of all ELEMENT parameters, the outputs and `where`, in this order. */
static int count_kind(const mp_spec *spec, int params, mp_param_kind kind)
{
    int count = 0;
    for (int k = 0; k < params; k++)
        count += spec->params[k].kind == kind;
    return count;
}

static int first_output(const mp_spec *spec)
{
    return count_kind(spec, spec->nparams, MP_PARAM_ELEMENT);
}

/* Where a UNIFORM or ACC parameter begins in frame->scalars. */
static size_t scalar_offset(const mp_emit *e, int param)
{
    int uniforms = count_kind(e->spec, param, MP_PARAM_UNIFORM);
    int accs = count_kind(e->spec, param, MP_PARAM_ACC);
    return 8 * ((size_t)uniforms + (size_t)accs * (size_t)e->lanes);
}

/* ---- before the first item ---------------------------------------------- */

/* The addresses of item 0 and, where they are not packed, the distances. */
static void load_operand(mp_emit *e, int operand, mp_layout layout)
{
    mp__emit_line(e, "%%a%d = getelementptr i8, ptr %%at, i64 %d", operand,
                  8 * operand);
    mp__emit_line(e, "%%at%d = load ptr, ptr %%a%d", operand, operand);
    if (layout == MP_LAYOUT_PACKED)
        return;
    mp__emit_line(e, "%%s%d = getelementptr i8, ptr %%steps, i64 %d", operand,
                  8 * operand);
    mp__emit_line(e, "%%step%d = load i64, ptr %%s%d", operand, operand);
    if (e->lanes == 1 || layout == MP_LAYOUT_SAME)
        return;
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    const char *step =
        mp__emit_splat(e, "i64", mp__write_text(e->unit, "%%step%d", operand));
    mp__emit_line(e, "%%off%d = mul %s %s, %s", operand, type, mp__emit_iota(e),
                  step);
}

static void load_operands(mp_emit *e)
{
    const mp_spec *spec = e->spec;
    int operand = 0;
    for (int k = 0; k < spec->nparams; k++) {
        if (spec->params[k].kind == MP_PARAM_ELEMENT)
            load_operand(e, operand++, spec->params[k].layout);
    }
    if (spec->form != MP_FORM_MAP)
        return;
    for (int k = 0; k < spec->noutputs; k++)
        load_operand(e, operand++, spec->outputs[k].layout);
    if (spec->masked)
        load_operand(e, operand, MP_LAYOUT_STRIDED);
}

static mp_type kind_type(mp_kind kind)
{
    switch (kind) {
    case MP_KIND_BOOL:
        return MP_TYPE_BOOL;
    case MP_KIND_INT:
        return MP_TYPE_INT;
    case MP_KIND_FLOAT:
        return MP_TYPE_FLOAT;
    case MP_KIND_NIL:
    case MP_KIND_STRING:
        break;
    }
    return MP_TYPE_NIL;
}

/* A uniform parameter, or an accumulator's vector into memory of its own. */
static void load_scalar(mp_emit *e, int param)
{
    const mp_param *p = &e->spec->params[param];
    bool acc = p->kind == MP_PARAM_ACC;
    mp_type type = kind_type(p->scalar);
    if (type == MP_TYPE_NIL)
        return;
    const char *bits = type == MP_TYPE_FLOAT ? "double" : "i64";
    if (acc)
        bits = mp__emit_vector_of(e, bits);
    const char *from = at(e, "%scalars", scalar_offset(e, param));
    const char *value = mp__emit_let(e, "load %s, ptr %s, align 8", bits, from);
    if (acc) {
        mp__emit_line(e, "%%acc%d = alloca %s", param, bits);
        mp__emit_line(e, "store %s %s, ptr %%acc%d", bits, value, param);
    } else if (type == MP_TYPE_BOOL) {
        mp__emit_line(e, "%%u%d = icmp ne i64 %s, 0", param, value);
    } else {
        mp__emit_line(e, "%%u%d = bitcast %s %s to %s", param, bits, value,
                      bits);
    }
}

void mp__emit_prologue(mp_emit *e)
{
    mp__emit_line(e, "%%count = load i64, ptr %%frame");
    mp__emit_line(e, "%%poll = alloca i64");
    mp__emit_line(e, "store i64 0, ptr %%poll");
    static const struct {
        const char *name, *type;
        size_t offset;
    } fields[] = {
        {"at", "ptr", offsetof(mp_frame, at)},
        {"steps", "ptr", offsetof(mp_frame, steps)},
        {"scalars", "ptr", offsetof(mp_frame, scalars)},
        {"arrays", "ptr", offsetof(mp_frame, arrays)},
        {"stop", "ptr", offsetof(mp_frame, stop)},
        {"index0", "i64", offsetof(mp_frame, index)},
        {"index1", "i64", offsetof(mp_frame, index) + 8},
        {"index2", "i64", offsetof(mp_frame, index) + 16},
    };
    for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++) {
        const char *from = at(e, "%frame", fields[k].offset);
        mp__emit_line(e, "%%%s = load %s, ptr %s", fields[k].name,
                      fields[k].type, from);
    }
    load_operands(e);
    for (int k = 0; k < e->spec->nparams; k++) {
        mp_param_kind kind = e->spec->params[k].kind;
        if (kind == MP_PARAM_UNIFORM || kind == MP_PARAM_ACC)
            load_scalar(e, k);
    }
    /* Room for the elements of the last items, of which there are too few for
     * a vector. */
    if (e->lanes > 1)
        mp__emit_line(e, "%%room = alloca <%d x i64>, align 64", e->lanes);
    mp__emit_arrays(e);
}

/* ---- the elements of a vector ------------------------------------------- */

/* The operand of ELEMENT parameter `param`. */
static int operand_of(const mp_emit *e, int param)
{
    return count_kind(e->spec, param, MP_PARAM_ELEMENT);
}

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

/* The bytes that %left items of a dtype have. */
static const char *left_bytes(mp_emit *e, mp_dtype dtype)
{
    return mp__emit_let(e, "mul i64 %%left, %d", mp_dtype_size(dtype));
}

static void copy(mp_emit *e, const char *to, const char *from, const char *size)
{
    mp__emit_declare(e,
                     "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)");
    mp__emit_line(e,
                  "call void @llvm.memcpy.p0.p0.i64(ptr %s, ptr %s, i64 %s, "
                  "i1 false)",
                  to, from, size);
}

/* A vector of the last items: where none are left, it repeats the first one,
 * which brings up nothing that it does not do itself. */
static const char *load_rest(mp_emit *e, const char *from, mp_dtype dtype)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *first =
        mp__emit_let(e, "load %s, ptr %s, align 1", element, from);
    const char *filled = mp__emit_splat(e, element, first);
    mp__emit_line(e, "store %s %s, ptr %%room, align 1", type, filled);
    copy(e, "%room", from, left_bytes(e, dtype));
    return mp__emit_let(e, "load %s, ptr %%room, align 1", type);
}

static bool is_element(const mp_emit *e, const mp_node *node, mp_layout layout)
{
    if (node->op != MP_OP_PARAM)
        return false;
    const mp_param *param = &e->spec->params[node->as.index];
    return param->kind == MP_PARAM_ELEMENT && param->layout == layout;
}

/* Packed elements, of all lanes or the last ones; `name` says which. */
static void load_packed(mp_emit *e, const mp_node *node, const char *name,
                        bool rest)
{
    int param = node->as.index;
    mp_dtype dtype = e->spec->params[param].dtype;
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *from =
        item_address(e, operand_of(e, param), MP_LAYOUT_PACKED, dtype);
    const char *value =
        rest ? load_rest(e, from, dtype)
             : mp__emit_let(e, "load %s, ptr %s, align 1", type, from);
    mp__emit_line(e, "%%%s%d = bitcast %s %s to %s", name, node->id, type,
                  value, type);
}

static void each_packed(mp_emit *e, const char *name, bool rest)
{
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (is_element(e, node, MP_LAYOUT_PACKED))
            load_packed(e, node, name, rest);
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
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    return mp__emit_let(e, "select %s %s, %s %%off%d, %s zeroinitializer",
                        mp__emit_vector_of(e, "i1"),
                        mp__emit_to_bits(e, "%lanes"), type, operand, type);
}

static const char *load_strided(mp_emit *e, int operand, mp_dtype dtype)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *from = item_address(e, operand, MP_LAYOUT_STRIDED, dtype);
    if (e->lanes == 1)
        return mp__emit_let(e, "load %s, ptr %s, align 1", element, from);
    const char *helper = mp__write_text(e->unit, "gather.%s", element);
    const char *offsets = lane_offsets(e, operand);
    return mp__emit_let(
        e, "call %s %s(ptr %s, %s %s, %s %s)",
        mp__emit_raw_type(e, dtype, true), mp__emit_helper(e, helper, true),
        from, mp__emit_type(e, MP_TYPE_INT, true), offsets,
        mp__emit_vector_of(e, "i1"), mp__emit_to_bits(e, "%lanes"));
}

/* The items that `where` selects; goes on to the next vector if there are
 * none. */
static void select_items(mp_emit *e)
{
    int operand = first_output(e->spec) + e->spec->noutputs;
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

static void set_param(mp_emit *e, const mp_node *node)
{
    const mp_param *p = &e->spec->params[node->as.index];
    if (node->type == MP_TYPE_NIL || node->type == MP_TYPE_REF)
        return;
    int operand = operand_of(e, node->as.index);
    bool each = p->kind == MP_PARAM_ACC;
    if (p->kind == MP_PARAM_ELEMENT) {
        each = p->layout != MP_LAYOUT_SAME;
        const char *element = mp__emit_raw_type(e, p->dtype, false);
        if (p->layout == MP_LAYOUT_STRIDED)
            e->raw[node->id] = load_strided(e, operand, p->dtype);
        else if (!each || e->lanes == 1)
            e->raw[node->id] =
                mp__emit_let(e, "load %s, ptr %s, align 1", element,
                             item_address(e, operand, p->layout, p->dtype));
    }
    mp__emit_set(e, node, param_value(e, node), each && e->lanes > 1);
}

void mp__emit_elements(mp_emit *e)
{
    e->item = "%i";
    e->on = "true";
    e->full = "true";
    if (e->lanes > 1) {
        find_lanes(e);
        e->full = "%whole";
        e->on = e->partial ? "%lanes"
                           : mp__emit_splat(e, e->bits ? "i1" : "i64",
                                            e->bits ? "true" : "-1");
    }
    if (e->spec->masked)
        select_items(e);
    e->entry = e->lanes > 1 && e->partial ? e->on : NULL;
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (node->op == MP_OP_PARAM)
            set_param(e, node);
    }
}

/* ---- results ------------------------------------------------------------ */

static void store_packed(mp_emit *e, const char *raw, const char *to,
                         mp_dtype dtype)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *whole = mp__emit_new_label(e);
    const char *part = mp__emit_new_label(e);
    const char *done = mp__emit_new_label(e);
    mp__emit_likely(e, e->full, whole, part);
    mp__emit_label(e, whole);
    mp__emit_line(e, "store %s %s, ptr %s, align 1", type, raw, to);
    mp__emit_jump(e, done);
    mp__emit_label(e, part);
    if (e->spec->masked) {
        mp__emit_masked_store(e, raw, dtype, to, e->on);
    } else {
        mp__emit_line(e, "store %s %s, ptr %%room, align 1", type, raw);
        const char *left = mp__emit_let(e, "sub i64 %%count, %%i");
        left = mp__emit_let(e, "mul i64 %s, %d", left, mp_dtype_size(dtype));
        copy(e, to, "%room", left);
    }
    mp__emit_jump(e, done);
    mp__emit_label(e, done);
}

static void store_strided(mp_emit *e, const char *raw, const char *to,
                          int operand, mp_dtype dtype)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *helper = mp__write_text(e->unit, "scatter.%s", element);
    const char *mask = e->spec->masked ? e->on : "%lanes";
    const char *bits = mp__emit_to_bits(e, mask);
    mp__emit_line(e, "call void %s(ptr %s, %s %%off%d, %s %s, %s %s)",
                  mp__emit_helper(e, helper, true), to,
                  mp__emit_type(e, MP_TYPE_INT, true), operand,
                  mp__emit_vector_of(e, "i1"), bits,
                  mp__emit_raw_type(e, dtype, true), raw);
}

static void store_output(mp_emit *e, int k, const char *raw)
{
    const mp_output *output = &e->spec->outputs[k];
    int operand = first_output(e->spec) + k;
    const char *to = item_address(e, operand, output->layout, output->dtype);
    if (e->lanes == 1)
        mp__emit_line(e, "store %s %s, ptr %s, align 1",
                      mp__emit_raw_type(e, output->dtype, false), raw, to);
    else if (output->layout == MP_LAYOUT_PACKED)
        store_packed(e, raw, to, output->dtype);
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
    if (wide) {
        const char *from = e->label;
        const char *part = mp__emit_new_label(e);
        const char *done = mp__emit_new_label(e);
        mp__emit_likely(e, e->full, done, part);
        mp__emit_label(e, part);
        const char *old = mp__emit_let(e, "load %s, ptr %%acc%d", type, param);
        const char *kept =
            mp__emit_let(e, "select %s %s, %s %s, %s %s", bits,
                         mp__emit_to_bits(e, "%lanes"), type, x, type, old);
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
        raw[k] = mp__emit_narrow(e, node, node->args[0],
                                 e->spec->outputs[node->as.index].dtype,
                                 e->lanes > 1);
    }
    for (int k = 0; k < e->nresults; k++) {
        if (map)
            store_output(e, e->results[k]->as.index, raw[k]);
        else
            store_acc(e, e->results[k]);
    }
}

void mp__emit_epilogue(mp_emit *e)
{
    for (int k = 0; k < e->spec->nparams; k++) {
        const mp_param *p = &e->spec->params[k];
        if (p->kind != MP_PARAM_ACC)
            continue;
        const char *type = mp__emit_vector_of(
            e, p->scalar == MP_KIND_FLOAT ? "double" : "i64");
        const char *to = at(e, "%scalars", scalar_offset(e, k));
        const char *value = mp__emit_let(e, "load %s, ptr %%acc%d", type, k);
        mp__emit_line(e, "store %s %s, ptr %s, align 8", type, value, to);
    }
}
