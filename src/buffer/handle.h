/* Handles of arrays: how they are encoded and what they refer to. Private to
 * arrays.c and array.c.
 *
 * A handle has 64 bits: its slot in the lowest 10, above them a serial number
 * of 54. Each slot counts serials up. When a view is bound it takes the next
 * serial, and with it one serial for each of its rows, in this order:
 *
 *     0                  the whole array
 *     1 ...              a[i], i = 1 to n1
 *     1 + n1 ...         a[i][j], by rows: a[1][1], a[1][2], ...
 *     1 + n1 + n1*n2 ... a[i][j][k], and so on, down to the rows whose
 *                        elements are numbers, the leaf rows
 *
 * The distance from the first serial is the path of a handle. One subtraction
 * so tells a valid handle from a stale one and finds the row; which serials
 * were in use before, and for arrays of which shape, does not matter.
 * Serials start again at 1 when they run out: never for vectors, and for a
 * matrix of 2^20 rows after 2^34 bindings. Then a handle that was kept for all
 * that time may refer to the present array. It is still checked. */
#ifndef MP_BUFFER_HANDLE_H
#define MP_BUFFER_HANDLE_H

#include "buffer/array.h"
#include "moonpool.h"

#define MP_HANDLE_SLOT_BITS 10
#define MP_HANDLE_SLOTS (1 << MP_HANDLE_SLOT_BITS)
#define MP_HANDLE_SERIALS ((uint64_t)1 << (64 - MP_HANDLE_SLOT_BITS))
/* The most serials that one view may take. Only views that repeat themselves,
 * by strides of 0, can need more; their rows cannot be indexed. */
#define MP_HANDLE_PATHS ((uint64_t)1 << 40)

/* One slot; all of it is for the worker's thread only. The fields before
 * `view` are what reading and writing elements needs, worked out once. */
typedef struct mp_slot {
    uint64_t serial;     /* of the whole array; at least 1 */
    uint64_t leaf_first; /* path of the first leaf row; 0 if there is none */
    uint64_t leaf_count; /* leaf rows `leaf_step` apart; 0 if they are not */
    int64_t leaf_step;   /* in bytes */
    char *data;
    int64_t stride;  /* of a leaf row, in bytes */
    uint64_t extent; /* of a leaf row */
    mp_dtype dtype;
    bool readonly;
    uint64_t paths; /* serials taken; 0: nothing is bound */
    int rank;
    mp_view view;                /* of rank 1 and extent 1 where `rank` is 0 */
    uint64_t first[MP_MAX_NDIM]; /* path of the first row of each depth */
} mp_slot;

struct mp_arrays {
    mp_slot *slots;
    uint64_t count;
};

/* A row that a valid handle refers to. */
typedef struct mp_row {
    const mp_slot *slot;
    uint64_t number; /* among the rows of its depth */
    int depth;       /* indices that led here, 0 to view.ndim - 1 */
} mp_row;

static inline uint64_t mp__handle_serial(const void *handle)
{
    return (uint64_t)(uintptr_t)handle >> MP_HANDLE_SLOT_BITS;
}

static inline uint64_t mp__handle_slot(const void *handle)
{
    return (uintptr_t)handle & (MP_HANDLE_SLOTS - 1);
}

static inline void *mp__handle_make(uint64_t slot, uint64_t serial)
{
    return (void *)(uintptr_t)(serial << MP_HANDLE_SLOT_BITS | slot);
}

/* The address of element `at` of leaf row `leaf`, below slot->leaf_count. */
static inline char *mp__slot_element(const mp_slot *slot, uint64_t leaf,
                                     uint64_t at)
{
    return slot->data +
           ((int64_t)leaf * slot->leaf_step + (int64_t)at * slot->stride);
}

/* The row that a path, below slot->paths, leads to. */
static inline mp_row mp__handle_locate(const mp_slot *slot, uint64_t path)
{
    int depth = 0;
    if (path > 0)
        depth = slot->view.ndim - 1;
    while (path < slot->first[depth])
        depth--;
    return (mp_row){slot, path - slot->first[depth], depth};
}

/* The handle of row `at`, from 0, of a row that is not a leaf row. */
static inline void *mp__handle_row(uint64_t place, const mp_row *row,
                                   uint64_t at)
{
    const mp_slot *slot = row->slot;
    uint64_t extent = (uint64_t)slot->view.shape[row->depth];
    uint64_t path = slot->first[row->depth + 1] + row->number * extent + at;
    return mp__handle_make(place, slot->serial + path);
}

/* Finds what a handle refers to; false where it is stale or made up. */
bool mp__handle_find(const mp_arrays *arrays, const void *handle, mp_row *out);

/* The address of the first element of a leaf row. */
char *mp__handle_data(const mp_row *row);

#endif
