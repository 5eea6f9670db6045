/* Text that grows, in a unit's memory. */
#include "native/writer.h"

#include <stdio.h>
#include <string.h>

/* Makes room for `more` bytes and a zero. */
static void reserve(mp_writer *writer, size_t more)
{
    size_t need = writer->size + more + 1;
    if (need <= writer->room)
        return;
    size_t room = writer->room < 256 ? 256 : writer->room * 2;
    while (room < need)
        room *= 2;
    char *text = mp__unit_alloc(writer->unit, room);
    if (writer->text != NULL)
        memcpy(text, writer->text, writer->size);
    writer->text = text;
    writer->room = room;
}

void mp__write_bytes(mp_writer *writer, const char *bytes, size_t size)
{
    reserve(writer, size);
    memcpy(writer->text + writer->size, bytes, size);
    writer->size += size;
    writer->text[writer->size] = '\0';
}

void mp__write_args(mp_writer *writer, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = writer->room - writer->size;
    char *end = writer->text == NULL ? NULL : writer->text + writer->size;
    size_t size = (size_t)vsnprintf(end, end == NULL ? 0 : room, format, args);
    if (end == NULL || size >= room) {
        reserve(writer, size);
        vsnprintf(writer->text + writer->size, size + 1, format, again);
    }
    writer->size += size;
    va_end(again);
}

void mp__write(mp_writer *writer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mp__write_args(writer, format, args);
    va_end(args);
}

char *mp__write_text(mp_unit *unit, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t size = (size_t)vsnprintf(NULL, 0, format, args);
    char *text = mp__unit_alloc(unit, size + 1);
    vsnprintf(text, size + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}
