/* Time: waiting by CLOCK_MONOTONIC. */
#include "pool/clock.h"

int mp_clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int code = pthread_condattr_init(&attr);
    if (code != 0)
        return code;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    code = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return code;
}

void mp_clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                        int64_t deadline)
{
    if (deadline == MP_NEVER) {
        pthread_cond_wait(cond, lock);
    } else {
        struct timespec ts = mp_clock_timespec(deadline);
        pthread_cond_timedwait(cond, lock, &ts);
    }
}
