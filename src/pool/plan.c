/* What a map iterates over. */
#include "pool/plan.h"

#include "buffer/loop.h"
#include "buffer/view.h"
#include "core/kernel.h"

int mp__plan_ncore_in(const mp_plan *plan, int k)
{
    return plan->signature == NULL ? 0 : plan->signature->operand[k].ndim;
}

int mp__plan_ncore_out(const mp_plan *plan, int k)
{
    const mp_signature *s = plan->signature;
    return s == NULL ? 0 : s->operand[s->nin + k].ndim;
}

int mp__plan_output(const mp_plan *plan, int i)
{
    if (!plan->partial || plan->signature == NULL)
        return i;
    int k = 0;
    for (;; k++) {
        if (mp__plan_ncore_out(plan, k) > 0 && i-- == 0)
            return k;
    }
}

/* How many outputs `spec->outs` must have, or -1 for any number. */
static int outs_wanted(const mp_plan *plan)
{
    const mp_signature *s = plan->signature;
    if (s == NULL)
        return plan->partial ? 0 : -1;
    int count = 0;
    for (int k = 0; k < s->nout; k++)
        count += !plan->partial || mp__plan_ncore_out(plan, k) > 0;
    return count;
}

/* Matches the trailing dimensions of a view with a core's. */
static mp_status match_core(mp_plan *plan, const mp_core *core,
                            const mp_view *view, const char *what, int k,
                            mp_error *err)
{
    int ndim = view == NULL ? 0 : view->ndim;
    if (ndim < core->ndim)
        return mp_error_set(err, MP_VALUE,
                            "%s %d has %d dimension%s, the signature asks "
                            "for %d core dimensions or more",
                            what, k + 1, ndim, ndim == 1 ? "" : "s",
                            core->ndim);
    for (int d = 0; d < core->ndim; d++) {
        int64_t extent = view->shape[ndim - core->ndim + d];
        int name = core->dim[d].name;
        if (name >= 0 && plan->core[name] == -1)
            plan->core[name] = extent;
        int64_t wanted = name < 0 ? core->dim[d].fixed : plan->core[name];
        if (wanted != extent)
            return mp_error_set(
                err, MP_VALUE,
                "%s %d has a core dimension%s%s of %lld where %lld is wanted",
                what, k + 1, name < 0 ? "" : " ",
                name < 0 ? "" : plan->signature->names[name], (long long)extent,
                (long long)wanted);
    }
    return MP_OK;
}

static mp_status plan_inputs(mp_plan *plan, const mp_map_spec *spec,
                             mp_error *err)
{
    const mp_signature *s = plan->signature;
    if (s != NULL && spec->nargs != s->nin)
        return mp_error_set(err, MP_TYPE,
                            "the kernel's signature has %d input%s, %d given",
                            s->nin, s->nin == 1 ? "" : "s", spec->nargs);
    for (int k = 0; k < spec->nargs; k++) {
        const mp_view *view = spec->args[k].view;
        mp_status status = MP_OK;
        if (s != NULL)
            status = match_core(plan, &s->operand[k], view, "input", k, err);
        if (status == MP_OK && view != NULL)
            status = mp_view_check(view, err);
        if (status == MP_OK && view != NULL)
            status = mp_shape_broadcast(&plan->loop, view,
                                        view->ndim - mp__plan_ncore_in(plan, k),
                                        err);
        if (status != MP_OK)
            return status;
    }
    if (spec->where == NULL)
        return MP_OK;
    if (spec->where->dtype != MP_BOOL)
        return mp_error_set(err, MP_TYPE,
                            "where must be an array of bool, not of %s",
                            mp_dtype_name(spec->where->dtype));
    return mp_shape_broadcast(&plan->loop, spec->where, spec->where->ndim, err);
}

static mp_status check_output(const mp_plan *plan, const mp_view *view, int k,
                              mp_error *err)
{
    int ndim = view->ndim - mp__plan_ncore_out(plan, k);
    bool same = ndim == plan->loop.ndim;
    for (int d = 0; same && d < ndim; d++)
        same = view->shape[d] == plan->loop.extent[d];
    if (!same) {
        char got[128], wanted[128];
        mp_shape shape = {.ndim = ndim};
        for (int d = 0; d < ndim; d++)
            shape.extent[d] = view->shape[d];
        return mp_error_set(err, MP_VALUE,
                            "output %d has the shape %s, the arguments "
                            "broadcast to %s",
                            k + 1, mp_shape_text(&shape, got, sizeof got),
                            mp_shape_text(&plan->loop, wanted, sizeof wanted));
    }
    if (view->readonly)
        return mp_error_set(err, MP_VALUE, "output %d is read-only", k + 1);
    if (mp_view_self_overlap(view))
        return mp_error_set(err, MP_VALUE,
                            "elements of output %d share memory: give an "
                            "array where each has its own",
                            k + 1);
    return MP_OK;
}

static mp_status plan_outputs(mp_plan *plan, const mp_map_spec *spec,
                              mp_error *err)
{
    const mp_signature *s = plan->signature;
    int wanted = outs_wanted(plan);
    if (wanted >= 0 && spec->nouts != wanted)
        return mp_error_set(err, MP_TYPE, "%d output%s given, %d wanted",
                            spec->nouts, spec->nouts == 1 ? "" : "s", wanted);
    for (int i = 0; i < spec->nouts; i++) {
        int k = mp__plan_output(plan, i);
        const mp_view *view = &spec->outs[i];
        mp_status status = mp_view_check(view, err);
        if (status == MP_OK && s != NULL)
            status = match_core(plan, &s->operand[s->nin + k], view, "output",
                                k, err);
        if (status == MP_OK)
            status = mp_shape_broadcast(
                &plan->loop, view, view->ndim - mp__plan_ncore_out(plan, k),
                err);
        if (status != MP_OK)
            return status;
    }
    /* Inputs stretch to an output's shape, an output to nobody's. */
    for (int i = 0; i < spec->nouts; i++) {
        mp_status status =
            check_output(plan, &spec->outs[i], mp__plan_output(plan, i), err);
        if (status != MP_OK)
            return status;
    }
    return MP_OK;
}

static mp_status check_distinct(const mp_map_spec *spec, mp_error *err)
{
    for (int i = 0; i < spec->nouts; i++) {
        for (int k = 0; k < i; k++) {
            if (mp_view_overlap(&spec->outs[i], &spec->outs[k]))
                return mp_error_set(err, MP_VALUE,
                                    "outputs %d and %d share memory", k + 1,
                                    i + 1);
        }
    }
    return MP_OK;
}

static mp_status begin(mp_plan *plan, const mp_map_spec *spec, bool partial,
                       mp_error *err)
{
    plan->partial = partial;
    plan->signature = spec->kernel->signature;
    plan->loop.ndim = 0;
    for (int i = 0; i < MP_SIGNATURE_NAMES; i++)
        plan->core[i] = -1;
    if (spec->nargs > MP_MAX_ARGS || spec->nouts > MP_MAX_ARGS)
        return mp_error_set(err, MP_VALUE,
                            "a kernel takes at most %d arrays in and out",
                            MP_MAX_ARGS);
    return plan_inputs(plan, spec, err);
}

mp_status mp__plan_init(mp_plan *plan, const mp_map_spec *spec, bool partial,
                        mp_error *err)
{
    mp_status status = begin(plan, spec, partial, err);
    if (status == MP_OK)
        status = plan_outputs(plan, spec, err);
    if (status == MP_OK)
        status = check_distinct(spec, err);
    if (status == MP_OK)
        status = mp_shape_size(&plan->loop, &plan->size, err);
    return status;
}

/* The shape of output `k`: the loop's, then its core dimensions. */
static mp_status output_shape(const mp_plan *plan, int k, mp_shape *out,
                              mp_error *err)
{
    const mp_signature *s = plan->signature;
    *out = plan->loop;
    if (s == NULL)
        return MP_OK;
    const mp_core *core = &s->operand[s->nin + k];
    if (out->ndim + core->ndim > MP_MAX_NDIM)
        return mp_error_set(err, MP_VALUE,
                            "output %d would have more than %d dimensions",
                            k + 1, MP_MAX_NDIM);
    for (int d = 0; d < core->ndim; d++) {
        int name = core->dim[d].name;
        int64_t extent = name < 0 ? core->dim[d].fixed : plan->core[name];
        if (extent < 0)
            return mp_error_set(err, MP_VALUE,
                                "no input has the core dimension %s of "
                                "output %d: pass out",
                                s->names[name], k + 1);
        out->extent[out->ndim++] = extent;
    }
    return MP_OK;
}

mp_status mp_map_shape(const mp_map_spec *spec, mp_shape *loop, int *nouts,
                       mp_shape *outs, int *ncore, mp_error *err)
{
    mp_plan plan;
    mp_status status = begin(&plan, spec, false, err);
    if (status == MP_OK && spec->nouts > 0)
        status = plan_outputs(&plan, spec, err);
    *nouts = plan.signature == NULL ? -1 : plan.signature->nout;
    for (int k = 0; status == MP_OK && k < *nouts; k++) {
        status = output_shape(&plan, k, &outs[k], err);
        ncore[k] = mp__plan_ncore_out(&plan, k);
    }
    if (status == MP_OK)
        *loop = plan.loop;
    return status;
}
