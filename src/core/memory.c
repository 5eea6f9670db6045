/* Accounting of the memory of one Lua state. */
#include "core/memory.h"

#include <stdint.h>
#include <stdlib.h>

void mp_memory_init(mp_memory *memory, size_t limit)
{
    memory->limit = limit == 0 ? SIZE_MAX : limit;
    atomic_init(&memory->used, 0);
    atomic_init(&memory->peak, 0);
    memory->fail_after = SIZE_MAX;
    memory->refused = false;
    memory->starved = false;
}

/* Relaxed throughout: the worker alone writes, others want a number only. */
size_t mp_memory_used(const mp_memory *memory)
{
    return atomic_load_explicit(&memory->used, memory_order_relaxed);
}

size_t mp_memory_peak(const mp_memory *memory)
{
    return atomic_load_explicit(&memory->peak, memory_order_relaxed);
}

static void *refuse(mp_memory *memory)
{
    memory->refused = true;
    return NULL;
}

void *mp_memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    mp_memory *memory = ud;
    size_t used = mp_memory_used(memory);
    /* For a new block `osize` is a type tag, not a size. */
    size_t before = ptr == NULL ? 0 : osize;
    if (nsize == 0) {
        free(ptr);
        atomic_store_explicit(&memory->used, used - before,
                              memory_order_relaxed);
        return NULL;
    }
    if (nsize > before) {
        size_t more = nsize - before;
        if (more > memory->limit || used > memory->limit - more)
            return refuse(memory);
        if (memory->fail_after != SIZE_MAX && memory->fail_after-- == 0) {
            memory->fail_after = 0;
            return refuse(memory);
        }
    }
    void *block = realloc(ptr, nsize);
    if (block == NULL) {
        if (nsize > before) {
            memory->starved = true;
            return refuse(memory);
        }
        block = ptr; /* Lua relies on shrinking to succeed. */
    }
    used = used - before + nsize;
    atomic_store_explicit(&memory->used, used, memory_order_relaxed);
    if (used > mp_memory_peak(memory))
        atomic_store_explicit(&memory->peak, used, memory_order_relaxed);
    return block;
}
