"""Indices that count with a loop are checked before it: to the same effect."""

import random

import numpy as np
import pytest

import moonpool

FIRST = ("1", "i", "0", "2", "n - 3", "b[i]", "-1", "m")
LAST = ("n", "#a", "#b", "n - 1", "b[i]", "m", "i + 2", "#a + 1")
INDEX = ("k", "k + 1", "k - 1", "k + i", "i + k - 1", "k - 2", "n + k - 1", "k - m")
BODY = ("s = s + a[{}]", "a[{}] = s s = s + 1")
BEFORE = ("", "if b[i] > 3 then ", "if i % 2 == 0 then ")


def kernel_of(choose: random.Random) -> tuple[str, bool]:
    """Return a kernel with a loop, and whether items write to the same array."""
    body, before = choose.choice(BODY), choose.choice(BEFORE)
    source = f"""function(i, a, b, c, n, m)
      local s = 0.0
      {before}for k = {choose.choice(FIRST)}, {choose.choice(LAST)} do
        {body.format(choose.choice(INDEX))}
        s = s + b[{choose.choice(INDEX)}] * 0.5
      end{" end" if before else ""}
      c[i] = s
    end"""
    return source, body == BODY[1]


def outcome(pool, kernel, count, a, b, *numbers):
    """Return what the arrays hold, or the error."""
    a, c = a.copy(), np.full(17, -7.0)
    try:
        pool.run(kernel, count, a, b, c, *numbers)
    except moonpool.LuaError as error:
        return str(error)
    return a.tobytes(), c.tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_loops_at_random(seed):
    choose = random.Random(seed)
    with (
        moonpool.Pool(1, native="require") as compiled,
        moonpool.Pool(1, native="off") as interpreted,
    ):
        for _ in range(12):
            source, alone = kernel_of(choose)
            kernel = moonpool.kernel(source)
            a = np.arange(choose.choice((3, 12, 30)), dtype=float)
            b = np.array([choose.randrange(6) for _ in range(choose.choice((17, 25)))])
            count = 1 if alone else choose.choice((1, 3, 8, 17))
            given = count, a, b, choose.randrange(9), choose.randrange(-1, 4)
            wanted = outcome(interpreted, kernel, *given)
            assert outcome(compiled, kernel, *given) == wanted, source
