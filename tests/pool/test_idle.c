/* Idle workers: awake or asleep, they hear a call. */
#include "fixture.h"

#include <pthread.h>

#include "pool/idle.h"

enum { THREADS = 4 };

/* Threads that wait, and count how often they came back. */
typedef struct test {
    mp_idle idle;
    pthread_mutex_t lock;
    int lively;        /* fixed; how many are to stay awake */
    bool ending;       /* guarded by lock */
    int waiting, came; /* guarded by lock */
    int work;          /* guarded by lock; how many are wanted */
} test;

static void *wait_for_calls(void *ud)
{
    test *t = ud;
    pthread_mutex_lock(&t->lock);
    while (!t->ending) {
        for (; t->work > 0; t->work--)
            t->came++;
        t->waiting++;
        mp__idle_wait(&t->idle, &t->lock, t->lively);
        t->waiting--;
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

/* Until `came` or `waiting` is as it should be. */
static void await(test *t, const int *what, int value)
{
    for (int k = 0; k < 20000; k++) {
        pthread_mutex_lock(&t->lock);
        bool there = *what == value;
        pthread_mutex_unlock(&t->lock);
        if (there)
            return;
        usleep(500);
    }
    fail_msg("it is not %d", value);
}

static void call(test *t, int count)
{
    pthread_mutex_lock(&t->lock);
    t->work += count;
    mp__idle_call(&t->idle, count);
    pthread_mutex_unlock(&t->lock);
}

static void with_threads(test *t, int most, bool lively, void (*body)(test *t))
{
    pthread_t threads[THREADS];
    memset(t, 0, sizeof *t);
    t->lively = most;
    assert_int_equal(mp__idle_init(&t->idle, 1), 0);
    t->idle.lively = lively;
    assert_int_equal(pthread_mutex_init(&t->lock, NULL), 0);
    for (int k = 0; k < THREADS; k++)
        assert_int_equal(pthread_create(&threads[k], NULL, wait_for_calls, t),
                         0);
    body(t);
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    mp__idle_call_all(&t->idle);
    pthread_mutex_unlock(&t->lock);
    for (int k = 0; k < THREADS; k++)
        pthread_join(threads[k], NULL);
    assert_int_equal(t->idle.awake, 0);
    pthread_mutex_destroy(&t->lock);
    mp__idle_destroy(&t->idle);
}

/* Calls come at any time, before all of the last ones have been answered. */
static void call_often(test *t)
{
    int came = 0;
    for (int k = 0; k < 2000; k++) {
        int count = 1 + k % THREADS;
        call(t, count);
        came += count;
        if (k % 50 == 0)
            await(t, &t->came, came);
    }
    await(t, &t->work, 0);
    await(t, &t->came, came);
}

static void no_call_is_lost(void **data)
{
    test t;
    with_threads(&t, 0, true, call_often);        /* all sleep */
    with_threads(&t, THREADS, true, call_often);  /* they stay awake a while */
    with_threads(&t, THREADS, false, call_often); /* they would, but for CPUs */
    with_threads(&t, 2, true, call_often);        /* some do, others sleep */
    (void)data;
}

static void wake_one_after_the_other(test *t)
{
    await(t, &t->waiting, THREADS);
    for (int k = 1; k <= 3 * THREADS; k++) {
        call(t, 1);
        await(t, &t->came, k);
        await(t, &t->waiting, THREADS);
    }
    call(t, 0);
    await(t, &t->came, 3 * THREADS);
}

static void one_comes_when_one_is_called(void **data)
{
    test t;
    with_threads(&t, 0, true, wake_one_after_the_other);
    with_threads(&t, THREADS, true, wake_one_after_the_other);
    (void)data;
}

static void who_lingers_sees_the_flag(void **data)
{
    mp_idle idle;
    _Atomic bool flag;
    atomic_init(&flag, true);
    assert_int_equal(mp__idle_init(&idle, 1), 0);
    assert_true(idle.lively);
    mp__idle_linger(&idle, &flag);
    atomic_store(&flag, false);
    mp__idle_linger(&idle, &flag); /* It does not wait for ever. */
    mp__idle_destroy(&idle);
    (void)data;
}

static void more_workers_than_cpus_do_not_stay_awake(void **data)
{
    mp_idle idle;
    assert_int_equal(mp__idle_init(&idle, mp_worker_count(NULL) + 1), 0);
    assert_false(idle.lively);
    mp__idle_destroy(&idle);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_is_lost),
        cmocka_unit_test(one_comes_when_one_is_called),
        cmocka_unit_test(who_lingers_sees_the_flag),
        cmocka_unit_test(more_workers_than_cpus_do_not_stay_awake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
