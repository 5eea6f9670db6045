"""What the calls of a pool do, step by step.

Each call is a generator that starts a job, yields it, and goes on when the job
has ended; what it returns is the call's result. Before the first job it reads
the arguments, whose methods may do anything and close the pool too, and only
then it is counted in. So a call that takes two jobs
is written once, and driven either by the thread that made it (`Pool.map`) or by
the completion thread (`Pool.map_async`). Whoever drives it closes it when it
is not to go on, and then all buffers are given back.

In the background nothing is compiled on those threads: the call yields None,
and another thread is to go on with it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeGuard, TypeVar

from moonpool import _core
from moonpool._arrays import Maker, read_scalar, uses_numpy
from moonpool._kernel import Kernel, as_kernel
from moonpool._native import OPERATORS

if TYPE_CHECKING:
    from moonpool._future import Future

Steps = Generator[_core.Job | None, None, Any]
Wait = Generator[_core.Job | None, None, None]
T = TypeVar("T")

_SHORTEST = 1e-9


@dataclass(frozen=True, slots=True)
class Call:
    """What all jobs of one call share.

    Parameters
    ----------
    core : _core.Pool
        The pool to run on.
    seconds : float
        Time limit of all jobs together, or 0 for none. It counts from the
        first job's start without an owner, and from its first chunk with one.
    owner : Future, optional
        Whom the completion queue is to tell about the end of the jobs.
    """

    core: _core.Pool
    seconds: float
    owner: Future[Any] | None = None


def limit(timeout: float | None, default: float) -> float:
    """Return a time limit as the C library takes it: 0 is none."""
    if timeout is None:
        return default
    seconds = float(timeout)
    if not seconds >= 0:
        raise ValueError(f"timeout must be a number of seconds from 0 on, not {timeout!r}")
    return 0.0 if math.isinf(seconds) else max(seconds, _SHORTEST)


class _Held:
    """What a call holds, given back at its end in the reverse order."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: list[_core.Operands | _core.Job | _core.Visit | Future[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            self._held.pop().release()

    def operands(self, objects: Any, *, output: bool = False) -> _core.Operands:
        """Take the buffers of a tuple of arguments, or of one array."""
        operands = _core.Operands(objects, output)
        self._held.append(operands)
        return operands

    def pack(self, args: tuple[Any, ...]) -> tuple[bytes, _core.Operands]:
        """Make a message of arguments, and take the buffers that are in it."""
        message, arrays = _core.pack(args)
        self._held.append(arrays)
        return message, arrays

    def enter(self, call: Call) -> None:
        """Count the call in; RuntimeError where the pool is closed."""
        visit = call.core.enter()
        if call.owner is None:
            self._held.append(visit)
        else:
            self._held.append(call.owner)
            call.owner.enter(visit)

    def wait(self, job: _core.Job) -> Wait:
        """Let the driver wait for a job; raise what it failed with."""
        self._held.append(job)
        yield job
        job.check()


def _look_up(call: Call, find: Callable[[bool], T | None]) -> Generator[None, None, T]:
    """Find what may have to be compiled: in the background first only what is known."""
    found = find(call.owner is not None)
    if found is None:
        yield
        found = find(False)
    assert found is not None
    return found


# ---- map ---------------------------------------------------------------------


def map_steps(
    call: Call, kernel: Kernel, args: tuple[Any, ...], *, out: Any, dtype: Any, where: Any
) -> Steps:
    """`Pool.map`."""
    if out is not None and dtype is not None:
        raise TypeError("out and dtype exclude each other: the dtype of out decides")
    with _Held() as held:
        inputs = held.operands(args)
        mask = None if where is None or where is True else held.operands((where,))
        plan = _Map(held, call, kernel, inputs, mask)
        if out is not None:
            outs = held.operands(out, output=True)
            held.enter(call)
            yield from plan.fill(outs)
            return out
        loop, cores = _core.map_shape(kernel, inputs, mask, None)
        scalar = mask is None and not inputs.has_arrays
        numpy = not scalar and uses_numpy((*args, where))
        maker = Maker(numpy=numpy, zeroed=mask is not None)
        wanted = maker.dtypes(dtype)
        held.enter(call)
        if cores is None:
            arrays = yield from plan.elementwise(maker, loop, wanted)
        else:
            arrays = yield from plan.generalized(maker, loop, cores, wanted)
        if scalar:
            arrays = [read_scalar(array) if array.ndim == 0 else array for array in arrays]
        return arrays[0] if len(arrays) == 1 else tuple(arrays)


@dataclass(slots=True)
class _Map:
    """The operands of a map, and the ways to run it."""

    held: _Held
    call: Call
    kernel: Kernel
    inputs: _core.Operands
    mask: _core.Operands | None

    def fill(self, outs: _core.Operands) -> Wait:
        """Run it into outputs that are known."""
        job = yield from self._start(outs, 0, None)
        yield from self.held.wait(job)

    def elementwise(
        self, maker: Maker, loop: tuple[int, ...], wanted: Any
    ) -> Generator[_core.Job | None, None, list[Any]]:
        """Run an elementwise kernel; one array a value that it returns."""
        given = wanted if isinstance(wanted, tuple) else None
        if given is not None and all(one is not None for one in given):
            arrays = [maker.make(loop, one) for one in given]
            yield from self.fill(self.held.operands(tuple(arrays), output=True))
            return arrays
        probe = None
        codes = yield from self._types(None)
        if not codes:
            probe = yield from self._probe(None)
            codes = probe.kinds(0)
        dtypes = (wanted,) * len(codes) if given is None else given
        if len(dtypes) != len(codes):
            raise ValueError(
                f"dtype has {len(dtypes)} entries, but kernel {self.kernel.name!r} "
                f"returns {len(codes)} values"
            )
        arrays = [
            maker.make(loop, self._dtype(code) if one is None else one)
            for one, code in zip(dtypes, codes, strict=True)
        ]
        outs = self.held.operands(tuple(arrays), output=True)
        if probe is not None:
            self._keep(probe, outs)
        inferred = [k for k, code in enumerate(codes) if dtypes[k] is None and code == "q"]
        if probe is None or probe.first + 1 < math.prod(loop):
            yield from self._go_on(maker, outs, probe, arrays, inferred)
        return arrays

    def generalized(
        self,
        maker: Maker,
        loop: tuple[int, ...],
        cores: tuple[tuple[tuple[int, ...], int], ...],
        given: Any,
    ) -> Generator[_core.Job | None, None, list[Any]]:
        """Run a kernel by its signature; one array an output."""
        wanted = given if isinstance(given, tuple) else (given,) * len(cores)
        if len(wanted) != len(cores):
            raise ValueError(
                f"dtype has {len(wanted)} entries, but the signature "
                f"{self.kernel.signature} has {len(cores)} outputs"
            )
        arrays: list[Any] = [
            maker.make(shape, wanted[k] or self._dtype("d"), zeroed=ncore > 0)
            if ncore or wanted[k]
            else None
            for k, (shape, ncore) in enumerate(cores)
        ]
        if all(array is not None for array in arrays):
            yield from self.fill(self.held.operands(tuple(arrays), output=True))
            return arrays
        filled = tuple(a for a, (_, ncore) in zip(arrays, cores, strict=True) if ncore)
        vectors = self.held.operands(filled, output=True)
        scalars = [k for k, (_, ncore) in enumerate(cores) if not ncore]
        probe = None
        codes = yield from self._types(vectors)
        if not codes:
            probe = yield from self._probe(vectors)
            codes = probe.kinds(0)
        inferred = []
        for k, code in zip(scalars, codes, strict=True):
            if arrays[k] is None:
                arrays[k] = maker.make(loop, self._dtype(code))
                if code == "q":
                    inferred.append(k)
        if probe is not None:
            returned = self.held.operands(tuple(arrays[k] for k in scalars), output=True)
            self._keep(probe, returned)
        if probe is None or probe.first + 1 < math.prod(loop):
            outs = self.held.operands(tuple(arrays), output=True)
            yield from self._go_on(maker, outs, probe, arrays, inferred)
        return arrays

    def _dtype(self, code: str) -> str:
        """Return the dtype for results of a kind: '?', 'q' or 'd'."""
        return code if code != "d" else self.inputs.float_code or "d"

    def _types(self, vectors: _core.Operands | None) -> Generator[None, None, str]:
        """Return the kinds of what the kernel returns, or "" where nobody knows."""
        return _look_up(
            self.call,
            lambda known: self.call.core.map_types(self.kernel, self.inputs, vectors, known),
        )

    def _start(
        self, outs: _core.Operands, inferred: int, probe: _core.Job | None
    ) -> Generator[None, None, _core.Job]:
        """Start a job for all items, or for those that a probe has left."""
        call = self.call
        first = 0 if probe is None else probe.first + 1

        def start(known: bool) -> _core.Job | None:
            return call.core.map_start(
                self.kernel,
                self.inputs,
                self.mask,
                outs,
                inferred,
                first,
                call.seconds,
                call.owner,
                probe,
                known,
            )

        return _look_up(call, start)

    def _probe(
        self, vectors: _core.Operands | None
    ) -> Generator[_core.Job | None, None, _core.Job]:
        """Run the first item, to see what the kernel returns."""
        call = self.call
        probe = call.core.map_probe(
            self.kernel, self.inputs, self.mask, vectors, call.seconds, call.owner
        )
        yield from self.held.wait(probe)
        return probe

    def _keep(self, probe: _core.Job, outs: _core.Operands) -> None:
        """Store what a probe found."""
        if probe.first >= 0:
            probe.store(outs, probe.first)

    def _go_on(
        self,
        maker: Maker,
        outs: _core.Operands,
        probe: _core.Job | None,
        arrays: list[Any],
        inferred: list[int],
    ) -> Wait:
        """Run all items, or those that a probe has left, in the time that it has left.

        An array of integers whose dtype was inferred turns into one of floats
        where the kernel returns a float after all: `arrays` is changed.
        """
        job = yield from self._start(outs, sum(1 << k for k in inferred), probe)
        yield from self.held.wait(job)
        for k in inferred:
            if job.kind(k) == "d":
                arrays[k] = maker.widen(arrays[k], self._dtype("d"))


# ---- run, submit, broadcast --------------------------------------------------


def _refuse_signature(kernel: Kernel | str | None, where: str) -> None:
    if isinstance(kernel, Kernel) and kernel.signature is not None:
        raise ValueError(
            f"kernel {kernel.name!r} has the signature {kernel.signature!r}, which only map() "
            f"follows: give {where} a kernel without one"
        )


def read_extent(kernel: Kernel, extent: Any) -> tuple[int, ...]:
    """Return the extent of a run as a tuple; ValueError where there is none."""
    if kernel.signature is not None:
        _refuse_signature(kernel, "run()")
    extents = extent if isinstance(extent, (tuple, list)) else (extent,)
    shape = tuple(map(operator.index, extents))
    if not 1 <= len(shape) <= 3 or min(shape) < 0:
        raise ValueError(
            f"extent must be an integer, or a tuple of 1 to 3, from 0 on, not {extent!r}"
        )
    return shape


def run_steps(call: Call, kernel: Kernel, extent: Any, args: tuple[Any, ...]) -> Steps:
    """`Pool.run`."""
    shape = read_extent(kernel, extent)
    with _Held() as held:
        inputs = held.operands(args)
        held.enter(call)
        job = yield from _look_up(
            call,
            lambda known: call.core.run_start(
                kernel, shape, inputs, call.seconds, call.owner, known
            ),
        )
        yield from held.wait(job)


def submit_steps(call: Call, kernel: Kernel, args: tuple[Any, ...]) -> Steps:
    """`Pool.submit`."""
    with _Held() as held:
        message, arrays = held.pack(args)
        held.enter(call)
        job = call.core.call_start(kernel, message, arrays, False, call.seconds, call.owner)
        del message
        yield from held.wait(job)
        return job.message(0)


def broadcast_steps(call: Call, kernel: Kernel, args: tuple[Any, ...]) -> Steps:
    """`Pool.broadcast`."""
    with _Held() as held:
        message, arrays = held.pack(args)
        held.enter(call)
        job = call.core.call_start(kernel, message, arrays, True, call.seconds, call.owner)
        del message
        yield from held.wait(job)
        return [job.message(worker) for worker in range(call.core.workers)]


def setup_steps(call: Call) -> Steps:
    """Let every worker run the pool's setup."""
    with _Held() as held:
        held.enter(call)
        yield from held.wait(call.core.setup_start(call.seconds, call.owner))


# ---- reduce ------------------------------------------------------------------


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return axes as numbers from 0 on."""
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(operator.index(one) for one in given)
    for one in axes:
        if not -ndim <= one < ndim:
            raise ValueError(f"axis {one} is out of bounds: the arrays have {ndim} dimensions")
    normal = tuple(one % ndim for one in axes)
    if len(set(normal)) != len(normal):
        raise ValueError(f"axis {axis!r} names a dimension twice")
    return normal


def is_operator(combine: Any) -> TypeGuard[str | None]:
    """Return whether results are combined by an operator, or not at all."""
    return combine is None or (isinstance(combine, str) and combine in OPERATORS)


def _combine(combine: Any) -> Kernel | str | None:
    if is_operator(combine):
        return combine
    if isinstance(combine, str) and not ("function" in combine or "return" in combine):
        raise ValueError(
            f"combine must be one of {', '.join(map(repr, OPERATORS))} or a Lua function, "
            f"not {combine!r}"
        )
    return as_kernel(combine)


def reduce_steps(
    call: Call, kernel: Kernel, args: tuple[Any, ...], *, init: Any, combine: Any, axis: Any
) -> Steps:
    """`Pool.reduce`."""
    several = isinstance(init, tuple)
    _refuse_signature(kernel, "reduce()")
    with _Held() as held:
        inputs = held.operands(args)
        start = held.operands(init if several else (init,))
        merge = _combine(combine)
        _refuse_signature(merge, "combine")
        axes = None
        if axis is not None:
            loop, _ = _core.map_shape(kernel, inputs, None, None)
            axes = _axes(axis, len(loop))
        numpy = uses_numpy(args)
        held.enter(call)
        job = yield from _look_up(
            call,
            lambda known: call.core.reduce_start(
                kernel, inputs, start, merge, axes, call.seconds, call.owner, known
            ),
        )
        yield from held.wait(job)
        if axes is None:
            values = job.results()
            return values if several else values[0]
        shape = _core.reduce_shape(kernel, inputs, start, merge, axes)
        maker = Maker(numpy=numpy, zeroed=False)
        codes = job.kinds(len(start)) or start.codes
        arrays = tuple(
            maker.make(shape, code if code != "d" else inputs.float_code or "d") for code in codes
        )
        job.store(held.operands(arrays, output=True), 0)
        return arrays if several else arrays[0]
