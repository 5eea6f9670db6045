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

static int count_kind(const mp_spec *spec, int params, mp_param_kind kind)
{
    int count = 0;
    for (int k = 0; k < params; k++)
        count += spec->params[k].kind == kind;
    return count;
}

int mp__emit_operand(const mp_emit *e, int param)
{
    return count_kind(e->spec, param, MP_PARAM_ELEMENT) +
           count_kind(e->spec, param, MP_PARAM_CORE);
}

/* Where a UNIFORM or ACC parameter begins in frame->scalars. */
static size_t scalar_offset(const mp_emit *e, int param)
{
    int uniforms = count_kind(e->spec, param, MP_PARAM_UNIFORM);
    int accs = count_kind(e->spec, param, MP_PARAM_ACC);
    return 8 * ((size_t)uniforms + (size_t)accs * (size_t)e->lanes);
}

/* ---- before the first item ---------------------------------------------- */

/* The address of item 0 and, where they are not packed, the distances. */
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
    const char *step =
        mp__emit_splat(e, "i64", mp__write_text(e->unit, "%%step%d", operand));
    mp__emit_line(e, "%%off%d = mul %s %s, %s", operand,
                  mp__emit_type(e, MP_TYPE_INT, true), mp__emit_iota(e), step);
}

static void load_operands(mp_emit *e)
{
    const mp_spec *spec = e->spec;
    int operand = 0;
    for (int k = 0; k < spec->nparams; k++) {
        const mp_param *p = &spec->params[k];
        if (p->kind == MP_PARAM_ELEMENT)
            load_operand(e, operand++, p->layout);
        else if (p->kind == MP_PARAM_CORE)
            load_operand(e, operand++, MP_LAYOUT_SAME);
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
    mp__emit_line(e, "store i64 %d, ptr %%poll", MP_EMIT_POLL);
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
    mp__emit_line(e, "%%past = getelementptr i8, ptr %%frame, i64 %zu",
                  offsetof(mp_frame, bypass));
    mp__emit_line(e, "%%passing = load i64, ptr %%past");
    mp__emit_line(e, "%%bypass = icmp ne i64 %%passing, 0");
    load_operands(e);
    for (int k = 0; k < e->spec->nparams; k++) {
        mp_param_kind kind = e->spec->params[k].kind;
        if (kind == MP_PARAM_UNIFORM || kind == MP_PARAM_ACC)
            load_scalar(e, k);
    }
    /* Room for the elements of the last items, of which there are too few for
     * a vector. */
    if (e->lanes > 1 && !e->whole)
        mp__emit_line(e, "%%room = alloca <%d x i64>, align 64", e->lanes);
    mp__emit_tables(e);
    mp__emit_arrays(e);
}

/* ---- after the last item ------------------------------------------------ */

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
