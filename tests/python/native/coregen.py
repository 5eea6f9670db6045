"""Kernels with signatures at random: sources with arguments, each from one seed.

Inputs have 0 to 3 core dimensions and any strides, are broadcast, transposed or
of length 0; outputs are filled in loops, by computed indices, or not at all, are
read again now and then, and some are returned.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.python.native import kernelgen

LOOPS = (
    (),
    (0,),
    (1,),
    (2,),
    (3,),
    (5,),
    (7,),
    (8,),
    (9,),
    (17,),
    (3, 4),
    (2, 9),
    (4, 0),
    (2, 3, 3),
)
EXTENTS = (0, 1, 1, 2, 3, 4, 5, 9)
NAMES = ("m", "n", "k")
FLOATS = ("f8", "f8", "f8", "f4")
WAYS = ("dtype", "out", "strided out", "none", "none", "none")


@dataclass(frozen=True)
class Case:
    """A kernel with the arguments of one call."""

    seed: int
    source: str
    signature: str
    args: tuple[Any, ...]
    dtype: Any
    out: tuple[np.ndarray, ...] | None
    where: np.ndarray | None


@dataclass
class _Operand:
    """An input or an output."""

    name: str
    core: tuple[str, ...]
    code: str

    @property
    def kind(self) -> str:
        return kernelgen._kind(self.code)

    @property
    def text(self) -> str:
        return f"({','.join(self.core)})"


def make(seed: int) -> Case:
    """Return the case of a seed."""
    rng = random.Random(seed)
    loop = rng.choice(LOOPS)
    sizes = {name: rng.choice(EXTENTS) for name in NAMES}
    inputs = [_operand(rng, f"x{k}", (0, 1, 1, 1, 2, 2, 3)) for k in range(rng.randint(1, 3))]
    if not any(one.core for one in inputs):
        inputs[0].core = ("n",)
    known = [name for one in inputs for name in one.core]
    outputs = [_output(rng, k, known) for k in range(rng.randint(1, 2))]
    args = tuple(_input(rng, one, loop, sizes) for one in inputs)
    where = None
    if rng.random() < 0.2:
        where = np.random.default_rng(seed).random(loop) < 0.6
    way = rng.choice(WAYS)
    given = tuple(
        _place(rng, loop + tuple(sizes[name] for name in one.core), one.code, way)
        for one in outputs
    )
    return Case(
        seed,
        _source(rng, inputs, outputs),
        ",".join(one.text for one in inputs) + "->" + ",".join(one.text for one in outputs),
        args,
        tuple(one.code for one in outputs) if way == "dtype" else None,
        given if way.endswith("out") else None,
        where,
    )


def _operand(rng: random.Random, name: str, ranks: tuple[int, ...]) -> _Operand:
    core = tuple(rng.choice(NAMES) for _ in range(rng.choice(ranks)))
    return _Operand(name, core, rng.choice(kernelgen.DTYPES))


def _output(rng: random.Random, number: int, known: list[str]) -> _Operand:
    core = tuple(rng.choice(known) for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 3))))
    code = rng.choice(kernelgen.DTYPES) if rng.random() < 0.3 else rng.choice(FLOATS)
    return _Operand(f"y{number}", core, code)


def _input(rng: random.Random, one: _Operand, loop: tuple[int, ...], sizes: dict[str, int]) -> Any:
    if not one.core and rng.random() < 0.3:
        return {"float": 0.75, "int": -3, "bool": True}[one.kind]
    mine = loop
    way = rng.randrange(6)
    if way == 0:
        mine = tuple(1 if rng.random() < 0.5 else extent for extent in loop)
    elif way == 1:
        mine = loop[rng.randint(0, len(loop)) :]
    return _laid(rng, mine + tuple(sizes[name] for name in one.core), one.code)


def _laid(rng: random.Random, shape: tuple[int, ...], code: str) -> np.ndarray:
    """Return an array of a shape, with its dimensions in memory in any order."""
    order = list(range(len(shape)))
    if rng.random() < 0.4:
        rng.shuffle(order)
    steps = [rng.choice((1, 1, 1, 2, -1)) for _ in shape]
    wide = [shape[d] * abs(steps[d]) for d in order]
    values = kernelgen._array(rng, code, int(np.prod(wide))).reshape(wide)
    values = values[tuple(slice(None, None, steps[d]) for d in order)]
    return values.transpose(np.argsort(order)) if order else values


def _place(rng: random.Random, shape: tuple[int, ...], code: str, way: str) -> np.ndarray:
    """Return an output, with something in it that a kernel may see."""
    made = _laid(rng, shape, code) if way == "strided out" else np.ones(shape, code)
    return made if made.flags.writeable else made.copy()


# ---- sources ------------------------------------------------------------------


class _Body:
    """Writes what a kernel does with its arrays."""

    def __init__(self, rng: random.Random, inputs: list[_Operand], outputs: list[_Operand]) -> None:
        self.rng = rng
        self.writer = kernelgen._Writer(rng, [])
        self.arrays = [one for one in inputs if one.core]
        self.filled = [one for one in outputs if one.core]
        self.names = 0
        for one in inputs:
            if not one.core:
                self.writer.scopes[0].append((one.name, one.kind, True))

    def index(self, array: _Operand, depth: int, loops: dict[str, str]) -> str:
        """Return an index of a dimension, which is in bounds more often than not."""
        rng = self.rng
        row = array.name + "".join("[1]" for _ in range(depth))
        name = array.core[depth]
        if name in loops and rng.random() < 0.8:
            return loops[name]
        pick = rng.randrange(8)
        if pick == 0:
            return rng.choice(("1", "2", f"#{row}"))
        if pick == 1 and rng.random() < 0.3:
            return rng.choice(("0", "1.0", "1.5", "99", "-1"))
        if array.name[0] == "y":
            return f"{self.writer.int_(1)} % math.max({array.name}:size({depth + 1}), 1) + 1"
        return f"{self.writer.int_(1)} % math.max({array.name}:size({depth + 1}), 1) + 1"

    def element(self, array: _Operand, loops: dict[str, str]) -> str:
        indices = (self.index(array, depth, loops) for depth in range(len(array.core)))
        return array.name + "".join(f"[{one}]" for one in indices)

    def read(self, loops: dict[str, str]) -> None:
        """Put an element of an input into a variable."""
        array = self.rng.choice(self.arrays)
        text = self.element(array, loops)
        self.writer.put(f"local {self.writer.declare(array.kind)} = {text}")

    def write(self, loops: dict[str, str]) -> None:
        """Fill an element of an output."""
        rng, writer = self.rng, self.writer
        array = rng.choice(self.filled)
        place = self.element(array, loops)
        value = writer.expression(array.kind, 2)
        if array.kind == "int" and rng.random() < 0.8:
            value = f"({value}) & 127"
        if rng.random() < 0.15 and array.kind == "float":
            value = f"{place} + {value}"
        if rng.random() < 0.2:
            writer.put(f"if {writer.bool_(1)} then {place} = {value} end")
        else:
            writer.put(f"{place} = {value}")

    def fill(self) -> None:
        """Loop over dimensions of arrays, reading inputs and filling outputs."""
        rng, writer = self.rng, self.writer
        array = rng.choice(self.filled or self.arrays)
        loops: dict[str, str] = {}
        for depth, name in enumerate(array.core):
            self.names += 1
            index = f"q{self.names}"
            limit = f"{array.name}:size({depth + 1})"
            if depth == 0 and rng.random() < 0.5:
                limit = f"#{array.name}"
            writer.put(f"for {index} = 1, {limit} do")
            writer.scopes.append([(index, "int", False)])
            loops[name] = index
        for _ in range(rng.randint(1, 2)):
            self.read(loops)
        if rng.random() < 0.4:
            writer.budget += 1
            writer.block(1)
        self.sum()
        if self.filled:
            self.write(loops)
        for _ in array.core:
            writer.scopes.pop()
            writer.put("end")

    def sum(self) -> None:
        """Add something to a variable that outlives the loop."""
        kind = self.rng.choice(("int", "float"))
        name = self.writer.variable(kind, mutable=True)
        if name is not None:
            self.writer.put(f"{name} = {name} + {self.writer.expression(kind, 1)}")


def _source(rng: random.Random, inputs: list[_Operand], outputs: list[_Operand]) -> str:
    body = _Body(rng, inputs, outputs)
    writer = body.writer
    writer.put(f"local {writer.declare('float')} = 0.0")
    writer.put(f"local {writer.declare('int')} = 0")
    for _ in range(rng.randint(0, 2)):
        body.read({})
    writer.block(rng.randint(0, 2))
    for _ in range(rng.randint(1, 2)):
        body.fill()
    writer.block(rng.randint(0, 2))
    returned = [one for one in outputs if not one.core]
    if returned:
        writer.put("return " + ", ".join(writer.expression(one.kind, 2) for one in returned))
    params = [one.name for one in (*inputs, *outputs) if one.core or one in inputs]
    return kernelgen._source(params, writer)
