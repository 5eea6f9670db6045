/* Maps: moonpool._core.Pool.map() and its like. */
#include "start.h"

#include <string.h>

#include "errors.h"
#include "kernel.h"
#include "launch.h"
#include "wait.h"

/* The view of a mask: of its one array, or of a bool, which stands for all. */
static const mp_view *mask_view(const mpy_operands *where)
{
    mpy_operand *mask = where->count == 1 ? where->items[0] : NULL;
    if (mask != NULL && mask->is_array)
        return &mask->view;
    mp_error err;
    if (mask != NULL && mask->value.kind == MP_KIND_BOOL &&
        mp_view_init(&mask->view, &mask->value.as.b, MP_BOOL, 0, NULL, &err) ==
            MP_OK)
        return &mask->view;
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

/* Starts a map or a probe, as mpy_launch() does. */
static mpy_job *start_map(mpy_pool *pool, mpy_sort sort, map_frame *frame,
                          PyObject *kernel, mpy_operands *inputs,
                          mpy_operands *where, mpy_operands *outs,
                          mpy_launching *l, PyObject *owner)
{
    l->spec.map = &frame->spec;
    mpy_job *job = mpy_job_new(pool, sort, kernel, owner);
    if (job == NULL)
        return NULL;
    mpy_job_take(job, inputs, where, outs);
    return (mpy_job *)mpy_launch(job, l);
}

/* The operands of a map() in one call. */
typedef struct map_operands {
    mpy_operands *inputs, *where, *outs;
} map_operands;

/* Takes the arguments of a map() in one call; all that is there is to be
 * dropped in any case. */
static int read_map(mpy_state *state, PyObject *args, PyObject *out,
                    PyObject *where, map_operands *with)
{
    with->inputs = mpy_operands_from(state, args, MPY_ROLE_INPUT);
    if (with->inputs == NULL)
        return -1;
    with->outs = mpy_operands_from(state, out, MPY_ROLE_OUTPUT);
    if (with->outs == NULL)
        return -1;
    if (where == Py_None)
        return 0;
    with->where = mpy_operands_from(state, where, MPY_ROLE_INPUT);
    return with->where == NULL ? -1 : 0;
}

static int map_now(mpy_pool *pool, PyObject *kernel, const map_operands *with,
                   double timeout, int64_t first)
{
    map_frame frame;
    mpy_job *job = NULL;
    mpy_use use;
    if (mpy_pool_enter(pool, &use) < 0)
        return -1;
    if (fill_map(&frame, pool->state, kernel, with->inputs, with->where,
                 with->outs) == 0) {
        mpy_launching l = {.options = {.timeout = timeout}};
        frame.spec.first = first;
        job = start_map(pool, MPY_SORT_MAP, &frame, kernel, with->inputs,
                        with->where, with->outs, &l, NULL);
    }
    PyMem_Free(frame.outs);
    int result = job != NULL ? mpy_job_finish(job) : -1;
    mpy_pool_leave(pool, &use);
    return result;
}

static void drop(const map_operands *with)
{
    mpy_launch_drop(with->inputs);
    mpy_launch_drop(with->where);
    mpy_launch_drop(with->outs);
}

/* map(kernel, args, out, where, timeout): all of a map in one call. */
PyObject *mpy_start_map_now(PyObject *object, PyObject *const *args,
                            Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    double timeout;
    if (mpy_launch_count(nargs, 5) < 0 ||
        mpy_wait_seconds(args[4], &timeout) < 0)
        return NULL;
    map_operands with = {NULL, NULL, NULL};
    int result = read_map(pool->state, args[1], args[2], args[3], &with);
    if (result == 0)
        result = map_now(pool, args[0], &with, timeout, 0);
    drop(&with);
    return result < 0 ? NULL : Py_NewRef(args[2]);
}

int mpy_start_map_into(mpy_pool *pool, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *out, double timeout, int64_t first)
{
    map_operands with = {NULL, NULL, NULL};
    int result = -1;
    with.inputs =
        mpy_operands_from_row(pool->state, args + 1, nargs - 1, MPY_ROLE_INPUT);
    if (with.inputs != NULL)
        with.outs = mpy_operands_from(pool->state, out, MPY_ROLE_OUTPUT);
    if (with.outs != NULL)
        result = map_now(pool, args[0], &with, timeout, first);
    drop(&with);
    return result < 0 ? -1 : 1;
}

/* map_start(kernel, inputs, where, outs, open, first, timeout, owner, after,
 * known) */
PyObject *mpy_start_map(PyObject *object, PyObject *const *args,
                        Py_ssize_t nargs)
{
    mpy_pool *pool = (mpy_pool *)object;
    mpy_state *state = pool->state;
    mpy_operands *inputs, *where, *outs;
    mpy_launching l = {.known = nargs > 9 && args[9] == Py_True};
    if (mpy_launch_count(nargs, 10) < 0 ||
        (inputs = mpy_operands_of(state, args[1])) == NULL ||
        mpy_launch_optional(state, args[2], &where) < 0 ||
        (outs = mpy_operands_of(state, args[3])) == NULL ||
        mpy_wait_seconds(args[6], &l.options.timeout) < 0 ||
        mpy_job_of(state, args[8], &l.options.after) < 0)
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
                        outs, &l, args[7]);
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
    mpy_launching l = {.known = false};
    if (mpy_launch_count(nargs, 6) < 0 ||
        (inputs = mpy_operands_of(state, args[1])) == NULL ||
        mpy_launch_optional(state, args[2], &where) < 0 ||
        mpy_launch_optional(state, args[3], &outs) < 0 ||
        mpy_wait_seconds(args[4], &l.options.timeout) < 0)
        return NULL;
    map_frame frame;
    mpy_job *job = NULL;
    if (fill_map(&frame, state, args[0], inputs, where, outs) == 0)
        job = start_map(pool, MPY_SORT_PROBE, &frame, args[0], inputs, where,
                        outs, &l, args[5]);
    PyMem_Free(frame.outs);
    return (PyObject *)job;
}

/* (loop, None) for an elementwise kernel, else (loop, ((shape, ncore), ...)) */
static PyObject *map_shapes(const mp_shape *loop, int nouts,
                            const mp_shape *outs, const int *ncore)
{
    if (nouts < 0)
        return Py_BuildValue("NO", mpy_launch_shape(loop), Py_None);
    PyObject *list = PyTuple_New(nouts);
    for (int k = 0; list != NULL && k < nouts; k++) {
        PyObject *pair =
            Py_BuildValue("Ni", mpy_launch_shape(&outs[k]), ncore[k]);
        if (pair == NULL || PyTuple_SetItem(list, k, pair) < 0)
            Py_CLEAR(list);
    }
    return Py_BuildValue("NN", mpy_launch_shape(loop), list);
}

/* map_shape(kernel, inputs, where, outs) */
PyObject *mpy_start_map_shape(PyObject *module, PyObject *const *args,
                              Py_ssize_t nargs)
{
    mpy_state *state = PyModule_GetState(module);
    mpy_operands *inputs, *where, *outs;
    if (mpy_launch_count(nargs, 4) < 0 ||
        (inputs = mpy_operands_of(state, args[1])) == NULL ||
        mpy_launch_optional(state, args[2], &where) < 0 ||
        mpy_launch_optional(state, args[3], &outs) < 0)
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
