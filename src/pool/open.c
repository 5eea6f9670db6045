/* Open outputs of a map: integers as long as nothing else comes. */
#include <stdlib.h>
#include <string.h>

#include "pool/mapjob.h"
#include "pool/worker.h"

mp_status mp__open_init(mp_map_job *map, const mp_map_spec *spec, mp_error *err)
{
    for (int k = 0; k < spec->nouts; k++) {
        if (((spec->open >> k) & 1) == 0)
            continue;
        if (spec->outs[k].dtype != MP_INT64 || spec->outs[k].swapped)
            return mp_error_set(err, MP_TYPE,
                                "open output %d must be an int64 array", k + 1);
        map->floats[k] = calloc((size_t)map->plan.size + 1, 1);
        if (map->floats[k] == NULL)
            return mp_error_set(err, MP_NO_MEMORY, "no memory for %lld results",
                                (long long)map->plan.size);
    }
    return MP_OK;
}

/* Turns the integers of output `k` into floats, since there are others. */
static void widen(mp_map_job *map, int k)
{
    const mp_map_operand *out = &map->out[k];
    mp_cursor cursor;
    for (int64_t i = 0; i < map->plan.size && !mp__job_stopped(&map->job);
         i++) {
        if (map->floats[k][i])
            continue;
        int64_t integer;
        mp_cursor_seek(&map->loop, &cursor, i);
        memcpy(&integer, cursor.at[out->at], sizeof integer);
        double number = (double)integer;
        memcpy(cursor.at[out->at], &number, sizeof number);
    }
}

mp_status mp__open_finish(mp_worker *worker, mp_job *job, mp_error *err)
{
    (void)worker;
    (void)err;
    mp_map_job *map = (mp_map_job *)job;
    for (int k = 0; k < map->nout; k++) {
        if (atomic_load_explicit(&map->any_float[k], memory_order_relaxed))
            widen(map, k);
    }
    return MP_OK;
}

mp_kind mp_job_kind(const mp_job *job, int k)
{
    const mp_map_job *map = (const mp_map_job *)job;
    if (map->plan.size == 0)
        return MP_KIND_NIL;
    return atomic_load_explicit(&map->any_float[k], memory_order_relaxed)
               ? MP_KIND_FLOAT
               : MP_KIND_INT;
}
