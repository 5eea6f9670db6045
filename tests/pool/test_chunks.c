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
    mp_native native;
    mp_job_ops ops;
    mp_job job;
    _Atomic int *taken; /* atomic; how often each item was taken */
} rig;

static int32_t no_code(mp_frame *frame)
{
    (void)frame;
    return MP_NATIVE_DONE;
}

/* `shared`: the job is one whose items are shared where there are many. */
static rig *make_rig(int64_t first, int64_t end, bool shared)
{
    rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->workers = calloc(WORKERS + 1, sizeof *r->workers);
    r->taken = calloc((size_t)end + 1, sizeof *r->taken);
    assert_true(r->workers != NULL && r->taken != NULL);
    r->pool.nworkers = WORKERS;
    r->pool.workers = r->workers;
    assert_int_equal(pthread_mutex_init(&r->pool.lock, NULL), 0);
    r->job.end = end;
    r->job.grain = 1024;
    r->job.pool = &r->pool;
    r->job.ops = &r->ops;
    r->ops.stateless = shared;
    if (shared) {
        r->native.code = no_code;
        r->job.native = &r->native;
    }
    atomic_init(&r->job.next, first);
    mp__job_share(&r->job);
    assert_int_equal(r->job.nshares,
                     shared && end >= 32768 ? r->pool.nworkers : 1);
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
    pthread_mutex_destroy(&r->pool.lock);
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

static void take_every_item(bool shared)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 10, 1000, 54321};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t first = sizes[k] / 3, items = 0;
        rig *r = make_rig(first, sizes[k], shared);
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
}

static void every_item_is_taken_once(void **data)
{
    take_every_item(false);
    take_every_item(true);
    (void)data;
}

/* Who comes begins with a share of its own, and takes of the others' then. */
static void workers_begin_apart(void **data)
{
    enum { END = 3 * 1024 * 100 };
    rig *r = make_rig(0, END, true);
    mp_chunks chunks[WORKERS];
    for (int k = 0; k < WORKERS; k++) {
        /* The second is like the first, as who helps is. */
        mp__chunks_init(&chunks[k], &r->workers[k == 1 ? 0 : k], &r->job);
        assert_true(mp__chunks_next(&chunks[k]));
        assert_int_equal(chunks[k].lo, (k == 1 ? 1 : k) * END / WORKERS);
    }
    mp_chunks late;
    mp__chunks_init(&late, &r->workers[1], &r->job);
    assert_in_range(late.share, 0, WORKERS - 1);
    int64_t items = WORKERS;
#ifdef MP_HARD
    (void)items;
#else
    while (mp__chunks_next(&chunks[0]))
        items += chunks[0].hi - chunks[0].lo;
    assert_int_equal(items, END);
    assert_true(mp__job_exhausted(&r->job));
#endif
    free_rig(r);
    (void)data;
}

/* So each finds in its CPU's caches what it had there in the last job. */
static void who_helps_has_a_share_of_its_own(void **data)
{
    rig *r = make_rig(0, 60000, true);
    r->job.attended = true;
    r->job.ops = &r->ops;
    for (int turn = 0; turn < 2; turn++) {
        mp__job_share(&r->job);
        for (int k = 0; k < r->job.nshares; k++)
            atomic_store(&r->job.shares[k].begun, false);
        /* Whoever comes first. */
        int helper =
            turn == 0 ? mp__job_begin_share(&r->job, WORKERS, true) : 0;
        assert_int_equal(mp__job_begin_share(&r->job, 2, false), 1);
        assert_int_equal(mp__job_begin_share(&r->job, 1, false), 2);
        if (turn == 1)
            helper = mp__job_begin_share(&r->job, WORKERS, true);
        assert_int_equal(helper, 0);
        /* None is left. */
        assert_int_equal(mp__job_begin_share(&r->job, 0, false), 1);
    }
    free_rig(r);
    (void)data;
}

static void chunks_grow_but_not_past_a_share(void **data)
{
    rig *r = make_rig(0, 100000, false);
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
    rig *r = make_rig(0, 1000, false);
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
    rig *r = make_rig(0, WORKERS, false);
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
    rig *r = make_rig(0, 10, false);
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
        cmocka_unit_test(workers_begin_apart),
        cmocka_unit_test(who_helps_has_a_share_of_its_own),
        cmocka_unit_test(chunks_grow_but_not_past_a_share),
        cmocka_unit_test(a_stopped_job_gives_no_more),
        cmocka_unit_test(a_pinned_item_is_the_workers_own),
        cmocka_unit_test(an_abort_counts_the_chunk_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
