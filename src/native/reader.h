/* The reader: from a kernel's source to its bytecode and what that holds. */
#ifndef MP_NATIVE_READER_H
#define MP_NATIVE_READER_H

#include "native/constant.h"

/* Runs the kernel's chunk (and `setup` before it, if it is not NULL) in a
 * sandboxed state that is thrown away, and returns the function that it gave
 * with all that its upvalues reach. An upvalue or table that several functions
 * share is one object here too, and cycles are kept.
 *
 * Refuses where the chunk fails, takes too much, or depends on the worker.
 * What is too large, or cannot be told, is OPAQUE, so that it matters only to
 * a kernel that uses it. */
mp_closure *mp__reader_run(mp_unit *unit, const mp_kernel *kernel,
                           const mp_kernel *setup);

#endif
