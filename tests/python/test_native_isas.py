"""Code for machines that this one may not be: at least LLVM takes it."""

import re

import numpy as np
import pytest
from tests.python.native import agree, tiers

import moonpool

pytestmark = pytest.mark.skipif(not tiers.HERE, reason="there is no llvmlite")

kernels = pytest.importorskip("bench.kernels")


def type_of(arg, whole):
    """Return the type of an argument, for `Kernel.inspect_asm`."""
    if isinstance(arg, np.ndarray):
        code = arg.dtype.str[1:].replace("b1", "?")
        rank = whole if isinstance(whole, int) and not isinstance(whole, bool) else arg.ndim
        return f"{code}[{', '.join(':' * rank)}]" if whole and rank else code
    return next(kind for kind in (bool, int, float) if isinstance(arg, (kind, np.dtype(kind).type)))


class SeenError(Exception):
    """Carries the types of a call."""


class Looking:
    """A pool that says only what it was called with."""

    workers = 2

    def map(self, kernel, *args, **options):
        kernel = moonpool.kernel(kernel) if isinstance(kernel, str) else kernel
        ranks = [0] * len(args)
        if kernel.signature is not None:
            inputs = re.findall(r"\(([^)]*)\)", kernel.signature.split("->")[0])
            ranks = [len(one.split(",")) if one else 0 for one in inputs]
        types = [type_of(arg, rank) for arg, rank in zip(args, ranks, strict=True)]
        raise SeenError(kernel, types, {})

    def run(self, kernel, extent, *args, **options):
        ndim = len(extent) if isinstance(extent, tuple) else 1
        raise SeenError(kernel, [type_of(arg, True) for arg in args], {"ndim": ndim})

    def reduce(self, kernel, *args, init, combine=None, **options):
        types = [type_of(arg, 0) for arg in args]
        raise SeenError(kernel, types, {"init": init, "combine": combine})


@pytest.mark.parametrize("isa", tiers.ISAS)
@pytest.mark.parametrize("bench", kernels.NATIVE, ids=lambda one: one.__name__.rpartition(".")[2])
def test_bench_kernels(bench, isa):
    with pytest.raises(SeenError) as seen:
        bench.with_moonpool(bench.data(0.01), Looking())()
    kernel, types, options = seen.value.args
    code = kernel.inspect_asm(*types, isa=isa, **options)
    assert "kernel:" in code
    assert isa != "avx512" or bench is not kernels.triad or "zmm" in code


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_kernels_at_random(first):
    """All instructions that this machine lacks, and so the property tests leave out."""
    beyond = [isa for isa in tiers.ISAS if isa not in tiers.HERE]
    for seed in range(first, first + 20):
        case = agree.case_of(seed)
        kernel = moonpool.kernel(case.source, strict=True)
        extent = case.extent if isinstance(case.extent, tuple) else (case.extent,)
        run = case.form == "run"
        types = [type_of(arg, run) for arg in case.args]
        options = {"ndim": len(extent)} if run else {}
        if kernel.native(*types, **options):
            for isa in beyond:
                assert "kernel:" in kernel.inspect_asm(*types, isa=isa, **options), seed
