"""How much data a scale is."""

from __future__ import annotations

import math


def elements(full: int, scale: float) -> int:
    """Return how many elements there are, `full` being those of scale 1."""
    return max(1, round(full * scale))


def edge(full: int, scale: float) -> int:
    """Return the length of each of two dimensions, `full` that of scale 1."""
    return max(8, round(full * math.sqrt(scale)))
