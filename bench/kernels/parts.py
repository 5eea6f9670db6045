"""Cutting data for peers that must be handed their share."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def slices(count: int, parts: int) -> list[slice]:
    """Return `parts` slices of about the same length that cover `count`."""
    edges = [count * k // parts for k in range(parts + 1)]
    return [slice(lo, hi) for lo, hi in itertools.pairwise(edges)]


def join(packed: list[bytes], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return strings of packed doubles as one array."""
    return np.frombuffer(b"".join(packed)).reshape(shape)
