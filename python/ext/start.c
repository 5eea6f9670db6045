/* The methods of moonpool._core.Pool that start jobs: they read operands and
 * options, fill the C library's record of the job, and queue it. */
#include "start.h"

#include <string.h>

#include "errors.h"
#include "job.h"
#include "kernel.h"
#include "message.h"
#include "value.h"

/* What to start, for the stretch without the GIL. */
typedef struct launch {
    mp_pool *pool;
    mpy_sort sort;
    union {
        const mp_map_spec *map;
        const mp_run_spec *run;
        const mp_reduce_spec *reduce;
        const mp_call_spec *call;
    } spec;
    mp_job_options options;
    mp_job *job;
    mp_status status;
    mp_error err;
} launch;

static void launch_body(void *ud)
{
    launch *l = ud;
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

/* Starts `job` as `l` says. The caller sees to it that nobody deals with the
 * completion of a job with an owner before this has returned. */
static int start(mpy_job *job, launch *l)
{
    mpy_pool *pool = job->pool;
    if (pool->pool == NULL || pool->cancelled) {
        mp_error err = {.status = MP_CANCELLED, .index = -1};
        if (pool->pool == NULL)
            (void)mp_error_set(&err, MP_CLOSED, "the pool is closed");
        else
            (void)mp_error_set(&err, MP_CANCELLED, "the pool was closed");
        mpy_error_raise(job->state, &err, NULL, MPY_UNIT_ELEMENT);
        return -1;
    }
    l->pool = pool->pool;
    l->sort = job->sort;
    l->options.notify = job->owner != NULL;
    l->options.lazy_deadline = job->owner != NULL;
    l->options.tag = (uintptr_t)job;
    if (job->owner != NULL) {
        job->queued = true;
        Py_INCREF((PyObject *)job);
    }
    mpy_unlocked(launch_body, l);
    if (l->status == MP_OK) {
        job->job = l->job;
        return 0;
    }
    if (job->queued) {
        job->queued = false;
        Py_DECREF((PyObject *)job);
    }
    mpy_error_raise(job->state, &l->err, NULL, MPY_UNIT_ELEMENT);
    return -1;
}

/* Starts it and returns it, or lets go of it. */
static PyObject *started(mpy_job *job, launch *l)
{
    if (start(job, l) == 0)
        return (PyObject *)job;
    mpy_job_release(job);
    Py_DECREF((PyObject *)job);
    return NULL;
}

/* ---- arguments ---------------------------------------------------------- */

static int check_count(Py_ssize_t nargs, Py_ssize_t wanted)
{
    if (nargs == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%zd arguments where %zd are needed", nargs,
                 wanted);
    return -1;
}

/* Operands, or NULL for None: 0; -1 with an exception. */
static int optional(mpy_state *state, PyObject *object, mpy_operands **out)
{
    *out = NULL;
    if (object == Py_None)
        return 0;
    *out = mpy_operands_of(state, object);
    return *out == NULL ? -1 : 0;
}

/* The one array of a mask. */
static const mp_view *mask_view(const mpy_operands *where)
{
    if (where->count == 1 && where->items[0]->is_array)
        return &where->items[0]->view;
    PyErr_SetString(PyExc_TypeError, "where must be an array of booleans");
    return NULL;
}

/* A map specification with the memory that it points to. */
typedef struct map_frame {
    mp_map_spec spec;
    mp_arg args[MP_MAX_ARGS];
    mp_view *outs; /* to PyMem_Free() */
} map_frame;

static int fill_map(map_frame *frame, mpy_state *state, PyObject *kernel,
                    mpy_operands *inputs, mpy_operands *where,
                    mpy_operands *outs)
{
    mp_map_spec *spec = &frame->spec;
    memset(spec, 0, sizeof *spec);
    frame->outs = NULL;
    spec->kernel = mpy_kernel_of(state, kernel);
    if (spec->kernel == NULL)
        return -1;
    mpy_operands_args(inputs, frame->args);
    spec->nargs = (int)inputs->count;
    spec->args = frame->args;
    if (where != NULL) {
        spec->where = mask_view(where);
        if (spec->where == NULL)
            return -1;
    }
    if (outs == NULL || outs->count == 0)
        return 0;
    spec->nouts = (int)outs->count;
    if (outs->count == 1) {
        spec->outs = &outs->items[0]->view;
        return 0;
    }
    frame->outs = mpy_operands_views(outs);
    spec->outs = frame->outs;
    return frame->outs == NULL ? -1 : 0;
}

/* Starts a map or a probe; NULL with an exception. */
static mpy_job *start_map(mpy_pool *pool, mpy_sort sort, map_frame *frame,
                          PyObject *kernel, mpy_operands *inputs,
                          mpy_operands *where, mpy_operands *outs,
                          double timeout, PyObject *owner)
{
    launch l = {.spec = {.map = &frame->spec}, .options = {.timeout = timeout}};
    mpy_job *job = mpy_job_new(pool, sort, kernel, owner);
    if (job == NULL)
        return NULL;
    mpy_job_take(job, inputs, where, outs);
    return (mpy_job *)started(job, &l);
}

static int read_timeout(PyObject *object, double *out)
{
    *out = PyFloat_AsDouble(object);
    return *out == -1 && PyErr_Occurred() ? -1 : 0;
}

/* ---- map ---------------------------------------------------------------- */

/* The operands of a map() in one call. */
typedef struct map_operands {
    mpy_operands *inputs, *where, *outs;
} map_operands;

static int read_map(mpy_state *state, PyObject *const *args, map_operands *out)
{
    out->inputs = mpy_operands_from(state, args[1], MPY_ROLE_INPUT);
    if (out->inputs == NULL)
        return -1;
    out->outs = mpy_operands_from(state, args[2], MPY_ROLE_OUTPUT);
    if (out->outs == NULL)
        return -1;
    if (args[3] != Py_None)
        out->where = mpy_operands_from(state, args[3], MPY_ROLE_INPUT);
    return args[3] != Py_None && out->where == NULL ? -1 : 0;
}

static void drop(mpy_operands *operands)
{
    if (operands != NULL)
        mpy_operands_release(operands);
    Py_XDECREF((PyObject *)operands);
}

static int map_now(mpy_pool *pool, PyObject *kernel, const map_operands *with,
                   double timeout)
{
    map_frame frame;
    mpy_job *job = NULL;
    if (fill_map(&frame, pool->state, kernel, with->inputs, with->where,
                 with->outs) == 0)
        job = start_map(pool, MPY_SORT_MAP, &frame, kernel, with->inputs,
                        with->where, with->outs, timeout, NULL);
    PyMem_Free(frame.outs);
    if (job == NULL)
        return -1;
    int result = mpy_job_wait(job, -1) < 0 ? -1 : mpy_job_check(job);
    mpy_job_release(job);
    Py_DECREF((PyObject *)job);
    return result;
}

/* map(kernel, args, out, where, timeout): all of a map in one call. */
PyObject *mpy_start_map_now(PyObject *object, PyObject *const *args,
                            Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    double timeout;
    if (check_count(nargs, 5) < 0 || read_timeout(args[4], &timeout) < 0 ||
        mpy_pool_enter(pool) < 0)
        return NULL;
    map_operands with = {NULL, NULL, NULL};
    int result = read_map(pool->state, args, &with);
    if (result == 0)
        result = map_now(pool, args[0], &with, timeout);
    drop(with.inputs);
    drop(with.where);
    drop(with.outs);
    mpy_pool_leave(pool);
    return result < 0 ? NULL : Py_NewRef(args[2]);
}

/* map_start(kernel, inputs, where, outs, open, first, timeout, owner) */
PyObject *mpy_start_map(PyObject *object, PyObject *const *args,
                        Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mpy_state *state = pool->state;
    mpy_operands *inputs, *where, *outs;
    double timeout;
    if (check_count(nargs, 8) < 0 ||
        (inputs = mpy_operands_of(state, args[1])) == NULL ||
        optional(state, args[2], &where) < 0 ||
        (outs = mpy_operands_of(state, args[3])) == NULL ||
        read_timeout(args[6], &timeout) < 0)
        return NULL;
    uint64_t open = PyLong_AsUnsignedLongLong(args[4]);
    int64_t first = PyLong_AsLongLong(args[5]);
    if (PyErr_Occurred())
        return NULL;
    map_frame frame;
    mpy_job *job = NULL;
    if (fill_map(&frame, state, args[0], inputs, where, outs) == 0) {
        frame.spec.open = open;
        frame.spec.first = first;
        job = start_map(pool, MPY_SORT_MAP, &frame, args[0], inputs, where,
                        outs, timeout, args[7]);
    }
    PyMem_Free(frame.outs);
    return (PyObject *)job;
}

/* map_probe(kernel, inputs, where, outs, timeout, owner) */
PyObject *mpy_start_probe(PyObject *object, PyObject *const *args,
                          Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mpy_state *state = pool->state;
    mpy_operands *inputs, *where, *outs;
    double timeout;
    if (check_count(nargs, 6) < 0 ||
        (inputs = mpy_operands_of(state, args[1])) == NULL ||
        optional(state, args[2], &where) < 0 ||
        optional(state, args[3], &outs) < 0 ||
        read_timeout(args[4], &timeout) < 0)
        return NULL;
    map_frame frame;
    mpy_job *job = NULL;
    if (fill_map(&frame, state, args[0], inputs, where, outs) == 0)
        job = start_map(pool, MPY_SORT_PROBE, &frame, args[0], inputs, where,
                        outs, timeout, args[5]);
    PyMem_Free(frame.outs);
    return (PyObject *)job;
}

static PyObject *shape_tuple(const mp_shape *shape)
{
    PyObject *tuple = PyTuple_New(shape->ndim);
    for (int d = 0; tuple != NULL && d < shape->ndim; d++) {
        PyObject *extent = PyLong_FromLongLong(shape->extent[d]);
        if (extent == NULL || PyTuple_SetItem(tuple, d, extent) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

/* (loop, None) for an elementwise kernel, else (loop, ((shape, ncore), ...)) */
static PyObject *map_shapes(const mp_shape *loop, int nouts,
                            const mp_shape *outs, const int *ncore)
{
    if (nouts < 0)
        return Py_BuildValue("NO", shape_tuple(loop), Py_None);
    PyObject *list = PyTuple_New(nouts);
    for (int k = 0; list != NULL && k < nouts; k++) {
        PyObject *pair = Py_BuildValue("Ni", shape_tuple(&outs[k]), ncore[k]);
        if (pair == NULL || PyTuple_SetItem(list, k, pair) < 0)
            Py_CLEAR(list);
    }
    return Py_BuildValue("NN", shape_tuple(loop), list);
}

/* map_shape(kernel, inputs, where, outs) */
PyObject *mpy_start_map_shape(PyObject *module, PyObject *const *args,
                              Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    mpy_operands *inputs, *where, *outs;
    if (check_count(nargs, 4) < 0 ||
        (inputs = mpy_operands_of(state, args[1])) == NULL ||
        optional(state, args[2], &where) < 0 ||
        optional(state, args[3], &outs) < 0)
        return NULL;
    map_frame frame;
    PyObject *result = NULL;
    mp_shape *shapes = PyMem_Malloc((MP_MAX_ARGS + 1) * sizeof *shapes);
    if (shapes == NULL)
        return PyErr_NoMemory();
    if (fill_map(&frame, state, args[0], inputs, where, outs) == 0) {
        mp_shape *loop = &shapes[MP_MAX_ARGS];
        int nouts, ncore[MP_MAX_ARGS];
        mp_error err = {0};
        if (mp_map_shape(&frame.spec, loop, &nouts, shapes, ncore, &err) ==
            MP_OK)
            result = map_shapes(loop, nouts, shapes, ncore);
        else
            mpy_error_raise(state, &err, NULL, MPY_UNIT_ELEMENT);
    }
    PyMem_Free(frame.outs);
    PyMem_Free(shapes);
    return result;
}

/* ---- run ---------------------------------------------------------------- */

static int read_extent(PyObject *tuple, mp_shape *out)
{
    Py_ssize_t ndim = PyTuple_Size(tuple);
    if (ndim < 0)
        return -1;
    if (ndim > MP_MAX_NDIM) {
        PyErr_SetString(PyExc_ValueError, "an extent has 1 to 3 dimensions");
        return -1;
    }
    out->ndim = (int)ndim;
    for (Py_ssize_t d = 0; d < ndim; d++)
        out->extent[d] = PyLong_AsLongLong(PyTuple_GetItem(tuple, d));
    return PyErr_Occurred() ? -1 : 0;
}

/* run_start(kernel, extent, inputs, timeout, owner) */
PyObject *mpy_start_run(PyObject *object, PyObject *const *args,
                        Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mpy_state *state = pool->state;
    mp_arg values[MP_MAX_ARGS];
    mp_run_spec spec = {.args = values};
    mpy_operands *inputs;
    launch l = {.spec = {.run = &spec}};
    if (check_count(nargs, 5) < 0 ||
        (spec.kernel = mpy_kernel_of(state, args[0])) == NULL ||
        read_extent(args[1], &spec.extent) < 0 ||
        (inputs = mpy_operands_of(state, args[2])) == NULL ||
        read_timeout(args[3], &l.options.timeout) < 0)
        return NULL;
    mpy_operands_args(inputs, values);
    spec.nargs = (int)inputs->count;
    mpy_job *job = mpy_job_new(pool, MPY_SORT_RUN, args[0], args[4]);
    if (job == NULL)
        return NULL;
    mpy_job_take(job, inputs, NULL, NULL);
    job->extent = spec.extent;
    return started(job, &l);
}

/* ---- reduce ------------------------------------------------------------- */

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

/* reduce_start(kernel, inputs, init, combine, axes, timeout, owner) */
PyObject *mpy_start_reduce(PyObject *object, PyObject *const *args,
                           Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    reduce_frame frame;
    mpy_operands *inputs;
    launch l = {.spec = {.reduce = &frame.spec}};
    if (check_count(nargs, 7) < 0 ||
        fill_reduce(&frame, pool->state, args, &inputs) < 0 ||
        read_timeout(args[5], &l.options.timeout) < 0)
        return NULL;
    mpy_job *job = mpy_job_new(pool, MPY_SORT_REDUCE, args[0], args[6]);
    if (job == NULL)
        return NULL;
    mpy_job_take(job, inputs, NULL, NULL);
    return started(job, &l);
}

/* reduce_shape(kernel, inputs, init, combine, axes) */
PyObject *mpy_start_reduce_shape(PyObject *module, PyObject *const *args,
                                 Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    reduce_frame frame;
    mpy_operands *inputs;
    if (check_count(nargs, 5) < 0 ||
        fill_reduce(&frame, state, args, &inputs) < 0)
        return NULL;
    mp_shape shape;
    mp_error err = {0};
    if (mp_reduce_shape(&frame.spec, &shape, &err) == MP_OK)
        return shape_tuple(&shape);
    mpy_error_raise(state, &err, NULL, MPY_UNIT_ELEMENT);
    return NULL;
}

/* ---- submit, broadcast, setup ------------------------------------------- */

static PyObject *start_call(mpy_pool *pool, PyObject *const *args,
                            mpy_operands *arrays, mp_call_spec *spec, launch *l)
{
    mp_view *views = mpy_operands_views(arrays);
    if (views == NULL)
        return NULL;
    spec->views = views;
    spec->nviews = (int)arrays->count;
    PyObject *result = NULL;
    mpy_job *job = mpy_job_new(pool, MPY_SORT_CALL, args[0], args[4]);
    if (job != NULL) {
        mpy_job_take(job, arrays, NULL, NULL);
        result = started(job, l);
    }
    PyMem_Free(views);
    return result;
}

/* call_start(kernel, args, broadcast, timeout, owner) */
PyObject *mpy_start_call(PyObject *object, PyObject *const *args,
                         Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mp_call_spec spec = {0};
    launch l = {.spec = {.call = &spec}};
    if (check_count(nargs, 5) < 0 ||
        (spec.kernel = mpy_kernel_of(pool->state, args[0])) == NULL ||
        read_timeout(args[3], &l.options.timeout) < 0)
        return NULL;
    spec.broadcast = args[2] == Py_True;
    mpy_operands *arrays = mpy_operands_new(pool->state, 0);
    if (arrays == NULL)
        return NULL;
    mp_message message = {0};
    PyObject *result = NULL;
    if (mpy_message_write(pool->state, args[1], arrays, &message) == 0) {
        spec.message = message.data;
        spec.size = message.size;
        result = start_call(pool, args, arrays, &spec, &l);
    }
    mp_message_destroy(&message);
    drop(arrays);
    return result;
}

/* setup_start(timeout, owner) */
PyObject *mpy_start_setup(PyObject *object, PyObject *const *args,
                          Py_ssize_t nargs)
{
    launch l = {.status = MP_OK};
    if (check_count(nargs, 2) < 0 ||
        read_timeout(args[0], &l.options.timeout) < 0)
        return NULL;
    mpy_job *job =
        mpy_job_new((mpy_pool *)object, MPY_SORT_SETUP, NULL, args[1]);
    return job ? started(job, &l) : NULL;
}
