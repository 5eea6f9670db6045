/* Reductions on the native tier: compiled code goes along folds, with the
 * accumulators of a block in its registers.
 *
 * Where a block has MP_LANES accumulators the code has as many lanes: the first
 * element of a row belongs to the first of them. So the accumulators are turned
 * where a row ends in the middle of them. */
#include <string.h>

#include "core/kernel.h"
#include "native/natives.h"
#include "pool/combine.h"
#include "pool/pool.h"
#include "pool/reducejob.h"
#include "pool/tier.h"

/* ---- what it is compiled for -------------------------------------------- */

static mp_layout layout_of(const mp_loop *loop, int operand)
{
    int last = loop->ndim - 1;
    const mp_operand *o = &loop->operands[operand];
    if (o->strides[last] == mp_dtype_size(o->dtype) || loop->extent[last] == 1)
        return MP_LAYOUT_PACKED;
    return o->strides[last] == 0 ? MP_LAYOUT_SAME : MP_LAYOUT_STRIDED;
}

static const char *param_of(const mp_arg *arg, mp_layout layout,
                            mp_param *param)
{
    if (arg->view == NULL)
        return mp__tier_param(arg->value, param) ? NULL
                                                 : "strings are not compiled";
    *param = (mp_param){
        .kind = MP_PARAM_ELEMENT,
        .dtype = arg->view->dtype,
        .swapped = arg->view->swapped,
        .layout = layout,
    };
    return NULL;
}

const char *mp__reduce_param(const mp_reduce_job *reduce, int k,
                             const mp_loop *loop, mp_param *param)
{
    const mp_arg *arg = &reduce->job.args.arg[k];
    mp_layout layout = arg->view != NULL ? layout_of(loop, reduce->operand[k])
                                         : MP_LAYOUT_SAME;
    return param_of(arg, layout, param);
}

static mp_param acc_of(mp_value init)
{
    mp_param param = {.kind = MP_PARAM_ACC, .scalar = init.kind};
    if (init.kind == MP_KIND_INT) {
        double f = (double)init.as.i;
        param.exact = f < 0x1p63 && (int64_t)f == init.as.i;
    }
    return param;
}

static const char *describe(const mp_reduce_job *r, mp_spec *spec)
{
    mp__tier_spec(spec, MP_FORM_REDUCE, r->job.kernel);
    spec->lanes = r->fold.lanes;
    for (int k = 0; k < r->naccs; k++)
        spec->params[k] = acc_of(r->init[k]);
    int nargs = r->job.args.count;
    const char *obstacle = NULL;
    for (int k = 0; obstacle == NULL && k < nargs; k++)
        obstacle =
            mp__reduce_param(r, k, &r->loop, &spec->params[r->naccs + k]);
    spec->nparams = r->naccs + nargs;
    return obstacle;
}

mp_status mp_reduce_show(const mp_reduce_spec *spec,
                         const mp_native_options *options, mp_stage stage,
                         char **text, size_t *size, mp_refusal *refusal,
                         mp_error *err)
{
    mp_spec types;
    mp_status status = mp__reduce_check(spec, err);
    if (status != MP_OK)
        return status;
    mp__tier_spec(&types, MP_FORM_REDUCE, spec->kernel);
    types.lanes = mp__combine_is_operator(spec->combine) ? MP_LANES : 1;
    types.nparams = spec->naccs + spec->nargs;
    for (int k = 0; k < spec->naccs; k++)
        types.params[k] = acc_of(spec->init[k]);
    const char *obstacle = NULL;
    for (int k = 0; obstacle == NULL && k < spec->nargs; k++)
        obstacle = param_of(&spec->args[k], MP_LAYOUT_PACKED,
                            &types.params[spec->naccs + k]);
    return mp__tier_show(spec->kernel, &types, obstacle, options, stage, text,
                         size, refusal, err);
}

/* What the accumulators become; `*known` is false where it cannot be compiled
 * at all, or they may be an integer here and a float there. */
static mp_status learn_accs(const mp_reduce_job *r, const mp_spec *spec,
                            mp_dtype *accs, bool *known, mp_error *err)
{
    mp_native *types;
    mp_spec copy = *spec;
    mp_status status =
        mp_natives_types(r->job.kernel, r->job.pool->setup, &copy, &types, err);
    if (status != MP_OK)
        return status;
    *known = types->noutputs == r->naccs;
    for (int k = 0; *known && k < r->naccs; k++) {
        accs[k] = types->outputs[k];
        *known = !types->mixed[k];
    }
    mp_native_release(types);
    return MP_OK;
}

mp_status mp__reduce_choose(mp_reduce_job *reduce,
                            const mp_job_options *options, mp_error *err)
{
    mp_spec spec;
    if (options == NULL || options->native == NULL || reduce->loop.size == 0)
        return MP_OK;
    const char *obstacle = describe(reduce, &spec);
    bool across = false;
    mp_dtype accs[MP_MAX_ARGS];
    mp_status status = MP_OK;
    if (obstacle == NULL && mp__tier_forbidden(reduce->job.pool) == NULL)
        status = mp__across_lay(reduce, &across, err);
    if (status == MP_OK && across)
        status = learn_accs(reduce, &spec, accs, &across, err);
    if (status != MP_OK)
        return status;
    if (across)
        mp__across_spec(reduce, accs, &spec);
    status = mp__tier_choose(&reduce->job, options, &spec, obstacle,
                             reduce->loop.size, err);
    if (across && mp__job_compiled(&reduce->job))
        mp__across_begin(reduce);
    return status;
}

/* ---- accumulators ------------------------------------------------------- */

uint64_t mp__reduce_bits(mp_value value, mp_dtype dtype)
{
    uint64_t bits = 0;
    if (value.kind == MP_KIND_BOOL)
        return value.as.b;
    if (value.kind == MP_KIND_INT && dtype != MP_FLOAT64)
        return (uint64_t)value.as.i;
    double f = value.kind == MP_KIND_INT ? (double)value.as.i : value.as.f;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

mp_value mp__reduce_value(uint64_t bits, mp_dtype dtype)
{
    mp_value value = {.kind = MP_KIND_INT};
    if (dtype == MP_BOOL) {
        value.kind = MP_KIND_BOOL;
        value.as.b = bits != 0;
    } else if (dtype == MP_INT64) {
        value.as.i = (int64_t)bits;
    } else {
        value.kind = MP_KIND_FLOAT;
        memcpy(&value.as.f, &bits, sizeof value.as.f);
    }
    return value;
}

/* Combines the first `count` lanes of an accumulator. */
static mp_value combine_lanes(mp_combine how, const uint64_t *accs,
                              int64_t count, mp_dtype dtype)
{
    uint64_t bits;
    if (count == 1)
        return mp__reduce_value(accs[0], dtype);
    if (dtype == MP_INT64) {
        int64_t ints[MP_LANES];
        memcpy(ints, accs, (size_t)count * sizeof *ints);
        mp__combine_ints(how, ints, count, 1);
        bits = (uint64_t)ints[0];
    } else {
        double doubles[MP_LANES];
        memcpy(doubles, accs, (size_t)count * sizeof *doubles);
        mp__combine_doubles(how, doubles, count, 1);
        memcpy(&bits, &doubles[0], sizeof bits);
    }
    return mp__reduce_value(bits, dtype);
}

/* ---- at work ------------------------------------------------------------ */

/* No more blocks than these are replayed at a failure. */
#define MOST_PATIENCE 64

typedef struct reduce_run {
    const mp_reduce_job *reduce;
    mp_chunks chunks;
    mp_cursor cursor;
    mp_frame frame;
    int64_t steps[MP_MAX_ARGS];
    uint64_t init[MP_MAX_ARGS];
    /* The lanes of each accumulator, then values for all elements. */
    uint64_t scalars[MP_LANES * MP_MAX_ARGS];
    int64_t patience; /* how many blocks are replayed at the next failure */
} reduce_run;

static void begin(reduce_run *run, struct mp_worker *worker, mp_job *job)
{
    const mp_reduce_job *r = (const mp_reduce_job *)job;
    const mp_loop *loop = &r->loop;
    run->reduce = r;
    run->patience = 1;
    mp__chunks_init(&run->chunks, worker, job);
    for (int i = 0; i < loop->noperands; i++)
        run->steps[i] = loop->operands[i].strides[loop->ndim - 1];
    for (int k = 0; k < r->naccs; k++)
        run->init[k] = mp__reduce_bits(r->init[k], job->native->outputs[k]);
    mp__tier_scalars(&job->args,
                     &run->scalars[(size_t)r->fold.lanes * (size_t)r->naccs]);
    run->frame = (mp_frame){.at = run->cursor.at,
                            .steps = run->steps,
                            .scalars = run->scalars,
                            .stop = (const int *)&job->stop};
}

/* Makes lane `by` the first one. */
static void turn(reduce_run *run, int64_t by)
{
    const mp_reduce_job *r = run->reduce;
    uint64_t lanes[MP_LANES];
    size_t count = (size_t)by, rest = MP_LANES - count;
    if (r->fold.lanes == 1 || by == 0)
        return;
    for (int k = 0; k < r->naccs; k++) {
        uint64_t *accs = &run->scalars[(size_t)k * MP_LANES];
        memcpy(lanes, accs + count, rest * sizeof *lanes);
        memcpy(lanes + rest, accs, count * sizeof *lanes);
        memcpy(accs, lanes, sizeof lanes);
    }
}

/* The accumulators begin at `init`, and the elements at `lo`. */
static void begin_block(reduce_run *run, int64_t lo)
{
    const mp_reduce_job *r = run->reduce;
    int lanes = r->fold.lanes;
    for (int k = 0; k < r->naccs; k++) {
        for (int i = 0; i < lanes; i++)
            run->scalars[k * lanes + i] = run->init[k];
    }
    mp_cursor_seek(&r->loop, &run->cursor, lo);
}

/* Folds elements `lo` to `hi` - 1, at least one, into the accumulators. */
static mp_native_result fold_range(reduce_run *run, int64_t lo, int64_t hi)
{
    const mp_reduce_job *r = run->reduce;
    int64_t turned = 0;
    begin_block(run, lo);
    for (int64_t left = hi - lo;;) {
        int64_t count = mp_cursor_run(&r->loop, &run->cursor);
        if (count > left)
            count = left;
        run->frame.count = count;
        mp_native_result result = mp_native_call(r->job.native, &run->frame);
        if (result != MP_NATIVE_DONE)
            return result;
        left -= count;
        if (left == 0) {
            turn(run, (MP_LANES - turned) % MP_LANES);
            return MP_NATIVE_DONE;
        }
        turn(run, count % MP_LANES);
        turned = (turned + count) % MP_LANES;
        mp_cursor_advance(&r->loop, &run->cursor, count);
    }
}

/* The integers, and the powers of them, that a sum or product of as many as
 * there are lanes has in floats too. */
static bool adds_up(mp_combine how, int64_t init)
{
    if (how == MP_COMBINE_MUL)
        return init >= -1 && init <= 1;
    return init >= -(INT64_C(1) << 47) && init <= INT64_C(1) << 47;
}

/* Whether a mixed accumulator, combined to `value`, may be an integer: all of
 * its lanes still have the bits that they began with, or the one that has won
 * has. */
static bool may_be_int(const reduce_run *run, int k, int64_t lanes,
                       mp_value value)
{
    const mp_reduce_job *r = run->reduce;
    const uint64_t *accs = &run->scalars[(size_t)k * (size_t)r->fold.lanes];
    bool sum = r->combine == MP_COMBINE_ADD || r->combine == MP_COMBINE_MUL;
    if (lanes == 1 || !sum)
        return mp__reduce_bits(value, MP_FLOAT64) == run->init[k];
    int64_t same = 0;
    for (int64_t i = 0; i < lanes; i++)
        same += accs[i] == run->init[k];
    return same == lanes || (same > 0 && !adds_up(r->combine, r->init[k].as.i));
}

/* Puts the block's results where they belong. False where the interpreter has
 * to say what is wrong, since booleans are not combined by operators, or what
 * a result is. */
static bool put_partial(const reduce_run *run, int64_t item, int64_t count)
{
    const mp_reduce_job *r = run->reduce;
    mp_value *partial = &r->partial[item * r->naccs];
    int64_t lanes = count < r->fold.lanes ? count : r->fold.lanes;
    for (int k = 0; k < r->naccs; k++) {
        mp_dtype dtype = r->job.native->outputs[k];
        if (lanes == 0) {
            partial[k] = r->init[k];
            continue;
        }
        if (lanes > 1 && dtype == MP_BOOL)
            return false;
        partial[k] = combine_lanes(
            r->combine, &run->scalars[(size_t)k * (size_t)r->fold.lanes], lanes,
            dtype);
        if (r->job.native->mixed[k] && may_be_int(run, k, lanes, partial[k]))
            return false;
    }
    return true;
}

static mp_native_result fold_block(reduce_run *run, int64_t item)
{
    int64_t lo, hi;
    mp__fold_range(&run->reduce->fold, item, &lo, &hi);
    mp_native_result result =
        lo < hi ? fold_range(run, lo, hi) : MP_NATIVE_DONE;
    if (result == MP_NATIVE_DONE && !put_partial(run, item, hi - lo))
        return MP_NATIVE_FAILED;
    return result;
}

/* Has the interpreter fold some blocks, the more of them the more often that
 * was needed; who only helps leaves the rest of the chunk to a worker. */
static mp_status replay(reduce_run *run, int64_t *item, mp_error *err)
{
    if (mp__chunks_helps(&run->chunks)) {
        mp__chunks_hand_over(&run->chunks, *item);
        return MP_OK;
    }
    int64_t count = run->chunks.hi - *item;
    if (count > run->patience)
        count = run->patience;
    mp_status status =
        mp__reduce_replay(&run->chunks, *item, *item + count, true, err);
    if (run->patience < MOST_PATIENCE)
        run->patience *= 2;
    *item += count;
    return status;
}

/* The blocks of the chunk at hand, all but where the job is stopped. */
static mp_status fold_chunk(reduce_run *run, mp_error *err)
{
    mp_status status = MP_OK;
    bool failed = false;
    int64_t item = run->chunks.lo;
    while (status == MP_OK && item < run->chunks.hi &&
           !mp__job_stopped(run->chunks.job)) {
        switch (fold_block(run, item)) {
        case MP_NATIVE_DONE:
            item++;
            break;
        case MP_NATIVE_STOPPED:
            break;
        case MP_NATIVE_FAILED:
            failed = true;
            status = replay(run, &item, err);
            break;
        }
    }
    if (!failed && run->patience > 1)
        run->patience /= 2;
    return status;
}

mp_status mp__reduce_native(struct mp_worker *worker, mp_job *job,
                            mp_error *err)
{
    reduce_run run;
    begin(&run, worker, job);
    while (mp__chunks_next(&run.chunks)) {
        mp_status status = fold_chunk(&run, err);
        if (status != MP_OK)
            return status; /* The replay has noted the chunk. */
        if (mp__job_stopped(job)) {
            mp__chunks_abort(&run.chunks);
            return MP_OK;
        }
    }
    return MP_OK;
}
