/* Accounting of the memory of one Lua state. */
#include "core/memory.h"

#include <stdint.h>
#include <stdlib.h>

void mp_memory_init(mp_memory *memory, size_t limit)
{
    /* Never so great that a header could not be added. */
    size_t most = SIZE_MAX - sizeof(mp_memory_block);
    memory->limit = limit == 0 || limit > most ? most : limit;
    atomic_init(&memory->used, 0);
    atomic_init(&memory->peak, 0);
    memory->fail_after = SIZE_MAX;
    memory->refused = false;
    memory->starved = false;
    memory->blocks.previous = memory->blocks.next = &memory->blocks;
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

static void set_used(mp_memory *memory, size_t used)
{
    atomic_store_explicit(&memory->used, used, memory_order_relaxed);
}

static void set_grown(mp_memory *memory, size_t used)
{
    set_used(memory, used);
    if (used > mp_memory_peak(memory))
        atomic_store_explicit(&memory->peak, used, memory_order_relaxed);
}

/* Whether Lua may have `more` bytes. */
static bool allow(mp_memory *memory, size_t used, size_t more)
{
    if (more > memory->limit || used > memory->limit - more)
        return false;
    if (memory->fail_after == SIZE_MAX)
        return true;
    if (memory->fail_after == 0)
        return false;
    memory->fail_after--;
    return true;
}

/* Three cases with code of their own: what Lua does all the time is to make
 * and to free small blocks. */

static void *make(mp_memory *memory, size_t size)
{
    size_t used = mp_memory_used(memory);
    if (!allow(memory, used, size))
        return refuse(memory);
    mp_memory_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        memory->starved = true;
        return refuse(memory);
    }
    mp_memory_block *last = memory->blocks.previous;
    block->previous = last;
    block->next = &memory->blocks;
    last->next = block;
    memory->blocks.previous = block;
    set_grown(memory, used + size);
    return block + 1;
}

static void drop(mp_memory *memory, mp_memory_block *block, size_t size)
{
    block->previous->next = block->next;
    block->next->previous = block->previous;
    free(block);
    set_used(memory, mp_memory_used(memory) - size);
}

static void *resize(mp_memory *memory, mp_memory_block *old, size_t before,
                    size_t after)
{
    size_t used = mp_memory_used(memory);
    if (after > before && !allow(memory, used, after - before))
        return refuse(memory);
    mp_memory_block *block = realloc(old, sizeof *block + after);
    if (block == NULL && after > before) {
        memory->starved = true;
        return refuse(memory);
    }
    if (block == NULL)
        block = old; /* Lua relies on shrinking to succeed. */
    /* Its neighbours may still point to where it was. */
    block->previous->next = block;
    block->next->previous = block;
    set_grown(memory, used - before + after);
    return block + 1;
}

void *mp_memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    mp_memory *memory = ud;
    /* For a new block `osize` is a type tag, not a size. */
    if (ptr == NULL)
        return nsize == 0 ? NULL : make(memory, nsize);
    mp_memory_block *block = (mp_memory_block *)ptr - 1;
    if (nsize != 0)
        return resize(memory, block, osize, nsize);
    drop(memory, block, osize);
    return NULL;
}

void mp_memory_discard(mp_memory *memory)
{
    mp_memory_block *following;
    for (mp_memory_block *block = memory->blocks.next; block != &memory->blocks;
         block = following) {
        following = block->next;
        free(block);
    }
    memory->blocks.previous = memory->blocks.next = &memory->blocks;
    set_used(memory, 0);
}
