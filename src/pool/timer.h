/* The pool's deadlines: one thread, started with the first of them, that
 * stops jobs whose time is up. */
#ifndef MP_POOL_TIMER_H
#define MP_POOL_TIMER_H

#include <pthread.h>

#include "moonpool.h"

typedef struct mp_timer {
    bool ending;         /* guarded by the pool's lock */
    bool started;        /* guarded by the pool's lock */
    pthread_t thread;    /* guarded by the pool's lock */
    pthread_cond_t wake; /* there is an earlier deadline, or the pool ends */
    int64_t waking;      /* guarded by the pool's lock; when it wakes */
    mp_job *first;       /* guarded by the pool's lock; jobs with a deadline */
} mp_timer;

/* Returns 0 or an error number. */
int mp__timer_init(mp_timer *timer);

/* Ends the thread; the workers have gone. */
void mp__timer_destroy(mp_timer *timer, mp_pool *pool);

/* With the pool's lock held: makes sure that the thread runs. */
mp_status mp__timer_start(mp_timer *timer, mp_pool *pool, mp_error *err);

/* With the pool's lock held: the job's time counts from now on, unless it has
 * a deadline already. */
void mp__timer_add(mp_timer *timer, mp_job *job);

/* With the pool's lock held: workers that have not left the stopped job after
 * a while are taken out of Lua, see core/escape.h. */
void mp__timer_watch(mp_timer *timer, mp_pool *pool, mp_job *job);

/* With the pool's lock held: forgets the job's deadline, if it has one. */
void mp__timer_remove(mp_timer *timer, mp_job *job);

/* Fills `err` with the error of a job whose time is up. */
void mp__timer_error(const mp_job *job, mp_error *err);

#endif
