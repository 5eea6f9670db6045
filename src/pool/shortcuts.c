/* Shortcuts: small maps on the thread that asks for them.
 *
 * To queue a job, wake a worker and be woken by it takes longer than a thousand
 * additions. What is compiled, lies in rows and takes some microseconds only
 * needs none of that: neither a lock that anybody holds for long, nor memory,
 * nor a state of Lua's. How long it takes is learnt from the last time.
 *
 * Where compiled code gives up there is a job after all. It begins with the
 * first item that is not done, for an output may be an input as well. */
#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "native/natives.h"
#include "pool/clock.h"
#include "pool/fpu.h"
#include "pool/mapjob.h"
#include "pool/pool.h"
#include "pool/tier.h"

/* Arrays and values of a call: each has a byte in its code. */
#define MOST_OPERANDS 8

/* How many items and how much time are few, and what an item seems to take as
 * long as nothing is known. Picoseconds: no float is computed on a thread whose
 * rounding is not ours. */
#define MOST_ITEMS 65536
#define MOST_PS INT64_C(10000000)
#define FIRST_PS 4000

/* One bad moment of the machine's makes an item at most so much dearer, and
 * each map that seems too large makes it cheaper by one part in so many: so
 * what has been found out wrongly, or for other data, is tried again. */
#define DEARER 4
#define FORGETTING 64

/* Bytes of stack, of which a thread of somebody else's may have little. */
#define MOST_STACK 8192

#define MOST_SHORTCUTS 8

typedef struct shortcut {
    uint64_t code;     /* what the operands are */
    mp_kernel *setup;  /* retained, or NULL */
    mp_native *native; /* retained; NULL: not in use */
    /* What was asked for; of the types that a kernel returns, nothing. */
    mp_isa isa;
    int lanes;
    mp_compiler compiler;
    int64_t cost; /* ps an item */
} shortcut;

struct mp_shortcuts {
    int oldest;
    shortcut all[MOST_SHORTCUTS];
};

mp_status mp_shortcuts_new(mp_shortcuts **out, mp_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a kernel");
    return MP_OK;
}

static void forget(shortcut *s)
{
    mp_native_release(s->native);
    mp_kernel_release(s->setup);
    *s = (shortcut){.native = NULL};
}

void mp_shortcuts_free(mp_shortcuts *shortcuts)
{
    if (shortcuts == NULL)
        return;
    for (int k = 0; k < MOST_SHORTCUTS; k++)
        forget(&shortcuts->all[k]);
    free(shortcuts);
}

/* ---- what a call is ----------------------------------------------------- */

/* A row of items, and what the code for it is looked for by. */
typedef struct row {
    int64_t count;
    uint64_t code;
    int noperands, nscalars;
    char *at[MOST_OPERANDS];
    int64_t steps[MOST_OPERANDS];
    uint64_t scalars[MOST_OPERANDS];
    mp_spec *spec; /* filled on the way, unless NULL */
} row;

enum { ROLE_INPUT = 1, ROLE_VALUE, ROLE_OUTPUT };

static void add_code(row *r, int role, int what, mp_layout layout)
{
    r->code = r->code << 8 | (uint64_t)(role << 6 | (int)layout << 4 | what);
}

/* The number of elements, or 0 where there are none or too many. */
static int64_t count_elements(const mp_view *view)
{
    int64_t count = 1;
    for (int d = 0; d < view->ndim; d++) {
        int64_t extent = view->shape[d];
        if (extent <= 0 || extent > MOST_ITEMS)
            return 0;
        count *= extent;
        if (count > MOST_ITEMS)
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
static bool lay(row *r, const mp_view *view, const mp_view *whole, int role)
{
    mp_layout layout = MP_LAYOUT_PACKED;
    int64_t step = mp_dtype_size(view->dtype);
    if (view->swapped)
        return false;
    if (view != whole && !same_shape(view, whole)) {
        if (role == ROLE_OUTPUT || view->ndim > whole->ndim ||
            count_elements(view) != 1)
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

static bool lay_inputs(row *r, const mp_map_spec *from, const mp_view *whole)
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
static void reach(const row *r, const mp_view *view, int k, uintptr_t *start,
                  uintptr_t *end)
{
    int64_t last = (r->count - 1) * r->steps[k];
    *start = (uintptr_t)r->at[k] + (uintptr_t)(last < 0 ? last : 0);
    *end = (uintptr_t)r->at[k] + (uintptr_t)(last < 0 ? 0 : last) +
           (uintptr_t)mp_dtype_size(view->dtype);
}

/* Whether an operand shares no memory with output `out`, or each element is
 * read just where its result is written, which sets `*in_place`. */
static bool is_apart(const row *r, const mp_map_spec *from, const mp_view *view,
                     int k, int out, bool *in_place)
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

static bool are_apart(const row *r, const mp_map_spec *from, bool *in_place)
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

static bool lay_outputs(row *r, const mp_map_spec *from)
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

static bool is_plain(const mp_pool *pool, const mp_map_spec *from)
{
    return from->kernel->signature == NULL && from->where == NULL &&
           from->nargs + from->nouts <= MOST_OPERANDS && pool->sandbox &&
           from->first == 0;
}

/* ---- looking code up ---------------------------------------------------- */

static bool is_for(const shortcut *s, const mp_pool *pool, uint64_t code,
                   const mp_native_options *native)
{
    if (s->native == NULL || s->code != code || s->setup != pool->setup)
        return false;
    return native == NULL ||
           (s->isa == native->isa && s->lanes == native->lanes &&
            s->compiler.compile == native->compiler->compile &&
            s->compiler.release == native->compiler->release);
}

static shortcut *find(mp_shortcuts *shortcuts, const mp_pool *pool,
                      uint64_t code, const mp_native_options *native)
{
    for (int k = 0; k < MOST_SHORTCUTS; k++) {
        if (is_for(&shortcuts->all[k], pool, code, native))
            return &shortcuts->all[k];
    }
    return NULL;
}

/* Takes over the answer, in the place of the oldest shortcut. */
static shortcut *keep(mp_shortcuts *shortcuts, const mp_pool *pool,
                      uint64_t code, const mp_native_options *native,
                      mp_native *answer)
{
    shortcut *s = &shortcuts->all[shortcuts->oldest];
    shortcuts->oldest = (shortcuts->oldest + 1) % MOST_SHORTCUTS;
    forget(s);
    *s = (shortcut){.code = code, .native = answer, .cost = FIRST_PS};
    if (pool->setup != NULL)
        s->setup = mp_kernel_retain(pool->setup);
    if (native != NULL) {
        s->isa = native->isa;
        s->lanes = native->lanes;
        s->compiler = *native->compiler;
    }
    return s;
}

static void describe(const row *r, const mp_map_spec *from, mp_spec *spec)
{
    mp__tier_spec(spec, MP_FORM_MAP, from->kernel);
    spec->nparams = from->nargs;
    spec->noutputs = from->nouts;
    for (int k = 0; k < from->nargs + from->nouts; k++) {
        uint64_t byte = r->code >> 8 * (from->nargs + from->nouts - 1 - k);
        mp_layout layout = (mp_layout)(byte >> 4 & 3);
        int what = byte & 15;
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

static shortcut *look_up(mp_shortcuts *shortcuts, mp_pool *pool, const row *r,
                         const mp_map_spec *from,
                         const mp_native_options *native)
{
    shortcut *s = find(shortcuts, pool, r->code, native);
    if (s != NULL)
        return s;
    mp_spec spec;
    describe(r, from, &spec);
    mp_native *answer =
        mp_natives_find(from->kernel, pool->setup, &spec, native);
    if (answer == NULL)
        return NULL;
    return keep(shortcuts, pool, r->code, native, answer);
}

/* ---- running ------------------------------------------------------------ */

/* Whether so many items take little time, as far as is known. */
static bool is_small(shortcut *s, int64_t count)
{
    if (s->cost * count <= MOST_PS)
        return true;
    s->cost -= s->cost / FORGETTING;
    return false;
}

static void learn(shortcut *s, int64_t count, int64_t took)
{
    int64_t cost = took * 1000 / count;
    s->cost = cost < DEARER * s->cost ? cost : DEARER * s->cost;
}

/* It was cut off, in vain: so many items are too many for a while. */
static void learn_better(shortcut *s, int64_t count)
{
    s->cost = 2 * MOST_PS / count;
}

/* Counts it like a worker's chunk. */
static void note(mp_pool *pool, const mp_kernel *kernel, int64_t count,
                 int64_t start, int64_t end)
{
    mp_worker *callers = mp__pool_callers(pool);
    /* Relaxed: statistics. */
    atomic_fetch_add_explicit(&callers->chunks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&callers->items, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&callers->native, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&callers->busy, end - start,
                              memory_order_relaxed);
    mp_spans_add(&callers->spans, &(mp_record){.job = mp__pool_number(pool),
                                               .kernel = kernel,
                                               .lo = 0,
                                               .hi = count,
                                               .native = true,
                                               .start = start,
                                               .end = end});
}

static bool run(shortcut *s, mp_pool *pool, row *r, mp_map_spec *spec)
{
    /* Loops find the flag set when they look at it for the first time; what
     * has none ends by itself. */
    const int stop = s->native->loops;
    mp_frame frame = {.count = r->count,
                      .at = r->at,
                      .steps = r->steps,
                      .scalars = r->scalars,
                      .stop = &stop};
    mp_fpu fpu;
    int64_t start = mp_clock_now();
    mp_fpu_enter(&fpu);
    mp_native_result result = (mp_native_result)s->native->code(&frame);
    mp_fpu_leave(&fpu);
    int64_t end = mp_clock_now();
    switch (result) {
    case MP_NATIVE_DONE:
        spec->first = r->count;
        break;
    case MP_NATIVE_STOPPED:
        learn_better(s, r->count);
        return false;
    case MP_NATIVE_FAILED:
        spec->first = frame.failed;
        break;
    }
    if (spec->first == 0)
        return false;
    learn(s, spec->first, end - start);
    note(pool, spec->kernel, spec->first, start, end);
    return result == MP_NATIVE_DONE;
}

bool mp_shortcuts_map(mp_shortcuts *shortcuts, mp_pool *pool, mp_map_spec *spec,
                      const mp_native_options *native)
{
    if (!is_plain(pool, spec) || spec->nouts < 1 ||
        atomic_load_explicit(&pool->closed, memory_order_relaxed))
        return false;
    const mp_view *whole = &spec->outs[0];
    row r;
    r.count = count_elements(whole);
    r.code = 0;
    r.noperands = r.nscalars = 0;
    bool in_place;
    if (r.count == 0 || !lay_inputs(&r, spec, whole) ||
        !lay_outputs(&r, spec) || !are_apart(&r, spec, &in_place))
        return false;
    shortcut *s = look_up(shortcuts, pool, &r, spec, native);
    /* Nobody knows what a loop that was cut off has done: it must not have
     * written over what it reads. */
    return s != NULL && s->native->code != NULL &&
           s->native->stack <= MOST_STACK && !(in_place && s->native->loops) &&
           is_small(s, r.count) && run(s, pool, &r, spec);
}

/* ---- types -------------------------------------------------------------- */

/* What the shape of the result is: that of the array with the most dimensions
 * and the most elements. NULL where there is none. */
static const mp_view *find_whole(const mp_map_spec *spec, int64_t *count)
{
    const mp_view *whole = NULL;
    *count = 1;
    for (int k = 0; k < spec->nargs; k++) {
        const mp_view *view = spec->args[k].view;
        if (view == NULL)
            continue;
        int64_t elements = count_elements(view);
        if (whole == NULL || view->ndim > whole->ndim ||
            (view->ndim == whole->ndim && elements > *count)) {
            whole = view;
            *count = elements;
        }
    }
    return whole;
}

bool mp_shortcuts_types(mp_shortcuts *shortcuts, mp_pool *pool,
                        const mp_map_spec *spec, mp_shape *shape, int *nouts,
                        mp_dtype *dtypes)
{
    row r;
    if (!is_plain(pool, spec))
        return false;
    const mp_view *whole = find_whole(spec, &r.count);
    r.code = 0;
    r.noperands = r.nscalars = 0;
    if (r.count == 0 || !lay_inputs(&r, spec, whole))
        return false;
    shortcut *s = find(shortcuts, pool, r.code, NULL);
    if (s == NULL) {
        mp_native *answer = mp__map_find_types(pool, spec);
        if (answer == NULL)
            return false;
        s = keep(shortcuts, pool, r.code, NULL, answer);
    }
    if (s->native->noutputs <= 0 ||
        spec->nargs + s->native->noutputs > MOST_OPERANDS)
        return false;
    shape->ndim = whole != NULL ? whole->ndim : 0;
    for (int d = 0; d < shape->ndim; d++)
        shape->extent[d] = whole->shape[d];
    *nouts = s->native->noutputs;
    for (int k = 0; k < *nouts; k++)
        dtypes[k] = s->native->outputs[k];
    return true;
}
