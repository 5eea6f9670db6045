/* Maps a Lua kernel over an array on every core, from plain C. */
#include <moonpool.h>
#include <stdio.h>
#include <string.h>

static const char source[] = "return function(x, scale)\n"
                             "  if x < 0 then error('negative') end\n"
                             "  return scale * math.sqrt(x)\n"
                             "end";

int main(void)
{
    double x[] = {0, 1, 4, 9, 16}, y[5];
    int64_t shape[] = {5};
    mp_pool_options options;
    mp_pool *pool = NULL;
    mp_kernel *kernel = NULL;
    mp_job *job = NULL;
    mp_view in, out;
    mp_error err;
    mp_pool_options_init(&options);
    bool ok =
        mp_pool_new(&options, &pool, &err) == MP_OK &&
        mp_kernel_new(source, strlen(source), NULL, &kernel, &err) == MP_OK &&
        mp_view_init(&in, x, MP_FLOAT64, 1, shape, &err) == MP_OK &&
        mp_view_init(&out, y, MP_FLOAT64, 1, shape, &err) == MP_OK;
    if (ok) {
        mp_arg args[] = {{.view = &in}, {.value = {MP_KIND_FLOAT, {.f = 10}}}};
        mp_map_spec spec = {.kernel = kernel,
                            .nargs = 2,
                            .args = args,
                            .nouts = 1,
                            .outs = &out};
        ok = mp_map_start(pool, &spec, NULL, &job, &err) == MP_OK;
    }
    if (ok && mp_job_wait(job, -1) && mp_job_status(job) != MP_OK) {
        err = *mp_job_error(job);
        ok = false;
    }
    for (int i = 0; ok && i < 5; i++)
        printf("10 * sqrt(%g) = %g\n", x[i], y[i]);
    if (!ok)
        fprintf(stderr, "%s:%d: %s (item %lld)\n", err.kernel, err.line,
                err.message, (long long)err.index);
    mp_job_free(job);
    mp_kernel_release(kernel);
    mp_pool_free(pool);
    return ok ? 0 : 1;
}
