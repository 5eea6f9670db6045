/* What the tests of src/buffer share: cmocka, random numbers with a seed, a
 * Lua state with arrays, and views into a block of memory. */
#ifndef MP_TESTS_BUFFER_FIXTURE_H
#define MP_TESTS_BUFFER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "buffer/array.h"
#include "core/state.h"
#include "moonpool.h"

#define DTYPES (MP_FLOAT64 + 1)

/* xorshift64*, seeded with anything but 0. */
static inline uint64_t random_bits(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

/* From `least` to `most`. */
static inline int64_t random_int(uint64_t *seed, int64_t least, int64_t most)
{
    return least +
           (int64_t)((random_bits(seed) >> 1) % ((uint64_t)(most - least) + 1));
}

/* A view of a block of its own, of up to `most` dimensions of 0 to 4, with
 * steps, reversals and repetitions as slicing and broadcasting make them. The
 * caller frees `*block`. */
static inline mp_view random_view(uint64_t *seed, int most, mp_dtype dtype,
                                  char **block)
{
    mp_view view = {.dtype = dtype, .ndim = (int)random_int(seed, 0, most)};
    int64_t offset = 0;
    int64_t bytes = mp_dtype_size(dtype);
    for (int k = view.ndim - 1; k >= 0; k--) {
        int64_t extent = random_int(seed, 0, 9) ? random_int(seed, 1, 4) : 0;
        int64_t stride = bytes * random_int(seed, 1, 2);
        view.shape[k] = extent;
        view.strides[k] = stride;
        if (random_int(seed, 0, 4) == 0)
            view.strides[k] = 0;
        else if (extent > 0)
            bytes += stride * (extent - 1);
        if (random_int(seed, 0, 2) == 0 && view.strides[k] > 0 && extent > 0) {
            view.strides[k] = -stride;
            offset += stride * (extent - 1);
        }
    }
    *block = malloc((size_t)bytes);
    assert_non_null(*block);
    for (int64_t k = 0; k < bytes; k++)
        (*block)[k] = (char)random_bits(seed);
    view.data = *block + offset;
    return view;
}

/* Swaps two dimensions of a view of at least one, now and then the same. */
static inline void random_transpose(uint64_t *seed, mp_view *view)
{
    int a = (int)random_int(seed, 0, view->ndim - 1);
    int b = (int)random_int(seed, 0, view->ndim - 1);
    int64_t extent = view->shape[a], stride = view->strides[a];
    view->shape[a] = view->shape[b];
    view->strides[a] = view->strides[b];
    view->shape[b] = extent;
    view->strides[b] = stride;
}

/* A state of its own, without memory limit, guard and kernels. */
typedef struct fixture {
    lua_State *L;
    mp_state state;
    mp_arrays *arrays;
    double numbers[8]; /* 1 to 8 */
} fixture;

static inline void fixture_init(fixture *f)
{
    memset(f, 0, sizeof *f);
    f->L = luaL_newstate();
    assert_non_null(f->L);
    luaL_openlibs(f->L);
    assert_int_equal(mp_arrays_new(&f->arrays, NULL), MP_OK);
    assert_int_equal(mp_arrays_reserve(f->arrays, 8, NULL), MP_OK);
    for (int k = 0; k < 8; k++)
        f->numbers[k] = k + 1;
    f->state.L = f->L;
    f->state.arrays = f->arrays;
    mp_state *state = &f->state;
    memcpy(lua_getextraspace(f->L), &state, sizeof state);
    mp_array_open(f->L);
    assert_int_equal(lua_gettop(f->L), 0);
}

static inline void fixture_destroy(fixture *f)
{
    lua_close(f->L);
    mp_arrays_free(f->arrays);
}

static inline int fixture_set_up(void **state)
{
    fixture *f = malloc(sizeof *f);
    assert_non_null(f);
    fixture_init(f);
    *state = f;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    fixture_destroy(*state);
    free(*state);
    return 0;
}

/* A test that finds a fixture of its own in `*state`. */
#define FIXTURE_TEST(test)                                                     \
    cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

/* Runs Lua text with the handle as the global `a`; returns NULL, or the text
 * of the error, which is valid until the next run. */
static inline const char *fixture_run(fixture *f, void *handle,
                                      const char *text)
{
    lua_settop(f->L, 0);
    lua_pushlightuserdata(f->L, handle);
    lua_setglobal(f->L, "a");
    if (luaL_dostring(f->L, text) == LUA_OK)
        return NULL;
    return lua_tostring(f->L, -1);
}

/* The same, where the text must run, or must fail with a message that ends in
 * `message`. */
static inline void check_run(fixture *f, void *handle, const char *text)
{
    const char *message = fixture_run(f, handle, text);
    if (message != NULL)
        fail_msg("%s: %s", text, message);
}

static inline void check_error(fixture *f, void *handle, const char *text,
                               const char *expected)
{
    const char *message = fixture_run(f, handle, text);
    if (message == NULL)
        message = "no error";
    const char *part = strstr(message, expected);
    if (part == NULL || strcmp(part, expected) != 0)
        fail_msg("%s: %s", text, message);
}

#endif
