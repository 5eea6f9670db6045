"""The price of a European call: arithmetic, exponentials and a branch.

By the formula of Black and Scholes (1973). The normal distribution is the
polynomial 26.2.17 of Abramowitz and Stegun: NumPy has no error function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import moonpool
from bench.kernels.parts import join, slices
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from multiprocessing.pool import Pool as Processes

    from numpy.typing import NDArray

    from bench.creference import CReference
    from bench.harness import Run
    from bench.threads import LuaThreads

TITLE = "Black-Scholes"
RATE, VOLATILITY = 0.05, 0.2

# Shared by moonpool and lupa.
PRICE = """
local exp, log, sqrt = math.exp, math.log, math.sqrt

local function cnd(d)
  local k = 1 / (1 + 0.2316419 * (d < 0 and -d or d))
  local tail = 0.3989422804014327 * exp(-0.5 * d * d) * k * (0.319381530 + k *
    (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
  return d > 0 and 1 - tail or tail
end

local function price(s, x, t, r, v)
  local root = v * sqrt(t)
  local d1 = (log(s / x) + (r + 0.5 * v * v) * t) / root
  return s * cnd(d1) - x * exp(-r * t) * cnd(d1 - root)
end
"""

LUA = PRICE + "return price"

LUPA = (
    PRICE
    + """
return function(s, x, t, r, v)
  local pack, unpack, out = string.pack, string.unpack, {}
  for i = 1, #s, 8 do
    out[#out + 1] = pack("d", price((unpack("d", s, i)), (unpack("d", x, i)),
                                    (unpack("d", t, i)), r, v))
  end
  return table.concat(out)
end"""
)


C = """
static double cnd(double d)
{
    double k = 1 / (1 + 0.2316419 * fabs(d));
    double poly = -0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429));
    double tail = 0.3989422804014327 * exp(-0.5 * d * d) * k * (0.319381530 + k * poly);
    return d > 0 ? 1 - tail : tail;
}

void price(double *restrict out, const double *restrict s, const double *restrict x,
           const double *restrict t, double r, double v, int64_t count)
{
    #pragma omp parallel for
    for (int64_t i = 0; i < count; i++) {
        double root = v * sqrt(t[i]);
        double d1 = (log(s[i] / x[i]) + (r + 0.5 * v * v) * t[i]) / root;
        out[i] = s[i] * cnd(d1) - x[i] * exp(-r * t[i]) * cnd(d1 - root);
    }
}"""


class Data(NamedTuple):
    s: NDArray[np.float64]  # price of the share
    x: NDArray[np.float64]  # price agreed upon
    t: NDArray[np.float64]  # years


def what(scale: float) -> str:
    return f"{elements(200_000, scale):,} options, float64"


def data(scale: float) -> Data:
    random = np.random.default_rng(2)
    options = elements(200_000, scale)
    prices = random.uniform(10, 100, (2, options))
    return Data(prices[0], prices[1], random.uniform(0.2, 2, options))


def check(result: Any, expected: Any) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def _cnd(d: NDArray[np.float64]) -> NDArray[np.float64]:
    k = 1 / (1 + 0.2316419 * np.abs(d))
    poly = -0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))
    tail = 0.3989422804014327 * np.exp(-0.5 * d * d) * k * (0.319381530 + k * poly)
    return np.where(d > 0, 1 - tail, tail)


def _price(
    s: NDArray[np.float64], x: NDArray[np.float64], t: NDArray[np.float64]
) -> NDArray[np.float64]:
    root = VOLATILITY * np.sqrt(t)
    d1 = (np.log(s / x) + (RATE + 0.5 * VOLATILITY * VOLATILITY) * t) / root
    price: NDArray[np.float64] = s * _cnd(d1) - x * np.exp(-RATE * t) * _cnd(d1 - root)
    return price


def with_numpy(data: Data) -> Run:
    return lambda: _price(*data)


def with_numexpr(data: Data) -> Run:
    import numexpr

    def cnd(d: Any) -> Any:
        k = numexpr.evaluate("1 / (1 + 0.2316419 * abs(d))", {"d": d})
        return numexpr.evaluate(
            "where(d > 0, 1 - tail, tail)",
            {
                "d": d,
                "tail": numexpr.evaluate(
                    "0.3989422804014327 * exp(-0.5 * d * d) * k * (0.319381530 + k *"
                    "(-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))",
                    {"d": d, "k": k},
                ),
            },
        )

    def run() -> Any:
        names = {**data._asdict(), "r": RATE, "v": VOLATILITY}
        d1 = numexpr.evaluate("(log(s / x) + (r + 0.5 * v * v) * t) / (v * sqrt(t))", names)
        d2 = numexpr.evaluate("d1 - v * sqrt(t)", {**names, "d1": d1})
        names |= {"n1": cnd(d1), "n2": cnd(d2)}
        return numexpr.evaluate("s * n1 - x * exp(-r * t) * n2", names)

    return run


def with_numba(data: Data, parallel: bool) -> Run:
    import math

    import numba

    @numba.njit
    def cnd(d: float) -> float:
        k = 1 / (1 + 0.2316419 * abs(d))
        poly = -0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))
        tail = 0.3989422804014327 * math.exp(-0.5 * d * d) * k * (0.319381530 + k * poly)
        return 1 - tail if d > 0 else tail

    @numba.njit(parallel=parallel)
    def price(out: Any, s: Any, x: Any, t: Any, r: float, v: float) -> None:
        for i in numba.prange(s.size):
            root = v * math.sqrt(t[i])
            d1 = (math.log(s[i] / x[i]) + (r + 0.5 * v * v) * t[i]) / root
            out[i] = s[i] * cnd(d1) - x[i] * math.exp(-r * t[i]) * cnd(d1 - root)

    out = np.empty_like(data.s)

    def run() -> Any:
        price(out, *data, RATE, VOLATILITY)
        return out

    return run


def with_c(data: Data, c: CReference) -> Run:
    out = np.empty_like(data.s)
    call = c.bind(C, "price", out, *data, RATE, VOLATILITY, out.size)

    def run() -> Any:
        call()
        return out

    return run


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def run() -> Any:
        tasks = (
            (*(column[part].tobytes() for column in data), RATE, VOLATILITY)
            for part in slices(data.s.size, lua.count)
        )
        return join(lua.map(LUPA, tasks), data.s.shape)

    return run


def with_processes(data: Data, processes: Processes) -> Run:
    def run() -> Any:
        tasks = [tuple(column[part] for column in data) for part in slices(data.s.size, 4)]
        return np.concatenate(processes.starmap(_price, tasks))

    return run


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)
    out = np.empty_like(data.s)
    return lambda: pool.map(kernel, *data, RATE, VOLATILITY, out=out)
