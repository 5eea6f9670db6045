/* Chunks: how a worker takes a job's items. */
#include "pool/chunks.h"

#include "pool/clock.h"
#include "pool/help.h"
#include "pool/job.h"
#include "pool/pool.h"

/* A chunk that took less than half of this is followed by one twice as large,
 * one that took more than twice of it by one half as large. */
#define CHUNK_NS INT64_C(500000)

/* A chunk is at most this part of a worker's share of what is left, so that
 * workers end at nearly the same time: this part where some items may take
 * longer than others, EVEN_PART where they do not; but no less than
 * 1/LEAST_PART of what takes CHUNK_NS, so that it is worth taking. */
#define SHARE_PART 4
#define EVEN_PART 2
#define LEAST_PART 32

/* No chunk has more items. */
#ifdef MP_HARD
#define MOST_ITEMS 1
#else
#define MOST_ITEMS (INT64_C(1) << 40)
#endif

void mp__chunks_init(mp_chunks *chunks, mp_worker *worker, mp_job *job)
{
    bool helps = worker == mp__pool_callers(worker->pool);
    *chunks = (mp_chunks){
        .worker = worker,
        .job = job,
        .share = mp__job_begin_share(job, worker->index, helps),
        .size = 1,
        .grain = 1,
        .part = SHARE_PART,
        .until = helps ? job->help_until : MP_NEVER,
        .at = -1,
    };
}

void mp__chunks_begin_with(mp_chunks *chunks, int64_t first, int64_t grain,
                           bool even)
{
    chunks->size = first < MOST_ITEMS ? first : MOST_ITEMS;
    chunks->grain = grain;
    chunks->part = even ? EVEN_PART : SHARE_PART;
}

/* Statistics: relaxed, they order nothing. */
static void add(_Atomic int64_t *counter, int64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static void note(mp_chunks *chunks, int64_t now)
{
    mp_worker *worker = chunks->worker;
    bool compiled = mp__job_compiled(chunks->job);
    add(&worker->chunks, 1);
    add(&worker->busy, now - chunks->start);
    mp_spans_add(&worker->spans, &(mp_record){.job = chunks->job->id,
                                              .kernel = chunks->job->kernel,
                                              .lo = chunks->lo,
                                              .hi = chunks->hi,
                                              .native = compiled,
                                              .start = chunks->start,
                                              .end = now});
}

/* What a chunk of `count` items has taught about the size of the next: a
 * smaller one than was wanted tells how long that one would have taken. */
static void adapt(mp_chunks *chunks, int64_t count, int64_t took)
{
    double share = (double)count / (double)chunks->size;
    if ((double)took < (double)(CHUNK_NS / 2) * share &&
        chunks->size < MOST_ITEMS)
        chunks->size *= 2;
    else if (took > CHUNK_NS * 2 && chunks->size > 1)
        chunks->size /= 2;
}

/* How many of the `left` items to take. */
static int64_t next_size(const mp_chunks *chunks, int64_t left)
{
    int64_t size = left / chunks->worker->pool->nworkers / chunks->part;
    if (size < chunks->size / LEAST_PART)
        size = chunks->size / LEAST_PART;
    if (size > chunks->size)
        size = chunks->size;
    if (size < 1)
        size = 1;
    int64_t over = size % chunks->grain;
    return over == 0 ? size : size - over + chunks->grain;
}

static bool take_pinned(mp_chunks *chunks)
{
    if (chunks->hi != 0 || mp__job_stopped(chunks->job))
        return false;
    chunks->lo = chunks->worker->index;
    chunks->hi = chunks->lo + 1;
    return true;
}

/* Takes up to `size` items of a share. */
static bool take_of(mp_chunks *chunks, int number, int64_t size)
{
    mp_share *share = &chunks->job->shares[number];
    /* Relaxed: items are independent; results are published by the lock that
     * a worker takes when it leaves the job. The look before the addition
     * keeps the counter from running over. */
    if (atomic_load_explicit(&share->next, memory_order_relaxed) >= share->end)
        return false;
    int64_t lo =
        atomic_fetch_add_explicit(&share->next, size, memory_order_relaxed);
    if (lo >= share->end)
        return false;
    chunks->lo = lo;
    chunks->hi = share->end - lo > size ? lo + size : share->end;
    add(&chunks->job->next, chunks->hi - lo);
    return true;
}

static bool take(mp_chunks *chunks)
{
    mp_job *job = chunks->job;
    if (mp__job_stopped(job))
        return false;
    /* Where one worker is alone, items are done in their order. */
    if (mp__help_take_over(job, &chunks->lo, &chunks->hi))
        return true;
    int64_t left =
        job->end - atomic_load_explicit(&job->next, memory_order_relaxed);
    int64_t size = next_size(chunks, left);
    for (int k = 0; k < job->nshares; k++) {
        if (take_of(chunks, (chunks->share + k) % job->nshares, size))
            return true;
    }
    return false;
}

bool mp__chunks_next(mp_chunks *chunks)
{
    int64_t now = mp_clock_now();
    if (chunks->hi > chunks->lo) {
        int64_t count = chunks->hi - chunks->lo;
        note(chunks, now);
        add(&chunks->worker->items, count);
        if (mp__job_compiled(chunks->job))
            add(&chunks->worker->native, count);
        add(&chunks->job->done, count);
        adapt(chunks, count, now - chunks->start);
    }
    chunks->start = now;
    mp__spread(&chunks->spread, chunks->worker, now);
    if (now <= chunks->until &&
        (chunks->job->pinned ? take_pinned(chunks) : take(chunks))) {
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

void mp__chunks_hand_over(mp_chunks *chunks, int64_t lo)
{
    mp__help_hand_over(chunks->job, lo, chunks->hi);
    chunks->hi = lo;
    chunks->until = 0;
}
