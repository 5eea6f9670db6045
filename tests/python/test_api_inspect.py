"""What users can see of compiled kernels: explain, inspect_llvm, inspect_asm."""

import json

import numpy as np
import pytest

import moonpool
from moonpool import _core, _native

pytestmark = pytest.mark.skipif(not _native.available(), reason="there is no llvmlite")

SOURCE = "function(x, y) if x > y then return x * y end return x - y end"
STRING = "function(x)\n  local s = 'a' .. x\n  return #s + x\nend"


def test_native():
    kernel = moonpool.kernel(SOURCE)
    assert kernel.native("f8", np.float32)
    assert kernel.native(float, "i4")
    assert not moonpool.kernel(STRING).native("f8")
    assert kernel.native("f2", "f8")
    assert kernel.native(">f8", np.dtype(">i2"))
    run = moonpool.kernel("function(i, j, a) a[i][j] = i end")
    assert run.native("f8[:, :]", ndim=2)
    assert moonpool.kernel("function(i, a, s) a[i] = s end").native("f4[:]", float)


def test_explain():
    text = moonpool.kernel(SOURCE, name="some").explain("f8", "f8")
    assert text.startswith("kernel 'some' runs as native code for ")
    assert "an element of float64, packed" in text
    for line in SOURCE.splitlines():
        assert line in text
    text = moonpool.kernel(SOURCE).explain(">f8", "f8")
    assert "in the other byte order" in text
    text = moonpool.kernel(STRING, name="text").explain(np.float32)
    assert text.startswith("kernel 'text'(float32) runs interpreted: ")
    assert "\n    2 |   local s = 'a' .. x\n      |                 ^\n" in text


def test_explain_without_numpy(run_python):
    run_python(
        f"""
        import sys
        import moonpool
        kernel = moonpool.kernel({SOURCE!r})
        assert "in the other byte order" in kernel.explain(">f4", "f8")
        assert "in the other byte order" not in kernel.explain(">i1", "<f8")
        assert "numpy" not in sys.modules
        """
    )


def test_reductions():
    kernel = moonpool.kernel("function(acc, x, w) return acc + x * w end", name="dot")
    assert kernel.native("f8", "f8", init=0.0)
    assert kernel.native("f8", float, init=0, combine="+")
    assert kernel.native("i4", int, init=np.int64(0))
    # Without accumulators `acc` is one more argument.
    assert not kernel.native("f8", "f8")
    assert not kernel.native("f8", "f8", init=True)
    text = kernel.explain("f8", "f4", init=0.0, combine="+")
    assert text.startswith("kernel 'dot' runs as native code for ")
    assert "32 items at once" in text
    assert "acc: an accumulator, a float" in text
    text = kernel.explain("f8", "f4", init=0.0)
    assert "one item after the other" in text
    two = moonpool.kernel("function(n, s, x) return n + 1, s + x end")
    assert "n: an accumulator, an integer" in two.explain("f8", init=(0, 0.0), combine="+")
    assert "@kernel" in two.inspect_llvm("f8", init=(int, float))
    assert "kernel:" in two.inspect_asm("f8", init=(0, 0.0), combine="max")
    with pytest.raises(TypeError, match="init must be a number"):
        two.explain("f8", init="0")


def test_long_helpers_are_not_inlined_everywhere():
    """In many places they would take LLVM minutes."""
    few, many = (
        moonpool.kernel("function(x, y)\n" + "x = x % y\n" * count + "return x end")
        for count in (3, 300)
    )
    helper = "@mp.fmod.v(<8 x double> %a, <8 x double> %b) {} nounwind"
    for kernel, inlining in ((few, "alwaysinline"), (many, "noinline")):
        code = str(_native.show(kernel, ("f8", "f8"), None, "emit", "avx2"))
        assert helper.format(inlining) in code
        assert "vdivpd" in _native.assembly(code, "avx2")


def test_inspect():
    kernel = moonpool.kernel(SOURCE)
    assert "define i32 @kernel(ptr" in kernel.inspect_llvm("f8", "f8")
    assert "kernel:" in kernel.inspect_asm("f8", "f8")
    for inspect in (moonpool.kernel(STRING).inspect_llvm, moonpool.kernel(STRING).inspect_asm):
        with pytest.raises(RuntimeError, match="interpreted"):
            inspect("f8")


@pytest.mark.parametrize("one", ["f8[", "f8[::]", "f8[,]", "c16", object, "f8]"])
def test_no_type(one):
    with pytest.raises((TypeError, ValueError)):
        moonpool.kernel(SOURCE).explain(one, "f8")


@pytest.mark.parametrize("one", ["", "a", "e", "ad", "ed2", "ad22", "adx", "vd ", "ez"])
def test_no_code_of_a_type(one):
    with pytest.raises(ValueError, match="is no type"):
        _core.show(moonpool.kernel(SOURCE), (one, "ed"), 0, "scalar", "emit", False)


@pytest.mark.parametrize("stage", ["bytecode", "build", "infer", "fold", "diverge", "mask", "emit"])
def test_stages(stage):
    assert isinstance(_native.show(moonpool.kernel(SOURCE), ("f8", "f8"), None, stage), str)


def test_trace(tmp_path):
    with moonpool.Pool(2, native="require") as pool:
        pool.map(SOURCE, np.ones(100), 0)
        pool.trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    tiers = {event["args"]["tier"] for event in trace["traceEvents"] if event["ph"] == "X"}
    assert tiers == {"native"}
