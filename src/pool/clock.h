/* Time: nanoseconds of CLOCK_MONOTONIC, which nobody can step. */
#ifndef MP_POOL_CLOCK_H
#define MP_POOL_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define MP_NEVER INT64_MAX

static inline int64_t mp_clock_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline struct timespec mp_clock_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
                             .tv_nsec = (long)(ns % 1000000000)};
}

/* The moment `seconds` from now; MP_NEVER where that is negative or beyond
 * all reason. */
static inline int64_t mp_clock_after(double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        return MP_NEVER;
    return mp_clock_now() + (int64_t)(seconds * 1e9);
}

/* Makes a condition variable whose timed waits use CLOCK_MONOTONIC; returns
 * 0 or an error number. */
int mp_clock_cond_init(pthread_cond_t *cond);

/* Waits for `cond` until `deadline`, or without limit for MP_NEVER. */
void mp_clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                        int64_t deadline);

#endif
