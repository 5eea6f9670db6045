/* What the benchmarks of the C core share: owners for the library's objects,
 * and the comparison with the barest thing that does the same.
 *
 * A ratio is of two times taken in turns within one run, the least of each,
 * so that what else the machine does weighs on both alike. The times are short
 * and many: one of them finds the machine idle. */
#ifndef MP_BENCH_CORE_H
#define MP_BENCH_CORE_H

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include <benchmark/benchmark.h>
#include <lua.hpp>

#include "moonpool.h"

namespace bench
{

/* A benchmark of something that fails says nothing: ends the program. */
inline void check(mp_status status, const mp_error &err)
{
    if (status == MP_OK)
        return;
    std::fprintf(stderr, "%s\n", err.message);
    std::exit(1);
}

class Pool
{
  public:
    explicit Pool(int workers)
    {
        mp_pool_options options;
        mp_error err;
        mp_pool_options_init(&options);
        options.workers = workers;
        check(mp_pool_new(&options, &pool_, &err), err);
    }
    ~Pool()
    {
        mp_pool_free(pool_);
    }
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    operator mp_pool *() const
    {
        return pool_;
    }

  private:
    mp_pool *pool_ = nullptr;
};

class Kernel
{
  public:
    explicit Kernel(const char *source)
    {
        mp_error err;
        check(
            mp_kernel_new(source, std::strlen(source), nullptr, &kernel_, &err),
            err);
    }
    ~Kernel()
    {
        mp_kernel_release(kernel_);
    }
    Kernel(const Kernel &) = delete;
    Kernel &operator=(const Kernel &) = delete;

    operator mp_kernel *() const
    {
        return kernel_;
    }

  private:
    mp_kernel *kernel_ = nullptr;
};

/* A vector of float64, and the view of it. */
class Array
{
  public:
    explicit Array(int64_t count) : data_(static_cast<size_t>(count))
    {
        mp_error err;
        for (size_t i = 0; i < data_.size(); i++)
            data_[i] = static_cast<double>(i) * 0.5;
        check(mp_view_init(&view_, data_.data(), MP_FLOAT64, 1, &count, &err),
              err);
    }
    Array(const Array &) = delete;
    Array &operator=(const Array &) = delete;

    mp_view *view()
    {
        return &view_;
    }
    double *data()
    {
        return data_.data();
    }
    mp_arg arg() const
    {
        mp_arg arg = {};
        arg.view = &view_;
        return arg;
    }

  private:
    std::vector<double> data_;
    mp_view view_;
};

inline mp_arg integer(int64_t value)
{
    mp_arg arg = {};
    arg.value.kind = MP_KIND_INT;
    arg.value.as.i = value;
    return arg;
}

/* Waits for a job's end and forgets it. */
inline void finish(mp_job *job)
{
    mp_job_wait(job, -1);
    check(mp_job_status(job), *mp_job_error(job));
    mp_job_free(job);
}

/* kernel(i, ...) for i = 1 to `extent`. */
inline void run(mp_pool *pool, mp_kernel *kernel, int64_t extent,
                const std::vector<mp_arg> &args)
{
    mp_run_spec spec = {};
    mp_error err;
    mp_job *job;
    spec.kernel = kernel;
    spec.extent.ndim = 1;
    spec.extent.extent[0] = extent;
    spec.nargs = static_cast<int>(args.size());
    spec.args = args.data();
    check(mp_run_start(pool, &spec, nullptr, &job, &err), err);
    finish(job);
}

/* A plain Lua state, as anybody would make one, with a function in it. */
class PlainLua
{
  public:
    explicit PlainLua(const char *source) : L_(luaL_newstate())
    {
        luaL_openlibs(L_);
        if (luaL_dostring(L_, source) != LUA_OK) {
            std::fprintf(stderr, "%s\n", lua_tostring(L_, -1));
            std::exit(1);
        }
    }
    ~PlainLua()
    {
        lua_close(L_);
    }
    PlainLua(const PlainLua &) = delete;
    PlainLua &operator=(const PlainLua &) = delete;

    operator lua_State *() const
    {
        return L_;
    }

  private:
    lua_State *L_;
};

template <class Body> double seconds(Body body)
{
    auto start = std::chrono::steady_clock::now();
    body();
    std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    return took.count();
}

/* Times `ours` and `bare`, which each do `count` steps, in turns. */
template <class Ours, class Bare>
void compare(benchmark::State &state, int64_t count, Ours ours, Bare bare)
{
    double best_ours = std::numeric_limits<double>::infinity();
    double best_bare = best_ours;
    ours();
    bare();
    for (auto _ : state) {
        double took = seconds(ours);
        best_ours = std::min(best_ours, took);
        best_bare = std::min(best_bare, seconds(bare));
        state.SetIterationTime(took);
    }
    double steps = static_cast<double>(count);
    state.counters["ns"] = best_ours * 1e9 / steps;
    state.counters["bare_ns"] = best_bare * 1e9 / steps;
    state.counters["ratio"] = best_ours / best_bare;
}

} /* namespace bench */

#endif
