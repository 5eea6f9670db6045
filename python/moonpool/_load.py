"""Lua modules: files that return a table of functions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from moonpool._errors import LuaError
from moonpool._kernel import Kernel
from moonpool._pool import Pool

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

# What a module may take to run once, to see what it returns.
_SECONDS = 10.0

_NAMES = """
return function()
    if type(module) ~= "table" then return type(module) end
    local names = {}
    for name, value in pairs(module) do
        if type(name) == "string" and type(value) == "function" then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names
end"""


class Module:
    """The functions of a Lua file, each a `Kernel` attribute.

    Made by `moonpool.load`. Iterating gives the names; ``module["name"]``
    reaches functions whose names are no Python identifiers.
    """

    def __init__(self, name: str, kernels: dict[str, Kernel]) -> None:
        self.__name__ = name
        self._kernels = kernels

    def __getattr__(self, name: str) -> Kernel:
        """Return a function of the module."""
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._kernels[name]
        except KeyError:
            known = ", ".join(self._kernels) or "none"
            raise AttributeError(
                f"the Lua module '{self.__name__}' has no function '{name}': it has {known}",
                name=name,
                obj=self,
            ) from None

    def __getitem__(self, name: str) -> Kernel:
        """Return a function of the module."""
        return self._kernels[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._kernels)

    def __len__(self) -> int:
        """Return the number of functions."""
        return len(self._kernels)

    def __dir__(self) -> list[str]:
        """Return the names, for completion."""
        return [*super().__dir__(), *self._kernels]

    def __repr__(self) -> str:
        """Return the names."""
        return f"<moonpool.Module {self.__name__!r}: {', '.join(self._kernels)}>"

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Pickle by the kernels."""
        return type(self), (self.__name__, self._kernels)


def _wrap(text: str, then: str) -> str:
    """Return a chunk that runs a module, then `then` with it in `module`.

    All that comes before the text is on its first line, so that line numbers
    in errors are those of the file.
    """
    return f"local module = (function(...) {text}\nend)(); {then}"


def _quote(name: str) -> str:
    """Return a Lua string literal."""
    return '"' + "".join(f"\\{byte:03d}" for byte in name.encode()) + '"'


def load(path: str | os.PathLike[str]) -> Module:
    """Load a Lua module: a file that returns a table of functions.

    Parameters
    ----------
    path : path
        A file in UTF-8, as in ``return {f = function(x) ... end}``. It runs
        once here, sandboxed, to see what functions there are, and then once a
        worker for each function that is used.

    Returns
    -------
    Module
        With a `Kernel` attribute for each function.

    Raises
    ------
    LuaSyntaxError, LuaError
        Where the file is not valid Lua, or fails, or returns no table.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8-sig")
    if text.startswith("#"):
        # As Lua does with a script that names its interpreter.
        text = "--" + text
    # The plain text first, so that an error in its syntax is told as it is.
    Kernel(text, name=path.stem)
    with Pool(workers=1, timeout=_SECONDS) as pool:
        lister = Kernel(_wrap(text, _NAMES), name=path.stem)
        names = pool.submit(lister).result()
    if isinstance(names, str):
        raise LuaError(f"the module returns {names}, not a table of functions", path.stem)
    kernels = {
        name: Kernel(_wrap(text, f"return module[{_quote(name)}]"), name=f"{path.stem}.{name}")
        for name in names
    }
    return Module(path.stem, kernels)
