/* Runs on the native tier: compiled code goes along the last dimension. */
#include "pool/runjob.h"
#include "pool/tier.h"

_Static_assert(MP_RUN_NDIM <= MP_NATIVE_RANK,
               "an index of each dimension is in the frame");

/* ---- what it is compiled for -------------------------------------------- */

static const char *describe(const mp_kernel *kernel, const mp_shape *extent,
                            int nargs, const mp_arg *args, mp_spec *spec)
{
    mp__tier_spec(spec, MP_FORM_RUN, kernel);
    spec->ndim = extent->ndim;
    for (int d = 0; d < spec->ndim; d++) {
        spec->params[d] = (mp_param){.kind = MP_PARAM_INDEX, .dim = d};
        if (extent->extent[d] > MP_NATIVE_EXTENT)
            return "an extent of that length is not compiled";
    }
    spec->nparams = spec->ndim + nargs;
    for (int k = 0; k < nargs; k++) {
        const mp_arg *arg = &args[k];
        mp_param *param = &spec->params[spec->ndim + k];
        const char *obstacle = NULL;
        if (arg->view != NULL)
            obstacle = mp__tier_array(arg->view, MP_PARAM_ARRAY, param);
        else if (!mp__tier_param(arg->value, param))
            obstacle = "strings are not compiled";
        if (obstacle != NULL)
            return obstacle;
    }
    return NULL;
}

mp_status mp__run_choose(mp_run_job *run, const mp_job_options *options,
                         mp_error *err)
{
    mp_spec spec;
    if (options == NULL || options->native == NULL)
        return MP_OK;
    const mp_args *args = &run->job.args;
    const char *obstacle =
        describe(run->job.kernel, &run->extent, args->count, args->arg, &spec);
    return mp__tier_choose(&run->job, options, &spec, obstacle, run->job.end,
                           err);
}

mp_status mp_run_show(const mp_run_spec *spec, const mp_native_options *options,
                      mp_stage stage, char **text, size_t *size,
                      mp_refusal *refusal, mp_error *err)
{
    mp_spec types;
    int ndim = spec->extent.ndim;
    if (spec->nargs > MP_MAX_ARGS || ndim < 1 || ndim > MP_RUN_NDIM)
        return mp_error_set(err, MP_VALUE,
                            "a run has 1 to %d dimensions and at most %d "
                            "arguments",
                            MP_RUN_NDIM, MP_MAX_ARGS);
    const char *obstacle =
        describe(spec->kernel, &spec->extent, spec->nargs, spec->args, &types);
    return mp__tier_show(spec->kernel, &types, obstacle, options, stage, text,
                         size, refusal, err);
}

/* ---- at work ------------------------------------------------------------ */

/* Bytes that items have in all arrays together, one element in each, that are
 * more than a cache keeps until they are read. */
#define LARGE (INT64_C(40) << 20)

typedef struct run_run {
    mp_native_run run;
    const mp_run_job *job;
    bool large; /* results had better not go to caches */
    mp_frame_array arrays[MP_MAX_ARGS];
} run_run;

static void advance_run(mp_native_run *run, int64_t count)
{
    const run_run *r = (const run_run *)run;
    run->frame.index[r->job->extent.ndim - 1] += count;
}

static mp_status run_run_chunk(mp_native_run *run, mp_error *err)
{
    const run_run *r = (const run_run *)run;
    const mp_shape *extent = &r->job->extent;
    const mp_chunks *chunks = &run->chunks;
    int last = extent->ndim - 1;
    mp_status status = MP_OK;
    while (chunks->at < chunks->hi) {
        mp__run_unravel(extent, chunks->at, run->frame.index);
        int64_t count = extent->extent[last] - run->frame.index[last] + 1;
        if (count > chunks->hi - chunks->at)
            count = chunks->hi - chunks->at;
        int64_t end = chunks->at + count;
        run->frame.bypass = r->large;
        status = mp__tier_row(run, count, err);
        if (status != MP_OK || chunks->at < end)
            break;
    }
    if (r->large)
        mp__tier_settle();
    return status;
}

static void put_arrays(run_run *r, const mp_args *args)
{
    int n = 0;
    int64_t size = 0;
    for (int k = 0; k < args->count; k++) {
        const mp_view *view = args->arg[k].view;
        if (view == NULL)
            continue;
        size += mp_dtype_size(view->dtype);
        r->arrays[n].data = view->data;
        mp__tier_extents(view, &r->arrays[n++]);
    }
    r->large = size > 0 && r->job->job.end >= LARGE / size;
}

mp_status mp__run_native(struct mp_worker *worker, mp_job *job, mp_error *err)
{
    run_run r;
    r.job = (const mp_run_job *)job;
    put_arrays(&r, &job->args);
    r.run.frame = (mp_frame){.arrays = r.arrays};
    r.run.advance = advance_run;
    r.run.replay = mp__run_replay;
    r.run.chunk = run_run_chunk;
    return mp__tier_run(&r.run, worker, job, err);
}
