/* A machine for tests: runs kernels of numbers that have types, one item at a
 * time and as native/datum.h does it, and compares with stock Lua. Loops may
 * be endless; evaluate.h knows the rest. */
#ifndef MP_TESTS_NATIVE_MACHINE_H
#define MP_TESTS_NATIVE_MACHINE_H

#include "fixture.h"
#include "generate.h"

#include <inttypes.h>
#include <math.h>

#include <lauxlib.h>
#include <lualib.h>

#include "core/lib/lib.h"
#include "native/datum.h"

/* Steps before it is taken for an endless loop, here and in Lua. */
#define MACHINE_STEPS 20000

typedef enum machine_end {
    MACHINE_DONE,
    MACHINE_FAILED, /* a check did not hold */
    MACHINE_ENDLESS,
} machine_end;

typedef struct machine {
    const mp_func *func;
    const mp_datum *params;
    mp_datum *values; /* of nodes */
    mp_datum results[MP_MAX_ARGS];
} machine;

static inline mp_datum datum_int(int64_t value)
{
    return (mp_datum){.type = MP_TYPE_INT, .as.i = value};
}

static inline mp_datum datum_float(double value)
{
    return (mp_datum){.type = MP_TYPE_FLOAT, .as.f = value};
}

static inline mp_datum datum_bool(bool value)
{
    return (mp_datum){.type = MP_TYPE_BOOL, .as.b = value};
}

/* ---- running ------------------------------------------------------------ */

static inline mp_datum machine_const(const mp_node *node)
{
    if (node->type == MP_TYPE_BOOL)
        return datum_bool(node->as.b);
    return node->type == MP_TYPE_INT ? datum_int(node->as.i)
                                     : datum_float(node->as.f);
}

/* One node that is no PHI; false where its check does not hold. */
static inline bool machine_node(machine *m, const mp_node *node)
{
    mp_datum args[3], *out = &m->values[node->id];
    if (node->op == MP_OP_CONST) {
        *out = machine_const(node);
    } else if (node->op == MP_OP_PARAM) {
        *out = m->params[node->as.index];
    } else if (node->op == MP_OP_RESULT) {
        m->results[node->as.index] = m->values[node->args[0]->id];
    } else if (node->op != MP_OP_POLL) {
        for (int k = 0; k < node->nargs; k++)
            args[k] = m->values[node->args[k]->id];
        if (!mp__datum_apply(node, args, out))
            return false;
        if (out->type != node->type)
            fail_msg("%%%d is %s", node->id, mp__ir_type_name(out->type));
    }
    return true;
}

/* All PHIs of a block change at once. */
static inline void machine_enter(machine *m, const mp_block *block,
                                 const mp_block *from)
{
    mp_datum next[256];
    int pred = 0, count = 0;
    while (block->preds[pred] != from)
        pred++;
    const mp_node *phi = block->first;
    for (; phi != NULL && phi->op == MP_OP_PHI; phi = phi->next) {
        assert_true(count < 256);
        next[count++] = m->values[phi->args[pred]->id];
        if (next[count - 1].type != phi->type)
            fail_msg("%%%d gets a %s", phi->id,
                     mp__ir_type_name(next[count - 1].type));
    }
    count = 0;
    for (phi = block->first; phi != NULL && phi->op == MP_OP_PHI;
         phi = phi->next)
        m->values[phi->id] = next[count++];
}

static inline machine_end machine_run(machine *m)
{
    size_t count = (size_t)m->func->nnodes;
    machine_end end = MACHINE_DONE;
    m->values = calloc(count, sizeof *m->values);
    assert_non_null(m->values);
    const mp_block *block = m->func->entry;
    for (int steps = 0; end == MACHINE_DONE;) {
        for (const mp_node *n = block->first; n != NULL && end == MACHINE_DONE;
             n = n->next) {
            if (n->op != MP_OP_PHI && !machine_node(m, n))
                end = MACHINE_FAILED;
            if (++steps > MACHINE_STEPS)
                end = MACHINE_ENDLESS;
        }
        if (end != MACHINE_DONE || block->end == MP_END_RETURN)
            break;
        const mp_block *from = block;
        bool second =
            block->end == MP_END_BRANCH && !m->values[block->cond->id].as.b;
        block = block->next[second];
        machine_enter(m, block, from);
    }
    free(m->values);
    return end;
}

/* ---- Lua ---------------------------------------------------------------- */

static inline void machine_stop(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    luaL_error(L, "endless");
}

static inline lua_State *machine_lua(void)
{
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    luaL_openlibs(L);
    luaL_requiref(L, "num", mp_lib_num, 1);
    lua_settop(L, 0);
    return L;
}

/* Leaves the kernel of a source, a bare function or a chunk that returns one,
 * on the stack. */
static inline void machine_load(lua_State *L, const char *source)
{
    lua_pushfstring(L, "return %s", source);
    if (luaL_loadstring(L, lua_tostring(L, -1)) != LUA_OK &&
        luaL_loadstring(L, source) != LUA_OK)
        fail_msg("%s: %s", source, lua_tostring(L, -1));
    lua_call(L, 0, 1);
    lua_replace(L, 1);
    lua_settop(L, 1);
}

static inline void machine_push(lua_State *L, mp_datum datum)
{
    if (datum.type == MP_TYPE_BOOL)
        lua_pushboolean(L, datum.as.b);
    else if (datum.type == MP_TYPE_INT)
        lua_pushinteger(L, datum.as.i);
    else
        lua_pushnumber(L, datum.as.f);
}

static inline bool same_float(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* Whether Lua's value at `index` is what the machine has for it: a float
 * where an output of floats takes integers too. */
static inline bool machine_agrees(lua_State *L, int index, mp_datum datum,
                                  mp_dtype dtype)
{
    if (datum.type == MP_TYPE_BOOL)
        return lua_isboolean(L, index) && lua_toboolean(L, index) == datum.as.b;
    if (lua_type(L, index) != LUA_TNUMBER)
        return false;
    if (dtype != MP_INT64) {
        double value =
            datum.type == MP_TYPE_INT ? (double)datum.as.i : datum.as.f;
        return same_float(value, lua_tonumber(L, index));
    }
    return lua_isinteger(L, index) && datum.type == MP_TYPE_INT &&
           lua_tointeger(L, index) == datum.as.i;
}

/* Whether a kernel may leave where Lua goes on: the results of some functions
 * have no type, and checks move out of loops. */
static inline bool machine_gives_up(const char *source)
{
    static const char *const names[] = {"math.floor", "math.ceil", "math.modf",
                                        "math.tointeger", " do "};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (strstr(source, names[k]) != NULL)
            return true;
    }
    return false;
}

/* Runs a compiled kernel and the same in Lua on scalars. `L` has the function
 * at index 1. Returns how it ended; fails where they do not agree. */
static inline machine_end machine_compare(lua_State *L, const compiled *c,
                                          const char *source,
                                          const mp_datum *params)
{
    machine m = {.func = c->func, .params = params};
    machine_end end = machine_run(&m);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    for (int k = 0; k < c->spec.nparams; k++)
        machine_push(L, params[k]);
    lua_sethook(L, machine_stop, LUA_MASKCOUNT, 2 * MACHINE_STEPS);
    bool raised = lua_pcall(L, c->spec.nparams, LUA_MULTRET, 0) != LUA_OK;
    lua_sethook(L, NULL, 0, 0);
    if (end == MACHINE_ENDLESS)
        return end;
    bool agrees = raised == (end == MACHINE_FAILED) ||
                  (!raised && machine_gives_up(source));
    if (end == MACHINE_FAILED && agrees)
        return end;
    for (int k = 0; agrees && k < c->spec.noutputs; k++)
        agrees =
            machine_agrees(L, 2 + k, m.results[k], c->spec.outputs[k].dtype);
    if (!agrees) {
        char *dump = dump_func(c->func);
        fprintf(stderr, "%s\n%s", source, dump);
        for (int k = 0; k < c->spec.nparams; k++)
            fprintf(stderr, "argument %d: %" PRId64 " or %.17g\n", k,
                    params[k].as.i, params[k].as.f);
        fail_msg("it %s, Lua: %s",
                 end == MACHINE_FAILED ? "failed" : "did not fail",
                 raised ? lua_tostring(L, -1) : luaL_tolstring(L, 2, NULL));
    }
    return end;
}

/* ---- at random ---------------------------------------------------------- */

typedef struct machine_tally {
    int taken; /* kernels that were not refused */
    int done, failed;
} machine_tally;

static inline mp_datum machine_input(generator *g, bool whole)
{
    static const int64_t ints[] = {
        0,  1,  -1, 2, 3,         5,         -7,
        64, 63, 4,  9, INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1,
    };
    static const double floats[] = {
        0.0,   -0.0,   1.0,    -1.0,     0.5,       2.5, -3.5,   3.0,    4.0,
        1e300, -1e300, 0x1p63, INFINITY, -INFINITY, NAN, 0x1p53, 5e-324, 7.25,
    };
    uint64_t at = generate_next(g);
    if (whole)
        return datum_int(ints[at % (sizeof ints / sizeof *ints)]);
    return datum_float(floats[at % (sizeof floats / sizeof *floats)]);
}

/* Kernels from `first` on, `count` of them, each over a few inputs. */
static inline machine_tally machine_check_random(const compile_pass *passes,
                                                 uint64_t first, int count)
{
    machine_tally tally = {0, 0, 0};
    generator g;
    lua_State *L = machine_lua();
    for (int k = 0; k < count; k++) {
        const char *source = generate_kernel(&g, first + (uint64_t)k);
        compiled *c = compile(source, "i8 i8 f8 f8 -> ?", passes);
        tally.taken += c->status == MP_OK;
        if (c->status == MP_OK)
            machine_load(L, source);
        for (int round = 0; c->status == MP_OK && round < 10; round++) {
            mp_datum params[4];
            for (int i = 0; i < 4; i++)
                params[i] = machine_input(&g, i < 2);
            machine_end end = machine_compare(L, c, source, params);
            tally.done += end == MACHINE_DONE;
            tally.failed += end == MACHINE_FAILED;
        }
        compile_free(c);
    }
    lua_close(L);
    return tally;
}

#endif
