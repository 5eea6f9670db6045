/* Text that grows, in a unit's memory. */
#ifndef MP_NATIVE_WRITER_H
#define MP_NATIVE_WRITER_H

#include <stdarg.h>

#include "native/unit.h"

/* Zero it but for `unit` before use. */
typedef struct mp_writer {
    mp_unit *unit;
    char *text; /* a zero follows; NULL as long as nothing was written */
    size_t size;
    size_t room;
} mp_writer;

void mp__write(mp_writer *writer, const char *format, ...) MP_PRINTF(2, 3);
void mp__write_args(mp_writer *writer, const char *format, va_list args)
    MP_PRINTF(2, 0);
void mp__write_bytes(mp_writer *writer, const char *bytes, size_t size);

/* The formatted text alone, in the unit's memory. */
char *mp__write_text(mp_unit *unit, const char *format, ...) MP_PRINTF(2, 3);

#endif
