"""The native tier: the compiler, why a kernel has no native code, and warnings.

LLVM is imported when the first kernel is compiled.
"""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import threading
import warnings
import weakref
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from moonpool import _cache, _core, _llvm, _tier
from moonpool._arrays import dtype_code, element_code
from moonpool._errors import PerformanceWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

T = TypeVar("T")

_VALUES = {bool: "v?", int: "vq", float: "vd"}
MISSING = "llvmlite is not installed"
OPERATORS = ("+", "*", "min", "max")
"""What `Pool.reduce` knows as `combine` by name."""

Refusal = tuple[int, str, str]
"""Lua line or 0, what is not compiled, and what to change or ""."""


def available() -> bool:
    """Return whether there is an LLVM to compile with."""
    return find_spec("llvmlite") is not None


def compile_ir(ir: bytes, isa: str) -> bytes:
    """Compile LLVM IR text, or find what has been; called by the extension.

    Parameters
    ----------
    ir : bytes
        Text that defines the function `kernel`.
    isa : str
        "scalar", "sse2", "avx2" or "avx512": what instructions it may use.

    Returns
    -------
    bytes
        An object file.

    Raises
    ------
    Exception
        Where this machine cannot have the code: the kernel runs interpreted.
    """
    # What is on disk is read without a thread of its own, since nothing is
    # imported for it.
    found = _find(ir, isa)[1] if _cache.knows_makers() else None
    return _undisturbed(lambda: _find_or_compile(ir, isa)) if found is None else found


def _find(ir: bytes, isa: str) -> tuple[bytes | None, bytes | None]:
    """Return the key of what is on disk, and that, if they are to be had."""
    name = _cache.key(ir, isa)
    return name, None if name is None else _cache.load(name)


def _find_or_compile(ir: bytes, isa: str) -> bytes:
    name, found = _find(ir, isa)
    if found is None:
        if not available():
            raise ImportError(MISSING)
        found = _llvm.compile_ir(ir.decode(), isa)
        if name is not None:
            _cache.store(name, found)
    return found


def link(code: bytes) -> tuple[int, object]:
    """Link an object file that the extension cannot; called by it.

    Returns
    -------
    address : int
        Of the function `kernel`.
    code : object
        What keeps it in memory.
    """
    linked = _undisturbed(lambda: _llvm.link(code))
    return linked.address, linked


# Taken locks, one a thread that compiles: released at the end of that.
_working: list[_thread.LockType] = []
# Set when the interpreter's exit begins, which waits so long for each of them,
# in seconds.
_exiting = threading.Event()
_AT_EXIT = 10.0


@atexit.register
def _exit() -> None:
    """Wait for what Ctrl-C has left alone: LLVM must not end under a compiler."""
    _exiting.set()
    for done in tuple(_working):
        done.acquire(timeout=_AT_EXIT)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_working.clear)


def _noted(call: Callable[[], T]) -> T:
    """Call the compiler such that the interpreter's exit waits for its end."""
    done = _thread.allocate_lock()
    done.acquire()
    _working.append(done)
    try:
        # In this order, else the exit could begin and not see it.
        if _exiting.is_set():
            raise RuntimeError("the interpreter exits")
        return call()
    finally:
        # After a fork it is not there any more.
        if done in _working:
            _working.remove(done)
        done.release()


class _Token:
    """An argument of a thread's, which goes with the thread."""


def _undisturbed(call: Callable[[], T]) -> T:
    """Call the compiler in a thread of its own, where no handler of a signal runs.

    What Ctrl-C raises in the midst of llvmlite leaves it in an undefined state,
    and in the midst of an import, or only the search for a module, it may leave
    the interpreter's import lock taken. So it is raised here, and the compiler
    comes to its end alone. A `threading.Thread` would not do: what is raised
    while one starts may leave a lock of its own taken, for which the thread
    waits for ever.
    """
    if threading.current_thread() is not threading.main_thread():
        return _noted(call)
    if _exiting.is_set():
        return call()
    found: list[T] = []
    raised: list[BaseException] = []
    process = os.getpid()
    done = _thread.allocate_lock()
    done.acquire()
    token = _Token()
    there = weakref.ref(token)

    def body(token: _Token) -> None:  # noqa: ARG001
        # Noted here, not before: Ctrl-C may come before there is a thread.
        try:
            found.append(_noted(call))
        except BaseException as error:
            raised.append(error)
        finally:
            done.release()

    try:
        _thread.start_new_thread(body, (token,))
    except (RuntimeError, MemoryError):
        # No thread can be had: the interpreter exits, or there are too many.
        return call()
    del token
    while not done.acquire(timeout=0.1):
        # A signal's handler may have forked, and the child has no such thread.
        if os.getpid() != process:
            return call()
        # Without the memory for its first call a thread goes as it came.
        if there() is None:
            if done.acquire(blocking=False):
                break
            raise MemoryError("no memory for the compiler's thread")
    if raised:
        raise raised.pop()
    return found[0]


def assembly(ir: str, isa: str | None = None) -> str:
    """Return the machine code of LLVM IR text, for this machine by default."""
    return _undisturbed(lambda: _llvm.assembly(ir, isa or _tier.isa()))


def show(
    kernel: _core.Kernel,
    types: tuple[Any, ...],
    ndim: int | None,
    stage: str = "emit",
    isa: str | None = None,
    *,
    init: Any = None,
    combine: Any = None,
) -> str | Refusal:
    """Return the form of a kernel after a pass, or why there is none.

    Parameters
    ----------
    kernel : Kernel
    types : tuple
        As in `Kernel.explain`.
    ndim : int, optional
        As in `Kernel.explain`.
    stage : str
        "bytecode", "build", "scalar", "infer", "fold", "diverge", "mask" or "emit"; "explain" for
        the source with what became of each line.
    isa : str, optional
        Code for "scalar", "sse2", "avx2" or "avx512", instead of what pools
        make here. This machine need not have it.
    init, combine
        As in `Kernel.explain`.
    """
    codes = tuple(_type_code(one) for one in types)
    if init is not None:
        accumulators = tuple("c" + _accumulator(one) for one in _tuple(init))
        operator = isinstance(combine, str) and combine in OPERATORS
        return _core.show(kernel, accumulators + codes, 0, isa or _tier.isa(), stage, operator)
    if kernel.signature is not None:
        ndim = 0
    elif ndim is None:
        ndim = 1 if any(code[0] in "aA" for code in codes) else 0
    if ndim:
        codes = tuple(f"v{_kind(code[1])}" if code[0] in "eE" else code for code in codes)
    return _core.show(kernel, codes, ndim, isa or _tier.isa(), stage, False)


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _accumulator(value: Any) -> str:
    """Return the kind of an accumulator, from the value that it starts with or a type."""
    for kind, code in _VALUES.items():
        if value is kind or type(value) is kind:
            return code[1]
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        raise TypeError(f"init must be a number, a bool or a tuple of these, not {value!r}")
    return _kind(dtype_code(dtype))


def _kind(code: str) -> str:
    """Return the kind of a scalar: '?', 'q' or 'd'."""
    return "?" if code == "?" else "d" if code in "efd" else "q"


def _type_code(one: Any) -> str:
    """Return "ed" for an element, "vd" for a scalar, "ad2" for an array.

    "Ed" and "Ad2" are those in the other byte order.
    """
    if isinstance(one, type) and one in _VALUES:
        return _VALUES[one]
    if isinstance(one, str) and one.endswith("]"):
        name, _, dims = one[:-1].partition("[")
        if set(dims) <= {":", ",", " "} and dims.count(":") == dims.count(",") + 1:
            return f"{_element('a', name)}{dims.count(':')}"
        raise ValueError(f"{one!r} is no type of an array: write 'f8[:]' or 'f8[:, :]'")
    return _element("e", one)


def _element(form: str, dtype: Any) -> str:
    code, swapped = element_code(dtype)
    return f"{form.upper() if swapped else form}{code}"


def describe(kernel: _core.Kernel, refusal: Refusal) -> str:
    """Return a refusal as text: the line with a caret, and what to change."""
    return _core.describe(kernel, *refusal).rstrip("\n")


def warn_interpreted(kernel: _core.Kernel, refusal: Refusal, owner: Any) -> None:
    """Warn that a kernel runs interpreted; called by the extension."""
    text = f"kernel {kernel.name!r} runs interpreted: {describe(kernel, refusal)}"
    caller = None if owner is None else owner.caller
    if caller is None:
        warnings.warn(text, PerformanceWarning, stacklevel=_outside(sys._getframe())[1])
    else:
        file, line, module = caller
        warnings.warn_explicit(text, PerformanceWarning, file, line, module)


def find_caller() -> tuple[str, int, str] | None:
    """Return file, line and module of the first caller outside this package."""
    frame, _ = _outside(sys._getframe())
    if frame is None:
        return None
    return frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "")


def _outside(frame: FrameType | None) -> tuple[FrameType | None, int]:
    """Return the first caller outside this package, and its stack level."""
    level = 1
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
        level += 1
    return frame, level
