/* Small maps without a job. They run no Python code: arguments are plain
 * values, NumPy arrays and memoryviews, or there is a job after all. What is
 * wrong with them that says, too; here nothing is raised but MemoryError. */
#include "shortcut.h"

#include "compile.h"
#include "format.h"
#include "kernel.h"
#include "numpy.h"
#include "value.h"

/* Arguments and outputs; see MP_ROW_OPERANDS in src/pool/row.h. */
#define MOST 8

typedef struct brief {
    mpy_pool *pool;
    mpy_kernel *kernel;
    mp_map_spec spec;
    bool numpy;  /* an argument is NumPy's */
    bool arrays; /* an argument is an array */
    mp_native_options options;
    mp_compiler compiler;
    int nbuffers;
    Py_buffer buffers[MOST];
    int nviews;
    mp_view views[MOST]; /* of arguments, then of outputs */
    mp_arg args[MOST];
    bool entered; /* the pool; under `use` */
    mpy_use use;
} brief;

static void give_back(brief *b)
{
    while (b->nbuffers > 0)
        PyBuffer_Release(&b->buffers[--b->nbuffers]);
}

/* Takes the buffer of one more array; false where it is none, or cannot be
 * used. */
static bool take_array(brief *b, PyObject *object)
{
    mpy_state *state = b->pool->state;
    bool numpy = mpy_numpy_is_array(state, object);
    if ((!numpy && !PyMemoryView_Check(object)) || b->nviews == MOST)
        return false;
    Py_buffer *buffer = &b->buffers[b->nbuffers];
    if (PyObject_GetBuffer(object, buffer, PyBUF_FULL_RO) < 0) {
        PyErr_Clear();
        return false;
    }
    b->nbuffers++;
    b->arrays = true;
    b->numpy |= numpy;
    if (mpy_format_view(buffer, object, &b->views[b->nviews]) < 0) {
        PyErr_Clear();
        return false;
    }
    b->nviews++;
    return true;
}

static bool take_args(brief *b, PyObject *const *args, Py_ssize_t nargs)
{
    for (Py_ssize_t k = 0; k < nargs; k++) {
        mp_arg *arg = &b->args[k];
        if (take_array(b, args[k])) {
            arg->view = &b->views[b->nviews - 1];
            continue;
        }
        arg->view = NULL;
        int found = mpy_value_read(args[k], &arg->value);
        if (found < 0)
            PyErr_Clear();
        if (found <= 0)
            return false;
    }
    b->spec.nargs = (int)nargs;
    b->spec.args = b->args;
    return true;
}

/* Whether the pool is there, and nobody has closed it meanwhile. */
static bool is_open(const mpy_pool *pool)
{
    return pool->pool != NULL && !pool->closed;
}

/* An mp_aside.run: without the GIL, and so with the pool kept. */
static void run_aside(void *ud, void (*body)(void *arg), void *arg)
{
    brief *b = ud;
    b->entered = mpy_pool_enter(b->pool, &b->use) == 0;
    if (b->entered) {
        mpy_unlocked(body, arg);
    } else {
        PyErr_Clear();
        body(arg);
    }
}

/* Only the last thing before the memory is written to. */
static bool run(brief *b)
{
    const mp_aside aside = {run_aside, b};
    b->entered = false;
    bool done = is_open(b->pool) &&
                mp_shortcuts_map(b->kernel->shortcuts, b->pool->pool, &b->spec,
                                 &b->options, &aside);
    if (b->entered)
        mpy_pool_leave(b->pool, &b->use);
    return done;
}

/* ---- into outputs that are given ---------------------------------------- */

static bool take_outs(brief *b, PyObject *out)
{
    b->spec.outs = &b->views[b->nviews];
    if (!PyTuple_Check(out)) {
        b->spec.nouts = 1;
        return take_array(b, out);
    }
    Py_ssize_t count = PyTuple_Size(out);
    if (count > MOST)
        return false;
    b->spec.nouts = (int)count;
    for (Py_ssize_t k = 0; k < count; k++) {
        if (!take_array(b, PyTuple_GetItem(out, k)))
            return false;
    }
    return true;
}

/* ---- into new ones ------------------------------------------------------ */

/* What inference says about the results. */
typedef struct results {
    mp_shape shape;
    int count;
    mp_dtype dtypes[MP_MAX_ARGS];
} results;

static bool find_results(const brief *b, results *r)
{
    return is_open(b->pool) && b->numpy == b->arrays &&
           mp_shortcuts_types(b->kernel->shortcuts, b->pool->pool, &b->spec,
                              &r->shape, &r->count, r->dtypes) &&
           b->nviews + r->count <= MOST;
}

/* One object, or a tuple of them: it takes them over. */
static PyObject *pack(PyObject *const *objects, int count)
{
    if (count == 1)
        return objects[0];
    PyObject *tuple = PyTuple_New(count);
    for (int k = 0; k < count; k++) {
        if (tuple == NULL)
            Py_DECREF(objects[k]);
        else
            (void)PyTuple_SetItem(tuple, k, objects[k]);
    }
    return tuple;
}

static void drop(PyObject *const *objects, int count)
{
    for (int k = 0; k < count; k++)
        Py_DECREF(objects[k]);
}

/* Scalars in, numbers out. */
static int map_values(brief *b, const results *r, PyObject **result)
{
    uint64_t cells[MOST] = {0};
    PyObject *objects[MOST];
    mp_error err;
    b->spec.outs = &b->views[b->nviews];
    b->spec.nouts = r->count;
    for (int k = 0; k < r->count; k++)
        (void)mp_view_init(&b->views[b->nviews + k], &cells[k], r->dtypes[k], 0,
                           NULL, &err);
    if (!run(b))
        return 0;
    for (int k = 0; k < r->count; k++) {
        mp_value value;
        (void)mp_view_get(&b->spec.outs[k], 0, &value, &err);
        objects[k] = mpy_value_object(&value);
        if (objects[k] == NULL) {
            drop(objects, k);
            return -1;
        }
    }
    *result = pack(objects, r->count);
    return *result == NULL ? -1 : 1;
}

static int map_new(brief *b, const results *r, PyObject **result)
{
    PyObject *objects[MOST];
    b->spec.outs = &b->views[b->nviews];
    b->spec.nouts = r->count;
    for (int k = 0; k < r->count; k++) {
        objects[k] = mpy_numpy_empty(b->pool->state, &r->shape, r->dtypes[k]);
        if (objects[k] == NULL) {
            drop(objects, k);
            return -1;
        }
        if (!take_array(b, objects[k])) {
            drop(objects, k + 1);
            return 0;
        }
    }
    if (!run(b)) {
        drop(objects, r->count);
        return 0;
    }
    *result = pack(objects, r->count);
    return *result == NULL ? -1 : 1;
}

/* ---- both --------------------------------------------------------------- */

static int map_taken(brief *b, PyObject *out, PyObject **result)
{
    results r;
    if (out != NULL) {
        if (!take_outs(b, out) || !run(b))
            return 0;
        *result = Py_NewRef(out);
        return 1;
    }
    if (!find_results(b, &r))
        return 0;
    int done = b->arrays ? map_new(b, &r, result) : map_values(b, &r, result);
    b->spec.first = 0; /* What is done has been dropped. */
    return done;
}

int mpy_shortcut_map(mpy_pool *pool, PyObject *kernel, PyObject *const *args,
                     Py_ssize_t nargs, PyObject *out, PyObject **result,
                     int64_t *first)
{
    *first = 0;
    if (pool->native == MPY_NATIVE_OFF || nargs > MOST || !is_open(pool))
        return 0;
    brief b;
    b.pool = pool;
    b.kernel = (mpy_kernel *)kernel;
    b.spec = (mp_map_spec){.kernel = b.kernel->kernel};
    b.numpy = b.arrays = false;
    b.nbuffers = b.nviews = 0;
    if (mpy_kernel_shortcuts(b.kernel) < 0)
        return -1;
    mpy_compile_options(&b.options, &b.compiler, (mpy_native)pool->native,
                        (mp_isa)pool->isa);
    int done = 0;
    if (take_args(&b, args, nargs))
        done = map_taken(&b, out, result);
    give_back(&b);
    *first = b.spec.first;
    return done;
}
