/* Reductions: moonpool._core.Pool.reduce() and reduce_start(). */
#include "start.h"

#include <string.h>

#include "errors.h"
#include "kernel.h"
#include "launch.h"
#include "wait.h"

/* A reduction's specification with the memory that it points to. */
typedef struct reduce_frame {
    mp_reduce_spec spec;
    mp_arg args[MP_MAX_ARGS];
    mp_value init[MP_MAX_ARGS];
    int axes[MP_MAX_NDIM];
} reduce_frame;

static int read_init(reduce_frame *frame, const mpy_operands *init)
{
    for (Py_ssize_t i = 0; i < init->count; i++) {
        const mpy_operand *operand = init->items[i];
        mp_kind kind = operand->is_array ? MP_KIND_NIL : operand->value.kind;
        if (kind == MP_KIND_NIL || kind == MP_KIND_STRING) {
            PyErr_Format(PyExc_TypeError,
                         "init must be a number, or a tuple of numbers, one "
                         "an accumulator, not %R",
                         Py_TYPE(operand->object));
            return -1;
        }
        frame->init[i] = operand->value;
    }
    frame->spec.naccs = (int)init->count;
    frame->spec.init = frame->init;
    return 0;
}

/* NONE where it is no operator. */
static mp_combine operator_of(PyObject *object)
{
    static const struct {
        const char *name;
        mp_combine combine;
    } operators[] = {
        {"+", MP_COMBINE_ADD},
        {"*", MP_COMBINE_MUL},
        {"min", MP_COMBINE_MIN},
        {"max", MP_COMBINE_MAX},
    };
    if (!PyUnicode_Check(object))
        return MP_COMBINE_NONE;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (PyUnicode_CompareWithASCIIString(object, operators[i].name) == 0)
            return operators[i].combine;
    }
    return MP_COMBINE_NONE;
}

static int read_combine(reduce_frame *frame, mpy_state *state, PyObject *object)
{
    frame->spec.combine = operator_of(object);
    if (frame->spec.combine != MP_COMBINE_NONE || object == Py_None)
        return 0;
    frame->spec.combine = MP_COMBINE_KERNEL;
    frame->spec.combine_kernel = mpy_kernel_of(state, object);
    return frame->spec.combine_kernel == NULL ? -1 : 0;
}

static int read_axes(reduce_frame *frame, PyObject *object)
{
    frame->spec.whole = object == Py_None;
    if (frame->spec.whole)
        return 0;
    Py_ssize_t naxes = PyTuple_Size(object);
    if (naxes < 0)
        return -1;
    if (naxes > MP_MAX_NDIM) {
        PyErr_SetString(PyExc_ValueError, "axis has too many entries");
        return -1;
    }
    for (Py_ssize_t i = 0; i < naxes; i++)
        frame->axes[i] = (int)PyLong_AsLong(PyTuple_GetItem(object, i));
    frame->spec.naxes = (int)naxes;
    frame->spec.axes = frame->axes;
    return PyErr_Occurred() ? -1 : 0;
}

/* What the arguments of a reduction are, in the frame. */
typedef struct reduce_given {
    PyObject *kernel, *combine, *axes;
    mpy_operands *inputs, *init;
} reduce_given;

static int fill_reduce(reduce_frame *frame, mpy_state *state,
                       const reduce_given *given)
{
    memset(&frame->spec, 0, sizeof frame->spec);
    frame->spec.kernel = mpy_kernel_of(state, given->kernel);
    if (frame->spec.kernel == NULL || read_init(frame, given->init) < 0 ||
        read_combine(frame, state, given->combine) < 0 ||
        read_axes(frame, given->axes) < 0)
        return -1;
    mpy_operands_args(given->inputs, frame->args);
    frame->spec.nargs = (int)given->inputs->count;
    frame->spec.args = frame->args;
    return 0;
}

/* Of kernel, inputs, init, combine, axes in a row. */
static int read_given(mpy_state *state, PyObject *const *args,
                      reduce_given *given)
{
    given->kernel = args[0];
    given->inputs = mpy_operands_of(state, args[1]);
    given->init =
        given->inputs != NULL ? mpy_operands_of(state, args[2]) : NULL;
    given->combine = args[3];
    given->axes = args[4];
    return given->init != NULL ? 0 : -1;
}

/* Starts a reduction as mpy_launch() does. */
static PyObject *start_reduce(mpy_pool *pool, const reduce_given *given,
                              mpy_launching *l, PyObject *owner)
{
    reduce_frame frame;
    if (fill_reduce(&frame, pool->state, given) < 0)
        return NULL;
    mpy_job *job = mpy_job_new(pool, MPY_SORT_REDUCE, given->kernel, owner);
    if (job == NULL)
        return NULL;
    mpy_job_take(job, given->inputs, NULL, NULL);
    l->spec.reduce = &frame.spec;
    return mpy_launch(job, l);
}

/* reduce_start(kernel, inputs, init, combine, axes, timeout, owner, known) */
PyObject *mpy_start_reduce(PyObject *object, PyObject *const *args,
                           Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    reduce_given given;
    mpy_launching l = {.known = nargs > 7 && args[7] == Py_True};
    if (mpy_launch_count(nargs, 8) < 0 ||
        read_given(pool->state, args, &given) < 0 ||
        mpy_wait_seconds(args[5], &l.options.timeout) < 0)
        return NULL;
    return start_reduce(pool, &given, &l, args[6]);
}

/* All of a reduction to numbers, of operands that are given back. */
static PyObject *reduce_all(mpy_pool *pool, const reduce_given *given,
                            double timeout)
{
    mpy_launching l = {.options.timeout = timeout};
    mpy_use use;
    PyObject *result = NULL;
    if (given->inputs != NULL && given->init != NULL &&
        mpy_pool_enter(pool, &use) == 0) {
        mpy_job *job = (mpy_job *)start_reduce(pool, given, &l, NULL);
        if (job != NULL)
            result = mpy_job_finish_with(job);
        mpy_pool_leave(pool, &use);
    }
    mpy_launch_drop(given->init);
    mpy_launch_drop(given->inputs);
    return result;
}

/* reduce(kernel, args, init, combine, timeout) */
PyObject *mpy_start_reduce_now(PyObject *object, PyObject *const *args,
                               Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    double timeout;
    if (mpy_launch_count(nargs, 5) < 0 ||
        mpy_wait_seconds(args[4], &timeout) < 0)
        return NULL;
    reduce_given given = {
        .kernel = args[0], .combine = args[3], .axes = Py_None};
    given.inputs = mpy_operands_from(pool->state, args[1], MPY_ROLE_INPUT);
    if (given.inputs != NULL)
        given.init = mpy_operands_from(pool->state, args[2], MPY_ROLE_INPUT);
    return reduce_all(pool, &given, timeout);
}

PyObject *mpy_start_reduce_over(mpy_pool *pool, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *init,
                                PyObject *combine, double timeout)
{
    reduce_given given = {
        .kernel = args[0], .combine = combine, .axes = Py_None};
    given.inputs =
        mpy_operands_from_row(pool->state, args + 1, nargs - 1, MPY_ROLE_INPUT);
    if (given.inputs != NULL)
        given.init = mpy_operands_from(pool->state, init, MPY_ROLE_INPUT);
    PyObject *values = reduce_all(pool, &given, timeout);
    if (values == NULL || PyTuple_Check(init))
        return values;
    PyObject *value = Py_XNewRef(PyTuple_GetItem(values, 0));
    Py_DECREF(values);
    return value;
}

bool mpy_start_is_operator(PyObject *object)
{
    return object == Py_None || operator_of(object) != MP_COMBINE_NONE;
}

/* reduce_shape(kernel, inputs, init, combine, axes) */
PyObject *mpy_start_reduce_shape(PyObject *module, PyObject *const *args,
                                 Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    reduce_frame frame;
    reduce_given given;
    if (mpy_launch_count(nargs, 5) < 0 || read_given(state, args, &given) < 0 ||
        fill_reduce(&frame, state, &given) < 0)
        return NULL;
    mp_shape shape;
    mp_error err = {0};
    if (mp_reduce_shape(&frame.spec, &shape, &err) == MP_OK)
        return mpy_launch_shape(&shape);
    mpy_error_raise(state, &err, NULL, MPY_UNIT_ELEMENT);
    return NULL;
}
