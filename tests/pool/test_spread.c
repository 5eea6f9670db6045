/* Where threads run: who is in the way goes, and may come back. */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>

#include "pool/clock.h"
#include "pool/pool.h"
#include "pool/spread.h"

static cpu_set_t mask_of(pid_t id)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(id, sizeof set, &set), 0);
    return set;
}

static void set_mask(pid_t id, const cpu_set_t *set)
{
    assert_int_equal(sched_setaffinity(id, sizeof *set, set), 0);
}

/* A thread that is awake, or asleep, until it is told to end. */
typedef struct sleeper {
    pthread_t thread;
    _Atomic pid_t id;
    _Atomic int cpu;
    _Atomic bool awake, ending;
} sleeper;

static void *stay(void *ud)
{
    sleeper *s = ud;
    atomic_store(&s->id, gettid());
    while (!atomic_load(&s->ending)) {
        if (atomic_load(&s->awake))
            atomic_store(&s->cpu, sched_getcpu());
        else
            usleep(1000);
    }
    return NULL;
}

static void begin(sleeper *s, bool awake)
{
    memset(s, 0, sizeof *s);
    atomic_store(&s->awake, awake);
    atomic_store(&s->cpu, -1);
    assert_int_equal(pthread_create(&s->thread, NULL, stay, s), 0);
    while (atomic_load(&s->id) == 0 || (awake && atomic_load(&s->cpu) < 0))
        usleep(100);
}

static void end(sleeper *s)
{
    atomic_store(&s->ending, true);
    pthread_join(s->thread, NULL);
}

static void it_goes_to_another_cpu(void **data)
{
    sleeper s;
    cpu_set_t all = mask_of(0);
    if (CPU_COUNT(&all) < 2)
        skip();
    begin(&s, true);
    /* The scheduler may put it back for reasons of its own. */
    bool went = false;
    for (int k = 0; k < 100 && !went; k++) {
        int cpu = atomic_load(&s.cpu);
        mp__spread_push(s.id, cpu);
        usleep(1000);
        went = atomic_load(&s.cpu) != cpu;
    }
    assert_true(went);
    cpu_set_t after = mask_of(s.id);
    assert_true(CPU_EQUAL(&after, &all));
    end(&s);
    (void)data;
}

static void it_may_run_where_it_might_before(void **data)
{
    sleeper s;
    cpu_set_t all = mask_of(0), one;
    size_t first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    int cpu = (int)first;
    begin(&s, false);
    set_mask(s.id, &one);
    mp__spread_push(s.id, cpu);     /* there is no other one */
    mp__spread_push(s.id, cpu + 1); /* it is not there */
    mp__spread_push(s.id, -1);      /* nobody knows where */
    cpu_set_t after = mask_of(s.id);
    assert_true(CPU_EQUAL(&after, &one));
    end(&s);
    mp__spread_push(s.id, cpu); /* it is gone */
    (void)data;
}

/* Looks come after 50 us, 100 more, 200 more, and so on. */
static void looks_become_rare(void **data)
{
    mp_pool *pool = make_pool(2);
    mp_spread spread = {0};
    int looks = 0;
    int64_t last = 0;
    for (int64_t now = 1000; now < 1000000000; now += 10000) {
        mp__spread(&spread, &pool->workers[0], now);
        looks += spread.look != last;
        last = spread.look;
    }
    assert_in_range(looks, 10, 20);
    mp_pool_free(pool);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_to_another_cpu),
        cmocka_unit_test(it_may_run_where_it_might_before),
        cmocka_unit_test(looks_become_rare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
