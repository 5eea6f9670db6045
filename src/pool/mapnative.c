/* Maps on the native tier: compiled code goes along rows of items. */
#include "core/kernel.h"
#include "core/signature.h"
#include "native/abi.h"
#include "native/natives.h"
#include "pool/mapjob.h"
#include "pool/pool.h"
#include "pool/tier.h"

/* ---- what it is compiled for -------------------------------------------- */

/* How the elements of an operand lie in a row. A row of one item is as good as
 * packed: no second element is looked at. */
static mp_layout layout_of(const mp_loop *loop, const mp_map_operand *o)
{
    int last = loop->ndim - 1;
    int64_t stride = loop->operands[o->at].strides[last];
    if (stride == mp_dtype_size(o->dtype) || loop->extent[last] == 1)
        return MP_LAYOUT_PACKED;
    return stride == 0 ? MP_LAYOUT_SAME : MP_LAYOUT_STRIDED;
}

static const char *describe_input(const mp_map_job *map, int k, mp_param *param)
{
    const mp_map_operand *o = &map->in[k];
    if (o->role == MP_UNIFORM)
        return mp__tier_param(map->job.args.arg[k].value, param)
                   ? NULL
                   : "strings are not compiled";
    const char *obstacle = NULL;
    if (o->role == MP_ARRAY)
        obstacle = mp__tier_array(o->core, MP_PARAM_CORE, param);
    else
        *param = (mp_param){
            .kind = MP_PARAM_ELEMENT, .dtype = o->dtype, .swapped = o->swapped};
    param->layout = layout_of(&map->loop, o);
    return obstacle;
}

/* An output that the kernel fills is a parameter, behind the inputs; what it
 * returns is an output. */
static const char *describe_output(const mp_map_job *map, int k, mp_spec *spec)
{
    const mp_map_operand *o = &map->out[k];
    mp_layout layout = layout_of(&map->loop, o);
    if (o->role == MP_ARRAY) {
        mp_param *param = &spec->params[spec->nparams++];
        const char *obstacle = mp__tier_array(o->core, MP_PARAM_CORE, param);
        param->layout = layout;
        return obstacle;
    }
    spec->outputs[spec->noutputs++] = (mp_output){
        .dtype = o->dtype,
        .swapped = o->swapped,
        .layout = layout == MP_LAYOUT_PACKED ? layout : MP_LAYOUT_STRIDED,
    };
    return NULL;
}

/* A vector that is mostly empty takes as long as a full one. */
#define LEAST_IN_ROW 4

/* Describes a map; why it is not compiled, or NULL. */
static const char *describe(const mp_map_job *map, mp_spec *spec)
{
    const char *obstacle = NULL;
    mp__tier_spec(spec, MP_FORM_MAP, map->job.kernel);
    for (int k = 0; obstacle == NULL && k < map->nin; k++)
        obstacle = describe_input(map, k, &spec->params[spec->nparams++]);
    for (int k = 0; obstacle == NULL && k < map->nout; k++)
        obstacle = describe_output(map, k, spec);
    spec->masked = map->where >= 0;
    spec->alone =
        map->narrays > 0 && map->loop.extent[map->loop.ndim - 1] < LEAST_IN_ROW;
    return obstacle;
}

mp_status mp__map_choose(mp_map_job *map, const mp_job_options *options,
                         mp_error *err)
{
    mp_spec spec;
    if (options == NULL || options->native == NULL)
        return MP_OK;
    const char *obstacle = describe(map, &spec);
    return mp__tier_choose(&map->job, options, &spec, obstacle, map->job.end,
                           err);
}

/* ---- at work ------------------------------------------------------------ */

#define MOST_OPERANDS (2 * MP_MAX_ARGS + 1)

/* Bytes of results that are more than a cache keeps until they are read. */
#define LARGE (INT64_C(64) << 20)

typedef struct map_run {
    mp_native_run run;
    const mp_map_job *map;
    bool large; /* results are for no cache */
    int noperands, firstout;
    int operand[MOST_OPERANDS]; /* of the loop, in the frame's order */
    char *at[MOST_OPERANDS];
    char *row[MOST_OPERANDS]; /* where the row at hand begins */
    int64_t steps[MOST_OPERANDS];
    int narrays;
    mp_frame_array arrays[MP_MAX_ARGS];
} map_run;

static void add_operand(map_run *r, int operand)
{
    const mp_loop *loop = &r->map->loop;
    int n = r->noperands++;
    r->operand[n] = operand;
    r->steps[n] = loop->operands[operand].strides[loop->ndim - 1];
}

static void add_parameter(map_run *r, const mp_map_operand *o)
{
    add_operand(r, o->at);
    if (o->role == MP_ARRAY)
        mp__tier_extents(o->core, &r->arrays[r->narrays++]);
}

static bool is_read(const mp_map_job *map, const char *data)
{
    for (int k = 0; k < map->nin; k++) {
        if (map->in[k].role != MP_UNIFORM &&
            map->loop.operands[map->in[k].at].data == data)
            return true;
    }
    return false;
}

/* Whether results had better not go to caches: there are too many, and nothing
 * has been read where they are written. */
static bool is_large(const mp_map_job *map)
{
    int64_t size = 0;
    for (int k = 0; k < map->nout; k++) {
        const mp_map_operand *out = &map->out[k];
        if (out->role != MP_ELEMENT || map->where >= 0 ||
            is_read(map, map->loop.operands[out->at].data))
            return false;
        size += mp_dtype_size(out->dtype);
    }
    return size > 0 && map->plan.size >= LARGE / size;
}

static void advance_map(mp_native_run *run, int64_t count)
{
    map_run *r = (map_run *)run;
    for (int i = 0; i < r->noperands; i++)
        r->at[i] += count * r->steps[i];
}

/* How many items of the row come before each output begins a line; -1 where
 * that cannot be. */
static int64_t before_lines(const map_run *r, int64_t count)
{
    int64_t items = -1;
    for (int k = 0; k < r->map->nout; k++) {
        int64_t size = mp_dtype_size(r->map->out[k].dtype);
        int64_t bytes =
            (int64_t)(-(uintptr_t)r->at[r->firstout + k] % MP_CACHE_LINE);
        if (r->steps[r->firstout + k] != size || bytes % size != 0 ||
            bytes / size >= count || (k > 0 && bytes / size != items))
            return -1;
        items = bytes / size;
    }
    return items;
}

/* A row whose results are for no cache. */
static mp_status run_large_row(map_run *r, int64_t count, mp_error *err)
{
    const mp_chunks *chunks = &r->run.chunks;
    int64_t first = before_lines(r, count), end = chunks->at + first;
    mp_status status = MP_OK;
    if (first > 0) {
        status = mp__tier_row(&r->run, first, err);
        if (status != MP_OK || chunks->at < end)
            return status;
        for (int k = 0; k < r->noperands; k++)
            r->at[k] = r->row[k] + first * r->steps[k];
    }
    r->run.frame.bypass = first >= 0;
    status = mp__tier_row(&r->run, first < 0 ? count : count - first, err);
    r->run.frame.bypass = 0;
    mp__tier_settle();
    return status;
}

static mp_status run_map_chunk(mp_native_run *run, mp_error *err)
{
    map_run *r = (map_run *)run;
    const mp_loop *loop = &r->map->loop;
    const mp_chunks *chunks = &run->chunks;
    mp_cursor cursor;
    mp_cursor_seek(loop, &cursor, chunks->lo);
    while (chunks->at < chunks->hi) {
        int64_t count = mp_cursor_run(loop, &cursor);
        int64_t end = chunks->hi - chunks->at;
        if (count > end)
            count = end;
        end = chunks->at + count;
        for (int i = 0; i < r->noperands; i++)
            r->at[i] = r->row[i] = cursor.at[r->operand[i]];
        mp_status status = r->large ? run_large_row(r, count, err)
                                    : mp__tier_row(run, count, err);
        if (status != MP_OK || chunks->at < end)
            return status;
        if (chunks->at < chunks->hi)
            mp_cursor_advance(loop, &cursor, count);
    }
    return MP_OK;
}

mp_status mp__map_native(struct mp_worker *worker, mp_job *job, mp_error *err)
{
    const mp_map_job *map = (const mp_map_job *)job;
    map_run r;
    r.map = map;
    r.noperands = 0;
    r.narrays = 0;
    for (int k = 0; k < map->nin; k++) {
        if (map->in[k].role != MP_UNIFORM)
            add_parameter(&r, &map->in[k]);
    }
    for (int k = 0; k < map->nout; k++) {
        if (map->out[k].role == MP_ARRAY)
            add_parameter(&r, &map->out[k]);
    }
    r.firstout = r.noperands;
    for (int k = 0; k < map->nout; k++) {
        if (map->out[k].role == MP_ELEMENT)
            add_operand(&r, map->out[k].at);
    }
    r.large = is_large(map);
    if (map->where >= 0)
        add_operand(&r, map->where);
    r.run.frame = (mp_frame){.at = r.at, .steps = r.steps, .arrays = r.arrays};
    r.run.advance = advance_map;
    r.run.replay = mp__map_replay;
    r.run.chunk = run_map_chunk;
    return mp__tier_run(&r.run, worker, job, err);
}

/* ---- types -------------------------------------------------------------- */

/* The dtype of floats that are returned: the widest among the arguments. */
static mp_dtype widest_float(const mp_spec *spec)
{
    mp_dtype widest = MP_BOOL;
    for (int k = 0; k < spec->nparams; k++) {
        const mp_param *param = &spec->params[k];
        if ((param->kind == MP_PARAM_ELEMENT || param->kind == MP_PARAM_CORE) &&
            param->dtype > widest)
            widest = param->dtype;
    }
    return widest < MP_FLOAT16 ? MP_FLOAT64 : widest;
}

/* An argument, or an output that is filled, by its type. */
static const char *describe_type(const mp_arg *arg, int ncore, mp_param *param)
{
    if (arg->view == NULL && ncore == 0)
        return mp__tier_param(arg->value, param) ? NULL
                                                 : "strings are not compiled";
    if (arg->view == NULL || arg->view->ndim < ncore)
        return "an argument has too few dimensions for the signature";
    mp_view core = *arg->view;
    if (ncore == 0) {
        *param = (mp_param){.kind = MP_PARAM_ELEMENT,
                            .dtype = core.dtype,
                            .swapped = core.swapped};
        return NULL;
    }
    for (int d = 0; d < ncore; d++) {
        core.shape[d] = core.shape[core.ndim - ncore + d];
        core.strides[d] = core.strides[core.ndim - ncore + d];
    }
    core.ndim = ncore;
    const char *obstacle = mp__tier_array(&core, MP_PARAM_CORE, param);
    param->layout = MP_LAYOUT_STRIDED;
    return obstacle;
}

/* Outputs of a signature: those that are filled are of the types that come
 * after the inputs', or else hold the widest float. */
static const char *describe_filled(const mp_signature *s, int ntypes,
                                   const mp_arg *types, mp_spec *spec)
{
    const char *obstacle = NULL;
    spec->noutputs = 0;
    for (int k = s->nin; obstacle == NULL && k < s->nin + s->nout; k++) {
        int ncore = s->operand[k].ndim;
        if (ncore == 0) {
            spec->outputs[spec->noutputs++] = (mp_output){.open = true};
        } else if (ntypes > 0) {
            obstacle =
                describe_type(types++, ncore, &spec->params[spec->nparams++]);
            ntypes--;
        } else {
            spec->params[spec->nparams++] = (mp_param){
                .kind = MP_PARAM_CORE,
                .dtype = spec->widest,
                .layout = MP_LAYOUT_STRIDED,
                .rank = ncore,
                .packed = true,
            };
            if (ncore > MP_NATIVE_RANK)
                obstacle = "only arrays of 1 to 3 dimensions are compiled";
        }
    }
    return ntypes > 0 ? "there are more types than the signature has"
                      : obstacle;
}

/* Describes a map by types, with outputs that are to be inferred; what is
 * against it. */
static const char *describe_open(const mp_kernel *kernel, int ntypes,
                                 const mp_arg *types, mp_spec *spec)
{
    const mp_signature *s = kernel->signature;
    const char *obstacle = NULL;
    int nin = s == NULL ? ntypes : s->nin;
    mp__tier_spec(spec, MP_FORM_MAP, kernel);
    spec->noutputs = -1;
    if (ntypes < nin)
        return "there are fewer types than the signature has inputs";
    for (int k = 0; obstacle == NULL && k < nin; k++) {
        mp_param *param = &spec->params[spec->nparams++];
        obstacle =
            describe_type(&types[k], s == NULL ? 0 : s->operand[k].ndim, param);
        param->readonly = true; /* What comes in is not for writing. */
    }
    spec->widest = widest_float(spec);
    if (obstacle != NULL || s == NULL)
        return obstacle;
    return describe_filled(s, ntypes - nin, types + nin, spec);
}

/* Describes the map of a spec by its types, outputs with core dimensions
 * included. */
static const char *describe_types(const mp_map_spec *from, mp_spec *spec)
{
    mp_arg args[2 * MP_MAX_ARGS];
    int ntypes = 0;
    for (int k = 0; k < from->nargs; k++)
        args[ntypes++] = from->args[k];
    for (int k = 0; from->kernel->signature != NULL && k < from->nouts; k++)
        args[ntypes++] = (mp_arg){.view = &from->outs[k]};
    return describe_open(from->kernel, ntypes, args, spec);
}

static mp_status check_args(const mp_map_spec *spec, mp_error *err)
{
    if (spec->nargs <= MP_MAX_ARGS && spec->nouts <= MP_MAX_ARGS)
        return MP_OK;
    return mp_error_set(err, MP_VALUE, "a kernel takes at most %d arguments",
                        MP_MAX_ARGS);
}

mp_status mp_map_types(mp_pool *pool, const mp_map_spec *spec, int *nouts,
                       mp_dtype *dtypes, mp_refusal *refusal, mp_error *err)
{
    mp_spec types;
    mp_native *native = NULL;
    mp_status status = check_args(spec, err);
    if (status != MP_OK)
        return status;
    const char *obstacle = describe_types(spec, &types);
    if (obstacle == NULL)
        obstacle = mp__tier_forbidden(pool);
    if (obstacle != NULL)
        status = mp_native_refused(0, obstacle, "", &native, err);
    else
        status =
            mp_natives_types(spec->kernel, pool->setup, &types, &native, err);
    if (status != MP_OK)
        return status;
    *nouts = native->noutputs;
    for (int k = 0; k < native->noutputs; k++)
        dtypes[k] = native->outputs[k];
    *refusal = native->refusal;
    mp_native_release(native);
    return MP_OK;
}

mp_native *mp__map_find_types(mp_pool *pool, const mp_map_spec *spec)
{
    mp_spec types;
    if (describe_types(spec, &types) != NULL)
        return NULL;
    return mp_natives_find(spec->kernel, pool->setup, &types, NULL);
}

bool mp_map_types_known(mp_pool *pool, const mp_map_spec *spec, int *nouts,
                        mp_dtype *dtypes)
{
    mp_spec types;
    mp_error err;
    *nouts = -1;
    if (check_args(spec, &err) != MP_OK ||
        describe_types(spec, &types) != NULL || mp__tier_forbidden(pool))
        return true; /* Nothing has to be found out. */
    mp_native *native =
        mp_natives_find(spec->kernel, pool->setup, &types, NULL);
    if (native == NULL)
        return false;
    *nouts = native->noutputs;
    for (int k = 0; k < native->noutputs; k++)
        dtypes[k] = native->outputs[k];
    mp_native_release(native);
    return true;
}

mp_status mp_map_show(const mp_map_spec *spec, const mp_native_options *options,
                      mp_stage stage, char **text, size_t *size,
                      mp_refusal *refusal, mp_error *err)
{
    mp_spec types;
    mp_status status = check_args(spec, err);
    if (status != MP_OK)
        return status;
    const char *obstacle =
        describe_open(spec->kernel, spec->nargs, spec->args, &types);
    types.masked = spec->where != NULL;
    return mp__tier_show(spec->kernel, &types, obstacle, options, stage, text,
                         size, refusal, err);
}
