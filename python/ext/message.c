/* Python values as messages of the C library, and back. */
#include "message.h"

#include "errors.h"
#include "value.h"

/* A message being written. */
typedef struct writer {
    mpy_state *state;
    mp_message *message;
    mpy_operands *arrays;
    int depth;
} writer;

static int write_any(writer *w, PyObject *object);

/* Turns the status of an mp_message function into an exception. */
static int checked(writer *w, mp_status status, const mp_error *err)
{
    if (status == MP_OK)
        return 0;
    mpy_error_raise(w->state, err, NULL, MPY_UNIT_ELEMENT);
    return -1;
}

static mp_status put_value(mp_message *message, const mp_value *value,
                           mp_error *err)
{
    switch (value->kind) {
    case MP_KIND_NIL:
        return mp_message_tag(message, MP_TAG_NIL, err);
    case MP_KIND_BOOL:
        return mp_message_tag(message, value->as.b ? MP_TAG_TRUE : MP_TAG_FALSE,
                              err);
    case MP_KIND_INT:
        return mp_message_int(message, value->as.i, err);
    case MP_KIND_FLOAT:
        return mp_message_float(message, value->as.f, err);
    case MP_KIND_STRING:
        return mp_message_string(message, value->as.s.data, value->as.s.size,
                                 err);
    }
    return mp_error_set(err, MP_TYPE, "a value of an unknown kind");
}

static int write_value(writer *w, const mp_value *value)
{
    mp_error err = {0};
    return checked(w, put_value(w->message, value, &err), &err);
}

static int write_count(writer *w, mp_tag tag, Py_ssize_t count)
{
    mp_error err = {0};
    mp_status status = mp_message_count(w->message, tag, (uint64_t)count, &err);
    return checked(w, status, &err);
}

/* Lists and dicts are copied first: reading an item may run Python code, which
 * may change them. */
static int write_list(writer *w, PyObject *object)
{
    PyObject *items = PySequence_Tuple(object);
    if (items == NULL)
        return -1;
    Py_ssize_t count = PyTuple_Size(items);
    int result = write_count(w, MP_TAG_LIST, count);
    for (Py_ssize_t i = 0; result == 0 && i < count; i++)
        result = write_any(w, PyTuple_GetItem(items, i));
    Py_DECREF(items);
    return result;
}

static int write_dict(writer *w, PyObject *object)
{
    PyObject *pairs = PyDict_Items(object);
    if (pairs == NULL)
        return -1;
    Py_ssize_t count = PyList_Size(pairs);
    int result = write_count(w, MP_TAG_DICT, count);
    for (Py_ssize_t i = 0; result == 0 && i < count; i++) {
        PyObject *pair = PyList_GetItem(pairs, i);
        result = write_any(w, PyTuple_GetItem(pair, 0));
        if (result == 0)
            result = write_any(w, PyTuple_GetItem(pair, 1));
    }
    Py_DECREF(pairs);
    return result;
}

/* Anything else is an array, or a number in disguise. */
static int write_operand(writer *w, PyObject *object)
{
    mpy_operands *arrays = w->arrays;
    if (mpy_operands_add(arrays, object, MPY_ROLE_INPUT) < 0)
        return -1;
    if (arrays->items[arrays->count - 1]->is_array)
        return write_count(w, MP_TAG_ARRAY, arrays->count - 1);
    int result = write_value(w, &arrays->items[arrays->count - 1]->value);
    mpy_operands_drop(arrays);
    return result;
}

static int write_nested(writer *w, PyObject *object,
                        int (*write)(writer *, PyObject *))
{
    if (w->depth >= MP_MAX_DEPTH) {
        PyErr_Format(PyExc_ValueError,
                     "lists and dicts nest more than %d deep, or contain "
                     "themselves",
                     MP_MAX_DEPTH);
        return -1;
    }
    w->depth++;
    int result = write(w, object);
    w->depth--;
    return result;
}

static int write_any(writer *w, PyObject *object)
{
    mp_value value;
    int found = mpy_value_read(object, &value);
    if (found != 0)
        return found < 0 ? -1 : write_value(w, &value);
    if (PyList_Check(object) || PyTuple_Check(object))
        return write_nested(w, object, write_list);
    if (PyDict_Check(object))
        return write_nested(w, object, write_dict);
    return write_operand(w, object);
}

int mpy_message_write(mpy_state *state, PyObject *args, mpy_operands *arrays,
                      mp_message *out)
{
    writer w = {.state = state, .message = out, .arrays = arrays};
    return write_list(&w, args);
}

/* A message being read. */
typedef struct parser {
    mpy_state *state;
    mp_reader reader;
    const mpy_operands *arrays;
} parser;

static PyObject *read_any(parser *p);

static int next_item(parser *p, mp_item *item)
{
    mp_error err = {0};
    if (mp_message_next(&p->reader, item, &err) == MP_OK)
        return 0;
    mpy_error_raise(p->state, &err, NULL, MPY_UNIT_ELEMENT);
    return -1;
}

static PyObject *read_list(parser *p, uint64_t count)
{
    PyObject *list = PyList_New(0);
    for (uint64_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = read_any(p);
        if (item == NULL || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

static PyObject *read_dict(parser *p, uint64_t count)
{
    PyObject *dict = PyDict_New();
    for (uint64_t i = 0; dict != NULL && i < count; i++) {
        PyObject *key = read_any(p);
        PyObject *value = key ? read_any(p) : NULL;
        if (value == NULL || PyDict_SetItem(dict, key, value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

/* A str where the bytes are UTF-8, else bytes. */
static PyObject *read_string(const char *data, size_t size)
{
    PyObject *text = PyUnicode_DecodeUTF8(data, (Py_ssize_t)size, NULL);
    if (text != NULL || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
        return text;
    PyErr_Clear();
    return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}

static PyObject *read_array(const parser *p, uint64_t number)
{
    if (number >= (uint64_t)p->arrays->count) {
        PyErr_SetString(PyExc_SystemError, "a message with a bad array");
        return NULL;
    }
    return Py_NewRef(p->arrays->items[number]->object);
}

/* As deep as the C library let the message become: MP_MAX_DEPTH. */
static PyObject *read_any(parser *p)
{
    mp_item item;
    if (next_item(p, &item) < 0)
        return NULL;
    switch (item.tag) {
    case MP_TAG_NIL:
        Py_RETURN_NONE;
    case MP_TAG_FALSE:
        Py_RETURN_FALSE;
    case MP_TAG_TRUE:
        Py_RETURN_TRUE;
    case MP_TAG_INT:
        return PyLong_FromLongLong(item.as.i);
    case MP_TAG_FLOAT:
        return PyFloat_FromDouble(item.as.f);
    case MP_TAG_STRING:
        return read_string(item.as.s.data, item.as.s.size);
    case MP_TAG_LIST:
        return read_list(p, item.as.count);
    case MP_TAG_DICT:
        return read_dict(p, item.as.count);
    case MP_TAG_ARRAY:
        return read_array(p, item.as.count);
    }
    PyErr_SetString(PyExc_SystemError, "a message with an unknown item");
    return NULL;
}

PyObject *mpy_message_read(mpy_state *state, const char *data, size_t size,
                           const mpy_operands *arrays)
{
    parser p = {state, {data, data + size}, arrays};
    PyObject *list = read_any(&p);
    if (list == NULL)
        return NULL;
    Py_ssize_t count = PyList_Size(list);
    PyObject *result;
    if (count == 0)
        result = Py_NewRef(Py_None);
    else if (count == 1)
        result = Py_XNewRef(PyList_GetItem(list, 0));
    else
        result = PyList_AsTuple(list);
    Py_DECREF(list);
    return result;
}
