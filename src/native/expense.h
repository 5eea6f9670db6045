/* The expense of compiling LLVM IR text, before LLVM has seen it. */
#ifndef MP_NATIVE_EXPENSE_H
#define MP_NATIVE_EXPENSE_H

#include <stddef.h>

#include "native/spec.h"
#include "native/unit.h"

/* About how many instructions LLVM will have to do with, each as much work as
 * an addition: it takes some 0.1 ms for one. `ir` is what mp__emit_run() has
 * made for `spec`. */
size_t mp__expense_of(mp_unit *unit, const char *ir, size_t size,
                      const mp_spec *spec);

#endif
