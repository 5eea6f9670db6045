/* What Lua makes of a kernel, to compare compiled forms with. */
#ifndef MP_TESTS_NATIVE_REFERENCE_H
#define MP_TESTS_NATIVE_REFERENCE_H

#include "buffer/array.h"
#include "core/guard.h"
#include "core/state.h"
#include "evaluate.h"

/* The elements of an array at most. */
#define REFERENCE_ELEMENTS 32

/* A state, and one call of a kernel in it. */
typedef struct reference {
    mp_guard guard;
    mp_state *state;
    mp_arrays *arrays;
    mp_kernel *kernel;
    const mp_spec *spec;
    const mp_value *params;
    const mp_view *views; /* by parameter */
    int count;            /* of results */
    mp_value results[MP_MAX_ARGS];
} reference;

static inline void reference_open(reference *r)
{
    mp_error err;
    memset(r, 0, sizeof *r);
    assert_int_equal(mp_arrays_new(&r->arrays, &err), MP_OK);
    assert_int_equal(mp_arrays_reserve(r->arrays, MP_MAX_ARGS, &err), MP_OK);
    assert_int_equal(mp_guard_init(&r->guard, &err), MP_OK);
    mp_state_options options = {.worker = 1,
                                .memory_limit = (size_t)64 << 20,
                                .sandbox = true,
                                .open = mp_array_open,
                                .arrays = r->arrays};
    if (mp_state_new(&options, &r->guard, &r->state, &err) != MP_OK)
        fail_msg("%s", err.message);
}

static inline void reference_close(reference *r)
{
    mp_state_free(r->state);
    mp_guard_destroy(&r->guard);
    mp_arrays_free(r->arrays);
}

/* A body for mp_state_call(). */
static inline int reference_body(lua_State *L)
{
    reference *r = lua_touserdata(L, 1);
    int nparams = r->spec->nparams, slot = 0;
    luaL_checkstack(L, nparams + MP_MAX_ARGS, NULL);
    mp_state_push_kernel(L, r->kernel);
    for (int k = 0; k < nparams; k++) {
        if (r->spec->params[k].kind == MP_PARAM_ARRAY)
            lua_pushlightuserdata(
                L, mp_arrays_bind(r->arrays, slot++, &r->views[k]));
        else
            eval_push(L, r->params[k]);
    }
    lua_call(L, nparams, LUA_MULTRET);
    r->count = lua_gettop(L) - 1;
    assert_true(r->count <= MP_MAX_ARGS);
    for (int k = r->count - 1; k >= 0; k--)
        r->results[k] = eval_pop(L);
    return 0;
}

/* False where the kernel raises an error. */
static inline bool reference_call(reference *r, mp_error *err)
{
    mp_guard_enter(&r->guard, r->state->L, r);
    mp_status status = mp_state_call(r->state, reference_body, r, err);
    mp_guard_leave(&r->guard);
    return status == MP_OK;
}

/* ---- inputs ------------------------------------------------------------- */

/* Small numbers, or such as have broken something. */
typedef enum input_kind { INPUT_TAME, INPUT_WILD } input_kind;

static inline uint64_t input_bits(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

static inline double input_float(uint64_t *seed, input_kind kind)
{
    static const double wild[] = {
        0.0,  -0.0,   1.0,    -1.0,    0.5,       2.5,
        3.0,  -7.0,   1e300,  -1e300,  INFINITY,  -INFINITY,
        NAN,  0x1p53, 0x1p63, -0x1p63, 0x1p-1074, 4503599627370497.5,
        1e19, 0.1,
    };
    uint64_t bits = input_bits(seed) >> 8;
    if (kind == INPUT_WILD)
        return wild[bits % (sizeof wild / sizeof *wild)];
    return (double)((int)(bits % 41) - 20) / 4;
}

static inline int64_t input_int(uint64_t *seed, input_kind kind)
{
    static const int64_t wild[] = {
        0,
        1,
        -1,
        2,
        -3,
        7,
        63,
        64,
        65,
        INT64_MAX,
        INT64_MIN,
        INT64_MIN + 1,
        -64,
        INT64_C(1) << 53,
        (INT64_C(1) << 53) + 1,
        INT64_C(1) << 31,
    };
    uint64_t bits = input_bits(seed) >> 8;
    if (kind == INPUT_WILD)
        return wild[bits % (sizeof wild / sizeof *wild)];
    return (int64_t)(bits % 13) - 4;
}

static inline mp_value input_value(uint64_t *seed, input_kind kind, mp_kind of)
{
    if (of == MP_KIND_FLOAT)
        return eval_float(input_float(seed, kind));
    if (of == MP_KIND_INT)
        return eval_int(input_int(seed, kind));
    return of == MP_KIND_BOOL ? eval_bool(input_bits(seed) >> 63 != 0)
                              : eval_nil();
}

/* An element as an array of that dtype gives it. */
static inline mp_value input_element(uint64_t *seed, input_kind kind,
                                     mp_dtype dtype)
{
    mp_kind of = dtype == MP_BOOL     ? MP_KIND_BOOL
                 : dtype < MP_FLOAT16 ? MP_KIND_INT
                                      : MP_KIND_FLOAT;
    uint64_t bits = 0;
    int64_t one = 1;
    mp_view view;
    mp_value value;
    mp_view_init(&view, &bits, dtype, 1, &one, NULL);
    while (mp_view_set(&view, 0, input_value(seed, kind, of), NULL) != MP_OK)
        continue;
    assert_int_equal(mp_view_get(&view, 0, &value, NULL), MP_OK);
    return value;
}

static inline void input_array(uint64_t *seed, input_kind kind,
                               const mp_param *param, mp_view *view,
                               uint64_t *memory)
{
    static const int64_t shapes[][3] = {{5}, {3, 4}, {2, 3, 4}};
    mp_view_init(view, memory, param->dtype, param->rank,
                 shapes[param->rank - 1], NULL);
    view->readonly = false;
    for (int64_t k = 0; k < mp_view_size(view); k++)
        mp_view_set(view, k, input_element(seed, kind, param->dtype), NULL);
    view->readonly = param->readonly;
}

static inline mp_value input_param(uint64_t *seed, input_kind kind,
                                   const mp_param *param, int lane)
{
    switch (param->kind) {
    case MP_PARAM_ELEMENT:
        return input_element(seed, kind, param->dtype);
    case MP_PARAM_UNIFORM:
    case MP_PARAM_ACC:
        return input_value(seed, kind, param->scalar);
    case MP_PARAM_INDEX:
        return eval_int(param->dim + 1 + lane);
    case MP_PARAM_ARRAY:
    case MP_PARAM_CORE:
        break;
    }
    return eval_nil();
}

/* ---- comparing ---------------------------------------------------------- */

typedef struct comparison {
    const char *source;
    int rounds;
    int lanes; /* several, each with an item; some are off now and then */
    input_kind kind;
    int failures; /* out: rounds in which both failed */
    int deopts;   /* out: rounds in which compiled code gave up alone */
} comparison;

/* The same kind and bits; all NaNs are one. An open output that is a float has
 * made a float of an integer, and so has an accumulator. */
static inline bool same_value(mp_value got, mp_value wanted, bool widened)
{
    if (widened && got.kind == MP_KIND_FLOAT && wanted.kind == MP_KIND_INT)
        wanted = eval_float((double)wanted.as.i);
    if (got.kind != wanted.kind)
        return false;
    if (got.kind == MP_KIND_FLOAT)
        return (isnan(got.as.f) && isnan(wanted.as.f)) ||
               memcmp(&got.as.f, &wanted.as.f, sizeof(double)) == 0;
    if (got.kind == MP_KIND_INT)
        return got.as.i == wanted.as.i;
    return got.kind == MP_KIND_NIL || got.as.b == wanted.as.b;
}

static inline const char *value_text(mp_value v, char *text, size_t size)
{
    if (v.kind == MP_KIND_INT)
        snprintf(text, size, "%lld", (long long)v.as.i);
    else if (v.kind == MP_KIND_FLOAT)
        snprintf(text, size, "%.17g (a float)", v.as.f);
    else if (v.kind == MP_KIND_BOOL)
        snprintf(text, size, "%s", v.as.b ? "true" : "false");
    else
        snprintf(text, size, "nil");
    return text;
}

static inline void fail_results(const comparison *c, const compiled *k,
                                const eval *e, int lane, int result,
                                mp_value wanted)
{
    char got_text[64], wanted_text[64], param[64], params[1024] = "";
    for (int p = 0; p < k->spec.nparams; p++) {
        value_text(e->params[lane][p], param, sizeof param);
        size_t used = strlen(params);
        snprintf(params + used, sizeof params - used, " %s", param);
    }
    char *dump = dump_func(k->func);
    fail_msg("%s\nof%s: result %d is %s, Lua has %s\n%s", c->source, params,
             result + 1,
             value_text(e->results[lane][result], got_text, sizeof got_text),
             value_text(wanted, wanted_text, sizeof wanted_text), dump);
}

/* What Lua's result is in an output that has a dtype; false if it does not
 * fit. */
static inline bool fit_result(const mp_spec *spec, int k, mp_value *value)
{
    uint64_t bits = 0;
    int64_t one = 1;
    mp_view view;
    if (spec->form != MP_FORM_MAP)
        return true;
    if (spec->outputs[k].open)
        return value->kind != MP_KIND_NIL;
    mp_view_init(&view, &bits, spec->outputs[k].dtype, 1, &one, NULL);
    return mp_view_set(&view, 0, *value, NULL) == MP_OK &&
           mp_view_get(&view, 0, value, NULL) == MP_OK;
}

/* Lua's results for one lane; false where it raises. */
static inline bool call_lane(reference *r, const compiled *k, const eval *e,
                             int lane, mp_error *err)
{
    r->params = e->params[lane];
    bool good = reference_call(r, err);
    if (k->spec.form == MP_FORM_RUN)
        return good;
    for (int i = 0; good && i < r->count; i++)
        good = fit_result(&k->spec, i, &r->results[i]);
    return good;
}

static inline void compare_arrays(const comparison *c, const compiled *k,
                                  const mp_view *got, const mp_view *wanted)
{
    for (int p = 0; p < k->spec.nparams; p++) {
        if (k->spec.params[p].kind != MP_PARAM_ARRAY)
            continue;
        size_t size =
            (size_t)mp_view_size(&got[p]) * (size_t)mp_dtype_size(got[p].dtype);
        if (memcmp(got[p].data, wanted[p].data, size) != 0)
            fail_msg("%s: argument %d has other elements", c->source, p + 1);
    }
}

static inline void make_inputs(const comparison *c, const compiled *k, eval *e,
                               uint64_t *seed, uint64_t *memory,
                               uint64_t *copies, mp_view *views)
{
    size_t room = REFERENCE_ELEMENTS * sizeof *memory;
    for (int p = 0; p < k->spec.nparams; p++) {
        const mp_param *param = &k->spec.params[p];
        if (param->kind == MP_PARAM_ARRAY) {
            uint64_t *mine = memory + p * REFERENCE_ELEMENTS;
            uint64_t *other = copies + p * REFERENCE_ELEMENTS;
            input_array(seed, c->kind, param, &e->arrays[p], mine);
            memcpy(other, mine, room);
            views[p] = e->arrays[p];
            views[p].data = (char *)other;
            continue;
        }
        for (int lane = 0; lane < c->lanes; lane++) {
            bool same = param->kind == MP_PARAM_UNIFORM && lane > 0;
            e->params[lane][p] = same ? e->params[0][p]
                                      : input_param(seed, c->kind, param, lane);
        }
    }
    for (int lane = 0; lane < c->lanes; lane++)
        e->on[lane] = lane == 0 || input_bits(seed) >> 62 != 0;
}

static inline void compare_lane(comparison *c, reference *r, const compiled *k,
                                const eval *e, int lane, bool *raised)
{
    mp_error err;
    if (!call_lane(r, k, e, lane, &err)) {
        *raised = true;
        if (!e->failed)
            fail_msg("%s: Lua raises, line %d: %s", c->source, err.line,
                     err.message);
        return;
    }
    if (e->failed || k->spec.form == MP_FORM_RUN)
        return;
    bool widened = k->passes != NULL;
    for (int i = 0; i < r->count; i++) {
        if (!same_value(e->results[lane][i], r->results[i], widened))
            fail_results(c, k, e, lane, i, r->results[i]);
    }
}

/* One round: all lanes at once against one call of the kernel each. */
static inline void compare_round(comparison *c, reference *r, const compiled *k,
                                 uint64_t *seed)
{
    static const size_t count = MP_MAX_ARGS * REFERENCE_ELEMENTS;
    uint64_t *memory = calloc(count, sizeof *memory);
    uint64_t *copies = calloc(count, sizeof *copies);
    mp_view views[MP_MAX_ARGS];
    eval *e = calloc(1, sizeof *e);
    assert_true(memory != NULL && copies != NULL && e != NULL);
    e->func = k->func;
    e->L = r->state->L;
    e->lanes = c->lanes;
    make_inputs(c, k, e, seed, memory, copies, views);
    evaluate(e);
    r->views = views;
    bool raised = false;
    for (int lane = 0; lane < c->lanes && !raised; lane++) {
        if (e->on[lane])
            compare_lane(c, r, k, e, lane, &raised);
    }
    if (!e->failed)
        compare_arrays(c, k, e->arrays, views);
    c->failures += e->failed && raised;
    c->deopts += e->failed && !raised;
    free(e);
    free(memory);
    free(copies);
}

/* Compiles a kernel, and compares it with Lua over random inputs. Without
 * passes after `build` it gives up where Lua raises only. */
static inline comparison compare_with_lua(comparison c, const char *types,
                                          const compile_pass *passes)
{
    reference r;
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);
    c.rounds = c.rounds > 0 ? c.rounds : 30;
    c.lanes = c.lanes > 0 ? c.lanes : 1;
    mp_spec spec = make_spec(types);
    spec.lanes = c.lanes;
    compiled *k = compile_with(NULL, c.source, &spec, passes);
    check_compiled(c.source, k);
    reference_open(&r);
    r.kernel = k->kernel;
    r.spec = &k->spec;
    for (int round = 0; round < c.rounds; round++)
        compare_round(&c, &r, k, &seed);
    if (passes == NULL && c.deopts > 0)
        fail_msg("%s: gives up where Lua does not raise", c.source);
    reference_close(&r);
    compile_free(k);
    return c;
}

#endif
