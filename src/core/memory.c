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

static void unlink_block(mp_block *block)
{
    block->previous->next = block->next;
    block->next->previous = block->previous;
}

static void link_block(mp_memory *memory, mp_block *block)
{
    block->previous = memory->blocks.previous;
    block->next = &memory->blocks;
    block->previous->next = block;
    block->next->previous = block;
}

static void note_used(mp_memory *memory, size_t used)
{
    atomic_store_explicit(&memory->used, used, memory_order_relaxed);
    if (used > mp_memory_peak(memory))
        atomic_store_explicit(&memory->peak, used, memory_order_relaxed);
}

/* Whether Lua may have `more` bytes. */
static bool allow(mp_memory *memory, size_t more)
{
    if (more > memory->limit || mp_memory_used(memory) > memory->limit - more)
        return false;
    if (memory->fail_after != SIZE_MAX && memory->fail_after-- == 0) {
        memory->fail_after = 0;
        return false;
    }
    return true;
}

void *mp_memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    mp_memory *memory = ud;
    mp_block *old = ptr == NULL ? NULL : (mp_block *)ptr - 1;
    /* For a new block `osize` is a type tag, not a size. */
    size_t before = ptr == NULL ? 0 : osize;
    if (nsize == 0) {
        if (old != NULL)
            unlink_block(old);
        free(old);
        note_used(memory, mp_memory_used(memory) - before);
        return NULL;
    }
    if (nsize > before && !allow(memory, nsize - before))
        return refuse(memory);
    mp_block *block = nsize > SIZE_MAX - sizeof *block
                          ? NULL
                          : realloc(old, sizeof *block + nsize);
    if (block == NULL && nsize > before) {
        memory->starved = true;
        return refuse(memory);
    }
    if (block == NULL) {
        block = old; /* Lua relies on shrinking to succeed. */
    } else if (old == NULL) {
        link_block(memory, block);
    } else {
        /* Its neighbours still point to where it was. */
        block->previous->next = block;
        block->next->previous = block;
    }
    note_used(memory, mp_memory_used(memory) - before + nsize);
    return block + 1;
}

void mp_memory_discard(mp_memory *memory)
{
    mp_block *following;
    for (mp_block *block = memory->blocks.next; block != &memory->blocks;
         block = following) {
        following = block->next;
        free(block);
    }
    memory->blocks.previous = memory->blocks.next = &memory->blocks;
    note_used(memory, 0);
}
