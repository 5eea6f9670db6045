/* The buffer protocol's format strings, and what they mean here. The letter
 * only tells integers from floats: the size comes from itemsize, because
 * exporters disagree about what '<l' is. */
#include "format.h"

#include <string.h>

#define HOST_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

static const char codes[] = {
#define DTYPE_CODE(name, text, type, size, code) [MP_##name] = (code),
    MP_DTYPE_TABLE(DTYPE_CODE)
#undef DTYPE_CODE
};

char mpy_format_code(mp_dtype dtype)
{
    return codes[dtype];
}

int mpy_format_dtype(int code, mp_dtype *out)
{
    for (size_t i = 0; i < sizeof codes; i++) {
        if (codes[i] == code) {
            *out = (mp_dtype)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "unknown dtype code '%c'", code);
    return -1;
}

/* The dtype of a kind of number ('?', 'b' signed, 'B' unsigned, 'd' float)
 * with items of `size` bytes; false where there is none. */
static bool dtype_of(char kind, Py_ssize_t size, mp_dtype *out)
{
    static const char kinds[] = {
        [MP_BOOL] = '?',    [MP_INT8] = 'b',    [MP_UINT8] = 'B',
        [MP_INT16] = 'b',   [MP_UINT16] = 'B',  [MP_INT32] = 'b',
        [MP_UINT32] = 'B',  [MP_INT64] = 'b',   [MP_UINT64] = 'B',
        [MP_FLOAT16] = 'd', [MP_FLOAT32] = 'd', [MP_FLOAT64] = 'd',
    };
    _Static_assert(sizeof kinds == sizeof codes, "a kind for each dtype");
    for (size_t i = 0; i < sizeof kinds; i++) {
        if (kinds[i] == kind && mp_dtype_size((mp_dtype)i) == size) {
            *out = (mp_dtype)i;
            return true;
        }
    }
    return false;
}

static char kind_of(char letter)
{
    if (letter == '?')
        return '?';
    if (strchr("bhilqn", letter))
        return 'b';
    if (strchr("BHILQN", letter))
        return 'B';
    if (strchr("efd", letter))
        return 'd';
    return 0;
}

/* Reads a format string of one number; false where it is anything else. */
static bool parse(const char *format, Py_ssize_t size, mp_dtype *dtype,
                  bool *swapped)
{
    bool big = HOST_BIG_ENDIAN;
    switch (*format) {
    case '<':
        big = false;
        format++;
        break;
    case '>':
    case '!':
        big = true;
        format++;
        break;
    case '@':
    case '=':
        format++;
        break;
    }
    if (format[0] == '\0' || format[1] != '\0')
        return false;
    *swapped = size > 1 && big != HOST_BIG_ENDIAN;
    char kind = kind_of(format[0]);
    return kind != 0 && dtype_of(kind, size, dtype);
}

/* Raises TypeError about a format that is not supported, with what to do. */
static int refuse(const char *format, Py_ssize_t size)
{
    const char *letter = format + strspn(format, "@=<>!^0123456789");
    switch (*letter) {
    case 'Z':
        PyErr_Format(PyExc_TypeError,
                     "complex%zd is not supported: pass a.real and a.imag",
                     size * 8);
        break;
    case 'g':
        PyErr_SetString(PyExc_TypeError, "long double is not supported: pass "
                                         "a.astype('float64')");
        break;
    case 'O':
        PyErr_SetString(PyExc_TypeError,
                        "arrays of Python objects are not supported: pass "
                        "a.astype('float64'), or a list to pool.submit()");
        break;
    case 's':
    case 'p':
    case 'c':
    case 'u':
    case 'U':
    case 'w':
        PyErr_SetString(PyExc_TypeError,
                        "arrays of characters are not supported: pass bytes "
                        "as uint8, or a list of strings to pool.submit()");
        break;
    case 'T':
        PyErr_SetString(PyExc_TypeError,
                        "arrays of records are not supported: pass one field "
                        "at a time, as in a['x']");
        break;
    default:
        PyErr_Format(PyExc_TypeError,
                     "buffer format '%s' with items of %zd bytes is not "
                     "supported: pass bool, an integer of 8 to 64 bits or a "
                     "float of 16 to 64 bits",
                     format, size);
        break;
    }
    return -1;
}

int mpy_format_view(const Py_buffer *buffer, PyObject *object, mp_view *out)
{
    const char *format = buffer->format ? buffer->format : "B";
    if (!parse(format, buffer->itemsize, &out->dtype, &out->swapped))
        return refuse(format, buffer->itemsize);
    out->data = buffer->buf;
    out->readonly = buffer->readonly != 0;
    int ndim = out->ndim = buffer->ndim;
    if (ndim > MP_MAX_NDIM) {
        PyErr_Format(PyExc_ValueError, "%R has more than %d dimensions",
                     Py_TYPE(object), MP_MAX_NDIM);
        return -1;
    }
    if (ndim == 0)
        return 0;
    if (buffer->shape == NULL) {
        PyErr_Format(PyExc_TypeError, "%R exports a buffer without a shape",
                     Py_TYPE(object));
        return -1;
    }
    Py_ssize_t contiguous = buffer->itemsize;
    for (int d = ndim - 1; d >= 0; d--) {
        if (buffer->suboffsets && buffer->suboffsets[d] >= 0) {
            PyErr_Format(PyExc_TypeError,
                         "%R keeps its rows behind pointers (suboffsets), "
                         "which is not supported: pass a copy",
                         Py_TYPE(object));
            return -1;
        }
        out->shape[d] = buffer->shape[d];
        /* Whoever exports C-contiguous memory may leave out the strides, even
         * where they were asked for, as ctypes does. */
        out->strides[d] = buffer->strides ? buffer->strides[d] : contiguous;
        contiguous *= buffer->shape[d];
    }
    return 0;
}
