"""Kernels: Lua source with its options."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from moonpool import _core, _native


class Kernel(_core.Kernel):
    """Lua source, checked and ready to run: immutable and thread-safe.

    Made by `moonpool.kernel`. Two kernels are equal when source, name and
    options are; they pickle by these, so a kernel may be sent to another
    process.

    Attributes
    ----------
    source : str
        The Lua source as it was given.
    name : str
        The name shown in errors; "kernel" where none was given.
    signature : str or None
        The generalized-ufunc signature, as in "(m,n),(n)->(m)".
    strict : bool
        Whether native code may use no approximate functions.
    fastmath : bool
        Whether native code may contract and reassociate, and compute in float32.
    """

    __slots__ = ("__weakref__",)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Map over `args` on `moonpool.default_pool()`: see `Pool.map`."""
        # A Pool is made of kernels: the package is not whole before both are.
        import moonpool

        return moonpool.default_pool().map(self, *args, **options)

    def __repr__(self) -> str:
        """Return name and options."""
        options = "".join(
            f", {key}={value!r}"
            for key, value in (
                ("signature", self.signature),
                ("strict", self.strict),
                ("fastmath", self.fastmath),
            )
            if value
        )
        return f"<moonpool.Kernel {self.name!r}{options}>"

    def __eq__(self, other: object) -> bool:
        """Compare source, name and options."""
        if not isinstance(other, Kernel):
            return NotImplemented
        return self._content() == other._content()

    def __hash__(self) -> int:
        """Hash source, name and options."""
        return hash(self._content())

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Pickle by source, name and options."""
        return _rebuild, self._content()

    def _content(self) -> tuple[str, str | None, str, bool, bool]:
        return self.source, self.signature, self.name, self.strict, self.fastmath

    def native(
        self, *types: Any, ndim: int | None = None, init: Any = None, combine: Any = None
    ) -> bool:
        """Return whether calls with arguments of `types` can run native code.

        Parameters
        ----------
        *types : dtype
            One an argument: a dtype ("f8", ``np.float32``) for the elements of
            an array, ``float``, ``int`` or ``bool`` for a scalar, and for
            `Pool.run` "f8[:]" or "f8[:, :]" for an array as a whole. Of a
            kernel with a signature one an input, "f8[:]" for one with a core
            dimension; the outputs that it fills may follow, and hold by
            default the widest float among the inputs.
        ndim : int, optional
            For `Pool.run`: the number of dimensions of the extent. By default
            1 if `types` has an array as a whole, else `Pool.map` is meant.
        init : number or tuple of number, optional
            For `Pool.reduce`: what accumulators start with; their types will
            do. Types of elements are those of what is folded.
        combine : {"+", "*", "min", "max"}, optional
            For `Pool.reduce`: an operator makes for many accumulators at once.
        """
        found = _native.show(self, types, ndim, init=init, combine=combine)
        return _native.available() and isinstance(found, str)

    def explain(
        self,
        *types: Any,
        ndim: int | None = None,
        isa: str | None = None,
        init: Any = None,
        combine: Any = None,
    ) -> str:
        """Return what becomes of each line for arguments of `types`, or why not.

        Parameters
        ----------
        *types, ndim, init, combine
            As in `native`.
        isa : {"scalar", "sse2", "avx2", "avx512"}, optional
            The instructions to use; this machine need not have them. By
            default those that pools use.

        Returns
        -------
        str
            Where the kernel is compiled: its source, with what each line
            computes once for all items, how it reaches arrays, and what it
            checks. Else what stands against that, the line of the source with
            a caret, and what to change.
        """
        given = ", ".join(getattr(one, "__name__", str(one)) for one in types)
        who = f"kernel {self.name!r}({given})"
        found = _native.show(self, types, ndim, "explain", isa, init=init, combine=combine)
        if not isinstance(found, str):
            return f"{who} runs interpreted: {_native.describe(self, found)}"
        if not _native.available():
            return f"{who} runs interpreted: {_native.MISSING}"
        return found.rstrip("\n")

    def inspect_llvm(
        self,
        *types: Any,
        ndim: int | None = None,
        isa: str | None = None,
        init: Any = None,
        combine: Any = None,
    ) -> str:
        """Return the LLVM IR for arguments of `types`: see `explain`.

        Raises
        ------
        RuntimeError
            Where the kernel cannot be compiled.
        """
        found = _native.show(self, types, ndim, "emit", isa, init=init, combine=combine)
        if isinstance(found, str):
            return found
        text = self.explain(*types, ndim=ndim, isa=isa, init=init, combine=combine)
        raise RuntimeError(text)

    def inspect_asm(
        self,
        *types: Any,
        ndim: int | None = None,
        isa: str | None = None,
        init: Any = None,
        combine: Any = None,
    ) -> str:
        """Return the machine code for arguments of `types`, as assembly: see `explain`.

        Raises
        ------
        RuntimeError
            Where the kernel cannot be compiled.
        """
        llvm = self.inspect_llvm(*types, ndim=ndim, isa=isa, init=init, combine=combine)
        if not _native.available():
            raise RuntimeError(f"kernel {self.name!r} runs interpreted: {_native.MISSING}")
        return _native.assembly(llvm, isa)


def kernel(
    source: str,
    *,
    signature: str | None = None,
    name: str | None = None,
    strict: bool = False,
    fastmath: bool = False,
) -> Kernel:
    """Make a kernel of Lua source.

    Parameters
    ----------
    source : str
        A Lua 5.3 chunk that returns one function, or a bare
        ``function(...) ... end``. What stands before the ``return`` runs once
        a worker.
    signature : str, optional
        A generalized-ufunc signature: the kernel is then called with whole
        arrays, see `Pool.map`.
    name : str, optional
        Shown in errors.
    strict : bool
        For native code: allow no approximate functions.
    fastmath : bool
        For native code: allow contraction and reassociation, and arithmetic in
        float32 for what comes of float32 elements, small integers and constants
        and is only stored as float32 or float16. Each operation rounds to
        float32 then, with a relative error of at most 2^-24, and overflows as
        float32 does. No error, bounds check or loop depends on it.

    Returns
    -------
    Kernel

    Raises
    ------
    LuaSyntaxError
        Where the source is not valid Lua.
    ValueError
        Where the signature is not valid, or both options are set.
    """
    if not isinstance(source, str):
        raise TypeError(f"source must be a str of Lua, not {type(source).__name__}")
    return Kernel(source, signature=signature, name=name, strict=strict, fastmath=fastmath)


def _rebuild(source: str, signature: str | None, name: str, strict: bool, fastmath: bool) -> Kernel:
    return Kernel(source, signature=signature, name=name, strict=strict, fastmath=fastmath)


# Source text -> kernel, so that a call in a loop does not compile each time.
_from_source = lru_cache(maxsize=256)(Kernel)


def as_kernel(source: Kernel | str) -> Kernel:
    """Return the kernel that a call was given, by itself or as its source."""
    if isinstance(source, Kernel):
        return source
    if isinstance(source, str):
        return _from_source(source)
    raise TypeError(f"a Kernel or a str of Lua source is needed, not {type(source).__name__}")
