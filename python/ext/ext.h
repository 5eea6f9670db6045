/* What every file of the extension starts from: Python's limited API (the
 * build defines Py_LIMITED_API), the C library, the module's state, and the
 * one way to let go of the GIL.
 *
 * Everything here runs with the GIL held unless a comment says otherwise.
 * Functions follow Python's convention: NULL or -1 means that an exception is
 * set, references that are returned are the caller's. */
#ifndef MPY_EXT_H
#define MPY_EXT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "moonpool.h"

struct mpy_attic;

/* One a module object, so one an interpreter; all of it fixed after the module
 * has been executed, but for `arrays` and what is NumPy's, found when first
 * needed. Objects of the module's types may keep a plain pointer to it: their
 * type keeps the module alive. */
typedef struct mpy_state {
    PyTypeObject *kernel_type;
    PyTypeObject *operands_type;
    PyTypeObject *block_type;
    PyTypeObject *job_type;
    PyTypeObject *pool_type;
    PyTypeObject *visit_type;
    PyTypeObject *front_type;
    struct mpy_attic *attic; /* of compiled code, see compile.h */
    PyObject *build_error;   /* moonpool._errors.build_error */
    PyObject *arrays;        /* the module moonpool._arrays, or NULL */
    PyObject *numpy_generic; /* numpy.generic, or NULL */
    PyObject *ndarray;       /* numpy.ndarray, or NULL; with these two: */
    PyObject *numpy_empty;   /* numpy.empty */
    PyObject *numpy_dtypes;  /* a tuple of numpy.dtype, by mp_dtype */
    PyObject *name_out;      /* "out", */
    PyObject *name_init;     /* "init" */
    PyObject *name_combine;  /* and "combine" */
} mpy_state;

/* Calls `body(ud)` without the GIL, so that it may block. */
static inline void mpy_unlocked(void (*body)(void *), void *ud)
{
    Py_BEGIN_ALLOW_THREADS body(ud);
    Py_END_ALLOW_THREADS
}

/* What a tp_dealloc ends with: frees the object and lets go of its type. */
static inline void mpy_free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* A new object of `type`, all zero after its header. */
static inline PyObject *mpy_new_object(PyTypeObject *type)
{
    allocfunc make = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return make(type, 0);
}

/* PyModuleDef's, PyType_Spec's and PyMethodDef's function pointers are all
 * declared as one type and used as another; the way through uintptr_t says
 * that this is meant. */
#define MPY_METHOD(function) ((PyCFunction)(uintptr_t)(function))
#define MPY_SLOT(function) ((void *)(uintptr_t)(function))

#endif
