/* Idle workers: they stay awake for a moment, in which the next job often
 * comes, and then sleep. To wake a thread up takes longer than many a job does.
 */
#ifndef MP_POOL_IDLE_H
#define MP_POOL_IDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Part of a pool, whose lock guards it. */
typedef struct mp_idle {
    bool lively;            /* fixed after init; there is a CPU for each */
    pthread_cond_t work;    /* those who sleep wait for it */
    _Atomic uint64_t calls; /* atomic; written under the lock */
    int awake;              /* guarded by lock; who will hear the next call */
} mp_idle;

/* An errno value on failure. */
int mp__idle_init(mp_idle *idle, int nworkers);
void mp__idle_destroy(mp_idle *idle);

/* With the lock held: so many workers, or all, are to look for work. */
void mp__idle_call(mp_idle *idle, int count);
void mp__idle_call_all(mp_idle *idle);

/* Worker thread, with the lock held, also at the end: waits for a call, or
 * returns for no reason. Awake for a moment, unless `lively` others are. */
void mp__idle_wait(mp_idle *idle, pthread_mutex_t *lock, int lively);

/* Any thread, without the lock: waits awake until the flag is set, or for a
 * moment only. */
void mp__idle_linger(const mp_idle *idle, const _Atomic bool *flag);

#endif
