/* The native tier as Python sees it. */
#include "native.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "errors.h"
#include "kernel.h"
#include "launch.h"

/* (line, what, hint) */
static PyObject *refusal_object(const mp_refusal *refusal)
{
    PyObject *what = PyUnicode_DecodeUTF8(
        refusal->what, (Py_ssize_t)strlen(refusal->what), "replace");
    PyObject *hint = PyUnicode_DecodeUTF8(
        refusal->hint, (Py_ssize_t)strlen(refusal->hint), "replace");
    return Py_BuildValue("iNN", refusal->line, what, hint);
}

/* ---- types -------------------------------------------------------------- */

/* One mp_map_types(). */
typedef struct asking {
    mp_pool *pool;
    mp_map_spec spec;
    mp_arg args[MP_MAX_ARGS];
    bool known; /* nothing is to be found out that takes long */
    int nouts;
    bool put_off;
    mp_dtype dtypes[MP_MAX_ARGS];
    mp_refusal refusal;
    mp_status status;
    mp_error err;
} asking;

static void ask(void *ud)
{
    asking *a = ud;
    if (!a->known)
        a->status = mp_map_types(a->pool, &a->spec, &a->nouts, a->dtypes,
                                 &a->refusal, &a->err);
    else if (!mp_map_types_known(a->pool, &a->spec, &a->nouts, a->dtypes))
        a->put_off = true;
}

static PyObject *codes_object(const asking *a)
{
    char codes[MP_MAX_ARGS];
    for (int k = 0; k < a->nouts; k++) {
        mp_dtype dtype = a->dtypes[k];
        codes[k] = 'd';
        if (dtype == MP_BOOL)
            codes[k] = '?';
        else if (dtype < MP_FLOAT16)
            codes[k] = 'q';
    }
    return PyUnicode_FromStringAndSize(codes, a->nouts > 0 ? a->nouts : 0);
}

PyObject *mpy_native_types(PyObject *object, PyObject *const *args,
                           Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mpy_state *state = pool->state;
    mpy_operands *inputs, *vectors;
    asking a = {.pool = pool->pool, .known = nargs > 3 && args[3] == Py_True};
    if (mpy_launch_count(nargs, 4) < 0 ||
        (a.spec.kernel = mpy_kernel_of(state, args[0])) == NULL ||
        (inputs = mpy_operands_of(state, args[1])) == NULL ||
        mpy_launch_optional(state, args[2], &vectors) < 0)
        return NULL;
    if (pool->pool == NULL)
        return PyUnicode_FromString("");
    mp_view *outs = vectors != NULL ? mpy_operands_views(vectors) : NULL;
    if (vectors != NULL && outs == NULL)
        return NULL;
    mpy_operands_args(inputs, a.args);
    a.spec.nargs = (int)inputs->count;
    a.spec.args = a.args;
    a.spec.nouts = vectors != NULL ? (int)vectors->count : 0;
    a.spec.outs = outs;
    /* Until it returns nobody may free the views; nor the pool, which the call
     * has been counted into, and which may be closed by now. */
    mpy_operands_lock(inputs);
    mpy_unlocked(ask, &a);
    mpy_operands_unlock(inputs);
    PyMem_Free(outs);
    /* The probe of a kernel that has to be compiled would be in vain. */
    bool refused = a.status == MP_OK && !a.put_off && a.nouts < 0 &&
                   pool->native == MPY_NATIVE_REQUIRED;
    if (a.put_off || (a.known && refused))
        Py_RETURN_NONE;
    if (refused)
        a.status = mp_refusal_error(&a.refusal, a.spec.kernel, &a.err);
    if (a.status == MP_OK)
        return codes_object(&a);
    mpy_error_raise(state, &a.err, NULL, MPY_UNIT_ELEMENT);
    return NULL;
}

/* ---- texts -------------------------------------------------------------- */

/* One mp_map_show(), mp_run_show() or, with accumulators, mp_reduce_show(). */
typedef struct showing {
    mp_kernel *kernel;
    int nargs, ndim, naccs;
    mp_combine combine;
    mp_value init[MP_MAX_ARGS];
    mp_arg args[MP_MAX_ARGS];
    mp_view views[MP_MAX_ARGS];
    mp_native_options options;
    mp_stage stage;
    char *text;
    size_t size;
    mp_refusal refusal;
    mp_status status;
    mp_error err;
} showing;

static void show(void *ud)
{
    showing *s = ud;
    mp_map_spec map = {.kernel = s->kernel, .nargs = s->nargs, .args = s->args};
    mp_run_spec run = {.kernel = s->kernel, .nargs = s->nargs, .args = s->args};
    run.extent.ndim = s->ndim;
    for (int d = 0; d < s->ndim; d++)
        run.extent.extent[d] = 1;
    mp_reduce_spec reduce = {.kernel = s->kernel,
                             .nargs = s->nargs,
                             .args = s->args,
                             .naccs = s->naccs,
                             .init = s->init,
                             .combine = s->combine};
    if (s->naccs > 0)
        s->status = mp_reduce_show(&reduce, &s->options, s->stage, &s->text,
                                   &s->size, &s->refusal, &s->err);
    else if (s->ndim > 0)
        s->status = mp_run_show(&run, &s->options, s->stage, &s->text, &s->size,
                                &s->refusal, &s->err);
    else
        s->status = mp_map_show(&map, &s->options, s->stage, &s->text, &s->size,
                                &s->refusal, &s->err);
}

static int find_dtype(char code, mp_dtype *out)
{
    static const char codes[] = {
#define CODE(name, text, type, size, code) code,
        MP_DTYPE_TABLE(CODE)
#undef CODE
    };
    const char *at = memchr(codes, code, sizeof codes);
    if (at == NULL)
        return -1;
    *out = (mp_dtype)(at - codes);
    return 0;
}

static mp_kind kind_of(mp_dtype dtype)
{
    if (dtype == MP_BOOL)
        return MP_KIND_BOOL;
    return dtype < MP_FLOAT16 ? MP_KIND_INT : MP_KIND_FLOAT;
}

/* Reads "ed", "ad2", "vq" or, of an accumulator, "cd"; "Ed" and "Ad2" are in
 * the other byte order. */
static int read_type(showing *s, const char *text)
{
    mp_arg *arg = &s->args[s->nargs];
    mp_view *view = &s->views[s->nargs];
    mp_dtype dtype;
    size_t size = strlen(text);
    bool array = text[0] == 'a' || text[0] == 'A';
    int ndim = size == 3 && array ? text[2] - '0' : 0;
    if (size < 2 || size > 3 || (size == 3) != array ||
        find_dtype(text[1], &dtype) < 0 || ndim < 0 || ndim > 9) {
        PyErr_Format(PyExc_ValueError, "%s is no type", text);
        return -1;
    }
    if (text[0] == 'c') {
        s->init[s->naccs++].kind = kind_of(dtype);
        return 0;
    }
    s->nargs++;
    *arg = (mp_arg){.view = NULL};
    if (text[0] == 'v') {
        arg->value.kind = kind_of(dtype);
        return 0;
    }
    const int64_t shape[9] = {2, 2, 2, 2, 2, 2, 2, 2, 2};
    mp_error err;
    if (mp_view_init(view, NULL, dtype, ndim, shape, &err) != MP_OK) {
        PyErr_SetString(PyExc_ValueError, err.message);
        return -1;
    }
    view->swapped = text[0] == 'A' || text[0] == 'E';
    arg->view = view;
    return 0;
}

static int read_types(showing *s, PyObject *types)
{
    Py_ssize_t count = PyTuple_Size(types);
    if (count < 0)
        return -1;
    if (count > MP_MAX_ARGS) {
        PyErr_SetString(PyExc_ValueError, "too many types");
        return -1;
    }
    for (Py_ssize_t k = 0; k < count; k++) {
        const char *text =
            PyUnicode_AsUTF8AndSize(PyTuple_GetItem(types, k), NULL);
        if (text == NULL || read_type(s, text) < 0)
            return -1;
    }
    return 0;
}

/* The number of a name, or -1 with an exception. */
static int find_name(PyObject *object, const char *(*name)(int), int count)
{
    const char *text = PyUnicode_AsUTF8AndSize(object, NULL);
    if (text == NULL)
        return -1;
    for (int k = 0; k < count; k++) {
        if (strcmp(text, name(k)) == 0)
            return k;
    }
    PyErr_Format(PyExc_ValueError, "there is no %R", object);
    return -1;
}

static const char *isa_name(int isa)
{
    return mp_isa_name((mp_isa)isa);
}

static const char *stage_name(int stage)
{
    return mp_stage_name((mp_stage)stage);
}

int mpy_native_isa(PyObject *name)
{
    return find_name(name, isa_name, MP_ISA_AVX512 + 1);
}

static int read_showing(showing *s, mpy_state *state, PyObject *const *args)
{
    s->kernel = mpy_kernel_of(state, args[0]);
    if (s->kernel == NULL || read_types(s, args[1]) < 0)
        return -1;
    long ndim = PyLong_AsLong(args[2]);
    if (ndim == -1 && PyErr_Occurred())
        return -1;
    s->ndim = ndim < 0 || ndim > 9 ? 9 : (int)ndim;
    mp_native_options_init(&s->options, NULL);
    int isa = mpy_native_isa(args[3]);
    if (isa < 0)
        return -1;
    s->options.isa = (mp_isa)isa;
    int stage = find_name(args[4], stage_name, MP_STAGE_EXPLAIN + 1);
    if (stage < 0)
        return -1;
    s->stage = (mp_stage)stage;
    int lanes = PyObject_IsTrue(args[5]);
    s->combine = lanes > 0 ? MP_COMBINE_ADD : MP_COMBINE_NONE;
    return lanes < 0 ? -1 : 0;
}

PyObject *mpy_native_show(PyObject *module, PyObject *const *args,
                          Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    if (mpy_launch_count(nargs, 6) < 0)
        return NULL;
    showing *s = PyMem_Calloc(1, sizeof *s);
    if (s == NULL)
        return PyErr_NoMemory();
    PyObject *result = NULL;
    if (read_showing(s, state, args) == 0) {
        mpy_unlocked(show, s);
        if (s->status != MP_OK)
            mpy_error_raise(state, &s->err, NULL, MPY_UNIT_ELEMENT);
        else if (s->text == NULL)
            result = refusal_object(&s->refusal);
        else
            result =
                PyUnicode_DecodeUTF8(s->text, (Py_ssize_t)s->size, "replace");
    }
    free(s->text);
    PyMem_Free(s);
    return result;
}

PyObject *mpy_native_describe(PyObject *module, PyObject *const *args,
                              Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    const char *what, *hint;
    mp_refusal refusal;
    if (mpy_launch_count(nargs, 4) < 0)
        return NULL;
    mp_kernel *kernel = mpy_kernel_of(state, args[0]);
    long line = kernel != NULL ? PyLong_AsLong(args[1]) : -1;
    if (kernel == NULL || (line == -1 && PyErr_Occurred()) ||
        (what = PyUnicode_AsUTF8AndSize(args[2], NULL)) == NULL ||
        (hint = PyUnicode_AsUTF8AndSize(args[3], NULL)) == NULL)
        return NULL;
    refusal.line = line < 0 || line > INT_MAX ? 0 : (int)line;
    snprintf(refusal.what, sizeof refusal.what, "%s", what);
    snprintf(refusal.hint, sizeof refusal.hint, "%s", hint);
    char *text;
    size_t size;
    mp_error err;
    if (mp_refusal_text(&refusal, kernel, &text, &size, &err) != MP_OK)
        return PyErr_NoMemory();
    PyObject *result = PyUnicode_DecodeUTF8(text, (Py_ssize_t)size, "replace");
    free(text);
    return result;
}

/* ---- warnings ----------------------------------------------------------- */

/* How many items make a job a large one. */
#define LARGE 100000

int mpy_native_warn(mpy_job *job)
{
    const mp_refusal *refusal = mp_job_refusal(job->job);
    if (refusal == NULL || job->kernel == NULL)
        return 0;
    mpy_kernel *kernel = (mpy_kernel *)job->kernel;
    int64_t done, total;
    mp_job_progress(job->job, &done, &total);
    if (total < LARGE || kernel->warned)
        return 0;
    kernel->warned = true;
    PyObject *module = PyImport_ImportModule("moonpool._native");
    if (module == NULL)
        return -1;
    PyObject *result = PyObject_CallMethod(
        module, "warn_interpreted", "ONO", job->kernel, refusal_object(refusal),
        job->owner != NULL ? job->owner : Py_None);
    Py_DECREF(module);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}
