/* The few objects of NumPy's that small maps need. */
#include "numpy.h"

#include "launch.h"

/* Whether `object` could be of NumPy's: its type is of no builtin kind that is
 * told apart without a look-up. */
static bool may_be_array(PyObject *object)
{
    return !PyFloat_CheckExact(object) && !PyLong_CheckExact(object) &&
           !PyBool_Check(object) && !PyMemoryView_Check(object);
}

static int find(mpy_state *state)
{
    PyObject *name = PyUnicode_FromString("numpy");
    PyObject *numpy = name ? PyImport_GetModule(name) : NULL;
    Py_XDECREF(name);
    if (numpy == NULL)
        return -1;
    Py_DECREF(numpy);
    PyObject *arrays = PyImport_ImportModule("moonpool._arrays");
    PyObject *found =
        arrays ? PyObject_CallMethod(arrays, "numpy_parts", NULL) : NULL;
    Py_XDECREF(arrays);
    PyObject *type, *empty, *dtypes;
    if (found == NULL || !PyArg_ParseTuple(found, "OOO!:numpy_parts", &type,
                                           &empty, &PyTuple_Type, &dtypes)) {
        Py_XDECREF(found);
        return -1;
    }
    if (state->ndarray == NULL) {
        state->ndarray = Py_NewRef(type);
        state->numpy_empty = Py_NewRef(empty);
        state->numpy_dtypes = Py_NewRef(dtypes);
    }
    Py_DECREF(found);
    return 0;
}

bool mpy_numpy_is_array(mpy_state *state, PyObject *object)
{
    if ((PyObject *)Py_TYPE(object) == state->ndarray)
        return true;
    if (state->ndarray != NULL || !may_be_array(object))
        return false;
    if (find(state) < 0) {
        PyErr_Clear(); /* It is not there, or not all of it yet. */
        return false;
    }
    return (PyObject *)Py_TYPE(object) == state->ndarray;
}

PyObject *mpy_numpy_empty(mpy_state *state, const mp_shape *shape,
                          mp_dtype dtype)
{
    PyObject *extent = shape->ndim == 1 ? PyLong_FromLongLong(shape->extent[0])
                                        : mpy_launch_shape(shape);
    PyObject *result = NULL;
    if (extent != NULL)
        result = PyObject_CallFunctionObjArgs(
            state->numpy_empty, extent,
            PyTuple_GetItem(state->numpy_dtypes, (Py_ssize_t)dtype), NULL);
    Py_XDECREF(extent);
    return result;
}
