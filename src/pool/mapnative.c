/* Maps on the native tier: compiled code goes along rows of items. */
#include "core/kernel.h"
#include "native/natives.h"
#include "pool/mapjob.h"
#include "pool/pool.h"
#include "pool/tier.h"

/* ---- what it is compiled for -------------------------------------------- */

#define CORE_OBSTACLE "core dimensions are not compiled"

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

/* Describes what the arguments are; why they are not compiled, or NULL. */
static const char *describe_args(int nargs, const mp_arg *args, mp_spec *spec)
{
    for (int k = 0; k < nargs; k++) {
        const mp_view *view = args[k].view;
        mp_param *param = &spec->params[k];
        if (view == NULL) {
            if (!mp__tier_param(args[k].value, param))
                return "strings are not compiled";
            continue;
        }
        const char *obstacle = mp__tier_obstacle(view->dtype, view->swapped);
        if (obstacle != NULL)
            return obstacle;
        param->kind = MP_PARAM_ELEMENT;
        param->dtype = view->dtype;
        param->layout = MP_LAYOUT_PACKED;
    }
    spec->nparams = nargs;
    return NULL;
}

static const char *describe_inputs(const mp_map_job *map, mp_spec *spec)
{
    const mp_args *args = &map->job.args;
    const char *obstacle = describe_args(args->count, args->arg, spec);
    for (int k = 0; obstacle == NULL && k < map->nin; k++) {
        if (map->in[k].role == MP_ARRAY)
            obstacle = CORE_OBSTACLE;
        else if (map->in[k].role == MP_ELEMENT)
            spec->params[k].layout = layout_of(&map->loop, &map->in[k]);
    }
    spec->masked = map->where >= 0;
    return obstacle;
}

static const char *describe_outputs(const mp_map_job *map, mp_spec *spec)
{
    for (int k = 0; k < map->nout; k++) {
        const mp_map_operand *o = &map->out[k];
        const char *obstacle = mp__tier_obstacle(o->dtype, o->swapped);
        if (o->role == MP_ARRAY)
            obstacle = CORE_OBSTACLE;
        if (obstacle != NULL)
            return obstacle;
        mp_layout layout = layout_of(&map->loop, o);
        spec->outputs[k] = (mp_output){
            .dtype = o->dtype,
            .layout = layout == MP_LAYOUT_PACKED ? layout : MP_LAYOUT_STRIDED,
        };
    }
    spec->noutputs = map->nout;
    return NULL;
}

mp_status mp__map_choose(mp_map_job *map, const mp_job_options *options,
                         mp_error *err)
{
    mp_spec spec;
    if (options == NULL || options->native == NULL)
        return MP_OK;
    mp__tier_spec(&spec, MP_FORM_MAP, map->job.kernel);
    const char *obstacle = describe_inputs(map, &spec);
    if (obstacle == NULL)
        obstacle = describe_outputs(map, &spec);
    return mp__tier_choose(&map->job, options, &spec, obstacle, map->job.end,
                           err);
}

/* ---- at work ------------------------------------------------------------ */

#define MOST_OPERANDS (2 * MP_MAX_ARGS + 1)

typedef struct map_run {
    mp_native_run run;
    const mp_map_job *map;
    int noperands;
    int operand[MOST_OPERANDS]; /* of the loop, in the frame's order */
    char *at[MOST_OPERANDS];
    int64_t steps[MOST_OPERANDS];
} map_run;

static void add_operand(map_run *r, int operand)
{
    const mp_loop *loop = &r->map->loop;
    int n = r->noperands++;
    r->operand[n] = operand;
    r->steps[n] = loop->operands[operand].strides[loop->ndim - 1];
}

static void advance_map(mp_native_run *run, int64_t count)
{
    map_run *r = (map_run *)run;
    for (int i = 0; i < r->noperands; i++)
        r->at[i] += count * r->steps[i];
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
            r->at[i] = cursor.at[r->operand[i]];
        mp_status status = mp__tier_row(run, count, err);
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
    for (int k = 0; k < map->nin; k++) {
        if (map->in[k].role == MP_ELEMENT)
            add_operand(&r, map->in[k].at);
    }
    for (int k = 0; k < map->nout; k++)
        add_operand(&r, map->out[k].at);
    if (map->where >= 0)
        add_operand(&r, map->where);
    r.run.frame = (mp_frame){.at = r.at, .steps = r.steps};
    r.run.advance = advance_map;
    r.run.replay = mp__map_replay;
    r.run.chunk = run_map_chunk;
    return mp__tier_run(&r.run, worker, job, err);
}

/* ---- types -------------------------------------------------------------- */

/* The dtype of floats that are returned: the widest among the arguments. */
static mp_dtype widest_float(const mp_spec *spec)
{
    mp_dtype widest = MP_FLOAT16;
    for (int k = 0; k < spec->nparams; k++) {
        const mp_param *param = &spec->params[k];
        if (param->kind == MP_PARAM_ELEMENT && param->dtype > widest)
            widest = param->dtype;
    }
    return widest == MP_FLOAT16 ? MP_FLOAT64 : widest;
}

/* Describes a map whose outputs are to be inferred; what is against it. */
static const char *describe_open(const mp_map_spec *from, mp_spec *spec)
{
    mp__tier_spec(spec, MP_FORM_MAP, from->kernel);
    const char *obstacle = describe_args(from->nargs, from->args, spec);
    if (obstacle == NULL && from->kernel->signature != NULL)
        obstacle = "kernels with a signature are not compiled";
    spec->noutputs = -1;
    spec->widest = widest_float(spec);
    spec->masked = from->where != NULL;
    return obstacle;
}

static mp_status check_args(const mp_map_spec *spec, mp_error *err)
{
    if (spec->nargs <= MP_MAX_ARGS)
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
    const char *obstacle = describe_open(spec, &types);
    types.masked = false; /* It does not matter here. */
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

mp_status mp_map_show(const mp_map_spec *spec, const mp_native_options *options,
                      mp_stage stage, char **text, size_t *size,
                      mp_refusal *refusal, mp_error *err)
{
    mp_spec types;
    mp_status status = check_args(spec, err);
    if (status != MP_OK)
        return status;
    const char *obstacle = describe_open(spec, &types);
    return mp__tier_show(spec->kernel, &types, obstacle, options, stage, text,
                         size, refusal, err);
}
