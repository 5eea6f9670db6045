/* The last chunks that a worker ran. */
#include "pool/spans.h"

#include <string.h>

#include "core/text.h"

int mp_spans_init(mp_spans *spans)
{
    return pthread_mutex_init(&spans->lock, NULL);
}

void mp_spans_destroy(mp_spans *spans)
{
    pthread_mutex_destroy(&spans->lock);
}

void mp_spans_add(mp_spans *spans, const mp_record *record)
{
    pthread_mutex_lock(&spans->lock);
    uint64_t slot = spans->count++ % MP_SPANS;
    const char *name =
        record->kernel != NULL ? mp_kernel_name(record->kernel) : "";
    mp_text_copy(spans->names[slot], sizeof spans->names[slot], name,
                 strlen(name));
    spans->ring[slot] = *record;
    spans->ring[slot].kernel = NULL;
    pthread_mutex_unlock(&spans->lock);
}

int mp_spans_copy(mp_spans *spans, int worker, mp_span *out, int capacity)
{
    pthread_mutex_lock(&spans->lock);
    uint64_t held = spans->count < MP_SPANS ? spans->count : MP_SPANS;
    if (held > (uint64_t)capacity)
        held = (uint64_t)capacity;
    for (uint64_t i = 0; i < held; i++) {
        uint64_t slot = (spans->count - held + i) % MP_SPANS;
        const mp_record *r = &spans->ring[slot];
        out[i] = (mp_span){.worker = worker,
                           .job = r->job,
                           .lo = r->lo,
                           .hi = r->hi,
                           .native = r->native,
                           .start = (double)r->start * 1e-9,
                           .end = (double)r->end * 1e-9};
        memcpy(out[i].kernel, spans->names[slot], sizeof out[i].kernel);
    }
    pthread_mutex_unlock(&spans->lock);
    return (int)held;
}
