"""Steps until z = z^2 + c escapes, for a grid of points that are z or c."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run

LIMIT = 200

C = """
static int64_t escape(double zx, double zy, double x, double y, int64_t limit)
{
    for (int64_t n = 0; n < limit; n++) {
        double xx = zx * zx, yy = zy * zy;
        if (xx + yy > 4)
            return n;
        zy = 2 * zx * zy + y;
        zx = xx - yy + x;
    }
    return limit;
}

void points(int32_t *restrict out, const double *x, int64_t width, const double *y, int64_t height,
            int64_t fixed, double cx, double cy, int64_t limit)
{
    #pragma omp parallel for schedule(dynamic)
    for (int64_t j = 0; j < height; j++)
        for (int64_t i = 0; i < width; i++)
            out[j * width + i] = (int32_t)(fixed ? escape(x[i], y[j], cx, cy, limit)
                                                 : escape(0, 0, x[i], y[j], limit));
}"""

# As many lanes as the machine has, and several vectors in flight, because each
# step waits for the one before. Nothing is masked: a point that has escaped
# only gets farther away, so that no later comparison counts it.
SIMD = """
#if defined(__AVX512F__)
enum { BYTES = 64, FLIGHT = 4 };
#elif defined(__AVX__)
enum { BYTES = 32, FLIGHT = 3 };
#else
enum { BYTES = 16, FLIGHT = 3 };
#endif
enum { LANES = BYTES / 8, GROUP = LANES * FLIGHT, BETWEEN_TESTS = 8 };

typedef double vector __attribute__((vector_size(BYTES)));
typedef int64_t lanes __attribute__((vector_size(BYTES)));

static int any(const lanes *inside)
{
    int64_t all = 0;
    for (int k = 0; k < FLIGHT; k++)
        for (int l = 0; l < LANES; l++)
            all |= inside[k][l];
    return all != 0;
}

static void escape(lanes *steps, vector *zx, vector *zy, const vector *x, const vector *y,
                   int64_t limit)
{
    for (int64_t n = 0; n < limit; n += BETWEEN_TESTS) {
        int64_t next = n + BETWEEN_TESTS < limit ? n + BETWEEN_TESTS : limit;
        lanes inside[FLIGHT];
        for (int64_t m = n; m < next; m++) {
            #pragma GCC unroll 4
            for (int k = 0; k < FLIGHT; k++) {
                vector xx = zx[k] * zx[k], yy = zy[k] * zy[k];
                inside[k] = xx + yy <= 4;
                steps[k] -= inside[k];
                zy[k] = 2 * zx[k] * zy[k] + y[k];
                zx[k] = xx - yy + x[k];
            }
        }
        if (!any(inside))
            return;
    }
}

static void group(int32_t *out, const double *px, double py, int64_t count, int64_t fixed,
                  double cx, double cy, int64_t limit)
{
    vector zx[FLIGHT] = {0}, zy[FLIGHT] = {0}, x[FLIGHT], y[FLIGHT];
    lanes steps[FLIGHT] = {0};
    for (int64_t i = 0; i < GROUP; i++) {
        /* Lanes beyond the end do what the last one does. */
        x[i / LANES][i % LANES] = px[i < count ? i : count - 1];
        y[i / LANES][i % LANES] = py;
    }
    for (int k = 0; fixed && k < FLIGHT; k++) {
        zx[k] = x[k];
        zy[k] = y[k];
        x[k] = cx - (vector){0};
        y[k] = cy - (vector){0};
    }
    escape(steps, zx, zy, x, y, limit);
    for (int64_t i = 0; i < GROUP && i < count; i++)
        out[i] = (int32_t)steps[i / LANES][i % LANES];
}

void points(int32_t *restrict out, const double *x, int64_t width, const double *y, int64_t height,
            int64_t fixed, double cx, double cy, int64_t limit)
{
    #pragma omp parallel for schedule(dynamic)
    for (int64_t j = 0; j < height; j++)
        for (int64_t i = 0; i < width; i += GROUP)
            group(out + j * width + i, x + i, y[j], width - i, fixed, cx, cy, limit);
}"""


class Data(NamedTuple):
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    c: complex | None  # None: points are c, and z starts at 0

    @property
    def shape(self) -> tuple[int, int]:
        return self.y.size, self.x.size


def check(result: Any, expected: Any) -> None:
    np.testing.assert_array_equal(result, expected)


def check_free(result: Any, expected: Any) -> None:
    # A point beside the edge may escape sooner or later by a bit.
    assert np.count_nonzero(result != expected) <= result.size // 500


def with_numpy(data: Data) -> Run:
    points = [axis.ravel() for axis in np.broadcast_arrays(data.x, data.y[:, None])]

    def run() -> Any:
        steps = np.full(points[0].size, LIMIT, np.int32)
        left = np.arange(steps.size)
        zx, zy = (np.zeros(steps.size),) * 2 if data.c is None else points
        for n in range(LIMIT):
            xx, yy = zx * zx, zy * zy
            out = xx + yy > 4
            steps[left[out]] = n
            # Points that have escaped are dropped, so that the rest gets cheaper.
            stay = ~out
            left, xx, yy, zx, zy = left[stay], xx[stay], yy[stay], zx[stay], zy[stay]
            x, y = (points[0][left], points[1][left]) if data.c is None else _parts(data.c)
            zx, zy = xx - yy + x, 2 * zx * zy + y
        return steps.reshape(data.shape)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import numba

    @numba.njit
    def escape(zx: float, zy: float, x: float, y: float, limit: int) -> int:
        for n in range(limit):
            xx, yy = zx * zx, zy * zy
            if xx + yy > 4:
                return n
            zy = 2 * zx * zy + y
            zx = xx - yy + x
        return limit

    @numba.njit(parallel=parallel)
    def mandelbrot(out: Any, x: Any, y: Any, limit: int) -> None:
        for j in numba.prange(y.size):
            for i in range(x.size):
                out[j, i] = escape(0.0, 0.0, x[i], y[j], limit)

    @numba.njit(parallel=parallel)
    def julia(out: Any, x: Any, y: Any, cx: float, cy: float, limit: int) -> None:
        for j in numba.prange(y.size):
            for i in range(x.size):
                out[j, i] = escape(x[i], y[j], cx, cy, limit)

    out = np.empty(data.shape, np.int32)

    def run() -> Any:
        if data.c is None:
            mandelbrot(out, data.x, data.y, LIMIT)
        else:
            julia(out, data.x, data.y, *_parts(data.c), LIMIT)
        return out

    return run


def with_c(data: Data, c: CReference, source: str = C) -> Run:
    out = np.empty(data.shape, np.int32)
    fixed = data.c is not None
    axes = data.x, data.x.size, data.y, data.y.size
    call = c.bind(source, "points", out, *axes, fixed, *_parts(data.c or 0j), LIMIT)

    def run() -> Any:
        call()
        return out

    return run


def with_simd(data: Data, c: CReference) -> Run:
    return with_c(data, c, SIMD)


def _parts(c: complex) -> tuple[float, float]:
    return c.real, c.imag
