/* The type moonpool._core.Block. A bytearray under memoryview.cast() would do
 * but for empty shapes, which cannot be cast. */
#include "block.h"

#include "format.h"

typedef struct mpy_block {
    PyObject_HEAD char *data; /* PyMem_Calloc; never NULL once made */
    mp_view view;
    char format[2];
} mpy_block;

/* Reads a tuple of extents and allocates. */
static int block_shape(mpy_block *self, mp_dtype dtype, PyObject *extents)
{
    int64_t shape[MP_MAX_NDIM];
    Py_ssize_t ndim = PyTuple_Size(extents);
    if (ndim < 0)
        return -1;
    if (ndim > MP_MAX_NDIM) {
        PyErr_SetString(PyExc_ValueError, "too many dimensions");
        return -1;
    }
    for (Py_ssize_t d = 0; d < ndim; d++) {
        shape[d] = PyLong_AsLongLong(PyTuple_GetItem(extents, d));
        if (shape[d] == -1 && PyErr_Occurred())
            return -1;
    }
    mp_error err = {0};
    if (mp_view_init(&self->view, NULL, dtype, (int)ndim, shape, &err) !=
        MP_OK) {
        PyErr_SetString(PyExc_ValueError, err.message);
        return -1;
    }
    size_t size = (size_t)mp_view_size(&self->view);
    self->data =
        PyMem_Calloc(size > 0 ? size : 1, (size_t)mp_dtype_size(dtype));
    if (self->data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->view.data = self->data;
    return 0;
}

PyObject *mpy_block_new(mpy_state *state, PyObject *code, PyObject *shape)
{
    mp_dtype dtype;
    if (!PyUnicode_Check(code) || PyUnicode_GetLength(code) != 1 ||
        !PyTuple_Check(shape)) {
        PyErr_SetString(PyExc_TypeError, "a dtype's code and a tuple of "
                                         "extents are needed");
        return NULL;
    }
    if (mpy_format_dtype((int)PyUnicode_ReadChar(code, 0), &dtype) < 0)
        return NULL;
    mpy_block *self = (mpy_block *)mpy_new_object(state->block_type);
    if (self == NULL)
        return NULL;
    self->format[0] = mpy_format_code(dtype);
    if (block_shape(self, dtype, shape) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void block_dealloc(PyObject *object)
{
    PyMem_Free(((mpy_block *)object)->data);
    mpy_free_object(object);
}

/* Everything is handed out whatever the consumer asks for, as bytes(x) and
 * memoryview(x) want: the block is C-contiguous and writable. */
static int block_getbuffer(PyObject *object, Py_buffer *out, int flags)
{
    mpy_block *self = (mpy_block *)object;
    const mp_view *view = &self->view;
    Py_ssize_t itemsize = mp_dtype_size(view->dtype);
    Py_ssize_t length = (Py_ssize_t)mp_view_size(view) * itemsize;
    if (PyBuffer_FillInfo(out, object, self->data, length, 0, flags) < 0)
        return -1;
    _Static_assert(sizeof(Py_ssize_t) == sizeof(int64_t),
                   "shape and strides are handed out as they are");
    out->itemsize = itemsize;
    out->ndim = view->ndim;
    out->format = flags & PyBUF_FORMAT ? self->format : NULL;
    out->shape = flags & PyBUF_ND ? (Py_ssize_t *)(uintptr_t)view->shape : NULL;
    out->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES
                       ? (Py_ssize_t *)(uintptr_t)view->strides
                       : NULL;
    return 0;
}

static PyType_Slot block_slots[] = {
    {Py_tp_dealloc, MPY_SLOT(block_dealloc)},
    {Py_bf_getbuffer, MPY_SLOT(block_getbuffer)},
    {0, NULL},
};

PyType_Spec mpy_block_spec = {
    .name = "moonpool._core.Block",
    .basicsize = sizeof(mpy_block),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = block_slots,
};
