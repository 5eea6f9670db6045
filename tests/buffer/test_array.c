/* Arrays as Lua sees them. */
#include "buffer/array.h"

#include "buffer/element.h"
#include "buffer/fixture.h"
#include "buffer/view.h"

/* Binds a C-contiguous view to slot 0. */
static void *bind(fixture *f, void *data, mp_dtype dtype, int ndim,
                  const int64_t *shape)
{
    mp_view view;
    assert_int_equal(mp_view_init(&view, data, dtype, ndim, shape, NULL),
                     MP_OK);
    return mp_arrays_bind(f->arrays, 0, &view);
}

static void test_vector(void **state)
{
    fixture *f = *state;
    double data[10] = {10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
    const int64_t shape[] = {10};
    void *a = bind(f, data, MP_FLOAT64, 1, shape);
    check_run(f, a, "for i = 1, 10 do assert(a[i] == 10.0 * i) end");
    check_run(f, a, "assert(a[2.0] == 20.0 and math.type(a[2]) == 'float')");
    check_run(f, a, "assert(#a == 10 and a:size() == 10 and a:size(1) == 10)");
    check_run(f, a, "assert(a:rank() == 1 and a:dtype() == 'float64')");
    check_run(f, a, "assert(tostring(a) == 'array<float64>(10,)')");
    check_run(f, a, "a[3] = 7; a[4.0] = 2.5; a[10] = math.huge");
    assert_true(data[2] == 7 && data[3] == 2.5 && data[9] > 1e308);
    assert_true(data[1] == 20 && data[4] == 50);
    check_run(f, a,
              "assert(coroutine.wrap(function() return a[1] end)() == 10)");
}

static void test_bad_indices(void **state)
{
    fixture *f = *state;
    double data[10] = {0};
    const int64_t shape[] = {10};
    void *a = bind(f, data, MP_FLOAT64, 1, shape);
    const char *const cases[][2] = {
        {"0", "array index 0 out of bounds (1 to 10)"},
        {"-1", "array index -1 out of bounds (1 to 10)"},
        {"11", "array index 11 out of bounds (1 to 10)"},
        {"2^53", "array index 9007199254740992 out of bounds (1 to 10)"},
        {"math.mininteger",
         "array index -9223372036854775808 out of bounds (1 to 10)"},
        {"1e300", "array index 1e+300 out of bounds"},
        {"1/0", "array index inf out of bounds"},
        {"1.5", "array index 1.5 is not an integer"},
        {"-(0/0)", "nan is not an integer"},
        {"nil", "array index must be an integer, got nil"},
        {"{}", "array index must be an integer, got table"},
        {"true", "array index must be an integer, got boolean"},
    };
    char text[64];
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        snprintf(text, sizeof text, "return a[%s]", cases[k][0]);
        check_error(f, a, text, cases[k][1]);
        snprintf(text, sizeof text, "a[%s] = 1", cases[k][0]);
        check_error(f, a, text, cases[k][1]);
    }
    check_error(f, a, "return a['1']", "array has no method '1'");
    check_error(f, a, "return a:sum()", "array has no method 'sum'");
    check_error(f, a, "a['1'] = 1",
                "array index must be an integer, got string");
    check_error(f, a, "a.size = 1",
                "array index must be an integer, got string");
    check_error(f, a, "local x\nx = a[0]",
                ":2: array index 0 out of bounds (1 to 10)");
}

static void test_methods_check(void **state)
{
    fixture *f = *state;
    double data[1] = {0};
    const int64_t shape[] = {1};
    void *a = bind(f, data, MP_FLOAT64, 1, shape);
    check_error(f, a, "return a:size(0)",
                "array dimension 0 out of bounds (1 to 1)");
    check_error(f, a, "return a:size(2)",
                "array dimension 2 out of bounds (1 to 1)");
    check_error(f, a, "return a:size('1')",
                "array dimension must be an integer, got string");
    check_error(f, a, "return a.size(5)", "array expected, got number");
    check_error(f, a, "return a.rank()", "array expected, got no value");
    check_error(f, a, "return a.dtype(io.stdout)",
                "array expected, got userdata");
}

static void test_metatable(void **state)
{
    fixture *f = *state;
    double data[1] = {0};
    const int64_t shape[] = {1};
    void *a = bind(f, data, MP_FLOAT64, 1, shape);
    check_run(f, a, "assert(getmetatable(a) == false)");
    check_run(f, a, "assert(not pcall(setmetatable, a, {}))");
    /* Even who gets at the metamethods gets nothing by wrong arguments. */
    check_run(f, a,
              "local m = debug.getmetatable(a)\n"
              "assert(m.__name == 'array')\n"
              "for _, x in ipairs{0, {}, 'a', io.stdout, print, false} do\n"
              "  assert(not pcall(m.__index, x, 1))\n"
              "  assert(not pcall(m.__newindex, x, 1, 1))\n"
              "  assert(not pcall(m.__len, x))\n"
              "  assert(not pcall(m.__tostring, x))\n"
              "end\n"
              "assert(not pcall(m.__index))\n"
              "assert(not pcall(m.__index, a))\n"
              "assert(not pcall(m.__newindex, a))\n"
              "assert(not pcall(m.__newindex, a, 1))");
}

static void test_readonly(void **state)
{
    fixture *f = *state;
    double data[4] = {1, 2, 3, 4};
    mp_view view;
    const int64_t shape[] = {2, 2};
    mp_view_init(&view, data, MP_FLOAT64, 2, shape, NULL);
    view.readonly = true;
    void *a = mp_arrays_bind(f->arrays, 0, &view);
    check_error(f, a, "a[1][2] = 5", "array is read-only");
    check_error(f, a, "a[1] = 5",
                "a row of an array cannot be assigned: "
                "index it further");
    check_run(f, a, "assert(a[1][2] == 2)");
    assert_true(data[1] == 2);
}

static void test_misfits(void **state)
{
    fixture *f = *state;
    uint8_t data[2] = {1, 2};
    const int64_t shape[] = {2};
    void *a = bind(f, data, MP_UINT8, 1, shape);
    check_error(f, a, "a[1] = 3.5",
                "cannot store 3.5 in uint8: not an integer");
    check_error(f, a, "a[1] = 256",
                "cannot store 256 in uint8: out of range (0 to 255)");
    check_error(f, a, "a[1] = '5'",
                "cannot store a string in uint8: not a number");
    check_error(f, a, "a[1] = a",
                "cannot store an array in uint8: not a number");
    check_error(f, a, "a[1] = nil", "cannot store nil in uint8: not a number");
    check_run(f, a, "a[1] = 200.0");
    assert_int_equal(data[0], 200);
    a = bind(f, data, MP_BOOL, 1, shape);
    check_error(f, a, "a[1] = 1", "cannot store 1 in bool: not a boolean");
    check_run(f, a, "a[1] = true; assert(a[1] == true)");
    double number[1] = {0.5};
    const int64_t one[] = {1};
    a = bind(f, number, MP_FLOAT64, 1, one);
    check_error(f, a, "a[1] = '5'",
                "cannot store a string in float64: not a number");
    assert_true(number[0] == 0.5);
}

static void test_rank_0(void **state)
{
    fixture *f = *state;
    int32_t data[1] = {42};
    void *a = bind(f, data, MP_INT32, 0, NULL);
    check_run(f, a, "assert(a[1] == 42 and #a == 1 and a:rank() == 0)");
    check_run(f, a, "assert(a:size() == 1 and a:size(1) == 1)");
    check_run(f, a, "assert(tostring(a) == 'array<int32>()')");
    check_run(f, a, "a[1] = 43");
    assert_int_equal(data[0], 43);
    check_error(f, a, "return a[2]", "array index 2 out of bounds (1 to 1)");
}

static void test_empty(void **state)
{
    fixture *f = *state;
    const int64_t none[] = {0}, rows[] = {2, 0}, no_rows[] = {0, 2},
                  middle[] = {2, 0, 3};
    const char *message = "array index 1 out of bounds (the array is empty)";
    void *a = bind(f, NULL, MP_FLOAT32, 1, none);
    check_run(f, a, "assert(#a == 0)");
    check_error(f, a, "return a[1]", message);
    check_error(f, a, "a[1] = 1", message);
    a = bind(f, NULL, MP_FLOAT32, 2, rows);
    check_run(f, a, "assert(#a == 2 and #a[2] == 0 and a[2]:rank() == 1)");
    check_error(f, a, "return a[2][1]", message);
    a = bind(f, NULL, MP_FLOAT32, 2, no_rows);
    check_error(f, a, "return a[1]", message);
    a = bind(f, NULL, MP_FLOAT32, 3, middle);
    check_run(f, a, "assert(tostring(a[2]) == 'array<float32>(0, 3)')");
    check_error(f, a, "return a[2][1]", message);
}

static void test_rows(void **state)
{
    fixture *f = *state;
    int64_t data[24];
    for (int k = 0; k < 24; k++)
        data[k] = k;
    const int64_t shape[] = {2, 3, 4};
    void *a = bind(f, data, MP_INT64, 3, shape);
    check_run(f, a,
              "local n = 0\n"
              "for i = 1, #a do for j = 1, #a[i] do for k = 1, #a[i][j] do\n"
              "  assert(a[i][j][k] == n)\n"
              "  n = n + 1\n"
              "end end end\n"
              "assert(n == 24)");
    check_run(f, a, "assert(a:rank() == 3 and a[1]:rank() == 2)");
    check_run(f, a, "assert(a:size(3) == 4 and a[2]:size(2) == 4)");
    check_run(f, a, "assert(a[2]:size() == 3 and a[2][3]:size() == 4)");
    check_run(f, a, "assert(tostring(a) == 'array<int64>(2, 3, 4)')");
    check_run(f, a, "assert(tostring(a[1][1]) == 'array<int64>(4,)')");
    check_run(f, a, "assert(a[1] == a[1.0] and a[1] ~= a[2])");
    check_run(f, a, "a[2][3][4] = -1");
    assert_int_equal(data[23], -1);
    const char *assign = "a row of an array cannot be assigned: "
                         "index it further";
    check_error(f, a, "a[1] = 1", assign);
    check_error(f, a, "a[1][1] = 1", assign);
    check_error(f, a, "a[3] = 1", "array index 3 out of bounds (1 to 2)");
    check_error(f, a, "return a[3]", "array index 3 out of bounds (1 to 2)");
    check_error(f, a, "return a[2][0]", "array index 0 out of bounds (1 to 3)");
    check_error(f, a, "return a[2][1][5]",
                "array index 5 out of bounds (1 to 4)");
    check_error(f, a, "return a[1]:size(3)",
                "array dimension 3 out of bounds (1 to 2)");
}

/* Views that repeat themselves may have more rows than handles can tell. */
static void test_too_many_rows(void **state)
{
    fixture *f = *state;
    int16_t data[1] = {7};
    mp_view view = {.data = (char *)data, .dtype = MP_INT16, .ndim = 2};
    view.shape[0] = INT64_C(1) << 41;
    view.shape[1] = 2;
    void *a = mp_arrays_bind(f->arrays, 0, &view);
    check_run(f, a, "assert(#a == 1 << 41 and a:size(2) == 2)");
    check_error(f, a, "return a[1]", "array has too many rows to index");
    check_error(f, a, "a[1] = 1",
                "a row of an array cannot be assigned: "
                "index it further");
    view.shape[0] = INT64_C(1) << 39;
    a = mp_arrays_bind(f->arrays, 0, &view);
    check_run(f, a, "assert(a[#a][2] == 7)");
    view.ndim = 64;
    for (int d = 0; d < 64; d++)
        view.shape[d] = d < 4 ? INT64_C(1) << 20 : 1;
    a = mp_arrays_bind(f->arrays, 0, &view);
    check_error(f, a, "return a[1]", "array has too many rows to index");
    view.ndim = 1;
    view.shape[0] = INT64_C(1) << 60;
    a = mp_arrays_bind(f->arrays, 0, &view);
    check_run(f, a, "assert(a[1 << 60] == 7 and a[2^59] == 7)");
}

/* Indexes `depth` levels down to element `flat` in Lua; leaves its row and
 * the last index on the stack. */
static void push_element_place(lua_State *L, void *handle, const mp_view *view,
                               int64_t flat)
{
    int64_t index[MP_MAX_NDIM] = {0};
    for (int d = view->ndim - 1; d >= 0 && flat > 0; d--) {
        int64_t extent = view->shape[d] > 0 ? view->shape[d] : 1;
        index[d] = flat % extent;
        flat /= extent;
    }
    lua_settop(L, 0);
    lua_pushlightuserdata(L, handle);
    for (int d = 0; d < view->ndim - 1; d++)
        lua_geti(L, -1, index[d] + 1);
    lua_pushinteger(L, view->ndim > 0 ? index[view->ndim - 1] + 1 : 1);
}

/* Whatever the shape, strides, dtype and byte order are, a[i][j]... is the
 * element that mp_view_at() finds. */
static void test_random_views(void **state)
{
    fixture *f = *state;
    uint64_t seed = 11;
    for (int round = 0; round < 2000; round++) {
        char *block, old[8];
        mp_dtype dtype = (mp_dtype)random_int(&seed, 0, DTYPES - 1);
        mp_view view = random_view(&seed, 5, dtype, &block);
        view.swapped = random_int(&seed, 0, 3) == 0;
        if (view.ndim > 0 && round & 1)
            random_transpose(&seed, &view);
        void *a = mp_arrays_bind(f->arrays, round % 8, &view);
        size_t size = (size_t)mp_dtype_size(dtype);
        for (int64_t k = 0; k < mp_view_size(&view); k++) {
            char *at = mp_view_at(&view, k);
            mp_value value;
            if (mp_element_get(dtype, view.swapped, at, &value, NULL) != MP_OK)
                continue;
            push_element_place(f->L, a, &view, k);
            mp_element_push(f->L, dtype, view.swapped, at);
            lua_pushvalue(f->L, -2);
            lua_gettable(f->L, -4);
            if (!lua_rawequal(f->L, -1, -2))
                assert_true(lua_tonumber(f->L, -1) != lua_tonumber(f->L, -1));
            memcpy(old, at, size);
            memset(at, 1, size);
            lua_settop(f->L, -2);
            lua_settable(f->L, -3);
            if (value.kind == MP_KIND_INT)
                assert_memory_equal(at, old, size);
            memcpy(at, old, size);
        }
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_vector),        FIXTURE_TEST(test_bad_indices),
        FIXTURE_TEST(test_methods_check), FIXTURE_TEST(test_metatable),
        FIXTURE_TEST(test_readonly),      FIXTURE_TEST(test_misfits),
        FIXTURE_TEST(test_rank_0),        FIXTURE_TEST(test_empty),
        FIXTURE_TEST(test_rows),          FIXTURE_TEST(test_too_many_rows),
        FIXTURE_TEST(test_random_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
