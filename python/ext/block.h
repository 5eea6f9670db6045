/* The type moonpool._core.Block: zeroed memory of any dtype and shape that
 * exports itself as a buffer: results where no NumPy is in play. */
#ifndef MPY_BLOCK_H
#define MPY_BLOCK_H

#include "ext.h"

extern PyType_Spec mpy_block_spec;

#endif
