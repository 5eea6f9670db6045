/* A compilation: its memory, its budget, and the way out of it. */
#include "native/unit.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

/* How much the first chunk and the greatest one hold. Under a sanitizer each
 * allocation has a chunk of its own, so that what oversteps one is seen. */
#if defined(MP_HARD) || defined(__SANITIZE_ADDRESS__)
#define CHUNK_FIRST 0
#define CHUNK_MOST 0
#else
#define CHUNK_FIRST ((size_t)8 * 1024)
#define CHUNK_MOST ((size_t)512 * 1024)
#endif

/* A block of memory that allocations are cut from, one after the other. */
struct mp_chunk_of_memory {
    mp_chunk_of_memory *next; /* made before this one */
    size_t used, size;        /* of `bytes` */
    _Alignas(max_align_t) char bytes[];
};

void mp__unit_init(mp_unit *unit, size_t limit)
{
    memset(unit, 0, sizeof *unit);
    unit->limit = limit;
    unit->status = MP_OK;
}

mp_status mp__unit_run(mp_unit *unit, void (*body)(mp_unit *, void *), void *ud)
{
    jmp_buf outer;
    memcpy(&outer, &unit->out, sizeof outer);
    unit->status = MP_OK;
    if (setjmp(unit->out) == 0)
        body(unit, ud);
    memcpy(&unit->out, &outer, sizeof outer);
    return unit->status;
}

void mp__unit_destroy(mp_unit *unit)
{
    while (unit->chunks != NULL) {
        mp_chunk_of_memory *next = unit->chunks->next;
        free(unit->chunks);
        unit->chunks = next;
    }
    unit->used = 0;
}

_Noreturn void mp__unit_refuse(mp_unit *unit, int line, const char *hint,
                               const char *format, ...)
{
    mp_refusal *refusal = &unit->refusal;
    va_list args;
    va_start(args, format);
    mp_text_format(refusal->what, sizeof refusal->what, format, args);
    va_end(args);
    if (hint == NULL)
        hint = "";
    mp_text_copy(refusal->hint, sizeof refusal->hint, hint, strlen(hint));
    refusal->line = line;
    unit->status = MP_VALUE;
    longjmp(unit->out, 1);
}

_Noreturn void mp__unit_starve(mp_unit *unit)
{
    unit->status = MP_NO_MEMORY;
    longjmp(unit->out, 1);
}

_Noreturn void mp__unit_leave(mp_unit *unit)
{
    longjmp(unit->out, 1);
}

/* ---- memory ------------------------------------------------------------- */

/* A chunk with room for `size` bytes at least. Each is twice as large as the
 * one before, so that a small kernel takes little and a large one few. */
static mp_chunk_of_memory *add_chunk(mp_unit *unit, size_t size)
{
    size_t room = unit->chunks == NULL ? CHUNK_FIRST : 2 * unit->chunks->size;
    if (room > CHUNK_MOST)
        room = CHUNK_MOST;
    if (room < size)
        room = size;
    mp_chunk_of_memory *chunk = calloc(1, sizeof *chunk + room);
    if (chunk == NULL)
        mp__unit_starve(unit);
    chunk->size = room;
    chunk->next = unit->chunks;
    unit->chunks = chunk;
    return chunk;
}

void *mp__unit_alloc(mp_unit *unit, size_t size)
{
    const size_t unit_of_size = _Alignof(max_align_t);
    if (size > unit->limit || unit->used > unit->limit - size ||
        size > SIZE_MAX / 4)
        mp__unit_refuse(unit, 0, "make it shorter, or cut it in two",
                        "the kernel takes more than %zu KiB to compile",
                        unit->limit / 1024);
    size = (size + unit_of_size - 1) / unit_of_size * unit_of_size;
    unit->used += size;
    mp_chunk_of_memory *chunk = unit->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size)
        chunk = add_chunk(unit, size);
    void *memory = chunk->bytes + chunk->used;
    chunk->used += size;
    return memory;
}

char *mp__unit_copy(mp_unit *unit, const char *bytes, size_t size)
{
    char *copy = mp__unit_alloc(unit, size == SIZE_MAX ? size : size + 1);
    if (size != 0)
        memcpy(copy, bytes, size);
    return copy;
}

void *mp__unit_grow(mp_unit *unit, void *array, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return array;
    size_t room = count == 0 ? 1 : 2 * count;
    if (room < count || room > SIZE_MAX / size)
        room = SIZE_MAX / size;
    void *grown = mp__unit_alloc(unit, room * size);
    if (count != 0)
        memcpy(grown, array, count * size);
    return grown;
}
