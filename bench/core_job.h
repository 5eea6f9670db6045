/* A job that does nothing but take chunks, for core_job.cc. C++ cannot read
 * the headers that it needs, which have C's atomics in them. */
#ifndef MP_BENCH_CORE_JOB_H
#define MP_BENCH_CORE_JOB_H

#include "moonpool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Queues a job whose workers take `count` chunks of one item each. The job is
 * the caller's, to free. */
mp_status bench_chunks_start(mp_pool *pool, int64_t count, mp_job **out,
                             mp_error *err);

#ifdef __cplusplus
}
#endif

#endif
