/* The type moonpool._core.Job: a job of the C library, together with the
 * buffers that it uses, which it gives back when it has ended. */
#ifndef MPY_JOB_H
#define MPY_JOB_H

#include "operands.h"
#include "pool.h"

/* What a job does. */
typedef enum mpy_sort {
    MPY_SORT_MAP,
    MPY_SORT_PROBE,
    MPY_SORT_RUN,
    MPY_SORT_REDUCE,
    MPY_SORT_CALL,
    MPY_SORT_SETUP,
} mpy_sort;

typedef struct mpy_job {
    PyObject_HEAD mpy_state *state;
    mpy_pool *pool; /* strong */
    unsigned epoch; /* of the pool when the job was started */
    mpy_sort sort;
    mp_job *job;          /* NULL before it is started and once released */
    PyObject *kernel;     /* strong, or NULL */
    mpy_operands *inputs; /* these three: strong and locked, or NULL */
    mpy_operands *where;
    mpy_operands *outs;
    mp_shape extent; /* of MPY_SORT_RUN */
    PyObject *owner; /* strong: whom the completion is for, or NULL */
    bool queued;     /* the completion queue holds a reference */
} mpy_job;

extern PyType_Spec mpy_job_spec;

/* A job that has not been started. Locks the operands, which may be NULL, as
 * may kernel and owner. */
mpy_job *mpy_job_new(mpy_pool *pool, mpy_sort sort, PyObject *kernel,
                     PyObject *owner);
void mpy_job_take(mpy_job *self, mpy_operands *inputs, mpy_operands *where,
                  mpy_operands *outs);

/* Waits up to `seconds` (negative: for ever) without the GIL, looking for
 * signals every 50 ms. 1: it has ended; 0: it has not; -1: a signal handler
 * raised, and the job has been stopped and has ended. */
int mpy_job_wait(mpy_job *self, double seconds);

/* The job behind an object of the type, for mp_job_options.after; NULL for
 * None and where it is of another process. TypeError for anything else. */
int mpy_job_of(mpy_state *state, PyObject *object, const mp_job **out);

/* Raises what the ended job failed with. */
int mpy_job_check(mpy_job *self);

/* Waits for the end, releases the job and the reference to it. -1 where it has
 * failed, or a signal handler raised. */
int mpy_job_finish(mpy_job *self);

/* The same; a tuple of the job's results, or NULL. */
PyObject *mpy_job_finish_with(mpy_job *self);

/* Ends the job where it has not ended, and gives everything back. */
void mpy_job_release(mpy_job *self);

#endif
