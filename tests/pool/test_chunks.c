/* Chunks: workers that take items at once take each exactly once. */
#include "fixture.h"

#include <pthread.h>

#include "pool/chunks.h"
#include "pool/job.h"
#include "pool/pool.h"

#define WORKERS 3

/* A pool and a job without threads or Lua: enough to hand out items. */
typedef struct rig {
    mp_pool pool;
    mp_worker *workers;
    mp_job job;
    _Atomic int *taken; /* atomic; how often each item was taken */
} rig;

static rig *make_rig(int64_t first, int64_t end)
{
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->workers = calloc(WORKERS, sizeof *r->workers);
    r->taken = calloc((size_t)end + 1, sizeof *r->taken);
    assert_true(r->workers != NULL && r->taken != NULL);
    r->pool.nworkers = WORKERS;
    r->job.end = end;
    atomic_init(&r->job.next, first);
    for (int i = 0; i < WORKERS; i++) {
        r->workers[i].pool = &r->pool;
        r->workers[i].index = i;
        assert_int_equal(mp_spans_init(&r->workers[i].spans), 0);
    }
    return r;
}

static void free_rig(rig *r)
{
    for (int i = 0; i < WORKERS; i++)
        mp_spans_destroy(&r->workers[i].spans);
    free(r->workers);
    free(r->taken);
    free(r);
}

typedef struct taker {
    rig *rig;
    mp_worker *worker;
    pthread_t thread;
} taker;

static void *take_all(void *ud)
{
    taker *t = ud;
    mp_chunks chunks;
    mp__chunks_init(&chunks, t->worker, &t->rig->job);
    while (mp__chunks_next(&chunks)) {
        for (int64_t i = chunks.lo; i < chunks.hi; i++)
            atomic_fetch_add(&t->rig->taken[i], 1);
    }
    return NULL;
}

static void every_item_is_taken_once(void **data)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 10, 1000, 54321};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t first = sizes[k] / 3, items = 0;
        rig *r = make_rig(first, sizes[k]);
        taker takers[WORKERS];
        for (int i = 0; i < WORKERS; i++) {
            takers[i] = (taker){.rig = r, .worker = &r->workers[i]};
            assert_int_equal(
                pthread_create(&takers[i].thread, NULL, take_all, &takers[i]),
                0);
        }
        for (int i = 0; i < WORKERS; i++) {
            pthread_join(takers[i].thread, NULL);
            items += atomic_load(&r->workers[i].items);
        }
        for (int64_t i = 0; i < sizes[k]; i++)
            assert_int_equal(r->taken[i], i >= first);
        assert_int_equal(items, sizes[k] - first);
        free_rig(r);
    }
    (void)data;
}

static void chunks_grow_but_not_past_a_share(void **data)
{
    rig *r = make_rig(0, 100000);
    mp_chunks chunks;
    int64_t largest = 0, count = 0;
    mp__chunks_init(&chunks, &r->workers[0], &r->job);
    while (mp__chunks_next(&chunks)) {
        int64_t size = chunks.hi - chunks.lo;
        assert_int_equal(chunks.at, chunks.lo);
        assert_true(count > 0 || size == 1);
        largest = size > largest ? size : largest;
        count++;
    }
    assert_true(largest <= 100000 / WORKERS);
#ifdef MP_HARD
    assert_int_equal(largest, 1);
#else
    assert_true(largest > 1);
#endif
    assert_int_equal(atomic_load(&r->workers[0].chunks), count);
    assert_int_equal(chunks.at, -1);
    assert_false(mp__chunks_next(&chunks));
    free_rig(r);
    (void)data;
}

static void a_stopped_job_gives_no_more(void **data)
{
    rig *r = make_rig(0, 1000);
    mp_chunks chunks;
    mp__chunks_init(&chunks, &r->workers[0], &r->job);
    assert_true(mp__chunks_next(&chunks));
    atomic_store(&r->job.stop, MP_CANCELLED);
    assert_false(mp__chunks_next(&chunks));
    assert_int_equal(atomic_load(&r->workers[0].chunks), 1);
    free_rig(r);
    (void)data;
}

static void a_pinned_item_is_the_workers_own(void **data)
{
    rig *r = make_rig(0, WORKERS);
    r->job.pinned = true;
    for (int i = WORKERS - 1; i >= 0; i--) {
        mp_chunks chunks;
        mp__chunks_init(&chunks, &r->workers[i], &r->job);
        assert_true(mp__chunks_next(&chunks));
        assert_int_equal(chunks.lo, i);
        assert_int_equal(chunks.hi, i + 1);
        assert_false(mp__chunks_next(&chunks));
        assert_int_equal(atomic_load(&r->workers[i].items), 1);
    }
    free_rig(r);
    (void)data;
}

static void an_abort_counts_the_chunk_only(void **data)
{
    rig *r = make_rig(0, 10);
    mp_chunks chunks;
    mp__chunks_init(&chunks, &r->workers[0], &r->job);
    mp__chunks_abort(&chunks);
    assert_int_equal(atomic_load(&r->workers[0].chunks), 0);
    assert_true(mp__chunks_next(&chunks));
    mp__chunks_abort(&chunks);
    assert_int_equal(atomic_load(&r->workers[0].chunks), 1);
    assert_int_equal(atomic_load(&r->workers[0].items), 0);
    free_rig(r);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_taken_once),
        cmocka_unit_test(chunks_grow_but_not_past_a_share),
        cmocka_unit_test(a_stopped_job_gives_no_more),
        cmocka_unit_test(a_pinned_item_is_the_workers_own),
        cmocka_unit_test(an_abort_counts_the_chunk_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
