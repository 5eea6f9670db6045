/* The few objects of NumPy's that small maps need, found when NumPy has been
 * imported by somebody else. */
#ifndef MPY_NUMPY_H
#define MPY_NUMPY_H

#include "ext.h"

/* Whether an object is a plain numpy.ndarray, of no subclass. */
bool mpy_numpy_is_array(mpy_state *state, PyObject *object);

/* numpy.empty(shape, dtype), after the former has said yes. */
PyObject *mpy_numpy_empty(mpy_state *state, const mp_shape *shape,
                          mp_dtype dtype);

#endif
