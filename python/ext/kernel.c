/* The type moonpool._core.Kernel. It may be subclassed: the package adds what
 * can be said in Python. */
#include "kernel.h"

#include <string.h>
#include <structmember.h>

#include "compile.h"
#include "errors.h"

/* The state of the module that defines the type, or the first of its bases
 * that one defines. */
static mpy_state *state_of(PyTypeObject *type)
{
    for (; type != NULL; type = PyType_GetSlot(type, Py_tp_base)) {
        if (!(PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE))
            break;
        mpy_state *state = PyType_GetModuleState(type);
        if (state != NULL)
            return state;
        PyErr_Clear();
    }
    PyErr_SetString(PyExc_SystemError, "not a type of moonpool._core");
    return NULL;
}

/* The arguments of mp_kernel_new(), and what it returned. */
typedef struct making {
    const char *source;
    size_t size;
    mp_kernel_options options;
    mp_kernel *kernel;
    mp_status status;
    mp_error err;
} making;

static void make(void *ud)
{
    making *m = ud;
    m->status =
        mp_kernel_new(m->source, m->size, &m->options, &m->kernel, &m->err);
}

/* Takes over what was made. */
static PyObject *wrap(PyTypeObject *type, const mpy_state *state,
                      const making *m)
{
    mpy_kernel *self = (mpy_kernel *)mpy_new_object(type);
    if (self == NULL) {
        mp_kernel_release(m->kernel);
        return NULL;
    }
    self->kernel = m->kernel;
    self->attic = mpy_attic_retain(state->attic);
    self->strict = m->options.strict;
    self->fastmath = m->options.fastmath;
    self->signature = m->options.signature
                          ? PyUnicode_FromString(m->options.signature)
                          : Py_NewRef(Py_None);
    if (self->signature == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *kernel_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    static const char *const names[] = {"source", "signature", "name",
                                        "strict", "fastmath",  NULL};
    PyObject *source;
    making m = {0};
    int strict = 0, fastmath = 0;
    if (!PyArg_ParseTupleAndKeywords(
            args, kw, "U|$zzpp:Kernel", (char **)(uintptr_t)names, &source,
            &m.options.signature, &m.options.name, &strict, &fastmath))
        return NULL;
    if (strict && fastmath) {
        PyErr_SetString(PyExc_ValueError, "strict and fastmath contradict each "
                                          "other: set one of them");
        return NULL;
    }
    m.options.strict = strict != 0;
    m.options.fastmath = fastmath != 0;
    mpy_state *state = state_of(type);
    if (state == NULL)
        return NULL;
    Py_ssize_t size;
    m.source = PyUnicode_AsUTF8AndSize(source, &size);
    if (m.source == NULL)
        return NULL;
    m.size = (size_t)size;
    /* Compiling may take seconds. The arguments keep the texts. */
    mpy_unlocked(make, &m);
    if (m.status != MP_OK) {
        mpy_error_raise(state, &m.err, NULL, MPY_UNIT_ELEMENT);
        return NULL;
    }
    return wrap(type, state, &m);
}

static void kernel_dealloc(PyObject *object)
{
    mpy_kernel *self = (mpy_kernel *)object;
    mpy_attic *attic = self->attic;
    mp_shortcuts_free(self->shortcuts);
    if (self->kernel != NULL) {
        /* Workers may have the kernel for a while, but nobody its code. */
        mp_kernel_forget(self->kernel);
        mp_kernel_release(self->kernel);
    }
    Py_XDECREF(self->signature);
    /* Its code may be in the attic now. */
    if (attic != NULL)
        mpy_attic_sweep(attic);
    mpy_attic_drop(attic);
    mpy_free_object(object);
}

static PyObject *kernel_source(PyObject *object, void *closure)
{
    (void)closure;
    size_t size;
    const char *source =
        mp_kernel_source(((mpy_kernel *)object)->kernel, &size);
    return PyUnicode_DecodeUTF8(source, (Py_ssize_t)size, NULL);
}

static PyObject *kernel_name(PyObject *object, void *closure)
{
    (void)closure;
    const char *name = mp_kernel_name(((mpy_kernel *)object)->kernel);
    return PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace");
}

mp_kernel *mpy_kernel_of(mpy_state *state, PyObject *object)
{
    if (PyObject_TypeCheck(object, state->kernel_type))
        return ((mpy_kernel *)object)->kernel;
    PyErr_Format(PyExc_TypeError, "a Kernel is needed, not %R",
                 Py_TYPE(object));
    return NULL;
}

int mpy_kernel_shortcuts(mpy_kernel *self)
{
    mp_error err;
    if (self->shortcuts != NULL ||
        mp_shortcuts_new(&self->shortcuts, &err) == MP_OK)
        return 0;
    PyErr_NoMemory();
    return -1;
}

static PyGetSetDef kernel_getset[] = {
    {"source", kernel_source, NULL, NULL, NULL},
    {"name", kernel_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef kernel_members[] = {
    {"signature", T_OBJECT, offsetof(mpy_kernel, signature), READONLY, NULL},
    {"strict", T_BOOL, offsetof(mpy_kernel, strict), READONLY, NULL},
    {"fastmath", T_BOOL, offsetof(mpy_kernel, fastmath), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot kernel_slots[] = {
    {Py_tp_new, MPY_SLOT(kernel_new)},
    {Py_tp_dealloc, MPY_SLOT(kernel_dealloc)},
    {Py_tp_getset, kernel_getset},
    {Py_tp_members, kernel_members},
    {0, NULL},
};

PyType_Spec mpy_kernel_spec = {
    .name = "moonpool._core.Kernel",
    .basicsize = sizeof(mpy_kernel),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = kernel_slots,
};
