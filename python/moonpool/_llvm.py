"""LLVM IR text to object code, by llvmlite.

All that differs between versions of llvmlite is here. llvmlite is imported
when it is needed: it takes longer than the rest of the package.

The extension links object code, where it knows the machine; elsewhere LLVM does.
One of llvmlite's just-in-time compilers keeps a little of each library that it
has ever linked, though the code itself is gone with its `Code`. So it is
replaced after some hundred, and freed when the last code of it is.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_OLDEST = (0, 44)
# Libraries that one just-in-time compiler links before the next one is made.
_GENERATION = 256

# LLVM ends the process where its memory ends. So it begins only if so many bytes
# are there, and for each of the text so many.
_ROOM = 16 << 20
_ROOM_OF_TEXT = 100

_MATH = (  # noqa: SIM905
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 "
    "expm1 fabs floor fma fmod hypot lgamma_r log log10 log1p log2 nearbyint nextafter "
    "pow remainder rint round roundeven sin sinh sqrt tan tanh tgamma trunc"
).split()
_MEMORY = ["memcpy", "memmove", "memset"]
_UNARY = (  # noqa: SIM905
    "acos acosh asin asinh atan atanh cbrt cos cosh erf erfc exp exp2 expm1 log log10 "
    "log1p log2 sin sinh tan tanh"
).split()
_BINARY = ["atan2", "hypot", "pow"]
_WIDTHS = ["bN2", "dN4", "eN8"]
_VECTOR = [f"_ZGV{width}v_{name}" for width in _WIDTHS for name in _UNARY]
_VECTOR += [f"_ZGV{width}vv_{name}" for width in _WIDTHS for name in _BINARY]

# What AMD's processors take longer for than for elements one by one. LLVM knows the
# features since 17.
_SLOW = ",+prefer-no-gather,+prefer-no-scatter"

# Around all of LLVM. What is collected within may free code within.
_lock = threading.RLock()

# So no lock of LLVM's, and none of an import of llvmlite, is held in the child
# of a fork().
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


class CompilerError(RuntimeError):
    """Why there is no machine code: it is missing, too old, or fails."""


class Code:
    """A function that LLVM has linked; nobody may run it after the object.

    Its memory is given back before the next one is linked: what is collected
    may be collected anywhere, and Ctrl-C may end a destructor.

    Attributes
    ----------
    address : int
        Of the function `kernel`.
    """

    def __init__(self, jit: Any, tracker: Any) -> None:
        self._parts = (tracker, jit)
        self.address: int = tracker["kernel"]

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not finalizing():
            _dropped.append(self._parts)
            return
        # llvmlite may be gone before its objects: they are left to the process.
        for one in self._parts:
            one.detach()


_dropped: list[tuple[Any, Any]] = []


class _Compiler:
    """What is made once: machines, addresses, and the linking compiler."""

    def __init__(self) -> None:
        try:
            llvmlite = import_module("llvmlite")
            llvm = import_module("llvmlite.binding")
        except ImportError as error:
            raise CompilerError("llvmlite is not installed") from error
        except OSError as error:
            raise CompilerError(f"llvmlite cannot be loaded: {error}") from error
        self.version = llvmlite.__version__
        numbers = tuple(int(part) for part in self.version.split(".")[:2])
        if numbers < _OLDEST:
            raise CompilerError(
                f"llvmlite {self.version} is too old: "
                f"{'.'.join(map(str, _OLDEST))} or newer is needed"
            )
        self.llvm: Any = llvm
        if numbers < (0, 45):
            llvm.initialize()
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._opaque = numbers < (0, 45)
        self._machines: dict[str, Any] = {}
        self._passes: dict[tuple[str, bool], Any] = {}
        self._addresses: dict[str, int] = {}
        self._libraries = _load(None, "libm.so.6", "libmvec.so.1")
        self._jit: Any = None
        self._linked = 0
        # What it holds is never freed: at the end llvmlite may be gone before it.
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    # ---- parts -------------------------------------------------------------

    def module(self, ir: str) -> Any:
        """Return IR text as a module of a context of its own."""
        llvm = self.llvm
        if self._opaque:
            # There `ptr` is a type only in contexts made so.
            ffi = llvm.ffi
            context = llvm.context.ContextRef(ffi.lib.LLVMPY_ContextCreate(True))
        else:
            context = llvm.create_context()
        return llvm.parse_assembly(ir, context)

    def new_machine(self, isa: str) -> Any:
        """Return a machine that has the instructions of `isa`, and no more."""
        llvm = self.llvm
        cpu, features = self.target(isa)
        target = llvm.Target.from_triple(llvm.get_process_triple())
        # Constants next to the code, where that is known to be linked so.
        reloc, model = ("pic", "small") if _is_x86() else ("default", "jitdefault")
        return target.create_target_machine(
            cpu=cpu, features=features, opt=2, reloc=reloc, codemodel=model
        )

    def machine(self, isa: str) -> Any:
        """Return the same, made once."""
        if isa not in self._machines:
            self._machines[isa] = self.new_machine(isa)
        return self._machines[isa]

    def target(self, isa: str) -> tuple[str, str]:
        """Return the names of the CPU and the features that stand for `isa`."""
        llvm = self.llvm
        if isa not in ("avx2", "avx512"):
            return ("x86-64" if _is_x86() else llvm.get_host_cpu_name()), ""
        features = llvm.get_host_cpu_features()
        if isa == "avx512":
            if not features.get("avx512dq"):
                return "skylake-avx512", ""
            cpu = llvm.get_host_cpu_name()
            slow = _SLOW if cpu.startswith("znver") and not self._opaque else ""
            return cpu, f"{features.flatten()},-prefer-256-bit{slow}"
        for name in features:
            if name.startswith(("avx512", "avx10", "amx")):
                features[name] = False
        return llvm.get_host_cpu_name(), features.flatten()

    def passes(self, isa: str, tables: bool) -> Any:
        """Return a function that runs the passes that code generation lacks.

        Code with `tables` in memory has short loops over them, which are
        unrolled so that the tables become registers.

        NewGVN is none of them: in a large function it may fail an assertion,
        and end the process.
        """
        llvm = self.llvm
        if self._opaque:
            passes = llvm.create_module_pass_manager()
            passes.add_always_inliner_pass(False)
            passes.add_global_dce_pass()
            if tables:
                passes.add_sroa_pass()
                passes.add_loop_rotate_pass()
                passes.add_loop_unroll_pass()
            passes.add_sroa_pass()
            passes.add_gvn_pass()
            passes.add_cfg_simplification_pass()
            passes.add_aggressive_dead_code_elimination_pass()
            return passes.run
        tuning = llvm.create_pipeline_tuning_options(speed_level=2)
        builder = llvm.create_pass_builder(self.machine(isa), tuning)
        passes = llvm.create_new_module_pass_manager()
        passes.add_always_inliner_pass()
        passes.add_global_dead_code_eliminate_pass()
        passes.add_sroa_pass()
        passes.add_simplify_cfg_pass()
        if tables:
            passes.add_loop_rotate_pass()
            passes.add_loop_simplify_pass()
            passes.add_loop_unroll_pass()
            passes.add_sroa_pass()
            passes.add_simplify_cfg_pass()
        passes.add_aggressive_dce_pass()
        return lambda module: passes.run(module, builder)

    def optimize(self, module: Any, isa: str, tables: bool) -> None:
        """Run the passes; made anew they would leave some memory each time."""
        if (isa, tables) not in self._passes:
            self._passes[isa, tables] = self.passes(isa, tables)
        self._passes[isa, tables](module)

    def address(self, name: str) -> int:
        """Return where a function of C's libraries is, or 0."""
        import ctypes

        if name not in self._addresses:
            self._addresses[name] = 0
            for library in self._libraries:
                try:
                    function = library[name]
                except AttributeError:
                    continue
                place = ctypes.cast(function, ctypes.c_void_p).value
                self._addresses[name] = place or 0
                break
        return self._addresses[name]

    # ---- all ---------------------------------------------------------------

    def optimized(self, ir: str, isa: str) -> Any:
        """Return IR text as a module that has been through all passes."""
        _check_room(len(ir))
        try:
            module = self.module(ir)
            module.verify()
        except RuntimeError as error:
            raise CompilerError(f"LLVM does not take the code: {error}") from error
        self.optimize(module, isa, tables="%own" in ir)
        return module

    def compile(self, ir: str, isa: str) -> bytes:
        """Return the object code of IR text."""
        data: bytes = self.machine(isa).emit_object(self.optimized(ir, isa))
        return data

    def link(self, data: bytes) -> Code:
        """Return the code of an object file."""
        while _dropped:
            tracker, jit = _dropped.pop()
            tracker.close()
            # Not before its code.
            del jit
        builder = self.llvm.JITLibraryBuilder().add_object_img(data)
        for name in (*_MEMORY, *_MATH, *_VECTOR):
            if name.encode() + b"\0" in data and self.address(name):
                builder.import_symbol(name, self.address(name))
        builder.export_symbol("kernel")
        if self._jit is None or self._linked == _GENERATION:
            self._jit = self.llvm.create_lljit_compiler(self.new_machine("scalar"))
            self._linked = 0
        self._linked += 1
        try:
            tracker = builder.link(self._jit, f"kernel{self._linked}")
        except RuntimeError as error:
            raise CompilerError(f"the code cannot be linked: {error}") from error
        return Code(self._jit, tracker)


def _check_room(size: int) -> None:
    """Raise MemoryError where there may be too little for IR text of a size."""
    import mmap

    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    try:
        mmap.mmap(-1, _ROOM + _ROOM_OF_TEXT * size, flags=flags).close()
    except OSError as error:
        raise MemoryError("too little memory is left to compile a kernel") from error


_compiler: list[_Compiler] = []


def _load(*names: str | None) -> list[Any]:
    """Return the libraries that are there; None is the process itself."""
    import ctypes

    libraries = []
    for name in names:
        try:
            libraries.append(ctypes.CDLL(name))
        except OSError:
            continue
    return libraries


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


def _get() -> _Compiler:
    with _lock:
        if not _compiler:
            _compiler.append(_Compiler())
        return _compiler[0]


def unavailable() -> str | None:
    """Return why nothing can be compiled here, or None."""
    try:
        _get()
    except CompilerError as error:
        return str(error)
    return None


def target(isa: str) -> tuple[str, str, str]:
    """Return the versions, CPU and features that code for `isa` depends on."""
    compiler = _get()
    llvm = ".".join(map(str, compiler.llvm.llvm_version_info))
    return (f"llvmlite {compiler.version}, LLVM {llvm}", *compiler.target(isa))


def compile_ir(ir: str, isa: str) -> bytes:
    """Return the object code of LLVM IR text that defines the function `kernel`.

    Parameters
    ----------
    ir : str
    isa : str
        "scalar", "sse2", "avx2" or "avx512": what instructions it may use.

    Raises
    ------
    CompilerError
        Where llvmlite is missing or too old, or the text is wrong.
    """
    compiler = _get()
    with _lock:
        return compiler.compile(ir, isa)


def link(data: bytes) -> Code:
    """Return the code of an object file, linked by LLVM."""
    compiler = _get()
    with _lock:
        return compiler.link(data)


def optimized_ir(ir: str, isa: str) -> str:
    """Return LLVM IR text after all passes."""
    compiler = _get()
    with _lock:
        return str(compiler.optimized(ir, isa))


def assembly(ir: str, isa: str) -> str:
    """Return the machine code of LLVM IR text, as assembly."""
    compiler = _get()
    with _lock:
        text: str = compiler.machine(isa).emit_assembly(compiler.optimized(ir, isa))
        return text
