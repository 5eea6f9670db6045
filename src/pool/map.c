/* Map: a kernel over all items of a loop, elementwise or by signature. Here a
 * job is made of a description; tiers run it. */
#include <stdlib.h>
#include <string.h>

#include "buffer/view.h"
#include "core/kernel.h"
#include "pool/mapjob.h"
#include "pool/pool.h"

static void map_destroy(mp_job *job)
{
    mp_map_job *map = (mp_map_job *)job;
    mp_loop_destroy(&map->loop);
    for (int k = 0; k < MP_MAX_ARGS; k++) {
        free(map->in[k].core);
        free(map->out[k].core);
        free(map->copies[k]);
        free(map->floats[k]);
    }
    free(map->copies[MP_MAX_ARGS]);
}

static const mp_job_ops map_ops = {.work = mp__map_interpret,
                                   .finish = mp__open_finish,
                                   .destroy = map_destroy};
static const mp_job_ops native_ops = {.work = mp__map_native,
                                      .finish = mp__open_finish,
                                      .destroy = map_destroy,
                                      .stateless = true};
static const mp_job_ops probe_ops = {.work = mp__map_interpret_probe,
                                     .destroy = map_destroy};

/* Fills one operand that is an array. */
static mp_status lay(mp_map_job *map, mp_map_operand *o, const mp_view *view,
                     int ncore, int *noperands, mp_error *err)
{
    o->dtype = view->dtype;
    o->swapped = view->swapped;
    o->at = (*noperands)++;
    o->role = ncore > 0 ? MP_ARRAY : MP_ELEMENT;
    mp_loop_operand(&map->loop, o->at, view, view->ndim - ncore);
    if (ncore == 0)
        return MP_OK;
    o->slot = map->narrays++;
    o->core = malloc(sizeof *o->core);
    if (o->core == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a job");
    *o->core = *view;
    o->core->ndim = ncore;
    for (int d = 0; d < ncore; d++) {
        o->core->shape[d] = view->shape[view->ndim - ncore + d];
        o->core->strides[d] = view->strides[view->ndim - ncore + d];
    }
    return MP_OK;
}

/* Puts a copy in the place of an input that an output overlaps, unless each
 * element is read just where its result is written. */
static mp_status separate(mp_map_job *map, const mp_map_spec *spec,
                          mp_view *view, int ncore, char **block, mp_error *err)
{
    for (int k = 0; k < spec->nouts; k++) {
        const mp_view *out = &spec->outs[k];
        int nout =
            mp__plan_ncore_out(&map->plan, mp__plan_output(&map->plan, k));
        if (!mp_view_overlap(view, out) ||
            (ncore == 0 && nout == 0 && mp_view_same(view, out)))
            continue;
        mp_view copy;
        mp_status status = mp_view_copy(view, &copy, block, err);
        if (status == MP_OK)
            *view = copy;
        return status;
    }
    return MP_OK;
}

static mp_status lay_inputs(mp_map_job *map, const mp_map_spec *spec,
                            int *noperands, mp_error *err)
{
    map->nin = spec->nargs;
    for (int k = 0; k < spec->nargs; k++) {
        if (spec->args[k].view == NULL)
            continue;
        int ncore = mp__plan_ncore_in(&map->plan, k);
        mp_view view = *spec->args[k].view;
        mp_status status =
            separate(map, spec, &view, ncore, &map->copies[k], err);
        if (ncore > 0)
            view.readonly = true; /* What comes in is not for writing. */
        if (status == MP_OK)
            status = lay(map, &map->in[k], &view, ncore, noperands, err);
        if (status != MP_OK)
            return status;
    }
    map->where = -1;
    if (spec->where == NULL)
        return MP_OK;
    mp_view view = *spec->where;
    mp_status status =
        separate(map, spec, &view, 0, &map->copies[MP_MAX_ARGS], err);
    if (status == MP_OK) {
        map->where = (*noperands)++;
        mp_loop_operand(&map->loop, map->where, &view, view.ndim);
    }
    return status;
}

static mp_status lay_outputs(mp_map_job *map, const mp_map_spec *spec,
                             int *noperands, mp_error *err)
{
    const mp_signature *s = map->plan.signature;
    map->nout = spec->nouts;
    for (int i = 0; i < spec->nouts; i++) {
        int k = mp__plan_output(&map->plan, i);
        int ncore = mp__plan_ncore_out(&map->plan, k);
        mp_status status =
            lay(map, &map->out[i], &spec->outs[i], ncore, noperands, err);
        if (status != MP_OK)
            return status;
        map->nreturned += ncore == 0;
    }
    for (int k = 0; map->plan.partial && s != NULL && k < s->nout; k++)
        map->nreturned += mp__plan_ncore_out(&map->plan, k) == 0;
    return MP_OK;
}

static mp_status lay_operands(mp_map_job *map, const mp_map_spec *spec,
                              mp_error *err)
{
    int noperands = spec->nouts + (spec->where != NULL);
    for (int k = 0; k < spec->nargs; k++)
        noperands += spec->args[k].view != NULL;
    mp_status status =
        mp_loop_init(&map->loop, &map->plan.loop, noperands, err);
    if (status != MP_OK)
        return status;
    int used = 0;
    status = lay_inputs(map, spec, &used, err);
    if (status == MP_OK)
        status = lay_outputs(map, spec, &used, err);
    if (status == MP_OK)
        mp_loop_merge(&map->loop);
    return status;
}

/* A job with everything but its items and results. */
static mp_status new_map(mp_pool *pool, const mp_map_spec *spec, bool probe,
                         const mp_job_options *options, mp_map_job **out,
                         mp_error *err)
{
    mp_job *job;
    mp_plan plan;
    mp_status status = mp__plan_init(&plan, spec, probe, err);
    if (status != MP_OK)
        return status;
    status =
        mp__job_new(sizeof(mp_map_job), probe ? &probe_ops : &map_ops, pool,
                    spec->kernel, spec->nargs, spec->args, options, &job, err);
    if (status != MP_OK)
        return status;
    mp_map_job *map = (mp_map_job *)job;
    map->plan = plan;
    status = lay_operands(map, spec, err);
    if (status != MP_OK) {
        mp__job_release(job);
        return status;
    }
    *out = map;
    return MP_OK;
}

/* The first item that `where` selects, or -1. */
static int64_t first_selected(const mp_map_job *map)
{
    if (map->where < 0)
        return map->plan.size > 0 ? 0 : -1;
    const mp_loop *loop = &map->loop;
    int64_t stride = loop->operands[map->where].strides[loop->ndim - 1];
    mp_cursor cursor;
    for (int64_t i = 0; i < map->plan.size;) {
        mp_cursor_seek(loop, &cursor, i);
        int64_t count = mp_cursor_run(loop, &cursor);
        for (int64_t n = 0; n < count; n++) {
            if (cursor.at[map->where][n * stride] != 0)
                return i + n;
        }
        i += count;
    }
    return -1;
}

mp_status mp_map_start(mp_pool *pool, const mp_map_spec *spec,
                       const mp_job_options *options, mp_job **out,
                       mp_error *err)
{
    mp_map_job *map;
    mp_status status = new_map(pool, spec, false, options, &map, err);
    if (status != MP_OK)
        return status;
    map->job.end = map->plan.size;
    status = mp__open_init(map, spec, err);
    if (status == MP_OK)
        status = mp__map_choose(map, options, err);
    if (status != MP_OK) {
        mp__job_release(&map->job);
        return status;
    }
    if (mp__job_compiled(&map->job))
        map->job.ops = &native_ops;
    int64_t first = spec->first < 0 ? 0 : spec->first;
    atomic_init(&map->job.next, first);
    atomic_init(&map->job.done, first);
    return mp__pool_queue(pool, &map->job, options, out, err);
}

mp_status mp_map_probe(mp_pool *pool, const mp_map_spec *spec,
                       const mp_job_options *options, mp_job **out,
                       mp_error *err)
{
    mp_map_job *map;
    mp_status status = new_map(pool, spec, true, options, &map, err);
    if (status != MP_OK)
        return status;
    status = mp__job_results(&map->job, MP_MAX_ARGS, err);
    if (status != MP_OK) {
        mp__job_release(&map->job);
        return status;
    }
    map->job.nresults = 0;
    map->job.end = 1;
    map->job.first = first_selected(map);
    return mp__pool_queue(pool, &map->job, options, out, err);
}
