/* The rest of a map: the last items, of which there are too few for a vector.
 *
 * In the lanes past the last item there is a copy of the rest's first, which
 * brings up nothing that it does not do itself. */
#include "native/rest.h"

#include <string.h>

/* ---- what is copied ----------------------------------------------------- */

static bool add(mp_rest *rest, mp_layout layout, mp_dtype dtype)
{
    if (rest->noperands == MP_REST_OPERANDS)
        return false;
    int size = layout == MP_LAYOUT_SAME ? 0 : mp_dtype_size(dtype);
    rest->sizes[rest->noperands++] = (unsigned char)size;
    return true;
}

mp_rest mp__rest_of(const mp_spec *spec)
{
    const mp_rest none = {.noperands = 0};
    mp_rest rest = none;
    if (spec->form != MP_FORM_MAP || spec->masked || spec->lanes <= 1)
        return none;
    for (int k = 0; k < spec->nparams; k++) {
        const mp_param *p = &spec->params[k];
        if (p->kind == MP_PARAM_UNIFORM)
            continue;
        if (p->kind != MP_PARAM_ELEMENT || !add(&rest, p->layout, p->dtype))
            return none;
    }
    rest.ninputs = rest.noperands;
    for (int k = 0; k < spec->noutputs; k++) {
        if (!add(&rest, spec->outputs[k].layout, spec->outputs[k].dtype))
            return none;
    }
    return rest.noperands * spec->lanes * 8 > MP_REST_ROOM ? none : rest;
}

/* ---- copying ------------------------------------------------------------ */

/* `count` elements of `size` bytes. */
static inline void copy(char *to, int64_t step, const char *from,
                        int64_t distance, size_t size, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        memcpy(to + k * step, from + k * distance, size);
}

/* The same; the size that a copy has is a constant. */
static void copy_elements(char *to, int64_t step, const char *from,
                          int64_t distance, size_t size, int64_t count)
{
    switch (size) {
    case 1:
        copy(to, step, from, distance, 1, count);
        break;
    case 2:
        copy(to, step, from, distance, 2, count);
        break;
    case 4:
        copy(to, step, from, distance, 4, count);
        break;
    case 8:
        copy(to, step, from, distance, 8, count);
        break;
    }
}

/* The last `count` items, from `first` on. */
static mp_native_result run_rest(const mp_rest *rest, int lanes,
                                 mp_native_code code, mp_frame *frame,
                                 int64_t first, int64_t count)
{
    _Alignas(64) char room[MP_REST_ROOM];
    char *at[MP_REST_OPERANDS];
    int64_t steps[MP_REST_OPERANDS];
    mp_frame last = *frame;
    for (int k = 0; k < rest->noperands; k++) {
        size_t size = rest->sizes[k];
        steps[k] = (int64_t)size;
        at[k] = size == 0 ? frame->at[k] : &room[(int64_t)k * lanes * 8];
        if (size == 0 || k >= rest->ninputs)
            continue;
        const char *from = frame->at[k] + first * frame->steps[k];
        copy_elements(at[k], steps[k], from, frame->steps[k], size, count);
        copy_elements(at[k] + count * steps[k], steps[k], from, 0, size,
                      lanes - count);
    }
    last.count = lanes;
    last.bypass = 0;
    last.at = at;
    last.steps = steps;
    mp_native_result result = (mp_native_result)code(&last);
    frame->failed = first;
    frame->line = last.line;
    for (int k = rest->ninputs; k < rest->noperands; k++) {
        int64_t step = frame->steps[k];
        if (result == MP_NATIVE_DONE)
            copy_elements(frame->at[k] + first * step, step, at[k], steps[k],
                          rest->sizes[k], count);
    }
    return result;
}

mp_native_result mp__rest_run(const mp_rest *rest, int lanes,
                              mp_native_code code, mp_frame *frame)
{
    int64_t count = frame->count;
    int64_t left = rest->noperands == 0 ? 0 : count % lanes;
    mp_native_result result = MP_NATIVE_DONE;
    if (left == 0)
        return (mp_native_result)code(frame);
    frame->count -= left;
    if (frame->count > 0)
        result = (mp_native_result)code(frame);
    if (result == MP_NATIVE_DONE)
        result = run_rest(rest, lanes, code, frame, frame->count, left);
    frame->count = count;
    return result;
}
