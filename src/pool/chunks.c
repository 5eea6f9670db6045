/* Chunks: how a worker takes a job's items. */
#include "pool/chunks.h"

#include "pool/clock.h"
#include "pool/job.h"
#include "pool/pool.h"

/* A chunk that took less than half of this is followed by one twice as large,
 * one that took more than twice of it by one half as large. */
#define CHUNK_NS INT64_C(500000)

/* No chunk is more than this part of a worker's share. */
#define CHUNK_PART 8

void mp__chunks_init(mp_chunks *chunks, mp_worker *worker, mp_job *job)
{
    int64_t most = job->end / worker->pool->nworkers / CHUNK_PART;
#ifdef MP_HARD
    most = 1;
#endif
    *chunks = (mp_chunks){
        .worker = worker,
        .job = job,
        .size = 1,
        .most = most < 1 || job->pinned ? 1 : most,
        .at = -1,
    };
}

/* Statistics: relaxed, they order nothing. */
static void add(_Atomic int64_t *counter, int64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static void note(mp_chunks *chunks, int64_t now)
{
    mp_worker *worker = chunks->worker;
    add(&worker->chunks, 1);
    add(&worker->busy, now - chunks->start);
    mp_spans_add(&worker->spans, &(mp_record){.job = chunks->job->id,
                                              .kernel = chunks->job->kernel,
                                              .lo = chunks->lo,
                                              .hi = chunks->hi,
                                              .start = chunks->start,
                                              .end = now});
}

static void adapt(mp_chunks *chunks, int64_t took)
{
    if (took < CHUNK_NS / 2)
        chunks->size *= 2;
    else if (took > CHUNK_NS * 2)
        chunks->size /= 2;
    if (chunks->size > chunks->most)
        chunks->size = chunks->most;
    if (chunks->size < 1)
        chunks->size = 1;
}

static bool take_pinned(mp_chunks *chunks)
{
    if (chunks->hi != 0 || mp__job_stopped(chunks->job))
        return false;
    chunks->lo = chunks->worker->index;
    chunks->hi = chunks->lo + 1;
    return true;
}

static bool take(mp_chunks *chunks)
{
    mp_job *job = chunks->job;
    if (mp__job_stopped(job))
        return false;
    /* Relaxed: items are independent; results are published by the lock that
     * a worker takes when it leaves the job. The look before the addition
     * keeps the counter from running over. */
    if (atomic_load_explicit(&job->next, memory_order_relaxed) >= job->end)
        return false;
    int64_t lo = atomic_fetch_add_explicit(&job->next, chunks->size,
                                           memory_order_relaxed);
    if (lo >= job->end)
        return false;
    chunks->lo = lo;
    chunks->hi = job->end - lo > chunks->size ? lo + chunks->size : job->end;
    return true;
}

bool mp__chunks_next(mp_chunks *chunks)
{
    int64_t now = mp_clock_now();
    if (chunks->hi > chunks->lo) {
        int64_t count = chunks->hi - chunks->lo;
        note(chunks, now);
        add(&chunks->worker->items, count);
        add(&chunks->job->done, count);
        adapt(chunks, now - chunks->start);
    }
    chunks->start = now;
    if (chunks->job->pinned ? take_pinned(chunks) : take(chunks)) {
        chunks->at = chunks->lo;
        return true;
    }
    chunks->lo = chunks->hi;
    chunks->at = -1;
    return false;
}

void mp__chunks_abort(mp_chunks *chunks)
{
    if (chunks->hi > chunks->lo)
        note(chunks, mp_clock_now());
}
