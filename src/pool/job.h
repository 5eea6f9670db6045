/* Jobs: an index space that workers cut into chunks, from the call that
 * queues it to its end.
 *
 * A job has one caller's reference and, until it has ended, one of the pool.
 * What is specific to map, run, reduce or call lives in a struct that begins
 * with an mp_job, behind the function table `ops`. Its `work` decides how
 * items are computed; this is where a compiled kernel takes the place of an
 * interpreted one. */
#ifndef MP_POOL_JOB_H
#define MP_POOL_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "moonpool.h"
#include "native/native.h"
#include "pool/args.h"

struct mp_worker;

typedef struct mp_job_ops {
    /* Worker thread, on several workers at once: takes chunks by
     * mp_chunks_next() until there are none. */
    mp_status (*work)(struct mp_worker *worker, mp_job *job, mp_error *err);
    /* Worker thread, once, after all work has succeeded; or NULL. */
    mp_status (*finish)(struct mp_worker *worker, mp_job *job, mp_error *err);
    /* Frees what the job has beyond mp_job; any thread; or NULL. */
    void (*destroy)(mp_job *job);
    /* Compiled, `work` takes chunks in any order, and needs no Lua state but
     * for a replay, and `finish` none: then they are called by threads that
     * help as well, see help.c. */
    bool stateless;
} mp_job_ops;

/* A job has no more shares. */
#define MP_SHARES 16

/* A part of a job's items. A worker begins with one that nobody has begun, and
 * then takes of the others': so it reads memory in one place, and in the next
 * job of as many items finds in its caches what it did in this one. */
typedef struct mp_share {
    _Atomic int64_t next; /* atomic; the first item nobody has taken */
    int64_t end;          /* fixed when queued */
    _Atomic bool begun;   /* atomic */
    char apart[40];       /* a share has a line of the caches */
} mp_share;

struct mp_job {
    const mp_job_ops *ops; /* fixed after new */
    mp_pool *pool;         /* fixed after new; retained */
    mp_kernel *kernel;     /* fixed after new; retained, or NULL */
    mp_args args;          /* fixed after new */
    uint64_t id;           /* fixed after new */
    uintptr_t tag;         /* fixed after new */
    bool pinned;           /* fixed after new; item k is for worker k only */
    bool notify;           /* fixed after new */
    double timeout;        /* fixed after new; seconds, 0: none */
    mp_native *native;     /* fixed after new; retained, or NULL */
    int64_t end;           /* fixed after new; number of items */
    int64_t grain;         /* fixed after new; of shares, see mp__job_share() */

    _Atomic int64_t next; /* atomic; how many items are taken; before that,
                             the first one */
    _Atomic int64_t done; /* atomic; items done */
    _Atomic int stop;     /* atomic; an mp_status; written under the lock */
    _Atomic bool handed;  /* atomic; written under the lock; see handed_lo */
    _Atomic bool over;    /* atomic; written under the lock, last of all; phase
                             is ENDED */
    _Atomic int references; /* atomic */

    /* All that follows is guarded by the pool's lock, and fixed at the end. */
    mp_phase phase;
    int active;         /* workers inside `work` or `finish` */
    bool attended;      /* the thread that waits for it may help */
    bool helped;        /* it does */
    bool queued;        /* in the pool's queue */
    bool timed;         /* in the pool's list of deadlines */
    bool finishing;     /* `finish` has been called */
    bool listed;        /* in the pool's list of ended jobs */
    char *taken;        /* owned; pinned: which workers took their item */
    int64_t deadline;   /* monotonic ns, MP_NEVER: none yet */
    int64_t help_until; /* `helped`: monotonic ns */
    int64_t handed_lo, handed_hi; /* `handed`: items to be taken first */
    mp_job *previous, *following; /* in the queue */
    mp_job *timed_previous, *timed_following;
    mp_job *ended_following;
    mp_error error;
    pthread_cond_t ended; /* signalled at the end */

    int nshares; /* fixed when queued */
    int kept;    /* fixed when queued; the first ones, which are who helps's */
    mp_share shares[MP_SHARES];

    /* Results of a probe or a reduction; written before the end. */
    mp_value *results; /* owned */
    int64_t nresults;
    int64_t first;
};

/* Zeroed memory for a job of `size` bytes with `items` items. `args` may be
 * NULL. On success the job has one reference, to be given up with
 * mp__job_release(), and `ops->destroy` will be called. */
mp_status mp__job_new(size_t size, const mp_job_ops *ops, mp_pool *pool,
                      mp_kernel *kernel, int nargs, const mp_arg *args,
                      const mp_job_options *options, mp_job **out,
                      mp_error *err);
mp_job *mp__job_retain(mp_job *job);
void mp__job_release(mp_job *job);

/* Room for results, zeroed. */
mp_status mp__job_results(mp_job *job, int64_t count, mp_error *err);

/* Cuts the items into shares, where there are 32 grains of them, each of whole
 * grains but where a probe took the first item; the job has all else that is
 * fixed. */
void mp__job_share(mp_job *job);

/* The number of a share for a worker to begin with, or for who helps: the same
 * in each job, if it is free. */
int mp__job_begin_share(mp_job *job, int worker, bool helps);

/* Whether all items are taken. */
static inline bool mp__job_exhausted(const mp_job *job)
{
    return atomic_load_explicit(&job->next, memory_order_relaxed) >= job->end &&
           !atomic_load_explicit(&job->handed, memory_order_relaxed);
}

/* Whether compiled code does the work: then `work` and `finish` are called
 * without a Lua state, see mp__worker_in_lua(). */
static inline bool mp__job_compiled(const mp_job *job)
{
    return job->native != NULL && job->native->code != NULL;
}

static inline bool mp__job_stopped(const mp_job *job)
{
    /* Relaxed: a late look costs one chunk more. */
    return atomic_load_explicit(&job->stop, memory_order_relaxed) != MP_OK;
}

#endif
