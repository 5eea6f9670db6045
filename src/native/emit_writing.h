/* What writes the helpers that no template describes. */
#ifndef MP_NATIVE_EMIT_WRITING_H
#define MP_NATIVE_EMIT_WRITING_H

#include "native/emit.h"

/* The lanes that the machine's vectors have, at most all there are. */
int mp__emit_native_lanes(const mp_emit *e);
/* Writes "<n x i32> <i32 first, i32 first + 1, ...>", for a shufflevector. */
void mp__emit_range(mp_writer *to, int first, int count);

/* "1.exp": that function of a vector of arguments. */
void mp__emit_write_call(mp_emit *e, const char *name);
/* Whether any lane of a mask, or of bits, is on. */
void mp__emit_write_any(mp_emit *e);
void mp__emit_write_some(mp_emit *e, bool wide);
/* "i8", or "cold.i8" for what is rarely called: elements at offsets in bytes,
 * in the lanes of a mask. */
void mp__emit_write_gather(mp_emit *e, const char *name, const char *inlining);
void mp__emit_write_scatter(mp_emit *e, const char *name, const char *inlining);
/* Random words. */
void mp__emit_write_philox(mp_emit *e, bool wide);

#endif
