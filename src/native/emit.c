/* LLVM IR: a function that runs a kernel for all items of a frame.
 *
 *     define i32 @kernel(ptr %frame) {
 *     entry:     what is the same for all items is loaded and worked out
 *     strip:     some thousand items; then the flag to stop is looked at
 *     vector:    as many items as there are lanes, from %i on
 *       fast:      of a whole vector, or
 *       rest:      of the last items; in a map these are for rest.c
 *     items:     elements are loaded
 *     b0: ...    the kernel's blocks
 *     next:      the next vector
 *     again: done: stopped: fail:
 *     }
 *
 * The kernel is there once, for whole vectors and for the rest, but for small
 * reductions and runs without branches. Lanes past the last item are off by
 * %lanes, or work on a copy of the vector's first, and what comes out of them
 * is not stored. */
#include <stdarg.h>
#include <string.h>

#include "native/abi.h"
#include "native/cost.h"
#include "native/emit.h"
#include "native/passes.h"
#include "native/rest.h"

/* Items from one look at the flag to the next, at most: a multiple of all
 * lanes. */
#define STRIP 4096
/* What a strip, or code without a loop, may take before the next look: ns, at
 * worst. */
#define LONG 1000000

/* ---- lines -------------------------------------------------------------- */

void mp__emit_line(mp_emit *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mp__write_bytes(e->out, "  ", 2);
    mp__write_args(e->out, format, args);
    mp__write_bytes(e->out, "\n", 1);
    va_end(args);
}

const char *mp__emit_let(mp_emit *e, const char *format, ...)
{
    const char *name = mp__write_text(e->unit, "%%t%d", e->temps++);
    va_list args;
    va_start(args, format);
    mp__write(e->out, "  %s = ", name);
    mp__write_args(e->out, format, args);
    mp__write_bytes(e->out, "\n", 1);
    va_end(args);
    return name;
}

const char *mp__emit_new_label(mp_emit *e)
{
    return mp__write_text(e->unit, "l%d", e->labels++);
}

void mp__emit_label(mp_emit *e, const char *label)
{
    mp__write(e->out, "%s:\n", label);
    e->label = label;
}

void mp__emit_branch(mp_emit *e, const char *cond, const char *then,
                     const char *other)
{
    mp__emit_line(e, "br i1 %s, label %%%s, label %%%s", cond, then, other);
}

void mp__emit_rare(mp_emit *e, const char *cond, const char *then,
                   const char *other)
{
    mp__emit_line(e, "br i1 %s, label %%%s, label %%%s, !prof !0", cond, then,
                  other);
}

void mp__emit_likely(mp_emit *e, const char *cond, const char *then,
                     const char *other)
{
    mp__emit_line(e, "br i1 %s, label %%%s, label %%%s, !prof !1", cond, then,
                  other);
}

void mp__emit_jump(mp_emit *e, const char *label)
{
    mp__emit_line(e, "br label %%%s", label);
}

/* ---- before ------------------------------------------------------------- */

/* Whether a node's operands are used lane by lane. */
static bool wants_vectors(const mp_emit *e, const mp_node *node)
{
    return mp__emit_is_wide(e, node) || node->op == MP_OP_STORE ||
           node->op == MP_OP_TSTORE || node->op == MP_OP_RESULT;
}

static void look_at(mp_emit *e, const mp_node *node)
{
    if (node->mask != NULL)
        e->wanted[node->mask->id] = true;
    if (node->op == MP_OP_STORE && e->spec->form == MP_FORM_MAP)
        e->partial = true;
    if (!wants_vectors(e, node))
        return;
    bool access = node->op == MP_OP_LOAD || node->op == MP_OP_STORE;
    bool scalar =
        node->op == MP_OP_TLOAD || node->op == MP_OP_TSTORE ||
        (access && (mp__emit_is_run(e, node) || mp__emit_moves(e, node)));
    int first = scalar ? 2 : 0;
    if (node->op == MP_OP_RANGE)
        first = 1;
    for (int k = first; k < node->nargs; k++)
        e->wanted[node->args[k]->id] = true;
}

/* Whether a node is the same for all vectors: it is worked out before them,
 * checks and all, if it is for each item in any case. */
static bool is_once(const mp_emit *e, const mp_node *node)
{
    if (node->op == MP_OP_PARAM) {
        const mp_param *param = &e->spec->params[node->as.index];
        return param->kind == MP_PARAM_UNIFORM ||
               param->kind == MP_PARAM_ARRAY ||
               (param->kind == MP_PARAM_CORE &&
                param->layout == MP_LAYOUT_SAME) ||
               (param->kind == MP_PARAM_INDEX &&
                param->dim < e->spec->ndim - 1);
    }
    if (node->op == MP_OP_LEN)
        return true;
    if (node->op == MP_OP_PHI || node->op == MP_OP_POLL ||
        node->op == MP_OP_ENTRY_MASK || node->mask != NULL ||
        (mp__ir_effects(node->op) & (MP_EFFECT_R | MP_EFFECT_W)) != 0)
        return false;
    if (node->shape != MP_SHAPE_UNIFORM)
        return false;
    for (int k = node->op == MP_OP_RANGE ? 1 : 0; k < node->nargs; k++) {
        if (!e->once[node->args[k]->id])
            return false;
    }
    return true;
}

/* What is to be known of a function before its first line is written. */
static void look(mp_emit *e)
{
    e->partial = e->spec->masked || e->spec->form != MP_FORM_MAP;
    for (int k = 0; k < e->func->norder; k++) {
        const mp_node *node = e->func->order[k]->first;
        for (; node != NULL; node = node->next)
            look_at(e, node);
    }
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next)
        e->once[node->id] = is_once(e, node);
    e->split = mp__emit_splits(e);
    e->twice = mp__emit_is_twice(e);
}

static void init(mp_emit *e, mp_func *func)
{
    mp_unit *unit = func->unit;
    size_t nnodes = (size_t)func->nnodes + 1;
    size_t nblocks = (size_t)func->norder + 1;
    *e = (mp_emit){
        .func = func,
        .spec = func->spec,
        .unit = unit,
        .lanes = func->spec->lanes < 1 ? 1 : func->spec->lanes,
        .text.unit = unit,
        .fail_line.unit = unit,
        .fail_item.unit = unit,
        .tables.unit = unit,
        .blocks = mp__unit_alloc(unit, nblocks * sizeof *e->blocks),
        .ends = mp__unit_alloc(unit, nblocks * sizeof *e->ends),
        .scalars = mp__unit_alloc(unit, nnodes * sizeof *e->scalars),
        .vectors = mp__unit_alloc(unit, nnodes * sizeof *e->vectors),
        .small = mp__unit_alloc(unit, nnodes * sizeof *e->small),
        .singles = mp__unit_alloc(unit, nnodes * sizeof *e->singles),
        .raw = mp__unit_alloc(unit, nnodes * sizeof *e->raw),
        .wanted = mp__unit_alloc(unit, nnodes * sizeof *e->wanted),
        .once = mp__unit_alloc(unit, nnodes * sizeof *e->once),
        .early = mp__unit_alloc(unit, nnodes * sizeof *e->early),
        .ranged = mp__unit_alloc(unit, nnodes * sizeof *e->ranged),
    };
    e->whole = mp__rest_of(func->spec).noperands > 0;
    e->bits = e->lanes == 1 || func->spec->isa == MP_ISA_AVX512;
    for (int k = 0; k < func->norder; k++)
        e->blocks[k].unit = unit;
}

/* ---- blocks ------------------------------------------------------------- */

static bool has_value(const mp_node *node)
{
    return node->type != MP_TYPE_NONE && node->type != MP_TYPE_NIL &&
           node->type != MP_TYPE_REF;
}

/* A PHI's line is written at the end, when all its operands have names. */
static void name_phi(mp_emit *e, const mp_node *node)
{
    if (has_value(node))
        mp__emit_set(e, node, mp__write_text(e->unit, "%%p%d", node->id),
                     mp__emit_is_wide(e, node));
}

static void emit_node(mp_emit *e, const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_PHI:
        name_phi(e, node);
        break;
    case MP_OP_PARAM:
    case MP_OP_REF:
        break;
    case MP_OP_CONST:
        if (has_value(node))
            mp__emit_set(e, node, mp__emit_use(e, node, false), false);
        break;
    case MP_OP_BUILTIN:
        mp__emit_builtin(e, node);
        break;
    case MP_OP_LEN:
    case MP_OP_SIZE:
    case MP_OP_ROW:
    case MP_OP_LOAD:
    case MP_OP_STORE:
    case MP_OP_RANGE:
    case MP_OP_ITEM:
        mp__emit_array_op(e, node);
        break;
    case MP_OP_TINDEX:
    case MP_OP_TGROW:
        mp__emit_table_index(e, node);
        break;
    case MP_OP_TLOAD:
    case MP_OP_TSTORE:
        mp__emit_table_op(e, node);
        break;
    case MP_OP_RESULT:
        MP_UNIT_PUSH(e->unit, e->results, e->nresults, node);
        break;
    default:
        if (node->op == MP_OP_POLL || node->op == MP_OP_EXPECT ||
            has_value(node))
            mp__emit_op(e, node);
    }
}

static const char *block_label(mp_emit *e, const mp_block *block)
{
    return mp__write_text(e->unit, "b%d", block->order);
}

static void emit_end(mp_emit *e, const mp_block *block)
{
    switch (block->end) {
    case MP_END_JUMP:
        mp__emit_jump(e, block_label(e, block->next[0]));
        break;
    case MP_END_BRANCH:
        mp__emit_branch(e, mp__emit_use(e, block->cond, false),
                        block_label(e, block->next[0]),
                        block_label(e, block->next[1]));
        break;
    case MP_END_NONE:
    case MP_END_RETURN:
        mp__emit_results(e);
        mp__emit_jump(e, "next");
        break;
    }
}

static void emit_nodes(mp_emit *e, const mp_block *block)
{
    for (const mp_node *node = block->first; node != NULL; node = node->next) {
        if (e->once[node->id] || e->early[node->id])
            continue;
        emit_node(e, node);
        e->cost += mp__cost_of_node(e->func, node);
        if (e->cost > LONG && node->op != MP_OP_PHI)
            mp__emit_look(e);
    }
    emit_end(e, block);
}

static void emit_block(mp_emit *e, const mp_block *block)
{
    e->out = &e->blocks[block->order];
    e->label = block_label(e, block);
    if (e->split)
        mp__emit_split(e, block, emit_nodes);
    else if (e->twice)
        mp__emit_twice(e, block, emit_nodes);
    else
        emit_nodes(e, block);
    e->ends[block->order] = e->label;
}

static void write_phi(mp_emit *e, const mp_node *node)
{
    bool wide = mp__emit_is_wide(e, node);
    mp__write(&e->text, "  %%p%d = phi %s", node->id,
              mp__emit_type(e, node->type, wide));
    for (int k = 0; k < node->nargs; k++)
        mp__write(&e->text, "%s [ %s, %%%s ]", k == 0 ? "" : ",",
                  mp__emit_use(e, node->args[k], wide),
                  e->ends[node->block->preds[k]->order]);
    mp__write(&e->text, "\n");
}

static void write_block(mp_emit *e, const mp_block *block)
{
    mp__write(&e->text, "%s:\n", block_label(e, block));
    const mp_node *node = block->first;
    for (; node != NULL && node->op == MP_OP_PHI; node = node->next) {
        if (has_value(node))
            write_phi(e, node);
    }
    const mp_writer *code = &e->blocks[block->order];
    mp__write_bytes(&e->text, code->text, code->size);
}

/* ---- around the blocks -------------------------------------------------- */

/* What fails here fails for the first item. */
static void emit_once(mp_emit *e)
{
    e->item = "0";
    const mp_node *node = e->func->entry->first;
    for (; node != NULL; node = node->next) {
        if (!e->once[node->id])
            continue;
        if (node->op == MP_OP_PARAM)
            mp__emit_param(e, node);
        else
            emit_node(e, node);
    }
}

/* A multiple of the lanes, too. */
static int strip_length(const mp_emit *e)
{
    int length = STRIP;
    int64_t cost = mp__cost_of_round(e->func, NULL);
    while (length > e->lanes && length / e->lanes * cost > LONG)
        length /= 2;
    return length;
}

/* LLVM finds out too late that there are registers to be saved on the stack,
 * and then leaves it as it is: what crosses the lines of a cache there makes a
 * kernel half as fast. */
static const char *alignment(const mp_emit *e)
{
    if (e->lanes == 1 || e->spec->isa < MP_ISA_AVX2)
        return "";
    return e->spec->isa == MP_ISA_AVX2 ? " alignstack(32)" : " alignstack(64)";
}

static void write_start(mp_emit *e)
{
    e->out = &e->text;
    mp__write(&e->text, "define i32 @kernel(ptr %%frame)%s nounwind {\n",
              alignment(e));
    mp__emit_label(e, "entry");
    mp__emit_prologue(e);
    emit_once(e);
    const char *begin = e->split ? mp__emit_split_once(e) : "0";
    const char *first = e->label;
    mp__emit_jump(e, "strip");
    mp__emit_label(e, "strip");
    mp__emit_line(e, "%%start = phi i64 [ %s, %%%s ], [ %%end, %%look ]", begin,
                  first);
    int length = strip_length(e);
    mp__emit_line(e, "%%full = add i64 %%start, %d", length);
    mp__emit_line(e, "%%short = icmp sle i64 %%count, %%full");
    mp__emit_line(e, "%%end = select i1 %%short, i64 %%count, i64 %%full");
    mp__emit_fetch_pages(e, length);
    const char *before = e->label;
    mp__emit_jump(e, "vector");
    mp__emit_label(e, "vector");
    mp__emit_line(e, "%%i = phi i64 [ %%start, %%%s ], [ %%j, %%next ]",
                  before);
    mp__emit_elements(e);
    mp__emit_jump(e, "b0");
}

static void write_finish(mp_emit *e)
{
    e->out = &e->text;
    mp__emit_label(e, "next");
    mp__emit_line(e, "%%j = add i64 %%i, %d", e->lanes);
    mp__emit_line(e, "%%more = icmp slt i64 %%j, %%end");
    mp__emit_branch(e, "%more", "vector", "again");
    mp__emit_label(e, "again");
    mp__emit_branch(e, "%short", "done", "look");
    mp__emit_label(e, "look");
    mp__emit_line(e, "%%flag = load volatile i32, ptr %%stop");
    mp__emit_line(e, "%%go = icmp eq i32 %%flag, 0");
    mp__emit_branch(e, "%go", "strip", "stopped");
    mp__emit_label(e, "stopped");
    mp__emit_line(e, "ret i32 %d", MP_NATIVE_STOPPED);
    mp__emit_label(e, "done");
    mp__emit_epilogue(e);
    mp__emit_line(e, "ret i32 %d", MP_NATIVE_DONE);
}

static void write_failure(mp_emit *e)
{
    if (e->fail_line.size == 0)
        return;
    mp__emit_label(e, "fail");
    mp__emit_line(e, "%%line = phi i64 %s", e->fail_line.text);
    mp__emit_line(e, "%%item = phi i64 %s", e->fail_item.text);
    mp__emit_line(e, "%%failed = getelementptr i8, ptr %%frame, i64 %zu",
                  offsetof(mp_frame, failed));
    mp__emit_line(e, "store i64 %%item, ptr %%failed");
    mp__emit_line(e, "%%where = getelementptr i8, ptr %%frame, i64 %zu",
                  offsetof(mp_frame, line));
    mp__emit_line(e, "store i64 %%line, ptr %%where");
    mp__emit_epilogue(e);
    mp__emit_line(e, "ret i32 %d", MP_NATIVE_FAILED);
}

const char *mp__emit_run(mp_func *func, size_t *size)
{
    mp_emit *e = mp__unit_alloc(func->unit, sizeof *e);
    mp__ir_order(func);
    init(e, func);
    look(e);
    write_start(e);
    for (int k = 0; k < func->norder; k++)
        emit_block(e, func->order[k]);
    for (int k = 0; k < func->norder; k++)
        write_block(e, func->order[k]);
    write_finish(e);
    write_failure(e);
    mp__write(&e->text, "}\n");
    if (e->tables.size > 0)
        mp__write_bytes(&e->text, e->tables.text, e->tables.size);
    mp__emit_helpers(e);
    mp__write(&e->text, "!0 = !{!\"branch_weights\", i32 1, i32 1048575}\n"
                        "!1 = !{!\"branch_weights\", i32 1048575, i32 1}\n"
                        "!2 = !{i32 1}\n");
    *size = e->text.size;
    return e->text.text;
}
