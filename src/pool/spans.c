/* The last chunks that a worker ran. */
#include "pool/spans.h"

#include <string.h>

int mp_spans_init(mp_spans *spans)
{
    return pthread_mutex_init(&spans->lock, NULL);
}

void mp_spans_destroy(mp_spans *spans)
{
    for (int i = 0; i < MP_SPANS; i++)
        mp_kernel_release(spans->ring[i].kernel);
    pthread_mutex_destroy(&spans->lock);
}

void mp_spans_add(mp_spans *spans, const mp_record *record)
{
    pthread_mutex_lock(&spans->lock);
    mp_record *slot = &spans->ring[spans->count++ % MP_SPANS];
    mp_kernel *old = slot->kernel;
    *slot = *record;
    /* Mostly the same kernel goes round: then its count need not move. */
    if (old != record->kernel) {
        if (record->kernel != NULL)
            mp_kernel_retain(record->kernel);
        mp_kernel_release(old);
    }
    pthread_mutex_unlock(&spans->lock);
}

int mp_spans_copy(mp_spans *spans, int worker, mp_span *out, int capacity)
{
    pthread_mutex_lock(&spans->lock);
    uint64_t held = spans->count < MP_SPANS ? spans->count : MP_SPANS;
    if (held > (uint64_t)capacity)
        held = (uint64_t)capacity;
    for (uint64_t i = 0; i < held; i++) {
        const mp_record *r = &spans->ring[(spans->count - held + i) % MP_SPANS];
        out[i] = (mp_span){.worker = worker,
                           .job = r->job,
                           .lo = r->lo,
                           .hi = r->hi,
                           .start = (double)r->start * 1e-9,
                           .end = (double)r->end * 1e-9};
        if (r->kernel != NULL)
            memcpy(out[i].kernel, mp_kernel_name(r->kernel),
                   strlen(mp_kernel_name(r->kernel)) + 1);
    }
    pthread_mutex_unlock(&spans->lock);
    return (int)held;
}
