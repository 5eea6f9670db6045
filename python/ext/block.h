/* The type mpy_block: zeroed memory of any dtype and shape that
 * exports itself as a buffer: results where no NumPy is in play. */
#ifndef MPY_BLOCK_H
#define MPY_BLOCK_H

#include "ext.h"

extern PyType_Spec mpy_block_spec;

/* Zeroed memory; `code` is a str of one character, `shape` a tuple. */
PyObject *mpy_block_new(mpy_state *state, PyObject *code, PyObject *shape);

#endif
