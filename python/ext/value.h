/* Single values: Python's None, bools, numbers and strings as mp_value. */
#ifndef MPY_VALUE_H
#define MPY_VALUE_H

#include "ext.h"

/* Reads a value of a builtin type or a subclass of one. Returns 1 and fills
 * `out`, whose string, if any, is borrowed from `object`; 0 where `object` is
 * something else; -1 with OverflowError for integers of more than 64 bits. */
int mpy_value_read(PyObject *object, mp_value *out);

/* The dtype code for values of a kind: '?', 'q' or 'd'; 'n' for nil and 's' for
 * anything else. */
char mpy_value_code(mp_kind kind);

/* The Python object for a value; strings are not among them. */
PyObject *mpy_value_object(const mp_value *value);

#endif
