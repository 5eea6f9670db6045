/* The type moonpool._core.Pool: its life, its counters and its completion
 * queue. How jobs are started is in map.c, reduce.c and call.c. */
#include "pool.h"

#include <errno.h>
#include <string.h>
#include <structmember.h>
#include <time.h>

#include "errors.h"
#include "job.h"
#include "native.h"
#include "start.h"
#include "visit.h"
#include "wait.h"

static int gate_init(mpy_pool *self)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        goto fail;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&self->idle, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (failed)
        goto fail;
    if (pthread_mutex_init(&self->lock, NULL) != 0) {
        (void)pthread_cond_destroy(&self->idle);
        goto fail;
    }
    self->uses = NULL;
    return 0;
fail:
    PyErr_SetString(PyExc_RuntimeError, "no mutex could be made");
    return -1;
}

/* mp_pool_new() starts threads, so it goes without the GIL. */
typedef struct opening {
    mp_pool_options options;
    mp_pool *pool;
    mp_status status;
    mp_error err;
} opening;

static void open_body(void *ud)
{
    opening *o = ud;
    o->status = mp_pool_new(&o->options, &o->pool, &o->err);
}

static PyObject *pool_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    static const char *const names[] = {
        "workers", "memory_limit", "timeout", "sandbox",
        "setup",   "native",       "isa",     NULL};
    opening o = {.pool = NULL};
    mp_pool_options_init(&o.options);
    unsigned long long limit;
    int sandbox, native, isa;
    PyObject *isa_name;
    Py_ssize_t setup_size;
    if (!PyArg_ParseTupleAndKeywords(
            args, kw, "iKdpz#iU:Pool", (char **)(uintptr_t)names,
            &o.options.workers, &limit, &o.options.timeout, &sandbox,
            &o.options.setup, &setup_size, &native, &isa_name) ||
        (isa = mpy_native_isa(isa_name)) < 0)
        return NULL;
    o.options.memory_limit = (size_t)limit;
    o.options.sandbox = sandbox != 0;
    o.options.setup_size = (size_t)setup_size;
    mpy_state *state = PyType_GetModuleState(type);
    if (state == NULL)
        return NULL;
    mpy_unlocked(open_body, &o);
    if (o.status != MP_OK) {
        mpy_error_raise(state, &o.err, NULL, MPY_UNIT_ELEMENT);
        return NULL;
    }
    mpy_pool *self = (mpy_pool *)mpy_new_object(type);
    if (self == NULL || gate_init(self) < 0) {
        mp_pool_free(o.pool);
        if (self != NULL)
            mpy_free_object((PyObject *)self);
        return NULL;
    }
    self->state = state;
    self->pool = o.pool;
    self->native = native;
    self->isa = isa;
    return (PyObject *)self;
}

static void free_body(void *ud)
{
    mp_pool_free(ud);
}

static void free_pool(mpy_pool *self)
{
    mp_pool *pool = self->pool;
    self->pool = NULL;
    if (pool != NULL)
        mpy_unlocked(free_body, pool);
}

static void pool_dealloc(PyObject *object)
{
    mpy_pool *self = (mpy_pool *)object;
    free_pool(self);
    (void)pthread_cond_destroy(&self->idle);
    (void)pthread_mutex_destroy(&self->lock);
    mpy_free_object(object);
}

bool mpy_pool_check(PyObject *object)
{
    return PyType_GetSlot(Py_TYPE(object), Py_tp_dealloc) ==
           MPY_SLOT(pool_dealloc);
}

/* ---- the gate ----------------------------------------------------------- */

static void link_use(mpy_pool *self, mpy_use *use, unsigned long thread)
{
    use->thread = thread;
    use->epoch = self->epoch;
    (void)pthread_mutex_lock(&self->lock);
    use->link = &self->uses;
    use->next = self->uses;
    if (use->next != NULL)
        use->next->link = &use->next;
    self->uses = use;
    (void)pthread_mutex_unlock(&self->lock);
}

int mpy_pool_enter(mpy_pool *self, mpy_use *use)
{
    if (self->closed || self->pool == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the pool is closed: make a new moonpool.Pool()");
        return -1;
    }
    link_use(self, use, PyThread_get_thread_ident());
    return 0;
}

void mpy_pool_leave(mpy_pool *self, mpy_use *use)
{
    /* A call that a fork has cut off was forgotten by abandon(). */
    if (use->epoch != self->epoch)
        return;
    (void)pthread_mutex_lock(&self->lock);
    *use->link = use->next;
    if (use->next != NULL)
        use->next->link = use->link;
    bool last = self->uses == NULL;
    if (last)
        (void)pthread_cond_broadcast(&self->idle);
    (void)pthread_mutex_unlock(&self->lock);
    if (last && self->orphan)
        free_pool(self);
}

/* Whether this thread is in a call, which cannot end while it waits. */
static bool is_inside(mpy_pool *self)
{
    unsigned long me = PyThread_get_thread_ident();
    (void)pthread_mutex_lock(&self->lock);
    const mpy_use *use = self->uses;
    while (use != NULL && use->thread != me)
        use = use->next;
    (void)pthread_mutex_unlock(&self->lock);
    return use != NULL;
}

/* Waiting for the gate to be idle, one turn. */
typedef struct idling {
    mpy_pool *pool;
    double seconds;
    bool idle;
} idling;

static void idle_body(void *ud)
{
    idling *w = ud;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    long nanoseconds = until.tv_nsec + (long)(w->seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000L;
    until.tv_nsec = nanoseconds % 1000000000L;
    (void)pthread_mutex_lock(&w->pool->lock);
    int result = 0;
    while (w->pool->uses != NULL && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&w->pool->idle, &w->pool->lock, &until);
    w->idle = w->pool->uses == NULL;
    (void)pthread_mutex_unlock(&w->pool->lock);
}

/* 1: nobody uses the pool any more; 0: not so within the time; -1: a signal
 * handler raised. */
static int wait_idle(mpy_pool *self, double seconds)
{
    for (;;) {
        idling w = {self, mpy_wait_turn(seconds), false};
        mpy_unlocked(idle_body, &w);
        if (w.idle)
            return 1;
        if (PyErr_CheckSignals() < 0)
            return -1;
        if (!mpy_wait_goes_on(&seconds, w.seconds))
            return 0;
    }
}

/* ---- methods ------------------------------------------------------------ */

static PyObject *pool_enter(PyObject *object, PyObject *unused)
{
    (void)unused;
    return mpy_visit_new((mpy_pool *)object);
}

/* close(cancel): no new calls from now on. */
static PyObject *pool_close(PyObject *object, PyObject *cancel)
{
    mpy_pool *self = (mpy_pool *)object;
    int cancelling = PyObject_IsTrue(cancel);
    if (cancelling < 0)
        return NULL;
    self->closed = true;
    if (cancelling) {
        self->cancelled = true;
        if (self->pool != NULL) {
            /* What is on its way into it is refused there. */
            mp_pool_close(self->pool);
            mp_pool_cancel(self->pool);
        }
    }
    Py_RETURN_NONE;
}

/* free(seconds): waits for the calls that use the pool, then frees it. False
 * where they have not ended in time; where one of them is this thread's, the
 * last of them frees the pool. */
static PyObject *pool_free(PyObject *object, PyObject *seconds)
{
    mpy_pool *self = (mpy_pool *)object;
    double limit;
    if (mpy_wait_seconds(seconds, &limit) < 0)
        return NULL;
    self->closed = true;
    if (is_inside(self)) {
        self->orphan = true;
        Py_RETURN_FALSE;
    }
    int idle = wait_idle(self, limit);
    if (idle < 0)
        return NULL;
    if (idle)
        free_pool(self);
    return PyBool_FromLong(idle);
}

/* After a fork, in the child: the mutex may be held by a thread that is not
 * there. */
static PyObject *pool_abandon(PyObject *object, PyObject *unused)
{
    (void)unused;
    mpy_pool *self = (mpy_pool *)object;
    self->epoch++;
    self->closed = true;
    if (self->pool != NULL)
        mp_pool_abandon(self->pool);
    self->pool = NULL;
    if (gate_init(self) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* One mp_pool_next_ended(). */
typedef struct taking {
    mp_pool *pool;
    double seconds;
    mp_job *job;
} taking;

static void take_body(void *ud)
{
    taking *t = ud;
    t->job = mp_pool_next_ended(t->pool, t->seconds);
}

static PyObject *pool_next_ended(PyObject *object, PyObject *seconds)
{
    mpy_pool *self = (mpy_pool *)object;
    double limit;
    if (mpy_wait_seconds(seconds, &limit) < 0)
        return NULL;
    taking t = {self->pool, limit, NULL};
    if (t.pool != NULL) {
        /* Until it returns nobody may free the pool; but the thread makes no
         * call. */
        mpy_use use;
        link_use(self, &use, 0);
        mpy_unlocked(take_body, &t);
        mpy_pool_leave(self, &use);
    }
    if (t.job == NULL)
        Py_RETURN_NONE;
    /* The reference that the queue held passes on to the caller. */
    mpy_job *job = (mpy_job *)mp_job_tag(t.job);
    job->queued = false;
    return (PyObject *)job;
}

static PyObject *pool_wake(PyObject *object, PyObject *unused)
{
    (void)unused;
    mpy_pool *self = (mpy_pool *)object;
    if (self->pool != NULL)
        mp_pool_wake(self->pool);
    Py_RETURN_NONE;
}

static PyObject *pool_stats(PyObject *object, PyObject *worker)
{
    mpy_pool *self = (mpy_pool *)object;
    long number = PyLong_AsLong(worker);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    mp_worker_stats stats = {0};
    if (self->pool != NULL)
        mp_pool_stats(self->pool, (int)number, &stats);
    return Py_BuildValue("LLLdLLL", (long long)stats.chunks,
                         (long long)stats.items, (long long)stats.native,
                         stats.busy, (long long)stats.memory,
                         (long long)stats.memory_peak, (long long)stats.states);
}

static PyObject *span_object(const mp_span *span)
{
    PyObject *kernel = PyUnicode_DecodeUTF8(
        span->kernel, (Py_ssize_t)strlen(span->kernel), "replace");
    return Py_BuildValue("KNLLNdd", (unsigned long long)span->job, kernel,
                         (long long)span->lo, (long long)span->hi,
                         PyBool_FromLong(span->native), span->start, span->end);
}

/* The spans of a worker, to PyMem_Free(); NULL with an exception. */
static mp_span *read_spans(const mp_pool *pool, int worker, int *count)
{
    mp_span *spans = NULL;
    /* Only a block that is not full holds all there are. */
    for (int capacity = 256;; capacity *= 2) {
        mp_span *more = PyMem_Realloc(spans, (size_t)capacity * sizeof *spans);
        if (more == NULL) {
            PyMem_Free(spans);
            PyErr_NoMemory();
            return NULL;
        }
        spans = more;
        *count = mp_pool_trace(pool, worker, spans, capacity);
        if (*count < capacity)
            return spans;
    }
}

static PyObject *pool_trace(PyObject *object, PyObject *worker)
{
    mpy_pool *self = (mpy_pool *)object;
    long number = PyLong_AsLong(worker);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    if (self->pool == NULL)
        return PyList_New(0);
    int count;
    mp_span *spans = read_spans(self->pool, (int)number, &count);
    if (spans == NULL)
        return NULL;
    PyObject *list = PyList_New(0);
    for (int i = 0; list != NULL && i < count; i++) {
        PyObject *span = span_object(&spans[i]);
        if (span == NULL || PyList_Append(list, span) < 0)
            Py_CLEAR(list);
        Py_XDECREF(span);
    }
    PyMem_Free(spans);
    return list;
}

static PyObject *pool_workers(PyObject *object, void *closure)
{
    (void)closure;
    mpy_pool *self = (mpy_pool *)object;
    return PyLong_FromLong(self->pool ? mp_pool_workers(self->pool) : 0);
}

static PyObject *pool_inside(PyObject *object, void *closure)
{
    (void)closure;
    return PyBool_FromLong(is_inside((mpy_pool *)object));
}

static PyMethodDef pool_methods[] = {
    {"enter", pool_enter, METH_NOARGS, NULL},
    {"close", pool_close, METH_O, NULL},
    {"free", pool_free, METH_O, NULL},
    {"abandon", pool_abandon, METH_NOARGS, NULL},
    {"next_ended", pool_next_ended, METH_O, NULL},
    {"wake", pool_wake, METH_NOARGS, NULL},
    {"stats", pool_stats, METH_O, NULL},
    {"trace", pool_trace, METH_O, NULL},
    {"map_types", MPY_METHOD(mpy_native_types), METH_FASTCALL, NULL},
    {"map", MPY_METHOD(mpy_start_map_now), METH_FASTCALL, NULL},
    {"map_start", MPY_METHOD(mpy_start_map), METH_FASTCALL, NULL},
    {"map_probe", MPY_METHOD(mpy_start_probe), METH_FASTCALL, NULL},
    {"run", MPY_METHOD(mpy_start_run_now), METH_FASTCALL, NULL},
    {"run_start", MPY_METHOD(mpy_start_run), METH_FASTCALL, NULL},
    {"reduce", MPY_METHOD(mpy_start_reduce_now), METH_FASTCALL, NULL},
    {"reduce_start", MPY_METHOD(mpy_start_reduce), METH_FASTCALL, NULL},
    {"call_start", MPY_METHOD(mpy_start_call), METH_FASTCALL, NULL},
    {"setup_start", MPY_METHOD(mpy_start_setup), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef pool_getset[] = {
    {"workers", pool_workers, NULL, NULL, NULL},
    {"inside", pool_inside, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef pool_members[] = {
    {"closed", T_BOOL, offsetof(mpy_pool, closed), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot pool_slots[] = {
    {Py_tp_new, MPY_SLOT(pool_new)}, {Py_tp_dealloc, MPY_SLOT(pool_dealloc)},
    {Py_tp_methods, pool_methods},   {Py_tp_getset, pool_getset},
    {Py_tp_members, pool_members},   {0, NULL},
};

PyType_Spec mpy_pool_spec = {
    .name = "moonpool._core.Pool",
    .basicsize = sizeof(mpy_pool),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = pool_slots,
};
