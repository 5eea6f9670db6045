/* Explanations: a listing of the source with what became of each line. */
#include "native/explain.h"

#include <inttypes.h>
#include <string.h>

#include "core/kernel.h"
#include "native/access.h"
#include "native/line.h"
#include "native/writer.h"

/* A remark, and how often it is to be made. */
typedef struct remark {
    const char *text;
    int count;
} remark;

typedef struct line_notes {
    bool known; /* something is computed there */
    mp_shape_kind worst;
    int nremarks;
    remark *remarks;
} line_notes;

/* Of a node after `infer`. */
typedef struct check_notes {
    int line; /* 0 where it checks nothing */
    int depth;
    bool left;
} check_notes;

struct mp_explain {
    mp_unit *unit;
    const mp_kernel *kernel;
    const mp_proto *proto;
    int ninferred; /* nodes: ids below have been there after `infer` */
    check_notes *checks;
    int ndiverged; /* likewise, after `diverge` */
    bool alone;    /* one item after the other: nothing is shared or masked */
    int nlines;
    line_notes *lines; /* by number; 0: what has none */
};

static int count_lines(const mp_kernel *kernel)
{
    const char *at = kernel->source, *end = at + kernel->size;
    mp_line line;
    int count = 0;
    while (mp__line_next(&at, end, &line))
        count++;
    return count;
}

mp_explain *mp__explain_new(mp_unit *unit, const mp_kernel *kernel,
                            const mp_closure *closure)
{
    mp_explain *explain = mp__unit_alloc(unit, sizeof *explain);
    explain->unit = unit;
    explain->kernel = kernel;
    explain->proto = closure->proto;
    explain->nlines = count_lines(kernel);
    explain->lines = mp__unit_alloc(unit, ((size_t)explain->nlines + 1) *
                                              sizeof *explain->lines);
    return explain;
}

static line_notes *notes_of(mp_explain *explain, int line)
{
    return &explain->lines[line > 0 && line <= explain->nlines ? line : 0];
}

static void add_remark(mp_explain *explain, int line, const char *text)
{
    line_notes *notes = notes_of(explain, line);
    for (int k = 0; k < notes->nremarks; k++) {
        if (strcmp(notes->remarks[k].text, text) == 0) {
            notes->remarks[k].count++;
            return;
        }
    }
    remark made = {text, 1};
    MP_UNIT_PUSH(explain->unit, notes->remarks, notes->nremarks, made);
}

/* ---- notes between passes ----------------------------------------------- */

void mp__explain_inferred(mp_explain *explain, const mp_func *func)
{
    size_t size = (size_t)func->nnodes;
    explain->ninferred = func->nnodes;
    explain->checks =
        mp__unit_alloc(explain->unit, size * sizeof *explain->checks);
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        for (const mp_node *n = block->first; n != NULL; n = n->next) {
            if (mp__access_checks(func->spec, n))
                explain->checks[n->id] =
                    (check_notes){.line = n->line, .depth = block->depth};
        }
    }
}

/* Whether one way of a branch goes on in its loop, and the other does not. */
static bool leaves(const mp_block *block)
{
    return block->header != NULL &&
           (!mp__ir_in_loop(block->next[0], block->header) ||
            !mp__ir_in_loop(block->next[1], block->header));
}

void mp__explain_diverged(mp_explain *explain, const mp_func *func)
{
    explain->ndiverged = func->nnodes;
    explain->alone = func->spec->lanes == 1;
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        if (block->end != MP_END_BRANCH ||
            block->cond->shape != MP_SHAPE_VARYING)
            continue;
        int line = block->cond->line > 0 ? block->cond->line : block->line;
        add_remark(explain, line,
                   leaves(block) ? "items leave the loop one by one"
                                 : "items part: both ways are run, under "
                                   "masks");
    }
}

/* ---- notes at the end --------------------------------------------------- */

static void note_loop(mp_explain *explain, const mp_block *header)
{
    const mp_node *mask = header->mask;
    if (explain->alone)
        return;
    const char *text = "a loop of the same rounds for all items";
    if (mask != NULL && mask->op == MP_OP_PHI && mask->block == header)
        text = "a loop that goes on while an item is left, under a mask";
    else if (mask != NULL)
        text = "a loop of the same rounds for all items under its mask";
    add_remark(explain, header->line, text);
}

/* What `mask` has made tells of masks, not of the line. */
static void note_shape(mp_explain *explain, const mp_node *node)
{
    if (node->id >= explain->ndiverged || node->type == MP_TYPE_NONE ||
        node->op == MP_OP_CONST || node->op == MP_OP_REF ||
        node->op == MP_OP_PARAM || node->op == MP_OP_PHI || explain->alone)
        return;
    line_notes *notes = notes_of(explain, node->line);
    if (!notes->known || node->shape > notes->worst)
        notes->worst = node->shape;
    notes->known = true;
}

/* The name of a parameter in the source. */
static const char *name_of(const mp_explain *explain, int param)
{
    const char *name = NULL;
    if (param < explain->proto->nparams)
        name = mp__proto_local(explain->proto, param, 0);
    if (name != NULL)
        return name;
    return mp__write_text(explain->unit, "argument %d", param + 1);
}

static void note_access(mp_explain *explain, const mp_func *func,
                        const mp_node *node)
{
    const char *name = node->nargs > 0 && node->args[0]->type == MP_TYPE_ARRAY
                           ? name_of(explain, node->args[0]->root)
                           : "";
    mp_writer text = {.unit = explain->unit};
    mp__access_describe(func->spec, node, name, &text);
    if (text.size == 0)
        return;
    check_notes *before =
        node->id < explain->ninferred ? &explain->checks[node->id] : NULL;
    if (before != NULL && before->line > 0) {
        before->left = true;
        if (node->block->depth < before->depth)
            mp__write(&text, ", before the loop");
    }
    if (node->mask != NULL)
        mp__write(&text, ", under a mask");
    add_remark(explain, node->line, text.text);
}

static void note_all(mp_explain *explain, const mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        if (block->header == block)
            note_loop(explain, block);
        for (const mp_node *n = block->first; n != NULL; n = n->next) {
            note_shape(explain, n);
            note_access(explain, func, n);
        }
    }
    for (int k = 0; k < explain->ninferred; k++) {
        const check_notes *check = &explain->checks[k];
        if (check->line > 0 && !check->left)
            add_remark(explain, check->line,
                       "a check is gone: it was made before, or never fails");
    }
}

/* ---- writing ------------------------------------------------------------ */

static void print_head(const mp_explain *explain, const mp_func *func, FILE *to)
{
    const mp_spec *spec = func->spec;
    fprintf(to, "kernel '%s' runs as native code for %s, ",
            explain->kernel->name, mp_isa_name(spec->isa));
    if (spec->lanes > 1)
        fprintf(to, "%d items at once\n", spec->lanes);
    else
        fprintf(to, "one item after the other\n");
    for (int k = 0; k < spec->nparams; k++) {
        mp_writer text = {.unit = explain->unit};
        mp__access_param(spec, k, &text);
        fprintf(to, "  %s: %s\n", name_of(explain, k), text.text);
    }
    for (int k = 0; spec->form == MP_FORM_MAP && k < spec->noutputs; k++) {
        const mp_output *output = &spec->outputs[k];
        fprintf(to, "  result %d: %s, %s\n", k + 1,
                mp_dtype_name(output->dtype),
                output->layout == MP_LAYOUT_PACKED ? "packed" : "strided");
    }
}

static void print_remarks(const line_notes *notes, int indent, FILE *to)
{
    for (int k = 0; k < notes->nremarks; k++) {
        const remark *r = &notes->remarks[k];
        fprintf(to, "%14s| %*s^ %s", "", indent, "", r->text);
        if (r->count > 1)
            fprintf(to, " (%d times)", r->count);
        fputc('\n', to);
    }
}

void mp__explain_print(mp_explain *explain, const mp_func *func, FILE *to)
{
    static const char *const shapes[] = {
        [MP_SHAPE_UNIFORM] = "uniform",
        [MP_SHAPE_LINEAR] = "linear",
        [MP_SHAPE_VARYING] = "varying",
    };
    note_all(explain, func);
    print_head(explain, func, to);
    const char *at = explain->kernel->source;
    const char *end = at + explain->kernel->size;
    mp_line line;
    for (int k = 1; mp__line_next(&at, end, &line); k++) {
        const line_notes *notes = &explain->lines[k];
        char gutter[40];
        snprintf(gutter, sizeof gutter, "%5d %-7s |", k,
                 notes->known ? shapes[notes->worst] : "");
        mp__line_print(line, gutter, to);
        print_remarks(notes, mp__line_column(line, mp__line_indent(line)), to);
    }
}
