/* Starting jobs: what the methods of moonpool._core.Pool that do so share. */
#ifndef MPY_LAUNCH_H
#define MPY_LAUNCH_H

#include "job.h"

/* What to start. The caller fills `spec` and the time limit. */
typedef struct mpy_launching {
    mp_pool *pool;
    mpy_sort sort;
    union {
        const mp_map_spec *map;
        const mp_run_spec *run;
        const mp_reduce_spec *reduce;
        const mp_call_spec *call;
    } spec;
    mp_job_options options;
    bool known; /* put it off in place of compiling anything */
    mp_job *job;
    mp_status status;
    mp_error err;
} mpy_launching;

/* Starts `job` and returns it, or lets go of it and returns NULL; or None where
 * it is put off. The caller sees to it that nobody deals with the completion of
 * a job with an owner before this has returned. */
PyObject *mpy_launch(mpy_job *job, mpy_launching *l);

/* TypeError where a method did not get `wanted` arguments. */
int mpy_launch_count(Py_ssize_t nargs, Py_ssize_t wanted);

/* Operands, borrowed, or NULL for None. */
int mpy_launch_optional(mpy_state *state, PyObject *object, mpy_operands **out);

/* Releases operands and the reference to them; NULL is allowed. */
void mpy_launch_drop(mpy_operands *operands);

/* A tuple of the extents. */
PyObject *mpy_launch_shape(const mp_shape *shape);

#endif
