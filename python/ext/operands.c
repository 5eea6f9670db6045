/* The type moonpool._core.Operands. What is neither a value nor a buffer goes
 * through moonpool._arrays, which knows NumPy. */
#include "operands.h"

#include "errors.h"
#include "format.h"
#include "value.h"

/* The module moonpool._arrays, borrowed. It imports this one, so it cannot be
 * had when this one is executed. */
static PyObject *arrays_module(mpy_state *state)
{
    if (state->arrays == NULL)
        state->arrays = PyImport_ImportModule("moonpool._arrays");
    return state->arrays;
}

/* Whether `object` is a NumPy scalar, which exports a buffer and yet is a
 * value. Never imports NumPy: who has a scalar has it. */
static int is_numpy_scalar(mpy_state *state, PyObject *object)
{
    if (state->numpy_generic == NULL) {
        PyObject *name = PyUnicode_FromString("numpy");
        PyObject *numpy = name ? PyImport_GetModule(name) : NULL;
        Py_XDECREF(name);
        if (numpy == NULL)
            return PyErr_Occurred() ? -1 : 0;
        state->numpy_generic = PyObject_GetAttrString(numpy, "generic");
        Py_DECREF(numpy);
        if (state->numpy_generic == NULL)
            return -1;
    }
    return PyObject_IsInstance(object, state->numpy_generic);
}

/* Replaces the exception of a failed PyObject_GetBuffer() by one that says
 * what to do, where moonpool._arrays knows that. */
static void explain_refusal(mpy_state *state, PyObject *object)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *arrays = arrays_module(state);
    PyObject *better = arrays ? PyObject_CallMethod(arrays, "explain_refusal",
                                                    "OO", object, error)
                              : NULL;
    if (better == NULL) {
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(traceback);
        return;
    }
    if (better == error) {
        Py_DECREF(better);
        PyErr_Restore(type, error, traceback);
        return;
    }
    Py_DECREF(type);
    Py_DECREF(error);
    Py_XDECREF(traceback);
    PyErr_SetObject((PyObject *)Py_TYPE(better), better);
    Py_DECREF(better);
}

/* Reads the NumPy scalar behind a view and lets go of its buffer. */
static int read_scalar(mpy_state *state, mpy_operand *operand)
{
    if (operand->view.ndim > 0) {
        /* A date, which exports its bytes. */
        PyErr_SetString(PyExc_TypeError, "not a number");
        explain_refusal(state, operand->object);
        return -1;
    }
    mp_error err = {0};
    mp_status status = mp_view_get(&operand->view, 0, &operand->value, &err);
    PyBuffer_Release(&operand->buffer);
    operand->is_array = false;
    if (status == MP_OK)
        return 0;
    mpy_error_raise(state, &err, NULL, MPY_UNIT_ELEMENT);
    return -1;
}

static int read_buffer(mpy_state *state, mpy_operand *operand, mpy_role role)
{
    PyObject *object = operand->object;
    if (PyObject_GetBuffer(object, &operand->buffer, PyBUF_FULL_RO) < 0) {
        explain_refusal(state, object);
        return -1;
    }
    operand->is_array = true;
    if (mpy_format_view(&operand->buffer, object, &operand->view) < 0)
        return -1;
    if (role == MPY_ROLE_OUTPUT) {
        if (!operand->view.readonly)
            return 0;
        PyErr_Format(PyExc_ValueError,
                     "out is read-only: pass a writable array, not this %R",
                     Py_TYPE(object));
        return -1;
    }
    if (!operand->view.readonly)
        return 0;
    int scalar = is_numpy_scalar(state, object);
    return scalar <= 0 ? scalar : read_scalar(state, operand);
}

/* Puts what moonpool._arrays makes of the object in its place. */
static int convert(mpy_state *state, mpy_operand *operand)
{
    PyObject *arrays = arrays_module(state);
    if (arrays == NULL)
        return -1;
    PyObject *other =
        PyObject_CallMethod(arrays, "as_operand", "(O)", operand->object);
    if (other == NULL)
        return -1;
    Py_DECREF(operand->object);
    operand->object = other;
    return 0;
}

static int read_operand(mpy_state *state, mpy_operand *operand, mpy_role role)
{
    if (role == MPY_ROLE_OUTPUT) {
        if (PyObject_CheckBuffer(operand->object))
            return read_buffer(state, operand, role);
        PyErr_Format(PyExc_TypeError,
                     "out must be a writable array, or a tuple with one for "
                     "each value that the kernel returns, not %R",
                     Py_TYPE(operand->object));
        return -1;
    }
    for (int tries = 0; tries < 2; tries++) {
        int found = mpy_value_read(operand->object, &operand->value);
        if (found != 0)
            return found < 0 ? -1 : 0;
        if (PyObject_CheckBuffer(operand->object))
            return read_buffer(state, operand, role);
        if (tries == 0 && convert(state, operand) < 0)
            return -1;
    }
    PyErr_Format(PyExc_TypeError, "%R is not supported as an argument",
                 Py_TYPE(operand->object));
    return -1;
}

static void free_operand(mpy_operand *operand)
{
    if (operand->is_array)
        PyBuffer_Release(&operand->buffer);
    Py_XDECREF(operand->object);
    PyMem_Free(operand);
}

mpy_operands *mpy_operands_new(mpy_state *state, Py_ssize_t capacity)
{
    mpy_operands *self = (mpy_operands *)mpy_new_object(state->operands_type);
    if (self == NULL)
        return NULL;
    self->state = state;
    self->capacity = capacity > 0 ? capacity : 1;
    self->items = PyMem_Calloc((size_t)self->capacity, sizeof self->items[0]);
    if (self->items == NULL) {
        Py_DECREF(self);
        PyErr_NoMemory();
        return NULL;
    }
    return self;
}

static int grow(mpy_operands *self)
{
    if (self->count < self->capacity)
        return 0;
    size_t capacity = 2 * (size_t)self->capacity;
    mpy_operand **items =
        PyMem_Realloc(self->items, capacity * sizeof items[0]);
    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->items = items;
    self->capacity = (Py_ssize_t)capacity;
    return 0;
}

int mpy_operands_add(mpy_operands *self, PyObject *object, mpy_role role)
{
    if (grow(self) < 0)
        return -1;
    mpy_operand *operand = PyMem_Malloc(sizeof *operand);
    if (operand == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    operand->object = Py_NewRef(object);
    operand->is_array = false;
    if (read_operand(self->state, operand, role) < 0) {
        free_operand(operand);
        return -1;
    }
    self->items[self->count++] = operand;
    return 0;
}

void mpy_operands_drop(mpy_operands *self)
{
    free_operand(self->items[--self->count]);
}

static int check_count(Py_ssize_t count)
{
    if (count <= MP_MAX_ARGS)
        return 0;
    PyErr_Format(PyExc_ValueError,
                 "%zd arguments are more than the %d that are possible", count,
                 MP_MAX_ARGS);
    return -1;
}

mpy_operands *mpy_operands_from_row(mpy_state *state, PyObject *const *objects,
                                    Py_ssize_t count, mpy_role role)
{
    if (check_count(count) < 0)
        return NULL;
    mpy_operands *self = mpy_operands_new(state, count);
    for (Py_ssize_t i = 0; self != NULL && i < count; i++) {
        if (mpy_operands_add(self, objects[i], role) < 0)
            Py_CLEAR(self);
    }
    return self;
}

mpy_operands *mpy_operands_from(mpy_state *state, PyObject *objects,
                                mpy_role role)
{
    if (!PyTuple_Check(objects)) {
        mpy_operands *one = mpy_operands_new(state, 1);
        if (one != NULL && mpy_operands_add(one, objects, role) < 0)
            Py_CLEAR(one);
        return one;
    }
    Py_ssize_t count = PyTuple_Size(objects);
    if (check_count(count) < 0)
        return NULL;
    mpy_operands *self = mpy_operands_new(state, count);
    for (Py_ssize_t i = 0; self != NULL && i < count; i++) {
        if (mpy_operands_add(self, PyTuple_GetItem(objects, i), role) < 0)
            Py_CLEAR(self);
    }
    return self;
}

mpy_operands *mpy_operands_of(mpy_state *state, PyObject *object)
{
    if (!Py_IS_TYPE(object, state->operands_type)) {
        PyErr_Format(PyExc_TypeError, "Operands are needed, not %R",
                     Py_TYPE(object));
        return NULL;
    }
    mpy_operands *self = (mpy_operands *)object;
    if (self->released) {
        PyErr_SetString(PyExc_ValueError, "the operands were released");
        return NULL;
    }
    return self;
}

void mpy_operands_args(const mpy_operands *self, mp_arg *out)
{
    for (Py_ssize_t i = 0; i < self->count; i++) {
        mpy_operand *operand = self->items[i];
        out[i].view = operand->is_array ? &operand->view : NULL;
        if (!operand->is_array)
            out[i].value = operand->value;
    }
}

mp_view *mpy_operands_views(const mpy_operands *self)
{
    size_t count = self->count > 0 ? (size_t)self->count : 1;
    mp_view *views = PyMem_Malloc(count * sizeof *views);
    if (views == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t i = 0; i < self->count; i++)
        views[i] = self->items[i]->view;
    return views;
}

static void give_back(mpy_operands *self)
{
    Py_ssize_t count = self->count;
    self->count = 0;
    for (Py_ssize_t i = 0; i < count; i++)
        free_operand(self->items[i]);
}

void mpy_operands_lock(mpy_operands *self)
{
    self->locks++;
}

void mpy_operands_unlock(mpy_operands *self)
{
    self->locks--;
    if (self->released && self->locks == 0)
        give_back(self);
}

void mpy_operands_release(mpy_operands *self)
{
    self->released = true;
    if (self->locks == 0)
        give_back(self);
}

static PyObject *operands_new(PyTypeObject *type, PyObject *args, PyObject *kw)
{
    static const char *const names[] = {"objects", "output", NULL};
    PyObject *objects;
    int output = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kw, "O|p:Operands",
                                     (char **)(uintptr_t)names, &objects,
                                     &output))
        return NULL;
    mpy_state *state = PyType_GetModuleState(type);
    if (state == NULL)
        return NULL;
    mpy_role role = output ? MPY_ROLE_OUTPUT : MPY_ROLE_INPUT;
    return (PyObject *)mpy_operands_from(state, objects, role);
}

static int operands_traverse(PyObject *object, visitproc visit, void *arg)
{
    mpy_operands *self = (mpy_operands *)object;
    Py_VISIT(Py_TYPE(object));
    for (Py_ssize_t i = 0; i < self->count; i++)
        Py_VISIT(self->items[i]->object);
    return 0;
}

/* Jobs hold a reference, so nothing is locked any more. */
static void operands_dealloc(PyObject *object)
{
    mpy_operands *self = (mpy_operands *)object;
    PyObject_GC_UnTrack(object);
    give_back(self);
    PyMem_Free(self->items);
    mpy_free_object(object);
}

static int operands_clear(PyObject *object)
{
    mpy_operands_release((mpy_operands *)object);
    return 0;
}

static PyObject *operands_release(PyObject *object, PyObject *unused)
{
    (void)unused;
    mpy_operands_release((mpy_operands *)object);
    Py_RETURN_NONE;
}

/* The code of the widest float among the arrays, or "". */
static PyObject *operands_float_code(PyObject *object, void *closure)
{
    (void)closure;
    const mpy_operands *self = (mpy_operands *)object;
    char code[2] = "";
    int widest = 0;
    for (Py_ssize_t i = 0; i < self->count; i++) {
        const mpy_operand *operand = self->items[i];
        if (!operand->is_array || operand->view.dtype < MP_FLOAT16)
            continue;
        int size = mp_dtype_size(operand->view.dtype);
        if (size > widest) {
            widest = size;
            code[0] = mpy_format_code(operand->view.dtype);
        }
    }
    return PyUnicode_FromString(code);
}

static PyObject *operands_has_arrays(PyObject *object, void *closure)
{
    (void)closure;
    const mpy_operands *self = (mpy_operands *)object;
    for (Py_ssize_t i = 0; i < self->count; i++) {
        if (self->items[i]->is_array)
            Py_RETURN_TRUE;
    }
    Py_RETURN_FALSE;
}

/* The code of each value's kind; 'a' for an array. */
static PyObject *operands_codes(PyObject *object, void *closure)
{
    (void)closure;
    const mpy_operands *self = (mpy_operands *)object;
    char codes[MP_MAX_ARGS];
    Py_ssize_t count = self->count < MP_MAX_ARGS ? self->count : MP_MAX_ARGS;
    for (Py_ssize_t i = 0; i < count; i++) {
        const mpy_operand *operand = self->items[i];
        codes[i] = 'a';
        if (!operand->is_array)
            codes[i] = mpy_value_code(operand->value.kind);
    }
    return PyUnicode_FromStringAndSize(codes, count);
}

static Py_ssize_t operands_length(PyObject *object)
{
    return ((mpy_operands *)object)->count;
}

static PyMethodDef operands_methods[] = {
    {"release", operands_release, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef operands_getset[] = {
    {"float_code", operands_float_code, NULL, NULL, NULL},
    {"has_arrays", operands_has_arrays, NULL, NULL, NULL},
    {"codes", operands_codes, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot operands_slots[] = {
    {Py_tp_new, MPY_SLOT(operands_new)},
    {Py_tp_dealloc, MPY_SLOT(operands_dealloc)},
    {Py_tp_traverse, MPY_SLOT(operands_traverse)},
    {Py_tp_clear, MPY_SLOT(operands_clear)},
    {Py_sq_length, MPY_SLOT(operands_length)},
    {Py_tp_methods, operands_methods},
    {Py_tp_getset, operands_getset},
    {0, NULL},
};

PyType_Spec mpy_operands_spec = {
    .name = "moonpool._core.Operands",
    .basicsize = sizeof(mpy_operands),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = operands_slots,
};
