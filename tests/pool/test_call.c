/* Call: one call of any Lua function, whose arguments and results are
 * messages. */
#include "fixture.h"

/* The arguments so far; `count` of them. */
typedef struct message {
    mp_message body;
    uint64_t count;
} message;

/* A call that has ended, with a reader at its results. */
typedef struct answer {
    mp_job *job;
    mp_reader reader;
    uint64_t count; /* of results */
} answer;

static mp_item read_item(mp_reader *reader, mp_tag tag)
{
    mp_item item;
    mp_error err;
    assert_ok(mp_message_next(reader, &item, &err), &err);
    assert_int_equal(item.tag, tag);
    return item;
}

/* Puts the count before the arguments. */
static mp_message finish(const message *m)
{
    mp_message whole = {0};
    mp_error err;
    assert_ok(mp_message_count(&whole, MP_TAG_LIST, m->count, &err), &err);
    size_t size = whole.size + m->body.size;
    whole.data = realloc(whole.data, size);
    assert_non_null(whole.data);
    if (m->body.size > 0)
        memcpy(whole.data + whole.size, m->body.data, m->body.size);
    whole.size = whole.capacity = size;
    return whole;
}

static mp_job *start(mp_pool *pool, const char *source, const message *m,
                     const mp_call_spec *more)
{
    mp_error err;
    mp_job *job;
    mp_message whole = finish(m);
    mp_call_spec spec = *more;
    spec.kernel = make_kernel(source);
    spec.message = whole.data;
    spec.size = whole.size;
    assert_ok(mp_call_start(pool, &spec, NULL, &job, &err), &err);
    mp_kernel_release(spec.kernel);
    mp_message_destroy(&whole);
    assert_true(mp_job_wait(job, -1));
    return job;
}

static answer call(mp_pool *pool, const char *source, const message *m)
{
    size_t size;
    mp_job *job = start(pool, source, m, &(mp_call_spec){0});
    assert_ok(mp_job_status(job), mp_job_error(job));
    const char *data = mp_job_message(job, 0, &size);
    answer a = {.job = job, .reader = {data, data + size}};
    a.count = read_item(&a.reader, MP_TAG_LIST).as.count;
    return a;
}

static void call_fails(mp_pool *pool, const char *source, const message *m,
                       const char *text)
{
    mp_error err;
    mp_job *job = start(pool, source, m, &(mp_call_spec){0});
    assert_fails(end_job(job, &err), MP_LUA, &err, text);
}

static void end_answer(answer *a)
{
    assert_ptr_equal(a->reader.at, a->reader.end);
    mp_job_free(a->job);
}

static const message nothing = {0};

static void scalars_go_there_and_back(void **data)
{
    message m = {.count = 6};
    mp_error err;
    mp_message_tag(&m.body, MP_TAG_NIL, &err);
    mp_message_tag(&m.body, MP_TAG_TRUE, &err);
    mp_message_int(&m.body, INT64_MIN, &err);
    mp_message_float(&m.body, -0.5, &err);
    mp_message_string(&m.body, "a\0\xff", 3, &err);
    mp_message_tag(&m.body, MP_TAG_FALSE, &err);
    answer a = call(*data,
                    "function(...) assert(select('#', ...) == 6) "
                    "return ... end",
                    &m);
    assert_int_equal(a.count, 6);
    read_item(&a.reader, MP_TAG_NIL);
    read_item(&a.reader, MP_TAG_TRUE);
    assert_true(read_item(&a.reader, MP_TAG_INT).as.i == INT64_MIN);
    assert_true(read_item(&a.reader, MP_TAG_FLOAT).as.f == -0.5);
    assert_memory_equal(read_item(&a.reader, MP_TAG_STRING).as.s.data,
                        "a\0\xff", 3);
    read_item(&a.reader, MP_TAG_FALSE);
    end_answer(&a);
    mp_message_destroy(&m.body);
}

static void nothing_goes_there_and_back(void **data)
{
    answer a = call(*data, "function(...) assert(select('#', ...) == 0) end",
                    &nothing);
    assert_int_equal(a.count, 0);
    end_answer(&a);
}

/* [[], {}, [1, [2]]] comes back as it was, an empty dict as a dict. */
static void nested_tables_go_there_and_back(void **data)
{
    message m = {.count = 1};
    mp_error err;
    mp_message_count(&m.body, MP_TAG_LIST, 3, &err);
    mp_message_count(&m.body, MP_TAG_LIST, 0, &err);
    mp_message_count(&m.body, MP_TAG_DICT, 0, &err);
    mp_message_count(&m.body, MP_TAG_LIST, 2, &err);
    mp_message_int(&m.body, 1, &err);
    mp_message_count(&m.body, MP_TAG_LIST, 1, &err);
    mp_message_int(&m.body, 2, &err);
    answer a = call(*data,
                    "function(t) assert(#t == 3 and #t[1] == 0 and "
                    "next(t[2]) == nil and t[3][2][1] == 2) return t "
                    "end",
                    &m);
    assert_int_equal(read_item(&a.reader, MP_TAG_LIST).as.count, 3);
    assert_int_equal(read_item(&a.reader, MP_TAG_LIST).as.count, 0);
    assert_int_equal(read_item(&a.reader, MP_TAG_DICT).as.count, 0);
    assert_int_equal(read_item(&a.reader, MP_TAG_LIST).as.count, 2);
    read_item(&a.reader, MP_TAG_INT);
    assert_int_equal(read_item(&a.reader, MP_TAG_LIST).as.count, 1);
    read_item(&a.reader, MP_TAG_INT);
    end_answer(&a);
    mp_message_destroy(&m.body);
}

/* What makes a table a dict is the same for all of them. */
static void the_metatable_of_dicts_is_locked(void **data)
{
    message m = {.count = 1};
    mp_error err;
    mp_message_count(&m.body, MP_TAG_DICT, 0, &err);
    answer a = call(*data,
                    "function(t) assert(getmetatable(t) == false) "
                    "assert(not pcall(setmetatable, t, {})) return t end",
                    &m);
    assert_int_equal(read_item(&a.reader, MP_TAG_DICT).as.count, 0);
    end_answer(&a);
    mp_message_destroy(&m.body);
}

static void dicts_have_any_scalar_as_a_key(void **data)
{
    message m = {.count = 1};
    mp_error err;
    mp_message_count(&m.body, MP_TAG_DICT, 3, &err);
    mp_message_string(&m.body, "k", 1, &err);
    mp_message_int(&m.body, 10, &err);
    mp_message_int(&m.body, 5, &err);
    mp_message_int(&m.body, 20, &err);
    mp_message_tag(&m.body, MP_TAG_TRUE, &err);
    mp_message_int(&m.body, 30, &err);
    answer a = call(*data,
                    "function(d) return d.k + d[5] + d[true], "
                    "{x = {y = 1}}, {1, 2, nil, 4} end",
                    &m);
    assert_int_equal(read_item(&a.reader, MP_TAG_INT).as.i, 60);
    assert_int_equal(read_item(&a.reader, MP_TAG_DICT).as.count, 1);
    read_item(&a.reader, MP_TAG_STRING);
    assert_int_equal(read_item(&a.reader, MP_TAG_DICT).as.count, 1);
    read_item(&a.reader, MP_TAG_STRING);
    read_item(&a.reader, MP_TAG_INT);
    read_item(&a.reader, MP_TAG_DICT); /* It has a hole. */
    for (int i = 0; i < 6; i++)
        read_item(&a.reader, MP_TAG_INT);
    end_answer(&a);
    mp_message_destroy(&m.body);
}

static void arrays_are_lent(void **data)
{
    double numbers[] = {1, 2, 3};
    message m = {.count = 2};
    mp_error err;
    size_t size;
    mp_message_count(&m.body, MP_TAG_ARRAY, 1, &err);
    mp_message_count(&m.body, MP_TAG_ARRAY, 0, &err);
    mp_view views[] = {vector(numbers, MP_FLOAT64, 3),
                       vector(numbers, MP_FLOAT64, 2)};
    mp_job *job = start(*data,
                        "function(a, b) a[1] = 50 assert(#a == 2 and "
                        "#b == 3 and b[1] == 50) return b, {a} end",
                        &m, &(mp_call_spec){.nviews = 2, .views = views});
    assert_ok(mp_job_status(job), mp_job_error(job));
    assert_true(numbers[0] == 50);
    const char *bytes = mp_job_message(job, 0, &size);
    mp_reader reader = {bytes, bytes + size};
    assert_int_equal(read_item(&reader, MP_TAG_LIST).as.count, 2);
    assert_int_equal(read_item(&reader, MP_TAG_ARRAY).as.count, 0);
    assert_int_equal(read_item(&reader, MP_TAG_LIST).as.count, 1);
    assert_int_equal(read_item(&reader, MP_TAG_ARRAY).as.count, 1);
    mp_job_free(job);
    mp_message_destroy(&m.body);
}

static void bad_results_are_errors(void **data)
{
    call_fails(*data, "function() return print or error end", &nothing,
               "counterpart");
    call_fails(*data, "function() return coroutine.create(error) end", &nothing,
               "counterpart");
    call_fails(*data, "function() return {[{}] = 1} end", &nothing,
               "table as a key");
    call_fails(*data, "function() local t = {} t[1] = t return t end", &nothing,
               "contains itself");
    call_fails(*data,
               "function() local t = {} for i = 1, 101 do t = {t} end "
               "return t end",
               &nothing, "levels");
    call_fails(*data, "function() error('as such') end", &nothing, "as such");
    call_fails(*data, "return 1", &nothing, "one function");
    assert_works(*data);
}

static void deep_nesting_has_a_limit(void **data)
{
    mp_error err;
    for (int depth = 95; depth <= 105; depth++) {
        message m = {.count = 1};
        for (int i = 0; i < depth; i++)
            mp_message_count(&m.body, MP_TAG_LIST, 1, &err);
        mp_message_int(&m.body, 1, &err);
        mp_job *job =
            start(*data, "function(t) return 1 end", &m, &(mp_call_spec){0});
        mp_status status = end_job(job, &err);
        assert_int_equal(status, depth < MP_MAX_DEPTH ? MP_OK : MP_LUA);
        mp_message_destroy(&m.body);
    }
}

/* Whatever the bytes, the call ends. */
static void broken_messages_are_errors(void **data)
{
    uint64_t seed = 3;
    mp_kernel *kernel = make_kernel("function(...) return ... end");
    for (int round = 0; round < 500; round++) {
        char bytes[48] = {MP_TAG_LIST, (char)(round % 5)};
        mp_error err;
        mp_job *job;
        for (size_t i = 9; i < sizeof bytes; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            bytes[i] = (char)((seed >> 40) % (seed >> 60 < 14 ? 10 : 256));
            if (i % 9 > 2)
                bytes[i] = 0;
        }
        mp_call_spec spec = {
            .kernel = kernel, .message = bytes, .size = (size_t)(round % 49)};
        assert_ok(mp_call_start(*data, &spec, NULL, &job, &err), &err);
        mp_status status = end_job(job, &err);
        assert_true(status == MP_OK || status == MP_LUA);
    }
    mp_kernel_release(kernel);
    assert_works(*data);
}

static void a_count_that_lies_is_an_error(void **data)
{
    message m = {.count = 1};
    mp_error err;
    mp_message_count(&m.body, MP_TAG_LIST, UINT64_MAX, &err);
    call_fails(*data, "function(t) end", &m, "broken");
    mp_message_destroy(&m.body);
    m = (message){.count = 201};
    call_fails(*data, "function(t) end", &m, "200 arguments");
    m = (message){.count = 1};
    mp_message_count(&m.body, MP_TAG_ARRAY, 0, &err);
    call_fails(*data, "function(t) end", &m, "broken");
    mp_message_destroy(&m.body);
}

static void keys_must_be_possible(void **data)
{
    mp_error err;
    for (int nan = 0; nan <= 1; nan++) {
        message m = {.count = 1};
        mp_message_count(&m.body, MP_TAG_DICT, 1, &err);
        if (nan == 1)
            mp_message_float(&m.body, 0.0 / 0.0, &err);
        else
            mp_message_tag(&m.body, MP_TAG_NIL, &err);
        mp_message_int(&m.body, 1, &err);
        call_fails(*data, "function(t) end", &m, "cannot be keys");
        mp_message_destroy(&m.body);
    }
}

static void a_broadcast_reaches_every_worker(void **data)
{
    mp_pool *pool = make_pool(5);
    mp_job *job = start(pool, "function() return num.worker() end", &nothing,
                        &(mp_call_spec){.broadcast = true});
    assert_ok(mp_job_status(job), mp_job_error(job));
    for (int i = 0; i < 5; i++) {
        size_t size;
        const char *bytes = mp_job_message(job, i, &size);
        mp_reader reader = {bytes, bytes + size};
        assert_int_equal(read_item(&reader, MP_TAG_LIST).as.count, 1);
        assert_int_equal(read_item(&reader, MP_TAG_INT).as.i, i + 1);
    }
    mp_job_free(job);
    mp_error err;
    job = start(pool,
                "function() if num.worker() == 3 then error('three') "
                "end end",
                &nothing, &(mp_call_spec){.broadcast = true});
    assert_fails(end_job(job, &err), MP_LUA, &err, "three");
    assert_works(pool);
    mp_pool_free(pool);
    (void)data;
}

/* Results are bounded as the rest of a worker's memory is. */
static void results_have_a_limit(void **data)
{
    mp_pool_options options;
    mp_pool *pool;
    mp_error err;
    mp_pool_options_init(&options);
    options.workers = 1;
    options.memory_limit = (size_t)1 << 20;
    assert_ok(mp_pool_new(&options, &pool, &err), &err);
    mp_job *job = start(pool,
                        "function() local s = ('x'):rep(100000) "
                        "local t = {} for i = 1, 100 do t[i] = s end "
                        "return t end",
                        &nothing, &(mp_call_spec){0});
    mp_status status = end_job(job, &err);
    assert_true(status == MP_LUA || status == MP_LUA_MEMORY);
    assert_non_null(strstr(err.message, "memory"));
    assert_works(pool);
    mp_pool_free(pool);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(scalars_go_there_and_back),
        POOL_TEST(nothing_goes_there_and_back),
        POOL_TEST(nested_tables_go_there_and_back),
        POOL_TEST(dicts_have_any_scalar_as_a_key),
        POOL_TEST(the_metatable_of_dicts_is_locked),
        POOL_TEST(arrays_are_lent),
        POOL_TEST(bad_results_are_errors),
        POOL_TEST(deep_nesting_has_a_limit),
        POOL_TEST(broken_messages_are_errors),
        POOL_TEST(a_count_that_lies_is_an_error),
        POOL_TEST(keys_must_be_possible),
        cmocka_unit_test(a_broadcast_reaches_every_worker),
        cmocka_unit_test(results_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
