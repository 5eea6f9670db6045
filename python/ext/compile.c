/* The compiler that the C library is given. */
#include "compile.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "native/object.h"

/* ---- the attic ---------------------------------------------------------- */

/* What keeps compiled code in memory, as the C library knows it: pages of its
 * own, or an object of Python's. */
typedef struct code {
    mp_object *linked; /* owned, or NULL: then there is the rest */
    struct code *next; /* in the attic */
    mpy_attic *attic;  /* one reference */
    PyObject *object;  /* strong */
} code;

struct mpy_attic {
    _Atomic int references;
    _Atomic(code *) first; /* atomic: pushed by any thread, taken as a whole */
};

mpy_attic *mpy_attic_new(void)
{
    mpy_attic *attic = malloc(sizeof *attic);
    if (attic == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    atomic_init(&attic->references, 1);
    atomic_init(&attic->first, NULL);
    return attic;
}

mpy_attic *mpy_attic_retain(mpy_attic *attic)
{
    /* Relaxed: who retains holds a reference already. */
    atomic_fetch_add_explicit(&attic->references, 1, memory_order_relaxed);
    return attic;
}

void mpy_attic_sweep(mpy_attic *attic)
{
    /* Acquire: what others have put there is complete. */
    code *at =
        atomic_exchange_explicit(&attic->first, NULL, memory_order_acquire);
    while (at != NULL) {
        code *next = at->next;
        Py_DECREF(at->object);
        mpy_attic_drop(at->attic);
        free(at);
        at = next;
    }
}

/* Release, then acquire: the last one sees what the others did. What is still
 * in there then outlives its interpreter, and is left alone. */
void mpy_attic_drop(mpy_attic *attic)
{
    if (attic != NULL && atomic_fetch_sub_explicit(&attic->references, 1,
                                                   memory_order_acq_rel) == 1)
        free(attic);
}

/* An mp_compiler.release: any thread, without the GIL. */
static void release(void *handle)
{
    code *c = handle;
    if (c->linked != NULL) {
        mp_object_free(c->linked);
        free(c);
        return;
    }
    c->next = atomic_load_explicit(&c->attic->first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&c->attic->first, &c->next, c,
                                                  memory_order_release,
                                                  memory_order_relaxed))
        continue;
}

/* ---- compiling ---------------------------------------------------------- */

/* Calls moonpool._native.compile_ir(): an object file, as bytes. New
 * reference, or NULL. */
static PyObject *call_compiler(const char *ir, size_t size, mp_isa isa)
{
    PyObject *module = PyImport_ImportModule("moonpool._native");
    if (module == NULL)
        return NULL;
    PyObject *result = PyObject_CallMethod(module, "compile_ir", "y#s", ir,
                                           (Py_ssize_t)size, mp_isa_name(isa));
    Py_DECREF(module);
    return result;
}

/* Links by moonpool._native.link(), which says what keeps the code. */
static mp_status link_by_python(mpy_compiling *c, PyObject *file, code *made,
                                mp_code *out)
{
    unsigned long long address;
    PyObject *object, *result = NULL;
    PyObject *module = PyImport_ImportModule("moonpool._native");
    if (module != NULL)
        result = PyObject_CallMethod(module, "link", "O", file);
    Py_XDECREF(module);
    if (result == NULL ||
        !PyArg_ParseTuple(result, "KO:link", &address, &object)) {
        Py_XDECREF(result);
        return MP_VALUE;
    }
    made->attic = mpy_attic_retain(c->pool->state->attic);
    made->object = Py_NewRef(object);
    Py_DECREF(result);
    *out = (mp_code){.address = (uintptr_t)address, .handle = made};
    return MP_OK;
}

/* Links an object file; an exception where it fails. */
static mp_status take_code(mpy_compiling *c, PyObject *file, mp_code *out)
{
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(file, &bytes, &size) < 0)
        return MP_VALUE;
    code *made = calloc(1, sizeof *made);
    if (made == NULL) {
        PyErr_NoMemory();
        return MP_NO_MEMORY;
    }
    mp_error err;
    mp_status status = mp_object_link(bytes, (size_t)size, &made->linked, &err);
    if (status == MP_OK)
        *out = (mp_code){.address = mp_object_address(made->linked),
                         .handle = made};
    else if (status == MP_VALUE)
        status = link_by_python(c, file, made, out);
    else
        PyErr_NoMemory();
    if (status != MP_OK)
        free(made);
    return status;
}

/* What an exception means: where LLVM is missing or at a loss, the kernel runs
 * interpreted; what has nothing to do with it is raised later. */
static mp_status failed(mpy_compiling *c, mp_error *err)
{
    PyErr_Fetch(&c->type, &c->value, &c->traceback);
    if (!PyErr_GivenExceptionMatches(c->type, PyExc_Exception) ||
        PyErr_GivenExceptionMatches(c->type, PyExc_MemoryError) ||
        PyErr_GivenExceptionMatches(c->type, PyExc_RecursionError))
        return mp_error_set(err, MP_CANCELLED, "an exception was raised");
    PyErr_NormalizeException(&c->type, &c->value, &c->traceback);
    PyObject *text = PyObject_Str(c->value);
    PyObject *bytes = text != NULL
                          ? PyUnicode_AsEncodedString(text, "utf-8", "replace")
                          : NULL;
    const char *message = bytes != NULL ? PyBytes_AsString(bytes) : NULL;
    mp_status status = mp_error_set(err, MP_VALUE, "%s",
                                    message != NULL ? message : "LLVM failed");
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    Py_CLEAR(c->type);
    Py_CLEAR(c->value);
    Py_CLEAR(c->traceback);
    return status;
}

/* An mp_compiler.compile: called inside mpy_unlocked(). */
static mp_status compile(void *ud, const char *ir, size_t size, mp_isa isa,
                         mp_code *out, mp_error *err)
{
    mpy_compiling *c = ud;
    PyEval_RestoreThread(c->thread);
    mpy_attic_sweep(c->pool->state->attic);
    PyObject *result = call_compiler(ir, size, isa);
    mp_status status = MP_VALUE;
    if (result != NULL && c->pool->epoch != c->epoch) {
        /* A signal's handler has forked. Who held the pool's lock then is in
         * the parent: nobody may ask for it here. */
        status = mp_error_set(err, MP_CLOSED, "the process was forked");
    } else {
        if (result != NULL)
            status = take_code(c, result, out);
        if (status != MP_OK)
            status = failed(c, err);
    }
    Py_XDECREF(result);
    c->thread = PyEval_SaveThread();
    return status;
}

/* A kernel is compiled when so many items have been asked for: fewer are done
 * sooner than compiled. */
#define LEAST_ITEMS 2048

void mpy_compile_options(mp_native_options *options, mp_compiler *compiler,
                         mpy_native native, mp_isa isa)
{
    *compiler = (mp_compiler){.compile = compile, .release = release};
    mp_native_options_init(options, compiler);
    options->required = native == MPY_NATIVE_REQUIRED;
    options->least = native == MPY_NATIVE_AUTO ? LEAST_ITEMS : 0;
    options->isa = isa;
}

void mpy_compile_begin(mpy_compiling *c, const mpy_pool *pool)
{
    mpy_compile_options(&c->options, &c->compiler, (mpy_native)pool->native,
                        (mp_isa)pool->isa);
    c->compiler.ud = c;
    c->pool = pool;
    c->epoch = pool->epoch;
    c->thread = PyThreadState_Get();
    c->type = c->value = c->traceback = NULL;
}

bool mpy_compile_raised(mpy_compiling *c)
{
    if (c->type == NULL)
        return false;
    PyErr_Restore(c->type, c->value, c->traceback);
    c->type = c->value = c->traceback = NULL;
    return true;
}
