/* A map job: what the making of it and the tiers that run it share. */
#ifndef MP_POOL_MAPJOB_H
#define MP_POOL_MAPJOB_H

#include <stdatomic.h>

#include "buffer/loop.h"
#include "pool/chunks.h"
#include "pool/job.h"
#include "pool/plan.h"

struct mp_worker;

/* How an argument reaches the kernel. */
typedef enum mp_role {
    MP_UNIFORM, /* the same value for all items */
    MP_ELEMENT, /* one element an item */
    MP_ARRAY,   /* the core dimensions of an item, as a Lua array */
} mp_role;

typedef struct mp_map_operand {
    mp_role role;
    mp_dtype dtype;
    bool swapped;
    int at;        /* ELEMENT, ARRAY: index into the loop's operands */
    int slot;      /* ARRAY: slot of the worker's arrays */
    mp_view *core; /* ARRAY: owned; the core dimensions of item 0 */
} mp_map_operand;

/* Fixed after the job has been queued, but for `any_float` and what the
 * pointers point to. */
typedef struct mp_map_job {
    mp_job job;
    mp_plan plan;
    mp_loop loop;
    int nin;
    mp_map_operand in[MP_MAX_ARGS]; /* parallel to job.args */
    int nout;
    mp_map_operand out[MP_MAX_ARGS]; /* ELEMENT: a returned value */
    int nreturned;                   /* outputs that are returned */
    int narrays;                     /* slots in use */
    int where;                       /* index into the loop's operands, or -1 */
    char *copies[MP_MAX_ARGS + 1];   /* owned; inputs that an output overlaps */
    char *floats[MP_MAX_ARGS];       /* owned; open outputs: the float items */
    _Atomic int any_float[MP_MAX_ARGS]; /* atomic; of open outputs */
} mp_map_job;

/* The interpreted tier: an mp_job_ops.work for maps and one for probes. */
mp_status mp__map_interpret(struct mp_worker *worker, mp_job *job,
                            mp_error *err);
mp_status mp__map_interpret_probe(struct mp_worker *worker, mp_job *job,
                                  mp_error *err);

/* Worker thread: computes items `lo` to `hi` - 1 on the interpreted tier, for
 * a worker that is at the chunk `chunks` without a Lua state. */
mp_status mp__map_replay(const mp_chunks *chunks, int64_t lo, int64_t hi,
                         mp_error *err);

/* The native tier: sets job.native where options want it and the kernel can be
 * compiled. All but the queueing has been done. */
mp_status mp__map_choose(mp_map_job *map, const mp_job_options *options,
                         mp_error *err);

/* What mp_map_types() has found out already: the caller's, to release; or
 * NULL. */
mp_native *mp__map_find_types(mp_pool *pool, const mp_map_spec *spec);

/* A mp_job_ops.work for a job that has native code. */
mp_status mp__map_native(struct mp_worker *worker, mp_job *job, mp_error *err);

/* Open outputs are int64 arrays that may turn into float64 ones: each item
 * holds an integer or the bits of a float until the job ends. */
mp_status mp__open_init(mp_map_job *map, const mp_map_spec *spec,
                        mp_error *err);

/* Makes all items of an open output floats if one is; a mp_job_ops.finish. */
mp_status mp__open_finish(struct mp_worker *worker, mp_job *job, mp_error *err);

#endif
