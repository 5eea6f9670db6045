/* Tiers: interpreted or compiled. */
#include "pool/tier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "core/text.h"
#include "native/driver.h"
#include "native/natives.h"
#include "pool/clock.h"
#include "pool/pool.h"

/* ---- which one ---------------------------------------------------------- */

bool mp__tier_param(mp_value value, mp_param *param)
{
    param->kind = MP_PARAM_UNIFORM;
    param->scalar = value.kind;
    return value.kind != MP_KIND_STRING;
}

const char *mp__tier_array(const mp_view *view, mp_param_kind kind,
                           mp_param *param)
{
    if (view->ndim < 1 || view->ndim > MP_NATIVE_RANK)
        return "only arrays of 1 to 3 dimensions are compiled";
    for (int d = 0; d < view->ndim; d++) {
        if (view->shape[d] > MP_NATIVE_EXTENT)
            return "an array of that length is not compiled";
    }
    int64_t stride = view->strides[view->ndim - 1];
    *param = (mp_param){
        .kind = kind,
        .dtype = view->dtype,
        .swapped = view->swapped,
        .rank = view->ndim,
        .packed = stride == mp_dtype_size(view->dtype) ||
                  view->shape[view->ndim - 1] <= 1,
        .readonly = view->readonly,
    };
    return NULL;
}

const char *mp__tier_forbidden(const mp_pool *pool)
{
    return pool->sandbox ? NULL : "without a sandbox nothing is compiled";
}

void mp__tier_spec(mp_spec *spec, mp_form form, const mp_kernel *kernel)
{
    spec->form = form;
    spec->ndim = 0;
    spec->nparams = 0;
    spec->noutputs = 0;
    spec->widest = MP_FLOAT64;
    spec->masked = false;
    spec->strict = kernel->strict;
    spec->fastmath = kernel->fastmath;
    spec->isa = MP_ISA_SCALAR;
    spec->lanes = 1;
    spec->alone = false;
    spec->any_lanes = false;
}

mp_status mp_refusal_error(const mp_refusal *refusal, const mp_kernel *kernel,
                           mp_error *err)
{
    const char *hint = refusal->hint, *name = mp_kernel_name(kernel);
    mp_status status =
        mp_error_set(err, MP_REFUSED, "it cannot be compiled: %s%s%s",
                     refusal->what, hint[0] != '\0' ? "; " : "", hint);
    if (err != NULL) {
        err->line = refusal->line;
        memcpy(err->kernel, name, strlen(name) + 1);
    }
    return status;
}

static mp_status check_options(const mp_native_options *options, mp_error *err)
{
    int lanes = options->lanes;
    if (lanes < 0 || lanes > 64 || (lanes & (lanes - 1)) != 0)
        return mp_error_set(err, MP_VALUE,
                            "%d lanes: give a power of two up to 64", lanes);
    return MP_OK;
}

mp_status mp__tier_choose(mp_job *job, const mp_job_options *options,
                          mp_spec *spec, const char *obstacle, int64_t items,
                          mp_error *err)
{
    const mp_native_options *native = options != NULL ? options->native : NULL;
    if (native == NULL || items <= 0)
        return MP_OK;
    mp_status status = check_options(native, err);
    if (status == MP_OK && native->isa > mp_isa_host())
        status = mp_error_set(err, MP_VALUE, "this machine has no %s",
                              mp_isa_name(native->isa));
    if (status != MP_OK)
        return status;
    if (obstacle == NULL)
        obstacle = mp__tier_forbidden(job->pool);
    if (obstacle != NULL)
        status = mp_native_refused(0, obstacle, "", &job->native, err);
    else
        status = mp_natives_get(job->kernel, job->pool->setup, spec, native,
                                items, &job->native, err);
    if (status == MP_OK && native->required && job->native != NULL &&
        !mp__job_compiled(job))
        status = mp_refusal_error(&job->native->refusal, job->kernel, err);
    return status;
}

/* ---- looking inside ----------------------------------------------------- */

static mp_status show(const mp_kernel *kernel, const mp_spec *spec,
                      mp_stage stage, FILE *to, mp_refusal *refusal,
                      mp_error *err)
{
    mp_unit unit;
    mp_driven driven;
    mp_status status =
        mp__driver_run(&unit, kernel, NULL, spec, stage, to, &driven, err);
    if (status == MP_VALUE)
        *refusal = unit.refusal;
    mp__unit_destroy(&unit);
    return status;
}

mp_status mp__tier_show(const mp_kernel *kernel, mp_spec *spec,
                        const char *obstacle, const mp_native_options *options,
                        mp_stage stage, char **text, size_t *size,
                        mp_refusal *refusal, mp_error *err)
{
    *text = NULL;
    *refusal = (mp_refusal){.line = 0};
    if (obstacle != NULL) {
        mp_text_copy(refusal->what, sizeof refusal->what, obstacle,
                     strlen(obstacle));
        return MP_OK;
    }
    mp_status status = check_options(options, err);
    if (status != MP_OK)
        return status;
    mp_native_fit(spec, options);
    FILE *to = open_memstream(text, size);
    if (to == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a text");
    status = show(kernel, spec, stage, to, refusal, err);
    bool written = ferror(to) == 0;
    if (fclose(to) != 0 || !written)
        status = mp_error_set(err, MP_NO_MEMORY, "no memory for a text");
    if (status == MP_OK)
        return MP_OK;
    free(*text);
    *text = NULL;
    return status == MP_VALUE ? MP_OK : status;
}

/* ---- at work ------------------------------------------------------------ */

/* Chunks start with so many vectors. */
#define FIRST_VECTORS INT64_C(64)

/* No more items than these are replayed at a failure. */
#define MOST_PATIENCE 65536

_Static_assert(sizeof(_Atomic int) == sizeof(int),
               "compiled code reads mp_job.stop as an int");

uint64_t mp__tier_scalar(mp_value value)
{
    uint64_t bits = 0;
    switch (value.kind) {
    case MP_KIND_BOOL:
        bits = value.as.b;
        break;
    case MP_KIND_INT:
        bits = (uint64_t)value.as.i;
        break;
    case MP_KIND_FLOAT:
        memcpy(&bits, &value.as.f, sizeof bits);
        break;
    case MP_KIND_NIL:
    case MP_KIND_STRING:
        break;
    }
    return bits;
}

void mp__tier_scalars(const mp_args *args, uint64_t *out)
{
    int n = 0;
    for (int k = 0; k < args->count; k++) {
        if (args->arg[k].view == NULL)
            out[n++] = mp__tier_scalar(args->arg[k].value);
    }
}

void mp__tier_extents(const mp_view *view, mp_frame_array *out)
{
    for (int d = 0; d < view->ndim; d++) {
        out->extents[d] = view->shape[d];
        out->strides[d] = view->strides[d];
    }
}

/* How many items to begin with: as many as were right for the last job, where
 * no loops make the one's items last longer than the other's. */
static int64_t first_chunk(const mp_native *native)
{
    /* Relaxed: nothing but speed depends on it. */
    int64_t known = atomic_load_explicit(&native->chunk, memory_order_relaxed);
    return known > 0 && !native->loops ? known : FIRST_VECTORS * native->lanes;
}

mp_status mp__tier_run(mp_native_run *run, mp_worker *worker, mp_job *job,
                       mp_error *err)
{
    mp_native *native = job->native;
    int lanes = native->lanes;
    mp__chunks_init(&run->chunks, worker, job);
    mp__chunks_begin_with(&run->chunks, first_chunk(native), lanes,
                          !native->loops);
    mp__tier_scalars(&job->args, run->scalars);
    run->frame.scalars = run->scalars;
    run->frame.stop = (const int *)&job->stop;
    run->patience = lanes;
    while (mp__chunks_next(&run->chunks)) {
        run->failed = false;
        mp_status status = run->chunk(run, err);
        if (status != MP_OK)
            return status; /* The replay has noted the chunk. */
        if (run->chunks.at < run->chunks.hi) {
            mp__chunks_abort(&run->chunks);
            return MP_OK; /* It is stopped. */
        }
        if (!run->failed && run->patience > lanes)
            run->patience /= 2;
    }
    atomic_store_explicit(&native->chunk, run->chunks.size,
                          memory_order_relaxed);
    return MP_OK;
}

/* Items before frame.failed are done: has the interpreter do those after it,
 * the more of them the more often that was needed. Returns how many items are
 * done then. */
static mp_status replay(mp_native_run *run, int64_t count, int64_t *done,
                        mp_error *err)
{
    int64_t first = run->frame.failed;
    int64_t some = count - first;
    if (some > run->patience)
        some = run->patience;
    int64_t lo = run->chunks.at + first;
    *done = first;
    if (mp__chunks_helps(&run->chunks)) {
        mp__chunks_hand_over(&run->chunks, lo);
        return MP_OK;
    }
    mp_status status = run->replay(&run->chunks, lo, lo + some, err);
    run->failed = true;
    if (run->patience < MOST_PATIENCE)
        run->patience *= 2;
    *done += some;
    return status;
}

void mp__tier_settle(void)
{
#if defined(__SSE2__)
    __builtin_ia32_sfence();
#endif
}

mp_status mp__tier_row(mp_native_run *run, int64_t count, mp_error *err)
{
    const mp_job *job = run->chunks.job;
    for (;;) {
        int64_t done = count;
        mp_status status = MP_OK;
        run->frame.count = count;
        switch (mp_native_call(job->native, &run->frame)) {
        case MP_NATIVE_DONE:
            break;
        case MP_NATIVE_STOPPED:
            return MP_OK;
        case MP_NATIVE_FAILED:
            status = replay(run, count, &done, err);
            break;
        }
        if (status != MP_OK || mp__job_stopped(job))
            return status;
        run->chunks.at += done;
        count -= done;
        if (count == 0 || run->chunks.at == run->chunks.hi)
            return MP_OK; /* The row ends, or the rest is handed over. */
        run->advance(run, done);
        run->frame.bypass = 0; /* It may be in the midst of a line now. */
    }
}
