"""Maps of small integers, which run in lanes of 16 or 32 bits, on all tiers bit by bit.

MOONPOOL_KERNELS says how many at random, MOONPOOL_SEED where to begin.
"""

import os
import random
from typing import Any

import numpy as np
import pytest
from tests.python.native import tiers

import moonpool

pytest_plugins = ["tests.python.native.fixtures"]
pytestmark = pytest.mark.skipif(not tiers.HERE, reason="there is no llvmlite")

COUNT = int(os.environ.get("MOONPOOL_KERNELS", "1000")) // 10
FIRST = int(os.environ.get("MOONPOOL_SEED", "0"))
BATCH = 20

DTYPES = ("u1", "u1", "u1", "i1", "i1", "u2", "i2", "i4")
OUTPUTS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", None)
CONSTANTS = (1, 2, 3, 7, 10, 16, 127, 128, 255, 256, 257, 1000, 32767, 32768, 65535, 65536)


def outcome(pool, kernel, args, **options):
    try:
        found = pool.map(kernel, *args, **options)
    except moonpool.LuaError as error:
        return str(error)
    return found.dtype.str, found.tobytes()


def agree(pools, source, args, **options):
    """Check that all tiers give the same, and return it."""
    kernel = moonpool.kernel(source)
    expected = outcome(pools["off"], kernel, args, **options)
    for tier in tiers.HERE:
        types = [arg.dtype.str for arg in args]
        assert outcome(pools[tier], kernel, args, **options) == expected, (
            f"{tier}: {source} of {types}, {options}"
        )
    return expected


def values(rng, dtype, count):
    """Return integers of a dtype, with its extremes more often than not."""
    info = np.iinfo(dtype)
    all_ = [info.min, info.min + 1, -1, 0, 1, info.max // 2, info.max - 1, info.max]
    edges = np.array([edge for edge in all_ if info.min <= edge], dtype)
    any_ = rng.integers(info.min, info.max, count, dtype, endpoint=True)
    return np.where(rng.random(count) < 0.6, rng.choice(edges, count), any_)


def expression(rnd, depth):
    if depth == 0 or rnd.random() < 0.1:
        return rnd.choice("xyz") if rnd.random() < 0.75 else str(rnd.choice(CONSTANTS))
    a, b = expression(rnd, depth - 1), expression(rnd, rnd.randrange(depth))
    constant = rnd.choice(CONSTANTS)
    return rnd.choice(
        [
            f"({a} + {b})",
            f"({a} - {b})",
            f"({a} * {b})",
            f"({a} * x + (255 - {a}) * y)",
            f"({a} // {constant})",
            f"({a} % {constant})",
            f"({a} & {b})",
            f"({a} | {b})",
            f"({a} ~ {b})",
            f"({a} << {rnd.randrange(18)})",
            f"({a} >> {rnd.randrange(18)})",
            f"(-{a})",
            f"math.min({a}, {b})",
            f"math.max({a}, {b})",
            f"num.clamp({a}, {rnd.choice((0, -128))}, {constant})",
            f"({a} < {b} and {a} or {constant})",
            f"({a} == {b} and {b} or {a})",
        ]
    )


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, BATCH))
def test_at_random(pools, first):
    for seed in range(first, min(first + BATCH, FIRST + COUNT)):
        rnd, rng = random.Random(seed), np.random.default_rng(seed)
        source = f"function(x, y, z) return {expression(rnd, rnd.randint(1, 4))} end"
        # Short, whole vectors, and a rest.
        count = rnd.choice((1, 31, 64, 129, 500))
        args = [values(rng, rnd.choice(DTYPES), count * 2)[:: rnd.choice((1, 1, 1, 2))][:count]]
        args += [values(rng, rnd.choice(DTYPES), count) for _ in range(2)]
        options: dict[str, Any] = {"dtype": rnd.choice(OUTPUTS)}
        if rnd.random() < 0.2:
            options["where"] = rng.random(count) < 0.5
            options["out"] = np.zeros(count, options.pop("dtype") or "i8")
        agree(pools, source, args, **options)


def test_blend(pools):
    """Of all bytes with all bytes, by each that may make a difference."""
    source = """function(front, back, alpha)
      return (alpha * front + (255 - alpha) * back + 127) // 255
    end"""
    front, back = (each.ravel() for each in np.mgrid[:256, :256].astype("u1"))
    for alpha in (0, 1, 2, 126, 127, 128, 129, 254, 255):
        kernel = moonpool.kernel(source)
        how = np.full_like(front, alpha)
        expected = (alpha * front.astype(int) + (255 - alpha) * back.astype(int) + 127) // 255
        for tier in tiers.HERE:
            out = np.empty_like(front)
            pools[tier].map(kernel, front, back, how, out=out)
            assert (out == expected).all(), (tier, alpha)


@pytest.mark.parametrize("by", [1, 2, 3, 5, 7, 10, 127, 128, 255, 256, 257, 32767, 32768, 65535])
def test_quotients(pools, by):
    """Of all words there are."""
    words = np.arange(65536, dtype="u2")
    for op, expected in (("//", words // by), ("%", words % by)):
        source = f"function(x) return x {op} {by} end"
        dtype, found = agree(pools, source, [words], dtype="u2")
        assert dtype == "<u2"
        assert found == expected.astype("u2").tobytes()
    if by & (by - 1) == 0:
        agree(pools, f"function(x) return x // {by} end", [words.view("i2")], dtype="i2")
        agree(pools, f"function(x) return x % {by} end", [words.view("i2")], dtype="u2")


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i8"])
@pytest.mark.parametrize("at", [0, 31, 32, 63, 64, 99])
def test_what_does_not_fit(pools, dtype, at):
    """Words above 32767 and words below 0 have the same bits."""
    for source, types in (
        ("function(x, y) return x * y end", ("u1", "u1")),
        ("function(x, y) return x - y end", ("u1", "u1")),
        ("function(x, y) return x * y end", ("i1", "i1")),
        ("function(x, y) return x + y + 32768 end", ("i1", "i1")),
    ):
        args = [np.zeros(100, each) for each in types]
        for arg, value in zip(args, (255, 255), strict=True):
            arg[at] = value if arg.dtype == "u1" else -128
        agree(pools, source, args, dtype=dtype)
        args[0][at] = 1 if types[0] == "u1" else 127
        agree(pools, source, args, dtype=dtype)


def test_lanes():
    """What fits 16 bits runs with as many items at once as a register has words."""
    blend = moonpool.kernel("function(a, b) return (a * b + 127) // 255 end")
    assert " 32 items at once" in blend.explain("u1", "u1", isa="avx2")
    assert " 16 items at once" in blend.explain("u1", "u2", isa="avx2")
    assert " 8 items at once" in blend.explain("u1", "i8", isa="avx2")
