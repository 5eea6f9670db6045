"""Kernels at random: sources with arguments, each from one seed.

Everything ends: loops have counters, and divisors are rarely 0. Kernels are
strict, so that two tiers must agree in every bit, and in every error.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

_NATIVE = (
    "f8",
    "f8",
    "f8",
    "f8",
    "f4",
    "f2",
    "i8",
    "i8",
    "i4",
    "i2",
    "i1",
    "u1",
    "u2",
    "u4",
    "u8",
    "?",
)
_SWAPPED = (">f8", ">f4", ">f2", ">i8", ">u4", ">i2")
DTYPES = _NATIVE + _SWAPPED
SIZES = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40)
INTS = (0, 1, -1, 2, 3, 5, 7, 63, 64, -64, 255, 1 << 31, (1 << 53) + 1, (1 << 63) - 1, -(1 << 63))
FLOATS = ("0.0", "-0.0", "1.0", "0.5", "-1.5", "0.1", "3.0", "1e300", "5e-324", "2.0^53", "1e18")
SPECIALS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e300,
    -1e-300,
    5e-324,
    np.inf,
    -np.inf,
    np.nan,
    2.0**53,
    1e19,
)
FLOAT_CALLS = ("math.sqrt", "math.abs", "math.exp", "math.sin", "num.cbrt", "num.trunc", "num.rint")


@dataclass(frozen=True)
class Case:
    """A kernel with the arguments of one call."""

    seed: int
    form: str  # "map" or "run"
    source: str
    args: tuple[Any, ...]
    extent: int | tuple[int, ...] = 0
    where: np.ndarray | None = None
    dtype: Any = None


@dataclass(frozen=True)
class _Table:
    """A table made in the kernel: `size` items of a kind, named fields, or rows of items."""

    name: str
    kind: str
    size: int
    fields: tuple[str, ...] = ()
    rows: int = 0

    @property
    def grows(self) -> bool:
        """Whether it has items from 1 on, and may get more."""
        return not self.fields and not self.rows


@dataclass(frozen=True)
class _Function:
    """A function made in the kernel, with a result of a kind."""

    name: str
    kind: str
    params: tuple[str, ...]  # their kinds


class _Writer:
    """Writes the body of a function, with the types of its variables known."""

    def __init__(self, rng: random.Random, arrays: list[str]) -> None:
        self.rng = rng
        self.arrays = arrays  # float64, to read in `run`
        self.tabular = False  # whether it makes tables
        self.functional = False  # and functions, which assign what is around them
        self.tables: list[list[_Table]] = [[]]
        self.functions: list[list[_Function]] = [[]]
        self.scopes: list[list[tuple[str, str, bool]]] = [[]]
        self.lines: list[str] = []
        self.names = 0
        self.loops = 0
        self.budget = rng.randint(4, 14)

    # ---- variables

    def declare(self, kind: str, mutable: bool = True) -> str:
        self.names += 1
        name = f"{kind[0]}{self.names}"
        self.scopes[-1].append((name, kind, mutable))
        return name

    def variable(self, kind: str, mutable: bool = False) -> str | None:
        found = [
            name
            for scope in self.scopes
            for name, of, can in scope
            if of == kind and (can or not mutable)
        ]
        return self.rng.choice(found) if found else None

    # ---- expressions

    def expression(self, kind: str, depth: int) -> str:
        if self.tabular and self.rng.random() < 0.2:
            item = self.item(kind, depth)
            if item is not None:
                return item
        if self.functional and depth > 0 and self.rng.random() < 0.25:
            call = self.call(kind)
            if call is not None:
                return call
        return {"int": self.int_, "float": self.float_, "bool": self.bool_}[kind](depth)

    def int_(self, depth: int) -> str:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.15:
            return self.variable("int") or self.literal("int")
        a, b = (lambda: self.int_(depth - 1)), (lambda: self.int_(depth - 1))
        pick = rng.randrange(12)
        if pick < 4:
            return f"({a()} {rng.choice('+-*')} {b()})"
        if pick == 4:
            divisor = b() if rng.random() < 0.1 else f"({b()} | 1)"
            return f"({a()} {rng.choice(('//', '%'))} {divisor})"
        if pick == 5:
            return f"({a()} {rng.choice('&|~')} {b()})"
        if pick == 6:
            return f"({a()} {rng.choice(('<<', '>>'))} {b()})"
        if pick == 7:
            return f"({rng.choice('-~')} {a()})"
        if pick == 8:
            return f"math.{rng.choice(('max', 'min'))}({a()}, {b()})"
        if pick == 9:
            return f"math.{rng.choice(('floor', 'ceil'))}({self.float_(depth - 1)})"
        if pick == 10:
            return f"({self.bool_(depth - 1)} and {a()} or {b()})"
        return rng.choice((f"math.abs({a()})", f"num.sign({a()})", f"math.fmod({a()}, {b()} | 1)"))

    def float_(self, depth: int) -> str:
        rng = self.rng
        if depth <= 0 or rng.random() < 0.15:
            return self.variable("float") or self.literal("float")
        a, b = (lambda: self.float_(depth - 1)), (lambda: self.float_(depth - 1))
        pick = rng.randrange(13)
        if pick < 4:
            return f"({a()} {rng.choice('+-*/')} {b()})"
        if pick == 4:
            return f"({a()} {rng.choice('+-*/')} {self.int_(depth - 1)})"
        if pick == 5:
            return f"({self.int_(depth - 1)} / {self.int_(depth - 1)})"
        if pick == 6:
            return f"({a()} {rng.choice(('//', '%'))} {b()})"
        if pick == 7:
            return f"(-{a()})"
        if pick == 8:
            return f"math.{rng.choice(('max', 'min'))}({a()}, {b()})"
        if pick == 9:
            return f"{rng.choice(FLOAT_CALLS)}({a()})"
        if pick == 10:
            return f"({self.bool_(depth - 1)} and {a()} or {b()})"
        if pick == 11 and self.arrays:
            name = rng.choice(self.arrays)
            return f"{name}[{self.int_(depth - 1)} % #{name} + 1]"
        return rng.choice(
            (f"helper({a()}, {b()})", f"({a()} ^ 2)", f"num.fma({a()}, {b()}, 1.0)", "SCALE")
        )

    def bool_(self, depth: int) -> str:
        rng = self.rng
        if depth <= 0:
            return self.variable("bool") or rng.choice(("true", "false"))
        pick = rng.randrange(7)
        kinds = [rng.choice(("int", "float")) for _ in range(2)]
        a, b = (self.expression(kind, depth - 1) for kind in kinds)
        if pick < 4:
            return f"({a} {rng.choice(('<', '<=', '>', '>=', '==', '~='))} {b})"
        if pick == 4:
            return f"(not {self.bool_(depth - 1)})"
        if pick == 5 and self.functional and rng.random() < 0.5:
            return f"(math.type({a}) == '{rng.choice(('integer', 'float'))}')"
        if pick == 5:
            return f"num.isnan({self.float_(depth - 1)})"
        word = rng.choice(("and", "or"))
        return f"({self.bool_(depth - 1)} {word} {self.bool_(depth - 1)})"

    def literal(self, kind: str) -> str:
        if kind == "float":
            return f"({self.rng.choice(FLOATS)})"
        value = self.rng.choice(INTS)
        return "math.mininteger" if value == -(1 << 63) else f"({value})"

    # ---- tables

    def table(self, kind: str | None = None) -> _Table | None:
        found = [t for scope in self.tables for t in scope if kind in (None, t.kind)]
        return self.rng.choice(found) if found else None

    def index(self, table: _Table, depth: int = 1) -> str:
        """Return an index in brackets, or a field's name behind a dot."""
        if table.fields:
            return f".{self.rng.choice(table.fields)}"
        row = self.place(table.rows, depth) if table.rows else ""
        return row + self.place(table.size, depth)

    def place(self, size: int, depth: int) -> str:
        pick = self.rng.randrange(40)
        if pick == 0:
            return f"[{self.int_(depth)}]"
        if pick < 20:
            return f"[{self.rng.randint(1, size)}]"
        return f"[{self.int_(depth)} % {size} + 1]"

    def item(self, kind: str, depth: int) -> str | None:
        table = self.table(kind)
        if kind == "int" and self.rng.random() < 0.2:
            table = self.table()
            return f"#{table.name}" if table is not None and not table.fields else None
        return None if table is None else f"{table.name}{self.index(table, min(depth, 1))}"

    def new_table(self) -> None:
        rng = self.rng
        self.names += 1
        kind = rng.choice(("int", "float", "float", "bool"))
        name, size = f"t{self.names}", rng.randint(1, 6)
        fields: tuple[str, ...] = ()
        rows = 0
        pick = rng.randrange(5)
        values = [self.expression(kind, 1) for _ in range(size)]
        if pick == 0:
            fields = tuple("xyzuvw"[:size])
            pairs = [f"{key} = {value}" for key, value in zip(fields, values, strict=True)]
            self.put(f"local {name} = {{{', '.join(pairs)}}}")
        elif pick == 1:
            self.put(f"local {name} = {{}}")
            self.put(f"for k = 1, {size} do {name}[k] = {values[0]} end")
        elif pick == 2:
            rows = rng.randint(1, 3)
            row = f"{{{', '.join(values)}}}"
            self.put(f"local {name} = {{{', '.join([row] * rows)}}}")
        else:
            self.put(f"local {name} = {{{', '.join(values)}}}")
        self.tables[-1].append(_Table(name, kind, size, fields, rows))

    def change_table(self) -> None:
        rng = self.rng
        table = self.table()
        if table is None or rng.random() < 0.3:
            self.new_table()
            return
        value, pick = self.expression(table.kind, 2), rng.randrange(12)
        name = table.name
        if pick == 0 and table.grows:
            self.put(f"{name}[#{name} + 1] = {value}")
        elif pick < 4:
            a, b = (f"{name}{self.index(table)}" for _ in range(2))
            self.put(f"{a}, {b} = {b}, {a}")
        elif pick < 7 and table.grows:
            self.put(f"for k = 1, {rng.choice((table.size, f'#{name}', '2'))} do")
            self.put(f"  {name}[k] = {value}")
            self.put("end")
        else:
            self.put(f"{name}{self.index(table)} = {value}")

    # ---- functions

    def call(self, kind: str) -> str | None:
        found = [f for scope in self.functions for f in scope if f.kind == kind]
        if not found:
            return None
        function = self.rng.choice(found)
        args = [self.expression(kind, 1) for kind in function.params]
        return f"{function.name}({', '.join(args)})"

    def new_function(self) -> None:
        rng = self.rng
        self.names += 1
        kinds = [rng.choice(("int", "float", "bool")) for _ in range(rng.randint(0, 2))]
        function = _Function(f"g{self.names}", rng.choice(("int", "float")), tuple(kinds))
        self.scopes.append([])
        params = [self.declare(kind) for kind in kinds]
        self.put(f"local function {function.name}({', '.join(params)})")
        self.assign()
        self.block(rng.randint(0, 2))
        self.assign()
        self.put(f"return {self.expression(function.kind, 2)}")
        self.scopes.pop()
        self.put("end")
        self.functions[-1].append(function)
        call = self.call(function.kind)
        self.put(f"local {self.declare(function.kind)} = {call}")

    # ---- statements

    def put(self, text: str) -> None:
        self.lines.append("  " * len(self.scopes) + text)

    def block(self, count: int) -> None:
        self.scopes.append([])
        self.tables.append([])
        self.functions.append([])
        for _ in range(count):
            if self.budget > 0:
                self.statement()
        self.scopes.pop()
        self.tables.pop()
        self.functions.pop()

    def statement(self) -> None:
        self.budget -= 1
        rng = self.rng
        if self.tabular and rng.random() < 0.4:
            self.change_table()
            return
        if self.functional and len(self.scopes) < 4 and rng.random() < 0.3:
            self.new_function()
            return
        pick = rng.randrange(10)
        if rng.random() < 0.02:
            self.put(self.check())
        elif pick < 3:
            kind = rng.choice(("int", "float", "float", "bool"))
            value = self.expression(kind, 3)
            self.put(f"local {self.declare(kind)} = {value}")
        elif pick < 6:
            self.assign()
        elif pick < 8:
            self.branch()
        else:
            self.loop()

    def check(self) -> str:
        """Return a call of error or assert, which is rare when it runs."""
        number = self.int_(1)
        rare = f"{number} == 7 and {self.bool_(1)}"
        made = (
            "'seven'",
            f"'is ' .. ({number})",
            f"tostring({number}) .. ' is'",
            f"string.format('%5.1f%%', {number})",
        )
        message = made[len(rare) % len(made)]
        if self.rng.random() < 0.5:
            return f"if {rare} then error({message}) end"
        return f"assert(not ({rare}), {message})"

    def assign(self) -> None:
        kind = self.rng.choice(("int", "float", "float", "bool"))
        name = self.variable(kind, mutable=True)
        if name is not None:
            self.put(f"{name} = {self.expression(kind, 3)}")

    def maybe(self) -> None:
        """Use a number that is nil on some ways."""
        rng = self.rng
        kind = rng.choice(("int", "float"))
        self.names += 1
        name = f"m{self.names}"
        self.put(f"local {name}")
        self.put(f"if {self.bool_(2)} then {name} = {self.expression(kind, 2)} end")
        if rng.random() < 0.3:
            self.put(f"if not {name} and {self.bool_(1)} then {name} = {self.literal(kind)} end")
        value = name if rng.random() < 0.1 else f"({name} or {self.literal(kind)})"
        more = self.expression(kind, 1)
        self.put(f"local {self.declare(kind)} = {value} + {more}")

    def branch(self) -> None:
        if self.rng.random() < 0.15:
            self.maybe()
            return
        self.put(f"if {self.bool_(2)} then")
        self.block(self.rng.randint(1, 3))
        if self.rng.random() < 0.3:
            self.put(f"elseif {self.bool_(2)} then")
            self.block(self.rng.randint(1, 2))
        if self.rng.random() < 0.5:
            self.put("else")
            self.block(self.rng.randint(1, 3))
        self.put("end")

    def loop(self) -> None:
        rng = self.rng
        if len(self.scopes) > 4:
            return
        self.loops += 1
        kind = rng.randrange(4)
        leave = f"if {self.bool_(2)} then break end" if rng.random() < 0.5 else None
        if kind < 2:
            self.for_(leave)
            return
        counter = f"c{self.loops}"
        self.put(f"local {counter} = 0")
        self.put(
            f"while {counter} < {rng.randint(1, 6)} and {self.bool_(1)} do"
            if kind == 2
            else "repeat"
        )
        self.put(f"  {counter} = {counter} + 1")
        self.body(leave)
        self.put(
            "end" if kind == 2 else f"until {counter} > {rng.randint(0, 5)} or {self.bool_(1)}"
        )

    def for_(self, leave: str | None) -> None:
        rng = self.rng
        floats = rng.random() < 0.2
        start = "0.5" if floats else rng.choice(("1", "-2", "5", "0"))
        limit = rng.choice(("3", "6", "4.5", f"({self.int_(1)} & 7)"))
        step = rng.choice(("", "", ", 2", ", -1"))
        self.scopes.append([])
        name = self.declare("float" if floats else "int", mutable=False)
        self.put(f"for {name} = {start}, {limit}{step} do")
        self.body(leave)
        self.put("end")
        self.scopes.pop()

    def body(self, leave: str | None) -> None:
        again = self.rng.random() < 0.25
        self.block(self.rng.randint(1, 3))
        if leave is not None:
            self.put(f"  {leave}")
        if again:
            label = f"next{self.loops}_{len(self.lines)}"
            self.put(f"  if {self.bool_(1)} then goto {label} end")
            self.put("  do")
            self.block(1)
            self.put("  end")
            self.put(f"  ::{label}::")


HEAD = """local SCALE, TABLE = 2.5, {0.5, 1.5, -2.0}
local function helper(x, y)
  if x < y then return x * SCALE end
  return y - x + TABLE[2]
end
"""


def _kind(code: str) -> str:
    return {"f": "float", "?": "bool"}.get(code.lstrip(">")[0], "int")


def _array(rng: random.Random, code: str, size: int) -> np.ndarray:
    values = np.random.default_rng(rng.randrange(1 << 32))
    kind = np.dtype(code).kind
    if kind == "f":
        with np.errstate(over="ignore"):
            array = (values.standard_normal(size) * 10.0 ** values.integers(-2, 3, size)).astype(
                code
            )
            for k in range(size):
                if rng.random() < 0.15:
                    array[k] = rng.choice(SPECIALS)
    elif kind == "b":
        array = values.integers(0, 2, size).astype(code)
    else:
        info = np.iinfo(code)
        array = values.integers(max(info.min, -9), 10, size).astype(code)
        for k in range(size):
            if rng.random() < 0.1:
                array[k] = rng.choice((info.min, min(info.max, (1 << 63) - 1), 0))
        if info.max >> 63 and size and values.random() < 0.2:
            array[values.integers(size)] = 1 << 63  # which Lua's integers cannot hold
    return array


def _strided(rng: random.Random, code: str, size: int) -> np.ndarray:
    way = rng.randrange(6)
    if way == 0:
        return _array(rng, code, 2 * size)[::2]
    if way == 1:
        return _array(rng, code, size)[::-1]
    return _array(rng, code, size)


def make(seed: int) -> Case:
    """Return the case of a seed."""
    rng = random.Random(seed)
    return _run(rng, seed) if rng.random() < 0.4 else _map(rng, seed)


def _writer(rng: random.Random, arrays: list[str], seed: int) -> _Writer:
    """Return one for a seed; kernels without tables and functions are what they always were."""
    writer = _Writer(rng, arrays)
    writer.tabular = random.Random(seed + 1).random() < 0.4
    writer.functional = random.Random(seed + 2).random() < 0.25
    return writer


def _map(rng: random.Random, seed: int) -> Case:
    size = rng.choice(SIZES)
    writer = _writer(rng, [], seed)
    params: list[str] = []
    args: list[Any] = []
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.2:
            value = rng.choice((3, -7, 0.25, -2.5, True))
            args.append(value)
            kind = {bool: "bool", int: "int", float: "float"}[type(value)]
        else:
            code = rng.choice(DTYPES)
            args.append(_strided(rng, code, size))
            kind = _kind(code)
        params.append(writer.declare(kind))
    if not any(isinstance(arg, np.ndarray) for arg in args):
        args[0] = _array(rng, {"bool": "?", "int": "i8", "float": "f8"}[_kind_of(args[0])], size)
    writer.block(rng.randint(1, 6))
    kind = rng.choice(("int", "float")) if rng.random() < 0.3 else "float"
    kinds = [kind] + [rng.choice(("int", "float", "bool"))] * (rng.random() < 0.3)
    if rng.random() < 0.3:
        early = ", ".join(writer.expression(kind, 2) for kind in kinds)
        writer.put(f"if {writer.bool_(2)} then return {early} end")
    writer.put("return " + ", ".join(writer.expression(kind, 3) for kind in kinds))
    return Case(seed, "map", _source(params, writer), tuple(args))


def _kind_of(value: Any) -> str:
    return {bool: "bool", int: "int", float: "float"}[type(value)]


def _run(rng: random.Random, seed: int) -> Case:
    size = rng.choice(SIZES)
    flat = rng.random() < 0.6
    writer = _writer(rng, ["a", "b"], seed)
    indices = ["i"] if flat else ["i", "j"]
    for name in indices:
        writer.scopes[0].append((name, "int", False))
    writer.scopes[0].append(("s", "float", False))
    args: list[Any] = [_strided(rng, "f8", size or 1), _strided(rng, "f8", rng.randint(1, 9))]
    if flat:
        extent: int | tuple[int, ...] = size
        out = _strided(rng, rng.choice(("f8", "f8", "f4", "i8", "u1")), size)
    else:
        extent = (rng.randint(0, 4), size)
        out = np.zeros(extent)
    place = "out[i]" if flat else "out[i][j]"
    kind = "float" if out.dtype.kind == "f" else "int"
    writer.block(rng.randint(1, 5))
    value = writer.expression(kind, 3)
    writer.put(f"{place} = {value if out.dtype.itemsize > 1 else f'({value}) & 255'}")
    if rng.random() < 0.4:
        writer.put(f"if {writer.bool_(2)} then")
        writer.put(f"  {place} = {place} + 1")
        writer.put("end")
    params = [*indices, "a", "b", "out", "s"]
    args += [out, rng.choice((0.5, -3.25))]
    return Case(seed, "run", _source(params, writer), tuple(args), extent)


def _source(params: list[str], writer: _Writer) -> str:
    body = "\n".join(writer.lines)
    return f"{HEAD}return function({', '.join(params)})\n{body}\nend"
