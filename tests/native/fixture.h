/* What the tests of src/native share: kernels from Lua source, specialisations
 * from a short notation, and dumps of what passes leave. */
#ifndef MP_TESTS_NATIVE_FIXTURE_H
#define MP_TESTS_NATIVE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernel.h"
#include "native/passes.h"
#include "native/reader.h"
#include "native/unit.h"

/* ---- specialisations ---------------------------------------------------- */

/* The notation: parameters, "->", outputs, with spaces between them.
 *
 *     f8 f4 i1 u2 b1    an element of that dtype
 *     =f =i =b =nil     a uniform value
 *     [f8] [f8,2]       an array, of rank 1 or of that rank
 *     r[f8]             one that is read-only
 *     {f8} {f8,2}       an input's core dimensions: packed arrays at any
 *                       distances from item to item
 *     p{f8} s{f8}       ones that begin one element apart, or all the same
 *     w{f8}             an output's
 *     #                 an index: of a run
 *     @f @i @b          an accumulator: of a reduction
 *     @ie               one that begins as an integer that a float holds
 *     -> f8 i4          outputs of those dtypes
 *     -> ?              outputs, as many as the kernel returns
 *
 * One lane, and the widest float among the arguments for open outputs. */
static inline mp_dtype spec_dtype(const char *text)
{
    static const struct {
        char code[3];
        mp_dtype dtype;
    } rows[] = {
        {"b1", MP_BOOL},    {"i1", MP_INT8},    {"u1", MP_UINT8},
        {"i2", MP_INT16},   {"u2", MP_UINT16},  {"i4", MP_INT32},
        {"u4", MP_UINT32},  {"i8", MP_INT64},   {"u8", MP_UINT64},
        {"f2", MP_FLOAT16}, {"f4", MP_FLOAT32}, {"f8", MP_FLOAT64},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (strncmp(rows[k].code, text, 2) == 0)
            return rows[k].dtype;
    }
    fail_msg("no dtype: %s", text);
    return MP_FLOAT64;
}

static inline mp_kind spec_kind(char code)
{
    switch (code) {
    case 'f':
        return MP_KIND_FLOAT;
    case 'i':
        return MP_KIND_INT;
    case 'b':
        return MP_KIND_BOOL;
    default:
        return MP_KIND_NIL;
    }
}

static inline void spec_widen(mp_spec *spec, mp_dtype dtype)
{
    bool first = spec->widest < MP_FLOAT16;
    if (dtype >= MP_FLOAT16 && (first || dtype > spec->widest))
        spec->widest = dtype;
}

static inline void spec_array(mp_spec *spec, mp_param *param, const char *word)
{
    const char *comma = strchr(word, ',');
    const char *open = strpbrk(word, "[{");
    param->kind = *open == '[' ? MP_PARAM_ARRAY : MP_PARAM_CORE;
    param->readonly = *open == '[' ? word[0] == 'r' : word[0] != 'w';
    if (word[0] != 'p')
        param->layout = word[0] == 's' ? MP_LAYOUT_SAME : MP_LAYOUT_STRIDED;
    param->dtype = spec_dtype(open + 1);
    param->rank = comma != NULL ? atoi(comma + 1) : 1;
    param->packed = true;
    spec_widen(spec, param->dtype);
}

static inline void spec_param(mp_spec *spec, const char *word)
{
    mp_param *param = &spec->params[spec->nparams++];
    if (word[0] == '#') {
        param->kind = MP_PARAM_INDEX;
        param->dim = spec->ndim++;
        spec->form = MP_FORM_RUN;
    } else if (word[0] == '=' || word[0] == '@') {
        param->kind = word[0] == '=' ? MP_PARAM_UNIFORM : MP_PARAM_ACC;
        param->scalar = spec_kind(word[1]);
        param->exact = strcmp(word, "@ie") == 0;
        if (word[0] == '@')
            spec->form = MP_FORM_REDUCE;
    } else if (strpbrk(word, "[{") != NULL) {
        spec_array(spec, param, word);
    } else {
        param->kind = MP_PARAM_ELEMENT;
        param->dtype = spec_dtype(word);
        spec_widen(spec, param->dtype);
    }
}

static inline void spec_output(mp_spec *spec, const char *word)
{
    if (word[0] == '?')
        spec->noutputs = -1;
    else
        spec->outputs[spec->noutputs++].dtype = spec_dtype(word);
}

static inline mp_spec make_spec(const char *text)
{
    mp_spec spec = {.form = MP_FORM_MAP, .lanes = 1, .isa = MP_ISA_SCALAR};
    char copy[256], *rest;
    bool outputs = false;
    assert_true(strlen(text) < sizeof copy);
    memcpy(copy, text, strlen(text) + 1);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        if (strcmp(word, "->") == 0)
            outputs = true;
        else if (outputs)
            spec_output(&spec, word);
        else
            spec_param(&spec, word);
    }
    if (spec.widest < MP_FLOAT16)
        spec.widest = MP_FLOAT64;
    return spec;
}

/* ---- compiling ---------------------------------------------------------- */

/* A pass after `build`; lists of them end with NULL. */
typedef void (*compile_pass)(mp_func *func);

typedef struct compiled {
    mp_kernel *kernel;
    mp_kernel *setup; /* or NULL */
    mp_spec spec;
    const compile_pass *passes;
    mp_unit unit;
    mp_status status;
    mp_func *func; /* where it is MP_OK */
} compiled;

/* For mp__unit_run(). The representation must be sound after each pass. */
static inline void compile_body(mp_unit *unit, void *ud)
{
    compiled *c = ud;
    const mp_closure *closure = mp__reader_run(unit, c->kernel, c->setup);
    c->func = mp__build_run(unit, closure, &c->spec);
    mp__ir_verify(c->func);
    for (int k = 0; c->passes != NULL && c->passes[k] != NULL; k++) {
        c->passes[k](c->func);
        mp__ir_verify(c->func);
    }
}

static inline mp_kernel *compile_kernel(const char *source)
{
    mp_error err;
    mp_kernel *kernel;
    if (mp_kernel_new(source, strlen(source), NULL, &kernel, &err) != MP_OK)
        fail_msg("%s: %s", source, err.message);
    return kernel;
}

/* To be freed with compile_free(), whether it was refused or not. `setup` may
 * be NULL. */
static inline compiled *compile_with(const char *setup, const char *source,
                                     const mp_spec *spec,
                                     const compile_pass *passes)
{
    compiled *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->kernel = compile_kernel(source);
    c->setup = setup != NULL ? compile_kernel(setup) : NULL;
    c->spec = *spec;
    c->passes = passes;
    mp__unit_init(&c->unit, (size_t)64 << 20);
    c->status = mp__unit_run(&c->unit, compile_body, c);
    return c;
}

static inline compiled *compile(const char *source, const char *types,
                                const compile_pass *passes)
{
    mp_spec spec = make_spec(types);
    return compile_with(NULL, source, &spec, passes);
}

static inline void compile_free(compiled *c)
{
    mp__unit_destroy(&c->unit);
    mp_kernel_release(c->kernel);
    if (c->setup != NULL)
        mp_kernel_release(c->setup);
    free(c);
}

/* ---- looking ------------------------------------------------------------ */

/* It must have compiled. */
static inline void check_compiled(const char *source, const compiled *c)
{
    if (c->status != MP_OK)
        fail_msg("%s: line %d: %s", source, c->unit.refusal.line,
                 c->unit.refusal.what);
}

/* The first node with an effect, a STORE or RESULT, that stands at a line, or
 * where that is 0 at any. */
static inline const mp_node *effect_at(const mp_func *func, int line)
{
    for (int k = 0; k < func->norder; k++) {
        for (const mp_node *node = func->order[k]->first; node != NULL;
             node = node->next) {
            if ((node->op == MP_OP_STORE || node->op == MP_OP_RESULT) &&
                (line == 0 || node->line == line))
                return node;
        }
    }
    fail_msg("nothing at line %d", line);
    return NULL;
}

/* The dump of a function; the caller frees it. */
static inline char *dump_func(const mp_func *func)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    mp__ir_print(func, file);
    fclose(file);
    return text;
}

/* Compares texts, and shows both where they differ. */
static inline void check_text(const char *source, const char *got,
                              const char *wanted)
{
    if (strcmp(got, wanted) != 0)
        fail_msg("%s\n---- got\n%s---- wanted\n%s----", source, got, wanted);
}

/* The kernel must compile, and its dump be `wanted`. */
static inline void check_dump(const char *source, const char *types,
                              const compile_pass *passes, const char *wanted)
{
    compiled *c = compile(source, types, passes);
    check_compiled(source, c);
    char *got = dump_func(c->func);
    check_text(source, got, wanted);
    free(got);
    compile_free(c);
}

/* It must be refused at that line, for a reason with `text` in it. */
static inline void check_refused(const char *source, const char *types,
                                 const compile_pass *passes, int line,
                                 const char *text)
{
    compiled *c = compile(source, types, passes);
    const mp_refusal *refusal = &c->unit.refusal;
    if (c->status != MP_VALUE)
        fail_msg("%s: status %d, no refusal", source, c->status);
    if (refusal->line != line || strstr(refusal->what, text) == NULL)
        fail_msg("%s: line %d: %s (%s)", source, refusal->line, refusal->what,
                 refusal->hint);
    compile_free(c);
}

#endif
