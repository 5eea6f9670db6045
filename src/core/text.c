/* Text in buffers of a fixed size. */
#include "core/text.h"

#include <stdio.h>
#include <string.h>

/* The largest size up to `size` that ends no UTF-8 character half way. */
static size_t boundary(const char *text, size_t size)
{
    size_t end = size;
    while (end > 0 && size - end < 4 &&
           ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    return size - end < 4 ? end : size;
}

void mp_text_copy(char *to, size_t capacity, const char *from, size_t size)
{
    if (size >= capacity)
        size = boundary(from, capacity - 1);
    memcpy(to, from, size);
    to[size] = '\0';
}

void mp_text_format(char *to, size_t capacity, const char *format, va_list args)
{
    int needed = vsnprintf(to, capacity, format, args);
    if (needed < 0) {
        to[0] = '\0';
    } else if ((size_t)needed >= capacity) {
        /* The byte that would have come next is gone, so the character that
         * the cut may have split is dropped as a whole. */
        size_t end = capacity - 1;
        while (end > 0 && ((unsigned char)to[end - 1] & 0xC0) == 0x80)
            end--;
        if (end > 0 && (unsigned char)to[end - 1] >= 0xC0)
            end--;
        to[end] = '\0';
    }
}
