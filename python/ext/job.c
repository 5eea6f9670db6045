/* The type moonpool._core.Job. */
#include "job.h"

#include <stdio.h>
#include <string.h>
#include <structmember.h>

#include "errors.h"
#include "kernel.h"
#include "message.h"
#include "value.h"
#include "wait.h"

mpy_job *mpy_job_new(mpy_pool *pool, mpy_sort sort, PyObject *kernel,
                     PyObject *owner)
{
    mpy_job *self = (mpy_job *)mpy_new_object(pool->state->job_type);
    if (self == NULL)
        return NULL;
    self->state = pool->state;
    self->pool = (mpy_pool *)Py_NewRef((PyObject *)pool);
    self->epoch = pool->epoch;
    self->sort = sort;
    self->kernel = Py_XNewRef(kernel);
    self->owner = owner == Py_None ? NULL : Py_XNewRef(owner);
    return self;
}

static mpy_operands *lock(mpy_operands *operands)
{
    if (operands != NULL)
        mpy_operands_lock(operands);
    return (mpy_operands *)Py_XNewRef((PyObject *)operands);
}

void mpy_job_take(mpy_job *self, mpy_operands *inputs, mpy_operands *where,
                  mpy_operands *outs)
{
    self->inputs = lock(inputs);
    self->where = lock(where);
    self->outs = lock(outs);
}

/* Whether the job's workers are in this process: not so after a fork. */
static bool is_ours(const mpy_job *self)
{
    return self->epoch == self->pool->epoch;
}

static int raise_forked(void)
{
    PyErr_SetString(PyExc_RuntimeError,
                    "the process was forked while the job was running: it "
                    "goes on in the parent only");
    return -1;
}

/* One mp_job_wait(). */
typedef struct waiting {
    mp_job *job;
    double seconds;
    bool ended;
} waiting;

static void wait_body(void *ud)
{
    waiting *w = ud;
    w->ended = mp_job_wait(w->job, w->seconds);
}

static void free_body(void *ud)
{
    mp_job_free(ud);
}

/* Stops the job and waits for its end: it touches no memory any more. */
static void end(mpy_job *self)
{
    waiting last = {self->job, -1, false};
    mp_job_stop(self->job, MP_CANCELLED);
    mpy_unlocked(wait_body, &last);
}

/* Runs the handlers of signals that came in; -1 where one raised, and then
 * the job has been stopped and has ended. */
static int check_signals(mpy_job *self)
{
    int result = PyErr_CheckSignals();
    if (result < 0 && is_ours(self))
        end(self);
    return result;
}

int mpy_job_wait(mpy_job *self, double seconds)
{
    while (self->job != NULL) {
        if (!is_ours(self))
            return raise_forked();
        waiting w = {self->job, mpy_wait_turn(seconds), false};
        mpy_unlocked(wait_body, &w);
        if (w.ended)
            return 1;
        if (check_signals(self) < 0)
            return -1;
        if (!mpy_wait_goes_on(&seconds, w.seconds))
            return 0;
    }
    return 1;
}

int mpy_job_of(mpy_state *state, PyObject *object, const mp_job **out)
{
    *out = NULL;
    if (object == Py_None)
        return 0;
    if (!Py_IS_TYPE(object, state->job_type)) {
        PyErr_Format(PyExc_TypeError, "a Job is needed, not %R",
                     Py_TYPE(object));
        return -1;
    }
    const mpy_job *self = (mpy_job *)object;
    if (is_ours(self))
        *out = self->job;
    return 0;
}

/* What the flat index in an error runs over. */
static bool index_shape(const mpy_job *self, mp_shape *out)
{
    if (self->sort == MPY_SORT_RUN) {
        *out = self->extent;
        return true;
    }
    if (self->inputs == NULL || self->sort == MPY_SORT_CALL)
        return false;
    mp_arg args[MP_MAX_ARGS];
    mpy_operands_args(self->inputs, args);
    mp_map_spec spec = {
        .kernel = ((mpy_kernel *)self->kernel)->kernel,
        .nargs = (int)self->inputs->count,
        .args = args,
        .where = self->where ? &self->where->items[0]->view : NULL,
    };
    mp_view *outs = self->outs ? mpy_operands_views(self->outs) : NULL;
    mp_shape *shapes = PyMem_Malloc(MP_MAX_ARGS * sizeof *shapes);
    int nouts, ncore[MP_MAX_ARGS];
    mp_error err;
    spec.outs = outs;
    spec.nouts = outs ? (int)self->outs->count : 0;
    bool known = shapes != NULL &&
                 mp_map_shape(&spec, out, &nouts, shapes, ncore, &err) == MP_OK;
    PyMem_Free(outs);
    PyMem_Free(shapes);
    PyErr_Clear();
    return known;
}

int mpy_job_check(mpy_job *self)
{
    if (!is_ours(self))
        return raise_forked();
    if (self->job == NULL || mp_job_status(self->job) == MP_OK)
        return 0;
    const mp_error *err = mp_job_error(self->job);
    mp_shape shape;
    bool known = err->index >= 0 && index_shape(self, &shape);
    mpy_error_raise(self->state, err, known ? &shape : NULL,
                    self->sort == MPY_SORT_RUN ? MPY_UNIT_ITEM
                                               : MPY_UNIT_ELEMENT);
    return -1;
}

/* Taken out first: giving buffers back may run code that comes here too. */
static void unlock(mpy_operands **operands)
{
    mpy_operands *held = *operands;
    *operands = NULL;
    if (held == NULL)
        return;
    mpy_operands_unlock(held);
    Py_DECREF((PyObject *)held);
}

static void free_job(mpy_job *self)
{
    mp_job *job = self->job;
    self->job = NULL;
    if (job != NULL && is_ours(self))
        mpy_unlocked(free_body, job);
    else if (job != NULL)
        mp_job_abandon(job);
}

void mpy_job_release(mpy_job *self)
{
    bool forgotten = false; /* by the completion queue */
    if (self->job != NULL && self->queued && is_ours(self)) {
        /* The completion queue refers to it: freed when it is taken out, which
         * may happen while this waits. */
        end(self);
    } else {
        forgotten = self->queued;
        self->queued = false;
        free_job(self);
    }
    unlock(&self->inputs);
    unlock(&self->where);
    unlock(&self->outs);
    Py_CLEAR(self->owner);
    if (forgotten)
        Py_DECREF((PyObject *)self);
}

/* The job where it has ended well and has not been released. */
static mp_job *ended(mpy_job *self)
{
    if (self->job == NULL || !is_ours(self) ||
        mp_job_phase(self->job) != MP_ENDED) {
        PyErr_SetString(PyExc_RuntimeError, "the job has no results");
        return NULL;
    }
    return self->job;
}

static PyObject *job_results(PyObject *object, PyObject *unused)
{
    (void)unused;
    mp_job *job = ended((mpy_job *)object);
    if (job == NULL)
        return NULL;
    int64_t count;
    const mp_value *values = mp_job_results(job, &count);
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *value = mpy_value_object(&values[i]);
        if (value == NULL || PyTuple_SetItem(tuple, i, value) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

PyObject *mpy_job_finish_with(mpy_job *self)
{
    PyObject *results = NULL;
    if (mpy_job_wait(self, -1) >= 0 && mpy_job_check(self) == 0)
        results = job_results((PyObject *)self, NULL);
    mpy_job_release(self);
    Py_DECREF((PyObject *)self);
    return results;
}

int mpy_job_finish(mpy_job *self)
{
    int result = mpy_job_wait(self, -1) < 0 ? -1 : mpy_job_check(self);
    mpy_job_release(self);
    Py_DECREF((PyObject *)self);
    return result;
}

/* ---- methods ------------------------------------------------------------ */

static int job_traverse(PyObject *object, visitproc visit, void *arg)
{
    mpy_job *self = (mpy_job *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT((PyObject *)self->pool);
    Py_VISIT(self->kernel);
    Py_VISIT((PyObject *)self->inputs);
    Py_VISIT((PyObject *)self->where);
    Py_VISIT((PyObject *)self->outs);
    Py_VISIT(self->owner);
    return 0;
}

static int job_clear(PyObject *object)
{
    Py_CLEAR(((mpy_job *)object)->owner);
    return 0;
}

static void job_dealloc(PyObject *object)
{
    mpy_job *self = (mpy_job *)object;
    PyObject_GC_UnTrack(object);
    mpy_job_release(self);
    Py_XDECREF(self->kernel);
    Py_XDECREF((PyObject *)self->pool);
    mpy_free_object(object);
}

static PyObject *job_wait(PyObject *object, PyObject *seconds)
{
    double limit;
    if (mpy_wait_seconds(seconds, &limit) < 0)
        return NULL;
    int ended = mpy_job_wait((mpy_job *)object, limit);
    return ended < 0 ? NULL : PyBool_FromLong(ended);
}

static PyObject *job_check(PyObject *object, PyObject *unused)
{
    (void)unused;
    if (mpy_job_check((mpy_job *)object) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *job_release(PyObject *object, PyObject *unused)
{
    (void)unused;
    mpy_job_release((mpy_job *)object);
    Py_RETURN_NONE;
}

static PyObject *job_stop(PyObject *object, PyObject *unused)
{
    (void)unused;
    mpy_job *self = (mpy_job *)object;
    if (self->job != NULL && is_ours(self))
        mp_job_stop(self->job, MP_CANCELLED);
    Py_RETURN_NONE;
}

static PyObject *job_running(PyObject *object, void *closure)
{
    (void)closure;
    mpy_job *self = (mpy_job *)object;
    return PyBool_FromLong(self->job != NULL && is_ours(self) &&
                           mp_job_phase(self->job) == MP_RUNNING);
}

static PyObject *job_progress(PyObject *object, PyObject *unused)
{
    (void)unused;
    mpy_job *self = (mpy_job *)object;
    int64_t done = 0, total = 0;
    if (self->job != NULL && is_ours(self))
        mp_job_progress(self->job, &done, &total);
    return Py_BuildValue("LL", (long long)done, (long long)total);
}

/* The code that holds both: integers and floats are floats, and nothing else
 * mixes. */
static char merge_codes(char a, char b)
{
    if (a == b || a == 0)
        return b;
    bool numbers = (a == 'q' || a == 'd') && (b == 'q' || b == 'd');
    return numbers ? 'd' : 's';
}

/* kinds(n): results come in groups of n; one code for each place in a group,
 * which all groups share. */
static PyObject *job_kinds(PyObject *object, PyObject *group)
{
    mp_job *job = ended((mpy_job *)object);
    long n = PyLong_AsLong(group);
    if (job == NULL || (n == -1 && PyErr_Occurred()))
        return NULL;
    int64_t count;
    const mp_value *values = mp_job_results(job, &count);
    char codes[MP_MAX_ARGS + 1] = "";
    if (n < 0 || n > MP_MAX_ARGS || (n == 0 && count > MP_MAX_ARGS)) {
        PyErr_SetString(PyExc_ValueError, "the kernel returns too many values");
        return NULL;
    }
    long width = n > 0 ? n : (long)count;
    for (int64_t i = 0; i < count; i++) {
        char *code = &codes[i % width];
        *code = merge_codes(*code, mpy_value_code(values[i].kind));
    }
    return PyUnicode_FromString(codes);
}

/* Raises about a result that does not fit, as its job would have done if it
 * had stored it. */
static void raise_misfit(const mpy_job *self, const mp_view *view, int64_t at,
                         mp_error *err)
{
    mp_shape shape = {.ndim = view->ndim};
    memcpy(shape.extent, view->shape,
           (size_t)view->ndim * sizeof shape.extent[0]);
    err->status = MP_LUA;
    err->index = at;
    const char *name = mp_kernel_name(((mpy_kernel *)self->kernel)->kernel);
    (void)snprintf(err->kernel, sizeof err->kernel, "%s", name);
    mpy_error_raise(self->state, err, &shape, MPY_UNIT_ELEMENT);
}

/* store(outs, base): result i of group e goes to element base + e of outs[i].
 */
static PyObject *job_store(PyObject *object, PyObject *args)
{
    mpy_job *self = (mpy_job *)object;
    PyObject *operands;
    long long base;
    mp_job *job = ended(self);
    if (job == NULL || !PyArg_ParseTuple(args, "OL:store", &operands, &base))
        return NULL;
    mpy_operands *outs = mpy_operands_of(self->state, operands);
    if (outs == NULL)
        return NULL;
    int64_t count;
    const mp_value *values = mp_job_results(job, &count);
    mp_error err = {0};
    for (int64_t i = 0; i < count && outs->count > 0; i++) {
        const mp_view *view = &outs->items[i % outs->count]->view;
        int64_t at = base + i / outs->count;
        if (mp_view_set(view, at, values[i], &err) != MP_OK) {
            raise_misfit(self, view, at, &err);
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

static PyObject *job_kind(PyObject *object, PyObject *number)
{
    mp_job *job = ended((mpy_job *)object);
    long k = PyLong_AsLong(number);
    if (job == NULL || (k == -1 && PyErr_Occurred()))
        return NULL;
    char code[2] = {mpy_value_code(mp_job_kind(job, (int)k)), '\0'};
    return PyUnicode_FromString(code);
}

static PyObject *job_message(PyObject *object, PyObject *worker)
{
    mpy_job *self = (mpy_job *)object;
    mp_job *job = ended(self);
    long number = PyLong_AsLong(worker);
    if (job == NULL || (number == -1 && PyErr_Occurred()))
        return NULL;
    size_t size;
    const char *data = mp_job_message(job, (int)number, &size);
    return mpy_message_read(self->state, data, size, self->inputs);
}

static PyObject *job_first(PyObject *object, void *closure)
{
    (void)closure;
    mp_job *job = ended((mpy_job *)object);
    return job ? PyLong_FromLongLong(mp_job_first(job)) : NULL;
}

static PyMethodDef job_methods[] = {
    {"wait", job_wait, METH_O, NULL},
    {"check", job_check, METH_NOARGS, NULL},
    {"release", job_release, METH_NOARGS, NULL},
    {"stop", job_stop, METH_NOARGS, NULL},
    {"progress", job_progress, METH_NOARGS, NULL},
    {"results", job_results, METH_NOARGS, NULL},
    {"kinds", job_kinds, METH_O, NULL},
    {"store", job_store, METH_VARARGS, NULL},
    {"kind", job_kind, METH_O, NULL},
    {"message", job_message, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef job_getset[] = {
    {"running", job_running, NULL, NULL, NULL},
    {"first", job_first, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef job_members[] = {
    {"owner", T_OBJECT, offsetof(mpy_job, owner), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot job_slots[] = {
    {Py_tp_dealloc, MPY_SLOT(job_dealloc)},
    {Py_tp_traverse, MPY_SLOT(job_traverse)},
    {Py_tp_clear, MPY_SLOT(job_clear)},
    {Py_tp_methods, job_methods},
    {Py_tp_getset, job_getset},
    {Py_tp_members, job_members},
    {0, NULL},
};

PyType_Spec mpy_job_spec = {
    .name = "moonpool._core.Job",
    .basicsize = sizeof(mpy_job),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = job_slots,
};
