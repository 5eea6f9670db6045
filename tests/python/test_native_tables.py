"""Tables made in kernels: well-known kernels on both tiers, bit by bit."""

import numpy as np
import pytest

import moonpool

pytest.importorskip("llvmlite")

MEDIAN = """
return function(i, a, out)
  local w, n = {}, #a
  for k = 1, 9 do w[k] = a[math.max(1, math.min(n, i + k - 5))] end
  for k = 2, 9 do
    local x, j = w[k], k - 1
    while j >= 1 and w[j] > x do w[j + 1] = w[j]; j = j - 1 end
    w[j + 1] = x
  end
  out[i] = w[5]
end"""

NETWORK = """
local function sort(w, i, j)
  if w[j] < w[i] then w[i], w[j] = w[j], w[i] end
end
return function(a, b, c, d)
  local w = {a, b, c, d}
  sort(w, 1, 2) sort(w, 3, 4) sort(w, 1, 3) sort(w, 2, 4) sort(w, 2, 3)
  return w[1], w[2], w[3], w[4]
end"""

LORENZ = """
local function flow(y, d)
  d[1] = 10.0 * (y[2] - y[1])
  d[2] = y[1] * (28.0 - y[3]) - y[2]
  d[3] = y[1] * y[2] - 8 / 3 * y[3]
  return d
end
local function along(y, d, h)
  local t = {}
  for i = 1, 3 do t[i] = y[i] + h * d[i] end
  return t
end
return function(x, y, z, n)
  local p, h = {x, y, z}, 0.01
  for step = 1, n do
    local k1 = flow(p, {0.0, 0.0, 0.0})
    local k2 = flow(along(p, k1, h / 2), {0.0, 0.0, 0.0})
    local k3 = flow(along(p, k2, h / 2), {0.0, 0.0, 0.0})
    local k4 = flow(along(p, k3, h), {0.0, 0.0, 0.0})
    for i = 1, 3 do
      p[i] = p[i] + h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i])
    end
  end
  return p[1], p[2], p[3]
end"""

POLYNOMIAL = """
return function(x, degree)
  local c, s = {0.5, -1.0, 0.25, 3.0, -0.125, 2.0}, 0.0
  for k = degree + 1, 1, -1 do s = s * x + c[k] end
  return s
end"""

HISTOGRAM = """
return function(i, a, out)
  local h = {}
  for b = 1, 16 do h[b] = 0 end
  for k = i, math.min(#a, i + 40) do
    local b = a[k] & 15
    h[b + 1] = h[b + 1] + 1
  end
  local best = 1
  for b = 2, 16 do if h[b] > h[best] then best = b end end
  out[i] = best
end"""

MATRICES = """
return function(x, y)
  local r = {{math.cos(x), -math.sin(x), 0.0}, {math.sin(x), math.cos(x), 0.0}, {0.0, y, 1.0}}
  local p = {{1.0, 0.0, 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1.0}}
  for n = 1, 3 do
    local q = {{0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}}
    for i = 1, 3 do
      for j = 1, 3 do
        for k = 1, 3 do q[i][j] = q[i][j] + p[i][k] * r[k][j] end
      end
    end
    for i = 1, 3 do for j = 1, 3 do p[i][j] = q[i][j] end end
  end
  return p[1][1] + p[1][2] * 2 + p[2][3] * 3 + p[3][1] * 4 + p[3][2]
end"""

SIEVE = """
return function(n)
  local composite, count = {}, 0
  for i = 1, 60 do composite[i] = false end
  for i = 2, n do
    if not composite[i] then
      count = count + 1
      for k = i * i, 60, i do composite[k] = true end
    end
  end
  return count
end"""

STACK = """
return function(n)
  local stack, most = {n}, 0
  local top = 1
  while top > 0 do
    local x = stack[top]
    top = top - 1
    if x > 1 then
      top = top + 1
      stack[top] = x // 2
      top = top + 1
      stack[top] = x // 3
    end
    if top > most then most = top end
  end
  return most * 1000 + #stack
end"""


def arguments(kind, count=203):
    """Return as many numbers of a kind."""
    values = np.random.default_rng(5)
    if kind == "float":
        return values.standard_normal(count)
    return values.integers(0, 60, count)


def on_both(call):
    """Return what a call gives with code and without."""
    with (
        moonpool.Pool(1, native="off") as off,
        moonpool.Pool(1, native="require") as native,
    ):
        return call(off), call(native)


@pytest.mark.parametrize(
    ("source", "kinds", "rest"),
    [
        (NETWORK, ["float"] * 4, ()),
        (NETWORK, ["int"] * 4, ()),
        (LORENZ, ["float"] * 3, (7,)),
        (POLYNOMIAL, ["float"], (5,)),
        (MATRICES, ["float"] * 2, ()),
        (SIEVE, ["int"], ()),
        (STACK, ["int"], ()),
    ],
)
def test_maps_agree(source, kinds, rest):
    args = [arguments(kind) for kind in kinds]
    kernel = moonpool.kernel(source, strict=True)
    expected, found = on_both(lambda pool: pool.map(kernel, *args, *rest))
    for a, b in zip(np.atleast_2d(expected), np.atleast_2d(found), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    ("source", "kind"), [(MEDIAN, "float"), (MEDIAN, "int"), (HISTOGRAM, "int")]
)
def test_runs_agree(source, kind):
    a = arguments(kind)

    def call(pool):
        out = np.zeros_like(a)
        pool.run(source, len(a), a, out)
        return out.tobytes()

    expected, found = on_both(call)
    assert expected == found


def test_explain_tells_of_items():
    text = moonpool.kernel(MEDIAN).explain("f8[:]", "f8[:]", isa="avx2")
    assert "store to a table's item: one vector" in text
    assert "store to a table's item: a scatter" in text
    assert "a check that a table has the item" in text


def test_reductions_agree():
    source = """function(s, x)
      local t = {s, 0.0}
      t[2] = x * 0.5
      for i = 1, 2 do s = s + t[i] / 3 end
      return s
    end"""
    x = arguments("float")
    expected, found = on_both(lambda pool: pool.reduce(source, x, init=0.0))
    assert expected == found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("local v = {x, 1.0} return v[n] + 1", "attempt to perform arithmetic on a nil value"),
        ("local m = {{x}, {1.0}} return m[n][1]", "attempt to index a nil value"),
        ("local v = {x, 1.0}\nreturn v[n] < 1", "attempt to compare nil with number"),
    ],
)
def test_errors_agree(body, message):
    kernel = f"function(x, n) {body} end"
    x, n = arguments("float", 20), np.arange(20) % 2 + 1
    n[13] = 3

    def call(pool):
        with pytest.raises(moonpool.LuaError, match=message) as error:
            pool.map(kernel, x, n)
        return str(error.value)

    expected, found = on_both(call)
    assert expected == found


def test_what_is_outside_is_left_to_the_interpreter():
    kernel = "function(x, n) local v = {x, x, x} v[n] = 0.5 return (v[n - 1] or -1.0) + #v end"
    x, n = arguments("float", 50), np.arange(50) % 5 + 1
    # v[5] leaves a hole: how long the table is then is for Lua to choose.
    n[n == 5] = 1
    expected, found = on_both(lambda pool: pool.map(kernel, x, n, dtype=float))
    assert expected.tobytes() == found.tobytes()


@pytest.mark.parametrize(
    ("body", "what", "hint"),
    [
        ("local v = {x, true} return v[n] == x", "numbers and booleans", "two tables"),
        ("local v = {0, x} return -v[n]", "an integer here and a float there", "0.0"),
        ("return {x}", "a table", "return a number"),
        ("local v = {} for i = 1, 500 do v[i] = x end return v[n]", "more than 256", "array"),
        ("local v = {x} return table.unpack(v)", "table.unpack is not compiled", ""),
    ],
)
def test_refusals_help(body, what, hint):
    text = moonpool.kernel(f"function(x, n) {body} end").explain("f8", "i8")
    assert what in text
    assert hint in text
