/* Starting jobs: what the methods of moonpool._core.Pool that do so share. */
#include "launch.h"

#include "compile.h"
#include "errors.h"
#include "native.h"

static void launch_body(void *ud)
{
    mpy_launching *l = ud;
    switch (l->sort) {
    case MPY_SORT_MAP:
        l->status =
            mp_map_start(l->pool, l->spec.map, &l->options, &l->job, &l->err);
        break;
    case MPY_SORT_PROBE:
        l->status =
            mp_map_probe(l->pool, l->spec.map, &l->options, &l->job, &l->err);
        break;
    case MPY_SORT_RUN:
        l->status =
            mp_run_start(l->pool, l->spec.run, &l->options, &l->job, &l->err);
        break;
    case MPY_SORT_REDUCE:
        l->status = mp_reduce_start(l->pool, l->spec.reduce, &l->options,
                                    &l->job, &l->err);
        break;
    case MPY_SORT_CALL:
        l->status =
            mp_call_start(l->pool, l->spec.call, &l->options, &l->job, &l->err);
        break;
    case MPY_SORT_SETUP:
        l->status = mp_setup_start(l->pool, &l->options, &l->job, &l->err);
        break;
    }
}

/* Raises where the pool takes no more jobs, not even of calls that it took. */
static bool refused(const mpy_job *job)
{
    const mpy_pool *pool = job->pool;
    mp_error err = {.status = MP_OK};
    if (pool->epoch > 0)
        mp_error_set(&err, MP_CLOSED, "the process was forked during the call");
    else if (pool->pool == NULL)
        mp_error_set(&err, MP_CLOSED, "the pool is closed");
    else if (pool->cancelled)
        mp_error_set(&err, MP_CANCELLED, "the pool was closed");
    else
        return false;
    mpy_error_raise(job->state, &err, NULL, MPY_UNIT_ELEMENT);
    return true;
}

/* Whether there is native code for jobs of a sort. */
static bool is_compiled(mpy_sort sort)
{
    return sort == MPY_SORT_MAP || sort == MPY_SORT_RUN ||
           sort == MPY_SORT_REDUCE;
}

/* Before a job with an owner is started. */
static int bind(mpy_job *job)
{
    /* Ctrl-C may come as soon as Python code runs again, and then this is all
     * that the owner knows of the job. */
    if (PyObject_SetAttrString(job->owner, "_job", (PyObject *)job) < 0)
        return -1;
    job->queued = true;
    Py_INCREF((PyObject *)job);
    return 0;
}

/* Where it could not be. */
static int unbind(mpy_job *job)
{
    job->queued = false;
    Py_DECREF((PyObject *)job);
    return PyObject_SetAttrString(job->owner, "_job", Py_None);
}

/* 1: it has been started; 0: it is put off; -1: an exception. */
static int start(mpy_job *job, mpy_launching *l)
{
    mpy_pool *pool = job->pool;
    if (refused(job))
        return -1;
    l->pool = pool->pool;
    l->sort = job->sort;
    l->options.notify = job->owner != NULL;
    l->options.lazy_deadline = job->owner != NULL;
    l->options.attended = job->owner == NULL;
    l->options.tag = (uintptr_t)job;
    if (job->owner != NULL && bind(job) < 0)
        return -1;
    mpy_compiling compiling;
    bool compiles = pool->native != MPY_NATIVE_OFF && is_compiled(job->sort);
    if (compiles) {
        mpy_compile_begin(&compiling, pool);
        compiling.options.known = l->known;
        l->options.native = &compiling.options;
    }
    mpy_unlocked(launch_body, l);
    l->options.native = NULL;
    if (l->status == MP_OK) {
        job->job = l->job;
        return 1;
    }
    if (job->queued && unbind(job) < 0)
        return -1;
    /* What is refused is put off as well: who waits for the end is told. */
    if (l->known && l->status == MP_REFUSED)
        return 0;
    /* The pool was cancelled while the job was on its way into it. */
    if (l->status == MP_CLOSED && refused(job))
        return -1;
    if (!compiles || !mpy_compile_raised(&compiling))
        mpy_error_raise(job->state, &l->err, NULL, MPY_UNIT_ELEMENT);
    return -1;
}

/* Warns about a job that has been started. With an owner nobody is there to
 * take an exception. */
static int warn(mpy_job *job)
{
    int result = mpy_native_warn(job);
    if (result == 0 || job->owner == NULL)
        return result;
    PyErr_WriteUnraisable(job->kernel);
    return 0;
}

PyObject *mpy_launch(mpy_job *job, mpy_launching *l)
{
    int started = start(job, l);
    if (started > 0 && warn(job) == 0)
        return (PyObject *)job;
    mpy_job_release(job);
    Py_DECREF((PyObject *)job);
    return started == 0 ? Py_NewRef(Py_None) : NULL;
}

int mpy_launch_count(Py_ssize_t nargs, Py_ssize_t wanted)
{
    if (nargs == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%zd arguments where %zd are needed", nargs,
                 wanted);
    return -1;
}

int mpy_launch_optional(mpy_state *state, PyObject *object, mpy_operands **out)
{
    *out = NULL;
    if (object == Py_None)
        return 0;
    *out = mpy_operands_of(state, object);
    return *out == NULL ? -1 : 0;
}

void mpy_launch_drop(mpy_operands *operands)
{
    if (operands != NULL)
        mpy_operands_release(operands);
    Py_XDECREF((PyObject *)operands);
}

PyObject *mpy_launch_shape(const mp_shape *shape)
{
    PyObject *tuple = PyTuple_New(shape->ndim);
    for (int d = 0; tuple != NULL && d < shape->ndim; d++) {
        PyObject *extent = PyLong_FromLongLong(shape->extent[d]);
        if (extent == NULL || PyTuple_SetItem(tuple, d, extent) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}
