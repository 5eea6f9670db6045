/* Elements: every dtype, both byte orders, any address, in Lua and outside. */
#include "buffer/element.h"

#include <math.h>

#include "buffer/fixture.h"

/* Each integer dtype holds the integers from `least` to below `end`. */
static const struct bounds {
    double least, end;
} bounds[DTYPES] = {
    [MP_INT8] = {-0x1p7, 0x1p7},    [MP_UINT8] = {0, 0x1p8},
    [MP_INT16] = {-0x1p15, 0x1p15}, [MP_UINT16] = {0, 0x1p16},
    [MP_INT32] = {-0x1p31, 0x1p31}, [MP_UINT32] = {0, 0x1p32},
    [MP_INT64] = {-0x1p63, 0x1p63}, [MP_UINT64] = {0, 0x1p64},
};

static bool is_int(mp_dtype dtype)
{
    return bounds[dtype].end > 0;
}

static mp_value bool_value(bool value)
{
    return (mp_value){.kind = MP_KIND_BOOL, .as.b = value};
}

static mp_value int_value(int64_t value)
{
    return (mp_value){.kind = MP_KIND_INT, .as.i = value};
}

static mp_value float_value(double value)
{
    return (mp_value){.kind = MP_KIND_FLOAT, .as.f = value};
}

static void push_value(lua_State *L, mp_value value)
{
    switch (value.kind) {
    case MP_KIND_NIL:
        lua_pushnil(L);
        break;
    case MP_KIND_BOOL:
        lua_pushboolean(L, value.as.b);
        break;
    case MP_KIND_INT:
        lua_pushinteger(L, value.as.i);
        break;
    case MP_KIND_FLOAT:
        lua_pushnumber(L, value.as.f);
        break;
    case MP_KIND_STRING:
        lua_pushlstring(L, value.as.s.data, value.as.s.size);
        break;
    }
}

/* Whether the Lua value at the top is that value, of the same kind. */
static bool is_value(lua_State *L, mp_value value)
{
    double number = lua_tonumber(L, -1);
    switch (value.kind) {
    case MP_KIND_BOOL:
        return lua_isboolean(L, -1) && lua_toboolean(L, -1) == value.as.b;
    case MP_KIND_INT:
        return lua_isinteger(L, -1) && lua_tointeger(L, -1) == value.as.i;
    case MP_KIND_FLOAT:
        return lua_type(L, -1) == LUA_TNUMBER && !lua_isinteger(L, -1) &&
               ((isnan(number) && isnan(value.as.f)) ||
                (number == value.as.f &&
                 !signbit(number) == !signbit(value.as.f)));
    case MP_KIND_NIL:
    case MP_KIND_STRING:
        break;
    }
    return false;
}

static void reverse(char *to, const char *from, int size)
{
    for (int k = 0; k < size; k++)
        to[k] = from[size - 1 - k];
}

/* What an element reads as after a value was stored that fits. */
static mp_value reference_stored(mp_dtype dtype, mp_value value)
{
    if (dtype == MP_BOOL)
        return value;
    bool whole = value.kind == MP_KIND_INT;
    if (dtype == MP_FLOAT64)
        return float_value(whole ? (double)value.as.i : value.as.f);
    if (dtype == MP_FLOAT32)
        return float_value(whole ? (float)value.as.i : (float)value.as.f);
    if (whole)
        return value;
    return int_value(value.as.f < 0x1p63 ? (int64_t)value.as.f
                                         : (int64_t)(uint64_t)value.as.f);
}

static mp_misfit reference_misfit(mp_dtype dtype, mp_value value)
{
    bool number = value.kind == MP_KIND_INT || value.kind == MP_KIND_FLOAT;
    if (dtype == MP_BOOL)
        return value.kind == MP_KIND_BOOL ? MP_FITS : MP_MISFIT_TYPE;
    if (!number)
        return MP_MISFIT_TYPE;
    if (!is_int(dtype))
        return MP_FITS;
    double least = bounds[dtype].least, end = bounds[dtype].end;
    if (value.kind == MP_KIND_INT) {
        int64_t i = value.as.i;
        bool low = i < 0 && (least == 0 || i < (int64_t)least);
        bool high = i > 0 && end < 0x1p63 && i >= (int64_t)end;
        return low || high ? MP_MISFIT_RANGE : MP_FITS;
    }
    double f = value.as.f;
    if (isinf(f) || floor(f) != f)
        return MP_MISFIT_FRACTION;
    return f < least || f >= end ? MP_MISFIT_RANGE : MP_FITS;
}

/* Stores a value in every way there is, and reads it back. */
static void check_store(lua_State *L, mp_dtype dtype, mp_value value)
{
    int size = mp_dtype_size(dtype);
    mp_misfit expected = reference_misfit(dtype, value);
    char blank[8], set[9], stored[9], native[9], turned[8];
    memset(blank, 0x55, sizeof blank);
    memcpy(set + 1, blank, 8);
    memcpy(stored + 1, blank, 8);
    memcpy(native + 1, blank, 8);
    lua_settop(L, 0);
    push_value(L, value);
    assert_int_equal(mp_element_set(dtype, false, set + 1, value), expected);
    assert_int_equal(mp_element_store(L, 1, dtype, true, stored + 1), expected);
    assert_int_equal(mp_element_store_native(L, 1, dtype, native + 1),
                     expected);
    if (expected != MP_FITS) {
        assert_memory_equal(set + 1, blank, 8);
        assert_memory_equal(stored + 1, blank, 8);
        assert_memory_equal(native + 1, blank, 8);
        return;
    }
    assert_memory_equal(set + 1, native + 1, (size_t)size);
    reverse(turned, stored + 1, size);
    assert_memory_equal(set + 1, turned, (size_t)size);
    assert_memory_equal(set + 1 + size, blank, (size_t)(8 - size));
    if (dtype == MP_FLOAT16) /* see test_half.c */
        return;
    mp_value wanted = reference_stored(dtype, value);
    if (dtype == MP_UINT64 && wanted.as.i < 0)
        return;
    mp_element_push(L, dtype, true, stored + 1);
    assert_true(is_value(L, wanted));
    mp_element_push_native(L, dtype, set + 1);
    assert_true(is_value(L, wanted));
}

static void check_store_all(lua_State *L, mp_value value)
{
    for (int k = 0; k < DTYPES; k++)
        check_store(L, (mp_dtype)k, value);
}

static void test_boundaries(void **state)
{
    fixture *f = *state;
    for (int k = 0; k < DTYPES; k++) {
        double ends[] = {bounds[k].least, bounds[k].end};
        for (int i = 0; i < 2; i++) {
            const double near[] = {
                ends[i],          nextafter(ends[i], -INFINITY),
                ends[i] - 1,      nextafter(ends[i], INFINITY),
                ends[i] + 1,      ends[i] - 0.5,
                ends[i] + 0x1p53, -ends[i],
            };
            for (int j = 0; j < 8; j++) {
                check_store_all(f->L, float_value(near[j]));
                if (near[j] >= -0x1p63 && near[j] < 0x1p63)
                    check_store_all(f->L, int_value((int64_t)near[j]));
            }
        }
    }
    check_store_all(f->L, int_value(INT64_MAX));
    check_store_all(f->L, int_value(INT64_MIN));
    /* Twice rounded, 2^60 + 2^36 + 1 would be 2^60 as a float32. */
    check_store_all(f->L,
                    int_value((INT64_C(1) << 60) + (INT64_C(1) << 36) + 1));
}

static void test_odd_values(void **state)
{
    fixture *f = *state;
    const double odd[] = {NAN,    INFINITY, -INFINITY, -0.0,
                          5e-324, 1e-45,    1e308,     3.4028235677973366e38,
                          3.5,    -0.5};
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++)
        check_store_all(f->L, float_value(odd[k]));
    check_store_all(f->L, bool_value(true));
    check_store_all(f->L, bool_value(false));
    check_store_all(f->L, (mp_value){.kind = MP_KIND_NIL});
    mp_value digits = {.kind = MP_KIND_STRING, .as.s = {"1", 1}};
    check_store_all(f->L, digits);
}

static void test_random_stores(void **state)
{
    fixture *f = *state;
    uint64_t seed = 1;
    for (int k = 0; k < 20000; k++) {
        mp_dtype dtype = (mp_dtype)random_int(&seed, 0, DTYPES - 1);
        int64_t bits = (int64_t)random_bits(&seed);
        int64_t i = bits / (INT64_C(1) << random_int(&seed, 0, 62));
        check_store(f->L, dtype, int_value(i));
        check_store(f->L, dtype, float_value((double)i));
        check_store(f->L, dtype, float_value((double)bits * 0x1p-40));
    }
}

/* Any bytes read, and stored again are the same bytes. */
static void test_round_trips(void **state)
{
    fixture *f = *state;
    uint64_t seed = 2;
    for (int k = 0; k < 20000; k++) {
        mp_dtype dtype = (mp_dtype)random_int(&seed, 0, DTYPES - 1);
        int size = mp_dtype_size(dtype);
        uint64_t bits = random_bits(&seed);
        if (dtype == MP_UINT64)
            bits >>= 1;
        if (dtype == MP_BOOL)
            bits &= UINT64_C(0x0101010101010101);
        char at[8], turned[8], again[8];
        memcpy(at, &bits, 8);
        reverse(turned, at, size);
        mp_value value;
        assert_int_equal(mp_element_get(dtype, false, at, &value, NULL), MP_OK);
        lua_settop(f->L, 0);
        mp_element_push(f->L, dtype, false, at);
        assert_true(is_value(f->L, value));
        mp_element_push_native(f->L, dtype, at);
        assert_true(is_value(f->L, value));
        mp_element_push(f->L, dtype, true, turned);
        assert_true(is_value(f->L, value));
        if (value.kind == MP_KIND_FLOAT && isnan(value.as.f))
            continue;
        assert_int_equal(mp_element_set(dtype, true, again, value), MP_FITS);
        assert_memory_equal(again, turned, (size_t)size);
        assert_int_equal(mp_element_store(f->L, -1, dtype, false, again),
                         MP_FITS);
        assert_memory_equal(again, at, (size_t)size);
    }
}

/* A byte that is neither 0 nor 1 is true. */
static void test_odd_bool(void **state)
{
    fixture *f = *state;
    mp_value value;
    assert_int_equal(mp_element_get(MP_BOOL, false, "\2", &value, NULL), MP_OK);
    assert_int_equal(value.kind, MP_KIND_BOOL);
    assert_true(value.as.b);
    mp_element_push(f->L, MP_BOOL, false, "\x80");
    assert_true(lua_isboolean(f->L, -1) && lua_toboolean(f->L, -1));
}

static int push_uint64(lua_State *L)
{
    mp_element_push(L, MP_UINT64, false, lua_touserdata(L, 1));
    return 1;
}

static void test_large_uint64(void **state)
{
    fixture *f = *state;
    const char *expected = "the uint64 value 9223372036854775808 is past Lua's "
                           "largest integer: view the array as int64";
    uint64_t bits = UINT64_C(1) << 63;
    char at[8];
    memcpy(at, &bits, 8);
    lua_pushcfunction(f->L, push_uint64);
    lua_pushlightuserdata(f->L, at);
    assert_int_equal(lua_pcall(f->L, 1, 1, 0), LUA_ERRRUN);
    assert_string_equal(lua_tostring(f->L, -1), expected);
    mp_value value = int_value(5);
    mp_error err;
    assert_int_equal(mp_element_get(MP_UINT64, false, at, &value, &err),
                     MP_VALUE);
    assert_string_equal(err.message, expected);
    assert_int_equal(value.as.i, 5);
}

static void check_text(lua_State *L, mp_misfit misfit, mp_dtype dtype,
                       const char *expected)
{
    char text[160];
    mp_misfit_describe(L, -1, misfit, dtype, text, sizeof text);
    assert_string_equal(text, expected);
}

static void test_descriptions(void **state)
{
    lua_State *L = ((fixture *)*state)->L;
    lua_pushnumber(L, 3.5);
    check_text(L, MP_MISFIT_FRACTION, MP_UINT8,
               "cannot store 3.5 in uint8: not an integer");
    lua_pushnumber(L, nextafter(3, 4));
    check_text(L, MP_MISFIT_FRACTION, MP_INT64,
               "cannot store 3.0000000000000004 in int64: not an integer");
    lua_pushnumber(L, NAN);
    check_text(L, MP_MISFIT_FRACTION, MP_INT8,
               "cannot store nan in int8: not an integer");
    lua_pushinteger(L, 300);
    check_text(L, MP_MISFIT_RANGE, MP_UINT8,
               "cannot store 300 in uint8: out of range (0 to 255)");
    lua_pushnumber(L, 1e19);
    check_text(L, MP_MISFIT_RANGE, MP_INT64,
               "cannot store 1e+19 in int64: out of range "
               "(-9223372036854775808 to 9223372036854775807)");
    lua_pushinteger(L, 1);
    check_text(L, MP_MISFIT_TYPE, MP_BOOL,
               "cannot store 1 in bool: not a boolean");
    lua_pushboolean(L, 1);
    check_text(L, MP_MISFIT_TYPE, MP_INT8,
               "cannot store a boolean in int8: not a number");
    lua_pushnil(L);
    check_text(L, MP_MISFIT_TYPE, MP_FLOAT16,
               "cannot store nil in float16: not a number");
    lua_newtable(L);
    check_text(L, MP_MISFIT_TYPE, MP_FLOAT64,
               "cannot store a table in float64: not a number");
    lua_pushlightuserdata(L, NULL);
    check_text(L, MP_MISFIT_TYPE, MP_FLOAT64,
               "cannot store an array in float64: not a number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_boundaries),    FIXTURE_TEST(test_odd_values),
        FIXTURE_TEST(test_random_stores), FIXTURE_TEST(test_round_trips),
        FIXTURE_TEST(test_odd_bool),      FIXTURE_TEST(test_large_uint64),
        FIXTURE_TEST(test_descriptions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
