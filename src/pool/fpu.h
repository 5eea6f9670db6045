/* The floating-point environment of a thread that is not a worker's: whatever
 * the rest of the process has made of it, compiled code gets the default, and
 * leaves no trace. */
#ifndef MP_POOL_FPU_H
#define MP_POOL_FPU_H

#include <fenv.h>
#include <stdbool.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
/* Rounding to nearest, denormals as they are, no traps. */
#define MP_FPU_DEFAULT 0x1f80U
#define MP_FPU_FLAGS 0x3fU
#endif

typedef struct mp_fpu {
#if defined(__x86_64__)
    unsigned control;
#endif
    bool whole; /* `env` holds all of it */
    fenv_t env;
} mp_fpu;

static inline void mp_fpu_enter(mp_fpu *fpu)
{
#if defined(__x86_64__)
    /* A register says whether anything has to be changed at all; to save the
     * whole environment takes longer than a small map does. */
    fpu->control = _mm_getcsr();
    fpu->whole = (fpu->control & ~MP_FPU_FLAGS) != MP_FPU_DEFAULT;
#else
    fpu->whole = true;
#endif
    if (fpu->whole) {
        fegetenv(&fpu->env);
        fesetenv(FE_DFL_ENV);
    }
}

static inline void mp_fpu_leave(const mp_fpu *fpu)
{
    if (fpu->whole)
        fesetenv(&fpu->env);
#if defined(__x86_64__)
    else
        _mm_setcsr(fpu->control);
#endif
}

#endif
