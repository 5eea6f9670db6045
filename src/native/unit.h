/* A compilation: its memory, its budget, and the way out of it.
 *
 * All that passes make lives in the unit's arena and goes with it. A kernel
 * that cannot be compiled is no error but an answer, with a reason and a line;
 * a pass that finds one leaves the whole compilation by mp__unit_refuse().
 * One thread at a time. */
#ifndef MP_NATIVE_UNIT_H
#define MP_NATIVE_UNIT_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "moonpool.h"

typedef struct mp_chunk_of_memory mp_chunk_of_memory;

typedef struct mp_unit {
    mp_chunk_of_memory *chunks; /* owned */
    size_t used;                /* bytes handed out */
    size_t limit;               /* of `used`; past it the kernel is refused */
    mp_refusal refusal;
    mp_status status; /* MP_NO_MEMORY where the process had none */
    jmp_buf out;      /* set by mp__unit_run() */
} mp_unit;

/* Runs `body(unit, ud)`. MP_OK: it returned. MP_VALUE: it refused, and
 * unit->refusal says why. MP_NO_MEMORY. The unit's memory stays until
 * mp__unit_destroy(). A body may call it again, to tidy up after what leaves,
 * and then leave itself by mp__unit_leave(). */
void mp__unit_init(mp_unit *unit, size_t limit);
mp_status mp__unit_run(mp_unit *unit, void (*body)(mp_unit *, void *),
                       void *ud);
void mp__unit_destroy(mp_unit *unit);

/* Inside mp__unit_run() only. Zeroed memory, aligned for anything, never
 * NULL: leaves where there is none. */
void *mp__unit_alloc(mp_unit *unit, size_t size);
/* A copy of `size` bytes with a zero after them. */
char *mp__unit_copy(mp_unit *unit, const char *bytes, size_t size);

/* Leaves, for the reason that ended an inner mp__unit_run(). */
_Noreturn void mp__unit_leave(mp_unit *unit);

/* Leaves: the process has no memory. */
_Noreturn void mp__unit_starve(mp_unit *unit);

/* Leaves: the kernel is not compilable. `hint` may be NULL. */
_Noreturn void mp__unit_refuse(mp_unit *unit, int line, const char *hint,
                               const char *format, ...) MP_PRINTF(4, 5);

/* Room for one more element in an array of the unit's, that has `count`
 * elements and room for a power of two of them, or none. */
#define MP_UNIT_PUSH(unit, array, count, value)                                \
    ((array) = mp__unit_grow(unit, array, (size_t)(count), sizeof *(array)),   \
     (array)[(count)++] = (value))
void *mp__unit_grow(mp_unit *unit, void *array, size_t count, size_t size);

#endif
