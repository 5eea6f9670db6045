"""More kernels at random: what the plain ones of kernelgen lack.

Functions with several results, with varargs, as arguments and over locals; tables
beside the kernel; assignments of several values, returns from anywhere, `goto` out
of loops and back; sums that start as an integer; all of `num`; runs over 3
dimensions that gather and scatter; maps with `where` and `dtype`.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from tests.python.native import kernelgen
from tests.python.native.kernelgen import Case

HEAD = """local SCALE, TABLE, INTS = 2.5, {0.5, 1.5, -2.0, 1e300}, {3, -1, 1 << 62, 0, 7}
local FLAGS, DEEP = {true, false, true}, {{0.5, -0.5}, {x = 2}, name = {1.5}}
local function helper(x, y)
  if x < y then return x * SCALE end
  return y - x + TABLE[2]
end
local function split(x, y)
  if x < y then return x + y, 1, true end
  if x == y then return x, 2, false end
  return x * 0.5, -3, y > 0
end
local function rest(first, ...)
  local a, b = ...
  return first * a - b
end
local function apply(f, x) return f(f(x)) end
"""
REAL = (  # noqa: SIM905
    "math.sqrt math.abs math.exp math.sin math.cos math.tan math.asin math.acos math.atan "
    "math.log math.deg math.rad num.acosh num.asinh num.atanh num.cbrt num.cosh num.erf num.erfc "
    "num.exp2 num.expm1 num.gamma num.lgamma num.log10 num.log1p num.log2 num.rint num.round "
    "num.sinh num.tanh num.trunc num.sign"
).split()
PAIRS = (  # noqa: SIM905
    "num.atan2 num.copysign num.hypot num.nextafter num.pow num.remainder math.fmod math.atan "
    "math.log math.max math.min"
).split()
TESTS = ("num.isfinite", "num.isinf", "num.isnan")
EXTENTS = (0, 1, 2, 3, 5, 8, 9)


class _Writer(kernelgen._Writer):
    """Writes bodies with all that."""

    def __init__(self, rng: random.Random, arrays: list[tuple[str, str, int]]) -> None:
        super().__init__(rng, [])
        self.inputs = arrays  # (name, kind, rank)
        self.results: list[str] = []  # kinds; none in a run
        self.labels = 0

    # ---- expressions

    def element(self, kind: str, depth: int) -> str | None:
        """Return an element of an array, at an index that is in it."""
        found = [(name, rank) for name, of, rank in self.inputs if of == kind]
        if not found:
            return None
        name, rank = self.rng.choice(found)
        text = name
        for d in range(1, rank + 1):
            size = f"#{name}" if d == 1 and self.rng.random() < 0.5 else f"{name}:size({d})"
            text += f"[{self.int_(min(depth, 1))} % {size} + 1]"
        return text

    def expression(self, kind: str, depth: int) -> str:
        if self.inputs and self.rng.random() < 0.25:
            text = self.element(kind, depth)
            if text is not None:
                return text
        return super().expression(kind, depth)

    def int_(self, depth: int) -> str:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.8:
            return super().int_(depth)
        pick = rng.randrange(6)
        if pick == 0:
            return f"INTS[{self.int_(depth - 1)} % 5 + 1]"
        if pick == 1:
            return rng.choice(("#TABLE", "#INTS", "DEEP[2].x", "INTS[3]", "math.maxinteger"))
        if pick == 2:
            return f"({self.int_(depth - 1)} // {rng.choice((-8, -1, 2, 7, 1 << 40))})"
        if pick == 3:
            return f"({self.int_(depth - 1)} % {rng.choice((-8, -1, 3, 16, 1 << 40))})"
        if pick == 4:
            return f"({self.int_(depth - 1)} {rng.choice(('<<', '>>'))} {rng.randint(-70, 70)})"
        return f"(math.ult({self.int_(depth - 1)}, {self.int_(depth - 1)}) and 1 or -2)"

    def float_(self, depth: int) -> str:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.7:
            return super().float_(depth)
        a = self.float_(depth - 1)
        pick = rng.randrange(9)
        if pick < 2:
            return f"{rng.choice(REAL)}({a})"
        b = self.float_(depth - 1)
        if pick < 4:
            return f"{rng.choice(PAIRS)}({a}, {b})"
        if pick == 4:
            low, high = sorted(rng.sample(range(-9, 9), 2))
            return f"num.clamp({a}, {low}.0, {high}.5)"
        if pick == 5:
            return rng.choice(
                (f"num.lerp({a}, {b}, 0.25)", f"({a} ^ {b})", f"num.fma({a}, {b}, {a})")
            )
        if pick == 6:
            name = rng.choice(("num.random", "num.normal"))
            return f"{name}({self.int_(depth - 1)}, {self.int_(depth - 1)})"
        if pick == 7:
            return rng.choice(
                (f"TABLE[{self.int_(depth - 1)} % 4 + 1]", "DEEP[1][2]", "DEEP.name[1]", "math.pi")
            )
        return rng.choice(
            (
                f"rest({a}, {b}, 0.5, 7)",
                f"apply(function(v) return v * {a} end, {b})",
                f"(split({a}, {b}))",
            )
        )

    def bool_(self, depth: int) -> str:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.85:
            return super().bool_(depth)
        if rng.random() < 0.5:
            return f"FLAGS[{rng.randint(1, 3)}]"
        return f"{rng.choice(TESTS)}({self.float_(depth - 1)})"

    # ---- statements

    def statement(self) -> None:
        rng = self.rng
        if rng.random() < 0.6:
            super().statement()
            return
        self.budget -= 1
        if self.results and rng.random() < 0.1:
            values = ", ".join(self.expression(kind, 2) for kind in self.results)
            self.put(f"if {self.bool_(2)} then return {values} end")
            return
        rng.choice((self.several, self.swap, self.closure, self.leave, self.back, self.sum))()

    def several(self) -> None:
        rng = self.rng
        if rng.random() < 0.3:
            value = self.float_(2)
            self.put(f"local {self.declare('float')}, {self.declare('float')} = math.modf({value})")
            return
        values = f"{self.float_(2)}, {self.float_(2)}"
        kinds = ("float", "int", "bool")[: rng.randint(1, 3)]
        self.put(f"local {', '.join(self.declare(kind) for kind in kinds)} = split({values})")

    def swap(self) -> None:
        kind = self.rng.choice(("int", "float"))
        a, b = (self.variable(kind, mutable=True) for _ in range(2))
        if a is None or b is None or a == b:
            self.assign()
            return
        self.put(f"{a}, {b} = {b}, {self.expression(kind, 1)}")

    def closure(self) -> None:
        inner = self.float_(1)
        self.names += 1
        name = f"g{self.names}"
        self.put(f"local function {name}(v, w) return v + {inner}, w end")
        value = self.float_(2)
        self.put(f"local {self.declare('float')} = {name}({value})")

    def leave(self) -> None:
        """Leave two loops at once."""
        if len(self.scopes) > 3:
            return
        self.labels += 1
        label = f"out{self.labels}"
        self.put("do")
        self.put(f"for k = 1, {self.rng.randint(1, 4)} do for l = k, 3 do")
        self.block(2)
        self.put(f"if {self.bool_(2)} then goto {label} end")
        self.put("end end")
        self.put(f"::{label}::")
        self.put("end")

    def back(self) -> None:
        """Make a loop of a goto."""
        if len(self.scopes) > 3:
            return
        self.labels += 1
        label, counter = f"back{self.labels}", f"n{self.labels}"
        self.put("do")
        self.put(f"local {counter} = 0")
        self.put(f"::{label}::")
        self.put(f"{counter} = {counter} + 1")
        self.put("do")
        self.block(2)
        self.put("end")
        again = f"{counter} < {self.rng.randint(1, 5)} and {self.bool_(1)}"
        self.put(f"if {again} then goto {label} end")
        self.put("end")

    def sum(self) -> None:
        """Begin as an integer and end as a float."""
        self.names += 1
        name = f"s{self.names}"
        self.put(f"local {name} = 0")
        self.put(f"for k = 1, {self.rng.randint(1, 4)} do {name} = {name} + {self.float_(2)} end")
        self.put(f"local {self.declare('float')} = {name} * 0.5")


def make(seed: int) -> Case:
    """Return the case of a seed."""
    rng = random.Random(~seed)
    return _run(rng, seed) if rng.random() < 0.5 else _map(rng, seed)


def _source(params: list[str], writer: _Writer) -> str:
    body = "\n".join(writer.lines)
    return f"{HEAD}return function({', '.join(params)})\n{body}\nend"


def _spread(rng: random.Random, code: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of a shape that lies in memory anyhow."""
    way = rng.randrange(5)
    if way == 0:
        wide = (*shape[:-1], 2 * shape[-1])
        return kernelgen._array(rng, code, int(np.prod(wide))).reshape(wide)[..., ::2]
    if way == 1:
        turned = kernelgen._array(rng, code, int(np.prod(shape))).reshape(shape[::-1])
        return turned.transpose()
    array = kernelgen._array(rng, code, int(np.prod(shape))).reshape(shape)
    return array[::-1] if way == 2 else array


def _map(rng: random.Random, seed: int) -> Case:
    shape: tuple[int, ...] = (rng.choice(kernelgen.SIZES),)
    if rng.random() < 0.3:
        shape = (rng.choice(EXTENTS), *shape)
    writer = _Writer(rng, [])
    params: list[str] = []
    args: list[Any] = []
    for k in range(rng.randint(1, 4)):
        if k > 0 and rng.random() < 0.3:
            value = rng.choice((3, -7, 0.25, -2.5, True, 1 << 62))
            args.append(value)
            params.append(writer.declare(kernelgen._kind_of(value)))
            continue
        code = rng.choice(kernelgen.DTYPES)
        whole = k == 0 or rng.random() < 0.7
        args.append(_spread(rng, code, shape if whole else shape[-1:]))
        params.append(writer.declare(kernelgen._kind(code)))
    kinds = [rng.choice(("float", "float", "int", "bool")) for _ in range(rng.choice((1, 1, 2, 3)))]
    writer.results = kinds
    writer.block(rng.randint(1, 6))
    writer.put("return " + ", ".join(writer.expression(kind, 3) for kind in kinds))
    where = _array_of_bools(rng, shape) if rng.random() < 0.25 else None
    dtype: Any = None
    if rng.random() < 0.25:
        codes = {"float": ("f8", "f4", "f4"), "int": ("i8", "f8", "f4"), "bool": ("?",)}
        dtype = tuple(rng.choice(codes[kind]) for kind in kinds)
        dtype = dtype[0] if len(dtype) == 1 else dtype
    return Case(seed, "map", _source(params, writer), tuple(args), where=where, dtype=dtype)


def _array_of_bools(rng: random.Random, shape: tuple[int, ...]) -> np.ndarray:
    share = rng.choice((0.0, 0.1, 0.5, 1.0))
    return np.random.default_rng(rng.randrange(1 << 32)).random(shape) < share


def _run(rng: random.Random, seed: int) -> Case:
    extent = tuple(rng.choice(EXTENTS) for _ in range(rng.randint(1, 3)))
    if len(extent) == 1:
        extent = (rng.choice(kernelgen.SIZES),)
    inputs: list[tuple[str, str, int]] = []
    args: list[Any] = []
    for name in "abc"[: rng.randint(1, 3)]:
        code, rank = rng.choice(kernelgen.DTYPES), rng.randint(1, 3)
        inputs.append((name, kernelgen._kind(code), rank))
        args.append(_spread(rng, code, tuple(rng.randint(1, 5) for _ in range(rank))))
    indices = ["i", "j", "k"][: len(extent)]
    writer = _Writer(rng, inputs)
    writer.scopes[0] += [(name, "int", False) for name in indices]
    writer.scopes[0].append(("s", "float", False))
    code = rng.choice(("f8", "f8", "f4", "i8", "?"))
    out = _spread(rng, code, extent)
    place = "out" + "".join(f"[{name}]" for name in indices)
    params = [*indices, *(name for name, _, _ in inputs), "out", "s"]
    args += [out, rng.choice((0.5, -3.25))]
    if len(extent) == 1 and rng.random() < 0.4:
        # Each item writes to another one's place.
        order = np.random.default_rng(rng.randrange(1 << 32)).permutation(extent[0]) + 1
        params.append("order")
        args.append(order.astype(rng.choice(("i8", "i4", "f8"))))
        place = "out[order[i]]"
    writer.block(rng.randint(1, 5))
    writer.put(f"{place} = {writer.expression(kernelgen._kind(code), 3)}")
    return Case(
        seed, "run", _source(params, writer), tuple(args), extent if len(extent) > 1 else extent[0]
    )
