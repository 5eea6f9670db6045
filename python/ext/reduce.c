/* Reductions: moonpool._core.Pool.reduce_start(). */
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

static int read_combine(reduce_frame *frame, mpy_state *state, PyObject *object)
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
    frame->spec.combine = MP_COMBINE_NONE;
    if (object == Py_None)
        return 0;
    if (PyUnicode_Check(object)) {
        for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
            if (PyUnicode_CompareWithASCIIString(object, operators[i].name) ==
                0) {
                frame->spec.combine = operators[i].combine;
                return 0;
            }
        }
    }
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

/* Reads kernel, inputs, init, combine, axes. */
static int fill_reduce(reduce_frame *frame, mpy_state *state,
                       PyObject *const *args, mpy_operands **inputs)
{
    mpy_operands *init;
    memset(&frame->spec, 0, sizeof frame->spec);
    frame->spec.kernel = mpy_kernel_of(state, args[0]);
    if (frame->spec.kernel == NULL ||
        (*inputs = mpy_operands_of(state, args[1])) == NULL ||
        (init = mpy_operands_of(state, args[2])) == NULL ||
        read_init(frame, init) < 0 || read_combine(frame, state, args[3]) < 0 ||
        read_axes(frame, args[4]) < 0)
        return -1;
    mpy_operands_args(*inputs, frame->args);
    frame->spec.nargs = (int)(*inputs)->count;
    frame->spec.args = frame->args;
    return 0;
}

/* reduce_start(kernel, inputs, init, combine, axes, timeout, owner, known) */
PyObject *mpy_start_reduce(PyObject *object, PyObject *const *args,
                           Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    reduce_frame frame;
    mpy_operands *inputs;
    mpy_launching l = {.spec = {.reduce = &frame.spec},
                       .known = nargs > 7 && args[7] == Py_True};
    if (mpy_launch_count(nargs, 8) < 0 ||
        fill_reduce(&frame, pool->state, args, &inputs) < 0 ||
        mpy_wait_seconds(args[5], &l.options.timeout) < 0)
        return NULL;
    mpy_job *job = mpy_job_new(pool, MPY_SORT_REDUCE, args[0], args[6]);
    if (job == NULL)
        return NULL;
    mpy_job_take(job, inputs, NULL, NULL);
    return mpy_launch(job, &l);
}

/* reduce_shape(kernel, inputs, init, combine, axes) */
PyObject *mpy_start_reduce_shape(PyObject *module, PyObject *const *args,
                                 Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    reduce_frame frame;
    mpy_operands *inputs;
    if (mpy_launch_count(nargs, 5) < 0 ||
        fill_reduce(&frame, state, args, &inputs) < 0)
        return NULL;
    mp_shape shape;
    mp_error err = {0};
    if (mp_reduce_shape(&frame.spec, &shape, &err) == MP_OK)
        return mpy_launch_shape(&shape);
    mpy_error_raise(state, &err, NULL, MPY_UNIT_ELEMENT);
    return NULL;
}
