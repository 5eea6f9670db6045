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
#include "pool/row.h"

/* How much time is little, and what an item seems to take as long as nothing is
 * known. Picoseconds: no float is computed on a thread whose rounding is not
 * ours. */
#define MOST_PS INT64_C(30000000)
#define FIRST_PS 4000
/* What takes less is not worth letting go of anything. */
#define ASIDE_PS INT64_C(4000000)
/* What takes so long at worst is done at a time. Between two such parts one can
 * leave it to a job: what has been learnt may be wrong, and nothing else cuts
 * off what has no loops. */
#define PART_NS INT64_C(100000)

/* One bad moment of the machine's makes an item at most so much dearer, and
 * each map that seems too large makes it cheaper by one part in so many: so
 * what has been found out wrongly, or for other data, is tried again. */
#define DEARER 4
#define FORGETTING 64

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

/* ---- looking code up ---------------------------------------------------- */

static bool is_plain(const mp_pool *pool, const mp_map_spec *from)
{
    return from->kernel->signature == NULL && from->where == NULL &&
           from->nargs + from->nouts <= MP_ROW_OPERANDS && pool->sandbox &&
           from->first == 0;
}

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

static shortcut *look_up(mp_shortcuts *shortcuts, mp_pool *pool,
                         const mp_row *r, const mp_map_spec *from,
                         const mp_native_options *native)
{
    shortcut *s = find(shortcuts, pool, r->code, native);
    if (s != NULL)
        return s;
    mp_spec spec;
    mp__row_describe(r, from, &spec);
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
    /* Of nothing any number of times is nothing: where the clock stood still,
     * that would be so for good. */
    if (s->cost < 1)
        s->cost = 1;
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

/* A map as compiled code gets it, part by part. */
typedef struct calling {
    const mp_native *native;
    mp_row *row;
    mp_frame frame;
    int64_t part; /* items at a time */
    mp_native_result result;
    int64_t done; /* items */
    int64_t start, end;
} calling;

/* How many items make a part: whole vectors. */
static int64_t part_of(const mp_native *native, int64_t count)
{
    int64_t lanes = native->lanes;
    if (native->worst * count <= PART_NS)
        return count;
    return (PART_NS / native->worst + lanes) / lanes * lanes;
}

/* Does the next part; false where it could not, or that was the last one. */
static bool call_part(calling *c)
{
    mp_row *r = c->row;
    int64_t left = r->count - c->done;
    c->frame.count = left < c->part ? left : c->part;
    c->result = mp_native_call(c->native, &c->frame);
    c->end = mp_clock_now();
    if (c->result != MP_NATIVE_DONE) {
        c->done += c->result == MP_NATIVE_FAILED ? c->frame.failed : 0;
        return false;
    }
    c->done += c->frame.count;
    if (c->done == r->count)
        return false;
    for (int k = 0; k < r->noperands; k++)
        r->at[k] += c->frame.count * r->steps[k];
    return true;
}

static void call(void *ud)
{
    calling *c = ud;
    mp_fpu fpu;
    c->start = mp_clock_now();
    mp_fpu_enter(&fpu);
    while (call_part(c) && c->end - c->start < MOST_PS / 1000)
        continue;
    mp_fpu_leave(&fpu);
}

/* Aside the shortcut may be forgotten, and another one take its place: then
 * nothing is learnt. */
static shortcut *call_aside(shortcut *s, const mp_aside *aside, calling *c)
{
    mp_native *native = mp_native_retain(s->native);
    aside->run(aside->ud, call, c);
    if (s->native != native)
        s = NULL;
    mp_native_release(native);
    return s;
}

static bool run(shortcut *s, mp_pool *pool, mp_row *r, mp_map_spec *spec,
                const mp_aside *aside)
{
    /* Loops find the flag set when they look at it for the first time; what
     * has none ends by itself. */
    const int stop = s->native->loops;
    calling c = {.native = s->native,
                 .row = r,
                 .part = part_of(s->native, r->count),
                 .frame = {.at = r->at,
                           .steps = r->steps,
                           .scalars = r->scalars,
                           .stop = &stop}};
    if (aside != NULL && s->cost * r->count > ASIDE_PS)
        s = call_aside(s, aside, &c);
    else
        call(&c);
    if (s != NULL && c.result == MP_NATIVE_STOPPED)
        learn_better(s, r->count);
    else if (s != NULL && c.done > 0)
        learn(s, c.done, c.end - c.start);
    if (c.done > 0)
        note(pool, spec->kernel, c.done, c.start, c.end);
    spec->first = c.done;
    return c.done == r->count;
}

bool mp_shortcuts_map(mp_shortcuts *shortcuts, mp_pool *pool, mp_map_spec *spec,
                      const mp_native_options *native, const mp_aside *aside)
{
    if (!is_plain(pool, spec) || spec->nouts < 1 ||
        atomic_load_explicit(&pool->closed, memory_order_relaxed))
        return false;
    const mp_view *whole = &spec->outs[0];
    mp_row r;
    r.count = mp__row_count(whole);
    r.code = 0;
    r.noperands = r.nscalars = 0;
    bool in_place;
    if (r.count == 0 || !mp__row_inputs(&r, spec, whole) ||
        !mp__row_outputs(&r, spec) || !mp__row_apart(&r, spec, &in_place))
        return false;
    shortcut *s = look_up(shortcuts, pool, &r, spec, native);
    /* Nobody knows what a loop that was cut off has done: it must not have
     * written over what it reads. */
    return s != NULL && s->native->code != NULL &&
           s->native->stack <= MP_CALLER_STACK &&
           !(in_place && s->native->loops) && is_small(s, r.count) &&
           run(s, pool, &r, spec, aside);
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
        int64_t elements = mp__row_count(view);
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
    mp_row r;
    if (!is_plain(pool, spec))
        return false;
    const mp_view *whole = find_whole(spec, &r.count);
    r.code = 0;
    r.noperands = r.nscalars = 0;
    if (r.count == 0 || !mp__row_inputs(&r, spec, whole))
        return false;
    shortcut *s = find(shortcuts, pool, r.code, NULL);
    if (s == NULL) {
        mp_native *answer = mp__map_find_types(pool, spec);
        if (answer == NULL)
            return false;
        s = keep(shortcuts, pool, r.code, NULL, answer);
    }
    if (s->native->noutputs <= 0 ||
        spec->nargs + s->native->noutputs > MP_ROW_OPERANDS)
        return false;
    shape->ndim = whole != NULL ? whole->ndim : 0;
    for (int d = 0; d < shape->ndim; d++)
        shape->extent[d] = whole->shape[d];
    *nouts = s->native->noutputs;
    for (int k = 0; k < *nouts; k++)
        dtypes[k] = s->native->outputs[k];
    return true;
}
