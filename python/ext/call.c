/* Runs over indices, single calls, and the pool's setup. */
#include "start.h"

#include "errors.h"
#include "kernel.h"
#include "launch.h"
#include "message.h"
#include "wait.h"

static int read_extent(PyObject *tuple, mpy_extent *out)
{
    Py_ssize_t ndim = PyTuple_Size(tuple);
    if (ndim < 0)
        return -1;
    if (ndim > MPY_EXTENT_NDIM) {
        PyErr_SetString(PyExc_ValueError, "an extent has 1 to 3 dimensions");
        return -1;
    }
    out->ndim = (int)ndim;
    for (Py_ssize_t d = 0; d < ndim; d++)
        out->length[d] = PyLong_AsLongLong(PyTuple_GetItem(tuple, d));
    return PyErr_Occurred() ? -1 : 0;
}

/* Starts a run as mpy_launch() does. */
static mpy_job *start_run(mpy_pool *pool, PyObject *kernel,
                          const mpy_extent *extent, mpy_operands *inputs,
                          mpy_launching *l, PyObject *owner)
{
    mp_arg values[MP_MAX_ARGS];
    mp_run_spec spec = {.args = values, .nargs = (int)inputs->count};
    if ((spec.kernel = mpy_kernel_of(pool->state, kernel)) == NULL)
        return NULL;
    spec.extent.ndim = extent->ndim;
    for (int d = 0; d < extent->ndim; d++)
        spec.extent.extent[d] = extent->length[d];
    mpy_operands_args(inputs, values);
    mpy_job *job = mpy_job_new(pool, MPY_SORT_RUN, kernel, owner);
    if (job == NULL)
        return NULL;
    mpy_job_take(job, inputs, NULL, NULL);
    job->extent = spec.extent;
    l->spec.run = &spec;
    return (mpy_job *)mpy_launch(job, l);
}

/* All of a run. Takes the operands over, where they are not NULL. */
static int run_now(mpy_pool *pool, PyObject *kernel, const mpy_extent *extent,
                   mpy_operands *inputs, double timeout)
{
    mpy_launching l = {.known = false, .options = {.timeout = timeout}};
    mpy_use use;
    int result = -1;
    if (inputs != NULL && mpy_pool_enter(pool, &use) == 0) {
        mpy_job *job = start_run(pool, kernel, extent, inputs, &l, NULL);
        if (job != NULL)
            result = mpy_job_finish(job);
        mpy_pool_leave(pool, &use);
    }
    mpy_launch_drop(inputs);
    return result;
}

int mpy_start_run_over(mpy_pool *pool, PyObject *kernel,
                       const mpy_extent *extent, PyObject *const *args,
                       Py_ssize_t nargs, double timeout)
{
    return run_now(
        pool, kernel, extent,
        mpy_operands_from_row(pool->state, args, nargs, MPY_ROLE_INPUT),
        timeout);
}

/* run(kernel, extent, args, timeout): all of a run in one call. */
PyObject *mpy_start_run_now(PyObject *object, PyObject *const *args,
                            Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mpy_extent extent;
    double timeout;
    if (mpy_launch_count(nargs, 4) < 0 || read_extent(args[1], &extent) < 0 ||
        mpy_wait_seconds(args[3], &timeout) < 0)
        return NULL;
    mpy_operands *inputs =
        mpy_operands_from(pool->state, args[2], MPY_ROLE_INPUT);
    if (run_now(pool, args[0], &extent, inputs, timeout) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* run_start(kernel, extent, inputs, timeout, owner, known) */
PyObject *mpy_start_run(PyObject *object, PyObject *const *args,
                        Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mpy_operands *inputs;
    mpy_extent extent;
    mpy_launching l = {.known = nargs > 5 && args[5] == Py_True};
    if (mpy_launch_count(nargs, 6) < 0 || read_extent(args[1], &extent) < 0 ||
        (inputs = mpy_operands_of(pool->state, args[2])) == NULL ||
        mpy_wait_seconds(args[3], &l.options.timeout) < 0)
        return NULL;
    return (PyObject *)start_run(pool, args[0], &extent, inputs, &l, args[4]);
}

/* ---- submit, broadcast, setup ------------------------------------------- */

/* pack(args): a message as bytes, and the operands that it refers to. */
PyObject *mpy_start_pack(PyObject *module, PyObject *args)
{
    mpy_state *state = PyModule_GetState(module);
    mpy_operands *arrays = mpy_operands_new(state, 0);
    if (arrays == NULL)
        return NULL;
    mp_message message = {0};
    PyObject *bytes = NULL;
    if (mpy_message_write(state, args, arrays, &message) == 0)
        bytes =
            PyBytes_FromStringAndSize(message.data, (Py_ssize_t)message.size);
    mp_message_destroy(&message);
    if (bytes != NULL)
        return Py_BuildValue("NN", bytes, (PyObject *)arrays);
    mpy_launch_drop(arrays);
    return NULL;
}

/* call_start(kernel, message, arrays, broadcast, timeout, owner) */
PyObject *mpy_start_call(PyObject *object, PyObject *const *args,
                         Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mp_call_spec spec = {.broadcast = nargs > 3 && args[3] == Py_True};
    mpy_launching l = {.spec = {.call = &spec}};
    mpy_operands *arrays;
    char *message;
    Py_ssize_t size;
    if (mpy_launch_count(nargs, 6) < 0 ||
        (spec.kernel = mpy_kernel_of(pool->state, args[0])) == NULL ||
        PyBytes_AsStringAndSize(args[1], &message, &size) < 0 ||
        (arrays = mpy_operands_of(pool->state, args[2])) == NULL ||
        mpy_wait_seconds(args[4], &l.options.timeout) < 0)
        return NULL;
    mp_view *views = mpy_operands_views(arrays);
    if (views == NULL)
        return NULL;
    spec.message = message;
    spec.size = (size_t)size;
    spec.views = views;
    spec.nviews = (int)arrays->count;
    PyObject *result = NULL;
    mpy_job *job = mpy_job_new(pool, MPY_SORT_CALL, args[0], args[5]);
    if (job != NULL) {
        mpy_job_take(job, arrays, NULL, NULL);
        result = mpy_launch(job, &l);
    }
    PyMem_Free(views);
    return result;
}

/* setup_start(timeout, owner) */
PyObject *mpy_start_setup(PyObject *object, PyObject *const *args,
                          Py_ssize_t nargs)
{
    mpy_launching l = {.status = MP_OK};
    if (mpy_launch_count(nargs, 2) < 0 ||
        mpy_wait_seconds(args[0], &l.options.timeout) < 0)
        return NULL;
    mpy_job *job =
        mpy_job_new((mpy_pool *)object, MPY_SORT_SETUP, NULL, args[1]);
    return job ? mpy_launch(job, &l) : NULL;
}
