"""Arithmetic at its edges: the same on every tier, bit for bit, and as Lua 5.3 defines it.

On the interpreted tier, and compiled for each set of instructions that this machine has.
"""

import math
import operator as op
import struct

import numpy as np
import pytest
from tests.python.native import tiers

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)

MIN, MAX = -(2**63), 2**63 - 1
INTEGERS = [0, 1, -1, 2, -2, 3, 7, -7, 63, 64, 65, -64, MAX, MIN, MAX - 1, MIN + 1, 2**53, 2**62]
FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324,
    2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308, 2.0**53, 2.0**63,
    -(2.0**63), 2.0**63 - 1024, 0.1, 1e-310,
]  # fmt: skip


@pytest.fixture(scope="module", params=tiers.TIERS)
def tier(request):
    return request.param


@pytest.fixture(scope="module")
def pool(tier):
    """What can be compiled is, at the first call; `compiled` says that all was."""
    with tiers.pool(tier, timeout=20.0, native="on") as pool:
        yield pool


@pytest.fixture(autouse=True)
def usable_after(pool, assert_usable):
    yield
    assert_usable(pool)


@pytest.fixture
def compiled(pool, tier):
    """Fail where a test's items have not all run on the tier that is meant."""
    before = pool.stats()
    yield
    after = pool.stats()
    items, native = (after[name] - before[name] for name in ("items", "native"))
    assert native == (0 if tier == "off" else items)


def wrap(n):
    """An integer as 64 bits hold it."""
    return (n + 2**63) % 2**64 - 2**63


def unsigned(n):
    return n % 2**64


def shift_left(a, b):
    if b <= -64 or b >= 64:
        return 0
    return wrap(unsigned(a) << b) if b >= 0 else wrap(unsigned(a) >> -b)


def bits(x):
    """The bits of a float, but one NaN for all: Lua says nothing of its sign and payload."""
    return "nan" if math.isnan(x) else struct.pack("<d", x)


def three_ways(pool, expression, x, y, dtype):
    """The expression over pairs, by map, by run and by reduce; all have to agree."""
    function = f"function(a, b) return {expression} end"
    mapped = pool.map(function, x, y, out=np.zeros(len(x), dtype)).tolist()
    ran = np.zeros(len(x), dtype)
    pool.run(f"function(i, r, x, y) local a, b = x[i], y[i] r[i] = {expression} end",
             len(x), ran, x, y)  # fmt: skip
    folded = [
        pool.reduce(f"function(_, a, b) return {expression} end", x[k:k + 1], y[k:k + 1], init=init)
        for init in ((0,) if dtype == "i8" else (0.0,))
        for k in range(0, len(x), 17)
    ]  # fmt: skip
    if dtype == "f8":
        assert [bits(v) for v in mapped] == [bits(v) for v in ran.tolist()]
        assert [bits(v) for v in folded] == [bits(v) for v in mapped[::17]]
    else:
        assert mapped == ran.tolist()
        assert folded == mapped[::17]
    return mapped


def pairs(values, dtype, keep=lambda a, b: True):
    chosen = [(a, b) for a in values for b in values if keep(a, b)]
    return [np.array(column, dtype) for column in zip(*chosen, strict=True)]


# ---- integers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("a + b", lambda a, b: wrap(a + b)),
        ("a - b", lambda a, b: wrap(a - b)),
        ("a * b", lambda a, b: wrap(a * b)),
        ("a & b", lambda a, b: a & b),
        ("a | b", lambda a, b: a | b),
        ("a ~ b", lambda a, b: a ^ b),
        ("a << b", shift_left),
        ("a >> b", lambda a, b: shift_left(a, -b)),
        ("-a + 0 * b", lambda a, b: wrap(-a)),
        ("~a + 0 * b", lambda a, b: ~a),
        ("a < b and 1 or 0", lambda a, b: int(a < b)),
        ("a <= b and 1 or 0", lambda a, b: int(a <= b)),
        ("math.ult(a, b) and 1 or 0", lambda a, b: int(unsigned(a) < unsigned(b))),
        ("math.max(a, b)", max),
        ("math.min(a, b)", min),
        ("math.abs(a) + 0 * b", lambda a, b: wrap(abs(a))),
        ("a == b + 0.0 and 1 or 0", lambda a, b: int(a == float(b))),
        ("a < b + 0.0 and 1 or 0", lambda a, b: int(a < float(b))),
        ("a + 0.0 <= b and 1 or 0", lambda a, b: int(float(a) <= b)),
        # With constants, which passes know much about.
        ("a // 1 + 0 * b", lambda a, b: a),
        ("a // -1 + 0 * b", lambda a, b: wrap(-a)),
        ("a % 1 + a % -1 + 0 * b", lambda a, b: 0),
        ("a // 8 + 0 * b", lambda a, b: a // 8),
        ("a // -8 + 0 * b", lambda a, b: a // -8),
        ("a % 8 + 0 * b", lambda a, b: a % 8),
        ("a % -8 + 0 * b", lambda a, b: a % -8),
        ("a // math.mininteger + 0 * b", lambda a, b: a // MIN),
        ("a % math.maxinteger + 0 * b", lambda a, b: a % MAX),
        ("(a << 64) + (a >> 64) + (a << -64) + 0 * b", lambda a, b: 0),
        ("(a << 63) + 0 * b", lambda a, b: shift_left(a, 63)),
        ("(a >> -1) + 0 * b", lambda a, b: shift_left(a, 1)),
        ("(a << math.mininteger) + (1 << b)", lambda a, b: shift_left(1, b)),
        ("a * 0 + a - a + a ~ a ~ b", lambda a, b: wrap(a) ^ a ^ b),
    ],
)
@pytest.mark.usefixtures("compiled")
def test_integers(pool, expression, meaning):
    x, y = pairs(INTEGERS, "i8")
    got = three_ways(pool, expression, x, y, "i8")
    wanted = [meaning(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert got == wanted


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [("a // b", lambda a, b: wrap(a // b)), ("a % b", lambda a, b: wrap(a % b))],
)
@pytest.mark.usefixtures("compiled")
def test_integer_division(pool, expression, meaning):
    """MIN // -1 wraps around and MIN % -1 is 0: neither may trap as the processor's does."""
    x, y = pairs(INTEGERS, "i8", lambda a, b: b != 0)
    got = three_ways(pool, expression, x, y, "i8")
    assert got == [meaning(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]


@pytest.mark.parametrize("expression", ["a // b", "a % b", "math.fmod(a, b)"])
@pytest.mark.parametrize("a", [0, 1, MIN, MAX])
def test_integer_division_by_zero(pool, expression, a):
    x, y = np.full(100, a), np.ones(100, "i8")
    y[57] = 0
    match = "attempt to perform 'n(//|%+)0'|zero"
    with pytest.raises(moonpool.LuaError, match=match) as caught:
        pool.map(f"function(a, b) return {expression} end", x, y)
    assert caught.value.index == 57
    assert caught.value.line == 1
    with pytest.raises(moonpool.LuaError, match=match):
        pool.run(f"function(i, x, y) local a, b = x[i], y[i] a = {expression} end", 100, x, y)
    with pytest.raises(moonpool.LuaError, match=match):
        pool.reduce(f"function(r, a, b) return {expression} end", x, y, init=0)


@pytest.mark.parametrize("count", [-(2**63), -65, -64, -63, -1, 0, 1, 63, 64, 65, 128, 2**63 - 1])
@pytest.mark.usefixtures("compiled")
def test_shifts(pool, count):
    x = np.array(INTEGERS)
    for operator, sign in (("<<", 1), (">>", -1)):
        got = pool.map(f"function(a, b) return a {operator} b end", x, count)
        assert got.tolist() == [shift_left(a, sign * count) for a in INTEGERS]


# ---- conversions -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("math.tointeger(2.0^53)", 2**53),
        ("math.tointeger(-2.0^63)", MIN),
        ("math.tointeger(2.0^63) == nil", True),
        ("math.tointeger(0/0) == nil", True),
        ("math.tointeger(1/0) == nil", True),
        ("math.tointeger(3.5) == nil", True),
        ("math.tointeger(-0.0)", 0),
        ("2.0^62 | 0", 2**62),
        ("math.maxinteger + 0.0 == 2.0^63", True),
        ("math.maxinteger + 0.0 == math.maxinteger", False),
        ("math.maxinteger < math.maxinteger + 0.0", True),
        ("math.mininteger == -2.0^63", True),
        ("math.mininteger <= -2.0^63", True),
        ("math.maxinteger + 1 == math.mininteger", True),
        ("math.maxinteger * 2", -2),
        ("1 // 0.0 == math.huge", True),
        ("-1 // 0.0 == -math.huge", True),
        ("0/0 ~= 0/0", True),
        ("1 % math.huge", 1.0),
        ("-1 % math.huge == math.huge", True),
        ("5.5 // -2", -3.0),
        ("5.5 % -2", -0.5),
        ("1/-0.0 == -math.huge", True),
        ("1/(0 * -1.0) == -math.huge", True),
        ("0.0 == -0.0", True),
        ("math.type(3 // 1.0)", "float"),
        ("math.type(2^2)", "float"),
        ("math.type(7 // 2)", "integer"),
        ("math.floor(-0.5)", -1),
        ("math.type(math.floor(2.0^70))", "float"),
        ("math.floor(2.0^70) == 2.0^70", True),
        ("math.ceil(-0.5)", 0),
        ("'10' + 5", 15.0),
        ("'0x10' + 0", 16.0),
        ("'9223372036854775808' + 0 == 2.0^63", True),
        ("9223372036854775807 + 1 == -9223372036854775808", True),
        ("9223372036854775808 == 2.0^63", True),
        ("0xffffffffffffffff", -1),
        ("0x1ffffffffffffffff", -1),
        ("5e-324 > 0", True),
        ("5e-324 / 2 == 0", True),
        ("2.0^-1074", 5e-324),
        ("1e308 * 10 == math.huge", True),
    ],
)
def test_conversions(pool, expression, result):
    got = pool.submit(f"function() return {expression} end").result()
    assert got == result
    assert type(got) is type(result)


@pytest.mark.parametrize("value", ["2.0^63", "-2.0^64", "0/0", "1/0", "1.5", "5e-324"])
@pytest.mark.parametrize(
    "use", ["{0} | 0", "{0} << 1", "~({0})", "('x'):rep({0})", "(1 << 3) & {0}"]
)
def test_floats_without_integers(pool, value, use):
    body = use.format(f"({value})")
    with pytest.raises(moonpool.LuaError, match="no integer representation"):
        pool.submit(f"function() return {body} end").result()


def test_loops_to_the_edge(pool):
    """In Lua 5.3 a loop whose last step overflows wraps around and goes on."""
    for first, last, step, values in [
        ("math.maxinteger - 1", "math.maxinteger", 1, [MAX - 1, MAX, MIN, MIN + 1]),
        ("math.mininteger + 1", "math.mininteger", -1, [MIN + 1, MIN, MAX, MAX - 1]),
        ("math.maxinteger - 5", "math.maxinteger", 3, [MAX - 5, MAX - 2, MIN, MIN + 3]),
        ("math.mininteger", "math.maxinteger", "math.maxinteger", [MIN, -1, MAX - 1, -3]),
        ("math.maxinteger", "math.maxinteger + 1.0", 1, [MAX, MIN, MIN + 1, MIN + 2]),
        ("math.maxinteger - 1", "math.maxinteger - 1", 1, [MAX - 1]),
        ("1", "math.mininteger", 1, []),
        ("1", "0/0", 1, []),
        ("1", "3.9", 1, [1, 2, 3]),
        ("1.0", "2", "0.5", [1.0, 1.5, 2.0]),
        ("2.0^53", "2.0^53 + 4", 1, [2.0**53] * 4),
    ]:
        body = f"""
            local t = {{}}
            for i = {first}, {last}, {step} do
                t[#t + 1] = i
                if #t == 4 then break end
            end
            return t"""
        assert (pool.submit(f"function() {body} end").result() or []) == values, body
    with pytest.raises(moonpool.KernelTimeout):
        pool.map("function(x) for i = 1, math.maxinteger do end end", np.ones(2), timeout=0.1)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "~="])
@pytest.mark.usefixtures("compiled")
def test_integers_against_floats(pool, operator):
    """Compared exactly, beyond 2^53 too, and either way round."""
    integers = [*INTEGERS, 2**53 + 1, -(2**53) - 1, 2**62 + 1, MAX - 511, MAX - 512]
    floats = [*FLOATS, 2.0**53 + 2, 2.0**62, -(2.0**62), 0.5, 2.0**63 - 1024, 1e300]
    x = np.array([a for a in integers for _ in floats])
    y = np.array([b for _ in integers for b in floats])
    compare = {
        "<": op.lt, "<=": op.le, ">": op.gt, ">=": op.ge, "==": op.eq, "~=": op.ne,
    }[operator]  # fmt: skip
    wanted = [compare(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert pool.map(f"function(a, b) return a {operator} b end", x, y).tolist() == wanted
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
    assert pool.map(f"function(a, b) return b {turned} a end", x, y).tolist() == wanted
    for b in floats:
        source = f"function(a, b) return a {operator} b end"
        one = pool.map(source, np.array(integers), b).tolist()
        assert one == [wanted[floats.index(b) + k * len(floats)] for k in range(len(integers))]


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("math.floor(x)", math.floor),
        ("math.ceil(x)", math.ceil),
        ("x // 1", math.floor),
        ("math.tointeger(x) == nil and 0.5 or 0.25", None),
    ],
)
def test_integers_of_floats(pool, expression, meaning):
    """What does not fit an integer stays a float, or is nil."""
    values = [*FLOATS, 2.5, -0.5, 2.0**62, -(2.0**63) - 2048, 1e300, 2.0**31 + 0.5]
    got = pool.map(f"function(x) return {expression} end", np.array(values))
    assert got.dtype == "f8"
    for x, result in zip(values, got.tolist(), strict=True):
        if meaning is None:
            fits = math.isfinite(x) and x == math.floor(x) and MIN <= x <= MAX
            assert result == (0.25 if fits else 0.5), x
        elif math.isfinite(x):
            assert result == meaning(x), x
        else:
            assert bits(result) == bits(x)


@pytest.mark.parametrize("value", [2.0**63, -(2.0**64), math.nan, math.inf, 1.5, 5e-324])
@pytest.mark.parametrize(
    "use", ["x | 0", "x << 1", "~x", "(1 << 3) & x", "7 // (x | 1)", "num.random(1, x) * 0"]
)
def test_elements_without_integers(pool, value, use):
    data = np.arange(100.0)
    data[57] = value
    with pytest.raises(moonpool.LuaError, match="no integer representation") as caught:
        pool.map(f"function(x)\n  return {use}\nend", data)
    assert (caught.value.index, caught.value.line) == (57, 2)
    with pytest.raises(moonpool.LuaError, match="no integer representation") as caught:
        pool.run(f"function(i, a, b) local x = a[i]\n b[i] = {use} end", 100, data, data.copy())
    assert (caught.value.index, caught.value.line) == (58, 2)


LOOPS = [
    # first, last, step: what the first four rounds see, and how many there are.
    (MAX - 1, MAX, 1, [MAX - 1, MAX, MIN, MIN + 1]),
    (MIN + 1, MIN, -1, [MIN + 1, MIN, MAX, MAX - 1]),
    (MAX - 5, MAX, 3, [MAX - 5, MAX - 2, MIN, MIN + 3]),
    (MIN, MAX, MAX, [MIN, -1, MAX - 1, -3]),
    (MAX - 1, MAX - 1, 1, [MAX - 1]),
    (MIN, MIN, -1, [MIN, MAX, MAX - 1, MAX - 2]),
    (MAX, MIN, MIN, [MAX, -1, MAX, -1]),
    (1, MIN, 1, []),
    (5, 1, -2, [5, 3, 1]),
    (3, 9, 0, []),
    (3, 3, 0, [3, 3, 3, 3]),
    (9, 3, 0, [9, 9, 9, 9]),
]
FLOAT_LOOPS = [
    (1.0, 2.0, 0.5, [1.0, 1.5, 2.0]),
    (2.0**53, 2.0**53 + 4, 1.0, [2.0**53] * 4),
    (1.0, math.nan, 1.0, []),
    (math.nan, 9.0, 1.0, []),
    (1.0, math.inf, math.inf, []),  # It starts with 1.0 - inf + inf.
    (math.inf, -math.inf, -math.inf, []),
    (0.0, 1e-323, 5e-324, [0.0, 5e-324, 1e-323]),
    (0.5, -0.5, -0.25, [0.5, 0.25, 0.0, -0.25]),
]


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.usefixtures("compiled")
def test_compiled_loops_to_the_edge(pool, same):
    """With bounds that differ from item to item, or are the same for all."""
    kernel = """function(x, start, limit, step)
      local n, last = 0, start
      for i = start, limit, step do
        n = n + 1
        last = i
        if n == 4 then break end
      end
      return n, last
    end"""
    for loops, dtype in ((LOOPS, "i8"), (FLOAT_LOOPS, "f8")):
        wanted = [(len(seen), [first, *seen][-1]) for first, _, _, seen in loops]
        if same:
            found = [
                (n[1], last[1])
                for bounds in loops
                for n, last in [pool.map(kernel, np.zeros(3), *bounds[:3])]
            ]
        else:
            columns = [np.array(column, dtype) for column in list(zip(*loops, strict=True))[:3]]
            found = list(zip(*pool.map(kernel, np.zeros(len(loops)), *columns), strict=True))
        assert [int(n) for n, _ in found] == [n for n, _ in wanted]
        assert [bits(float(last)) for _, last in found] == [bits(float(x)) for _, x in wanted]
        assert dtype == "f8" or [int(last) for _, last in found] == [x for _, x in wanted]


# ---- floats ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("a + b", np.add),
        ("a - b", np.subtract),
        ("a * b", np.multiply),
        ("a / b", np.divide),
        ("-a + 0 * b", lambda a, b: -a + 0 * b),
        ("a < b and 1.0 or 0.0", lambda a, b: (a < b) * 1.0),
        ("a <= b and 1.0 or 0.0", lambda a, b: (a <= b) * 1.0),
        ("a == b and 1.0 or 0.0", lambda a, b: (a == b) * 1.0),
        ("a ~= b and 1.0 or 0.0", lambda a, b: (a != b) * 1.0),
        ("not (a < b) and 1.0 or 0.0", lambda a, b: (~(a < b)) * 1.0),
        ("math.sqrt(a) + b", lambda a, b: np.sqrt(a) + b),
        ("math.abs(a) + b", lambda a, b: np.abs(a) + b),
        ("math.fmod(a, b)", np.fmod),
        ("a // b", lambda a, b: np.floor(a / b)),
        ("num.hypot(a, 0.0) + 0 * b", lambda a, b: np.hypot(a, 0.0) + 0 * b),
        # With constants: 0 and -0.0 are not the same, nor is what is 0 times infinity.
        ("a + 0 + b", lambda a, b: a + 0.0 + b),
        ("(a - 0) * b", lambda a, b: a * b),
        ("(0 - a) * b", lambda a, b: (0.0 - a) * b),
        ("(a + -0.0) * b", lambda a, b: a * b),
        ("-(-a) * b", lambda a, b: a * b),
        ("-(a - b)", lambda a, b: -(a - b)),
        ("a * 0 + b", lambda a, b: a * 0.0 + b),
        ("a * 1 * b", lambda a, b: a * b),
        ("a * -1 * b", lambda a, b: -a * b),
        ("a / 1 / b", lambda a, b: a / b),
        ("a / 3 * b", lambda a, b: a / 3 * b),
        ("(a - a) + b", lambda a, b: (a - a) + b),
        ("a // 1 * b", lambda a, b: np.floor(a) * b),
    ],
)
@pytest.mark.usefixtures("compiled")
def test_floats(pool, expression, meaning):
    x, y = pairs(FLOATS, "f8")
    got = three_ways(pool, expression, x, y, "f8")
    with np.errstate(all="ignore"):
        wanted = meaning(x, y)
    assert [bits(v) for v in got] == [bits(v) for v in wanted.tolist()]


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("math.max(a, b)", max),
        ("math.min(a, b)", min),
        ("math.max(b, a, 0.0)", lambda a, b: max(b, a, 0.0)),
        ("math.min(a, -0.0, b)", lambda a, b: min(a, -0.0, b)),
        ("a < b and a or b", lambda a, b: min(b, a)),
        ("not (a >= b) and a or b", lambda a, b: a if not a >= b else b),
        ("a ~= a and 7.0 or a + b", lambda a, b: 7.0 if a != a else a + b),
        ("(a < b) == (b > a) and (a <= b) == (b >= a) and 1.0 or 0.0", lambda a, b: 1.0),
    ],
)
@pytest.mark.usefixtures("compiled")
def test_choices_between_floats(pool, expression, meaning):
    """NaN is never less, and of 0.0 and -0.0 the first one stays: as Python has it."""
    x, y = pairs(FLOATS, "f8")
    got = three_ways(pool, expression, x, y, "f8")
    wanted = [meaning(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert [bits(v) for v in got] == [bits(v) for v in wanted]


@pytest.mark.usefixtures("compiled")
def test_float_modulo(pool):
    """The sign is the divisor's; an infinite divisor leaves what has its sign."""
    x, y = pairs(FLOATS, "f8")
    got = three_ways(pool, "a % b", x, y, "f8")
    for a, b, r in zip(x.tolist(), y.tolist(), got, strict=True):
        m = math.fmod(a, b) if not math.isinf(a) and b != 0 and not math.isnan(a + b) else math.nan
        if m * b < 0:
            m += b
        assert bits(r) == bits(m), (a, b)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f8", ">f4", ">f2"])
def test_floats_pass_through(pool, dtype):
    """Each value that an array can hold comes back the same; of a NaN that it is one."""
    with np.errstate(all="ignore"):
        x = np.array(FLOATS, "f8").astype(dtype)
    got = pool.map("function(x) return x end", x, out=np.zeros_like(x))
    ran = np.zeros_like(x)
    pool.run("function(i, r, x) r[i] = x[i] end", len(x), ran, x)
    number = ~np.isnan(x)
    for result in (got, ran):
        assert result[number].tobytes() == x[number].tobytes()
        assert np.isnan(result[~number]).all()


def test_all_halves(pool):
    """Every float16 there is, there and back, and rounded from float64 to nearest even."""
    x = np.arange(1 << 16, dtype="u2").view("f2")
    got = pool.map("function(x) return x end", x, out=np.zeros_like(x))
    number = ~np.isnan(x)
    assert (got.view("u2") == x.view("u2"))[number].all()
    between = np.nextafter(x[number][:-1].astype("f8"), np.inf)
    with np.errstate(all="ignore"):
        wanted = between.astype("f2")
    got = pool.map("function(x) return x end", between, out=np.zeros_like(wanted))
    assert got.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("operator", ["min", "max", "+", "*"])
def test_reductions_of_odd_numbers(pool, operator):
    """The same bits for any number of workers."""
    choose = np.random.default_rng(3)
    data = choose.choice(np.array(FLOATS)[:9], 50_000) * choose.random(50_000)
    data[choose.integers(0, 50_000, 50)] = 5e-324
    init = {"min": math.inf, "max": -math.inf, "+": 0.0, "*": 1.0}[operator]
    body = {
        "min": "math.min(a, x)",
        "max": "math.max(a, x)",
        "+": "a + x",
        "*": "a * (1 + x * 1e-9)",
    }[operator]
    data = data[np.isfinite(data)]
    source = f"function(a, x) return {body} end"
    results = {pool.reduce(source, data, init=init, combine=operator).hex() for _ in range(3)}
    for workers in (1, 3):
        with moonpool.Pool(workers) as other:
            results.add(other.reduce(source, data, init=init, combine=operator).hex())
    assert len(results) == 1
    if operator in ("min", "max"):
        assert float.fromhex(results.pop()) == (data.min() if operator == "min" else data.max())


def test_integers_and_floats_are_told_apart(pool):
    """An integer result stays exact beyond 2^53; one float among them makes all floats."""
    x = np.array([MAX, MAX - 1, MIN, 2**53 + 1])
    got = pool.map("function(x) return x end", x)
    assert (got.dtype, got.tolist()) == (np.dtype("i8"), x.tolist())
    got = pool.map("function(x) if x < 0 then return 0.5 end return x end", x)
    assert got.dtype == "f8"
    assert got.tolist() == [2.0**63, 2.0**63, 0.5, 2.0**53]
    assert (
        pool.map("function(x) return x + 0 end", np.array([True, False]).view("u1")).dtype == "i8"
    )
