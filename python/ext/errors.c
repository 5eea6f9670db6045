/* Errors of the C library as Python exceptions. The classes and their texts
 * are Python's business: see moonpool/_errors.py. */
#include "errors.h"

#include <string.h>

/* The index as Python shows it: None, an integer, or a tuple where the shape
 * has several dimensions. */
static PyObject *index_object(int64_t index, const mp_shape *shape,
                              mpy_unit unit)
{
    int64_t from = unit == MPY_UNIT_ITEM ? 1 : 0;
    /* The only element there is needs no number. */
    if (index < 0 || (shape != NULL && shape->ndim == 0))
        return Py_NewRef(Py_None);
    if (shape == NULL || shape->ndim == 1)
        return PyLong_FromLongLong(index + from);
    PyObject *tuple = PyTuple_New(shape->ndim);
    if (tuple == NULL)
        return NULL;
    for (int d = shape->ndim - 1; d >= 0; d--) {
        int64_t extent = shape->extent[d] > 0 ? shape->extent[d] : 1;
        PyObject *at = PyLong_FromLongLong(index % extent + from);
        if (at == NULL || PyTuple_SetItem(tuple, d, at) < 0) {
            Py_DECREF(tuple);
            return NULL;
        }
        index /= extent;
    }
    return tuple;
}

/* Text that a kernel made may be any bytes. */
static PyObject *text_object(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

void mpy_error_raise(mpy_state *state, const mp_error *err,
                     const mp_shape *shape, mpy_unit unit)
{
    if (err->status == MP_NO_MEMORY) {
        PyErr_NoMemory();
        return;
    }
    const char *name = mp_status_exception(err->status);
    PyObject *message = text_object(err->message);
    PyObject *kernel = text_object(err->kernel);
    PyObject *traceback = text_object(err->traceback);
    PyObject *index = index_object(err->index, shape, unit);
    PyObject *error = NULL;
    if (message != NULL && kernel != NULL && traceback != NULL && index != NULL)
        error = PyObject_CallFunction(
            state->build_error, "sOOiOOs", name ? name : "SystemError", message,
            kernel, err->line, index, traceback,
            unit == MPY_UNIT_ITEM ? "item" : "element");
    Py_XDECREF(message);
    Py_XDECREF(kernel);
    Py_XDECREF(traceback);
    Py_XDECREF(index);
    if (error == NULL)
        return;
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
}
