/* Accounting of the memory of one Lua state: every block that Lua asks for is
 * counted, and refused past a limit. */
#ifndef MP_CORE_MEMORY_H
#define MP_CORE_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Stands in front of each block, so that all can be freed without Lua. What
 * it takes is not counted: a limit is one on what Lua asks for. */
typedef struct mp_memory_block {
    struct mp_memory_block *previous, *next;
} mp_memory_block;

typedef struct mp_memory {
    size_t limit;        /* bytes; fixed after init */
    _Atomic size_t used; /* atomic: written by the worker, read by anyone */
    _Atomic size_t peak; /* atomic: likewise */
    size_t fail_after;   /* worker thread only; tests: refuse all but so many */
    bool refused;        /* worker thread only; a block was refused */
    bool starved;        /* worker thread only; and not for the limit */
    mp_memory_block blocks; /* worker thread only; a ring of all blocks */
} mp_memory;

/* `limit` 0 means none. */
void mp_memory_init(mp_memory *memory, size_t limit);

/* A lua_Alloc; `ud` is the mp_memory. Worker thread only. */
void *mp_memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

/* Frees all blocks: the Lua state must not be used again. Worker thread
 * only. */
void mp_memory_discard(mp_memory *memory);

size_t mp_memory_used(const mp_memory *memory);
size_t mp_memory_peak(const mp_memory *memory);

#endif
