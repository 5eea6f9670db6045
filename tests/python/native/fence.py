"""Copies of arrays with nothing before and behind them, to see what code touches.

No sanitizer watches compiled code. Here it ends the process where it reads or
writes past an array, and what it writes between the elements is noticed.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

PAGE = mmap.PAGESIZE
NOBODY_WROTE = 0xA5
PROT_NONE = 0

_protect = ctypes.CDLL(None, use_errno=True).mprotect
_protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class _Block:
    """Some pages between two that nobody may touch."""

    def __init__(self, size: int) -> None:
        size = -(-size // PAGE) * PAGE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        whole = np.frombuffer(mmap.mmap(-1, size + 2 * PAGE, flags=flags), np.uint8)
        for page in (0, size + PAGE):
            if _protect(whole.ctypes.data + page, PAGE, PROT_NONE) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")
        self.memory = whole[PAGE:-PAGE]
        self.layout: tuple[Any, ...] = ()

    def take(self, array: np.ndarray, at_end: bool, span: tuple[int, int]) -> np.ndarray:
        self.memory.fill(NOBODY_WROTE)
        offset = self.memory.size - span[1] if at_end else -span[0]
        self.layout = array.shape, offset, array.strides
        made = np.ndarray(array.shape, array.dtype, self.memory.data, offset, array.strides)
        made[...] = array
        self.itemsize = array.itemsize
        return made

    def is_whole(self) -> bool:
        """Whether nothing but elements was written."""
        shape, offset, strides = self.layout
        memory = self.memory.copy()
        item = np.void(bytes([NOBODY_WROTE]) * self.itemsize)
        np.ndarray(shape, item.dtype, memory.data, offset, strides)[...] = item
        return bool((memory == NOBODY_WROTE).all())


class Fence:
    """Memory for the arrays of one call after the other."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._used = 0

    def clear(self) -> None:
        """Give up all copies."""
        self._used = 0

    def copy(self, array: np.ndarray) -> np.ndarray:
        """Return a copy with the same strides, at one end of a block or the other."""
        if array.size == 0:
            return array.copy()
        reach = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
        span = sum(min(0, r) for r in reach), sum(max(0, r) for r in reach) + array.itemsize
        at, size = self._used, span[1] - span[0]
        if at == len(self._blocks):
            self._blocks.append(_Block(size))
        elif size > self._blocks[at].memory.size:
            self._blocks[at] = _Block(size)
        self._used += 1
        return self._blocks[at].take(array, (at + size) % 2 == 0, span)

    def copies(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return arguments with copies in place of arrays."""
        return tuple(self.copy(arg) if isinstance(arg, np.ndarray) else arg for arg in args)

    def is_whole(self) -> bool:
        """Whether nothing but elements was written."""
        return all(block.is_whole() for block in self._blocks[: self._used])
