/* The native tier as Python sees it: types, texts, and why not. */
#ifndef MPY_NATIVE_H
#define MPY_NATIVE_H

#include "job.h"

/* Pool.map_types(kernel, inputs, vectors, known): the codes of what the kernel
 * returns, '?', 'q' and 'd', or "" where inference does not tell. `vectors` are
 * the outputs with core dimensions, or None for a kernel without a signature.
 * With `known` it is None where that would take long, or raise. */
PyObject *mpy_native_types(PyObject *pool, PyObject *const *args,
                           Py_ssize_t nargs);

/* show(kernel, types, ndim, isa, stage, operator): a form of the kernel as
 * text, or why there is none as (line, what, hint). `types` is a tuple with a
 * str an argument: "ed" an element of float64, "ad2" an array of float64 with
 * two dimensions, "vq" an integer for all items, "cd" an accumulator, of which
 * a reduction has some, first. `ndim` is 0 for a map; `operator` says whether
 * one combines the results of a reduction. */
PyObject *mpy_native_show(PyObject *module, PyObject *const *args,
                          Py_ssize_t nargs);

/* describe(kernel, line, what, hint): a refusal as text, with the line of the
 * source and a caret. */
PyObject *mpy_native_describe(PyObject *module, PyObject *const *args,
                              Py_ssize_t nargs);

/* Warns, once a kernel, where a large job had to be interpreted. */
int mpy_native_warn(mpy_job *job);

/* The mp_isa of that name, or -1 with an exception. */
int mpy_native_isa(PyObject *name);

#endif
