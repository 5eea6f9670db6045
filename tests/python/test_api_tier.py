"""What the environment says about tiers and instructions."""

import numpy as np
import pytest

import moonpool
from moonpool import __main__ as command
from moonpool import _core, _native

KERNEL = "function(x, y) if x > y then return x * y end return math.sqrt(x) - y end"
STRING = "function(x) return #('a' .. x) end"
ISAS = list(_core.lanes)
HERE = ISAS[: ISAS.index(_core.isa) + 1]
BEYOND = ISAS[len(HERE) :]

needs_llvm = pytest.mark.skipif(not _native.available(), reason="there is no llvmlite")


def native_items(pool, count):
    pool.map(KERNEL, np.arange(float(count)), 3)
    return pool.stats()["native"]


class TestNative:
    @needs_llvm
    @pytest.mark.parametrize(
        ("native", "few", "many"),
        [("off", 0, 0), ("auto", 0, 5010), ("", 0, 5010), ("on", 10, 5010), ("require", 10, 5010)],
    )
    def test_default(self, monkeypatch, native, few, many):
        monkeypatch.setenv("MOONPOOL_NATIVE", native)
        with moonpool.Pool(1) as pool:
            kernel = moonpool.kernel(KERNEL)
            x = np.arange(10.0)
            pool.map(kernel, x, 3)
            assert pool.stats()["native"] == few
            pool.map(kernel, np.arange(5000.0), 3)
            assert pool.stats()["native"] == (many if few else min(many, 5000))

    def test_what_a_pool_is_told_goes_first(self, monkeypatch):
        monkeypatch.setenv("MOONPOOL_NATIVE", "require")
        with moonpool.Pool(1, native="off") as pool:
            assert native_items(pool, 5000) == 0
        with moonpool.Pool(1, native="auto") as pool:
            assert pool.map(STRING, 12) == 3

    def test_on_does_not_require(self, monkeypatch):
        monkeypatch.setenv("MOONPOOL_NATIVE", "on")
        with moonpool.Pool(1) as pool:
            assert pool.map(STRING, 12) == 3

    def test_unknown(self, monkeypatch):
        monkeypatch.setenv("MOONPOOL_NATIVE", "yes")
        with pytest.raises(ValueError, match="MOONPOOL_NATIVE must be 'auto', 'on'.*not 'yes'"):
            moonpool.Pool(1)
        with pytest.raises(ValueError, match="native must be 'auto', 'on'.*not 'fast'"):
            moonpool.Pool(1, native="fast")  # type: ignore[arg-type]


class TestIsa:
    @needs_llvm
    @pytest.mark.parametrize("isa", HERE)
    def test_narrowed(self, monkeypatch, isa, capsys):
        """One kernel has code of its own for each, in one process."""
        kernel = moonpool.kernel(KERNEL)
        x = np.linspace(-1, 9, 1003)
        with moonpool.Pool(2, native="off") as pool:
            expected = pool.map(kernel, x, 3).tobytes()
        seen = []
        compile_ir = _native.compile_ir

        def noting(ir, isa):
            seen.append(isa)
            return compile_ir(ir, isa)

        monkeypatch.setattr(_native, "compile_ir", noting)
        for name in (isa, _core.isa):
            monkeypatch.setenv("MOONPOOL_ISA", name)
            with moonpool.Pool(2, native="require") as pool:
                assert pool.map(kernel, x, 3).tobytes() == expected
            text = kernel.explain("f8", "f8")
            lanes = _core.lanes[name]
            assert f"native code for {name}" in text
            assert f", {lanes} items at once" in text or lanes == 1
        assert seen == list(dict.fromkeys((isa, _core.isa)))

    @needs_llvm
    @pytest.mark.parametrize("isa", HERE)
    def test_command(self, monkeypatch, isa, capsys):
        monkeypatch.setenv("MOONPOOL_ISA", isa)
        assert command.main([]) == 0
        text = capsys.readouterr().out
        assert f"native tier       available: {isa}, " in text
        assert ("MOONPOOL_ISA; this machine has" in text) == (isa != _core.isa)

    @pytest.mark.parametrize("isa", BEYOND)
    def test_beyond_the_machine(self, monkeypatch, isa, capsys):
        monkeypatch.setenv("MOONPOOL_ISA", isa)
        with pytest.raises(ValueError, match=f"MOONPOOL_ISA is {isa}: this machine has"):
            moonpool.Pool(1)
        assert command.main([]) == 1
        assert f"this machine has {_core.isa} at most" in capsys.readouterr().err

    def test_unknown(self, monkeypatch):
        monkeypatch.setenv("MOONPOOL_ISA", "mmx")
        with pytest.raises(ValueError, match="MOONPOOL_ISA must be one of scalar, sse2.*'mmx'"):
            moonpool.Pool(1)
        with pytest.raises(ValueError, match="MOONPOOL_ISA"):
            moonpool.kernel(KERNEL).explain("f8", "f8")

    @needs_llvm
    def test_code_of_other_machines_can_be_seen(self):
        if not _core.isa.startswith(("sse", "avx")):
            pytest.skip("names of registers of another machine")
        kernel = moonpool.kernel(KERNEL)
        registers = {"scalar": "xmm", "sse2": "xmm", "avx2": "ymm", "avx512": "zmm"}
        for isa, register in registers.items():
            code = kernel.inspect_asm("f8", "f8", isa=isa)
            assert register in code
            assert "zmm" not in code or isa == "avx512"
            assert f"for {isa}" in kernel.explain("f8", "f8", isa=isa)
            lanes = _core.lanes[isa]
            vector = f"<{lanes} x double>" if lanes > 1 else "fmul double"
            assert vector in kernel.inspect_llvm("f8", "f8", isa=isa)
        with pytest.raises(ValueError, match="mmx"):
            kernel.inspect_llvm("f8", "f8", isa="mmx")
