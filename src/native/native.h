/* Specialisations: kernels compiled for the types of a call, kept with their
 * kernel. */
#ifndef MP_NATIVE_NATIVE_H
#define MP_NATIVE_NATIVE_H

#include <stdatomic.h>

#include "native/abi.h"
#include "native/spec.h"

/* What has been found out about a kernel and the types of a call. Reference-
 * counted, and used by any number of threads at once. */
typedef struct mp_native {
    _Atomic int references;
    mp_native_code code; /* fixed after new; NULL: not compiled */
    int lanes;           /* fixed after new; items at once */
    void *handle;        /* fixed after new; owned, what `code` lives in */
    void (*release)(void *handle);
    int noutputs; /* fixed after new; -1: refused */
    mp_dtype outputs[MP_MAX_ARGS];
    mp_refusal refusal; /* fixed after new; where it was refused */
} mp_native;

mp_native *mp__native_retain(mp_native *native);
void mp__native_release(mp_native *native);

/* A refusal that is found without looking at the kernel. */
mp_status mp__native_refused(const char *what, mp_native **out, mp_error *err);

/* What inference says about the outputs of `spec`, which is incomplete: it
 * says nothing of isa, lanes and layouts. The answer is the caller's, to
 * release, and has no code. `setup` may be NULL. */
mp_status mp__native_types(mp_kernel *kernel, mp_kernel *setup,
                           const mp_spec *spec, mp_native **out, mp_error *err);

/* The kernel compiled for `spec`, or why not; compiles only if it has not been
 * tried before. `items` is how many this call is about: where there have not
 * been options->least of them yet, `*out` is NULL. The isa and lanes of `spec`
 * are set here. The answer is the caller's, to release. */
mp_status mp__native_get(mp_kernel *kernel, mp_kernel *setup, mp_spec *spec,
                         const mp_native_options *options, int64_t items,
                         mp_native **out, mp_error *err);

#endif
