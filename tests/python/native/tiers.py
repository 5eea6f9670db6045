"""Pools on each tier that this machine has: interpreted, and each set of instructions."""

from __future__ import annotations

import os
from typing import Any

import moonpool
from moonpool import _core, _native

ISAS: list[str] = list(_core.lanes)
"""All, the poorest first."""

HERE: list[str] = ISAS[: ISAS.index(_core.isa) + 1] if _native.available() else []
"""Those that this machine has."""

TIERS = ["off", *HERE]


def pool(tier: str, workers: int = 2, native: Any = "require", **options: Any) -> moonpool.Pool:
    """Return a pool on a tier: "off", or instructions to compile for."""
    if tier == "off":
        return moonpool.Pool(workers, native="off", **options)
    before = os.environ.get("MOONPOOL_ISA")
    os.environ["MOONPOOL_ISA"] = tier
    try:
        return moonpool.Pool(workers, native=native, **options)
    finally:
        if before is None:
            del os.environ["MOONPOOL_ISA"]
        else:
            os.environ["MOONPOOL_ISA"] = before
