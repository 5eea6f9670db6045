/* What the pool itself costs: its start, an empty job from the queue to its
 * end, and handing out chunks to workers that all want the next one. */
#include "core_job.h"
#include "core.h"

namespace
{

constexpr int64_t CHUNKS = 100000;

void pool_new_and_free(benchmark::State &state)
{
    for (auto _ : state)
        bench::Pool pool(static_cast<int>(state.range(0)));
}

/* As above, with a job that makes every worker build its Lua state. */
void pool_setup(benchmark::State &state)
{
    for (auto _ : state) {
        bench::Pool pool(static_cast<int>(state.range(0)));
        mp_error err;
        mp_job *job;
        bench::check(mp_setup_start(pool, nullptr, &job, &err), err);
        bench::finish(job);
    }
}

/* One item, one job at a time: what a caller waits for at least. */
void job_dispatch(benchmark::State &state)
{
    bench::Pool pool(static_cast<int>(state.range(0)));
    bench::Kernel kernel("return function(i) end");
    for (auto _ : state)
        bench::run(pool, kernel, 1, {});
}

/* A hundred jobs in the queue at once: what one costs when nobody waits. */
void job_dispatch_queued(benchmark::State &state)
{
    constexpr int JOBS = 100;
    bench::Pool pool(static_cast<int>(state.range(0)));
    bench::Kernel kernel("return function(i) end");
    mp_run_spec spec = {};
    spec.kernel = kernel;
    spec.extent.ndim = 1;
    spec.extent.extent[0] = 1;
    mp_job *jobs[JOBS];
    for (auto _ : state) {
        mp_error err;
        for (auto &job : jobs)
            bench::check(mp_run_start(pool, &spec, nullptr, &job, &err), err);
        for (auto *job : jobs)
            bench::finish(job);
    }
    state.SetItemsProcessed(state.iterations() * JOBS);
}

void chunk_hand_out(benchmark::State &state)
{
    bench::Pool pool(static_cast<int>(state.range(0)));
    for (auto _ : state) {
        mp_error err;
        mp_job *job;
        bench::check(bench_chunks_start(pool, CHUNKS, &job, &err), err);
        bench::finish(job);
    }
    state.SetItemsProcessed(state.iterations() * CHUNKS);
}

BENCHMARK(pool_new_and_free)
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->Arg(8)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();
BENCHMARK(pool_setup)
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->Arg(8)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();
BENCHMARK(job_dispatch)
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->Arg(8)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();
BENCHMARK(job_dispatch_queued)
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->Arg(8)
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();
BENCHMARK(chunk_hand_out)
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

} /* namespace */
