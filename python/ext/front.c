/* The type moonpool._core.Front. */
#include "front.h"

#include <structmember.h>

#include "kernel.h"
#include "pool.h"
#include "shortcut.h"
#include "start.h"

typedef struct mpy_front {
    PyObject_HEAD mpy_pool *core; /* strong, or NULL */
    double timeout;               /* seconds, 0: none */
} mpy_front;

/* With less time than this a map may be too late before it begins: jobs see to
 * that. */
#define LEAST_TIMEOUT 1e-3

static void front_dealloc(PyObject *object)
{
    Py_CLEAR(((mpy_front *)object)->core);
    mpy_free_object(object);
}

/* Whether `out` is the only keyword, or there is none. */
static bool is_simple(const mpy_state *state, PyObject *names, PyObject *values,
                      PyObject **out)
{
    *out = NULL;
    if (names == NULL)
        return true;
    if (PyTuple_Size(names) != 1 ||
        PyTuple_GetItem(names, 0) != state->name_out)
        return false;
    if (values != Py_None)
        *out = values;
    return true;
}

/* A map of a kernel with nothing but an output: at once, or by a job. 0: it is
 * for self._map(). */
static int map_simply(mpy_front *self, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *out, PyObject **result)
{
    /* Somebody may put another pool in its place meanwhile. */
    mpy_pool *core = (mpy_pool *)Py_NewRef((PyObject *)self->core);
    double timeout = self->timeout;
    int64_t first = 0;
    int done = 0;
    if (timeout == 0 || timeout >= LEAST_TIMEOUT)
        done = mpy_shortcut_map(core, args[0], args + 1, nargs - 1, out, result,
                                &first);
    if (done == 0 && out != NULL)
        done = mpy_start_map_into(core, args, nargs, out, timeout, first);
    if (done == 1 && *result == NULL)
        *result = Py_NewRef(out);
    Py_DECREF((PyObject *)core);
    return done;
}

/* self.name(*args, **options) */
static PyObject *call_slowly(PyObject *self, const char *name,
                             PyObject *const *args, Py_ssize_t nargs,
                             PyObject *names)
{
    PyObject *result = NULL, *all = PyTuple_New(nargs), *options = NULL;
    PyObject *method = all ? PyObject_GetAttrString(self, name) : NULL;
    for (Py_ssize_t k = 0; all != NULL && k < nargs; k++)
        (void)PyTuple_SetItem(all, k, Py_NewRef(args[k]));
    if (names != NULL && method != NULL) {
        options = PyDict_New();
        Py_ssize_t count = PyTuple_Size(names);
        for (Py_ssize_t k = 0; options != NULL && k < count; k++) {
            if (PyDict_SetItem(options, PyTuple_GetItem(names, k),
                               args[nargs + k]) < 0)
                Py_CLEAR(options);
        }
    }
    if (method != NULL && (names == NULL || options != NULL))
        result = PyObject_Call(method, all, options);
    Py_XDECREF(options);
    Py_XDECREF(method);
    Py_XDECREF(all);
    return result;
}

static PyObject *front_map(PyObject *object, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *names)
{
    mpy_front *self = (mpy_front *)object;
    PyObject *out, *result = NULL;
    const mpy_state *state = self->core != NULL ? self->core->state : NULL;
    if (state != NULL && nargs > 0 &&
        is_simple(state, names, names != NULL ? args[nargs] : NULL, &out) &&
        PyObject_TypeCheck(args[0], state->kernel_type)) {
        int done = map_simply(self, args, nargs, out, &result);
        if (done != 0)
            return done < 0 ? NULL : result;
    }
    return call_slowly(object, "_map", args, nargs, names);
}

/* Reads an int, or a tuple of 1 to 3 of them; false for all else, and for what
 * is no extent. */
static bool read_extent(PyObject *object, mpy_extent *out)
{
    bool one = PyLong_CheckExact(object);
    if (!one && !PyTuple_CheckExact(object))
        return false;
    Py_ssize_t ndim = one ? 1 : PyTuple_Size(object);
    if (ndim < 1 || ndim > MPY_EXTENT_NDIM)
        return false;
    out->ndim = (int)ndim;
    for (Py_ssize_t d = 0; d < ndim; d++) {
        PyObject *length = one ? object : PyTuple_GetItem(object, d);
        int overflow;
        if (!PyLong_CheckExact(length))
            return false;
        out->length[d] = PyLong_AsLongLongAndOverflow(length, &overflow);
        if (overflow != 0 || out->length[d] < 0)
            return false;
    }
    return true;
}

/* Whether an object is a kernel that a run takes. */
static bool is_runnable(const mpy_state *state, PyObject *object)
{
    return PyObject_TypeCheck(object, state->kernel_type) &&
           ((mpy_kernel *)object)->signature == Py_None;
}

static PyObject *front_run(PyObject *object, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *names)
{
    mpy_front *self = (mpy_front *)object;
    mpy_extent extent;
    if (self->core == NULL || names != NULL || nargs < 2 ||
        !is_runnable(self->core->state, args[0]) ||
        !read_extent(args[1], &extent))
        return call_slowly(object, "_run", args, nargs, names);
    mpy_pool *core = (mpy_pool *)Py_NewRef((PyObject *)self->core);
    int result = mpy_start_run_over(core, args[0], &extent, args + 2, nargs - 2,
                                    self->timeout);
    Py_DECREF((PyObject *)core);
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Whether there are no keywords but `init` and perhaps `combine`, by an
 * operator. */
static bool is_simple_fold(const mpy_state *state, PyObject *names,
                           PyObject *const *values, PyObject **init,
                           PyObject **combine)
{
    Py_ssize_t count = names != NULL ? PyTuple_Size(names) : 0;
    *init = NULL;
    *combine = Py_None;
    for (Py_ssize_t k = 0; k < count; k++) {
        PyObject *name = PyTuple_GetItem(names, k);
        if (name == state->name_init)
            *init = values[k];
        else if (name == state->name_combine)
            *combine = values[k];
        else
            return false;
    }
    return *init != NULL && mpy_start_is_operator(*combine);
}

static PyObject *front_reduce(PyObject *object, PyObject *const *args,
                              Py_ssize_t nargs, PyObject *names)
{
    mpy_front *self = (mpy_front *)object;
    PyObject *init, *combine;
    if (self->core == NULL || nargs < 1 ||
        !is_runnable(self->core->state, args[0]) ||
        !is_simple_fold(self->core->state, names, args + nargs, &init,
                        &combine))
        return call_slowly(object, "_reduce", args, nargs, names);
    mpy_pool *core = (mpy_pool *)Py_NewRef((PyObject *)self->core);
    PyObject *result =
        mpy_start_reduce_over(core, args, nargs, init, combine, self->timeout);
    Py_DECREF((PyObject *)core);
    return result;
}

static const char map_doc[] =
    "map($self, /, kernel, *args, out=None, dtype=None, where=None, "
    "timeout=None, progress=False)\n--\n\n"
    "Call a kernel for each element of arrays.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "kernel : Kernel or str\n"
    "    Called as ``kernel(x, y, ...)`` with one element of each array. With\n"
    "    a `signature`, called with the core dimensions as Lua arrays, those\n"
    "    of outputs last; what has no core dimensions is an element, or\n"
    "    returned.\n"
    "*args : array or scalar\n"
    "    Arrays of bool, integers or floats, that broadcast against each\n"
    "    other. Numbers, bools, strings, bytes and None are the same for all\n"
    "    elements.\n"
    "out : array or tuple of array, optional\n"
    "    Filled, one for each value that the kernel returns (all of them),\n"
    "    and returned.\n"
    "    May be one of the inputs, or overlap with them.\n"
    "dtype : dtype or tuple of dtype, optional\n"
    "    Of the result: a NumPy dtype, ``bool``, ``int`` or ``float``, a\n"
    "    name (\"float32\") or NumPy's short form of it (\"f4\"); None in a\n"
    "    tuple stands for the default. By default booleans give bool,\n"
    "    integers int64, and floats the widest float among the arrays,\n"
    "    float64 where there is none.\n"
    "where : array of bool, or bool, optional\n"
    "    Where to call the kernel. Elsewhere `out` stays as it is, and a new\n"
    "    array is 0.\n"
    "timeout : float, optional\n"
    "    Seconds that the call may take.\n"
    "progress : bool or class\n"
    "    True shows a bar by tqdm; or a class to use in its place.\n"
    "\n"
    "Returns\n"
    "-------\n"
    "array, or tuple of array\n"
    "    Of the shape that the arguments broadcast to: NumPy arrays if any\n"
    "    argument is, else memoryviews. A number where all arguments are\n"
    "    scalars.\n"
    "\n"
    "Raises\n"
    "------\n"
    "LuaError\n"
    "    What the kernel raised, with the element's index; among others for\n"
    "    a value that the dtype cannot hold.\n"
    "KernelTimeout\n"
    "    Where the time was over.\n"
    "ValueError, TypeError\n"
    "    Where shapes do not broadcast or an argument is not usable. Then\n"
    "    nothing has run.\n";

static const char run_doc[] =
    "run($self, /, kernel, extent, *args, timeout=None, progress=False)\n"
    "--\n\n"
    "Call a kernel for each index, to read and write arrays as it likes.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "kernel : Kernel or str\n"
    "    Called as ``kernel(i, ...)`` for i = 1 to extent, or as\n"
    "    ``kernel(i, j, ...)`` and ``kernel(i, j, k, ...)`` over a tuple.\n"
    "    The calls run in parallel and in any order: no call may depend on\n"
    "    what another one writes.\n"
    "extent : int or tuple of 1 to 3 int\n"
    "    How many calls, in each dimension.\n"
    "*args : array or scalar\n"
    "    Passed on to the kernel. What it writes into an array is in the\n"
    "    array of the caller.\n"
    "timeout : float, optional\n"
    "    Seconds that the call may take.\n"
    "progress : bool or class\n"
    "    As in `map`.\n"
    "\n"
    "Raises\n"
    "------\n"
    "LuaError, KernelTimeout, ValueError, TypeError\n"
    "    As in `map`. What was written until then stays.\n";

static const char reduce_doc[] =
    "reduce($self, /, kernel, *args, init, combine=None, axis=None, "
    "timeout=None, progress=False)\n--\n\n"
    "Fold arrays into accumulators.\n"
    "\n"
    "Parameters\n"
    "----------\n"
    "kernel : Kernel or str\n"
    "    Called as ``acc = kernel(acc, x, y, ...)``; with several\n"
    "    accumulators as ``a, b = kernel(a, b, x, y, ...)``.\n"
    "*args : array or scalar\n"
    "    As in `map`.\n"
    "init : number or tuple of number\n"
    "    Where each accumulator starts: the identity of `combine`.\n"
    "combine : {\"+\", \"*\", \"min\", \"max\"}, Kernel or str, optional\n"
    "    How the results of two parts become one: an operator, the same for\n"
    "    all accumulators, or a function\n"
    "    ``a, b = combine(a1, b1, a2, b2)``. Without it each fold is\n"
    "    sequential.\n"
    "axis : int or tuple of int, optional\n"
    "    Which dimensions to fold; all by default.\n"
    "timeout, progress\n"
    "    As in `map`. A bar counts blocks of elements.\n"
    "\n"
    "Returns\n"
    "-------\n"
    "number or array, or a tuple of these\n"
    "    A tuple where `init` is one. With `axis`, arrays of the shape that\n"
    "    the other dimensions have, and of the dtype that `map` would give.\n"
    "\n"
    "Notes\n"
    "-----\n"
    "Elements are cut into blocks by their number alone and the results are\n"
    "combined in a fixed order: the same bits for any number of workers.\n";

static PyObject *front_core(PyObject *object, void *closure)
{
    (void)closure;
    mpy_pool *core = ((mpy_front *)object)->core;
    return Py_NewRef(core != NULL ? (PyObject *)core : Py_None);
}

static int front_set_core(PyObject *object, PyObject *value, void *closure)
{
    (void)closure;
    mpy_front *self = (mpy_front *)object;
    if (value == NULL || (value != Py_None && !mpy_pool_check(value))) {
        PyErr_SetString(PyExc_TypeError, "a _core.Pool or None is needed");
        return -1;
    }
    mpy_pool *old = self->core;
    self->core = value != Py_None ? (mpy_pool *)Py_NewRef(value) : NULL;
    Py_XDECREF((PyObject *)old);
    return 0;
}

static PyMethodDef front_methods[] = {
    {"map", MPY_METHOD(front_map), METH_FASTCALL | METH_KEYWORDS, map_doc},
    {"run", MPY_METHOD(front_run), METH_FASTCALL | METH_KEYWORDS, run_doc},
    {"reduce", MPY_METHOD(front_reduce), METH_FASTCALL | METH_KEYWORDS,
     reduce_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef front_getset[] = {
    {"_core", front_core, front_set_core, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef front_members[] = {
    {"_timeout", T_DOUBLE, offsetof(mpy_front, timeout), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot front_slots[] = {
    {Py_tp_dealloc, MPY_SLOT(front_dealloc)},
    {Py_tp_methods, front_methods},
    {Py_tp_getset, front_getset},
    {Py_tp_members, front_members},
    {0, NULL},
};

PyType_Spec mpy_front_spec = {
    .name = "moonpool._core.Front",
    .basicsize = sizeof(mpy_front),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = front_slots,
};
