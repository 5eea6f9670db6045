/* Threads of a pool: no signal reaches them, and their stacks are large. */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>

#include "pool/thread.h"

typedef struct look {
    sigset_t mask;
    size_t stack;
    char deep; /* the last byte of a large frame */
} look;

static void *look_around(void *ud)
{
    look *l = ud;
    pthread_attr_t attr;
    volatile char frame[3 * 1024 * 1024];
    frame[0] = frame[sizeof frame - 1] = 1;
    l->deep = frame[sizeof frame - 1];
    pthread_sigmask(SIG_SETMASK, NULL, &l->mask);
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstacksize(&attr, &l->stack);
        pthread_attr_destroy(&attr);
    }
    return NULL;
}

static void signals_are_for_other_threads(void **data)
{
    static const int signals[] = {SIGINT,  SIGTERM, SIGALRM,
                                  SIGPROF, SIGUSR1, SIGCHLD};
    pthread_t thread;
    look l = {.stack = 0};
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(mp__thread_start(&thread, look_around, &l), 0);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_int_equal(sigismember(&l.mask, signals[i]), 1);
        assert_int_equal(sigismember(&before, signals[i]),
                         sigismember(&after, signals[i]));
    }
    assert_true(l.stack >= (size_t)4 << 20);
    assert_int_equal(l.deep, 1);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_are_for_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
