/* Time of CLOCK_MONOTONIC. */
#include "fixture.h"

#include "pool/clock.h"

static void time_goes_on(void **data)
{
    (void)data;
    int64_t before = mp_clock_now();
    usleep(2000);
    int64_t after = mp_clock_now();
    assert_true(after - before >= 2000000);
}

static void a_timespec_is_the_same_moment(void **data)
{
    (void)data;
    struct timespec ts = mp_clock_timespec(12345678901);
    assert_int_equal(ts.tv_sec, 12);
    assert_int_equal(ts.tv_nsec, 345678901);
    ts = mp_clock_timespec(0);
    assert_int_equal(ts.tv_sec + ts.tv_nsec, 0);
}

static void far_moments_are_never(void **data)
{
    (void)data;
    assert_true(mp_clock_after(-1) == MP_NEVER);
    assert_true(mp_clock_after(1e10) == MP_NEVER);
    assert_true(mp_clock_after(1.0 / 0.0) == MP_NEVER);
    assert_true(mp_clock_after(0.0 / 0.0) == MP_NEVER);
    int64_t now = mp_clock_now();
    int64_t soon = mp_clock_after(1e9);
    assert_true(soon >= now + INT64_C(1000000000) * 1000000000);
    assert_true(mp_clock_after(0) >= now);
    assert_true(mp_clock_after(1e-9) >= now);
}

static void waiting_ends_at_the_deadline(void **data)
{
    (void)data;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    assert_int_equal(mp_clock_cond_init(&cond), 0);
    pthread_mutex_lock(&lock);
    int64_t deadline = mp_clock_after(0.005);
    while (mp_clock_now() < deadline)
        mp_clock_cond_wait(&cond, &lock, deadline);
    mp_clock_cond_wait(&cond, &lock, 0); /* Long past: returns at once. */
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&cond);
    pthread_mutex_destroy(&lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_goes_on),
        cmocka_unit_test(a_timespec_is_the_same_moment),
        cmocka_unit_test(far_moments_are_never),
        cmocka_unit_test(waiting_ends_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
