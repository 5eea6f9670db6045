/* The passes, in the order in which they run. Each refuses by leaving the
 * unit (native/unit.h). */
#ifndef MP_NATIVE_PASSES_H
#define MP_NATIVE_PASSES_H

#include "native/constant.h"
#include "native/ir.h"

/* build.c: bytecode to SSA, with every called Lua function inlined. Types are
 * ANY but for constants, arrays and references; dead PHIs are gone. */
mp_func *mp__build_run(mp_unit *unit, const mp_closure *kernel, mp_spec *spec);

/* scalar.c: tables made in the kernel become values where all their keys are
 * constants, and else memory that is reached within its bounds. */
void mp__scalar_run(mp_func *func);

/* infer.c: a type for every node, conversions where ints meet floats, FOR_*
 * and TRUTH lowered; completes spec->outputs, and makes a float of an
 * accumulator that begins as an int and becomes a float. */
void mp__infer_run(mp_func *func);

/* fold.c: folds constants, drops what is dead, simplifies branches, moves
 * checks out of loops. Changes no bit of any result (but see fold_power.c) and
 * no error. */
void mp__fold_run(mp_func *func);

/* diverge.c: sets shape and step of every node. */
void mp__diverge_run(mp_func *func);

/* lanes.c: makes spec->lanes 1 where vectors do not pay, and all shapes
 * uniform with it; makes them twice or four times as many where all values
 * are short, and sets func->word. */
void mp__lanes_run(mp_func *func);

/* mask.c: leaves only branches on uniform conditions, and sets node->mask of
 * what has effects. */
void mp__mask_run(mp_func *func);

/* narrow.c: finds integers that func->word bits hold, and stores that cannot
 * fail. */
void mp__narrow_run(mp_func *func);

/* single.c: finds floats that are computed in 32 bits; after `narrow`. */
void mp__single_run(mp_func *func);

/* Floor division of 0 to `most` by a positive constant: (x * factor) >> shift,
 * in 32 bits without a sign. Whether there are such numbers. */
bool mp__narrow_factor(int64_t most, int64_t by, uint32_t *factor, int *shift);

/* emit.c: LLVM IR text of the function "kernel" (an mp_native_code), in the
 * unit's memory. */
const char *mp__emit_run(mp_func *func, size_t *size);

#endif
