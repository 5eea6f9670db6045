/* How many workers a pool has by default. */
#include "fixture.h"

#include <sched.h>

static void unset(void)
{
    unsetenv("MOONPOOL_WORKERS");
    unsetenv("OMP_NUM_THREADS");
}

static void the_environment_decides(void **data)
{
    (void)data;
    const char *why;
    unset();
    setenv("OMP_NUM_THREADS", "5", 1);
    assert_int_equal(mp_worker_count(&why), 5);
    assert_string_equal(why, "OMP_NUM_THREADS");
    setenv("MOONPOOL_WORKERS", "3", 1);
    assert_int_equal(mp_worker_count(&why), 3);
    assert_string_equal(why, "MOONPOOL_WORKERS");
    assert_int_equal(mp_worker_count(NULL), 3);
    mp_pool *pool = make_pool(0);
    assert_int_equal(mp_pool_workers(pool), 3);
    mp_pool_free(pool);
    unset();
}

static void of_a_list_the_first_counts(void **data)
{
    (void)data;
    unset();
    setenv("OMP_NUM_THREADS", "4,2,1", 1);
    assert_int_equal(mp_worker_count(NULL), 4);
    unset();
}

static void nonsense_is_ignored(void **data)
{
    (void)data;
    static const char *const texts[] = {
        "", "0", "-2", "abc", "3x", "4097", "99999999999999999999", " ", "1.5"};
    unset();
    const char *why;
    int count = mp_worker_count(&why);
    assert_true(count >= 1);
    assert_non_null(strstr(why, "CPU"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        setenv("MOONPOOL_WORKERS", texts[i], 1);
        assert_int_equal(mp_worker_count(NULL), count);
        setenv("OMP_NUM_THREADS", "2", 1);
        assert_int_equal(mp_worker_count(NULL), 2);
        setenv("OMP_NUM_THREADS", texts[i], 1);
        assert_int_equal(mp_worker_count(NULL), count);
        unset();
    }
}

static void affinity_is_kept(void **data)
{
    (void)data;
    cpu_set_t before, one;
    unset();
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &before)) {
            CPU_SET(cpu, &one);
            break;
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(mp_worker_count(NULL), 1);
    sched_setaffinity(0, sizeof before, &before);
    assert_true(mp_worker_count(NULL) <= CPU_COUNT(&before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_decides),
        cmocka_unit_test(of_a_list_the_first_counts),
        cmocka_unit_test(nonsense_is_ignored),
        cmocka_unit_test(affinity_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
