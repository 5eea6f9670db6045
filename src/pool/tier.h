/* Tiers: whether a job's items are interpreted or compiled, and how compiled
 * code and the interpreter take turns. */
#ifndef MP_POOL_TIER_H
#define MP_POOL_TIER_H

#include "native/native.h"
#include "pool/chunks.h"
#include "pool/job.h"

/* Describes an argument that is the same for all items; false where compiled
 * code cannot have it. */
bool mp__tier_param(mp_value value, mp_param *param);

/* Describes an argument that is an array of that kind; what is against it, or
 * NULL. */
const char *mp__tier_array(const mp_view *view, mp_param_kind kind,
                           mp_param *param);

/* Why nothing is compiled for a pool at all, or NULL. */
const char *mp__tier_forbidden(const mp_pool *pool);

/* Begins the description of a job's types. */
void mp__tier_spec(mp_spec *spec, mp_form form, const mp_kernel *kernel);

/* Before a job of `items` items is queued: sets job->native. `spec` says what
 * it needs, or where it needs what no compiled code has, `obstacle` says so.
 * MP_REFUSED where native code is required and cannot be had. */
mp_status mp__tier_choose(mp_job *job, const mp_job_options *options,
                          mp_spec *spec, const char *obstacle, int64_t items,
                          mp_error *err);

/* The text of mp_map_show() and mp_run_show(). */
mp_status mp__tier_show(const mp_kernel *kernel, mp_spec *spec,
                        const char *obstacle, const mp_native_options *options,
                        mp_stage stage, char **text, size_t *size,
                        mp_refusal *refusal, mp_error *err);

/* ---- compiled code at work ---------------------------------------------- */

/* An argument that is the same for all items, as code has it in
 * frame->scalars; and all of them. */
uint64_t mp__tier_scalar(mp_value value);
void mp__tier_scalars(const mp_args *args, uint64_t *out);

/* An array's extents and strides, as code has them in frame->arrays. */
void mp__tier_extents(const mp_view *view, mp_frame_array *out);

/* What a worker needs to run rows of items. The job's kind fills in what the
 * code gets; `replay` computes items again on the interpreted tier. */
typedef struct mp_native_run {
    mp_chunks chunks;
    mp_frame frame; /* of the row at hand */
    uint64_t scalars[MP_MAX_ARGS];
    int64_t patience; /* how many items are replayed at the next failure */
    bool failed;      /* some have been, in the chunk at hand */
    /* Moves the frame on by some items of the row. */
    void (*advance)(struct mp_native_run *run, int64_t count);
    mp_status (*replay)(const mp_chunks *chunks, int64_t lo, int64_t hi,
                        mp_error *err);
    /* All rows of the chunk at hand, by mp__tier_row(). */
    mp_status (*chunk)(struct mp_native_run *run, mp_error *err);
} mp_native_run;

/* Runs all chunks that the worker gets. The caller has set the three functions
 * and, of the frame, what is the same for all rows. */
mp_status mp__tier_run(mp_native_run *run, struct mp_worker *worker,
                       mp_job *job, mp_error *err);

/* Runs `count` items from chunks.at on, where the frame stands; fewer where
 * the job is stopped. Leaves the frame anywhere in the row. */
mp_status mp__tier_row(mp_native_run *run, int64_t count, mp_error *err);

/* Other threads are to see what was stored past the caches when they see what
 * is stored later. */
void mp__tier_settle(void);

#endif
