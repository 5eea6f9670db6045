/* Text in buffers of a fixed size: cut where it does not fit, never inside a
 * UTF-8 character. */
#ifndef MP_CORE_TEXT_H
#define MP_CORE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Copies `size` bytes of `from`, as many as fit, and a final NUL. */
void mp_text_copy(char *to, size_t capacity, const char *from, size_t size);

/* Like vsnprintf(), with the cut at a character. */
void mp_text_format(char *to, size_t capacity, const char *format,
                    va_list args);

#endif
