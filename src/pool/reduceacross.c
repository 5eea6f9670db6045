/* Reductions on the native tier, of many folds at once: compiled code goes
 * across neighbouring folds, and the accumulators are in memory.
 *
 *     for each block of the folds:
 *         for each element of the block:
 *             acc[lane][0 to tile - 1] = kernel(acc[lane][...], element, ...)
 *
 * So the kernel is compiled as a map of accumulators and elements to
 * accumulators. It serves where neighbouring folds are closer in memory than
 * the elements of one, and where folds are too short to go along them. */
#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "pool/combine.h"
#include "pool/pool.h"
#include "pool/reducejob.h"
#include "pool/tier.h"

/* Folds a tile, with one accumulator: their lanes stay in a cache. */
#define TILE 128
/* Fewer folds are not taken across. */
#define LEAST_FOLDS 16
/* Blocks with so many elements are worth a call of code that goes along. */
#define LONG_BLOCK 64
/* Blocks that are combined by the worker that folded them. */
#define MOST_TOGETHER 64
/* Tiles a worker, so that all have something to do. */
#define SHARE 4

/* ---- what it is compiled for -------------------------------------------- */

/* Lays a loop over dimensions `from` to `to` - 1 of the common shape. */
static mp_status lay(const mp_reduce_job *r, int from, int to, mp_loop *loop,
                     mp_error *err)
{
    const mp_args *args = &r->job.args;
    mp_shape shape = {.ndim = to - from};
    for (int d = from; d < to; d++)
        shape.extent[d - from] = r->fold.common.extent[d];
    mp_status status = mp_loop_init(loop, &shape, args->nviews, err);
    for (int k = 0; status == MP_OK && k < args->count; k++) {
        mp_view all, part;
        if (r->operand[k] < 0)
            continue;
        mp__fold_arrange(&r->fold, args->arg[k].view, &all);
        part = all;
        part.ndim = to - from;
        for (int d = from; d < to; d++) {
            part.shape[d - from] = all.shape[d];
            part.strides[d - from] = all.strides[d];
        }
        mp_loop_operand(loop, r->operand[k], &part, part.ndim);
    }
    if (status == MP_OK)
        mp_loop_merge(loop);
    return status;
}

static int64_t distance(const mp_loop *loop)
{
    int64_t stride = loop->operands[0].strides[loop->ndim - 1];
    return stride < 0 ? -stride : stride;
}

/* Whether elements of neighbouring folds are the closer ones, or folds are too
 * short. */
static bool is_better(const mp_reduce_job *r)
{
    const mp_across *a = &r->across;
    return a->kept.extent[a->kept.ndim - 1] >= LEAST_FOLDS &&
           (r->fold.block < LONG_BLOCK ||
            distance(&a->kept) < distance(&a->folded));
}

mp_status mp__across_lay(mp_reduce_job *reduce, bool *across, mp_error *err)
{
    mp_across *a = &reduce->across;
    int nkept = reduce->fold.kept.ndim;
    *across = false;
    if (reduce->fold.nkept < LEAST_FOLDS || reduce->fold.length == 0)
        return MP_OK;
    mp_status status = lay(reduce, 0, nkept, &a->kept, err);
    if (status == MP_OK)
        status = lay(reduce, nkept, reduce->fold.ndim, &a->folded, err);
    if (status == MP_OK)
        *across = is_better(reduce);
    return status;
}

void mp__across_spec(const mp_reduce_job *reduce, const mp_dtype *accs,
                     mp_spec *spec)
{
    int naccs = reduce->naccs;
    mp__tier_spec(spec, MP_FORM_MAP, reduce->job.kernel);
    for (int k = 0; k < naccs; k++) {
        spec->params[k] = (mp_param){.kind = MP_PARAM_ELEMENT,
                                     .dtype = accs[k],
                                     .layout = MP_LAYOUT_PACKED};
        spec->outputs[k] =
            (mp_output){.dtype = accs[k], .layout = MP_LAYOUT_PACKED};
    }
    for (int k = 0; k < reduce->job.args.count; k++)
        (void)mp__reduce_param(reduce, k, &reduce->across.kept,
                               &spec->params[naccs + k]);
    spec->nparams = naccs + reduce->job.args.count;
    spec->noutputs = naccs;
}

static int64_t count_tiles(const mp_reduce_job *r)
{
    int64_t tile = r->across.tile;
    return r->fold.nkept / tile + (r->fold.nkept % tile != 0);
}

/* Whether a worker may combine the blocks that it folded, before others are
 * folded: booleans are an error, which is for the end. */
static bool is_combined_early(const mp_reduce_job *r)
{
    for (int k = 0; k < r->naccs; k++) {
        if (r->job.native->outputs[k] == MP_BOOL)
            return false;
    }
    return r->fold.nblocks <= MOST_TOGETHER &&
           mp__combine_is_operator(r->combine);
}

void mp__across_begin(mp_reduce_job *reduce)
{
    mp_across *a = &reduce->across;
    const mp_fold *fold = &reduce->fold;
    a->tile = TILE / reduce->naccs;
    if (a->tile < LEAST_FOLDS)
        a->tile = LEAST_FOLDS;
    int64_t nworkers = reduce->job.pool->nworkers;
    bool many = count_tiles(reduce) >= SHARE * nworkers;
    a->together = fold->nblocks == 1 || (many && is_combined_early(reduce));
    reduce->job.end = count_tiles(reduce) * (a->together ? 1 : fold->nblocks);
}

void mp__across_destroy(mp_across *across)
{
    mp_loop_destroy(&across->kept);
    mp_loop_destroy(&across->folded);
}

/* ---- at work ------------------------------------------------------------ */

typedef struct across_run {
    mp_reduce_job *reduce;
    mp_chunks chunks;
    mp_frame frame;
    mp_cursor kept, folded;
    char *at[3 * MP_MAX_ARGS];
    int64_t steps[3 * MP_MAX_ARGS];
    uint64_t init[MP_MAX_ARGS];
    uint64_t scalars[MP_MAX_ARGS];
    /* Of the tile at hand: */
    int64_t lo, hi; /* folds */
    char *lanes;    /* rows of a tile's width, of each accumulator */
    char *blocks;   /* the same, with the results of its blocks */
} across_run;

/* Numbers and booleans alike have 8 bytes in a row. */
static char *row_of(const across_run *run, char *rows, int64_t count, int acc,
                    int64_t row)
{
    return rows + 8 * run->reduce->across.tile * (acc * count + row);
}

static char *lane_of(const across_run *run, int acc, int64_t lane)
{
    return row_of(run, run->lanes, run->reduce->fold.lanes, acc, lane);
}

static char *block_of(const across_run *run, int acc, int64_t block)
{
    return row_of(run, run->blocks, run->reduce->fold.nblocks, acc, block);
}

static mp_status begin(across_run *run, struct mp_worker *worker, mp_job *job,
                       mp_error *err)
{
    mp_reduce_job *r = (mp_reduce_job *)job;
    const mp_loop *kept = &r->across.kept;
    int naccs = r->naccs, last = naccs + kept->noperands;
    run->reduce = r;
    mp__chunks_init(&run->chunks, worker, job);
    for (int k = 0; k < naccs; k++) {
        mp_dtype dtype = job->native->outputs[k];
        run->init[k] = mp__reduce_bits(r->init[k], dtype);
        run->steps[k] = run->steps[last + k] = mp_dtype_size(dtype);
    }
    for (int i = 0; i < kept->noperands; i++)
        run->steps[naccs + i] = kept->operands[i].strides[kept->ndim - 1];
    mp__tier_scalars(&job->args, run->scalars);
    run->frame = (mp_frame){.at = run->at,
                            .steps = run->steps,
                            .scalars = run->scalars,
                            .stop = (const int *)&job->stop};
    size_t width = 8 * (size_t)r->across.tile * (size_t)naccs;
    size_t nblocks = r->across.together ? (size_t)r->fold.nblocks : 0;
    run->lanes = calloc((size_t)r->fold.lanes, width);
    run->blocks = calloc(nblocks + 1, width);
    if (run->lanes == NULL || run->blocks == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for accumulators");
    return MP_OK;
}

static void fill(const across_run *run, int64_t lanes)
{
    const mp_reduce_job *r = run->reduce;
    size_t width = (size_t)r->across.tile;
    for (int k = 0; k < r->naccs; k++) {
        char *first = lane_of(run, k, 0);
        if (r->job.native->outputs[k] == MP_BOOL) {
            memset(first, (int)run->init[k], width);
        } else {
            for (size_t i = 0; i < width; i++)
                memcpy(first + 8 * i, &run->init[k], 8);
        }
        for (int64_t lane = 1; lane < lanes; lane++)
            memcpy(lane_of(run, k, lane), first, 8 * width);
    }
}

/* One element of each fold of the tile, where the cursor `folded` is. */
static mp_native_result fold_element(across_run *run, int64_t lane)
{
    const mp_reduce_job *r = run->reduce;
    const mp_loop *kept = &r->across.kept;
    int naccs = r->naccs, last = naccs + kept->noperands;
    mp_cursor_seek(kept, &run->kept, run->lo);
    for (int64_t i = run->lo; i < run->hi;) {
        int64_t count = mp_cursor_run(kept, &run->kept);
        if (count > run->hi - i)
            count = run->hi - i;
        for (int k = 0; k < naccs; k++)
            run->at[k] = run->at[last + k] =
                lane_of(run, k, lane) + (i - run->lo) * run->steps[k];
        for (int k = 0; k < kept->noperands; k++)
            run->at[naccs + k] =
                run->folded.at[k] + (run->kept.at[k] - kept->operands[k].data);
        run->frame.count = count;
        mp_native_result result = mp_native_call(r->job.native, &run->frame);
        if (result != MP_NATIVE_DONE)
            return result;
        i += count;
        if (i < run->hi)
            mp_cursor_advance(kept, &run->kept, count);
    }
    return MP_NATIVE_DONE;
}

/* Combines rows into the first. False for booleans, which no operator takes:
 * the interpreter says so. */
static bool combine_rows(const across_run *run, int acc, char *rows,
                         int64_t count)
{
    const mp_reduce_job *r = run->reduce;
    mp_dtype dtype = r->job.native->outputs[acc];
    if (count == 1)
        return true;
    if (dtype == MP_INT64)
        mp__combine_ints(r->combine, (int64_t *)(void *)rows, count,
                         r->across.tile);
    else if (dtype == MP_FLOAT64)
        mp__combine_doubles(r->combine, (double *)(void *)rows, count,
                            r->across.tile);
    return dtype != MP_BOOL;
}

/* What the folds' results in a row are; to every `step`th value. */
static void put_row(const across_run *run, int acc, const char *row,
                    mp_value *out, int64_t step)
{
    mp_dtype dtype = run->reduce->job.native->outputs[acc];
    size_t size = (size_t)mp_dtype_size(dtype);
    for (int64_t i = 0; i < run->hi - run->lo; i++) {
        uint64_t bits = 0;
        memcpy(&bits, row + (size_t)i * size, size);
        out[i * step] = mp__reduce_value(bits, dtype);
    }
}

/* The elements of a block, which begins at `lo`. */
static mp_native_result fold_elements(across_run *run, int64_t lo,
                                      int64_t length)
{
    const mp_reduce_job *r = run->reduce;
    mp_cursor_seek(&r->across.folded, &run->folded, lo);
    for (int64_t j = 0; j < length; j++) {
        mp_native_result result = fold_element(run, mp__fold_lane(&r->fold, j));
        if (result != MP_NATIVE_DONE)
            return result;
        if (j + 1 < length)
            mp_cursor_advance(&r->across.folded, &run->folded, 1);
    }
    return MP_NATIVE_DONE;
}

/* One block of all folds of the tile, into the first of the lanes' rows. */
static mp_native_result fold_lanes(across_run *run, int64_t block)
{
    const mp_reduce_job *r = run->reduce;
    const mp_fold *fold = &r->fold;
    int64_t lo, hi;
    mp__fold_range(fold, block, &lo, &hi);
    int64_t lanes = hi - lo < fold->lanes ? hi - lo : fold->lanes;
    fill(run, lanes);
    mp_native_result result = fold_elements(run, lo, hi - lo);
    if (result != MP_NATIVE_DONE)
        return result;
    for (int k = 0; k < r->naccs; k++) {
        if (!combine_rows(run, k, lane_of(run, k, 0), lanes))
            return MP_NATIVE_FAILED;
    }
    return MP_NATIVE_DONE;
}

static mp_native_result fold_block(across_run *run, int64_t block)
{
    const mp_reduce_job *r = run->reduce;
    int64_t nblocks = r->fold.nblocks;
    mp_native_result result = fold_lanes(run, block);
    for (int k = 0; result == MP_NATIVE_DONE && k < r->naccs; k++) {
        const char *first = lane_of(run, k, 0);
        if (r->across.together)
            memcpy(block_of(run, k, block), first, 8 * (size_t)r->across.tile);
        else
            put_row(run, k, first,
                    &r->partial[(run->lo * nblocks + block) * r->naccs] + k,
                    nblocks * r->naccs);
    }
    return result;
}

static mp_native_result fold_tile(across_run *run)
{
    const mp_reduce_job *r = run->reduce;
    int64_t nblocks = r->fold.nblocks;
    for (int64_t block = 0; block < nblocks; block++) {
        mp_native_result result = mp__job_stopped(&r->job)
                                      ? MP_NATIVE_STOPPED
                                      : fold_block(run, block);
        if (result != MP_NATIVE_DONE)
            return result;
    }
    for (int k = 0; k < r->naccs; k++) {
        char *first = block_of(run, k, 0);
        if (!combine_rows(run, k, first, nblocks))
            return MP_NATIVE_FAILED;
        put_row(run, k, first, &r->job.results[run->lo * r->naccs] + k,
                r->naccs);
    }
    return MP_NATIVE_DONE;
}

/* Has the interpreter do a block of the tile's folds, one after the other;
 * where one fails it is the next one that the tile does not have. */
static mp_status replay_block(across_run *run, int64_t block, bool keep,
                              mp_error *err)
{
    for (int64_t i = run->lo; i < run->hi; i++) {
        int64_t item = i * run->reduce->fold.nblocks + block;
        mp_status status =
            mp__reduce_replay(&run->chunks, item, item + 1, keep, err);
        if (status != MP_OK) {
            run->hi = i;
            return status;
        }
    }
    return MP_OK;
}

/* After an error in a block: the interpreter, which goes along, had met first
 * what folds before that one have in later blocks. */
static mp_status look_before(across_run *run, int64_t block, mp_status status,
                             mp_error *err)
{
    const mp_reduce_job *r = run->reduce;
    while (run->lo < run->hi && ++block < r->fold.nblocks &&
           !mp__job_stopped(&r->job)) {
        mp_error before;
        if (fold_lanes(run, block) != MP_NATIVE_FAILED)
            continue;
        mp_status found = replay_block(run, block, false, &before);
        if (found != MP_OK && before.index >= 0) {
            status = found;
            *err = before;
        }
    }
    return status;
}

/* Has the interpreter do the item at hand: `block` of its folds, or all
 * blocks. */
static mp_status replay(across_run *run, int64_t block, mp_error *err)
{
    mp_reduce_job *r = run->reduce;
    int64_t nblocks = r->fold.nblocks;
    if (r->across.together) {
        mp_status status = mp__reduce_replay(&run->chunks, run->lo * nblocks,
                                             run->hi * nblocks, true, err);
        if (status == MP_OK && !mp__job_stopped(&r->job))
            status = mp__reduce_combine(r, run->lo, run->hi, err);
        return status;
    }
    mp_status status = replay_block(run, block, true, err);
    return status == MP_OK ? MP_OK : look_before(run, block, status, err);
}

static mp_status run_item(across_run *run, int64_t item, mp_error *err)
{
    const mp_reduce_job *r = run->reduce;
    int64_t nblocks = r->across.together ? 1 : r->fold.nblocks;
    int64_t block = item % nblocks;
    run->lo = item / nblocks * r->across.tile;
    run->hi = r->fold.nkept - run->lo > r->across.tile
                  ? run->lo + r->across.tile
                  : r->fold.nkept;
    mp_native_result result =
        r->across.together ? fold_tile(run) : fold_block(run, block);
    return result == MP_NATIVE_FAILED ? replay(run, block, err) : MP_OK;
}

static mp_status run_chunks(across_run *run, mp_error *err)
{
    const mp_job *job = run->chunks.job;
    while (mp__chunks_next(&run->chunks)) {
        for (int64_t item = run->chunks.lo;
             item < run->chunks.hi && !mp__job_stopped(job); item++) {
            mp_status status = run_item(run, item, err);
            if (status != MP_OK)
                return status; /* The replay has noted the chunk. */
        }
        if (mp__job_stopped(job)) {
            mp__chunks_abort(&run->chunks);
            return MP_OK;
        }
    }
    return MP_OK;
}

mp_status mp__reduce_across(struct mp_worker *worker, mp_job *job,
                            mp_error *err)
{
    across_run run = {.lanes = NULL};
    mp_status status = begin(&run, worker, job, err);
    if (status == MP_OK)
        status = run_chunks(&run, err);
    free(run.lanes);
    free(run.blocks);
    return status;
}
