/* What reading and writing an array's element costs in Lua, beside a bare
 * __index and __newindex on a lightuserdata that is a pointer and checks
 * nothing. */
#include "core.h"

namespace
{

constexpr int64_t STEPS = 2500;
constexpr int64_t UNROLLED = 16;
constexpr int64_t PASSES = 4;
constexpr int64_t COUNT = STEPS * UNROLLED * PASSES;
constexpr int ROUNDS = 200;

/* Both sides run the same function. Sixteen accesses in a step make the loop
 * around them cheap, several passes the way to a worker. */
constexpr char READ[] = R"(
    return function(_, a, steps)
      local x
      for pass = 1, 4 do
        for i = 1, steps do
          x = a[i] x = a[i] x = a[i] x = a[i]
          x = a[i] x = a[i] x = a[i] x = a[i]
          x = a[i] x = a[i] x = a[i] x = a[i]
          x = a[i] x = a[i] x = a[i] x = a[i]
        end
      end
    end)";

constexpr char WRITE[] = R"(
    return function(_, a, steps)
      local x = 0.5
      for pass = 1, 4 do
        for i = 1, steps do
          a[i] = x a[i] = x a[i] = x a[i] = x
          a[i] = x a[i] = x a[i] = x a[i] = x
          a[i] = x a[i] = x a[i] = x a[i] = x
          a[i] = x a[i] = x a[i] = x a[i] = x
        end
      end
    end)";

constexpr char READ_ROW[] = R"(
    return function(_, a, steps)
      local x
      for pass = 1, 4 do
        for i = 1, steps do
          x = a[1][i] x = a[1][i] x = a[1][i] x = a[1][i]
          x = a[1][i] x = a[1][i] x = a[1][i] x = a[1][i]
          x = a[1][i] x = a[1][i] x = a[1][i] x = a[1][i]
          x = a[1][i] x = a[1][i] x = a[1][i] x = a[1][i]
        end
      end
    end)";

int bare_index(lua_State *L)
{
    auto *data = static_cast<const double *>(lua_touserdata(L, 1));
    lua_pushnumber(L, data[lua_tointeger(L, 2) - 1]);
    return 1;
}

int bare_newindex(lua_State *L)
{
    auto *data = static_cast<double *>(lua_touserdata(L, 1));
    data[lua_tointeger(L, 2) - 1] = lua_tonumber(L, 3);
    return 0;
}

void give_metatable(lua_State *L)
{
    lua_pushlightuserdata(L, nullptr);
    lua_newtable(L);
    lua_pushcfunction(L, bare_index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, bare_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

void bare(lua_State *L, double *data)
{
    lua_pushvalue(L, -1);
    lua_pushinteger(L, 1);
    lua_pushlightuserdata(L, data);
    lua_pushinteger(L, STEPS);
    lua_call(L, 3, 0);
}

void vector(benchmark::State &state, const char *source)
{
    bench::Pool pool(1);
    bench::Kernel kernel(source);
    bench::PlainLua L(source);
    bench::Array a(STEPS);
    give_metatable(L);
    std::vector<mp_arg> args = {a.arg(), bench::integer(STEPS)};
    bench::compare(
        state, COUNT, [&] { bench::run(pool, kernel, 1, args); },
        [&] { bare(L, a.data()); });
}

void element_read(benchmark::State &state)
{
    vector(state, READ);
}

void element_write(benchmark::State &state)
{
    vector(state, WRITE);
}

/* a[1][i] takes two steps, against two bare reads. */
void element_read_row(benchmark::State &state)
{
    bench::Pool pool(1);
    bench::Kernel kernel(READ_ROW);
    bench::PlainLua L(READ);
    bench::Array a(STEPS);
    give_metatable(L);
    int64_t shape[] = {1, STEPS};
    mp_error err;
    mp_view view;
    bench::check(mp_view_init(&view, a.data(), MP_FLOAT64, 2, shape, &err),
                 err);
    mp_arg arg = {};
    arg.view = &view;
    std::vector<mp_arg> args = {arg, bench::integer(STEPS)};
    bench::compare(
        state, 2 * COUNT, [&] { bench::run(pool, kernel, 1, args); },
        [&] {
            bare(L, a.data());
            bare(L, a.data());
        });
}

BENCHMARK(element_read)->UseManualTime()->Iterations(ROUNDS);
BENCHMARK(element_write)->UseManualTime()->Iterations(ROUNDS);
BENCHMARK(element_read_row)->UseManualTime()->Iterations(ROUNDS);

} /* namespace */
