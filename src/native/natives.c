/* The specialisations of a kernel, and how they are made. */
#include "native/natives.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/kernel.h"
#include "native/driver.h"

/* ---- keys --------------------------------------------------------------- */

/* What two calls must agree in to share a specialisation: a byte string. */
#define KEY_SIZE (64 + 4 * (MP_MAX_ARGS + MP_NATIVE_RANK) + 3 * MP_MAX_ARGS)

typedef struct key {
    size_t size;
    unsigned char bytes[KEY_SIZE];
} key;

static void add_byte(key *k, int byte)
{
    k->bytes[k->size++] = (unsigned char)byte;
}

static void add_bytes(key *k, const void *bytes, size_t size)
{
    memcpy(k->bytes + k->size, bytes, size);
    k->size += size;
}

static void add_param(key *k, const mp_param *p)
{
    add_byte(k, (int)p->kind);
    switch (p->kind) {
    case MP_PARAM_ELEMENT:
        add_byte(k, (int)p->dtype + 64 * p->swapped);
        add_byte(k, (int)p->layout);
        return;
    case MP_PARAM_UNIFORM:
        add_byte(k, (int)p->scalar);
        return;
    case MP_PARAM_ACC:
        add_byte(k, (int)p->scalar + 64 * p->exact);
        return;
    case MP_PARAM_ARRAY:
        add_byte(k, (int)p->dtype + 64 * p->swapped);
        add_byte(k, p->rank);
        add_byte(k, p->packed + 2 * p->readonly);
        return;
    case MP_PARAM_CORE:
        add_byte(k, (int)p->dtype + 64 * p->swapped);
        add_byte(k, p->rank);
        add_byte(k, p->packed + 2 * p->readonly + 4 * (int)p->layout);
        return;
    case MP_PARAM_INDEX:
        add_byte(k, p->dim);
        return;
    }
}

/* Without a compiler it is the types that are asked for. */
static void make_key(key *k, const mp_spec *spec, const mp_compiler *compiler)
{
    k->size = 0;
    add_byte(k, (int)spec->form);
    add_byte(k, spec->ndim);
    add_byte(k, (int)spec->widest);
    add_byte(k, spec->masked + 2 * spec->strict + 4 * spec->fastmath);
    add_byte(k, (int)spec->isa);
    add_byte(k, spec->lanes);
    add_byte(k, spec->nparams);
    for (int i = 0; i < spec->nparams; i++)
        add_param(k, &spec->params[i]);
    add_byte(k, spec->noutputs);
    for (int i = 0; i < spec->noutputs; i++) {
        add_byte(k, spec->outputs[i].open);
        add_byte(k,
                 (int)spec->outputs[i].dtype + 64 * spec->outputs[i].swapped);
        add_byte(k, (int)spec->outputs[i].layout);
    }
    if (compiler != NULL) {
        add_bytes(k, &compiler->compile, sizeof compiler->compile);
        add_bytes(k, &compiler->release, sizeof compiler->release);
    }
}

/* ---- the cache of a kernel ---------------------------------------------- */

/* How many specialisations a kernel keeps; the least recently used goes. */
#ifdef MP_HARD
#define MOST_ENTRIES 2
#else
#define MOST_ENTRIES 64
#endif

typedef struct entry {
    struct entry *next;
    mp_kernel *setup;  /* retained, or NULL */
    mp_native *answer; /* retained; NULL: not tried yet */
    int64_t items;     /* asked for so far */
    int64_t least;     /* before it is looked for again */
    size_t size;
    unsigned char key[];
} entry;

typedef struct natives {
    mp_kernel_extra extra;
    pid_t process; /* fixed after new; whose it is */
    pthread_mutex_t lock;
    int count;    /* guarded by lock */
    entry *first; /* guarded by lock; the most recently used */
} natives;

static void free_entry(entry *e)
{
    mp_native_release(e->answer);
    mp_kernel_release(e->setup);
    free(e);
}

static void free_entries(entry *first)
{
    while (first != NULL) {
        entry *e = first;
        first = e->next;
        free_entry(e);
    }
}

/* What a fork() left of the parent's cache is as it is. */
static void natives_forget(mp_kernel_extra *extra)
{
    natives *n = (natives *)extra;
    if (n->process != getpid())
        return;
    pthread_mutex_lock(&n->lock);
    entry *first = n->first;
    n->first = NULL;
    n->count = 0;
    pthread_mutex_unlock(&n->lock);
    free_entries(first);
}

static void natives_free(mp_kernel_extra *extra)
{
    natives *n = (natives *)extra;
    free_entries(n->first);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

/* The cache of a kernel, made where there is none yet; NULL, with `err` filled,
 * where there is no memory. The child of a fork() begins with an empty one: in
 * the parent's a thread that is not there any more may hold the lock. */
static natives *natives_of(mp_kernel *kernel, mp_error *err)
{
    /* Acquire: what it points to was made by another thread. */
    mp_kernel_extra *extra =
        atomic_load_explicit(&kernel->extra, memory_order_acquire);
    pid_t process = getpid();
    if (extra == NULL || ((natives *)extra)->process != process) {
        natives *n = calloc(1, sizeof *n);
        if (n == NULL || pthread_mutex_init(&n->lock, NULL) != 0) {
            free(n);
            mp_error_set(err, MP_NO_MEMORY, "no memory for a kernel");
            return NULL;
        }
        n->extra.free = natives_free;
        n->extra.forget = natives_forget;
        n->process = process;
        if (atomic_compare_exchange_strong_explicit(
                &kernel->extra, &extra, &n->extra, memory_order_acq_rel,
                memory_order_acquire))
            extra = &n->extra;
        else
            natives_free(&n->extra);
    }
    return (natives *)extra;
}

static bool same_setup(const mp_kernel *a, const mp_kernel *b)
{
    return a == b || (a != NULL && b != NULL && mp_kernel_equal(a, b));
}

/* With the lock held: the entry, moved to the front, or NULL. */
static entry *find(natives *n, const key *k, const mp_kernel *setup)
{
    for (entry **at = &n->first; *at != NULL; at = &(*at)->next) {
        entry *e = *at;
        if (e->size != k->size || memcmp(e->key, k->bytes, k->size) != 0 ||
            !same_setup(e->setup, setup))
            continue;
        *at = e->next;
        e->next = n->first;
        n->first = e;
        return e;
    }
    return NULL;
}

/* With the lock held: takes the entry that was used the longest ago out of a
 * full cache, for the caller to free without the lock. */
static entry *evict(natives *n)
{
    if (n->count <= MOST_ENTRIES)
        return NULL;
    entry **at = &n->first;
    while ((*at)->next != NULL)
        at = &(*at)->next;
    entry *e = *at;
    *at = NULL;
    n->count--;
    return e;
}

/* Counts `*items` in, which become those so far, and looks: the answer,
 * retained, or NULL. `*due` says whether it is time to look for one. */
static mp_status look_up(natives *n, const key *k, mp_kernel *setup,
                         int64_t *items, int64_t least, mp_native **out,
                         bool *due, mp_error *err)
{
    entry *old = NULL;
    pthread_mutex_lock(&n->lock);
    entry *e = find(n, k, setup);
    if (e == NULL) {
        e = calloc(1, sizeof *e + k->size);
        if (e == NULL) {
            pthread_mutex_unlock(&n->lock);
            return mp_error_set(err, MP_NO_MEMORY, "no memory for a kernel");
        }
        e->setup = setup != NULL ? mp_kernel_retain(setup) : NULL;
        e->size = k->size;
        memcpy(e->key, k->bytes, k->size);
        e->next = n->first;
        n->first = e;
        n->count++;
        old = evict(n);
    }
    if (e->answer == NULL &&
        __builtin_add_overflow(e->items, *items, &e->items))
        e->items = INT64_MAX;
    *items = e->items;
    *due = e->answer == NULL && e->items >= least &&
           (least == 0 || e->items >= e->least);
    *out = e->answer != NULL ? mp_native_retain(e->answer) : NULL;
    pthread_mutex_unlock(&n->lock);
    if (old != NULL)
        free_entry(old);
    return MP_OK;
}

/* Keeps an answer for others. Two threads may have looked for the same one:
 * then the first stays. */
static void keep(natives *n, const key *k, const mp_kernel *setup,
                 mp_native *answer)
{
    pthread_mutex_lock(&n->lock);
    entry *e = find(n, k, setup);
    if (e != NULL && e->answer == NULL)
        e->answer = mp_native_retain(answer);
    pthread_mutex_unlock(&n->lock);
}

/* Notes that there is no answer before so many items have been asked for. */
static void postpone(natives *n, const key *k, const mp_kernel *setup,
                     int64_t least)
{
    pthread_mutex_lock(&n->lock);
    entry *e = find(n, k, setup);
    if (e != NULL)
        e->least = least;
    pthread_mutex_unlock(&n->lock);
}

/* ---- looking for answers ------------------------------------------------ */

/* A question: what is to be found out, and by whom. */
typedef struct question {
    mp_kernel *kernel;
    mp_kernel *setup;
    const mp_spec *spec;
    const mp_compiler *compiler; /* NULL: types only */
    bool known;                  /* only what there is an answer to */
} question;

/* A kernel that takes LLVM more than about 50 ms is compiled when so many times
 * as many items have been asked for as for others: a caller then has not waited
 * longer than interpreting all of them would have taken. */
#define DEAR 500
#define DEAR_ITEMS 8

static mp_dtype acc_dtype(mp_kind kind)
{
    if (kind == MP_KIND_BOOL)
        return MP_BOOL;
    return kind == MP_KIND_INT ? MP_INT64 : MP_FLOAT64;
}

static void keep_outputs(mp_native *native, const mp_spec *spec)
{
    int count = spec->noutputs;
    for (int k = 0; k < spec->noutputs; k++)
        native->outputs[k] = spec->outputs[k].dtype;
    for (int k = 0; k < spec->nparams; k++) {
        if (spec->params[k].kind != MP_PARAM_ACC)
            continue;
        native->mixed[count] = spec->params[k].mixed;
        native->outputs[count++] = acc_dtype(spec->params[k].scalar);
    }
    native->noutputs = count;
}

/* Hands the IR to the compiler. */
static mp_status compile(const question *q, const mp_driven *driven,
                         mp_native **out, mp_error *err)
{
    const mp_compiler *compiler = q->compiler;
    mp_code code = {.address = 0};
    mp_error why;
    mp_status status = compiler->compile(compiler->ud, driven->ir, driven->size,
                                         q->spec->isa, &code, &why);
    if (status == MP_VALUE) {
        return mp_native_refused(0, why.message, "", out, err);
    }
    if (status != MP_OK) {
        *err = why;
        return status;
    }
    mp_native *native = NULL;
    status = mp_native_new(&native, err);
    if (status != MP_OK) {
        compiler->release(code.handle);
        return status;
    }
    native->code = (mp_native_code)code.address;
    native->lanes = driven->spec.lanes;
    native->rest = mp__rest_of(&driven->spec);
    native->loops = driven->loops;
    native->stack = driven->stack;
    native->worst = driven->worst;
    native->handle = code.handle;
    native->release = compiler->release;
    keep_outputs(native, &driven->spec);
    *out = native;
    return MP_OK;
}

/* `*out` is NULL where it is left for later, as what is dear may be. */
static mp_status answer(const question *q, bool later, mp_native **out,
                        mp_error *err)
{
    mp_unit unit;
    mp_driven driven;
    bool types = q->compiler == NULL;
    mp_stage last = types ? MP_STAGE_INFER : MP_STAGE_EMIT;
    mp_status status = mp__driver_run(&unit, q->kernel, q->setup, q->spec, last,
                                      NULL, &driven, err);
    if (status == MP_VALUE) {
        const mp_refusal *r = &unit.refusal;
        status = mp_native_refused(r->line, r->what, r->hint, out, err);
    } else if (status == MP_OK && types) {
        status = mp_native_new(out, err);
        if (status == MP_OK)
            keep_outputs(*out, &driven.spec);
    } else if (status == MP_OK && later && driven.expense > DEAR) {
        *out = NULL;
    } else if (status == MP_OK) {
        status = compile(q, &driven, out, err);
    }
    mp__unit_destroy(&unit);
    return status;
}

/* The answer from the cache or anew. Nothing is locked while it is looked for:
 * the compiler may run anything, this kernel too. */
static mp_status ask(const question *q, int64_t items, int64_t least,
                     mp_native **out, mp_error *err)
{
    key k;
    natives *n = natives_of(q->kernel, err);
    if (n == NULL)
        return MP_NO_MEMORY;
    bool due = false;
    make_key(&k, q->spec, q->compiler);
    mp_status status = look_up(n, &k, q->setup, &items, least, out, &due, err);
    if (status != MP_OK || !due)
        return status;
    if (q->known)
        return mp_error_set(err, MP_REFUSED, "it is not compiled yet");
    int64_t dear = least < INT64_MAX / DEAR_ITEMS ? least * DEAR_ITEMS : least;
    status = answer(q, items < dear, out, err);
    if (status == MP_OK && *out == NULL)
        postpone(n, &k, q->setup, dear);
    else if (status == MP_OK)
        keep(n, &k, q->setup, *out);
    return status;
}

mp_status mp_natives_types(mp_kernel *kernel, mp_kernel *setup,
                           const mp_spec *spec, mp_native **out, mp_error *err)
{
    question q = {.kernel = kernel, .setup = setup, .spec = spec};
    return ask(&q, 0, 0, out, err);
}

mp_status mp_natives_get(mp_kernel *kernel, mp_kernel *setup, mp_spec *spec,
                         const mp_native_options *options, int64_t items,
                         mp_native **out, mp_error *err)
{
    mp_native_fit(spec, options);
    question q = {.kernel = kernel,
                  .setup = setup,
                  .spec = spec,
                  .compiler = options->compiler,
                  .known = options->known};
    return ask(&q, items, options->required ? 0 : options->least, out, err);
}

mp_native *mp_natives_find(mp_kernel *kernel, mp_kernel *setup, mp_spec *spec,
                           const mp_native_options *options)
{
    key k;
    mp_error err;
    mp_native *found = NULL;
    natives *n = natives_of(kernel, &err);
    if (n == NULL)
        return NULL;
    if (options != NULL)
        mp_native_fit(spec, options);
    make_key(&k, spec, options != NULL ? options->compiler : NULL);
    pthread_mutex_lock(&n->lock);
    entry *e = find(n, &k, setup);
    if (e != NULL && e->answer != NULL)
        found = mp_native_retain(e->answer);
    pthread_mutex_unlock(&n->lock);
    return found;
}
