/* The type moonpool._core.Pool: a pool of the C library, and the count of
 * calls that use it, so that it is not freed under anybody's feet. */
#ifndef MPY_POOL_H
#define MPY_POOL_H

#include <pthread.h>

#include "ext.h"

/* A call that uses a pool, in the list of all of them. */
typedef struct mpy_use {
    struct mpy_use *next; /* guarded by the pool's lock, as is `link` */
    struct mpy_use **link;
    unsigned long thread; /* that makes the call, or 0; under the GIL */
    unsigned epoch;       /* of the pool then; fixed after enter */
} mpy_use;

typedef struct mpy_pool {
    PyObject_HEAD mpy_state *state;
    int native;     /* an mpy_native; fixed after new */
    int isa;        /* an mp_isa; fixed after new */
    mp_pool *pool;  /* NULL once freed or abandoned; under the GIL */
    unsigned epoch; /* grows at each fork; under the GIL */
    bool closed;    /* no new calls; under the GIL */
    bool cancelled; /* no new jobs either; under the GIL */
    bool orphan;    /* the last user frees it; under the GIL */
    pthread_mutex_t lock;
    pthread_cond_t idle; /* `uses` became empty */
    mpy_use *uses;       /* guarded by lock */
} mpy_pool;

extern PyType_Spec mpy_pool_spec;

/* Whether an object is a pool. */
bool mpy_pool_check(PyObject *object);

/* Counts a call of this thread in, or raises RuntimeError where the pool is
 * closed. `use` stays in place until it has left. A call reads its arguments
 * before: their methods may close the pool. */
int mpy_pool_enter(mpy_pool *self, mpy_use *use);
void mpy_pool_leave(mpy_pool *self, mpy_use *use);

#endif
