"""C to compare with: compiled on the spot by gcc, called by ctypes."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

FLAGS = ("-std=gnu11", "-O3", "-march=native", "-fopenmp", "-fPIC", "-Wall", "-Wextra", "-Werror")

# Comes before every source. Lines are still counted from the source's first.
PRELUDE = """
#include <math.h>
#include <omp.h>
#include <stdint.h>
void set_threads(int64_t count) { omp_set_num_threads((int)count); }
#line 1
"""


class NoCompilerError(RuntimeError):
    """There is no gcc, or it does not take a source."""


class CReference:
    """gcc with its options, and what it has compiled.

    Parameters
    ----------
    threads : int
        How many threads OpenMP has.
    *flags : str
        Options besides `FLAGS`.

    Raises
    ------
    NoCompilerError
        Where there is no gcc.
    """

    def __init__(self, threads: int, *flags: str) -> None:
        found = shutil.which("gcc")
        if found is None:
            raise NoCompilerError("gcc is not installed")
        self._gcc = found
        self._threads = threads
        self._flags = flags
        self._folder = tempfile.TemporaryDirectory(prefix="moonpool-bench-")
        self._libraries: dict[str, ctypes.CDLL] = {}

    def bind(self, source: str, name: str, *args: Any) -> Callable[[], None]:
        """Return a call of a function with these arguments, ready to be timed.

        Parameters
        ----------
        source : str
            C that defines the function. It is compiled once.
        name : str
            The function, which returns nothing.
        *args : ndarray, int or float
            Contiguous arrays become pointers, numbers int64_t and double.
        """
        function = getattr(self._library(source), name)
        function.restype = None
        given = [_argument(arg) for arg in args]

        def call() -> None:
            function(*given)

        # Pointers do not keep arrays alive; whoever has the call does.
        call.args = args  # type: ignore[attr-defined]
        return call

    def close(self) -> None:
        """Remove what was compiled. What is loaded stays so."""
        self._folder.cleanup()

    def _library(self, source: str) -> ctypes.CDLL:
        if source not in self._libraries:
            path = self._compile(source, Path(self._folder.name) / f"{len(self._libraries)}.c")
            self._libraries[source] = ctypes.CDLL(str(path))
            self._libraries[source].set_threads(ctypes.c_int64(self._threads))
        return self._libraries[source]

    def _compile(self, source: str, path: Path) -> Path:
        code, library = path.with_suffix(".o"), path.with_suffix(".so")
        path.write_text(PRELUDE + source, encoding="utf-8")
        self._run(*FLAGS, *self._flags, "-c", str(path), "-o", str(code))
        # A library linked with -ffast-math makes the thread that loads it
        # flush denormals to zero, and with it all peers on that thread.
        self._run("-shared", "-fopenmp", str(code), "-lm", "-o", str(library))
        return library

    def _run(self, *options: str) -> None:
        done = subprocess.run([self._gcc, *options], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoCompilerError(f"gcc does not take it: {done.stderr.strip()}")


def _argument(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("C is given contiguous arrays only")
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, int):
        return ctypes.c_int64(value)
    return ctypes.c_double(value)
