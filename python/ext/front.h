/* The type moonpool._core.Front: what moonpool.Pool is made of. It has map(),
 * which goes the shortest way that there is. */
#ifndef MPY_FRONT_H
#define MPY_FRONT_H

#include "ext.h"

extern PyType_Spec mpy_front_spec;

#endif
