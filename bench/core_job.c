/* A job that does nothing but take chunks. */
#include "core_job.h"

#include "pool/chunks.h"
#include "pool/job.h"
#include "pool/pool.h"

static mp_status take_all(mp_worker *worker, mp_job *job, mp_error *err)
{
    (void)err;
    mp_chunks chunks;
    mp__chunks_init(&chunks, worker, job);
    while (mp__chunks_next(&chunks))
        chunks.size = 1; /* Chunks of nothing would grow without end. */
    return MP_OK;
}

static const mp_job_ops chunks_ops = {.work = take_all};

mp_status bench_chunks_start(mp_pool *pool, int64_t count, mp_job **out,
                             mp_error *err)
{
    mp_job *job;
    mp_status status = mp__job_new(sizeof *job, &chunks_ops, pool, NULL, 0,
                                   NULL, NULL, &job, err);
    if (status != MP_OK)
        return status;
    job->end = count;
    return mp__pool_queue(pool, job, NULL, out, err);
}
