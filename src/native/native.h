/* Specialisations: kernels compiled for the types of a call. */
#ifndef MP_NATIVE_NATIVE_H
#define MP_NATIVE_NATIVE_H

#include <stdatomic.h>

#include "native/abi.h"
#include "native/rest.h"
#include "native/spec.h"

/* Sets the isa and, but for a reduction, the lanes of a specialisation. */
void mp_native_fit(mp_spec *spec, const mp_native_options *options);

/* What has been found out about a kernel and the types of a call. Reference-
 * counted, and used by any number of threads at once. */
typedef struct mp_native {
    _Atomic int references;
    /* Fixed after new; NULL: not compiled. See mp_native_call(). */
    mp_native_code code;
    int lanes;     /* fixed after new; items at once */
    mp_rest rest;  /* fixed after new; where code runs whole vectors */
    bool loops;    /* fixed after new; code may go on for long */
    int64_t stack; /* fixed after new; bytes that it needs for tables */
    int64_t worst; /* fixed after new; ns an item may take, but for loops */
    /* Atomic; how many items a job's chunks had at last, 0: not known. */
    _Atomic int64_t chunk;
    void *handle; /* fixed after new; owned, what `code` lives in */
    void (*release)(void *handle);
    int noutputs; /* fixed after new; -1: refused */
    /* Of a reduction these are the accumulators: bool, int64 or float64. */
    mp_dtype outputs[MP_MAX_ARGS];
    bool mixed[MP_MAX_ARGS]; /* likewise; see mp_param */
    mp_refusal refusal;      /* fixed after new; where it was refused */
} mp_native;

/* Runs the code for all items of a frame. */
mp_native_result mp_native_call(const mp_native *native, mp_frame *frame);

mp_native *mp_native_retain(mp_native *native);
void mp_native_release(mp_native *native);

/* One that says nothing yet, but that it has no code and is refused. It is the
 * caller's, to fill and to release. */
mp_status mp_native_new(mp_native **out, mp_error *err);
mp_status mp_native_refused(int line, const char *what, const char *hint,
                            mp_native **out, mp_error *err);

#endif
