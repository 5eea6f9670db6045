/* The type moonpool._core.Visit: a call that uses a pool. As long as it lives
 * and has not been released, the pool is not freed. */
#ifndef MPY_VISIT_H
#define MPY_VISIT_H

#include "pool.h"

extern PyType_Spec mpy_visit_spec;

/* Counts a call in, or raises RuntimeError where the pool is closed. */
PyObject *mpy_visit_new(mpy_pool *pool);

#endif
