/* Single values: Python's None, bools, numbers and strings as mp_value. */
#include "value.h"

static int read_int(PyObject *object, mp_value *out)
{
    int overflow = 0;
    out->kind = MP_KIND_INT;
    out->as.i = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow) {
        PyErr_SetString(PyExc_OverflowError,
                        "the integer does not fit in Lua's 64 bits: pass a "
                        "float, or several integers");
        return -1;
    }
    return out->as.i == -1 && PyErr_Occurred() ? -1 : 1;
}

static int read_string(PyObject *object, mp_value *out)
{
    Py_ssize_t size = 0;
    const char *data;
    if (PyUnicode_Check(object)) {
        data = PyUnicode_AsUTF8AndSize(object, &size);
    } else {
        data = PyBytes_AsString(object);
        size = PyBytes_Size(object);
    }
    if (data == NULL)
        return -1;
    out->kind = MP_KIND_STRING;
    out->as.s.data = data;
    out->as.s.size = (size_t)size;
    return 1;
}

int mpy_value_read(PyObject *object, mp_value *out)
{
    if (PyFloat_Check(object)) {
        out->kind = MP_KIND_FLOAT;
        out->as.f = PyFloat_AsDouble(object);
        return 1;
    }
    if (PyBool_Check(object)) {
        out->kind = MP_KIND_BOOL;
        out->as.b = object == Py_True;
        return 1;
    }
    if (PyLong_Check(object))
        return read_int(object, out);
    if (PyUnicode_Check(object) || PyBytes_Check(object))
        return read_string(object, out);
    if (object == Py_None) {
        out->kind = MP_KIND_NIL;
        return 1;
    }
    return 0;
}

char mpy_value_code(mp_kind kind)
{
    switch (kind) {
    case MP_KIND_NIL:
        return 'n';
    case MP_KIND_BOOL:
        return '?';
    case MP_KIND_INT:
        return 'q';
    case MP_KIND_FLOAT:
        return 'd';
    case MP_KIND_STRING:
        break;
    }
    return 's';
}

PyObject *mpy_value_object(const mp_value *value)
{
    switch (value->kind) {
    case MP_KIND_NIL:
        return Py_NewRef(Py_None);
    case MP_KIND_BOOL:
        return PyBool_FromLong(value->as.b);
    case MP_KIND_INT:
        return PyLong_FromLongLong(value->as.i);
    case MP_KIND_FLOAT:
        return PyFloat_FromDouble(value->as.f);
    case MP_KIND_STRING:
        break;
    }
    PyErr_SetString(PyExc_TypeError, "the kernel returned something that is "
                                     "neither a number nor a boolean");
    return NULL;
}
