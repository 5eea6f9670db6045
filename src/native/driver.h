/* The driver: takes a kernel through the passes, within a budget. */
#ifndef MP_NATIVE_DRIVER_H
#define MP_NATIVE_DRIVER_H

#include <stdio.h>

#include "native/spec.h"
#include "native/unit.h"

struct mp_func;

/* What of a kernel comes of the driver. All is in the unit's memory. */
typedef struct mp_driven {
    mp_spec spec;         /* the one asked for, with outputs completed */
    struct mp_func *func; /* after MP_STAGE_BYTECODE */
    bool loops;           /* after MP_STAGE_MASK: there is one in the kernel */
    int64_t stack;        /* likewise: bytes of the tables that it makes */
    int64_t worst;        /* likewise: ns an item may take, but for loops */
    const char *ir;       /* after MP_STAGE_EMIT; a zero follows */
    size_t size;
    size_t expense; /* of compiling it, see expense.h */
} mp_driven;

/* The size of IR text that is compiled at most, in bytes. */
#define MP_MOST_IR ((size_t)1024 * 1024)

/* Runs the passes up to `last`. `print`, where it is not NULL, gets the form
 * after `last` as text. MP_OK; MP_VALUE: refused, and unit->refusal says why;
 * or a failure, which `err` has. `unit` is initialised here, and to be
 * destroyed in any case. */
mp_status mp__driver_run(mp_unit *unit, const mp_kernel *kernel,
                         const mp_kernel *setup, const mp_spec *spec,
                         mp_stage last, FILE *print, mp_driven *out,
                         mp_error *err);

#endif
