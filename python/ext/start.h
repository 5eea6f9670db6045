/* The methods of moonpool._core.Pool that start jobs. All take their arguments
 * by position; see _core.pyi for their names and meaning. */
#ifndef MPY_START_H
#define MPY_START_H

#include "pool.h"

#define MPY_EXTENT_NDIM 3

/* How often a run calls its kernel, in each dimension. */
typedef struct mpy_extent {
    int ndim;
    int64_t length[MPY_EXTENT_NDIM];
} mpy_extent;

PyObject *mpy_start_map_now(PyObject *pool, PyObject *const *args,
                            Py_ssize_t nargs);
/* pool.map(args[0], ..., out=out) by a job, from item `first` on, for `nargs`
 * arguments; 1, or -1 with an exception. */
int mpy_start_map_into(mpy_pool *pool, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *out, double timeout, int64_t first);
PyObject *mpy_start_map(PyObject *pool, PyObject *const *args,
                        Py_ssize_t nargs);
PyObject *mpy_start_probe(PyObject *pool, PyObject *const *args,
                          Py_ssize_t nargs);
/* pool.run(kernel, extent, *args), all of it; 0, or -1 with an exception. */
int mpy_start_run_over(mpy_pool *pool, PyObject *kernel,
                       const mpy_extent *extent, PyObject *const *args,
                       Py_ssize_t nargs, double timeout);
PyObject *mpy_start_run_now(PyObject *pool, PyObject *const *args,
                            Py_ssize_t nargs);
PyObject *mpy_start_run(PyObject *pool, PyObject *const *args,
                        Py_ssize_t nargs);
/* pool.reduce(args[0], ..., init=init, combine=combine), for `nargs` arguments;
 * None combines nothing, and all that is no operator is a kernel. */
PyObject *mpy_start_reduce_over(mpy_pool *pool, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *init,
                                PyObject *combine, double timeout);
/* Whether `object` is an operator, or None. */
bool mpy_start_is_operator(PyObject *object);
PyObject *mpy_start_reduce_now(PyObject *pool, PyObject *const *args,
                               Py_ssize_t nargs);
PyObject *mpy_start_reduce(PyObject *pool, PyObject *const *args,
                           Py_ssize_t nargs);
PyObject *mpy_start_call(PyObject *pool, PyObject *const *args,
                         Py_ssize_t nargs);
PyObject *mpy_start_setup(PyObject *pool, PyObject *const *args,
                          Py_ssize_t nargs);

/* What needs no pool is functions of the module: the arguments of a call as a
 * message, and the shapes of a map or a reduction. */
PyObject *mpy_start_pack(PyObject *module, PyObject *args);
PyObject *mpy_start_map_shape(PyObject *module, PyObject *const *args,
                              Py_ssize_t nargs);
PyObject *mpy_start_reduce_shape(PyObject *module, PyObject *const *args,
                                 Py_ssize_t nargs);

#endif
