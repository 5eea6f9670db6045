/* The type moonpool._core.Pool: a pool of the C library, and the count of
 * calls that use it, so that it is not freed under anybody's feet. */
#ifndef MPY_POOL_H
#define MPY_POOL_H

#include <pthread.h>

#include "ext.h"

typedef struct mpy_pool {
    PyObject_HEAD mpy_state *state;
    mp_pool *pool;         /* NULL once freed or abandoned; under the GIL */
    unsigned epoch;        /* grows at each fork; under the GIL */
    bool closed;           /* no new calls; under the GIL */
    bool cancelled;        /* no new jobs either; under the GIL */
    bool orphan;           /* the last user frees it; under the GIL */
    unsigned long handler; /* the thread that is in a signal handler while it
                              waits for a job, or 0; under the GIL */
    pthread_mutex_t lock;
    pthread_cond_t idle; /* users became 0 */
    int users;           /* calls that use the pool; guarded by lock */
} mpy_pool;

extern PyType_Spec mpy_pool_spec;

/* Counts a call in, or raises RuntimeError where the pool is closed. */
int mpy_pool_enter(mpy_pool *self);
void mpy_pool_leave(mpy_pool *self);

/* Around the signal handlers that run while this thread waits for a job: one
 * of them may close the pool, and must not wait for the call it interrupts.
 * They nest, as a handler may wait for a job too, and so may other threads
 * meanwhile: what entering returns is for leaving. */
unsigned long mpy_pool_handler_enter(mpy_pool *self);
void mpy_pool_handler_leave(mpy_pool *self, unsigned long before);

#endif
