/* The specialisations of a kernel: made when they are asked for the first time,
 * and kept as long as the kernel is. */
#ifndef MP_NATIVE_NATIVES_H
#define MP_NATIVE_NATIVES_H

#include "native/native.h"
#include "native/spec.h"

/* What inference says about the outputs of `spec`, which is incomplete: it
 * says nothing of isa, lanes and layouts. The answer is the caller's, to
 * release, and has no code. `setup` may be NULL. */
mp_status mp_natives_types(mp_kernel *kernel, mp_kernel *setup,
                           const mp_spec *spec, mp_native **out, mp_error *err);

/* The kernel compiled for `spec`, or why not; compiles only if it has not been
 * tried before. `items` is how many this call is about: where there have not
 * been options->least of them yet, `*out` is NULL. The isa and lanes of `spec`
 * are set here. The answer is the caller's, to release. */
mp_status mp_natives_get(mp_kernel *kernel, mp_kernel *setup, mp_spec *spec,
                         const mp_native_options *options, int64_t items,
                         mp_native **out, mp_error *err);

/* What has been found out already, or NULL; as mp_natives_types() does where
 * there are no options, else as mp_natives_get(). The answer is the caller's,
 * to release. */
mp_native *mp_natives_find(mp_kernel *kernel, mp_kernel *setup, mp_spec *spec,
                           const mp_native_options *options);

#endif
