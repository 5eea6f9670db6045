"""The exceptions of moonpool, and how errors of the C library become them."""

from __future__ import annotations

from concurrent.futures import CancelledError

Index = int | tuple[int, ...] | None


class PerformanceWarning(UserWarning):
    """A kernel runs more slowly than it would in another form."""


class LuaError(Exception):
    """A kernel raised an error.

    Parameters
    ----------
    message : str
        What Lua said, without kernel name and line.
    kernel : str
        The kernel's name, or "".
    line : int or None
        Line of the kernel's source, counted from 1.
    index : int, tuple of int or None
        Which element it was: an integer where the arrays have one dimension,
        else a tuple, counted from 0; for `Pool.run`, the indices that the
        kernel was called with, counted from 1.
    traceback : str
        Lua's traceback, or "".
    unit : str
        What `index` counts: "element", or "item" for `Pool.run`.
    """

    def __init__(  # noqa: PLR0917  pickles by position
        self,
        message: str,
        kernel: str = "",
        line: int | None = None,
        index: Index = None,
        traceback: str = "",
        unit: str = "element",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kernel = kernel
        self.line = line
        self.index = index
        self.traceback = traceback
        self.unit = unit

    def __str__(self) -> str:
        """Return the message, led by the place where it happened."""
        return _place(self.kernel, self.line, self.index, self.unit) + self.message

    def __reduce__(self) -> tuple[type[LuaError], tuple[object, ...]]:
        """Pickle by the arguments, which hold everything."""
        return type(self), (
            self.message,
            self.kernel,
            self.line,
            self.index,
            self.traceback,
            self.unit,
        )


class LuaSyntaxError(LuaError):
    """A kernel's source is not valid Lua."""


class LuaMemoryError(LuaError, MemoryError):
    """A kernel reached the memory limit of its worker."""


class KernelTimeout(LuaError, TimeoutError):  # noqa: N818  the settled name
    """A job ran out of time."""


_CLASSES: dict[str, type[BaseException]] = {
    "ValueError": ValueError,
    "TypeError": TypeError,
    "LuaSyntaxError": LuaSyntaxError,
    "LuaError": LuaError,
    "LuaMemoryError": LuaMemoryError,
    "KernelTimeout": KernelTimeout,
    "CancelledError": CancelledError,
    "RuntimeError": RuntimeError,
    "MemoryError": MemoryError,
    "SystemError": SystemError,
}


def _place(kernel: str, line: int | None, index: Index, unit: str) -> str:
    """Return "kernel 'cnd', line 3, element (4, 7): ", or less, or ""."""
    parts = []
    if kernel:
        parts.append(f"kernel '{kernel}'")
    if line:
        parts.append(f"line {line}")
    if index is not None:
        parts.append(f"{unit} {index}")
    return ", ".join(parts) + ": " if parts else ""


def build_error(  # noqa: PLR0917  called by the extension
    name: str,
    message: str,
    kernel: str,
    line: int,
    index: Index,
    traceback: str,
    unit: str,
) -> BaseException:
    """Return the exception that an error of the C library stands for."""
    cls = _CLASSES[name]
    if issubclass(cls, LuaError):
        return cls(message, kernel, line or None, index, traceback, unit)
    return cls(_place(kernel, line, index, unit) + message)
