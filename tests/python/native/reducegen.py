"""Reductions at random: kernels with arguments, each from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.python.native import kernelgen

SIZES = (0, 1, 2, 5, 31, 32, 33, 63, 64, 65, 100, 500, 2047, 2049, 5000, 20011)
SHAPES = ((3, 40), (40, 3), (1, 70), (70, 1), (0, 4), (33, 65), (2, 3, 100), (130, 70), (3, 7001))
OPERATORS = ("+", "*", "min", "max")


@dataclass(frozen=True)
class Case:
    """A kernel with the arguments of one call."""

    seed: int
    source: str
    args: tuple[Any, ...]
    init: Any
    combine: str | None
    axis: Any
    workers: int


def make(seed: int) -> Case:
    """Return the case of a seed."""
    rng = random.Random(seed)
    shape = (rng.choice(SIZES),) if rng.random() < 0.6 else rng.choice(SHAPES)
    kinds = [rng.choice(("float", "float", "float", "int", "bool")) for _ in range(_count(rng))]
    combine = _combine(rng, kinds)
    writer = kernelgen._Writer(rng, [])
    accs = [writer.declare(kind) for kind in kinds]
    args: list[Any] = [_array(rng, shape)]
    if args[0].shape != shape:
        args.append(_array(rng, (*shape[:-1], 1)))
    args += [
        _array(rng, shape) if rng.random() < 0.5 else rng.choice((3, 0.25, True))
        for _ in range(rng.randrange(3))
    ]
    shape = np.broadcast_shapes(*(np.shape(arg) for arg in args))
    params = [writer.declare(_kind(arg)) for arg in args]
    writer.budget = rng.choice((0, 1, 2, 8))
    writer.block(rng.randint(0, 3))
    results = [_result(rng, writer, kind, acc) for kind, acc in zip(kinds, accs, strict=True)]
    if rng.random() < 0.1:
        writer.put(f"if {writer.bool_(2)} then return {', '.join(accs)} end")
    writer.put("return " + ", ".join(results))
    init = tuple(_init(rng, kind) for kind in kinds)
    axes = [None, *range(len(shape))]
    return Case(
        seed,
        kernelgen._source(accs + params, writer),
        tuple(args),
        init if len(init) > 1 or rng.random() < 0.3 else init[0],
        combine,
        rng.choice(axes) if rng.random() < 0.8 else tuple(range(len(shape))),
        rng.randint(1, 3),
    )


def _count(rng: random.Random) -> int:
    return 1 if rng.random() < 0.7 else rng.randint(2, 3)


def _combine(rng: random.Random, kinds: list[str]) -> str | None:
    pick = rng.random()
    if pick < 0.2:
        return None
    if pick < 0.8 and ("bool" not in kinds or rng.random() < 0.1):
        return rng.choice(OPERATORS)
    left = [f"a{k}" for k in range(len(kinds))]
    right = [f"b{k}" for k in range(len(kinds))]
    word = {"float": "+", "int": "+", "bool": "or"}
    both = (f"{a} {word[kind]} {b}" for a, b, kind in zip(left, right, kinds, strict=True))
    return f"function({', '.join(left + right)}) return {', '.join(both)} end"


def _array(rng: random.Random, shape: tuple[int, ...]) -> np.ndarray:
    code = rng.choice(kernelgen.DTYPES)
    size = int(np.prod(shape))
    way = rng.randrange(5)
    if way == 0:
        wide = kernelgen._array(rng, code, size * 2).reshape(*shape[:-1], shape[-1] * 2)
        return wide[..., ::-2] if rng.random() < 0.5 else wide[..., : shape[-1]]
    if way == 1:
        return kernelgen._array(rng, code, size).reshape(shape[::-1]).transpose()
    if way == 2 and len(shape) > 1:
        return kernelgen._array(rng, code, shape[-1])  # broadcast
    return kernelgen._array(rng, code, size).reshape(shape)


def _kind(arg: Any) -> str:
    if isinstance(arg, np.ndarray):
        return kernelgen._kind(arg.dtype.str.lstrip("<>|="))
    return {bool: "bool", int: "int", float: "float"}[type(arg)]


def _result(rng: random.Random, writer: Any, kind: str, acc: str) -> str:
    value = writer.expression(kind, rng.randint(0, 3))
    if kind == "bool":
        return f"({acc} {rng.choice(('and', 'or'))} {value})"
    if rng.random() < 0.2:
        return f"math.{rng.choice(('min', 'max'))}({acc}, {value})"
    if rng.random() < 0.1:
        return str(value)
    if rng.random() < 0.1:
        return f"({writer.bool_(1)} and {value} or {acc})"
    return f"({acc} {rng.choice('++-*')} {value})"


def _init(rng: random.Random, kind: str) -> Any:
    if kind == "float":
        return rng.choice((0.0, 0, 1.0, -0.0, 1, float("inf")))
    return rng.choice((0, 1, -5)) if kind == "int" else rng.random() < 0.5
