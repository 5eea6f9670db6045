/* What a call of a kernel costs: map, run and reduce on one worker, beside
 * the bare C loop that calls the same function. */
#include "core.h"

namespace
{

constexpr int64_t COUNT = 100000;
constexpr int ROUNDS = 200;

/* lua_call() of the function on the top for each element of `in`. */
void bare_map(lua_State *L, const double *in, double *out)
{
    for (int64_t i = 0; i < COUNT; i++) {
        lua_pushvalue(L, -1);
        lua_pushnumber(L, in[i]);
        lua_call(L, 1, 1);
        out[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
}

void bare_run(lua_State *L)
{
    for (int64_t i = 1; i <= COUNT; i++) {
        lua_pushvalue(L, -1);
        lua_pushinteger(L, i);
        lua_call(L, 1, 0);
    }
}

double bare_reduce(lua_State *L, const double *in)
{
    lua_pushnumber(L, 0);
    for (int64_t i = 0; i < COUNT; i++) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_pushnumber(L, in[i]);
        lua_call(L, 2, 1);
    }
    double sum = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return sum;
}

void map(mp_pool *pool, mp_kernel *kernel, const mp_arg &in, const mp_view *out)
{
    mp_map_spec spec = {};
    mp_error err;
    mp_job *job;
    spec.kernel = kernel;
    spec.nargs = 1;
    spec.args = &in;
    spec.nouts = 1;
    spec.outs = out;
    bench::check(mp_map_start(pool, &spec, nullptr, &job, &err), err);
    bench::finish(job);
}

double reduce(mp_pool *pool, mp_kernel *kernel, const mp_arg &in)
{
    mp_reduce_spec spec = {};
    mp_value zero = {};
    mp_error err;
    mp_job *job;
    int64_t count;
    zero.kind = MP_KIND_FLOAT;
    spec.kernel = kernel;
    spec.nargs = 1;
    spec.args = &in;
    spec.naccs = 1;
    spec.init = &zero;
    spec.combine = MP_COMBINE_ADD;
    spec.whole = true;
    bench::check(mp_reduce_start(pool, &spec, nullptr, &job, &err), err);
    mp_job_wait(job, -1);
    bench::check(mp_job_status(job), *mp_job_error(job));
    double sum = mp_job_results(job, &count)->as.f;
    mp_job_free(job);
    return sum;
}

/* y[i] = f(x[i]): the figure that the engine has to reach. */
void map_element(benchmark::State &state)
{
    constexpr char SOURCE[] = "return function(x) return x * 2 + 1 end";
    bench::Pool pool(1);
    bench::Kernel kernel(SOURCE);
    bench::PlainLua L(SOURCE);
    bench::Array in(COUNT);
    bench::Array out(COUNT);
    bench::compare(
        state, COUNT, [&] { map(pool, kernel, in.arg(), out.view()); },
        [&] { bare_map(L, in.data(), out.data()); });
}

/* f(i), and nothing comes back. */
void run_item(benchmark::State &state)
{
    constexpr char SOURCE[] = "return function(i) local x = i * 2 + 1 end";
    bench::Pool pool(1);
    bench::Kernel kernel(SOURCE);
    bench::PlainLua L(SOURCE);
    bench::compare(
        state, COUNT, [&] { bench::run(pool, kernel, COUNT, {}); },
        [&] { bare_run(L); });
}

/* acc = f(acc, x[i]). */
void reduce_element(benchmark::State &state)
{
    constexpr char SOURCE[] = "return function(acc, x) return acc + x * x end";
    bench::Pool pool(1);
    bench::Kernel kernel(SOURCE);
    bench::PlainLua L(SOURCE);
    bench::Array in(COUNT);
    bench::compare(
        state, COUNT,
        [&] { benchmark::DoNotOptimize(reduce(pool, kernel, in.arg())); },
        [&] { benchmark::DoNotOptimize(bare_reduce(L, in.data())); });
}

/* The whole reduction of `range(1)` elements by `range(0)` workers. */
void reduce_workers(benchmark::State &state)
{
    bench::Pool pool(static_cast<int>(state.range(0)));
    bench::Kernel kernel("return function(acc, x) return acc + x * x end");
    bench::Array in(state.range(1));
    for (auto _ : state)
        benchmark::DoNotOptimize(reduce(pool, kernel, in.arg()));
    state.SetItemsProcessed(state.iterations() * state.range(1));
}

BENCHMARK(map_element)->UseManualTime()->Iterations(ROUNDS);
BENCHMARK(run_item)->UseManualTime()->Iterations(ROUNDS);
BENCHMARK(reduce_element)->UseManualTime()->Iterations(ROUNDS);
BENCHMARK(reduce_workers)
    ->ArgNames({"workers", "elements"})
    ->ArgsProduct({{1, 2}, {1000, 1000000}})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

} /* namespace */
