/* A reduce job: what the making of it and the tiers that run it share. */
#ifndef MP_POOL_REDUCEJOB_H
#define MP_POOL_REDUCEJOB_H

#include "buffer/loop.h"
#include "pool/chunks.h"
#include "pool/fold.h"
#include "pool/job.h"

/* An item of the job is one block of one fold. */
typedef struct mp_reduce_job {
    mp_job job;
    mp_fold fold;
    mp_loop loop;             /* over fold.common */
    int operand[MP_MAX_ARGS]; /* of argument k in the loop, or -1 */
    int naccs;
    mp_value init[MP_MAX_ARGS];
    mp_combine combine;
    mp_kernel *combine_kernel; /* retained, or NULL */
    mp_value *partial;         /* owned; naccs values an item */
} mp_reduce_job;

/* Worker thread: folds the blocks `lo` to `hi` - 1 on the interpreted tier, for
 * a worker that is at the chunk `chunks` without a Lua state. */
mp_status mp__reduce_replay(const mp_chunks *chunks, int64_t lo, int64_t hi,
                            mp_error *err);

/* The native tier: sets job.native where options want it and the kernel can be
 * compiled. */
mp_status mp__reduce_choose(mp_reduce_job *reduce,
                            const mp_job_options *options, mp_error *err);

/* A mp_job_ops.work for a job that has native code. */
mp_status mp__reduce_native(struct mp_worker *worker, mp_job *job,
                            mp_error *err);

#endif
