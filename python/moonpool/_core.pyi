# The extension: a thin layer over the C library. Not for users.

from typing import Any, Final, Self, final

from typing_extensions import disjoint_base

__version__: Final[str]
isa: Final[str]
cpu: Final[str]
lanes: Final[dict[str, int]]

@disjoint_base
class Kernel:
    def __new__(
        cls,
        source: str,
        *,
        signature: str | None = None,
        name: str | None = None,
        strict: bool = False,
        fastmath: bool = False,
    ) -> Self: ...
    @property
    def source(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def signature(self) -> str | None: ...
    @property
    def strict(self) -> bool: ...
    @property
    def fastmath(self) -> bool: ...

@final
class Operands:
    def __new__(cls, objects: Any, output: bool = False) -> Self: ...
    def __len__(self) -> int: ...
    def release(self) -> None: ...
    @property
    def float_code(self) -> str: ...
    @property
    def has_arrays(self) -> bool: ...
    @property
    def codes(self) -> str: ...

@final
class Job:
    @property
    def owner(self) -> Any: ...
    @property
    def running(self) -> bool: ...
    @property
    def first(self) -> int: ...
    def wait(self, seconds: float, /) -> bool: ...
    def check(self) -> None: ...
    def release(self) -> None: ...
    def stop(self) -> None: ...
    def progress(self) -> tuple[int, int]: ...
    def results(self) -> tuple[Any, ...]: ...
    def kinds(self, group: int, /) -> str: ...
    def store(self, outs: Operands, base: int, /) -> None: ...
    def kind(self, number: int, /) -> str: ...
    def message(self, worker: int, /) -> Any: ...

@final
class Visit:
    def release(self) -> None: ...
    def bind(self) -> None: ...
    def unbind(self) -> None: ...

@final
class Pool:
    def __new__(
        cls,
        workers: int,
        memory_limit: int,
        timeout: float,
        sandbox: bool,
        setup: str | None,
        native: int,
        isa: str,
    ) -> Self: ...
    @property
    def closed(self) -> bool: ...
    @property
    def workers(self) -> int: ...
    @property
    def inside(self) -> bool: ...
    def enter(self) -> Visit: ...
    def close(self, cancel: bool, /) -> None: ...
    def free(self, seconds: float, /) -> bool: ...
    def abandon(self) -> None: ...
    def next_ended(self, seconds: float, /) -> Job | None: ...
    def wake(self) -> None: ...
    def stats(self, worker: int, /) -> tuple[int, int, int, float, int, int, int]: ...
    def trace(self, worker: int, /) -> list[tuple[int, str, int, int, bool, float, float]]: ...
    def map_types(
        self, kernel: Kernel, inputs: Operands, vectors: Operands | None, known: bool, /
    ) -> str | None: ...
    def map(
        self, kernel: Kernel, args: tuple[Any, ...], out: Any, where: Any, timeout: float, /
    ) -> Any: ...
    def map_start(
        self,
        kernel: Kernel,
        inputs: Operands,
        where: Operands | None,
        outs: Operands,
        inferred: int,
        first: int,
        timeout: float,
        owner: Any,
        after: Job | None,
        known: bool,
        /,
    ) -> Job | None: ...
    def map_probe(
        self,
        kernel: Kernel,
        inputs: Operands,
        where: Operands | None,
        outs: Operands | None,
        timeout: float,
        owner: Any,
        /,
    ) -> Job: ...
    def run(
        self, kernel: Kernel, extent: tuple[int, ...], args: tuple[Any, ...], timeout: float, /
    ) -> None: ...
    def run_start(
        self,
        kernel: Kernel,
        extent: tuple[int, ...],
        inputs: Operands,
        timeout: float,
        owner: Any,
        known: bool,
        /,
    ) -> Job | None: ...
    def reduce(
        self,
        kernel: Kernel,
        args: tuple[Any, ...],
        init: tuple[Any, ...],
        combine: str | None,
        timeout: float,
        /,
    ) -> tuple[Any, ...]: ...
    def reduce_start(
        self,
        kernel: Kernel,
        inputs: Operands,
        init: Operands,
        combine: Kernel | str | None,
        axes: tuple[int, ...] | None,
        timeout: float,
        owner: Any,
        known: bool,
        /,
    ) -> Job | None: ...
    def call_start(
        self,
        kernel: Kernel,
        message: bytes,
        arrays: Operands,
        broadcast: bool,
        timeout: float,
        owner: Any,
        /,
    ) -> Job: ...
    def setup_start(self, timeout: float, owner: Any, /) -> Job: ...

@disjoint_base
class Front:
    _core: Pool | None
    _timeout: float
    def map(
        self,
        kernel: Kernel | str,
        *args: Any,
        out: Any = None,
        dtype: Any = None,
        where: Any = None,
        timeout: float | None = None,
        progress: Any = False,
    ) -> Any: ...
    def run(
        self,
        kernel: Kernel | str,
        extent: int | tuple[int, ...],
        *args: Any,
        timeout: float | None = None,
        progress: Any = False,
    ) -> None: ...
    def reduce(
        self,
        kernel: Kernel | str,
        *args: Any,
        init: Any,
        combine: Kernel | str | None = None,
        axis: int | tuple[int, ...] | None = None,
        timeout: float | None = None,
        progress: Any = False,
    ) -> Any: ...

def worker_count() -> tuple[int, str]: ...
def pack(args: tuple[Any, ...], /) -> tuple[bytes, Operands]: ...
def map_shape(
    kernel: Kernel,
    inputs: Operands,
    where: Operands | None,
    outs: Operands | None,
    /,
) -> tuple[tuple[int, ...], tuple[tuple[tuple[int, ...], int], ...] | None]: ...
def reduce_shape(
    kernel: Kernel,
    inputs: Operands,
    init: Operands,
    combine: Kernel | str | None,
    axes: tuple[int, ...] | None,
    /,
) -> tuple[int, ...]: ...
def show(
    kernel: Kernel, types: tuple[str, ...], ndim: int, isa: str, stage: str, operator: bool, /
) -> str | tuple[int, str, str]: ...
def describe(kernel: Kernel, line: int, what: str, hint: str, /) -> str: ...
def allocate(code: str, shape: tuple[int, ...], /) -> memoryview: ...
def widen(source: Operands, target: Operands, /) -> None: ...
