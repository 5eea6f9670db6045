/* The table of views that a worker's handles refer to. */
#include "buffer/array.h"

#include <stdlib.h>
#include <string.h>

#include "buffer/handle.h"

_Static_assert(sizeof(void *) == 8, "handles take a pointer of 64 bits");

mp_status mp_arrays_new(mp_arrays **out, mp_error *err)
{
    mp_arrays *arrays = calloc(1, sizeof *arrays);
    if (arrays == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for arrays");
    *out = arrays;
    return MP_OK;
}

void mp_arrays_free(mp_arrays *arrays)
{
    if (arrays == NULL)
        return;
    free(arrays->slots);
    free(arrays);
}

mp_status mp_arrays_reserve(mp_arrays *arrays, int count, mp_error *err)
{
    if (count > MP_HANDLE_SLOTS)
        return mp_error_set(err, MP_VALUE,
                            "%d arrays in one call, %d are allowed", count,
                            MP_HANDLE_SLOTS);
    if (count <= 0 || (uint64_t)count <= arrays->count)
        return MP_OK;
    mp_slot *slots = realloc(arrays->slots, (size_t)count * sizeof *slots);
    if (slots == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for arrays");
    uint64_t first = arrays->count;
    memset(slots + first, 0, ((size_t)count - first) * sizeof *slots);
    for (uint64_t k = first; k < (uint64_t)count; k++)
        slots[k].serial = 1;
    arrays->slots = slots;
    arrays->count = (uint64_t)count;
    return MP_OK;
}

/* Moves a slot on to serials that no handle has, `paths` of them. */
static void take_serials(mp_slot *slot, uint64_t paths)
{
    slot->serial += slot->paths;
    if (slot->serial > MP_HANDLE_SERIALS - paths)
        slot->serial = 1;
    slot->paths = paths;
}

/* Copies what is used of a view. */
static void copy_view(mp_slot *slot, const mp_view *view)
{
    slot->view.data = view->data;
    slot->view.dtype = view->dtype;
    slot->view.swapped = view->swapped;
    slot->view.readonly = view->readonly;
    slot->rank = view->ndim;
    if (view->ndim == 0) {
        slot->view.ndim = 1;
        slot->view.shape[0] = 1;
        slot->view.strides[0] = 0;
        return;
    }
    size_t size = (size_t)view->ndim * sizeof(int64_t);
    slot->view.ndim = view->ndim;
    memcpy(slot->view.shape, view->shape, size);
    memcpy(slot->view.strides, view->strides, size);
}

/* Numbers the rows; returns how many serials there are, or 1 where there
 * would be too many. */
static uint64_t number_rows(mp_slot *slot)
{
    uint64_t rows = 1, paths = 1;
    slot->first[0] = 0;
    for (int d = 1; d < slot->view.ndim; d++) {
        slot->first[d] = paths;
        uint64_t extent = (uint64_t)slot->view.shape[d - 1];
        if (__builtin_mul_overflow(rows, extent, &rows) ||
            __builtin_add_overflow(paths, rows, &paths) ||
            paths > MP_HANDLE_PATHS)
            return 1;
    }
    return paths;
}

/* Works out how to reach leaf rows without a division: possible where they
 * lie at equal distances, in the order of their numbers. */
static void place_leaf_rows(mp_slot *slot)
{
    const mp_view *view = &slot->view;
    int leaf = view->ndim - 1;
    slot->stride = view->strides[leaf];
    slot->extent = (uint64_t)view->shape[leaf];
    slot->leaf_first = 0;
    slot->leaf_count = 0;
    slot->leaf_step = 0;
    if (leaf > 0 && slot->paths == 1)
        return;
    slot->leaf_first = slot->first[leaf];
    if (view->swapped)
        return;
    int64_t count = 1;
    for (int d = leaf - 1; d >= 0; d--) {
        if (view->shape[d] == 1)
            continue;
        int64_t stride;
        if (count == 1)
            slot->leaf_step = view->strides[d];
        else if (__builtin_mul_overflow(slot->leaf_step, count, &stride) ||
                 stride != view->strides[d])
            return;
        count *= view->shape[d];
    }
    slot->leaf_count = (uint64_t)count;
}

void *mp_arrays_bind(mp_arrays *arrays, int slot, const mp_view *view)
{
    mp_slot *bound = &arrays->slots[slot];
    copy_view(bound, view);
    take_serials(bound, number_rows(bound));
    place_leaf_rows(bound);
    bound->data = view->data;
    bound->dtype = view->dtype;
    bound->readonly = view->readonly;
    return mp__handle_make((uint64_t)slot, bound->serial);
}

void *mp_arrays_move(mp_arrays *arrays, int slot, char *data)
{
    mp_slot *bound = &arrays->slots[slot];
    take_serials(bound, bound->paths);
    bound->data = data;
    return mp__handle_make((uint64_t)slot, bound->serial);
}

void mp_arrays_clear(mp_arrays *arrays)
{
    for (uint64_t k = 0; k < arrays->count; k++) {
        take_serials(&arrays->slots[k], 0);
        arrays->slots[k].leaf_first = 0;
        arrays->slots[k].leaf_count = 0;
    }
}

bool mp__handle_find(const mp_arrays *arrays, const void *handle, mp_row *out)
{
    uint64_t k = mp__handle_slot(handle);
    if (k >= arrays->count)
        return false;
    const mp_slot *slot = &arrays->slots[k];
    uint64_t path = mp__handle_serial(handle) - slot->serial;
    if (path >= slot->paths)
        return false;
    *out = mp__handle_locate(slot, path);
    return true;
}

char *mp__handle_data(const mp_row *row)
{
    const mp_view *view = &row->slot->view;
    uint64_t number = row->number;
    int64_t offset = 0;
    for (int d = row->depth - 1; d >= 0; d--) {
        uint64_t extent = (uint64_t)view->shape[d];
        offset += (int64_t)(number % extent) * view->strides[d];
        number /= extent;
    }
    return row->slot->data + offset;
}

int mp_arrays_slot(mp_arrays *arrays, lua_State *L, int index)
{
    mp_row row;
    if (!lua_islightuserdata(L, index) ||
        !mp__handle_find(arrays, lua_touserdata(L, index), &row) ||
        row.depth > 0)
        return -1;
    return (int)(row.slot - arrays->slots);
}
