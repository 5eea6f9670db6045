/* A run job: what the making of it and the tiers that run it share. */
#ifndef MP_POOL_RUNJOB_H
#define MP_POOL_RUNJOB_H

#include "pool/chunks.h"
#include "pool/job.h"

#define MP_RUN_NDIM 3

typedef struct mp_run_job {
    mp_job job;
    mp_shape extent; /* fixed after new */
} mp_run_job;

/* The 1-based indices of item `flat`. */
void mp__run_unravel(const mp_shape *extent, int64_t flat, int64_t *index);

/* Worker thread: computes items `lo` to `hi` - 1 on the interpreted tier, for
 * a worker that is at the chunk `chunks` without a Lua state. */
mp_status mp__run_replay(const mp_chunks *chunks, int64_t lo, int64_t hi,
                         mp_error *err);

/* The native tier: sets job.native where options want it and the kernel can be
 * compiled. */
mp_status mp__run_choose(mp_run_job *run, const mp_job_options *options,
                         mp_error *err);

/* A mp_job_ops.work for a job that has native code. */
mp_status mp__run_native(struct mp_worker *worker, mp_job *job, mp_error *err);

#endif
