"""`python -m moonpool`: what is installed, and what it finds on this machine.

`python -m moonpool explain FILE --types f8,f8` tells what becomes of a kernel,
`python -m moonpool cache --clear` removes object code from the disk.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import moonpool
from moonpool import _core, _native, _tier

_SIMD = ("sse2", "sse4_1", "sse4_2", "avx", "avx2", "fma", "avx512f", "asimd", "sve")
_SCALARS = {"float": float, "int": int, "bool": bool}
_PASSES = ("bytecode", "build", "scalar", "infer", "fold", "diverge", "mask", "emit", "asm")

# ---- what there is -----------------------------------------------------------


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


def _native_tier() -> str:
    """Return what compiles kernels, and for what; or why nothing does."""
    if not _native.available():
        return f"not available: {_native.MISSING}"
    from moonpool import _llvm

    why = _llvm.unavailable()
    if why is not None:
        return f"not available: {why}"
    isa = _tier.isa()
    compiler, _, _ = _llvm.target(isa)
    lanes = _core.lanes[isa]
    at_once = f"{lanes} items at once" if lanes > 1 else "one item at once"
    narrowed = f" (MOONPOOL_ISA; this machine has {_core.isa})" if isa != _core.isa else ""
    return f"available: {isa}, {at_once}{narrowed}, by {compiler}"


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _cached() -> str:
    """Return where object code is kept, and how much; or why it is not."""
    from moonpool import _cache

    try:
        used = _cache.usage()
    except _cache.OffError as error:
        return f"off: {error}"
    files = "1 kernel" if used.files == 1 else f"{used.files} kernels"
    return f"{used.directory}: {files}, {_megabytes(used.size)} of {_megabytes(used.limit)}"


def _clear() -> str:
    """Remove all object code from the disk, and return what there was."""
    from moonpool import _cache

    try:
        before = _cache.clear()
    except _cache.OffError as error:
        return f"off: {error}"
    files = "1 kernel" if before.files == 1 else f"{before.files} kernels"
    return f"{before.directory}: {files} removed"


def _overview() -> None:
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
        ("native tier", _native_tier()),
        ("cache", _cached()),
    ]
    for name, value in rows:
        print(f"{name:<17} {value}")


# ---- what becomes of a kernel ------------------------------------------------


def _types(text: str) -> list[Any]:
    """Return the types of "f8,int,f4[:, :]": commas in brackets do not part."""
    words = re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text)
    return [_SCALARS.get(word.strip(), word.strip()) for word in words]


def _init(text: str) -> tuple[Any, ...]:
    """Return the numbers of "0.0,1,true"."""
    return tuple(_number(word.strip()) for word in text.split(","))


def _number(word: str) -> Any:
    if word in ("true", "false"):
        return word == "true"
    try:
        return int(word)
    except ValueError:
        return float(word)


def _explain(options: argparse.Namespace) -> str:
    """Return the text that `explain` prints."""
    if options.file == "-":
        source, name = sys.stdin.read(), "kernel"
    else:
        path = Path(options.file)
        source, name = path.read_text(encoding="utf-8"), path.stem
    kernel = moonpool.kernel(
        source,
        signature=options.signature,
        name=name,
        strict=options.strict,
        fastmath=options.fastmath,
    )
    types, init, combine = tuple(options.types), options.init, options.combine
    stage = {None: "explain", "asm": "emit"}.get(options.stage, options.stage)
    found = _native.show(
        kernel, types, options.ndim, stage, options.isa, init=init, combine=combine
    )
    if not isinstance(found, str) or (options.stage is None and options.isa is None):
        return kernel.explain(*types, ndim=options.ndim, init=init, combine=combine)
    if options.stage == "asm":
        return _native.assembly(found, options.isa)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m moonpool", description=_overview.__doc__)
    commands = parser.add_subparsers(dest="command")
    explain = commands.add_parser(
        "explain", help="what becomes of a kernel, line by line, or after a pass"
    )
    explain.add_argument("file", metavar="FILE", help="a kernel's Lua source; - is standard input")
    explain.add_argument(
        "--types",
        type=_types,
        default=[],
        metavar="TYPE,...",
        help="one an argument, as for Kernel.explain: f8 for elements, 'f8[:, :]' for "
        "an array as a whole, float, int or bool for a scalar",
    )
    explain.add_argument("--signature", help="of a generalized ufunc, as in '(m,n),(n)->(m)'")
    explain.add_argument("--ndim", type=int, help="Pool.run: dimensions of the extent")
    explain.add_argument(
        "--init",
        type=_init,
        metavar="NUMBER,...",
        help="Pool.reduce: what its accumulators start with: 0 is an integer, 0.0 a float",
    )
    explain.add_argument("--combine", choices=_native.OPERATORS, help="Pool.reduce")
    explain.add_argument("--pass", dest="stage", choices=_PASSES, help="the form after a pass")
    explain.add_argument("--isa", choices=("scalar", "sse2", "avx2", "avx512"))
    explain.add_argument("--strict", action="store_true")
    explain.add_argument("--fastmath", action="store_true")
    cache = commands.add_parser("cache", help="object code on disk: where, and how much")
    cache.add_argument("--clear", action="store_true", help="remove all of it")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Print versions, workers and tiers, or what becomes of a kernel."""
    options = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    try:
        if options.command is None:
            _overview()
        elif options.command == "cache":
            print(_clear() if options.clear else _cached())
        else:
            print(_explain(options).rstrip("\n"))
    except (OSError, RuntimeError, TypeError, ValueError, moonpool.LuaError) as error:
        print(f"python -m moonpool: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
