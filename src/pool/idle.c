/* Idle workers: awake for a moment, then asleep. */
#include "pool/idle.h"

#include <sched.h>

#include "moonpool.h"
#include "pool/clock.h"

/* For so long a worker stays awake, and a caller whose job is nearly done. A
 * thread that sleeps on a CPU that sleeps too is there after 60 us, and in bad
 * cases after some milliseconds. */
#define AWAKE_NS INT64_C(200000)
#define LINGER_NS INT64_C(50000)

int mp__idle_init(mp_idle *idle, int nworkers)
{
    idle->lively = nworkers <= mp_worker_count(NULL);
    return mp_clock_cond_init(&idle->work);
}

void mp__idle_destroy(mp_idle *idle)
{
    pthread_cond_destroy(&idle->work);
}

/* Everybody who is awake hears it. */
static void call_awake(mp_idle *idle)
{
    atomic_fetch_add_explicit(&idle->calls, 1, memory_order_relaxed);
    idle->awake = 0;
}

void mp__idle_call(mp_idle *idle, int count)
{
    int asleep = count - idle->awake;
    call_awake(idle);
    for (int k = 0; k < asleep; k++)
        pthread_cond_signal(&idle->work);
}

void mp__idle_call_all(mp_idle *idle)
{
    call_awake(idle);
    pthread_cond_broadcast(&idle->work);
}

static void stay_awake(mp_idle *idle, pthread_mutex_t *lock)
{
    uint64_t before = atomic_load_explicit(&idle->calls, memory_order_relaxed);
    int64_t until = mp_clock_now() + AWAKE_NS;
    idle->awake++;
    pthread_mutex_unlock(lock);
    /* Relaxed: what there is to do is read under the lock. Others who want
     * the CPU go first. */
    while (atomic_load_explicit(&idle->calls, memory_order_relaxed) == before &&
           mp_clock_now() < until)
        sched_yield();
    pthread_mutex_lock(lock);
    if (atomic_load_explicit(&idle->calls, memory_order_relaxed) == before)
        idle->awake--;
}

void mp__idle_wait(mp_idle *idle, pthread_mutex_t *lock, int lively)
{
    if (idle->lively && idle->awake < lively)
        stay_awake(idle, lock);
    else
        pthread_cond_wait(&idle->work, lock);
}

void mp__idle_linger(const mp_idle *idle, const _Atomic bool *flag)
{
    int64_t until = mp_clock_now() + LINGER_NS;
    /* Relaxed: what it says is read again under the lock. */
    while (idle->lively && !atomic_load_explicit(flag, memory_order_relaxed) &&
           mp_clock_now() < until)
        sched_yield();
}
