/* Small maps whose operands all lie in a row of memory. */
#include "pool/row.h"

#include "core/kernel.h"
#include "pool/tier.h"

enum { ROLE_INPUT = 1, ROLE_VALUE, ROLE_OUTPUT };

static void add_code(mp_row *r, int role, int what, mp_layout layout)
{
    r->code = r->code << 8 | (uint64_t)(role << 6 | (int)layout << 4 | what);
}

int64_t mp__row_count(const mp_view *view)
{
    int64_t count = 1;
    for (int d = 0; d < view->ndim; d++) {
        int64_t extent = view->shape[d];
        if (extent <= 0 || extent > MP_ROW_ITEMS)
            return 0;
        count *= extent;
        if (count > MP_ROW_ITEMS)
            return 0;
    }
    return count;
}

static bool same_shape(const mp_view *a, const mp_view *b)
{
    if (a->ndim != b->ndim)
        return false;
    for (int d = 0; d < a->ndim; d++) {
        if (a->shape[d] != b->shape[d])
            return false;
    }
    return true;
}

static bool is_packed(const mp_view *view)
{
    int64_t stride = mp_dtype_size(view->dtype);
    for (int d = view->ndim - 1; d >= 0; d--) {
        if (view->shape[d] != 1 && view->strides[d] != stride)
            return false;
        stride *= view->shape[d];
    }
    return true;
}

/* Lays an operand along the elements of `whole`, one behind the other; false
 * where they do not lie in a row. */
static bool lay(mp_row *r, const mp_view *view, const mp_view *whole, int role)
{
    mp_layout layout = MP_LAYOUT_PACKED;
    int64_t step = mp_dtype_size(view->dtype);
    if (view->swapped)
        return false;
    if (view != whole && !same_shape(view, whole)) {
        if (role == ROLE_OUTPUT || view->ndim > whole->ndim ||
            mp__row_count(view) != 1)
            return false;
        step = 0;
    } else if (!is_packed(view)) {
        if (view->ndim != 1)
            return false;
        step = view->strides[0];
    }
    if (r->count > 1 && step != mp_dtype_size(view->dtype))
        layout = step == 0 ? MP_LAYOUT_SAME : MP_LAYOUT_STRIDED;
    r->at[r->noperands] = view->data;
    r->steps[r->noperands++] = step;
    add_code(r, role, (int)view->dtype, layout);
    return true;
}

bool mp__row_inputs(mp_row *r, const mp_map_spec *from, const mp_view *whole)
{
    for (int k = 0; k < from->nargs; k++) {
        const mp_arg *arg = &from->args[k];
        mp_param value = {.kind = MP_PARAM_UNIFORM};
        if (arg->view != NULL) {
            if (!lay(r, arg->view, whole, ROLE_INPUT))
                return false;
        } else if (mp__tier_param(arg->value, &value)) {
            r->scalars[r->nscalars++] = mp__tier_scalar(arg->value);
            add_code(r, ROLE_VALUE, (int)value.scalar, MP_LAYOUT_PACKED);
        } else {
            return false;
        }
    }
    return true;
}

/* The bytes that an operand of a row covers. */
static void reach(const mp_row *r, const mp_view *view, int k, uintptr_t *start,
                  uintptr_t *end)
{
    int64_t last = (r->count - 1) * r->steps[k];
    *start = (uintptr_t)r->at[k] + (uintptr_t)(last < 0 ? last : 0);
    *end = (uintptr_t)r->at[k] + (uintptr_t)(last < 0 ? 0 : last) +
           (uintptr_t)mp_dtype_size(view->dtype);
}

/* Whether an operand shares no memory with output `out`, or each element is
 * read just where its result is written, which sets `*in_place`. */
static bool is_apart(const mp_row *r, const mp_map_spec *from,
                     const mp_view *view, int k, int out, bool *in_place)
{
    const mp_view *other = &from->outs[out];
    int o = r->noperands - from->nouts + out;
    uintptr_t start, end, other_start, other_end;
    reach(r, view, k, &start, &end);
    reach(r, other, o, &other_start, &other_end);
    if (end <= other_start || other_end <= start)
        return true;
    *in_place = true;
    return k < r->noperands - from->nouts && r->at[k] == r->at[o] &&
           r->steps[k] == r->steps[o] &&
           mp_dtype_size(view->dtype) == mp_dtype_size(other->dtype);
}

bool mp__row_apart(const mp_row *r, const mp_map_spec *from, bool *in_place)
{
    *in_place = false;
    for (int out = 0; out < from->nouts; out++) {
        int k = 0;
        for (int arg = 0; arg < from->nargs; arg++) {
            const mp_view *view = from->args[arg].view;
            if (view != NULL && !is_apart(r, from, view, k++, out, in_place))
                return false;
        }
        for (int i = 0; i < out; i++) {
            if (!is_apart(r, from, &from->outs[i], k + i, out, in_place))
                return false;
        }
    }
    return true;
}

bool mp__row_outputs(mp_row *r, const mp_map_spec *from)
{
    for (int k = 0; k < from->nouts; k++) {
        const mp_view *out = &from->outs[k];
        if (out->readonly || !lay(r, out, &from->outs[0], ROLE_OUTPUT))
            return false;
        int64_t step = r->steps[r->noperands - 1];
        int size = mp_dtype_size(out->dtype);
        if (r->count > 1 && step < size && step > -size)
            return false; /* Elements share memory. */
    }
    return true;
}

void mp__row_describe(const mp_row *r, const mp_map_spec *from, mp_spec *spec)
{
    mp__tier_spec(spec, MP_FORM_MAP, from->kernel);
    spec->nparams = from->nargs;
    spec->noutputs = from->nouts;
    for (int k = 0; k < from->nargs + from->nouts; k++) {
        uint64_t byte = r->code >> 8 * (from->nargs + from->nouts - 1 - k);
        mp_layout layout = (mp_layout)(byte >> 4 & 3);
        int what = (int)(byte & 15);
        if (k >= from->nargs)
            spec->outputs[k - from->nargs] =
                (mp_output){.dtype = (mp_dtype)what, .layout = layout};
        else if ((byte >> 6 & 3) == ROLE_INPUT)
            spec->params[k] = (mp_param){.kind = MP_PARAM_ELEMENT,
                                         .dtype = (mp_dtype)what,
                                         .layout = layout};
        else
            spec->params[k] =
                (mp_param){.kind = MP_PARAM_UNIFORM, .scalar = (mp_kind)what};
    }
}
