/* The buffer protocol's format strings, and what they mean here. */
#ifndef MPY_FORMAT_H
#define MPY_FORMAT_H

#include "ext.h"

/* Makes a view of what a buffer covers. `object` is who exported it, for the
 * text of the TypeError that comes where elements of this kind, or the way
 * they are laid out, are not supported. */
int mpy_format_view(const Py_buffer *buffer, PyObject *object, mp_view *out);

/* The dtype that a single character stands for, by NumPy's codes ('?bBhHiIqQ'
 * and 'efd'); ValueError for any other. */
int mpy_format_dtype(int code, mp_dtype *out);

/* The character of a dtype. */
char mpy_format_code(mp_dtype dtype);

#endif
