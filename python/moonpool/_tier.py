"""Which tier runs kernels, and with what instructions: the environment's say.

Both variables are read when a pool is made, so that they may be set from
within; `MOONPOOL_ISA` also when somebody looks at a kernel's code.
"""

from __future__ import annotations

import os
from typing import Literal, get_args

from moonpool import _core

Native = Literal["auto", "on", "require", "off"]

# In the order of the extension's numbers.
_NATIVE: tuple[Native, ...] = ("off", "auto", "on", "require")
assert set(_NATIVE) == set(get_args(Native))


def native_number(native: Native | None) -> int:
    """Return the extension's number for `Pool(native=...)`.

    None is what `MOONPOOL_NATIVE` says, else "auto".
    """
    who = "native"
    if native is None:
        who, native = "MOONPOOL_NATIVE", os.environ.get("MOONPOOL_NATIVE") or "auto"  # type: ignore[assignment]
    if native not in _NATIVE:
        raise ValueError(f"{who} must be 'auto', 'on', 'require' or 'off', not {native!r}")
    return _NATIVE.index(native)


def isa() -> str:
    """Return the instructions that code is made for.

    The best that this machine has, or what `MOONPOOL_ISA` narrows it to.
    """
    name = os.environ.get("MOONPOOL_ISA") or _core.isa
    names = list(_core.lanes)
    if name not in names:
        raise ValueError(f"MOONPOOL_ISA must be one of {', '.join(names)}, not {name!r}")
    if names.index(name) > names.index(_core.isa):
        raise ValueError(f"MOONPOOL_ISA is {name}: this machine has {_core.isa} at most")
    return name
