/* A reduce job: what the making of it and the tiers that run it share. */
#ifndef MP_POOL_REDUCEJOB_H
#define MP_POOL_REDUCEJOB_H

#include "buffer/loop.h"
#include "pool/chunks.h"
#include "pool/fold.h"
#include "pool/job.h"

/* How compiled code goes across folds, which are then taken some at a time: an
 * item of the job is a tile of neighbouring ones. */
typedef struct mp_across {
    int64_t tile;   /* folds an item; 0: code goes along folds */
    bool together;  /* an item is all blocks of its folds, else one of them */
    mp_loop kept;   /* over fold.kept */
    mp_loop folded; /* over the other dimensions */
} mp_across;

/* An item of the job is one block of one fold, but for `across`. */
typedef struct mp_reduce_job {
    mp_job job;
    mp_fold fold;
    mp_loop loop;             /* over fold.common */
    int operand[MP_MAX_ARGS]; /* of argument k in the loops, or -1 */
    int naccs;
    mp_value init[MP_MAX_ARGS];
    mp_combine combine;
    mp_kernel *combine_kernel; /* retained, or NULL */
    mp_value *partial;         /* owned; naccs values a block */
    mp_across across;
} mp_reduce_job;

/* Worker thread: folds the blocks `lo` to `hi` - 1 on the interpreted tier, for
 * a worker that is at the chunk `chunks` without a Lua state. Without `keep`
 * for an error only: nothing is stored, and no time noted. */
mp_status mp__reduce_replay(const mp_chunks *chunks, int64_t lo, int64_t hi,
                            bool keep, mp_error *err);

/* Results of the folds `lo` to `hi` - 1, from their blocks', by operators. */
mp_status mp__reduce_combine(mp_reduce_job *reduce, int64_t lo, int64_t hi,
                             mp_error *err);

/* What compiled code keeps of an accumulator's first value: `dtype` says what
 * the accumulator becomes. */
uint64_t mp__reduce_bits(mp_value value, mp_dtype dtype);
mp_value mp__reduce_value(uint64_t bits, mp_dtype dtype);

/* Describes an argument that is none of the accumulators; why it is not
 * compiled, or NULL. Code goes along the last dimension of `loop`. */
const char *mp__reduce_param(const mp_reduce_job *reduce, int k,
                             const mp_loop *loop, mp_param *param);

/* Whether code is better off across folds than along them; sets the loops. */
mp_status mp__across_lay(mp_reduce_job *reduce, bool *across, mp_error *err);
/* From what the kernel is compiled for along folds, and what accumulators
 * become, to what it is compiled for across them. */
void mp__across_spec(const mp_reduce_job *reduce, const mp_dtype *accs,
                     mp_spec *spec);
/* Sets the number of items. */
void mp__across_begin(mp_reduce_job *reduce);
/* A mp_job_ops.work for a job whose code goes across folds. */
mp_status mp__reduce_across(struct mp_worker *worker, mp_job *job,
                            mp_error *err);
void mp__across_destroy(mp_across *across);

/* Whether accumulators and arguments are such as a reduction may have. */
mp_status mp__reduce_check(const mp_reduce_spec *spec, mp_error *err);

/* The native tier: sets job.native where options want it and the kernel can be
 * compiled. */
mp_status mp__reduce_choose(mp_reduce_job *reduce,
                            const mp_job_options *options, mp_error *err);

/* A mp_job_ops.work for a job whose code goes along folds. */
mp_status mp__reduce_native(struct mp_worker *worker, mp_job *job,
                            mp_error *err);

#endif
