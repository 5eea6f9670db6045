/* The type moonpool._core.Visit. It is an object, so that a call which Ctrl-C
 * ends between any two steps is counted out all the same. */
#include "visit.h"

typedef struct mpy_visit {
    PyObject_HEAD mpy_pool *pool; /* strong; NULL once left */
    mpy_use use;
} mpy_visit;

PyObject *mpy_visit_new(mpy_pool *pool)
{
    mpy_visit *self = (mpy_visit *)mpy_new_object(pool->state->visit_type);
    if (self == NULL)
        return NULL;
    if (mpy_pool_enter(pool, &self->use) < 0) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    self->pool = (mpy_pool *)Py_NewRef((PyObject *)pool);
    return (PyObject *)self;
}

static void leave(mpy_visit *self)
{
    mpy_pool *pool = self->pool;
    self->pool = NULL;
    if (pool == NULL)
        return;
    mpy_pool_leave(pool, &self->use);
    Py_DECREF((PyObject *)pool);
}

static void visit_dealloc(PyObject *object)
{
    leave((mpy_visit *)object);
    mpy_free_object(object);
}

static PyObject *visit_release(PyObject *object, PyObject *unused)
{
    (void)unused;
    leave((mpy_visit *)object);
    Py_RETURN_NONE;
}

/* bind(): this thread makes the call from now on. */
static PyObject *visit_bind(PyObject *object, PyObject *unused)
{
    (void)unused;
    ((mpy_visit *)object)->use.thread = PyThread_get_thread_ident();
    Py_RETURN_NONE;
}

/* unbind(): no thread does; the call waits for a job. */
static PyObject *visit_unbind(PyObject *object, PyObject *unused)
{
    (void)unused;
    ((mpy_visit *)object)->use.thread = 0;
    Py_RETURN_NONE;
}

static PyMethodDef visit_methods[] = {
    {"release", visit_release, METH_NOARGS, NULL},
    {"bind", visit_bind, METH_NOARGS, NULL},
    {"unbind", visit_unbind, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot visit_slots[] = {
    {Py_tp_dealloc, MPY_SLOT(visit_dealloc)},
    {Py_tp_methods, visit_methods},
    {0, NULL},
};

PyType_Spec mpy_visit_spec = {
    .name = "moonpool._core.Visit",
    .basicsize = sizeof(mpy_visit),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = visit_slots,
};
