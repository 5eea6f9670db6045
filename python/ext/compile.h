/* The compiler that the C library is given: a function of the package's, which
 * is called as long as a job is being started. */
#ifndef MPY_COMPILE_H
#define MPY_COMPILE_H

#include "ext.h"
#include "pool.h"

/* When kernels are compiled: Pool(native=...). */
typedef enum mpy_native {
    MPY_NATIVE_OFF,
    MPY_NATIVE_AUTO,     /* where it pays */
    MPY_NATIVE_ON,       /* where it is possible */
    MPY_NATIVE_REQUIRED, /* or the call fails */
} mpy_native;

/* Code that nobody runs any more, and may be let go of by whoever holds the
 * GIL. Shared by the module, its kernels, which the interpreter may free after
 * it, and all code that it made. */
typedef struct mpy_attic mpy_attic;

/* NULL with an exception. */
mpy_attic *mpy_attic_new(void);

/* One more reference. */
mpy_attic *mpy_attic_retain(mpy_attic *attic);

/* Lets go of what is in there. */
void mpy_attic_sweep(mpy_attic *attic);

/* Gives one reference back; without the GIL, too. NULL is allowed. */
void mpy_attic_drop(mpy_attic *attic);

/* What mp_job_options.native points to while a job is started. */
typedef struct mpy_compiling {
    mp_native_options options;
    mp_compiler compiler;
    const mpy_pool *pool;               /* of the job */
    unsigned epoch;                     /* of the pool then */
    PyThreadState *thread;              /* whose call it is */
    PyObject *type, *value, *traceback; /* what was raised meanwhile, or NULL */
} mpy_compiling;

/* What a pool asks of the native tier; the compiler knows nobody to work for.
 */
void mpy_compile_options(mp_native_options *options, mp_compiler *compiler,
                         mpy_native native, mp_isa isa);

/* `c` must stay where it is, and `pool` outlive it. */
void mpy_compile_begin(mpy_compiling *c, const mpy_pool *pool);

/* Whether the compiler raised what is no refusal; if so, it is raised again. */
bool mpy_compile_raised(mpy_compiling *c);

#endif
