"""`python -m moonpool`: what is installed, and what it finds on this machine."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from pathlib import Path

import moonpool
from moonpool import _core

_SIMD = ("sse2", "sse4_1", "sse4_2", "avx", "avx2", "fma", "avx512f", "asimd", "sve")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _simd() -> str:
    """Return the vector instruction sets that the first CPU lists."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "unknown"
    for line in text.splitlines():
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            found = set(flags.split())
            return " ".join(flag for flag in _SIMD if flag in found) or "none known"
    return "unknown"


def _lua() -> str:
    with moonpool.Pool(workers=1) as pool:
        return str(pool.submit("function() return _VERSION end").result())


def main() -> int:
    """Print versions, workers and tiers."""
    workers, why = _core.worker_count()
    rows = [
        ("moonpool", moonpool.__version__),
        ("Lua", _lua()),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("NumPy", _version("numpy")),
        ("workers", f"{workers} ({why})"),
        ("machine", f"{platform.machine()} {platform.system()}"),
        ("SIMD", _simd()),
        ("interpreted tier", "available"),
        ("native tier", "not in this build"),
    ]
    for name, value in rows:
        print(f"{name:<17} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
