/* Idle workers leave the CPU of a thread that is at work. */
#include "pool/spread.h"

#include <sched.h>
#include <stddef.h>

#include "pool/pool.h"
#include "pool/queue.h"
#include "pool/worker.h"

/* By then a worker that was called has come, if nothing is in its way. */
#define FIRST_LOOK_NS INT64_C(50000)

void mp__spread_push(pid_t id, int cpu)
{
    cpu_set_t all, others;
    if (cpu < 0)
        return;
    size_t left = (size_t)cpu;
    /* It fails where there are more CPUs than a set holds: so be it. */
    if (sched_getaffinity(id, sizeof all, &all) != 0 || !CPU_ISSET(left, &all))
        return;
    others = all;
    CPU_CLR(left, &others);
    /* Who is awake is moved at once, and back by nobody. */
    if (CPU_COUNT(&others) > 0 &&
        sched_setaffinity(id, sizeof others, &others) == 0)
        sched_setaffinity(id, sizeof all, &all);
}

static void look(mp_pool *pool, int cpu)
{
    pthread_mutex_lock(&pool->lock);
    bool missed = !mp__queue_full(pool) && !pool->stopping;
    for (int i = 0; missed && i < pool->nworkers; i++) {
        const mp_worker *worker = &pool->workers[i];
        if (worker->job == NULL && worker->id != 0 && worker->cpu == cpu)
            mp__spread_push(worker->id, cpu);
    }
    pthread_mutex_unlock(&pool->lock);
}

void mp__spread(mp_spread *spread, mp_worker *worker, int64_t now)
{
    if (spread->interval == 0) {
        spread->interval = FIRST_LOOK_NS;
    } else if (now >= spread->look) {
        look(worker->pool, sched_getcpu());
        spread->interval *= 2;
    } else {
        return;
    }
    spread->look = now + spread->interval;
}
