/* Small maps without a job: see mp_shortcuts_map(). */
#ifndef MPY_SHORTCUT_H
#define MPY_SHORTCUT_H

#include "pool.h"

/* pool.map(kernel, *args, out=out), where it can be had at once; `out` may be
 * NULL. 1: it is done, and `*result` is what map() returns. 0: it is to be done
 * by a job, but for the first `*first` items of `out`. -1: an exception.
 *
 * The GIL is held for some microseconds: to let go of it and to get it back may
 * take longer. */
int mpy_shortcut_map(mpy_pool *pool, PyObject *kernel, PyObject *const *args,
                     Py_ssize_t nargs, PyObject *out, PyObject **result,
                     int64_t *first);

#endif
