"""Arrays: what NumPy and the buffer protocol have to say about arguments.

NumPy is optional. It is imported when a list is to become an array, and used
where somebody else has imported it already.
"""

from __future__ import annotations

import operator
import struct
import sys
from functools import cache
from typing import Any, SupportsFloat, SupportsIndex

from moonpool import _core

NAMES = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}
"""Name of a dtype -> its character."""

_CODES = {code: name for name, code in NAMES.items()}
_TYPES = {bool: "?", int: "q", float: "d"}
_ORDERS = {"=", "|", "<" if sys.byteorder == "little" else ">"}
_OTHER_ORDERS = {"!", ">"} if sys.byteorder == "little" else {"<"}

# As the array interface spells them: kind, then bytes.
_SPELLINGS = {"b1": "?"} | {
    name[0] + str(struct.calcsize(code)): code for name, code in NAMES.items() if name != "bool"
}


def _import_numpy() -> Any:
    """Return NumPy, or None where it is not installed."""
    try:
        import numpy as np
    except ImportError:
        return None
    return np


_numpy = cache(_import_numpy)


def as_operand(value: Any) -> Any:
    """Return an array or number in place of an object that is neither.

    Called by the extension for what has no buffer and is of no builtin type.
    """
    if hasattr(value, "__array__") or isinstance(value, (list, tuple, range)):
        np = _numpy()
        if np is None:
            raise TypeError(
                f"a {type(value).__name__} is an array only where NumPy is installed: "
                "pass an array.array or a memoryview"
            )
        array = np.asarray(value)
        if not hasattr(value, "__array__"):
            # A copy: what a kernel wrote would be lost.
            array.flags.writeable = False
        return array
    if isinstance(value, SupportsIndex):
        return operator.index(value)
    if isinstance(value, SupportsFloat):
        return float(value)
    raise TypeError(
        f"a {type(value).__name__} cannot be passed to a kernel: pass numbers, strings, "
        "or arrays that support the buffer protocol"
    )


def explain_refusal(value: Any, error: Exception) -> Exception:
    """Return a better exception for one that an exporter of a buffer raised."""
    dtype = getattr(value, "dtype", None)
    if dtype is None or not isinstance(error, (ValueError, BufferError, TypeError)):
        return error
    if getattr(dtype, "kind", "") in ("M", "m"):
        advice = "pass a.view('int64')"
    else:
        advice = "pass a.astype('float64'), or a list to pool.submit()"
    return TypeError(f"{dtype} is not supported: {advice}")


def uses_numpy(args: tuple[Any, ...]) -> bool:
    """Return whether any argument is NumPy's, or becomes an array of it."""
    return any(hasattr(arg, "__array__") or isinstance(arg, (list, tuple, range)) for arg in args)


def numpy_parts() -> tuple[type, Any, tuple[Any, ...]]:
    """Return what the extension makes arrays with: type, maker and dtypes.

    The dtypes are in the order of `NAMES`, which is the extension's.
    """
    np = _numpy()
    return np.ndarray, np.empty, tuple(np.dtype(name) for name in NAMES)


def _refusal(dtype: Any) -> TypeError:
    return TypeError(f"dtype {dtype!r} is not supported: give one of {', '.join(NAMES)}")


def _numpy_dtype(np: Any, dtype: Any) -> Any:
    """Return NumPy's dtype where it is one that a kernel can fill."""
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise _refusal(dtype) from error
    if found.kind not in "biuf" or found.itemsize > 8:
        raise _refusal(dtype)
    return found


def element_code(dtype: Any) -> tuple[str, bool]:
    """Return the character of a dtype, and whether it is in the other byte order.

    NumPy is asked only where it is there.
    """
    if isinstance(dtype, type) and dtype in _TYPES:
        return _TYPES[dtype], False
    np = sys.modules.get("numpy")
    if np is not None:
        found = _numpy_dtype(np, dtype)
        return NAMES[found.name], not found.isnative
    if not isinstance(dtype, str):
        raise _refusal(dtype)
    other = dtype[:1] in _OTHER_ORDERS
    name = dtype[1:] if other or dtype[:1] in _ORDERS else dtype
    code = NAMES.get(dtype) or _SPELLINGS.get(name) or name
    if code not in _CODES:
        raise _refusal(dtype)
    return code, other and struct.calcsize(code) > 1


def dtype_code(dtype: Any) -> str:
    """Return the character of a dtype in this machine's byte order."""
    code, swapped = element_code(dtype)
    if swapped:
        raise TypeError(f"dtype {dtype!r} is in the other byte order: a memoryview has none")
    return code


class Maker:
    """Makes the results of one call: NumPy arrays, or memoryviews.

    Parameters
    ----------
    numpy : bool
        Which of the two.
    zeroed : bool
        Whether results start as zeros, for elements that a mask leaves out.
    """

    def __init__(self, *, numpy: bool, zeroed: bool) -> None:
        self._np = _numpy() if numpy else None
        self._zeroed = zeroed

    def dtype(self, dtype: Any) -> Any:
        """Return what the user gave as `dtype` in the form that `make` takes."""
        if self._np is None:
            return dtype_code(dtype)
        return _numpy_dtype(self._np, dtype)

    def dtypes(self, dtype: Any) -> Any:
        """Return what `dtype` gives for each entry of a tuple, and None for None."""
        if isinstance(dtype, tuple):
            return tuple(self.dtypes(one) for one in dtype)
        return None if dtype is None else self.dtype(dtype)

    def make(self, shape: tuple[int, ...], dtype: Any, *, zeroed: bool = False) -> Any:
        """Return a new array; `zeroed` where a kernel could read what was there."""
        if self._np is None:
            return _core.allocate(dtype, shape)
        make = self._np.zeros if self._zeroed or zeroed else self._np.empty
        return make(shape, _CODES[dtype] if isinstance(dtype, str) else dtype)

    def widen(self, array: Any, code: str) -> Any:
        """Return the floats whose bits an int64 array holds, as dtype `code`."""
        if self._np is not None and code == "d":
            return array.view(self._np.float64)
        result = self.make(array.shape, code)
        _core.widen(_core.Operands(array, False), _core.Operands(result, True))
        return result


def read_scalar(array: memoryview) -> Any:
    """Return the only element of a 0-d result as a Python number."""
    return struct.unpack("@" + array.format, array.tobytes())[0]
