"""What the calls of a pool do, step by step.

Each call is a generator that starts a job, yields it, and goes on when the job
has ended; what it returns is the call's result. So a call that takes two jobs
is written once, and driven either by the thread that made it (`Pool.map`) or by
the completion thread (`Pool.map_async`). Whoever drives it closes it when it
is not to go on, and then all buffers are given back.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from moonpool import _core
from moonpool._arrays import Maker, read_scalar, uses_numpy
from moonpool._kernel import Kernel, as_kernel

if TYPE_CHECKING:
    from moonpool._future import Future

Steps = Generator[_core.Job, None, Any]

_OPERATORS = ("+", "*", "min", "max")
_SHORTEST = 1e-9


class Call:
    """What all jobs of one call share.

    Parameters
    ----------
    core : _core.Pool
        The pool to run on.
    seconds : float
        Time limit, or 0 for none. It counts from now without an owner, and
        from the first chunk of each job with one.
    owner : Future, optional
        Whom the completion queue is to tell about the end of the jobs.
    """

    __slots__ = ("core", "owner", "_seconds", "_until")

    def __init__(
        self, core: _core.Pool, seconds: float, owner: Future[Any] | None = None
    ) -> None:
        self.core = core
        self.owner = owner
        self._seconds = seconds
        self._until = time.monotonic() + seconds if owner is None else 0.0

    def left(self) -> float:
        """Return the seconds that the next job may take, or 0 for no limit."""
        if self._seconds == 0 or self.owner is not None:
            return self._seconds
        return max(self._until - time.monotonic(), _SHORTEST)


def limit(timeout: float | None, default: float) -> float:
    """Return a time limit as the C library takes it: 0 is none."""
    if timeout is None:
        return default
    seconds = float(timeout)
    if not seconds >= 0:
        raise ValueError(f"timeout must be a number of seconds from 0 on, not {timeout!r}")
    return 0.0 if math.isinf(seconds) else max(seconds, _SHORTEST)


def _hold(stack: ExitStack, objects: Any, *, output: bool = False) -> _core.Operands:
    """Take buffers, to be given back when the call ends."""
    operands = _core.Operands(objects, output)
    stack.callback(operands.release)
    return operands


def _wait(stack: ExitStack, job: _core.Job) -> Generator[_core.Job, None, None]:
    """Let the driver wait for a job; raise what it failed with."""
    stack.callback(job.release)
    yield job
    job.check()


# ---- map ---------------------------------------------------------------------


def map_steps(
    call: Call, kernel: Kernel, args: tuple[Any, ...], out: Any, dtype: Any, where: Any
) -> Steps:
    """`Pool.map`."""
    if out is not None and dtype is not None:
        raise TypeError("out and dtype exclude each other: the dtype of out decides")
    with ExitStack() as stack:
        inputs = _hold(stack, args)
        mask = None if where is None or where is True else _hold(stack, (where,))
        if out is not None:
            outs = _hold(stack, out, output=True)
            yield from _fill(stack, call, kernel, inputs, mask, outs)
            return out
        loop, cores = _core.map_shape(kernel, inputs, mask, None)
        maker = Maker(numpy=inputs.has_arrays and uses_numpy(args), zeroed=mask is not None)
        plan = _Plan(call, kernel, inputs, mask, maker, loop)
        if cores is None:
            arrays = yield from _elementwise(stack, plan, dtype)
        else:
            arrays = yield from _generalized(stack, plan, cores, dtype)
        if not inputs.has_arrays and mask is None:
            arrays = [read_scalar(a) if a.ndim == 0 else a for a in arrays]
        return arrays[0] if len(arrays) == 1 else tuple(arrays)


class _Plan:
    """The parts of a map whose results have to be allocated."""

    __slots__ = ("call", "inputs", "kernel", "loop", "maker", "mask")

    def __init__(
        self,
        call: Call,
        kernel: Kernel,
        inputs: _core.Operands,
        mask: _core.Operands | None,
        maker: Maker,
        loop: tuple[int, ...],
    ) -> None:
        self.call = call
        self.kernel = kernel
        self.inputs = inputs
        self.mask = mask
        self.maker = maker
        self.loop = loop

    def dtype_of(self, code: str) -> str:
        """Return the dtype for a result of a kind: '?', 'q' or 'd'."""
        return code if code != "d" else self.inputs.float_code or "d"


def _fill(
    stack: ExitStack,
    call: Call,
    kernel: Kernel,
    inputs: _core.Operands,
    mask: _core.Operands | None,
    outs: _core.Operands,
) -> Generator[_core.Job, None, None]:
    """Run a map whose outputs are known."""
    job = call.core.map_start(kernel, inputs, mask, outs, 0, 0, call.left(), call.owner)
    yield from _wait(stack, job)


def _elementwise(
    stack: ExitStack, plan: _Plan, dtype: Any
) -> Generator[_core.Job, None, list[Any]]:
    """Run a map of an elementwise kernel; one array a returned value."""
    call, maker = plan.call, plan.maker
    if isinstance(dtype, tuple):
        arrays = [maker.make(plan.loop, maker.dtype(one)) for one in dtype]
        outs = _hold(stack, tuple(arrays), output=True)
        yield from _fill(stack, call, plan.kernel, plan.inputs, plan.mask, outs)
        return arrays
    wanted = None if dtype is None else maker.dtype(dtype)
    probe = call.core.map_probe(
        plan.kernel, plan.inputs, plan.mask, None, call.left(), call.owner
    )
    yield from _wait(stack, probe)
    codes: list[str | None] = [*probe.kinds(0)]
    arrays = [
        maker.make(plan.loop, plan.dtype_of(code or "") if wanted is None else wanted)
        for code in codes
    ]
    if wanted is not None:
        codes = [None] * len(arrays)
    outs = _hold(stack, tuple(arrays), output=True)
    yield from _continue(stack, plan, probe, outs, outs, arrays, codes)
    return arrays


def _generalized(
    stack: ExitStack,
    plan: _Plan,
    cores: tuple[tuple[tuple[int, ...], int], ...],
    dtype: Any,
) -> Generator[_core.Job, None, list[Any]]:
    """Run a map by signature; one array an output."""
    call, maker = plan.call, plan.maker
    given = dtype if isinstance(dtype, tuple) else (dtype,) * len(cores)
    if len(given) != len(cores):
        raise ValueError(
            f"dtype has {len(given)} entries, but the signature {plan.kernel.signature} "
            f"has {len(cores)} outputs"
        )
    dtypes = [None if one is None else maker.dtype(one) for one in given]
    scalars = [k for k, (_, ncore) in enumerate(cores) if ncore == 0]
    arrays: list[Any] = [
        None if ncore == 0 else maker.make(shape, dtypes[k] or plan.dtype_of("d"))
        for k, (shape, ncore) in enumerate(cores)
    ]
    if all(dtypes[k] is not None for k in scalars):
        for k in scalars:
            arrays[k] = maker.make(plan.loop, dtypes[k])
        outs = _hold(stack, tuple(arrays), output=True)
        yield from _fill(stack, call, plan.kernel, plan.inputs, plan.mask, outs)
        return arrays
    vectors = _hold(stack, tuple(a for a in arrays if a is not None), output=True)
    probe = call.core.map_probe(
        plan.kernel, plan.inputs, plan.mask, vectors, call.left(), call.owner
    )
    yield from _wait(stack, probe)
    codes: list[str | None] = [None] * len(cores)
    for k, code in zip(scalars, probe.kinds(0), strict=True):
        if dtypes[k] is None:
            codes[k] = code
        arrays[k] = maker.make(plan.loop, dtypes[k] or plan.dtype_of(code))
    outs = _hold(stack, tuple(arrays), output=True)
    returned = _hold(stack, tuple(arrays[k] for k in scalars), output=True)
    yield from _continue(stack, plan, probe, outs, returned, arrays, codes)
    return arrays


def _continue(
    stack: ExitStack,
    plan: _Plan,
    probe: _core.Job,
    outs: _core.Operands,
    returned: _core.Operands,
    arrays: list[Any],
    codes: list[str | None],
) -> Generator[_core.Job, None, None]:
    """Go on after a probe: store what it found, and run the other items.

    An array of integers whose dtype was inferred turns into one of floats where
    the kernel returns a float after all: `arrays` is changed in place.
    """
    done = probe.first + 1
    if done > 0:
        probe.store(returned, probe.first)
    probe.release()
    if done >= math.prod(plan.loop):
        return
    call = plan.call
    could_be_float = [k for k, code in enumerate(codes) if code == "q"]
    flags = sum(1 << k for k in could_be_float)
    job = call.core.map_start(
        plan.kernel, plan.inputs, plan.mask, outs, flags, done, call.left(), call.owner
    )
    yield from _wait(stack, job)
    for k in could_be_float:
        if job.kind(k) == "d":
            arrays[k] = plan.maker.widen(arrays[k], plan.dtype_of("d"))


# ---- run, submit, broadcast --------------------------------------------------


def run_steps(call: Call, kernel: Kernel, extent: Any, args: tuple[Any, ...]) -> Steps:
    """`Pool.run`."""
    extents = extent if isinstance(extent, (tuple, list)) else (extent,)
    shape = tuple(operator.index(one) for one in extents)
    if not 1 <= len(shape) <= 3 or min(shape) < 0:
        raise ValueError(
            f"extent must be an integer, or a tuple of 1 to 3, from 0 on, not {extent!r}"
        )
    with ExitStack() as stack:
        inputs = _hold(stack, args)
        job = call.core.run_start(kernel, shape, inputs, call.left(), call.owner)
        yield from _wait(stack, job)


def submit_steps(call: Call, kernel: Kernel, args: tuple[Any, ...]) -> Steps:
    """`Pool.submit`."""
    with ExitStack() as stack:
        job = call.core.call_start(kernel, args, False, call.left(), call.owner)
        yield from _wait(stack, job)
        return job.message(0)


def broadcast_steps(call: Call, kernel: Kernel, args: tuple[Any, ...]) -> Steps:
    """`Pool.broadcast`."""
    with ExitStack() as stack:
        job = call.core.call_start(kernel, args, True, call.left(), call.owner)
        yield from _wait(stack, job)
        return [job.message(worker) for worker in range(call.core.workers)]


def setup_steps(call: Call) -> Steps:
    """Let every worker run the pool's setup."""
    with ExitStack() as stack:
        yield from _wait(stack, call.core.setup_start(call.left(), call.owner))


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


def _combine(combine: Any) -> Kernel | str | None:
    if combine is None or (isinstance(combine, str) and combine in _OPERATORS):
        return combine
    return as_kernel(combine)


def _init_code(value: Any) -> str:
    """Return the kind of a result that is an accumulator's start."""
    if isinstance(value, bool):
        return "?"
    return "q" if isinstance(value, int) else "d"


def reduce_steps(
    call: Call, kernel: Kernel, args: tuple[Any, ...], init: Any, combine: Any, axis: Any
) -> Steps:
    """`Pool.reduce`."""
    several = isinstance(init, tuple)
    with ExitStack() as stack:
        inputs = _hold(stack, args)
        start = _hold(stack, init if several else (init,))
        merge = _combine(combine)
        axes = None
        if axis is not None:
            loop, _ = _core.map_shape(kernel, inputs, None, None)
            axes = _axes(axis, len(loop))
        job = call.core.reduce_start(
            kernel, inputs, start, merge, axes, call.left(), call.owner
        )
        yield from _wait(stack, job)
        if axes is None:
            values = job.results()
            return values if several else values[0]
        shape = _core.reduce_shape(kernel, inputs, start, merge, axes)
        maker = Maker(numpy=uses_numpy(args), zeroed=False)
        codes = job.kinds(len(start)) or [
            _init_code(one) for one in (init if several else (init,))
        ]
        arrays = tuple(
            maker.make(shape, code if code != "d" else inputs.float_code or "d")
            for code in codes
        )
        job.store(_hold(stack, arrays, output=True), 0)
        return arrays if several else arrays[0]
