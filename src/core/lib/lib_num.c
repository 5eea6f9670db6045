/* Numeric functions that Lua's math lacks: C's math.h and random numbers.
 * Those of the two tables below take and return floats. */
#include <float.h>
#include <math.h>

#include <lauxlib.h>

#include "core/lib/lib.h"
#include "core/random.h"
#include "core/state.h"

/* C's lgamma() writes the sign to a variable that all threads share. */
static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* Lua's name, C's function */
#define UNARY_TABLE(X)                                                         \
    X(acosh, acosh)                                                            \
    X(asinh, asinh)                                                            \
    X(atanh, atanh)                                                            \
    X(cbrt, cbrt)                                                              \
    X(cosh, cosh)                                                              \
    X(erf, erf)                                                                \
    X(erfc, erfc)                                                              \
    X(exp2, exp2)                                                              \
    X(expm1, expm1)                                                            \
    X(gamma, tgamma)                                                           \
    X(lgamma, log_gamma)                                                       \
    X(log10, log10)                                                            \
    X(log1p, log1p)                                                            \
    X(log2, log2)                                                              \
    X(rint, rint)                                                              \
    X(round, round)                                                            \
    X(sinh, sinh)                                                              \
    X(tanh, tanh)                                                              \
    X(trunc, trunc)

#define BINARY_TABLE(X)                                                        \
    X(atan2, atan2)                                                            \
    X(copysign, copysign)                                                      \
    X(hypot, hypot)                                                            \
    X(nextafter, nextafter)                                                    \
    X(pow, pow)                                                                \
    X(remainder, remainder)

/* Lua's name, C's macro */
#define PREDICATE_TABLE(X)                                                     \
    X(isfinite, isfinite)                                                      \
    X(isinf, isinf)                                                            \
    X(isnan, isnan)

#define DEFINE_UNARY(name, function)                                           \
    static int num_##name(lua_State *L)                                        \
    {                                                                          \
        lua_pushnumber(L, function(luaL_checknumber(L, 1)));                   \
        return 1;                                                              \
    }
UNARY_TABLE(DEFINE_UNARY)

#define DEFINE_BINARY(name, function)                                          \
    static int num_##name(lua_State *L)                                        \
    {                                                                          \
        lua_Number x = luaL_checknumber(L, 1);                                 \
        lua_pushnumber(L, function(x, luaL_checknumber(L, 2)));                \
        return 1;                                                              \
    }
BINARY_TABLE(DEFINE_BINARY)

#define DEFINE_PREDICATE(name, macro)                                          \
    static int num_##name(lua_State *L)                                        \
    {                                                                          \
        lua_Number x = luaL_checknumber(L, 1);                                 \
        lua_pushboolean(L, macro(x));                                          \
        return 1;                                                              \
    }
PREDICATE_TABLE(DEFINE_PREDICATE)

static int num_fma(lua_State *L)
{
    lua_Number x = luaL_checknumber(L, 1);
    lua_Number y = luaL_checknumber(L, 2);
    lua_pushnumber(L, fma(x, y, luaL_checknumber(L, 3)));
    return 1;
}

/* -1, 0 or 1, an integer for an integer; NaN for NaN. */
static int num_sign(lua_State *L)
{
    lua_Number x = luaL_checknumber(L, 1);
    if (lua_isinteger(L, 1))
        lua_pushinteger(L, (x > 0) - (x < 0));
    else
        lua_pushnumber(L, isnan(x) ? x : (x > 0) - (x < 0));
    return 1;
}

/* One of its three arguments as it is: min(max(x, low), high). */
static int num_clamp(lua_State *L)
{
    luaL_checknumber(L, 1);
    luaL_checknumber(L, 2);
    luaL_checknumber(L, 3);
    int best = lua_compare(L, 1, 2, LUA_OPLT) ? 2 : 1;
    if (lua_compare(L, 3, best, LUA_OPLT))
        best = 3;
    lua_pushvalue(L, best);
    return 1;
}

/* From a at t = 0 to b at t = 1, exact at both ends. */
static int num_lerp(lua_State *L)
{
    lua_Number a = luaL_checknumber(L, 1);
    lua_Number b = luaL_checknumber(L, 2);
    lua_Number t = luaL_checknumber(L, 3);
    lua_pushnumber(L, (1.0 - t) * a + t * b);
    return 1;
}

static int num_random(lua_State *L)
{
    lua_Integer seed = luaL_checkinteger(L, 1);
    lua_Integer index = luaL_checkinteger(L, 2);
    lua_pushnumber(L, mp_random_unit((uint64_t)seed, (uint64_t)index));
    return 1;
}

static int num_normal(lua_State *L)
{
    lua_Integer seed = luaL_checkinteger(L, 1);
    lua_Integer index = luaL_checkinteger(L, 2);
    lua_pushnumber(L, mp_random_normal((uint64_t)seed, (uint64_t)index));
    return 1;
}

static int num_worker(lua_State *L)
{
    lua_pushinteger(L, mp_state_of(L)->worker);
    return 1;
}

static const luaL_Reg functions[] = {
#define ROW(name, function) {#name, num_##name},
    UNARY_TABLE(ROW) BINARY_TABLE(ROW) PREDICATE_TABLE(ROW)
#undef ROW
        {"clamp", num_clamp},
    {"fma", num_fma},
    {"lerp", num_lerp},
    {"normal", num_normal},
    {"random", num_random},
    {"sign", num_sign},
    {"worker", num_worker},
    {NULL, NULL},
};

int mp_lib_num(lua_State *L)
{
    luaL_newlib(L, functions);
    lua_pushnumber(L, DBL_EPSILON);
    lua_setfield(L, -2, "eps");
    lua_pushnumber(L, (lua_Number)INFINITY);
    lua_setfield(L, -2, "inf");
    lua_pushnumber(L, (lua_Number)NAN);
    lua_setfield(L, -2, "nan");
    return 1;
}
